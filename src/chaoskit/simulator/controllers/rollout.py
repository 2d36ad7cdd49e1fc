"""The arithmetic of rolling updates: how many replicas each replica set may have now. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from chaoskit.simulator.api import Object


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a rollout may go beyond the wanted number, and below it, in pods."""

    surge: int
    unavailable: int


def scaled(value: int | str | None, total: int, *, up: bool) -> int:
    """An int-or-percentage as a number of `total`, rounded up or down."""
    if isinstance(value, str) and value.endswith("%"):
        share = int(value[:-1]) * total / 100
        return math.ceil(share) if up else math.floor(share)
    return int(value or 0)


def bounds(deployment: Object) -> Bounds:
    """The surge and unavailability of a deployment; never both zero, which could not move."""
    strategy = deployment["spec"].get("strategy") or {}
    total = deployment["spec"]["replicas"]
    if strategy.get("type") == "Recreate":
        return Bounds(surge=0, unavailable=0)
    rolling = strategy.get("rollingUpdate") or {}
    surge = scaled(rolling.get("maxSurge", "25%"), total, up=True)
    unavailable = scaled(rolling.get("maxUnavailable", "25%"), total, up=False)
    if not surge and not unavailable:
        unavailable = 1
    return Bounds(surge, min(unavailable, total))


def new_replicas(wanted: int, bounds: Bounds, new: int, every: int) -> int:
    """The size of the new replica set, now `new`, while all sets together have `every` replicas."""
    if new > wanted:
        return wanted
    room = wanted + bounds.surge - every
    return new + max(0, min(room, wanted - new))


@dataclass(frozen=True, slots=True)
class Set:
    """An old replica set: its size, and how many of its pods are available."""

    name: str
    replicas: int
    available: int


def old_replicas(wanted: int, bounds: Bounds, new: Set, old: Sequence[Set]) -> tuple[tuple[str, int], ...]:
    """Names and new sizes of the old sets (oldest first) that shrink now: first pods that do not work."""
    every = new.replicas + sum(item.replicas for item in old)
    least = wanted - bounds.unavailable
    new_unavailable = new.replicas - new.available
    spare = every - least - new_unavailable
    if spare <= 0:
        return ()
    sizes, available = {item.name: item.replicas for item in old}, 0
    for item in old:
        broken = min(item.replicas - item.available, max(spare, 0))
        sizes[item.name] -= broken
        spare -= broken
        available += item.available
    removable = available + new.available - least
    for item in old:
        cut = max(0, min(sizes[item.name], removable))
        sizes[item.name] -= cut
        removable -= cut
    return tuple((item.name, sizes[item.name]) for item in old if sizes[item.name] != item.replicas)


def proportional(wanted: int, before: int, bounds: Bounds, sets: Sequence[Set]) -> dict[str, int]:
    """Sizes of several live sets after a scale in mid-rollout (newest first), each by its share.

    `before` is the total that was allowed before: the old wanted number and its surge.
    """
    every = sum(item.replicas for item in sets)
    allowed = wanted + bounds.surge if wanted else 0
    left = allowed - every
    sizes = {item.name: item.replicas for item in sets}
    biggest_first = sorted(sets, key=lambda item: -item.replicas)
    for item in biggest_first:
        if not left or not item.replicas:
            continue
        share = round(item.replicas * allowed / max(before, 1)) - item.replicas
        step = min(share, left) if left > 0 else max(share, left)
        sizes[item.name] += step
        left -= step
    if biggest_first and left:
        first = biggest_first[0].name
        sizes[first] = max(0, sizes[first] + left)
    return sizes
