"""Trailing statistics of every series: sums over the last minutes, extremes, a baseline of earlier blocks.

Arrays are [row, signal, moment], float64, NaN where there is nothing. A baseline is made of blocks of five
minutes, cut at full blocks of the clock: it changes only when a block is complete, and its median is one of
block means. What the newest minutes do cannot reach it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chaoskit.ports.metrics import Signal
from chaoskit.prediction.data.arrays import Bools, Doubles, Indices, missing
from chaoskit.prediction.features.layout import Shape
from chaoskit.prediction.features.sums import LINE, Sums, Totals, zeroed

FLOOR = {"cores": 0.01, "bytes": 2.0**20, "bytes/s": 1024.0, "1/s": 0.5, "seconds": 0.01, "ratio": 0.01}
"""See `noise`, by unit."""

KNOWN_SAMPLES, KNOWN_MINUTES = 5, 10
"""A baseline counts from so many samples on that cover so many minutes."""


@dataclass(frozen=True, slots=True)
class Base:
    """What is usual: the median of block means, the usual block's top, the range, and whether it is known."""

    middle: Doubles
    spread: Doubles
    high: Doubles
    top: Doubles
    low: Doubles
    known: Bools

    def picked(self, places: Indices | None) -> Base:
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

    Counters: increments over 5, 15 and 60 minutes, resets over 15. Flags: value now, mean and changes over 15
    minutes. Pods [row, moment]: samples there in 5 minutes and in the lookback's hour, samples since the
    newest and since the oldest one.
    """

    shape: Shape
    last: Doubles
    before: Doubles
    least: Doubles
    most: Doubles
    mean3: Sums
    brief: Sums
    quarter: Sums
    half: Sums
    hour: Sums
    base: Base
    increments: tuple[Doubles, Doubles, Doubles]
    resets: Doubles
    flag: Doubles
    flag_share: Doubles
    flag_changes: Doubles
    there_brief: Doubles
    there_hour: Doubles
    silent: Doubles
    young: Doubles


def noise(signal: Signal) -> float:
    """Differences smaller than this are noise, in the signal's unit."""
    return FLOOR.get(signal.unit, 0.5)


def rolled(values: Doubles, samples: int) -> Doubles:
    """Sums over the last so many samples along the last axis; fewer at its beginning."""
    out, done = np.zeros_like(values), 0
    part, size = values, 1
    while True:  # doubling, as of extremes: what has left the window leaves no trace
        if samples & size:
            out[..., done:] += part[..., : max(0, part.shape[-1] - done)]
            done += size
        if done == samples:
            return out
        longer = part.copy()
        longer[..., size:] += part[..., :-size]
        part, size = longer, 2 * size


def extreme(values: Doubles, samples: int, *, most: bool) -> Doubles:
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


def increase(values: Doubles, memory: int) -> tuple[Doubles, Doubles]:
    """Each sample's increase of a counter over the newest of the `memory` before it, and where it was reset.

    After a reset, the value itself; 0 where it is missing or the first.
    """
    known = before(values, memory)
    step = np.where(values < known, values, values - known)
    reset = values < known
    return zeroed(step), reset.astype(np.float64)


def change(values: Doubles, memory: int) -> Doubles:
    """How far each sample lies from the newest of the `memory` before it; 0 where either is missing."""
    return zeroed(values - before(values, memory))


def before(values: Doubles, memory: int) -> Doubles:
    """The newest of the `memory` values before each sample: a gap hides no change, and makes none."""
    return shifted(filled(values, memory - 1))


def filled(values: Doubles, memory: int) -> Doubles:
    """Each moment with the newest value up to it, if at most `memory` samples old; NaN elsewhere."""
    now = np.arange(values.shape[-1])
    newest = np.maximum.accumulate(np.where(missing(values), 0, now), axis=-1)
    found = np.take_along_axis(values, newest, axis=-1)
    return np.where(now - newest <= memory, found, np.nan)


def shifted(values: Doubles) -> Doubles:
    """The value of the sample before; NaN at the first."""
    out = np.full_like(values, np.nan)
    out[..., 1:] = values[..., :-1]
    return out


def block_summary(blocks: Doubles) -> tuple[Doubles, ...]:
    """Of [..., sample]: count, mean, variance, greatest and least; NaN where a block is empty."""
    there = ~missing(blocks)
    count = there.sum(axis=-1).astype(np.float64)
    safe = np.maximum(count, 1)
    mean = np.where(there, blocks, 0).sum(axis=-1) / safe
    variance = np.where(there, (blocks - mean[..., None]) ** 2, 0).sum(axis=-1) / safe
    empty = count == 0
    top, low = np.fmax.reduce(blocks, axis=-1), np.fmin.reduce(blocks, axis=-1)
    return count, np.where(empty, np.nan, mean), np.where(empty, np.nan, variance), top, low


def baseline(summaries: tuple[Doubles, ...], minute: float) -> Base:
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


def _ordered(values: Doubles) -> tuple[Doubles, Indices]:
    """Sorted along the last axis with what is missing at the end, and how many are there."""
    return np.sort(values, axis=-1), (~missing(values)).sum(axis=-1)


def _quantile(ordered: Doubles, count: Indices, at: float) -> Doubles:
    """A quantile of sorted values, between two of them where it falls there."""
    place = at * np.maximum(count - 1, 0)
    low = np.floor(place).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    first = np.take_along_axis(ordered, low[..., None], axis=-1)[..., 0]
    second = np.take_along_axis(ordered, high[..., None], axis=-1)[..., 0]
    return first + (place - low) * (second - first)


def trend(values: Doubles, samples: int) -> tuple[Doubles, Doubles]:
    """The fitted value now and the slope per sample over the last `samples` of each series (last axis)."""
    moments = np.arange(values.shape[-1])
    recent = Totals.of(values).last(samples, moments, np.array([FLOOR["ratio"]]), LINE)
    fitted, slope, _ = recent.line(np.zeros(1))
    return fitted, slope
