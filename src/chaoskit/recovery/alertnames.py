"""Which symptom an alert is about, by its name or by the label that says so; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from chaoskit.ports.metrics import Alert
from chaoskit.recovery.issues import CLASS_OF

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
    "KubePersistentVolumeErrors": "",  # nothing that fails to answer: a volume that is lost, or never came
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

OWN = "Chaoskit"
"""How the names of alerts begin that chaoskit itself raises: they are evidence of nothing."""


def kind_of(alert: Alert) -> str:
    """The kind of symptom that it tells of; "" when nothing is known of it."""
    said = alert.labels.get(SYMPTOM, "")
    if said in CLASS_OF:
        return said
    if alert.name in _NAMES:
        return _NAMES[alert.name]
    name = _BORDER.sub(" ", alert.name)
    return next((kind for words, kind in _WORDS if re.search(words, name, re.IGNORECASE)), "")
