"""Alerts as evidence; pure.

An alert is old news: it fires some time after what it is about, and is resolved some time after. It says
where to look; what is wrong there, the cluster and its signals say themselves. Where they cannot, as
without a Prometheus, the alert alone counts. What they could show and do not makes surer at most.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from chaoskit.ports.cluster import ObjectRef
from chaoskit.ports.metrics import Alert, Unread
from chaoskit.recovery import placing
from chaoskit.recovery.detection import Sight
from chaoskit.recovery.issues import CLASS_OF, UNSEEN
from chaoskit.recovery.readings import SIGNAL_OF, has_data
from chaoskit.recovery.symptoms import Severity, Symptom

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
    "KubeHpaReplicasMismatch": "not-ready", "KubePdbNotEnoughHealthyPods": "not-ready",
    "KubeDaemonSetNotScheduled": "unschedulable",
    "KubeJobFailed": "job-failed", "KubernetesJobFailed": "job-failed",
    "KubeJobNotCompleted": "job-stuck", "KubernetesJobSlowCompletion": "job-stuck",
    "KubeCronJobRunning": "job-stuck", "KubernetesCronJobTooLong": "job-stuck",
    "CPUThrottlingHigh": "cpu-saturated", "KubePersistentVolumeFillingUp": "disk-full",
    "NodeFilesystemAlmostOutOfSpace": "disk-pressure", "NodeFilesystemSpaceFillingUp": "disk-pressure",
    "CoreDNSDown": "dns-down", "KubeDNSDown": "dns-down",
    "MemoryNearLimit": "memory-high", "HighErrorRatio": "errors", "DatabasePoolExhausted": "pool-exhausted",
}  # fmt: skip
"""Alerts of the usual rule sets, and chaoskit's own."""

_DATABASES = r"\b(postgre\w*|my ?sql|maria\w*|mongo\w*|redis|database|db)\b"

_WORDS: tuple[tuple[str, str], ...] = (
    (r"\boom.?kill|out.?of.?memory", "oom-killed"),
    (r"crash.?loop", "crash-loop"),
    (r"image.?pull", "image-pull"),
    (rf"{_DATABASES}.*\b(down|unavailable|unreachable)", "database-down"),
    (rf"{_DATABASES}.*(too.?many|connections)", "database-full"),
    (r"\bpool.*(exhaust|full)", "pool-exhausted"),
    (r"\bmemory.*(high|limit|leak|usage)", "memory-high"),
    (r"\b(disk|file ?system|volume).*(full|space|fill)", "disk-full"),
    (r"\bcpu.*(high|throttl|satur)|\bhigh cpu\b", "cpu-saturated"),
    (r"unschedul|\bpending", "unschedulable"),
    (r"\bdns.*(down|error|fail)", "dns-down"),
    (r"packet.?loss|\bnetwork", "edge-gap"),
    (r"latency|\bslow|\bp9\d", "latency"),
    (r"\berror|5xx|\bburn", "errors"),
)
"""What the words of other names of alerts usually mean, most certain first."""

_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+")
"""Between two words of a name."""

LONG_AGO = datetime.min.replace(tzinfo=UTC)

_GRAVE = {
    "critical": Severity.HIGH, "page": Severity.HIGH, "error": Severity.HIGH, "warning": Severity.MEDIUM,
    "info": Severity.LOW, "none": Severity.LOW,
}  # fmt: skip


OWN = "Chaoskit"
"""How the names of alerts begin that chaoskit itself raises: they are evidence of nothing."""


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
        if alert.state != "firing" or alert.name.startswith(OWN):
            continue
        kind = _kind(alert)
        target = placing.target(kind, alert, seen)
        if isinstance(alert, Unread):
            unplaced.append(Unplaced(alert, f"it cannot be read: {alert.trouble}"))
        elif not kind:
            unplaced.append(Unplaced(alert, _unknown(placing.concerned(alert, seen))))
        elif target is None:
            unplaced.append(Unplaced(alert, placing.nowhere(alert)))
        else:
            found.append(_symptom(alert, kind, target, placing.pod(alert, target, seen), seen.at))
    return Heard(tuple(found), tuple(unplaced))


def _unknown(concerned: ObjectRef | None) -> str:
    words = f"no symptom is known for it; label {SYMPTOM} can name one"
    return words if concerned is None else f"it is about {concerned}, {words}"


def weighed(heard: Iterable[Symptom], own: Iterable[Symptom], seen: Sight) -> tuple[Symptom, ...]:
    """What was heard, marked `UNSEEN` where the observation could show that kind there and does not.

    An alert may fire since an earlier trouble: what is seen says when this one began, and of which pods.
    """
    began: dict[ObjectRef, datetime] = {}
    shown = set()
    for each in own:
        began[each.target] = min(each.since, began.get(each.target, each.since))
        shown.add((each.target, each.kind))
    return tuple(
        _weighed(_besides(each, began), seen, shown=(each.target, each.kind) in shown) for each in heard
    )


def _besides(symptom: Symptom, began: Mapping[ObjectRef, datetime]) -> Symptom:
    if symptom.target not in began:
        return symptom
    return replace(symptom, since=max(symptom.since, began[symptom.target]), pods=())


def _weighed(symptom: Symptom, seen: Sight, *, shown: bool) -> Symptom:
    if shown or _out_of_sight(symptom, seen):
        return symptom
    return replace(symptom, facts={**symptom.facts, UNSEEN: True})


def _out_of_sight(symptom: Symptom, seen: Sight) -> bool:
    """Whether only a signal could show it, of which there is no sample."""
    workload = seen.topology.workloads.get((symptom.target.namespace, str(symptom.target)))
    signal = SIGNAL_OF.get(symptom.kind)
    if signal is None or workload is None:
        return False
    return not has_data(workload, seen.samples, signal, after=LONG_AGO, now=seen.at)


def _symptom(alert: Alert, kind: str, target: ObjectRef, pod: str, now: datetime) -> Symptom:
    severity = _GRAVE.get(alert.labels.get("severity", ""), Severity.MEDIUM)
    pods = (pod,) if pod else ()
    facts = {"alert": alert.name, "labels": dict(alert.labels)}
    since, words = min(alert.since, now), f"alert {alert.name} fires"
    return Symptom(kind, target, since, severity, words, pods, facts, heard=alert.heard or now)


def _kind(alert: Alert) -> str:
    said = alert.labels.get(SYMPTOM, "")
    if said in CLASS_OF:
        return said
    if alert.name in _NAMES:
        return _NAMES[alert.name]
    name = _BORDER.sub(" ", alert.name)
    return next((kind for words, kind in _WORDS if re.search(words, name, re.IGNORECASE)), "")


def is_clusterwide(alert: Alert) -> bool:
    """Whether it is about nodes or volumes, whatever namespace its labels name."""
    return placing.is_clusterwide(_kind(alert), alert)
