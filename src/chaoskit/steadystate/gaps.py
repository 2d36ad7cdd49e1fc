"""Which looks that could not be evaluated leave open whether a condition held: one rule for all who judge."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

DARK = 3
"""So many looks in a row that could not be evaluated are no gap any more: what held then is not known."""


def dark(held: Sequence[bool | None], late: Sequence[bool]) -> int | None:
    """The first of the looks of the first dark stretch, counted from 0; None where what held is known.

    `held` is one condition's looks under a fault, None for one that could not be evaluated, or not even be
    begun: each stands for its interval. What was not known at most of them is dark, however short the gaps.
    So is the last of those that were `late`, begun when the fault was over: earlier ones do not know what it
    was for.
    """
    unknown = [place for place, each in enumerate(held) if each is None]
    if 2 * len(unknown) > len(held):
        return unknown[0]
    place = 0
    for gap, stretch in groupby(held, lambda each: each is None):
        length = len(tuple(stretch))
        if gap and length >= DARK:
            return place
        place += length
    last = max((place for place, each in enumerate(late) if each), default=None)
    return last if last is not None and held[last] is None else None
