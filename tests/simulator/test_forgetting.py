"""A simulator that lives for days keeps nothing of pods that have gone, but what it says that it keeps."""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Iterator
from types import ModuleType

from tests.simulator.world import NAMESPACE, World

from chaoskit.simulator.prometheus.signals import Signals
from chaoskit.simulator.shop.shop import Shop

ROUNDS, PODS = 3, 20
EVENTS_LIVE = 3600
PER_POD = 24
"""Series at the most: one for each signal of a pod."""


def reachable(*roots: object) -> Iterator[object]:
    """All that these objects hold: without classes, modules and what those hold, signals, bounded queues."""
    outside = {id(module.__dict__) for module in list(sys.modules.values())}
    seen, waiting = set(outside), list(roots)
    while waiting:
        one = waiting.pop()
        bounded = isinstance(one, deque) and one.maxlen is not None
        if bounded or id(one) in seen or isinstance(one, type | ModuleType | Signals):
            continue
        seen.add(id(one))
        yield one
        waiting += gc.get_referents(one)


def kept(told: set[str], *roots: object) -> list[str]:
    """The texts held that are one of those told, or name a pod that was churned."""
    gc.collect()
    texts = {one for one in reachable(*roots) if isinstance(one, str)}
    return sorted(text for text in texts if text in told or "churned-" in text)


def churn(world: World, turn: int) -> set[str]:
    """Pods came, ran, were seen by traffic and Prometheus, and went; their names and uids."""
    names = [f"churned-{turn}-{number}" for number in range(PODS)]
    told = set(names)
    for name in names:
        limits = {"limits": {"cpu": "50m", "memory": "32Mi"}}
        told.add(world.pod(name, resources=limits)["metadata"]["uid"])
    world.run(90)
    assert set(names) <= set(world.ready())
    for name in names:
        world.kubelet.log(NAMESPACE, name, "main", f"{name} says something")
        world.api.delete("Pod", NAMESPACE, name)
    world.run(40)
    assert all(world.gone("Pod", name) for name in names)
    return told


def test_nothing_is_kept_of_pods_that_ran_and_went_but_their_series() -> None:
    world = World()
    shop = Shop(world.api, world.engine, world.effects, world.kubelet, deploy=False)
    shop.start()
    world.run(30)
    told: set[str] = set()
    for turn in range(ROUNDS):
        told |= churn(world, turn)
    assert kept(told, world, shop)  # their events
    world.run(EVENTS_LIVE + 60)
    for name in ("a", "b", "c"):  # on each node one: whoever tells of it forgets what was told an hour ago
        world.pod(name)
    world.run(30)
    assert kept(told, world, shop) == []
    mine = [series for _, series in shop.signals.select(()) if dict(series.labels).get("pod", "") in told]
    assert ROUNDS * PODS < len(mine) <= ROUNDS * PODS * PER_POD
