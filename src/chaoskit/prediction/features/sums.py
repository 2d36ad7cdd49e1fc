"""Sums over trailing windows of every series, and the lines that they fit.

Arrays are [row, signal, moment], float64, NaN where there is nothing. Sums are differences of running totals,
so that a moment costs the same however long its windows are. Where what left a window was so large that the
difference is mere rounding, they are made of the window's samples themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from chaoskit.prediction.data.arrays import Bools, Doubles, Indices, missing

LOST = 4e9
"""Beside a total of squares so many times as large, six digits of what varies are no longer told."""

LINE, MEAN = 1e-6, 1e3
"""What varies less (times what matters at all) is flat for a line; a mean is still right beside it."""

MANY = 50_000
"""So many windows at once are summed sample by sample: bounds the memory for that."""

Look = Callable[..., Doubles]
"""The samples [window, sample] of some windows, told by their places on each axis."""


@dataclass(frozen=True)
class Sums:
    """Sums over one trailing window: of what is there, its number, its times (samples) and products.

    `anchor` was subtracted before summing: sums of deviations stay exact where those of large values would
    not. `now` is the time of the newest sample.
    """

    count: Doubles
    x: Doubles
    t: Doubles
    tt: Doubles
    tx: Doubles
    xx: Doubles
    anchor: Doubles
    now: Doubles

    @property
    def mean(self) -> Doubles:
        """The mean of what is there."""
        return np.where(self.count > 0, self.x / np.maximum(self.count, 1), np.nan) + self.anchor

    @cached_property
    def apart(self) -> Doubles:
        """The sum of squares about the mean."""
        found: Doubles = np.maximum(self.xx - self.x * self.x / np.maximum(self.count, 1), 0)
        return found

    def line(self, noise: Doubles) -> tuple[Doubles, Doubles, Doubles]:
        """The fitted value now, the slope per sample, and how straight the line is (-1 to 1).

        Three values are needed; what varies less than `noise` (its square root per sample) is flat.
        """
        enough = self.count >= 3
        count = np.maximum(self.count, 1)
        times, apart = self.tt - self.t * self.t / count, self.apart
        both = self.tx - self.t * self.x / count
        steep = enough & (times > 0)
        slope = np.where(steep, both / np.where(times > 0, times, 1), np.nan)
        fitted = self.x / count + slope * (self.now - self.t / count) + self.anchor
        moving = steep & (apart > noise * count)
        straight = np.where(moving, both / np.sqrt(np.where(moving, times * apart, 1)), 0.0)
        return fitted, slope, np.clip(straight, -1, 1, out=straight)

    def renewed(self, total: Doubles, floor: Doubles, matters: float, look: Look) -> Sums:
        """The same, made of the samples where they are but rounding beside the `total` of squares before.

        `floor` is the smallest difference that matters, `matters` is `LINE` or `MEAN`.
        """
        least, most = (matters * floor) ** 2, (MEAN * floor) ** 2
        absurd = total.max(initial=0) > LOST * most.min(initial=np.inf)
        if not absurd and (matters == MEAN or (total <= LOST * self.apart).all()):
            return self  # as nearly always: looked at without each signal's floor, which costs more
        lost = total > LOST * np.clip(self.apart, least, most)
        if not lost.any():
            return self
        places = np.nonzero(lost)
        parts = [np.broadcast_to(getattr(self, each.name), total.shape).copy() for each in fields(self)]
        for first in range(0, len(places[0]), MANY):
            some = tuple(place[first : first + MANY] for place in places)
            for part, made in zip(parts, _summed(look(*some)), strict=True):
                part[some] = made
        return Sums(*parts)


def _summed(samples: Doubles) -> tuple[Doubles, ...]:
    """What `Sums` of these windows are [window, sample]: around the first value, times up to 0."""
    there, anchor = (~missing(samples)).astype(np.float64), anchors(samples)
    times = np.arange(1 - samples.shape[-1], 1, dtype=np.float64)
    parts = channels(zeroed(samples - anchor), there, times)
    return (*(part.sum(axis=-1) for part in parts), anchor[..., 0], np.zeros(len(samples)))


@dataclass(frozen=True, slots=True)
class Totals:
    """Running totals of what `Sums` are made of, for windows of any length."""

    values: Doubles
    anchor: Doubles
    parts: tuple[Doubles, ...]

    @classmethod
    def of(cls, values: Doubles) -> Totals:
        """Those of these series."""
        anchor, there = anchors(values), (~missing(values)).astype(np.float64)
        time = np.arange(values.shape[-1], dtype=np.float64)
        parts = channels(zeroed(values - anchor), there, time)
        return cls(values, anchor, tuple(np.cumsum(part, axis=-1) for part in parts))

    def last(self, samples: int, moments: Indices, floor: Doubles, matters: float) -> Sums:
        """The sums over the last so many samples at these moments; over fewer at the beginning.

        `floor` and `matters` are as `Sums.renewed` has them.
        """
        before = moments - samples
        earlier = (np.where(before < 0, 0.0, part[..., np.maximum(before, 0)]) for part in self.parts)
        total = [part[..., moments] for part in self.parts]
        left = (part - sunk for part, sunk in zip(total, earlier, strict=True))

        def look(*places: Indices) -> Doubles:
            *series, moment = (place[:, None] for place in places)
            times = moments[moment] + np.arange(1 - samples, 1)
            return np.where(times < 0, np.nan, self.values[*series, np.maximum(times, 0)])

        sums = Sums(*[*left, self.anchor, moments.astype(np.float64)])
        return sums.renewed(total[-1], floor, matters, look)


def flat(floor: Doubles) -> Doubles:
    """The variance below which there is no line, where differences from `floor` on matter."""
    return (LINE * floor) ** 2


def channels(x: Doubles, there: Doubles, time: Doubles | float) -> tuple[Doubles, ...]:
    """What is summed: count, value, time, time squared, time by value, value squared."""
    late = there * time
    return there, x, late, late * time, x * time, x * x


def zeroed(values: Doubles) -> Doubles:
    """The values with 0 where there is none."""
    return np.where(missing(values), 0.0, values)


def anchors(values: Doubles) -> Doubles:
    """Each series' first value, 0 where it has none [row, signal, 1]."""
    there: Bools = np.logical_not(missing(values))
    first = there.argmax(axis=-1)[..., None]
    found = np.take_along_axis(values, first, axis=-1)
    ever = np.asarray(there.any(axis=-1))
    return np.where(ever[..., None], found, 0.0)
