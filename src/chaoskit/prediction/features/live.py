"""The same statistics by running sums: one push per moment, at a cost that does not grow with the windows.

Samples are kept as they were measured, in single precision; counters, and sums of all, are double. Running
sums drift, so they are made anew from the kept samples every `REBUILD` pushes. Pods may come and go: a row is
kept while any of its samples is within the lookback.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaoskit.prediction.data.arrays import Bools, Doubles, Floats, Indices, Measured
from chaoskit.prediction.data.dataset import Block, Row
from chaoskit.prediction.features import statistics as st
from chaoskit.prediction.features.batch import from_trailing
from chaoskit.prediction.features.context import Groups
from chaoskit.prediction.features.layout import Shape, Spec
from chaoskit.prediction.features.statistics import Base, Trailing
from chaoskit.prediction.features.sums import LINE, MEAN, Sums, anchors, channels, zeroed
from chaoskit.prediction.features.window import floors

REBUILD = 240

ROWS = 32
"""So many rows are primed at once: what that needs beside the rings stays small."""

SPARE = 16
"""So many moments one that runs ahead may take before it overwrites what the other still needs."""


class Live:
    """The features of the newest moment, push after push; memory is bounded by rows, signals and lookback.

    One of the recipe that looks back further gives those of the other one too: see `covers`.
    """

    def __init__(self, wanted: Spec, rows: Sequence[Row]) -> None:
        self.wanted = wanted
        self._shape = wanted.shape
        self._gauge = wanted.of_kind("gauge", "ratio")
        self._counter = wanted.of_kind("counter")
        self._flag = wanted.of_kind("flag")
        self._floor = floors([wanted.signals[index] for index in self._gauge])
        self._windows = tuple(
            dict.fromkeys(
                (
                    self._shape.short,
                    self._shape.brief,
                    self._shape.quarter,
                    self._shape.half,
                    self._shape.hour,
                )
            )
        )
        self._anchor: Doubles = np.zeros(0)
        self._seen: Bools = np.zeros(0, dtype=bool)
        self._totals: dict[int, list[Doubles]] = {}
        self._most: Doubles = np.zeros(0)
        self._bases: dict[Shape, Base] = {}
        self._clear(tuple(rows))

    @classmethod
    def primed(cls, wanted: Spec, block: Block, length: int | None = None) -> Live:
        """One that has seen the first `length` moments of this block (all), whose signals are the spec's."""
        made = cls(wanted, block.rows)
        length = block.length if length is None else length
        seen = block.cut(max(0, length - made._reach), length).exact
        made._load(seen, int(block.at(length - 1).timestamp() // wanted.step))
        return made

    @property
    def rows(self) -> tuple[Row, ...]:
        """Whose features these are, in order."""
        return self._rows

    @property
    def _rings(self) -> tuple[NDArray[Any], ...]:
        return self._gauges, self._counters, self._flags, self._there

    def follow(self, rows: Sequence[Row]) -> None:
        """The next values are of these rows; what was kept of rows that stay is kept, others begin anew."""
        if tuple(rows) == self._rows:
            return
        place = {row: index for index, row in enumerate(self._rows)}
        kept = [(new, place[row]) for new, row in enumerate(rows) if row in place]
        rings, blocks = self._rings, self._blocks
        self._clear(tuple(rows), at=(self._head, self._pushed, self._sample))
        new, before = ([pair[side] for pair in kept] for side in (0, 1))
        for mine, theirs in zip(self._rings, rings, strict=True):
            mine[:, new] = theirs[:, before]
        for mine, theirs in zip(self._blocks, blocks, strict=True):
            mine[new] = theirs[before]
        self._rebuild()
        self._bases = {}

    def ahead(self) -> Live:
        """One that goes on from here by itself, for at most `SPARE` moments whose values may still change.

        This one stays where it is. Both share the kept samples: what the other took, this one takes anew.
        """
        found = copy(self)
        vars(found).update(
            _totals={window: [each.copy() for each in sums] for window, sums in self._totals.items()},
            _counted=copy(self._counted),
            _flagged=copy(self._flagged),
            _seen=self._seen.copy(),
        )
        return found

    def push(self, values: Measured, at: float) -> Floats:
        """The features [row, feature] of this moment: `values` [row, signal] were true `at` (Unix seconds).

        A moment that was left out counts as one without a sample; one that is not newer is refused.
        """
        self.take(values, at)
        return self.features()

    def take(self, values: Measured, at: float) -> None:
        """This moment was taken in, as by `push`; nobody asks for its features."""
        sample = int(at // self.wanted.step)
        if self._sample is not None:
            if sample <= self._sample:
                raise ValueError(f"a moment at {at:.0f} is not after the one before")
            for missed in range(self._sample + 1, min(sample, self._sample + self._reach)):
                self._take(np.full(values.shape, np.nan, dtype=np.float32), missed)
        self._take(np.asarray(values), sample)

    def features(self, asked: Spec | None = None) -> Floats:
        """The features [row, feature] of the newest moment: its own, or others that those cover."""
        asked = asked or self.wanted
        return from_trailing(self._trailing(asked.shape), asked, self._groups)[:, 0]

    # -- what is kept: rings [sample, row, signal], each moment one slab ---------------------------------

    def _clear(self, rows: tuple[Row, ...], at: tuple[int, int, int | None] = (-1, 0, None)) -> None:
        self._rows, self._groups = rows, Groups.of(rows)
        self._head, self._pushed, self._sample = at
        shape = self._shape
        self._reach = shape.reach + SPARE
        self._size = shape.hour + shape.quarter + 1 + SPARE  # of what is older, summaries are kept
        self._gauges, self._counters, self._flags = (
            np.full((self._size, len(rows), len(kind)), np.nan, dtype=precision)
            for kind, precision in (
                (self._gauge, np.float32),
                (self._counter, np.float64),
                (self._flag, np.float32),
            )
        )
        self._there = np.zeros((self._reach, len(rows)), dtype=bool)
        kept = (len(rows), len(self._gauge), _kept(shape))
        self._blocks = [np.zeros(kept), *(np.full(kept, np.nan) for _ in range(4))]
        self._rebuild()
        self._bases = {}

    def _load(self, seen: Measured, sample: int) -> None:
        """These samples [row, signal, moment] were the last ones; the newest is number `sample`."""
        self._head, self._sample = -1, sample
        for rows in self._pieces():
            self._load_rows(rows, np.moveaxis(seen[rows], -1, 0), sample)
        self._rebuild()
        self._bases = {}

    def _load_rows(self, rows: slice, by_time: Measured, sample: int) -> None:
        """The same of some rows [moment, row, signal]: their samples, and the summaries of whole blocks."""
        shape, length = self._shape, len(by_time)
        for ring, kind in zip(self._rings, (self._gauge, self._counter, self._flag), strict=False):
            newest = by_time[-self._size :, :, kind]
            ring[self._size - len(newest) :, rows] = newest
        self._there[self._reach - length :, rows] = ~np.isnan(by_time).all(axis=2)
        complete = by_time[: max(0, length - sample % shape.block - 1)][:, :, self._gauge]
        blocks = self._blocks[0].shape[-1]
        kept = complete[-blocks * shape.block :]
        padded = np.full((blocks * shape.block, *complete.shape[1:]), np.nan)
        padded[len(padded) - len(kept) :] = kept
        series = np.moveaxis(padded, 0, -1)
        summary = st.block_summary(series.reshape(*series.shape[:2], blocks, shape.block))
        for mine, made in zip(self._blocks, summary, strict=True):
            mine[rows] = made

    def _pieces(self) -> Iterator[slice]:
        """The rows, so many at once that what is worked on stays small."""
        return (slice(first, first + ROWS) for first in range(0, len(self._rows), ROWS))

    def _take(self, values: Measured, sample: int) -> None:
        """One moment more: running sums go on, a block that is complete joins the baseline."""
        if self._sample is not None and sample % self._shape.block == 0:
            self._close()
        self._head += 1
        self._pushed += 1
        self._sample = sample
        place = self._head % self._size
        self._gauges[place] = values[:, self._gauge]
        self._counters[place] = values[:, self._counter]
        self._flags[place] = values[:, self._flag]
        self._there[self._head % self._reach] = ~np.isnan(values).all(axis=1)
        if self._pushed % REBUILD == 0:
            self._rebuild()
            return
        self._time += 1
        gauges = self._gauges[place]
        there = ~np.isnan(gauges)
        self._anchor = np.where(self._seen, self._anchor, np.where(there, gauges, 0.0))
        self._seen |= there
        self._step(place)
        newest = self._channels(0)
        for window, totals in self._totals.items():
            for place, (come, go) in enumerate(zip(newest, self._channels(window), strict=True)):
                totals[place] += come
                totals[place] -= go
        self._most = np.maximum(self._most, self._totals[self._shape.hour][-1])

    def _step(self, place: int) -> None:
        """What each counter grew by, where it was reset, and what flags changed."""
        values, flags = (ring[place].astype(np.float64) for ring in (self._counters, self._flags))
        before = self._counted.before(self._shape.quarter)
        with np.errstate(invalid="ignore"):
            reset = values < before
            self._steps[place] = zeroed(np.where(reset, values, values - before))
        self._resets[place] = reset
        self._changes[place] = np.abs(zeroed(flags - self._flagged.before(self._shape.quarter)))
        self._counted.take(values)
        self._flagged.take(flags)

    def _places(self, samples: int) -> Indices:
        """Where the last so many samples are, oldest first."""
        return self._last(samples) % self._size

    def _last(self, samples: int) -> Indices:
        return np.arange(self._head - samples + 1, self._head + 1)

    def _channels(self, back: int) -> tuple[Doubles, ...]:
        """What the sample so many pushes ago adds to each sum."""
        values = self._gauges[(self._head - back) % self._size]
        there = (~np.isnan(values)).astype(np.float64)
        return channels(zeroed(values - self._anchor), there, float(self._time - back))

    def _rebuild(self) -> None:
        """Every running sum is made anew from the kept samples, around a new anchor."""
        series = len(self._rows), len(self._gauge)
        self._time = self._size - 1
        self._anchor, self._seen = np.zeros(series), np.zeros(series, dtype=bool)
        self._totals = {window: [np.zeros(series) for _ in range(6)] for window in self._windows}
        self._most = np.zeros(series)
        self._steps, self._resets = np.zeros_like(self._counters), np.zeros_like(self._counters)
        self._changes = np.zeros_like(self._flags)
        self._counted, self._flagged = (
            _Newest.none(ring.shape[1:], self._size) for ring in (self._counters, self._flags)
        )
        for rows in self._pieces():
            self._rebuild_rows(rows)

    def _rebuild_rows(self, rows: slice) -> None:
        """The same for some rows."""
        places, memory = self._places(self._size), self._shape.quarter
        gauges, counters, flags = (
            np.moveaxis(ring[places, rows], 0, -1).astype(np.float64, order="C") for ring in self._rings[:3]
        )
        anchor = anchors(gauges)
        self._anchor[rows], self._seen[rows] = anchor[..., 0], (~np.isnan(gauges)).any(axis=-1)
        there, time = (~np.isnan(gauges)).astype(np.float64), np.arange(self._size, dtype=np.float64)
        for place, part in enumerate(channels(zeroed(gauges - anchor), there, time)):
            for window, totals in self._totals.items():
                totals[place][rows] = part[..., -window:].sum(axis=-1)
        self._most[rows] = self._totals[self._shape.hour][-1][rows]
        made = (*st.increase(counters, memory), np.abs(st.change(flags, memory)))
        for ring, new in zip((self._steps, self._resets, self._changes), made, strict=True):
            ring[places, rows] = np.moveaxis(new, -1, 0)
        self._counted.put(rows, counters)
        self._flagged.put(rows, flags)

    def _close(self) -> None:
        """The block that is under way is complete: its summary is kept, and baselines are made anew."""
        block = np.moveaxis(self._gauges[self._places(self._shape.block)], 0, -1).astype(np.float64)
        self._blocks = [
            np.concatenate([kept[..., 1:], new[..., None]], axis=-1)
            for kept, new in zip(self._blocks, st.block_summary(block), strict=True)
        ]
        self._bases = {}

    def _base(self, shape: Shape) -> Base:
        """The baseline of the `count` blocks that end `lag` before the one under way; made once per block."""
        if shape not in self._bases:
            last = _kept(self._shape) - shape.lag + 1
            parts = tuple(part[..., last - shape.count : last] for part in self._blocks)
            self._bases[shape] = st.baseline(parts, shape.minute).picked(None)
        return self._bases[shape]

    # -- what is asked -----------------------------------------------------------------------------------

    def _trailing(self, shape: Shape) -> Trailing:
        short, brief, quarter, hour = (
            self._places(n) for n in (shape.short, shape.brief, shape.quarter, shape.hour)
        )
        grown = [self._steps[n].sum(axis=0, dtype=np.float64)[..., None] for n in (brief, quarter, hour)]
        there = self._there[self._last(shape.lookback) % self._reach]
        silent, young = _presence(there)
        return Trailing(
            shape=shape,
            last=_double(self._gauges[self._head % self._size]),
            before=_double(self._gauges[(self._head - 1) % self._size]),
            least=_double(np.fmin.reduce(self._gauges[short], axis=0)),
            most=_double(np.fmax.reduce(self._gauges[brief], axis=0)),
            mean3=self._sums(shape.short, MEAN),
            brief=self._sums(shape.brief, MEAN),
            quarter=self._sums(shape.quarter, LINE),
            half=self._sums(shape.half, LINE),
            hour=self._sums(shape.hour, LINE),
            base=self._base(shape),
            increments=(grown[0], grown[1], grown[2]),
            resets=self._resets[quarter].sum(axis=0, dtype=np.float64)[..., None],
            flag=_double(self._flags[self._head % self._size]),
            flag_share=_mean(self._flags[quarter].astype(np.float64))[..., None],
            flag_changes=self._changes[quarter].sum(axis=0, dtype=np.float64)[..., None],
            there_brief=there[-shape.brief :].sum(axis=0, dtype=np.float64)[:, None],
            there_hour=there.sum(axis=0, dtype=np.float64)[:, None],
            silent=silent[:, None],
            young=young[:, None],
        )

    def _sums(self, window: int, matters: float) -> Sums:
        """Those of the last so many samples; what is lost of them is made of the kept ones."""

        def look(rows: Indices, signals: Indices, _: object) -> Doubles:
            found = self._gauges[self._places(window), rows[:, None], signals[:, None]]
            return found.astype(np.float64)

        totals = (total[..., None] for total in self._totals[window])
        sums = Sums(*[*totals, self._anchor[..., None], np.array([float(self._time)])])
        return sums.renewed(self._most[..., None], self._floor, matters, look)


def covers(wanted: Spec, asked: Spec) -> bool:
    """Whether what is kept for the features `wanted` is enough for these, of the same signals."""
    mine, theirs = wanted.shape, asked.shape
    same = (wanted.step, wanted.signals) == (asked.step, asked.signals)
    return same and theirs.reach <= mine.reach and _kept(theirs) <= _kept(mine)


def _kept(shape: Shape) -> int:
    """So many whole blocks are kept."""
    return shape.count + shape.lag - 1


def _presence(there: Bools) -> tuple[Doubles, Doubles]:
    """Samples since the newest one, and since the oldest one, of these [sample, row]."""
    ever = there.any(axis=0)
    silent = np.where(ever, there[::-1].argmax(axis=0), len(there))
    young = np.where(ever, len(there) - there.argmax(axis=0), 0)
    return silent.astype(np.float64), young.astype(np.float64)


@dataclass
class _Newest:
    """The newest value of each series [row, signal], and for how many samples it has been missing since."""

    value: Doubles
    age: Indices

    @classmethod
    def none(cls, series: tuple[int, ...], age: int) -> _Newest:
        """That of series without a sample for so many."""
        return cls(np.full(series, np.nan), np.full(series, age, dtype=np.intp))

    def put(self, rows: slice, values: Doubles) -> None:
        """These samples [row, signal, moment] are those of the rows."""
        there = ~np.isnan(values)
        self.value[rows] = st.filled(values, values.shape[-1])[..., -1]
        self.age[rows] = np.where(there.any(axis=-1), there[..., ::-1].argmax(axis=-1), values.shape[-1])

    def before(self, memory: int) -> Doubles:
        """The value where it is not older than so many samples, NaN elsewhere: `statistics.before`."""
        return np.where(self.age < memory, self.value, np.nan)

    def take(self, values: Doubles) -> None:
        """These are the samples that come next."""
        gone = np.isnan(values)
        self.age = np.where(gone, self.age + 1, 0)
        self.value = np.where(gone, self.value, values)


def _double(values: Floats) -> Doubles:
    """Of one moment, as statistics have them [row, signal, 1]."""
    return values[..., None].astype(np.float64)


def _mean(values: Doubles) -> Doubles:
    """The mean of what is there along the first axis."""
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    total: Doubles = np.where(there, values, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
