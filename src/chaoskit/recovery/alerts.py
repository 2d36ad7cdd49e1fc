"""Alerts as evidence; pure.

An alert is old news: it fires some time after what it is about, and is resolved some time after. It says
where to look; what is wrong there, the cluster and its signals say themselves. Where they cannot, as
without a Prometheus, the alert alone counts. What they could show and do not makes surer at most.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from chaoskit import kube
from chaoskit.ports.cluster import ObjectRef
from chaoskit.ports.metrics import Alert
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
        kind, target = _kind(alert), _target(alert.labels, seen)
        if not kind:
            unplaced.append(Unplaced(alert, f"no symptom is known for it; label {SYMPTOM} can name one"))
        elif target is None:
            unplaced.append(Unplaced(alert, "its labels name no workload, job or node that is there"))
        else:
            found.append(_symptom(alert, kind, target, seen.at))
    return Heard(tuple(found), tuple(unplaced))


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


def _symptom(alert: Alert, kind: str, target: ObjectRef, now: datetime) -> Symptom:
    severity = _GRAVE.get(alert.labels.get("severity", ""), Severity.MEDIUM)
    pod = alert.labels.get("pod", "") if target.kind in kube.WORKLOADS else ""
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
    return next((kind for words, kind in _WORDS if re.search(words, alert.name, re.IGNORECASE)), "")


def _target(labels: Mapping[str, str], seen: Sight) -> ObjectRef | None:
    """The workload, job or node that the labels name; None when there is none such."""
    namespace, whole = labels.get("namespace", ""), seen.topology
    for name in _named(labels):
        if (workload := whole.workloads.get((namespace, name))) is not None:
            return workload.ref
    pod = next((p for p in whole.pods if _is(p, namespace, labels.get("pod", ""))), None)
    if pod is not None and (owner := whole.workload_of(pod)) is not None:
        return owner.ref
    job = next((j for j in seen.jobs if _is(j, namespace, labels.get("job_name", ""))), None)
    if job is not None:
        return kube.ref_of(job, kube.JOB)
    node = labels.get("node") or labels.get("instance", "").partition(":")[0]
    found = next((each for each in whole.nodes if node and each["metadata"]["name"] == node), None)
    return None if found is None else kube.ref_of(found, kube.NODE)


def _named(labels: Mapping[str, str]) -> Iterator[str]:
    """What they may call a workload, as in ``deployment/cart``."""
    yield from (
        f"{kind}/{labels[kind]}" for kind in ("deployment", "statefulset", "daemonset") if labels.get(kind)
    )
    if name := labels.get("workload"):
        kind, _, short = name.rpartition("/")
        yield f"{(kind or labels.get('workload_kind') or 'deployment').lower()}/{short}"


def _is(pod: Mapping[str, Any], namespace: str, name: str) -> bool:
    return bool(name) and (pod["metadata"]["namespace"], pod["metadata"]["name"]) == (namespace, name)
