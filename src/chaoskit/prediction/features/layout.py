"""Which features: recipe, step and signals, their names in order, and a fingerprint of all that."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from chaoskit import errors
from chaoskit.ports.metrics import Signal
from chaoskit.prediction.data.dataset import Dataset

Recipe = Literal["window", "evidence"]

VERSION = 6
"""Counts up with every change of meaning; part of the fingerprint."""

FORBIDDEN = re.compile(
    r"last_seen|start_time|timestamp|uptime|created|processes|threads|file_descriptors|sockets|procs_"
)
"""Signals that are a clock or an injector's footprint (stress-ng runs inside the container)."""

STICKY = frozenset({"last_oom", "last_error"})
"""Flags that stay up long after the event: only their change is news, their level tells pods apart."""

BLOCK_MINUTES = 5
"""Baselines are made of blocks so long, the newest of which never counts."""

HORIZON_MINUTES = 600.0
"""The longest time to a limit that is told apart from never."""

FAMILIES: dict[str, str] = {
    "cpu": r"cpu|load",
    "memory": r"mem|oom",
    "edge": r"edge",
    "latency": r"latency",
    "network": r"net|packet|tcp",
    "disk": r"fs|disk",
    "database": r"db|pool",
}
"""Families of signals by words in their names; `service` is what fits none."""

WINDOW_GAUGE = (
    "z", "z_before", "z_mean", "z_least", "jump", "ratio", "beyond", "below", "slope", "slope_long", "line",
    "burst", "peers", "common", "excess", "excess_ratio", "gone",
)  # fmt: skip
WINDOW_RATIO = ("level", "level_max", "ahead15", "ahead30", "full_in", "full_in_long")
WINDOW_COUNTER = ("delta5", "delta15", "delta60", "reset")
WINDOW_FLAG = ("last", "share", "changed")
WINDOW_POD = (
    "z_max", "z_second", "z_mean", "z_count", "z_max_excess", "z_mean_excess",
    "gone", "silent", "young", "fullest", "soonest", "climbing", "symptoms",
)  # fmt: skip
EVIDENCE = ("up", "down", "drift", "saturation", "filling")
EVIDENCE_POD = ("breadth", "restarts", "flagged", "gone")


@dataclass(frozen=True, slots=True)
class Shape:
    """Lengths in samples, and minutes per sample.

    The baseline is `count` whole blocks of `block` samples, of which the newest ends `lag` blocks before
    the one that is under way.
    """

    minute: float
    block: int
    count: int
    lag: int
    short: int
    brief: int
    quarter: int
    half: int
    hour: int

    @property
    def lookback(self) -> int:
        """How many samples the features of one moment look at, that moment included."""
        return max((self.count + self.lag) * self.block, self.hour) + 1

    @property
    def reach(self) -> int:
        """How many samples must be known for them: what a counter was is remembered for a quarter-hour."""
        return max(self.lookback, self.hour + self.quarter) + 1


@dataclass(frozen=True, slots=True)
class Spec:
    """Which features: recipe, step (seconds) and signals. Equal fingerprints mean equal features."""

    recipe: Recipe
    step: int
    signals: tuple[Signal, ...]

    @property
    def shape(self) -> Shape:
        """The lengths of its windows in samples."""
        count, lag = (12, 1) if self.recipe == "window" else (24, 2)
        block, short, brief, quarter, half, hour = (
            max(least, round(minutes * 60 / self.step))
            for minutes, least in ((BLOCK_MINUTES, 1), (3, 2), (5, 2), (15, 3), (30, 4), (60, 5))
        )
        return Shape(self.step / 60, block, count, lag, short, brief, quarter, half, hour)

    @property
    def window(self) -> int:
        """How many samples it looks back on, the newest included."""
        return self.shape.lookback

    @property
    def layout(self) -> tuple[tuple[str, str], ...]:
        """(owner, feature) in the order of the arrays; the owner is a signal, a family or ``pod``."""
        return _layout(self)

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, ``<owner>.<feature>``, in the order of the arrays."""
        return _names(self)

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change whenever the features do."""
        who = [(signal.name, signal.unit, signal.kind) for signal in self.signals]
        text = json.dumps([VERSION, self.recipe, self.step, who, self.names])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def of_kind(self, *kinds: str) -> list[int]:
        """The places of the signals of these kinds."""
        return [index for index, signal in enumerate(self.signals) if signal.kind in kinds]


def spec(dataset: Dataset, recipe: Recipe = "window") -> Spec:
    """The features for this dataset; `InvalidInput` when a signal is a clock or an injector's footprint."""
    banned = [name for name in dataset.names if FORBIDDEN.search(name)]
    if banned:
        raise errors.InvalidInput(
            f"signals that give the answer away: {', '.join(banned)}",
            hint="a clock or a fault injector's own processes: leave them out of the mapping",
        )
    return Spec(recipe, dataset.step, dataset.signals)


def family(name: str) -> str:
    """The family of a signal, ``service`` for one that fits none."""
    return next((each for each, words in FAMILIES.items() if re.search(words, name)), "service")


@lru_cache(maxsize=32)
def _layout(wanted: Spec) -> tuple[tuple[str, str], ...]:
    return tuple(_evidence() if wanted.recipe == "evidence" else _window(wanted.signals))


@lru_cache(maxsize=32)
def _names(wanted: Spec) -> tuple[str, ...]:
    return tuple(f"{owner}.{name}" for owner, name in _layout(wanted))


def _window(signals: tuple[Signal, ...]) -> list[tuple[str, str]]:
    names = [(signal.name, name) for signal in signals for name in _names_of(signal)]
    return [*names, *(("pod", name) for name in WINDOW_POD)]


def _names_of(signal: Signal) -> tuple[str, ...]:
    if signal.kind == "counter":
        return WINDOW_COUNTER
    if signal.kind == "flag":
        return ("changed",) if signal.name in STICKY else WINDOW_FLAG
    return WINDOW_GAUGE + (WINDOW_RATIO if signal.kind == "ratio" else ())


def _evidence() -> list[tuple[str, str]]:
    names = [(each, name) for each in (*FAMILIES, "service") for name in EVIDENCE]
    return [*names, *(("pod", name) for name in EVIDENCE_POD)]
