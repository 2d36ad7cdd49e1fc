"""Alerts as evidence; pure.

An alert is old news: it fires some time after what it is about, and is resolved some time after. It says
where to look; what is wrong there, the cluster and its signals say themselves. Where they cannot, as
without a Prometheus, the alert alone counts. What they could show and do not makes surer at most.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from chaoskit.ports.cluster import ObjectRef
from chaoskit.ports.metrics import Alert, Unread
from chaoskit.recovery import alertnames, placing
from chaoskit.recovery.detection import Sight
from chaoskit.recovery.symptoms import Severity, Symptom

_GRAVE = {
    "critical": Severity.HIGH, "page": Severity.HIGH, "error": Severity.HIGH, "warning": Severity.MEDIUM,
    "info": Severity.LOW, "none": Severity.LOW,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unplaced:
    """An alert that nothing could be made of, and why; whoever reads it may know more."""

    alert: Alert
    why: str

    def __str__(self) -> str:
        """``Watchdog: no symptom is known for it``."""
        labels = self.alert.labels
        place = f" in {labels['namespace']}" if labels.get("namespace") else ""
        return f"{self.alert.name}{place}: {self.why}"


@dataclass(frozen=True, slots=True)
class Heard:
    """What alerts amount to: symptoms, and the alerts that could be put to no symptom or no target."""

    symptoms: tuple[Symptom, ...] = ()
    unplaced: tuple[Unplaced, ...] = ()


SILENCE = Heard()
"""Nothing was heard."""


def symptoms(alerts: Iterable[Alert], seen: Sight) -> Heard:
    """What firing alerts say to be wrong with workloads, jobs and nodes of the observation."""
    found: list[Symptom] = []
    unplaced: list[Unplaced] = []
    for alert in alerts:
        if alert.state != "firing" or alert.name.startswith(alertnames.OWN):
            continue
        kind = alertnames.kind_of(alert)
        target = placing.target(kind, alert, seen)
        if isinstance(alert, Unread):
            unplaced.append(Unplaced(alert, f"it cannot be read: {alert.trouble}"))
        elif not kind:
            unplaced.append(Unplaced(alert, _unknown(alert, placing.concerned(alert, seen))))
        elif target is None:
            unplaced.append(Unplaced(alert, placing.nowhere(alert)))
        else:
            found.append(_symptom(alert, kind, target, placing.pod(alert, target, seen), seen.at))
    return Heard(tuple(found), tuple(unplaced))


def _unknown(alert: Alert, concerned: ObjectRef | None) -> str:
    words = f"no symptom is known for it; label {alertnames.SYMPTOM} can name one"
    if concerned is None:
        return placing.nowhere(alert) if placing.volume(alert) else words
    claim = alert.found.get(placing.CLAIM)
    return f"it is about {concerned}{f', which mounts {claim}' if claim else ''}, {words}"


def _symptom(alert: Alert, kind: str, target: ObjectRef, pod: str, now: datetime) -> Symptom:
    severity = _GRAVE.get(alert.labels.get("severity", ""), Severity.MEDIUM)
    pods = (pod,) if pod else ()
    facts = {"alert": alert.name, "labels": dict(alert.labels)}
    since, words = min(alert.since, now), f"alert {alert.name} fires"
    return Symptom(kind, target, since, severity, words, pods, facts, heard=alert.heard or now)


def is_clusterwide(alert: Alert) -> bool:
    """Whether it is about nodes or volumes, whatever namespace its labels name."""
    return placing.is_clusterwide(alertnames.kind_of(alert), alert)
