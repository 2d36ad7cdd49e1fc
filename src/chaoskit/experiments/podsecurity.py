"""Whether the engine's namespace lets in the pods that Litmus makes there: runner, experiment, helpers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chaoskit import kube
from chaoskit.experiments.checks import Check, found
from chaoskit.experiments.direct.faults import EVERY
from chaoskit.experiments.litmus import definition_of
from chaoskit.experiments.trials import Trial
from chaoskit.ports.cluster import Cluster, Object

ENFORCED = "pod-security.kubernetes.io/enforce"
"""The label of a namespace with its Pod Security level, enforced since 1.23."""


def pod_security(
    cluster: Cluster, trial: Trial, definitions: Mapping[str, Object | str | None]
) -> Iterator[Check]:
    """The namespace's level denies no privileged helper, and `restricted` nothing that is unrestrained."""
    place = trial.namespace
    body = found(cluster, kube.NAMESPACE, "", place)
    privileged = [name for name in trial.faults if name in EVERY and "privileged" in EVERY[name].helper]
    level = kube.labels_of(body).get(ENFORCED, "") if isinstance(body, dict) else ""
    loose = [
        name for name, each in definitions.items() if isinstance(each, Mapping) and not _restrained(each)
    ]
    enforces = f"namespace {place} enforces Pod Security level {level}: it would deny"
    mend = f"kubectl label namespace {place} {ENFORCED}={{}} --overwrite"
    if level in {"baseline", "restricted"} and privileged:
        words = f"{enforces} the helper pods of {privileged[0]}"
        yield Check("pod security", "blocked", words, mend.format("privileged"))
    elif level == "restricted" and loose:
        words = f"{enforces} Litmus' pods, as its ChaosExperiment {loose[0]} has no such securityContext"
        yield Check("pod security", "blocked", words, mend.format("baseline"))
    elif privileged and body == "unknown":
        yield Check("pod security", "warning", f"the Pod Security level of {place} cannot be read")
    elif privileged:
        yield Check("pod security", "ok", f"namespace {place} lets privileged helper pods in")


def _restrained(definition: Mapping[str, Any]) -> bool:
    """Whether its pods have all that `restricted` asks for; the runner's have what the first one's have."""
    context = definition_of(definition).get("securityContext") or {}
    pod, container = context.get("podSecurityContext") or {}, context.get("containerSecurityContext") or {}
    either = {**pod, **container}
    return (
        container.get("allowPrivilegeEscalation") is False
        and "ALL" in ((container.get("capabilities") or {}).get("drop") or ())
        and either.get("runAsNonRoot") is True
        and (either.get("seccompProfile") or {}).get("type") in {"RuntimeDefault", "Localhost"}
    )
