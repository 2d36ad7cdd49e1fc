"""What is wrong, as seen: symptoms of workloads and nodes, from one snapshot and the newest signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

from chaoskit import kube, ownership
from chaoskit.acts.fields import REPLICAS
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.ports.metrics import Sample, Series

UNSERVED = timedelta(minutes=5)
"""What is only watched is for a person, too, once nothing has served for so long."""

Samples = Mapping[str, Sequence[Sample]]
"""The newest samples by signal name. A signal that is absent has no value: nothing is concluded from it."""

Ranges = Mapping[str, Sequence[Series]]
"""The last minutes of some signals by name."""


class Severity(IntEnum):
    """How grave: low is worth knowing, medium will hurt, high hurts, critical means nothing serves."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        """``high``."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing wrong with one target.

    `kind` is a word such as ``crash-loop``; `evidence` says it in words with units; `since` is when it
    began as far as can be seen; `facts` carry what later decisions need (a revision, a rate, a caller).
    `heard` is when somebody last told of it, None: it is seen. `unseen` is whether somebody told of it, and
    it is not to be seen where it should be.
    """

    kind: str
    target: ObjectRef
    since: datetime
    severity: Severity
    evidence: str
    pods: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    heard: datetime | None = None
    unseen: bool = False


def unavailable_since(workload: Object, now: datetime) -> datetime:
    """Since when its controller says that it is not available, or it is scaled to 0; `now` if nobody says."""
    if not kube.desired_replicas(workload):
        return ownership.set_at(workload, REPLICAS) or now
    said: Mapping[str, str] = kube.condition(workload, "Available") or {}
    unavailable = said.get("status") == "False"
    return (kube.time_of(said.get("lastTransitionTime")) if unavailable else None) or now


def minutes(seconds: float) -> str:
    """``40 s``, ``12 min``, ``3 h``, ``2 d``: a span as a person says it."""
    for size, unit in ((86400, "d"), (3600, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds / (60 if unit == 'min' else size):.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
