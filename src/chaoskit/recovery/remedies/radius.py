"""How many serving pods a remediation takes at a time, at worst: its blast radius. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable

from chaoskit import kube, rollouts
from chaoskit.governor import Hit
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.recovery.remedies.remedy import Radius, Rung, Scene, Step
from chaoskit.topology import Workload

_DEFAULT = "25%"
"""What a deployment has for maxUnavailable and maxSurge where it says nothing."""


def one_by_one(_step: Step, rung: Rung, scene: Scene) -> Radius:
    """One of the rung's pods after the other: those that serve wait for the successor of the one before."""
    workload = scene.workload
    if workload is None:
        return Radius()
    serves = any(pod["metadata"]["name"] in rung.pods and kube.is_ready(pod) for pod in workload.pods)
    return _largest((_hit(workload, int(serves)),))


def rollout(_step: Step, rung: Rung, scene: Scene) -> Radius:
    """All pods of each target, one target after the other, as fast as its strategy allows."""
    known = (scene.topology.workloads.get((ref.namespace, str(ref))) for ref in rung.targets)
    return _largest(_hit(each, _at_a_time(each)) for each in known if each is not None)


def leaving(_step: Step, rung: Rung, scene: Scene) -> Radius:
    """All pods that leave the node, at once: nothing spaces them, and who knows what serves on a lost one."""
    gone = {(ref.namespace, ref.name) for ref in rung.leaving}
    pods = [p for p in scene.topology.pods if (p["metadata"]["namespace"], p["metadata"]["name"]) in gone]
    owners: Counter[ObjectRef] = Counter(
        w.ref for p in pods if (w := scene.topology.workload_of(p)) is not None
    )
    hits = tuple(_hit(scene.topology.workloads[r.namespace, str(r)], number) for r, number in owners.items())
    return Radius(len(pods), hits)


def down_to(wanted: int, workload: Workload) -> Radius:
    """What serves beyond so many."""
    return _largest((_hit(workload, max(0, workload.ready - wanted)),))


def _largest(hits: Iterable[Hit]) -> Radius:
    """One after the other: at a time it is the largest of them."""
    found = tuple(hits)
    return Radius(max((each.number for each in found), default=0), found)


def _hit(workload: Workload, number: int) -> Hit:
    where = f"{workload.ref} in {workload.ref.namespace}"
    return Hit(f"pods of {where}", number, sum(not kube.is_over(pod) for pod in workload.pods))


def _at_a_time(workload: Workload) -> int:
    """How many pods that serve a rollout takes away at most before others serve in their place."""
    ready, wanted, spec = workload.ready, kube.desired_replicas(workload.body), workload.body["spec"]
    if workload.ref.kind == kube.DEPLOYMENT:
        strategy = spec.get("strategy") or {}
        if strategy.get("type") == "Recreate":
            return ready
        return max(0, min(ready, ready - wanted + _deployment_may_lack(strategy, wanted)))
    said = ((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("maxUnavailable", 1)
    return min(ready, rollouts.replaced(workload.body, wanted), _number(said, wanted, math.ceil))


def _deployment_may_lack(strategy: Object, wanted: int) -> int:
    """How many of the wanted pods may be missing; one where none may be either missing or too many."""
    rolling = strategy.get("rollingUpdate") or {}
    lack = _number(rolling.get("maxUnavailable", _DEFAULT), wanted, math.floor)
    surge = _number(rolling.get("maxSurge", _DEFAULT), wanted, math.ceil)
    return lack if lack or surge else 1


def _number(said: int | str, of: int, rounded: Callable[[float], int]) -> int:
    """``1`` or ``25%`` of so many."""
    text = str(said)
    return rounded(of * int(text[:-1]) / 100) if text.endswith("%") else int(text)
