"""Lines of measurements as they come, in any order, in little more memory than what is kept of them takes."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from chaoskit.prediction.data import memory
from chaoskit.prediction.data.arrays import Doubles, Measured
from chaoskit.prediction.data.dataset import Row
from chaoskit.prediction.reading.blocks import Made, Ordered, counts_up, fill, ordered
from chaoskit.prediction.reading.mapping import Mapping

LINE = 12
"""Bytes that a line takes beside its values: whose it is, and when."""

ORDER = 60
"""Bytes for each line that it takes to put them in order."""


PIECE = 2**20
"""Bytes that are taken at once."""


class _Column:
    """Numbers as they come; the system has their memory back as soon as they are taken."""

    def __init__(self, kind: DTypeLike) -> None:
        self.kind = np.dtype(kind)
        self._pieces: list[NDArray[Any]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def extend(self, numbers: NDArray[Any]) -> None:
        """These come after the others; what is too large for them is infinite."""
        while len(numbers):
            at = self._count % (PIECE // self.kind.itemsize)
            if not at:
                self._pieces.append(np.frombuffer(mmap.mmap(-1, PIECE), self.kind))
            place = self._pieces[-1][at : at + len(numbers)]
            with np.errstate(over="ignore"):
                place[:] = numbers[: len(place)]
            self._count += len(place)
            numbers = numbers[len(place) :]

    def take(self) -> NDArray[Any]:
        """All of them; none is left."""
        found = np.empty(self._count, self.kind)
        for first in range(0, self._count, PIECE // self.kind.itemsize):
            place = found[first : first + PIECE // self.kind.itemsize]
            place[:] = self._pieces.pop(0)[: len(place)]
        return found


class Lines:
    """Lines by run and pod, time, and a value of each signal of the mapping, NaN where it is missing.

    Floats wait in the precision in which they are kept; those that count up wait in double.
    """

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._whose: dict[tuple[str, Row], int] = {}
        self._who, self._at = _Column("i4"), _Column("f8")
        self._told = [_Column("f8" if each else "f4") for each in counts_up(mapping)]
        self._memory = memory.Growing(LINE + sum(told.kind.itemsize for told in self._told), ORDER)

    def whose(self, run: str, row: Row) -> int:
        """The number that stands for this run and row."""
        return self._whose.setdefault((run, row), len(self._whose))

    def add(self, who: Sequence[int], at: Doubles, values: Sequence[Doubles]) -> None:
        """More lines: the number of whose each is, when (Unix seconds), and the values of each signal.

        Raises:
            CannotStart: there is not memory enough to hold them and to put them in order.
        """
        self._memory.check(len(self._at), len(self._at) + len(who))
        for column, found in zip(
            (self._who, self._at, *self._told), (np.array(who), at, *values), strict=True
        ):
            column.extend(found)

    def made(self) -> Made | None:
        """The blocks that they make, and they are gone; None where there is no line.

        Raises:
            CannotStart: there is not memory enough for the blocks.
        """
        if not len(self._at):
            return None
        lines = ordered(self._whose, self._who.take(), self._at.take())
        return fill(lines, self._mapping, self._parts(lines))

    def _parts(self, lines: Ordered) -> Iterator[list[Measured]]:
        """What the lines of each part in turn tell of each signal; the memory of the part before is free."""
        parts: list[list[_Column]] = [[] for _ in lines.parts]
        for told in self._told:
            found = told.take()[lines.order]
            for part, columns in zip(lines.parts, parts, strict=True):
                columns.append(_Column(told.kind))
                columns[-1].extend(found[part.lines])
        for columns in parts:
            yield [column.take() for column in columns]
