"""The axes of a chart: where a moment or a value stands, in the units of the viewBox, and round ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from chaoskit.reports.reading import since

WIDTH, LEFT, RIGHT = 860.0, 64.0, 12.0
HEIGHT, TOP, BOTTOM = 150.0, 14.0, 22.0

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400)


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, and what it says."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """The time from `start` to `end` across the chart; `zero` is the moment that the labels count from."""

    start: datetime
    end: datetime
    zero: datetime

    def x(self, at: datetime) -> float:
        """Where a moment is; those outside are at the edges."""
        whole = (self.end - self.start).total_seconds() or 1.0
        share = min(1.0, max(0.0, (at - self.start).total_seconds() / whole))
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Six to twelve round moments, counted from zero."""
        whole = (self.end - self.start).total_seconds()
        step = next((each for each in _STEPS if whole / each <= 12), _STEPS[-1])
        first = math.ceil((self.start - self.zero).total_seconds() / step)
        last = math.floor((self.end - self.zero).total_seconds() / step)
        moments = (self.zero + timedelta(seconds=number * step) for number in range(first, last + 1))
        return tuple(Tick(self.x(at), since(at, self.zero)) for at in moments)


@dataclass(frozen=True, slots=True)
class Scale:
    """The values from `low` to `high` down the chart, with round ticks."""

    low: float
    high: float
    step: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Scale:
        """From zero, or below it, to well above the highest of these."""
        known = list(values)
        low, high = min(0.0, *known), max(0.0, *known)
        step = _round((high - low) / 3 or 1.0)
        return cls(math.floor(low / step) * step, math.ceil(1.2 * high / step) * step or step, step)

    def y(self, value: float) -> float:
        """Where a value is."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    @property
    def ticks(self) -> list[float]:
        """Round values from the lowest to the highest."""
        return [self.low + n * self.step for n in range(round((self.high - self.low) / self.step) + 1)]


def _round(step: float) -> float:
    """The next of 1, 2, 5, 10 ... that is no smaller."""
    size = 10.0 ** math.floor(math.log10(step))
    return next(each * size for each in (1, 2, 5, 10) if each * size >= step * 0.999)


def shown(value: float, unit: str) -> str:
    """A value as a person reads it: ``5 %``, ``42 ms``, ``268 MiB``, ``0.25 cores``."""
    if unit == "ratio":
        return f"{100 * value:.3g} %"
    if unit == "seconds" and abs(value) < 1:
        return f"{1000 * value:.3g} ms"
    if unit.startswith("bytes"):
        return _binary(value) + unit.removeprefix("bytes")
    return f"{value:.3g} {'s' if unit == 'seconds' else unit}".rstrip()


def _binary(value: float) -> str:
    for size in ("B", "KiB", "MiB"):
        if abs(value) < 1024:
            return f"{value:.3g} {size}"
        value /= 1024
    return f"{value:.3g} GiB"
