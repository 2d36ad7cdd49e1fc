"""Which issue the symptoms amount to: its class, how sure, and which issue is the root of which."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chaoskit.ports.cluster import ObjectRef
from chaoskit.recovery.symptoms import Severity, Symptom
from chaoskit.topology import Topology

CLASSES: Mapping[str, Mapping[str, float]] = {
    "pod-crash": {
        "bad-rollout": 0.95, "crash-loop": 0.9, "error-exit": 0.6, "not-ready": 0.6, "stuck-starting": 0.4,
    },
    "memory-leak": {"oom-killed": 0.85, "memory-growth": 0.75, "memory-high": 0.5, "memory-rising": 0.4},
    "database-connection": {
        "database-down": 0.95, "pool-exhausted": 0.85, "database-full": 0.85, "pool-errors": 0.7,
    },
    "network": {"edge-gap": 0.75},
    "cpu-saturation": {"cpu-saturated": 0.8},
    "disk-full": {"disk-full": 0.8},
    "image": {"image-pull": 0.9},
    "configuration": {"config-error": 0.9},
    "unschedulable": {"unschedulable": 0.9},
    "node": {"node-lost": 0.9, "node-cordoned": 0.7, "on-lost-node": 0.6},
    "unexplained": {"errors": 0.4, "latency": 0.3},
}  # fmt: skip
"""Each class of issue, and how strongly each kind of symptom speaks for it (0 to 1)."""

CLASS_OF = {kind: name for name, kinds in CLASSES.items() for kind in kinds}

PRECEDENCE = (
    "bad-rollout", "database-down", "oom-killed", "image-pull", "config-error", "unschedulable",
    "database-full", "crash-loop", "error-exit", "edge-gap", "pool-exhausted", "pool-errors",
    "node-lost", "on-lost-node", "node-cordoned", "memory-growth", "memory-high", "memory-rising",
    "not-ready", "stuck-starting", "disk-full", "cpu-saturated", "errors", "latency",
)  # fmt: skip
"""Which symptom names the class when a workload has several: causes before their effects.

Time lost on the way to a workload comes before its pool: a bad network also keeps connections busy.
"""

BROKEN = frozenset(PRECEDENCE) - {
    "memory-growth", "memory-high", "memory-rising", "node-cordoned", "disk-full",
}  # fmt: skip
"""Symptoms that callers feel."""

PASSED_ON = frozenset({"errors", "latency"})
"""What callers show of the same troubles in what they call."""

FELT = PASSED_ON | {"edge-gap", "pool-exhausted", "pool-errors", "not-ready", "cpu-saturated"}
"""Symptoms that a broken dependency can cause in its callers; a database that is down, crashes as well."""

_DATABASE = frozenset({"database-down", "database-full"})

HEAD_START = timedelta(minutes=2)
"""An effect may be seen so long before its cause, mere errors and delays five times as long: rates have
windows, and a resource that runs short hurts before it has run out."""


@dataclass(frozen=True, slots=True)
class Vote:
    """What a model says of a workload: the issue that it sees coming and how likely (0 to 1)."""

    namespace: str
    target: str
    issue: str
    probability: float


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing to recover from.

    `id` is unique in its namespace (``cart-pod-crash``); `root` is the id of the issue that it follows
    from, "" for a root itself; `model` says in words what the model thinks, "" without a vote.
    """

    id: str
    kind: str
    target: ObjectRef
    at: datetime
    since: datetime
    severity: Severity
    confidence: float
    symptoms: tuple[Symptom, ...]
    root: str = ""
    model: str = ""
    disagrees: bool = False

    @property
    def evidence(self) -> tuple[str, ...]:
        """What was seen, in words."""
        return tuple(symptom.evidence for symptom in self.symptoms)

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of its symptoms."""
        return frozenset(symptom.kind for symptom in self.symptoms)

    @property
    def pods(self) -> tuple[str, ...]:
        """The pods that have symptoms."""
        return tuple(sorted({pod for symptom in self.symptoms for pod in symptom.pods}))

    def fact(self, name: str) -> Any:
        """A fact of the first symptom that has it; None when none has."""
        return next((s.facts[name] for s in self.symptoms if name in s.facts), None)


def classify(
    symptoms: Iterable[Symptom],
    votes: Sequence[Vote] = (),
    *,
    topology: Topology | None = None,
    now: datetime,
) -> tuple[Issue, ...]:
    """One issue for each target with symptoms, roots first, then the gravest.

    With a topology, issues that another one explains carry its id as their `root`.
    """
    grouped: dict[ObjectRef, list[Symptom]] = {}
    for symptom in symptoms:
        grouped.setdefault(symptom.target, []).append(symptom)
    issues = [_issue(members, votes, now) for members in grouped.values()]
    rooted = issues if topology is None else [_rooted(issue, issues, topology) for issue in issues]
    return tuple(sorted(rooted, key=lambda i: (bool(i.root), -i.severity, -i.confidence, i.id)))


def _issue(symptoms: list[Symptom], votes: Sequence[Vote], now: datetime) -> Issue:
    ranked = sorted(symptoms, key=lambda s: (PRECEDENCE.index(s.kind), -s.severity))
    kind, target = CLASS_OF[ranked[0].kind], ranked[0].target
    issue = Issue(
        id=f"{target.name}-{kind}",
        kind=kind,
        target=target,
        at=now,
        since=min(symptom.since for symptom in symptoms),
        severity=max(symptom.severity for symptom in symptoms),
        confidence=_confidence(CLASSES[kind], symptoms),
        symptoms=tuple(ranked),
    )
    mine = [v for v in votes if (v.namespace, v.target) == (target.namespace, str(target))]
    return issue if not mine else _heard(issue, max(mine, key=lambda vote: vote.probability))


def _confidence(weights: Mapping[str, float], symptoms: Iterable[Symptom]) -> float:
    """How sure several symptoms make us together: one less the chance that each of them misleads."""
    kinds = {symptom.kind for symptom in symptoms}
    return round(1 - math.prod(1 - weights.get(kind, 0.0) for kind in kinds), 2)


def _heard(issue: Issue, vote: Vote) -> Issue:
    """The issue with the model's opinion: agreement makes surer, disagreement less sure, and is shown."""
    said = vote.issue.replace(" ", "-").replace("_", "-")
    words = f"the model says {said.replace('-', ' ')} ({vote.probability:.0%})"
    if said == issue.kind:
        surer = issue.confidence + (1 - issue.confidence) * vote.probability / 2
        return replace(issue, model=words, confidence=round(surer, 2))
    less = issue.confidence * (1 - vote.probability / 4)
    return replace(issue, model=words, confidence=round(less, 2), disagrees=True)


# ---------------------------------------------------------------- roots


def _rooted(issue: Issue, issues: Sequence[Issue], topology: Topology) -> Issue:
    causes = [other for other in issues if _explains(other, issue, topology)]
    if not causes:
        return issue
    root = min(causes, key=lambda cause: (_follows_any(cause, issues, topology), cause.since, cause.id))
    return replace(issue, root=root.id)


def _follows_any(issue: Issue, issues: Sequence[Issue], topology: Topology) -> bool:
    return any(_explains(other, issue, topology) for other in issues)


def _explains(cause: Issue, effect: Issue, topology: Topology) -> bool:
    """Whether `cause` is enough to bring about all that was seen of `effect`."""
    early = HEAD_START * (5 if effect.kinds <= PASSED_ON else 1)
    if cause.target == effect.target or cause.since > effect.since + early:
        return False
    if cause.target.kind.name == "Node":
        return "on-lost-node" in effect.kinds and "node-lost" in cause.kinds
    if not _could_cause(cause.kinds, effect.kinds):
        return False
    if needs(cause.target, effect.target, topology) and (effect.since, effect.id) < (cause.since, cause.id):
        return False  # of two that need one another, the earlier is the cause: nothing follows in a circle
    return needs(effect.target, cause.target, topology)


def _could_cause(cause: frozenset[str], effect: frozenset[str]) -> bool:
    """Whether callers may show `effect` when what they call shows `cause`."""
    if not cause.isdisjoint(_DATABASE):
        return effect <= FELT | {"crash-loop", "error-exit"}
    if effect <= PASSED_ON:
        return not cause.isdisjoint(BROKEN)
    return effect <= FELT and not cause.isdisjoint(BROKEN - PASSED_ON)


def needs(caller: ObjectRef, callee: ObjectRef, topology: Topology) -> bool:
    """Whether `caller` needs `callee`, at any distance."""
    reached: set[tuple[str, str]] = set()
    ahead = [(callee.namespace, str(callee))]
    while ahead:
        workload = topology.workloads.get(ahead.pop())
        callers = () if workload is None else topology.callers_of(workload)
        new = {(each.ref.namespace, str(each.ref)) for each in callers} - reached
        reached |= new
        ahead += new
    return (caller.namespace, str(caller)) in reached
