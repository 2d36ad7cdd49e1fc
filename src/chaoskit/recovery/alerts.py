"""Alerts as evidence: what Alertmanager posts or answers, and what Prometheus says is firing; pure.

An alert is old news: it fires some time after what it is about, and is resolved some time after. It says
where to look; whether to act, the cluster itself says just before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chaoskit import kube
from chaoskit.errors import InvalidInput, Problem
from chaoskit.ports.cluster import Kind, ObjectRef
from chaoskit.ports.metrics import Alert
from chaoskit.recovery.issues import CLASS_OF
from chaoskit.recovery.symptoms import Severity, Symptom
from chaoskit.topology import Topology

SYMPTOM = "chaoskit_symptom"
"""Label of an alert that says by itself which symptom it is about."""

_NAMES: Mapping[str, str] = {
    "KubePodCrashLooping": "crash-loop", "PodCrashLooping": "crash-loop",
    "KubernetesPodCrashLooping": "crash-loop",
    "KubePodNotReady": "not-ready", "KubeDeploymentReplicasMismatch": "not-ready",
    "KubeStatefulSetReplicasMismatch": "not-ready", "KubeDaemonSetRolloutStuck": "not-ready",
    "KubeDeploymentRolloutStuck": "bad-rollout", "KubeDeploymentGenerationMismatch": "bad-rollout",
    "KubeContainerWaiting": "stuck-starting", "KubePodImagePullBackOff": "image-pull",
    "KubeNodeNotReady": "node-lost", "KubeNodeUnreachable": "node-lost", "KubeNodePressure": "node-pressure",
    "KubeJobFailed": "job-failed", "KubeJobNotCompleted": "job-stuck",
    "CPUThrottlingHigh": "cpu-saturated", "KubePersistentVolumeFillingUp": "disk-full",
    "NodeFilesystemAlmostOutOfSpace": "disk-pressure", "NodeFilesystemSpaceFillingUp": "disk-pressure",
    "CoreDNSDown": "dns-down", "KubeDNSDown": "dns-down",
    "MemoryNearLimit": "memory-high", "HighErrorRatio": "errors", "DatabasePoolExhausted": "pool-exhausted",
}  # fmt: skip
"""Alerts of the usual rule sets, and chaoskit's own."""

_WORDS: tuple[tuple[str, str], ...] = (
    (r"oom.?kill|out.?of.?memory", "oom-killed"),
    (r"crash.?loop", "crash-loop"),
    (r"image.?pull", "image-pull"),
    (
        r"(postgres\w*|mysql|maria\w*|mongo\w*|redis|database|db).*(down|unavailable|unreachable)",
        "database-down",
    ),
    (r"(postgres\w*|mysql|maria\w*|mongo\w*|redis|database|db).*(too.?many|connections)", "database-full"),
    (r"pool.*(exhaust|full)", "pool-exhausted"),
    (r"memory.*(high|limit|leak|usage)", "memory-high"),
    (r"(disk|filesystem|volume).*(full|space|fill)", "disk-full"),
    (r"cpu.*(high|throttl|satur)", "cpu-saturated"),
    (r"unschedul|pending", "unschedulable"),
    (r"dns.*(down|error|fail)", "dns-down"),
    (r"(packet.?loss|network).*", "edge-gap"),
    (r"latency|slow|p9\d", "latency"),
    (r"error|5xx|burn", "errors"),
)
"""What other names of alerts usually mean, most certain first."""

_WORKLOADS = {
    "deployment": kube.DEPLOYMENT, "statefulset": kube.STATEFUL_SET, "daemonset": kube.DAEMON_SET,
    "job_name": kube.JOB,
}  # fmt: skip

_GRAVE = {
    "critical": Severity.HIGH, "page": Severity.HIGH, "error": Severity.HIGH, "warning": Severity.MEDIUM,
    "info": Severity.LOW, "none": Severity.LOW,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Heard:
    """What alerts amount to: symptoms, and the alerts that could be put to no symptom or no target."""

    symptoms: tuple[Symptom, ...]
    unmatched: tuple[Alert, ...]


def symptoms(alerts: Iterable[Alert], topology: Topology, *, now: datetime) -> Heard:
    """What firing alerts say to be wrong with workloads and nodes of the snapshot."""
    found: list[Symptom] = []
    unmatched: list[Alert] = []
    for alert in alerts:
        if alert.state != "firing":
            continue
        kind, target = _kind(alert), _target(alert.labels, topology)
        if not kind or target is None:
            unmatched.append(alert)
        else:
            found.append(_symptom(alert, kind, target, now))
    return Heard(tuple(found), tuple(unmatched))


def _symptom(alert: Alert, kind: str, target: ObjectRef, now: datetime) -> Symptom:
    severity = _GRAVE.get(alert.labels.get("severity", ""), Severity.MEDIUM)
    pod = alert.labels.get("pod", "") if target.kind in kube.WORKLOADS else ""
    pods = (pod,) if pod else ()
    facts = {"alert": alert.name}
    return Symptom(kind, target, min(alert.since, now), severity, f"alert {alert.name} fires", pods, facts)


def _kind(alert: Alert) -> str:
    said = alert.labels.get(SYMPTOM, "")
    if said in CLASS_OF:
        return said
    if alert.name in _NAMES:
        return _NAMES[alert.name]
    return next((kind for words, kind in _WORDS if re.search(words, alert.name, re.IGNORECASE)), "")


def _target(labels: Mapping[str, str], topology: Topology) -> ObjectRef | None:
    """The workload, job or node that the labels name; None when the snapshot has none such."""
    namespace = labels.get("namespace", "")
    for ref in _named(labels, namespace):
        if ref.kind == kube.JOB or (namespace, str(ref)) in topology.workloads:
            return ref
    pod = next((p for p in topology.pods if _is(p, namespace, labels.get("pod", ""))), None)
    owner = None if pod is None else topology.workload_of(pod)
    if owner is not None:
        return owner.ref
    nodes = {each["metadata"]["name"] for each in topology.nodes}
    node = labels.get("node") or labels.get("instance", "").partition(":")[0]
    return ObjectRef(kube.NODE, "", node) if node in nodes else None


def _named(labels: Mapping[str, str], namespace: str) -> Iterator[ObjectRef]:
    for label, kind in _WORKLOADS.items():
        if labels.get(label):
            yield ObjectRef(kind, namespace, labels[label])
    if labels.get("workload"):
        kinds: Mapping[str, Kind] = {str(kind): kind for kind in kube.WORKLOADS}
        yield ObjectRef(
            kinds.get(labels.get("workload_kind", ""), kube.DEPLOYMENT), namespace, labels["workload"]
        )


def _is(pod: Mapping[str, Any], namespace: str, name: str) -> bool:
    return bool(name) and (pod["metadata"]["namespace"], pod["metadata"]["name"]) == (namespace, name)


# ---------------------------------------------------------------- what Alertmanager sends


def posted(payload: object) -> tuple[Alert, ...]:
    """The alerts of a webhook's payload (version 4).

    Raises:
        InvalidInput: it is none; every problem is in it, with its field.
    """
    alerts = payload.get("alerts") if isinstance(payload, Mapping) else None
    if not isinstance(alerts, list):
        problem = Problem("alerts", "alerts", _shown(alerts), "a list, as Alertmanager posts it")
        raise InvalidInput("this is no payload of Alertmanager's webhook", problems=(problem,))
    return _read(alerts, "alerts")


def answered(payload: object) -> tuple[Alert, ...]:
    """The alerts of ``GET /api/v2/alerts``.

    Raises:
        InvalidInput: it is no such answer; every problem is in it, with its field.
    """
    if not isinstance(payload, list):
        problem = Problem("alerts", "document", _shown(payload), "a list of alerts")
        raise InvalidInput("this is no answer of Alertmanager's", problems=(problem,))
    return _read(payload, "")


def _read(bodies: Sequence[object], prefix: str) -> tuple[Alert, ...]:
    problems: list[Problem] = []
    found: list[Alert] = []
    for index, body in enumerate(bodies):
        place = f"{prefix}[{index}]"
        try:
            found.append(_alert(body, place))
        except _Wrong as wrong:
            problems.append(wrong.problem)
    if problems:
        raise InvalidInput(f"{len(problems)} of {len(bodies)} alerts cannot be read", problems=problems)
    return tuple(found)


class _Wrong(Exception):
    """One field of one alert is not as it should be."""

    def __init__(self, place: str, found: object, expected: str) -> None:
        super().__init__(place)
        self.problem = Problem("alerts", place, _shown(found), expected)


def _alert(body: object, place: str) -> Alert:
    if not isinstance(body, Mapping):
        raise _Wrong(place, body, "an alert")
    labels = body.get("labels")
    if not isinstance(labels, Mapping) or not all(isinstance(value, str) for value in labels.values()):
        raise _Wrong(f"{place}.labels", labels, "labels, each a text")
    if not labels.get("alertname"):
        raise _Wrong(f"{place}.labels.alertname", labels.get("alertname"), "the alert's name")
    status = body.get("status", "firing")
    state = status.get("state") if isinstance(status, Mapping) else status
    own = {str(name): str(value) for name, value in labels.items()}
    firing = state in {"firing", "active"}
    return Alert(own["alertname"], own, "firing" if firing else str(state), _time(body, f"{place}.startsAt"))


def _time(body: Mapping[str, Any], place: str) -> datetime:
    text = body.get("startsAt")
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise _Wrong(place, text, "a time (RFC 3339)") from error
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    return type(value).__name__ if isinstance(value, (Mapping, list)) else repr(value)[:60]
