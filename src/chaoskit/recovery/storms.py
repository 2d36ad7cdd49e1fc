"""Mass failure: what fails at once in so many places has one cause, for a person; recovery rests. Pure.

At once is what began of late: what has been broken for long is one trouble each, whose owners know of it, and
neither fails nor stands by with the others. Age decides who joins, not how long it lasts: whoever belongs to
a storm that rages counts until it is well. `raging` says since when one does, of each place where one does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from chaoskit import kube
from chaoskit.documents import duration
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.recovery.guards import Refusal
from chaoskit.recovery.issues import BROKEN, FAINT, Issue
from chaoskit.topology import Topology, Workload

SHARE = 0.5
AT_LEAST = 3
LASTS = timedelta(hours=1)
"""When so large a share of a namespace, or of the cluster, and at least so many workloads fail since no
longer than this, it is a mass failure."""

MANY = 10
WITHIN = timedelta(minutes=10)
"""So many workloads that began to fail within the last so long are one, in however large a cluster."""

Raging = Mapping[str, datetime]
CALM: Raging = MappingProxyType({})
"""Nowhere."""

TROUBLE = timedelta(minutes=1)
"""A pod that ended with an error so lately is in trouble, whatever becomes of it."""


@dataclass(frozen=True, slots=True)
class Storm:
    """A mass failure: where (a namespace, "" is the whole cluster), and in words."""

    namespace: str
    why: str
    limit: str

    def refusal(self, issue: Issue) -> Refusal:
        """Nothing is done about this issue while it goes on."""
        return Refusal(issue, "storm", self.limit, self.why, storm=self.namespace)


@dataclass(frozen=True, slots=True)
class Struck:
    """Of the workloads that stood well until of late, how many fail; `of` is how many they are."""

    failing: int = 0
    of: int = 0

    @classmethod
    def in_(cls, place: str, total: int, failing: Iterable[Issue], at: datetime) -> Struck:
        """Of so many workloads in this namespace, "" in all; `at` is now, or when the storm there began."""
        mine = [each for each in failing if place in {"", each.target.namespace}]
        fresh = len(lately(mine, at, LASTS))
        return cls(fresh, total - (len(mine) - fresh))

    def __add__(self, other: Struck) -> Struck:
        """Of both."""
        return Struck(self.failing + other.failing, self.of + other.of)

    def storm(self, place: str) -> Storm | None:
        """The mass failure that it is; None: they are few."""
        if self.failing < max(AT_LEAST, SHARE * self.of):
            return None
        where = f" of namespace {place}" if place else ""
        why = f"{self.failing} of {self.of} workloads{where} fail at once: one cause, for a person"
        return Storm(place, why, f"fewer than {SHARE:.0%}")


def lately(issues: Iterable[Issue], at: datetime, within: timedelta) -> tuple[Issue, ...]:
    """Those that began within so long before `at`, or since then."""
    return tuple(each for each in issues if at - each.since <= within)


def roots(issues: Iterable[Issue]) -> Mapping[ObjectRef, Issue]:
    """The workloads that are seen to be broken for a reason of their own, each with its issue."""
    return {
        each.target: each
        for each in issues
        if not each.root
        and not each.hearsay
        and not (each.kinds - FAINT).isdisjoint(BROKEN)
        and each.target.kind in kube.WORKLOADS
    }


def storm(
    issues: Sequence[Issue],
    topology: Topology,
    namespace: str = "",
    *,
    now: datetime,
    raging: Raging = CALM,
) -> Storm | None:
    """The mass failure that the issues amount to, or None; `namespace` is what was looked at ("": all).

    Counted are roots: a database that takes all its callers down is one failure. Nodes count apart. What
    fails in one namespace is a storm there, whatever it is for the whole cluster.
    """
    failing = roots(issues).values()
    homes = [place for place, _ in topology.workloads]
    for place in (namespace,) if namespace else ("", *sorted(set(homes))):
        total = homes.count(place) if place else len(homes)
        if (found := Struck.in_(place, total, failing, raging.get(place, now)).storm(place)) is not None:
            return found
    return (
        many(failing, namespace, now=now)
        or still_many(failing, namespace, raging)
        or _nodes(issues, topology)
    )


def many(failing: Iterable[Issue], place: str = "", *, now: datetime) -> Storm | None:
    """The mass failure that so many are by their number alone, or None."""
    if len(lately(failing, now, WITHIN)) < MANY:
        return None
    span = duration(WITHIN.total_seconds())
    why = f"{MANY} workloads began to fail within {span}: one cause, for a person"
    return Storm(place, why, f"fewer than {MANY} in {span}")


def still_many(failing: Iterable[Issue], place: str, raging: Raging) -> Storm | None:
    """The mass failure that began with so many by number, while a share of so many has not got well."""
    if place not in raging or (ill := len(lately(failing, raging[place], WITHIN))) < SHARE * MANY:
        return None
    why = f"{ill} workloads that began to fail together still do: one cause, for a person"
    return Storm(place, why, f"fewer than {SHARE * MANY:.0f} of them")


def _nodes(issues: Iterable[Issue], topology: Topology) -> Storm | None:
    nodes = [each for each in issues if each.target.kind == kube.NODE and not each.root and not each.hearsay]
    lost = [each for each in nodes if "node-lost" in each.kinds]
    if len(lost) < 2 or len(lost) < SHARE * len(topology.nodes):
        return None
    why = f"{len(lost)} of {len(topology.nodes)} nodes are lost at once: rather their network than they"
    return Storm("", why, f"fewer than {SHARE:.0%} of the nodes")


# ---------------------------------------------------------------- before it is one


def gathering(
    issues: Sequence[Issue],
    topology: Topology,
    *,
    now: datetime,
    namespace: str = "",
    raging: Raging = CALM,
) -> str:
    """Why to wait for a moment, in words: so many workloads have pods in trouble that a storm may gather.

    "" when not. Left out are workloads whose trouble another issue explains, and what has failed for long.
    """
    began = raging.get(namespace, now)
    explained = {each.target for each in issues if each.root}
    own = [each for each in issues if not each.root and not each.hearsay]
    failing = {each.target for each in lately(own, began, LASTS)}
    known = {each.target for each in own} - failing
    members = [
        w for w in topology.workloads.values() if namespace in {"", w.ref.namespace} and w.ref not in known
    ]
    troubled = {w.ref for w in members if w.ref not in explained and _troubled(w, now, began)}
    together = (failing | troubled) & {w.ref for w in members}
    if not failing or len(together) < max(AT_LEAST, SHARE * len(members)):
        return ""
    return f"{len(together)} of {len(members)} workloads have pods in trouble: perhaps a storm gathers"


def waiting(issue: Issue, words: str) -> Refusal:
    """Nothing is done about this issue until it is known what gathers."""
    return Refusal(issue, "storm", f"fewer than {SHARE:.0%} in trouble", words)


def _troubled(workload: Workload, now: datetime, began: datetime) -> bool:
    """Whether a pod of it is unready of late, or has just ended with an error."""
    return any(_unready(pod, began) or _just_failed(pod, now) for pod in workload.alive)


def _unready(pod: Object, at: datetime) -> bool:
    since = kube.unready_since(pod)
    return since is not None and at - since <= LASTS


def _just_failed(pod: Object, now: datetime) -> bool:
    ends = [end for _, end in kube.last_terminations(pod) if end.get("exitCode")]
    times = [kube.time_of(end.get("finishedAt")) for end in ends]
    return any(at is not None and now - at <= TROUBLE for at in times)
