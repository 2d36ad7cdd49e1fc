"""Trailing statistics of every series: sums over the last minutes, extremes, a baseline of earlier blocks.

Arrays are [row, signal, moment], float64, NaN where there is nothing. Sums are differences of running
totals, so that a moment costs the same however long its windows are. A baseline is made of blocks of five
minutes, cut at full blocks of the clock: it changes only when a block is complete, and its median is one of
block means. What the newest minutes do cannot reach it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaoskit.prediction.features.layout import Shape

Array = NDArray[np.float64]

FLOOR = {"cores": 0.01, "bytes": 2.0**20, "bytes/s": 1024.0, "1/s": 0.5, "seconds": 0.01, "ratio": 0.01}
"""Differences smaller than this are noise, by unit; 0.5 for any other."""

KNOWN_SAMPLES, KNOWN_MINUTES = 5, 10
"""A baseline counts from so many samples on that cover so many minutes."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over one trailing window: of what is there, its number, its times (samples) and products."""

    count: Array
    x: Array
    t: Array
    tt: Array
    tx: Array
    xx: Array

    @property
    def mean(self) -> Array:
        """The mean of what is there."""
        return np.where(self.count > 0, self.x / np.maximum(self.count, 1), np.nan)

    def line(self, now: Array | float, noise: Array) -> tuple[Array, Array, Array]:
        """The fitted value at `now`, the slope per sample, and how straight the line is (-1 to 1).

        Three values are needed; what varies less than `noise` (its square root per sample) is flat.
        """
        enough = self.count >= 3
        count = np.maximum(self.count, 1)
        times = self.tt - self.t * self.t / count
        apart = np.maximum(self.xx - self.x * self.x / count, 0)
        both = self.tx - self.t * self.x / count
        steep = enough & (times > 0)
        slope = np.where(steep, both / np.where(times > 0, times, 1), np.nan)
        fitted = self.x / count + slope * (now - self.t / count)
        moving = steep & (apart > noise * count)
        straight = np.where(moving, both / np.sqrt(np.where(moving, times * apart, 1)), 0.0)
        return fitted, slope, straight


@dataclass(frozen=True, slots=True)
class Base:
    """What is usual: the median of block means, the usual block's top, the range, and whether it is known."""

    middle: Array
    spread: Array
    high: Array
    top: Array
    low: Array
    known: NDArray[np.bool_]

    def picked(self, places: NDArray[np.intp] | None) -> Base:
        """The same at these places of the last axis, or with a last axis of one."""
        return Base(
            self.middle[..., places],
            self.spread[..., places],
            self.high[..., places],
            self.top[..., places],
            self.low[..., places],
            self.known[..., places],
        )


@dataclass(frozen=True, slots=True)
class Trailing:
    """Everything that the recipes are made of, for gauges and ratios unless said otherwise.

    `anchor` [row, signal, 1] was subtracted before summing: sums of deviations stay exact where sums of
    large values would not. Counters: increments over 5, 15 and 60 minutes, resets over 15. Flags: value now,
    mean and changes over 15 minutes. Pods [row, moment]: samples there in 5 minutes and in the lookback's
    hour, samples since the newest and since the oldest one.
    """

    shape: Shape
    now: Array | float
    anchor: Array
    last: Array
    before: Array
    least: Array
    most: Array
    mean3: Sums
    brief: Sums
    quarter: Sums
    half: Sums
    hour: Sums
    base: Base
    increments: tuple[Array, Array, Array]
    resets: Array
    flag: Array
    flag_share: Array
    flag_changes: Array
    there_brief: Array
    there_hour: Array
    silent: Array
    young: Array


def missing(values: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Where there is no value."""
    found: NDArray[np.bool_] = np.not_equal(values, values)  # np.isnan's type cannot tell array from scalar
    return found


def zeroed(values: Array) -> Array:
    """The values with 0 where there is none."""
    return np.where(missing(values), 0.0, values)


def anchors(values: Array) -> Array:
    """Each series' first value, 0 where it has none [row, signal, 1]."""
    there: NDArray[np.bool_] = np.logical_not(missing(values))
    first = there.argmax(axis=-1)[..., None]
    found = np.take_along_axis(values, first, axis=-1)
    ever = np.asarray(there.any(axis=-1))
    return np.where(ever[..., None], found, 0.0)


def rolled(values: Array, samples: int) -> Array:
    """Sums over the last so many samples along the last axis; fewer at its beginning."""
    total = np.cumsum(values, axis=-1)
    out = total.copy()
    out[..., samples:] -= total[..., :-samples]
    return out


def extreme(values: Array, samples: int, *, most: bool) -> Array:
    """The greatest (or least) of the last so many samples; NaN only where all are missing."""
    choose = np.fmax if most else np.fmin
    out = values.copy()
    done = 1
    while done < samples:  # doubling: the extreme of 2k samples is one of two extremes of k
        step = min(done, samples - done)
        later = out[..., step:].copy()
        choose(later, out[..., :-step], out=later)
        out[..., step:] = later
        done += step
    return out


@dataclass(frozen=True, slots=True)
class Totals:
    """Running totals of what `Sums` are made of, for windows of any length."""

    parts: tuple[Array, ...]

    @classmethod
    def of(cls, values: Array) -> Totals:
        """Those of values from which the anchor was subtracted."""
        there = (~missing(values)).astype(np.float64)
        x = np.where(there > 0, values, 0.0)
        time = np.arange(values.shape[-1], dtype=np.float64)
        return cls(tuple(np.cumsum(part, axis=-1) for part in channels(x, there, time)))

    def last(self, samples: int, moments: NDArray[np.intp]) -> Sums:
        """The sums over the last so many samples at these moments; over fewer at the beginning."""
        before = moments - samples
        earlier = (np.where(before < 0, 0.0, part[..., np.maximum(before, 0)]) for part in self.parts)
        return Sums(*(part[..., moments] - sunk for part, sunk in zip(self.parts, earlier, strict=True)))


def channels(x: Array, there: Array, time: Array | float) -> tuple[Array, ...]:
    """What is summed: count, value, time, time squared, time by value, value squared."""
    late = there * time
    return there, x, late, late * time, x * time, x * x


def increase(values: Array, memory: int) -> tuple[Array, Array]:
    """Each sample's increase of a counter over the newest of the `memory` before it, and where it was reset.

    After a reset, the value itself; 0 where it is missing or the first.
    """
    known = before(values, memory)
    step = np.where(values < known, values, values - known)
    reset = values < known
    return zeroed(step), reset.astype(np.float64)


def change(values: Array, memory: int) -> Array:
    """How far each sample lies from the newest of the `memory` before it; 0 where either is missing."""
    return zeroed(values - before(values, memory))


def before(values: Array, memory: int) -> Array:
    """The newest of the `memory` values before each sample: a gap hides no change, and makes none."""
    return shifted(filled(values, memory - 1))


def filled(values: Array, memory: int) -> Array:
    """Each moment with the newest value up to it, if at most `memory` samples old; NaN elsewhere."""
    now = np.arange(values.shape[-1])
    newest = np.maximum.accumulate(np.where(missing(values), 0, now), axis=-1)
    found = np.take_along_axis(values, newest, axis=-1)
    return np.where(now - newest <= memory, found, np.nan)


def shifted(values: Array) -> Array:
    """The value of the sample before; NaN at the first."""
    out = np.full_like(values, np.nan)
    out[..., 1:] = values[..., :-1]
    return out


def block_summary(blocks: Array) -> tuple[Array, ...]:
    """Of [..., sample]: count, mean, variance, greatest and least; NaN where a block is empty."""
    there = ~missing(blocks)
    count = there.sum(axis=-1).astype(np.float64)
    safe = np.maximum(count, 1)
    mean = np.where(there, blocks, 0).sum(axis=-1) / safe
    variance = np.where(there, (blocks - mean[..., None]) ** 2, 0).sum(axis=-1) / safe
    empty = count == 0
    top, low = np.fmax.reduce(blocks, axis=-1), np.fmin.reduce(blocks, axis=-1)
    return count, np.where(empty, np.nan, mean), np.where(empty, np.nan, variance), top, low


def baseline(summaries: tuple[Array, ...], minute: float) -> Base:
    """The baseline of [..., block]: `summaries` as `block_summary` gives them."""
    count, mean, variance, top, low = summaries
    ordered, number = _ordered(mean)
    middle = _quantile(ordered, number, 0.5)
    between = (_quantile(ordered, number, 0.75) - _quantile(ordered, number, 0.25)) / 1.349
    within = np.sqrt(_quantile(*_ordered(variance), 0.5))
    high = _quantile(*_ordered(top), 0.5)
    spread = np.fmax(np.fmax(between, within), (high - middle) / 3)
    total = count.sum(axis=-1)
    known = total >= max(KNOWN_SAMPLES, round(KNOWN_MINUTES / minute))
    return Base(middle, spread, high, np.fmax.reduce(top, axis=-1), np.fmin.reduce(low, axis=-1), known)


def _ordered(values: Array) -> tuple[Array, NDArray[np.intp]]:
    """Sorted along the last axis with what is missing at the end, and how many are there."""
    return np.sort(values, axis=-1), (~missing(values)).sum(axis=-1)


def _quantile(ordered: Array, count: NDArray[np.intp], at: float) -> Array:
    """A quantile of sorted values, between two of them where it falls there."""
    place = at * np.maximum(count - 1, 0)
    low = np.floor(place).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    first = np.take_along_axis(ordered, low[..., None], axis=-1)[..., 0]
    second = np.take_along_axis(ordered, high[..., None], axis=-1)[..., 0]
    return first + (place - low) * (second - first)


def trend(values: Array, samples: int) -> tuple[Array, Array]:
    """The fitted value now and the slope per sample over the last `samples` of each series (last axis)."""
    anchor, moments = anchors(values), np.arange(values.shape[-1])
    recent = Totals.of(values - anchor).last(samples, moments)
    fitted, slope, _ = recent.line(moments.astype(np.float64), np.zeros(1))
    return fitted + anchor, slope
