"""Which issue is the root of which: whoever depends on something broken shows it too, and is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chaoskit.ports.cluster import ObjectRef
from chaoskit.recovery.issues import BROKEN, PASSED_ON, PAST, Issue
from chaoskit.recovery.networksymptoms import is_dns
from chaoskit.topology import Topology

FELT = PASSED_ON | {
    "edge-gap",
    "cut-off",
    "pool-exhausted",
    "pool-errors",
    "not-ready",
    "probe-failed",
    "probe-timeout",
    "cpu-saturated",
}
"""Symptoms that a broken dependency can cause in whoever needs it."""

CRASHED = frozenset(
    {"crash-loop", "error-exit", "stuck-starting", "database-refused", "database-refusing", "dns-failure"}
)
"""What an application shows besides that cannot start without its database, or without names."""

DATABASE = frozenset(
    {"database-down", "database-starting", "database-full", "database-slow", "database-refusing"}
)

HEAD_START = timedelta(minutes=2)
"""An effect may be seen so long before its cause, mere errors and delays five times as long: rates have
windows, and a resource that runs short hurts before it has run out."""


def rooted(issues: Sequence[Issue], topology: Topology) -> tuple[Issue, ...]:
    """The issues, those that another one explains with that as their `root`."""
    causes = [
        [place for place, other in enumerate(issues) if explains(other, issue, topology)] for issue in issues
    ]

    def rank(place: int) -> tuple[bool, datetime, str]:
        return bool(causes[place]), issues[place].since, issues[place].id

    roots = (issues[min(found, key=rank)] if found else None for found in causes)
    return tuple(_rooted(issue, root) for issue, root in zip(issues, roots, strict=True))


def _rooted(issue: Issue, root: Issue | None) -> Issue:
    if root is None:
        return issue
    near = root.target.namespace == issue.target.namespace
    return replace(issue, root=root.id if near else root.name)


def explains(cause: Issue, effect: Issue, topology: Topology) -> bool:
    """Whether `cause` is enough to bring about all that was seen of `effect`."""
    early = HEAD_START * (5 if effect.kinds <= PASSED_ON else 1)
    if cause.target == effect.target or cause.since > effect.since + early:
        return False
    if cause.target.kind.name == "Node":
        return _node_explains(cause, effect)
    if not _could_cause(cause, effect, topology):
        return False
    if needs(cause.target, effect.target, topology) and (effect.since, effect.id) < (cause.since, cause.id):
        return False  # of two that need one another, the earlier is the cause: nothing follows in a circle
    return needs(effect.target, cause.target, topology)


def _node_explains(cause: Issue, effect: Issue) -> bool:
    """A lost node explains its pods; one that takes none explains those that find no place."""
    if "node-lost" in cause.kinds:
        return "on-lost-node" in effect.kinds
    if cause.kinds & {"node-cordoned", "node-tainted"}:
        return effect.kinds <= {"unschedulable"} | FELT and "unschedulable" in effect.kinds
    if cause.kinds & {"disk-pressure", "node-pressure"}:
        return bool(effect.kinds) and effect.kinds <= PAST
    return False


def _could_cause(cause: Issue, effect: Issue, topology: Topology) -> bool:
    """Whether those who need it may show `effect` when something shows `cause`."""
    if _answers_names(cause.target, topology) or not cause.kinds.isdisjoint(DATABASE):
        return effect.kinds <= FELT | CRASHED
    if effect.kinds <= PASSED_ON:
        return not cause.kinds.isdisjoint(BROKEN)
    return effect.kinds <= FELT and not cause.kinds.isdisjoint(BROKEN - PASSED_ON)


def needs(caller: ObjectRef, callee: ObjectRef, topology: Topology) -> bool:
    """Whether `caller` needs `callee`, at any distance; everybody needs whoever answers for names."""
    if _answers_names(callee, topology):
        return caller != callee
    needed, needing = (topology.workloads.get((each.namespace, str(each))) for each in (callee, caller))
    return needed is not None and needing is not None and needed.ref in topology.dependencies(needing)


def needed_by(caller: ObjectRef, topology: Topology) -> tuple[ObjectRef, ...]:
    """All that `caller` needs, at any distance, in the snapshot."""
    others = (workload.ref for workload in topology.workloads.values())
    return tuple(each for each in others if each != caller and needs(caller, each, topology))


def _answers_names(ref: ObjectRef, topology: Topology) -> bool:
    workload = topology.workloads.get((ref.namespace, str(ref)))
    return workload is not None and is_dns(workload)
