"""Which pod a node that runs short puts out, and what is said of it, in the kubelet's words. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from chaoskit.simulator.api import Object
from chaoskit.simulator.quantities import binary, parse

Key = tuple[str, str]
"""Namespace and name of a pod."""

_CRITICAL = 2_000_000_000
_CRITICAL_CLASSES = frozenset({"system-cluster-critical", "system-node-critical"})


def victim(resource: str, pods: Mapping[Key, Object], used: Mapping[Key, float]) -> Key | None:
    """The pod that goes first of those that use so much of `resource` each; None when none may.

    Those above their requests come first (nobody requests processes), then those of the lowest priority,
    then the one that is furthest above its request. Critical pods never go.
    """

    def rank(key: Key) -> tuple[bool, int, float]:
        above = used[key] - requested(pods[key], resource)
        return above <= 0, int(pods[key]["spec"].get("priority") or 0), -above

    return min((key for key in sorted(used) if not is_critical(pods[key])), key=rank, default=None)


def message(resource: str, pod: Object, used: float, threshold: float, available: float) -> str:
    """Why a pod goes that uses so much, of a resource of which so little is `available`."""
    told = (
        f"The node was low on resource: {resource}. "
        f"Threshold quantity: {binary(threshold)}, available: {binary(available)}. "
    )
    container = pod["spec"]["containers"][0]
    if resource == "pids" or used <= requested(pod, resource):
        return told
    asked = ((container.get("resources") or {}).get("requests") or {}).get(resource, "0")
    return (
        f"{told}Container {container['name']} was using {binary(used)}, request is {asked}, "
        f"has larger consumption of {resource}. "
    )


def requested(pod: Object, resource: str) -> float:
    """What the containers of a pod ask for together."""
    containers = pod["spec"]["containers"]
    asked = (((c.get("resources") or {}).get("requests") or {}).get(resource, "0") for c in containers)
    return sum(parse(amount) for amount in asked)


def is_critical(pod: Object) -> bool:
    """True for a pod that no pressure puts out."""
    spec = pod["spec"]
    return (spec.get("priority") or 0) >= _CRITICAL or spec.get("priorityClassName") in _CRITICAL_CLASSES
