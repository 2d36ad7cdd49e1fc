"""Fields that a real server acts on and the simulator does not: what sets one is refused, never ignored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.objects import Object, dig


def field(resource: Resource, obj: Object) -> str | None:
    """The path of the first field of such an object that is not simulated; None without one."""
    pod = dig(obj, *resource.template) if resource.template else None
    found = _in_pod(pod, ".".join(resource.template)) if pod else iter(())
    own = (p for p, is_set in resource.unsimulated.items() if is_set(dig(obj, *p.split("."))) is True)
    return next(found, None) or next(own, None)


def _in_pod(spec: Mapping[str, Any], path: str) -> Iterator[str]:
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = (dig(spec, "affinity", kind) or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
        yield from _set_in(terms or (), _TERM, f"{path}.affinity.{kind}")
    spread = spec.get("topologySpreadConstraints") or ()
    yield from _set_in(spread, _CONSTRAINT, f"{path}.topologySpreadConstraints")
    yield from _set_in([spec], POD, path)
    if dig(spec, "os", "name") not in {None, "linux"}:
        yield f"{path}.os"
    if spec.get("preemptionPolicy") not in {None, "PreemptLowerPriority"}:
        yield f"{path}.preemptionPolicy"
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(kind) or ()):
            yield from _in_container(container, f"{path}.{kind}[{index}]")


def _in_container(container: Mapping[str, Any], path: str) -> Iterator[str]:
    yield from (f"{path}.{name}" for name in CONTAINER if container.get(name))
    if any(
        policy.get("restartPolicy") == "RestartContainer" for policy in container.get("resizePolicy") or ()
    ):
        yield f"{path}.resizePolicy"
    yield from _set_in(container.get("ports") or (), ("hostPort",), f"{path}.ports")
    sources = [item.get("valueFrom") or {} for item in container.get("env") or ()]
    yield from _set_in(sources, ("resourceFieldRef",), f"{path}.env.valueFrom")


def _set_in(items: Iterable[Mapping[str, Any]], names: tuple[str, ...], path: str) -> Iterator[str]:
    for item in items:
        yield from (f"{path}.{name}" for name in names if item.get(name))


def other_than(*usual: Any) -> Callable[[Any], bool]:
    """True for a value that is there, and none of the usual ones."""
    return lambda value: value is not None and value not in usual


POD = (
    "ephemeralContainers", "evictionResponders", "overhead", "readinessGates", "resourceClaims",
    "resources", "runtimeClassName", "schedulingGroup",
)  # fmt: skip
CONTAINER = ("lifecycle", "restartPolicy", "restartPolicyRules", "volumeDevices")
_TERM = ("namespaceSelector", "matchLabelKeys", "mismatchLabelKeys")
_CONSTRAINT = ("minDomains", "matchLabelKeys")
