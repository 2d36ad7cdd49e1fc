"""What there is to recover from: the classes of issues, which symptoms speak for which, and one issue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chaoskit.ports.cluster import ObjectRef
from chaoskit.recovery.symptoms import Severity, Symptom

CLASSES: Mapping[str, Mapping[str, float]] = {
    "pod-crash": {
        "bad-rollout": 0.95, "crash-loop": 0.9, "image-pull": 0.9, "config-error": 0.9, "on-lost-node": 0.9,
        "probe-failed": 0.8, "error-exit": 0.6, "not-ready": 0.6, "pressure-evicted": 0.6,
        "stuck-starting": 0.4,
    },
    "memory-leak": {
        "oom-killed": 0.85, "heap-exhausted": 0.8, "memory-growth": 0.75, "memory-high": 0.5,
        "memory-rising": 0.4,
    },
    "database-connection": {
        "database-down": 0.95, "database-auth": 0.9, "pool-exhausted": 0.85, "database-full": 0.85,
        "database-refusing": 0.85, "database-refused": 0.75, "pool-errors": 0.7, "database-slow": 0.6,
        "database-starting": 0.4,
    },
    "network": {
        "dns-down": 0.95, "network-cut": 0.85, "no-endpoints": 0.85, "edge-gap": 0.75, "dns-failure": 0.75,
        "probe-timeout": 0.75, "cut-off": 0.7, "dns-starting": 0.4,
    },
    "cpu-saturation": {"cpu-saturated": 0.8},
    "disk-full": {"no-space": 0.9, "disk-full": 0.8, "disk-pressure": 0.8, "disk-evicted": 0.8},
    "unschedulable": {"unschedulable": 0.9, "failed-create": 0.9},
    "node": {"node-lost": 0.9, "node-pressure": 0.8, "node-tainted": 0.8, "node-cordoned": 0.7},
    "job": {"job-stuck": 0.8, "job-failed": 0.7},
    "unexplained": {"errors": 0.4, "latency": 0.3},
}  # fmt: skip
"""Each class of issue, and how strongly each kind of symptom speaks for it (0 to 1)."""

CLASS_OF = {kind: name for name, kinds in CLASSES.items() for kind in kinds}

PRECEDENCE = (
    "bad-rollout", "dns-down", "database-down", "failed-create", "oom-killed", "image-pull", "config-error",
    "unschedulable", "database-auth", "no-space", "heap-exhausted", "dns-failure", "database-full",
    "database-refusing", "database-refused", "on-lost-node", "probe-timeout", "dns-starting", "crash-loop",
    "error-exit", "network-cut", "no-endpoints", "edge-gap", "pool-exhausted", "pool-errors", "database-slow",
    "database-starting", "node-lost", "disk-pressure", "node-pressure", "node-tainted", "node-cordoned",
    "probe-failed", "memory-growth", "memory-high", "not-ready", "stuck-starting", "disk-full",
    "cpu-saturated", "cut-off", "memory-rising", "job-stuck", "job-failed", "errors", "latency",
    "disk-evicted", "pressure-evicted",
)  # fmt: skip
"""Which symptom names the class when a workload has several: causes before their effects.

Where no pod can be made, none is taken away. What an application says of its own end comes before the end,
and probes that nobody answers before the ends that the kubelet makes for it; time lost on the way to a
workload before its pool: a bad network also keeps connections busy.
"""

PAST = frozenset({"disk-evicted", "pressure-evicted"})
"""What is told of though it is over. It decides nothing beside what is seen now."""

BROKEN = frozenset(PRECEDENCE) - PAST - {
    "memory-growth", "memory-high", "memory-rising", "node-cordoned", "node-tainted", "node-pressure",
    "disk-full", "disk-pressure", "job-stuck", "job-failed",
}  # fmt: skip
"""Symptoms that callers feel."""

FAINT = frozenset(kind for kinds in CLASSES.values() for kind, weight in kinds.items() if weight < 0.5)
"""Symptoms that are watched and not acted on when nothing else is seen."""

PASSED_ON = frozenset({"errors", "latency"})
"""What callers show of the same troubles in what they call."""

ECHOES = PASSED_ON | {"cut-off", "edge-gap", "pool-errors"}
"""What is read from rates, which look back some minutes: it outlives its cause."""


def believed(symptoms: Sequence[Symptom]) -> tuple[Symptom, ...]:
    """Those that are seen, or that nothing could show, of now; else of what is past; where none is, all."""
    seen = tuple(each for each in symptoms if not each.unseen)
    return tuple(each for each in seen if each.kind not in PAST) or seen or tuple(symptoms)


def called(kind: str, target: ObjectRef, *, hearsay: bool = False) -> str:
    """``cart-pod-crash``; of a stateful set ``cart-pod-crash-statefulset``, since both may be there.

    What is merely told is another thing than what is seen: ``cart-pod-crash-unseen``.

    Whatever else is there, a target and a class are always called the same: people, runbooks' tests and
    records go by it. A deployment is the usual target; of a node or job the class says that it is one.
    """
    owner = str(target.kind)
    parts = [target.name, kind, "" if owner in {"deployment", kind} else owner, "unseen" if hearsay else ""]
    return "-".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing to recover from.

    `id` is what it is called in its namespace (see `called`); `root` is the issue that it follows from,
    by its `name` where that is in another namespace, "" for a root itself; `model` says in words what the
    model thinks, "" without a vote.
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
    def name(self) -> str:
        """What it is called in the cluster: ``shop/cart-pod-crash``; a node's issue has no namespace."""
        return f"{self.target.namespace}/{self.id}" if self.target.namespace else self.id

    @property
    def evidence(self) -> tuple[str, ...]:
        """What was seen, in words."""
        return tuple(symptom.evidence for symptom in self.symptoms)

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of its symptoms; not of what is told besides, and is past or not to be seen."""
        return frozenset(symptom.kind for symptom in believed(self.symptoms))

    @property
    def hearsay(self) -> bool:
        """Whether somebody told of it, and nothing of it is seen."""
        return all(symptom.unseen for symptom in self.symptoms)

    @property
    def alerts_alone(self) -> bool:
        """Whether nothing but alerts tells of it, since nothing else could show it."""
        return not self.hearsay and all(each.heard is not None for each in believed(self.symptoms))

    @property
    def pods(self) -> tuple[str, ...]:
        """The pods that have symptoms."""
        return tuple(sorted({pod for symptom in believed(self.symptoms) for pod in symptom.pods}))

    def fact(self, name: str) -> Any:
        """A fact of the first symptom that has it; None when none has."""
        return next((s.facts[name] for s in self.symptoms if name in s.facts), None)
