"""Fields that a real server acts on and the simulator does not: what sets one is refused, never ignored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from chaoskit.simulator.objects import Object, dig


def field(key: str, obj: Object) -> str | None:
    """The path of the first field of an object of that kind that is not simulated; None without one."""
    template = ("spec",) if key == "Pod" else ("spec", "template", "spec")
    pod = dig(obj, *template) if key in _WITH_PODS else None
    found = _in_pod(pod, ".".join(template)) if pod else iter(())
    own = (
        path for path, is_set in _FIELDS.get(key, {}).items() if is_set(dig(obj, *path.split("."))) is True
    )
    return next(found, None) or next(own, None)


def _in_pod(spec: Mapping[str, Any], path: str) -> Iterator[str]:
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = (dig(spec, "affinity", kind) or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
        yield from _set_in(terms or (), _TERM, f"{path}.affinity.{kind}")
    spread = spec.get("topologySpreadConstraints") or ()
    yield from _set_in(spread, _CONSTRAINT, f"{path}.topologySpreadConstraints")
    if spec.get("readinessGates"):
        yield f"{path}.readinessGates"
    for index, container in enumerate(spec.get("initContainers") or ()):
        if container.get("restartPolicy"):
            yield f"{path}.initContainers[{index}].restartPolicy"
    for index, container in enumerate(spec.get("containers") or ()):
        if container.get("lifecycle"):
            yield f"{path}.containers[{index}].lifecycle"


def _set_in(items: Iterable[Mapping[str, Any]], names: tuple[str, ...], path: str) -> Iterator[str]:
    for item in items:
        yield from (f"{path}.{name}" for name in names if item.get(name))


def _other_than(*usual: Any) -> Callable[[Any], bool]:
    return lambda value: value is not None and value not in usual


_TERM = ("namespaceSelector", "matchLabelKeys", "mismatchLabelKeys")
_CONSTRAINT = ("minDomains", "matchLabelKeys")
_RETAINED = _other_than("Retain")
_FIELDS: Mapping[str, Mapping[str, Callable[[Any], bool]]] = {
    "StatefulSet.apps": {
        "spec.ordinals.start": _other_than(0),
        "spec.persistentVolumeClaimRetentionPolicy.whenDeleted": _RETAINED,
        "spec.persistentVolumeClaimRetentionPolicy.whenScaled": _RETAINED,
    },
    "Job.batch": {
        "spec.backoffLimitPerIndex": _other_than(),
        "spec.maxFailedIndexes": _other_than(),
        "spec.podFailurePolicy": _other_than(),
        "spec.podReplacementPolicy": _other_than("TerminatingOrFailed"),
        "spec.successPolicy": _other_than(),
        "spec.managedBy": _other_than(),
    },
    "PodDisruptionBudget.policy": {"spec.unhealthyPodEvictionPolicy": _other_than("IfHealthyBudget")},
}
"""Which values of which fields are not simulated, by kind."""
_WITH_PODS = frozenset(
    {"Pod", "Deployment.apps", "ReplicaSet.apps", "StatefulSet.apps", "DaemonSet.apps", "Job.batch"}
)
