"""Where samples stand on a grid: those of a row each at a moment of its own, whatever their phase."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaoskit.prediction.data.arrays import Bools, Doubles, Ints, Measured, Numbers

FINER = 0.5
"""Samples so many steps apart at most are finer than the grid: some of them must share a moment."""

AT_ONCE = 2**17
"""So many different lengths may wait to be counted together."""


def nearest(times: Doubles, start: float, step: float) -> tuple[Doubles, Ints]:
    """The times in steps since `start`, and the nearest moment of each; of two as near, the earlier.

    Halves go one way, so that a row half a step beside the first has each sample at another moment.
    """
    steps = np.round((times - start) / step, 6)
    return steps, np.ceil(steps - 0.5).astype(np.int64)


def apart(rows: Ints, steps: Doubles, moments: Ints) -> tuple[Ints, Bools]:
    """The moment of each sample, and which are lost: a newer one of their row stands at theirs.

    `steps` ascend. Where two of a row meet though they are no finer than the grid, as those do that are taken
    half a step beside it, now a little before and now a little after, the older goes back to an empty moment
    before, and those between make room: none is moved by a whole step.
    """
    order = np.argsort(rows, kind="stable")
    row, at, found = rows[order], steps[order], moments[order]
    same, later = row[1:] == row[:-1], np.diff(at)
    for last in np.flatnonzero(same & (np.diff(found) == 0) & (later > FINER)).tolist():
        if (first := _room(row, at, found, last)) is not None:
            found[first : last + 1] -= 1
    shared, lost = same & (np.diff(found) == 0) & (later > 0), np.zeros(len(rows), dtype=np.bool_)
    placed = np.empty_like(found)
    placed[order], lost[order[:-1]] = found, shared
    return placed, lost


def _room(row: Ints, at: Doubles, found: Ints, last: int) -> int | None:
    """From which sample on until `last` all can go back by a moment; None where they cannot."""
    for first in range(last, -1, -1):
        if at[first] >= found[first]:
            return None
        before = found[first - 1] if first and row[first - 1] == row[first] else -1
        if before < found[first] - 1:
            return first
        if before == found[first]:
            return None
    return None


def contradicted(rows: Ints, times: Doubles, values: Measured) -> int:
    """How many values are another than one that came later for the same row and time; `times` ascend."""
    order = np.argsort(rows, kind="stable")
    same = (np.diff(rows[order]) == 0) & (np.diff(times[order]) == 0)
    return int((same & (values[order][1:] != values[order][:-1])).sum())


class Spacings:
    """How long after the one before it, of the same row, each value was measured; each length is counted.

    Of one time there is no such length.
    """

    def __init__(self) -> None:
        self._counted: list[tuple[NDArray[Any], NDArray[Any]]] = []
        self._most = AT_ONCE

    def add(self, rows: Numbers, times: Doubles, values: Measured) -> None:
        """Those between the values of one signal; `times` (seconds) ascend within a row."""
        known = np.flatnonzero(~np.isnan(values))
        order = known[np.argsort(rows[known], kind="stable")]
        found = np.diff(times[order])[rows[order][1:] == rows[order][:-1]]
        lengths, counts = np.unique(found[found > 0], return_counts=True)
        self._counted.append((lengths, counts))
        if sum(len(lengths) for lengths, _ in self._counted) > self._most:
            self._most = AT_ONCE + 2 * len(self._together()[0])

    def _together(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Each length once, in order, and how often there is one."""
        lengths, counts = (np.concatenate(each) for each in zip(*self._counted, strict=True))
        every, place = np.unique(lengths, return_inverse=True)
        self._counted = [(every, np.bincount(place, counts, len(every)))]
        return self._counted[0]

    @property
    def median(self) -> float | None:
        """What most are about, in seconds; None without any."""
        lengths, counts = self._together()
        if not len(lengths):
            return None
        ends = np.cumsum(counts)
        middle = np.searchsorted(ends, [(ends[-1] - 1) // 2, ends[-1] // 2], side="right")
        return float(lengths[middle].mean())


def per_second(rows: Ints, moments: Ints, counter: Measured, step: int) -> tuple[Ints, Ints, Measured]:
    """The increase per second of counters since the newest sample before, with its row and moment.

    None at a row's first. Of two values of one moment the later counts. After a reset the counter itself is
    the increase, as Prometheus counts.
    """
    order = np.lexsort((moments, rows))
    row, at, value = rows[order], moments[order], counter[order]
    last = np.append((np.diff(row) != 0) | (np.diff(at) != 0), True)[: len(row)]
    row, at, value = row[last], at[last], value[last]
    same = np.diff(row) == 0
    grown = np.diff(value)
    grown = np.where(grown < 0, value[1:], grown)[same]
    return row[1:][same], at[1:][same], grown / (np.diff(at)[same] * step)
