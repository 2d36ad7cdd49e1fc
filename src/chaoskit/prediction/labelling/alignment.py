"""Whether failures are labelled when signals show them: do these move where labels begin, or elsewhere?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

import numpy as np

from chaoskit.prediction.data.arrays import Doubles, missing
from chaoskit.prediction.data.dataset import Block
from chaoskit.prediction.labelling.labels import rows_of
from chaoskit.records import LabelRecord

FARTHEST = timedelta(hours=14)
"""No zone is farther from UTC."""

NEAR = timedelta(minutes=10)
"""A failure that shows so much before or after its label begins is labelled well enough."""

LASTING = timedelta(minutes=30)
"""So long after it began a failure's end moves signals as much."""

WINDOW = timedelta(minutes=3)
"""A signal moved where its mean of so much time is another than that of as much before it."""

ENOUGH = 4
"""Signals move by chance where fewer failures begin."""

MOST, STRONG, RARE = 10.0, 5.0, 6.0
"""In usual movements: what one counts for at most, and what real failures have on the mean;
in spreads over all offsets, how far none stands out by chance."""


def shifted(blocks: Sequence[Block], labels: Iterable[LabelRecord]) -> list[str]:
    """In words, by how much labels seem to be off: there signals move, and hardly where labels begin.

    Ramps begin without a step, so nothing is said of them.
    """
    told = [each for each in labels if each.meaning == "failure" and each.target != "*"]
    if len(told) < ENOUGH:
        return []
    step, moves = blocks[0].step, [movement(block) for block in blocks]
    mean, share = _mean(_around(each, blocks, moves) for each in told)
    offsets = (np.arange(len(mean)) - len(mean) // 2) * step
    near = np.abs(offsets) <= NEAR.total_seconds()
    far = np.where(near, np.nan, mean)
    if np.isnan(far).all():
        return []
    usual = float(np.nanmedian(mean))
    spread = 1.4826 * float(np.nanmedian(np.abs(mean - usual)))
    best, here = int(np.nanargmax(far * share)), float(np.fmax.reduce(mean[near], initial=usual))
    above = float(mean[best]) - usual
    if mean[best] < STRONG or above < RARE * spread or here - usual > above / 2:
        return []
    at = _middle(far, best, round(LASTING.total_seconds() / step))
    return [_words(float(offsets[at]), float(mean[best]), here)]


def _middle(far: Doubles, best: int, longest: int) -> int:
    """The middle of the offsets on end, about as good as the best, that come first: later ones may be ends.

    A failure ends within the `longest` so many samples after it began.
    """
    alike = np.append(far >= 0.9 * far[best], False)
    first = max(0, best - longest)
    first += int(np.argmax(alike[first : best + 1]))
    return first + (int(np.argmin(alike[first:])) - 1) // 2


def movement(block: Block) -> Doubles:
    """How far the signal that moved most did [row, moment], in its own usual movements; NaN without any."""
    width = max(1, round(WINDOW.total_seconds() / block.step))
    most = np.full((len(block.rows), block.length), np.nan)
    for column in range(block.values.shape[1]):
        after = _means(block.values[:, column].astype(np.float64), width)
        moved = np.full(after.shape, np.nan)
        moved[:, width:] = np.abs(after[:, width:] - after[:, :-width])
        known = ~np.isnan(moved)
        if not known.any():
            continue
        rows = known.any(axis=1)
        usual = np.zeros(len(block.rows))
        usual[rows] = 1.4826 * np.nanmedian(moved[rows], axis=1) + 0.05 * np.nanstd(moved[rows], axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            most = np.fmax(most, np.where(moved > 0, np.minimum(moved / usual[:, None], MOST), moved))
    return most


def _means(values: Doubles, width: int) -> Doubles:
    """The mean [row, moment] of so many samples from each moment on; NaN where there is none."""
    there = ~missing(values)
    padded = ((0, 0), (1, width - 1))
    sums, counts = (
        np.cumsum(np.pad(each, padded), axis=1) for each in (np.where(there, values, 0.0), there.astype(int))
    )
    total, count = (each[:, width:] - each[:, :-width] for each in (sums, counts))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _around(label: LabelRecord, blocks: Sequence[Block], moves: Sequence[Doubles]) -> Doubles:
    """How far signals of whom it means move at each offset from its beginning; NaN outside of data."""
    reach = round(FARTHEST.total_seconds() / blocks[0].step)
    found = np.full(2 * reach + 1, np.nan)
    for block, moved in zip(blocks, moves, strict=True):
        rows = list(rows_of(block, label))
        first = round((label.start - block.start).total_seconds() / block.step) - reach
        begin, end = max(0, first), min(block.length, first + len(found))
        if rows and begin < end:
            place = found[begin - first : end - first]
            np.fmax(place, np.fmax.reduce(moved[rows, begin:end], axis=0), out=place)
    return found


def _mean(found: Iterable[Doubles]) -> tuple[Doubles, Doubles]:
    """The mean over the failures at each offset, and the share of them that lie in the data then.

    NaN where few, or few of all, do. A schedule repeats itself, with fewer of them each time. One that lies
    outside of the data counts in nothing.
    """
    total, count, many = np.zeros(1), np.zeros(1), 0
    for each in found:
        there = ~np.isnan(each)
        total, count, many = total + np.where(there, each, 0.0), count + there, many + bool(there.any())
    told = count >= max(ENOUGH, many / 2)
    return np.where(told, total / np.maximum(count, 1), np.nan), count / max(1, many)


def _words(offset: float, there: float, here: float) -> str:
    hours, minutes = divmod(round(abs(offset) / 60), 60)
    far = " ".join(f"{many} {unit}" for many, unit in ((hours, "h"), (minutes, "min")) if many)
    when = "before" if offset < 0 else "after"
    return (
        f"the labels look shifted: signals move {far} {when} failures are told to begin ({there:.1f} times as"
        f" much as usual), and hardly where they are ({here:.1f}): are both files' times of one zone?"
    )
