"""Which pods of a daemon set are to be made and deleted next: pure, in the terms of the real controller."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chaoskit.simulator.api import Object
from chaoskit.simulator.controllers import pods, rollout
from chaoskit.simulator.controllers.revisions import HASH
from chaoskit.simulator.objects import is_finished

Available = Callable[[Object], bool]
Places = Mapping[str, Sequence[Object]]
"""The pods of a daemon set by the node that they are on or meant for, oldest first."""


@dataclass(slots=True)
class Plan:
    """Nodes on which a pod is to be made, and pods that are to go."""

    create: list[str] = field(default_factory=list)
    delete: list[Object] = field(default_factory=list)


def by_node(mine: Iterable[Object], node_of: Callable[[Object], str]) -> dict[str, list[Object]]:
    """The pods of each node, oldest first, those that have ended last."""
    found: dict[str, list[Object]] = {}
    for pod in sorted(mine, key=lambda p: (is_finished(p), p["metadata"]["creationTimestamp"])):
        found.setdefault(node_of(pod), []).append(pod)
    return found


def limits(daemon_set: Object, wanted: int) -> rollout.Bounds:
    """How many pods may be there beside their successors, and how many nodes may be without a good one."""
    strategy = (daemon_set["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
    surge = rollout.scaled(strategy.get("maxSurge", 0), wanted, up=True)
    unavailable = rollout.scaled(strategy.get("maxUnavailable", 1), wanted, up=True)
    return rollout.Bounds(surge, unavailable or (0 if surge else 1))


def manage(
    places: Places,
    wanted: Collection[str],
    kept: Collection[str],
    digest: str,
    *,
    surging: bool,
    available: Available,
) -> Plan:
    """One pod on every node that takes it; while surging, an outdated one stays until its successor is good.

    On nodes of `kept` a pod may stay. Those that have ended are not dealt with here.
    """
    plan = Plan(create=sorted(node for node in wanted if node not in places))
    for node, here in places.items():
        running = [pod for pod in here if pods.is_active(pod)]
        if node not in kept:
            plan.delete += [pod for pod in here if not pods.is_terminating(pod)]
        elif surging:
            plan.delete += _superfluous(running, digest, available)
        else:
            plan.delete += running[1:]
    return plan


def _superfluous(running: Sequence[Object], digest: str, available: Available) -> list[Object]:
    new = [pod for pod in running if _is_new(pod, digest)]
    old = [pod for pod in running if not _is_new(pod, digest)]
    more = [*new[1:], *old[1:]]
    if new and old and (not pods.is_ready(old[0]) or available(new[0])):
        more.append(old[0])
    return more


def update(places: Places, digest: str, bounds: rollout.Bounds, available: Available) -> Plan:
    """What a rolling update does next."""
    pairs = {node: _pair(here, digest) for node, here in sorted(places.items())}
    if bounds.surge:
        return _surge(pairs, bounds.surge, available)
    return Plan(delete=_replace(pairs.values(), bounds.unavailable, available))


Pair = tuple[Object | None, Object | None]
"""A node's pod of the new template and its outdated one."""


def _pair(here: Sequence[Object], digest: str) -> Pair:
    live = [pod for pod in here if pods.is_active(pod)]
    new = next((pod for pod in live if _is_new(pod, digest)), None)
    return new, next((pod for pod in live if not _is_new(pod, digest)), None)


def _replace(pairs: Iterable[Pair], most: int, available: Available) -> list[Object]:
    """Outdated pods to delete: those that are no good, and others as long as enough nodes have a good one."""
    broken, good, without = [], [], 0
    for new, old in pairs:
        if new is not None or old is None:
            without += old is not None or new is None or not available(new)
        elif available(old):
            good.append(old)
        else:
            broken.append(old)
    return broken + good[: max(0, most - without)]


def _surge(pairs: Mapping[str, Pair], most: int, available: Available) -> Plan:
    """Nodes that get a second pod, as far as the surge allows, and old pods whose successor is good."""
    plan, candidates, surged = Plan(), [], 0
    for node, (new, old) in pairs.items():
        if old is None:
            continue
        if new is not None and available(new):
            plan.delete.append(old)
        elif new is not None:
            surged += 1
        elif available(old):
            candidates.append(node)
        else:
            plan.create.append(node)
    plan.create += candidates[: max(0, most - surged)]
    return plan


def _is_new(pod: Object, digest: str) -> bool:
    return bool(pod["metadata"]["labels"].get(HASH) == digest)
