"""The newest moments of what is collected piece by piece: what comes late fills gaps, what is old goes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from chaoskit.prediction.data.arrays import Bools, Floats, missing
from chaoskit.prediction.data.dataset import Block, Dataset, named, present

ROOM = 40
"""So many more moments are written into one array before what is left of it moves to its beginning."""


class Recent:
    """The newest `length` moments of datasets of one block each, on one grid, each later than the last.

    They are views of one array that is written on: what was returned changes with what is taken next.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._all: Floats = np.zeros((0, 0, 0), dtype=np.float32)
        self._counters: tuple[int, ...] = ()
        self._first = 0
        self._dataset: Dataset | None = None

    @property
    def dataset(self) -> Dataset | None:
        """What was taken last and before; None while nothing was."""
        return self._dataset

    def take(self, new: Dataset) -> Dataset:
        """The newest moments, these included; as `latest` makes them."""
        if self._dataset is None:
            return self._begin(new)
        known, fresh = self._dataset.blocks[0], new.blocks[0]
        place = {row: index for index, row in enumerate(known.rows)}
        finer = not known.fine.keys() >= fresh.fine.keys()
        if finer or fresh.start < known.start or not place.keys() >= set(fresh.rows):
            return self._begin(latest(self._dataset, new, self._length))
        found = self._written(self._dataset, fresh, [place[row] for row in fresh.rows])
        kept = _seen(found.blocks[0].values)
        return found if kept.all() else self._begin(_with(found, kept))

    def _begin(self, dataset: Dataset) -> Dataset:
        """It is laid into an array with room for more."""
        block = dataset.blocks[0]
        self._counters = tuple(block.fine)
        columns = block.values.shape[1] + len(self._counters)
        self._all = np.empty((len(block.rows), columns, max(block.length, self._length) + ROOM), np.float32)
        self._all[:, :, : block.length] = _laid(block, self._counters)
        return self._shown(dataset, 0, 0, block.length)

    def _written(self, known: Dataset, fresh: Block, mine: list[int]) -> Dataset:
        """What is new stands at its place, the newer word where there is one."""
        old = known.blocks[0]
        offset = round((fresh.start - old.start).total_seconds() / old.step)
        total = max(old.length, offset + fresh.length)
        if self._first + total > self._all.shape[2]:
            if total > self._all.shape[2]:
                return self._begin(latest(known, replace(known, blocks=(fresh,)), self._length))
            self._move(old.length)
        self._all[:, :, self._first + old.length : self._first + total] = np.nan
        span = slice(self._first + offset, self._first + offset + fresh.length)
        before, word = self._all[mine, :, span], _laid(fresh, self._counters)
        self._all[mine, :, span] = np.where(missing(word), before, word)
        return self._shown(known, max(0, total - self._length), self._first, total)

    def _move(self, length: int) -> None:
        """What is shown begins where the array does; row by row, for it is large."""
        for row in self._all:
            row[:, :length] = row[:, self._first : self._first + length]
        self._first = 0

    def _shown(self, dataset: Dataset, skipped: int, first: int, total: int) -> Dataset:
        block, self._first = dataset.blocks[0], first + skipped
        laid = self._all[:, :, self._first : first + total]
        shown = _taken(replace(block, start=block.at(skipped)), laid, self._counters)
        self._dataset = replace(dataset, blocks=(shown,))
        return self._dataset


def latest(known: Dataset, new: Dataset, length: int) -> Dataset:
    """The newest `length` moments of both, which are one block each on one grid; the newer word counts.

    A row that has no value in them is left out.
    """
    old, fresh = known.blocks[0], new.blocks[0]
    offset = round((fresh.start - old.start).total_seconds() / old.step)
    total = max(old.length, offset + fresh.length)
    both = named((*old.rows, *fresh.rows))
    rows, place = tuple(both.values()), {who: index for index, who in enumerate(both)}
    first = max(0, total - length)
    counters = tuple({**old.fine, **fresh.fine})
    columns = len(known.signals) + len(counters)
    laid = np.full((len(rows), columns, total - first), np.nan, dtype=np.float32)
    laid[: len(old.rows), :, : max(0, old.length - first)] = _laid(old, counters)[:, :, first:]
    mine, late = [place[row.namespace, row.pod] for row in fresh.rows], max(0, first - offset)
    span = slice(offset + late - first, offset + fresh.length - first)
    word = _laid(fresh, counters)[:, :, late:]
    laid[mine, :, span] = np.where(missing(word), laid[mine, :, span], word)
    block = _taken(replace(old, rows=rows, start=old.at(first)), laid, counters)
    found, kept = replace(known, blocks=(block,)), _seen(block.values)
    return found if kept.all() else _with(found, kept)


def _laid(block: Block, counters: tuple[int, ...]) -> Floats:
    """Its values, and after them what is fine of these counters: nothing where it lost nothing of one."""
    if not counters:
        return block.values
    fine = [block.fine.get(column, 0 * block.values[:, column]) for column in counters]
    return np.concatenate([block.values, np.stack(fine, axis=1)], axis=1)


def _taken(block: Block, laid: Floats, counters: tuple[int, ...]) -> Block:
    """The block with what `_laid` put together."""
    signals = laid.shape[1] - len(counters)
    fine = {column: laid[:, signals + place] for place, column in enumerate(counters)}
    return replace(block, values=laid[:, :signals], fine=fine)


def _with(dataset: Dataset, kept: Bools) -> Dataset:
    """The same with these rows alone."""
    return replace(dataset, blocks=(dataset.blocks[0].of(np.flatnonzero(kept).tolist()),))


def _seen(values: Floats) -> Bools:
    """Which rows have any value; most have one at the end."""
    found: Bools = np.logical_not(missing(values[..., -1]).all(axis=1))
    rest = np.flatnonzero(~found)
    found[rest] = present(values[rest]).any(axis=1)
    return found
