"""Arrays [row, moment, ...] of which only what is there is kept: pods come and go, and most never meet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from chaoskit.prediction.data.arrays import Bools, Floats, Indices

Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """`lines` [line, feature] and, for each row and moment, the `place` of its own.

    The first line stands for all that is empty. Indexed by row and moment it is the whole array's part.
    """

    lines: Floats
    place: NDArray[np.int32]

    @classmethod
    def of(cls, shape: tuple[int, int, int], most: int, parts: Iterable[Piece], nothing: float) -> Self:
        """Of parts as they are made, `most` lines at the most; what is all `nothing` is not kept."""
        lines = np.empty((most + 1, shape[2]), dtype=np.float32)  # what is not written takes no memory
        lines[0] = nothing
        place = np.zeros(shape[:2], dtype=np.int32)
        count = 1
        for rows, moments, values in parts:
            kept = ~_empty(values, nothing)
            found = values[kept]
            lines[count : count + len(found)] = found
            here = np.zeros(kept.shape, dtype=np.int32)
            here[kept] = np.arange(count, count + len(found))
            place[rows[:, None], moments] = here
            count += len(found)
            del values, found  # the next part is made without them
        return cls(lines[:count], place)

    def __getitem__(self, key: Any) -> Floats:
        """The features of these rows and moments [..., feature]."""
        found: Floats = self.lines[self.place[key]]
        return found

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many rows, moments and features it has."""
        rows, moments = self.place.shape
        return rows, moments, self.lines.shape[1]

    @property
    def there(self) -> Bools:
        """Which rows and moments have anything [row, moment]."""
        return self.place > 0

    def at(self, moments: Bools) -> Packed:
        """Its part at these moments."""
        place = self.place[:, moments]
        used = np.zeros(len(self.lines), dtype=np.bool_)
        used[place], used[0] = True, True
        anew = (np.cumsum(used) - 1).astype(np.int32)
        return Packed(self.lines[used], anew[place])

    def each(self, told: Callable[[Floats], NDArray[Kind]]) -> NDArray[Kind]:
        """What is told of each line, one value for each, as an array [row, moment]."""
        return told(self.lines)[self.place]


Piece = tuple[Indices, Indices, Floats]
"""Rows, moments, and the values of all of them [row, moment, feature]."""


def _empty(values: Floats, nothing: float) -> Bools:
    found: Bools = np.not_equal(values, values) if np.isnan(nothing) else values == nothing
    return np.asarray(found.all(axis=2))
