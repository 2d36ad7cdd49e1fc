"""The memory of a pod, the one thing with a past: warming up, garbage and its collection, leaks."""

from __future__ import annotations

import random

from chaoskit.simulator.traffic.state import DISK, PodState
from chaoskit.simulator.traffic.view import MIB, Pod

_WARM_SECONDS = 500.0
_GARBAGE = 900.0
"""Bytes that a request leaves to be collected."""


def remember(state: PodState, passed: float, source: random.Random) -> None:
    """Memory has changed over `passed` seconds, and so has what the pod's faults write to its disk."""
    if not state.running:
        state.memory = 0.0
        return
    role, wrong = state.pod.role, state.wrong
    heap = (role.heap if role else _idle_heap(state.pod)) * state.size
    state.warm += (1 - state.warm) * min(1.0, passed / _WARM_SECONDS)
    state.leaked += wrong.leak * passed
    state.filled = min(0.93 * DISK, state.filled + wrong.disk * passed)
    state.garbage += state.arriving * passed * _GARBAGE
    if state.garbage >= state.collect_at:
        state.garbage *= source.uniform(0.1, 0.5)
        state.collect_at = heap * source.uniform(0.08, 0.3)
    young = heap * 0.04 * source.random()
    base = heap * (0.62 + 0.3 * state.warm) + young + state.garbage
    state.memory = base + state.leaked + wrong.memory


def forget(state: PodState) -> None:
    """The process is a new one, and begins with nothing."""
    state.leaked = state.garbage = state.warm = state.filled = 0.0
    state.collect_at = 0.0


def _idle_heap(pod: Pod) -> float:
    limit = pod.main.memory_limit if pod.main else None
    return min(0.3 * limit, 30 * MIB) if limit else 18 * MIB
