"""Which looks that could not be evaluated leave open whether a condition held: one rule for all who judge."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

DARK = 3
"""So many looks in a row that could not be evaluated are no gap any more: what held then is not known."""


def dark(held: Sequence[bool | None]) -> int | None:
    """The first of the looks of the first dark stretch, counted from 0; None where what held is known.

    `held` is one condition's looks during a fault, None for one that could not be evaluated. A condition that
    was never known is all dark, however few the looks.
    """
    place = 0
    for unknown, stretch in groupby(held, lambda each: each is None):
        length = len(tuple(stretch))
        if unknown and length >= min(DARK, len(held)):
            return place
        place += length
    return None
