"""Which moments teach and which examine: by time, with whole events on one side and a gap between the sides.

Rows are never split at random: neighbouring minutes of one event would stand on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from chaoskit import errors
from chaoskit.prediction.data.arrays import Bools
from chaoskit.prediction.labelling.labels import Labelled

Moments: TypeAlias = tuple[Bools, ...]
"""For each block, which of its moments are meant."""


def check(split: str) -> None:
    """What is held out is time; `Refused` for any other way, that of random rows above all."""
    if split != "time":
        raise errors.Refused(
            f"a split by {split} puts minutes of one event on both sides: its score would say nothing",
            guard="honest evaluation",
            hint="split by time; workloads held out are a second column of the report",
        )


MANY_RUNS = 4
"""From so many runs with events on, whole runs are held out; fewer are cut in time."""


def by_time(labelled: Labelled, holdout: float, gap: int) -> tuple[Moments, Moments]:
    """The earlier part of every block, and its last `holdout` (a share) after a gap of so many samples.

    Of many runs with events the last ones are held out whole, where they came `later` than all others.
    """
    if first := later(labelled, holdout):
        early = [np.full(b.length, n < first, dtype=bool) for n, b in enumerate(labelled.dataset.blocks)]
        return tuple(early), tuple(~each for each in early)
    early, late = [], []
    for index, block in enumerate(labelled.dataset.blocks):
        cut = _between_events(labelled, index, round(block.length * (1 - holdout)))
        moments = np.arange(block.length)
        early.append(moments < cut)
        late.append(moments >= cut + gap if block.length - cut > gap else moments < 0)
    return tuple(early), tuple(late)


def later(labelled: Labelled, holdout: float) -> int:
    """From which block on many runs are held out whole; 0 where they are few, or lie beside those before."""
    runs, blocks = _runs(labelled), labelled.dataset.blocks
    first = runs[min(len(runs) - 1, max(1, round(len(runs) * (1 - holdout))))] if runs else 0
    apart = first and max(b.end for b in blocks[:first]) <= min(b.start for b in blocks[first:])
    return first if apart else 0


def everything(labelled: Labelled) -> Moments:
    """Every moment of every block."""
    return tuple(np.ones(block.length, dtype=bool) for block in labelled.dataset.blocks)


MOST_LOST = 0.25
"""Gaps may take so much of what teaches: with more, what is left makes another model than the one kept."""

EDGE_MINUTES = 2
"""Between failures that are held out in turn, each with the time about it, there is at least so much."""


def turns(labelled: Labelled, chosen: Moments, count: int, gap: int) -> list[tuple[Moments, Moments]]:
    """Each part of the chosen time in turn: (what teaches, what examines), nothing within `gap` of it.

    Of many runs each is a part, up to `MOST_FOLDS`; else there are `count` even stretches, cut between
    events. Where the time is `short` for that, the parts are whole events with the time about each, dealt out
    in turn, and the gap is `EDGE_MINUTES`.
    """
    if short(labelled, chosen, count, gap):
        return _each(_dealt(labelled, chosen, count), _edge(labelled, gap))
    return _each(number(labelled, chosen, count), gap)


def halves(labelled: Labelled, chosen: Moments, gap: int) -> list[tuple[Moments, Moments]]:
    """One half of the chosen time and the other, either way: (what teaches, what examines).

    Of many runs every second one with events, and every second one without; else stretches, `gap` apart, or
    `EDGE_MINUTES` where that would take too much of what teaches.
    """
    numbers = number(labelled, chosen, 2, most=2)
    return _each(numbers, _edge(labelled, gap) if _loses(numbers, gap) else gap)


def short(labelled: Labelled, chosen: Moments, count: int, gap: int) -> bool:
    """Whether gaps so long between so many stretches would take more than `MOST_LOST` of what teaches."""
    return _loses(number(labelled, chosen, count), gap)


def _edge(labelled: Labelled, gap: int) -> int:
    return min(gap, round(EDGE_MINUTES * 60 / labelled.dataset.step))


def _loses(numbers: Sequence[NDArray[np.int8]], gap: int) -> bool:
    kept = wanted = 0
    for held, (teaches, _) in enumerate(_each(numbers, gap)):
        kept += sum(int(each.sum()) for each in teaches)
        wanted += sum(int(((each >= 0) & (each != held)).sum()) for each in numbers)
    return kept < (1 - MOST_LOST) * wanted


def _each(numbers: Sequence[NDArray[np.int8]], gap: int) -> list[tuple[Moments, Moments]]:
    """Every fold held out in turn."""
    last = max((int(each.max()) for each in numbers if len(each)), default=-1)
    return [apart(numbers, held, gap) for held in range(last + 1)]


def _dealt(labelled: Labelled, chosen: Moments, count: int) -> tuple[NDArray[np.int8], ...]:
    """The fold of each chosen moment when events, cut apart midway between them, are dealt out in turn."""
    found = []
    for index, moments in enumerate(chosen):
        mine = sorted((e.first, e.last) for e in labelled.events if e.block == index)
        if len(mine) < 2:
            found.append(_stretches(labelled, index, moments, count))
            continue
        ends = np.maximum.accumulate([last for _, last in mine])
        starts = np.array([first for first, _ in mine])
        free = starts[1:] > ends[:-1]  # those under way together stay together
        cuts = (ends[:-1] + starts[1:])[free] // 2 + 1
        fold = (np.searchsorted(cuts, np.arange(len(moments)), side="right") + index) % count
        found.append(np.where(moments, fold, -1).astype(np.int8))
    return tuple(found)


def onward(labelled: Labelled, chosen: Moments, count: int, gap: int) -> list[tuple[Moments, Moments]]:
    """Each of `count` stretches but the first in turn: (what came before it teaches, it examines).

    Nothing within `gap` of it teaches. Of many runs whole ones make the stretches, as they began.
    """
    order = _ordered_runs if _runs(labelled) else _ordered_moments
    numbers = order(labelled, chosen, count)
    found = []
    for held in range(1, count):
        before, examined = apart(numbers, held, gap)
        earlier = tuple(each & (fold < held) for each, fold in zip(before, numbers, strict=True))
        found.append((earlier, examined))
    return found


def _ordered_runs(labelled: Labelled, chosen: Moments, count: int) -> tuple[NDArray[np.int8], ...]:
    blocks = labelled.dataset.blocks
    order = sorted(range(len(blocks)), key=lambda index: blocks[index].start)
    place = {index: n for n, part in enumerate(np.array_split(order, count)) for index in part.tolist()}
    return tuple(np.where(moments, place[n], -1).astype(np.int8) for n, moments in enumerate(chosen))


def _ordered_moments(labelled: Labelled, chosen: Moments, count: int) -> tuple[NDArray[np.int8], ...]:
    """Stretches of even length over all blocks, cut at the same times, between events."""
    blocks = labelled.dataset.blocks
    times = np.concatenate([block.times[moments] for block, moments in zip(blocks, chosen, strict=True)])
    edges = np.quantile(times, np.arange(1, count) / count) if len(times) else np.zeros(0)
    found = []
    for index, (block, moments) in enumerate(zip(blocks, chosen, strict=True)):
        inside = np.searchsorted(block.times, edges)
        cuts = [
            _between_events(labelled, index, at) if 0 < at < block.length else at for at in inside.tolist()
        ]
        fold = np.searchsorted(np.sort(cuts), np.arange(block.length), side="right")
        found.append(np.where(moments, fold, -1).astype(np.int8))
    return tuple(found)


MOST_FOLDS = 10
"""Of many runs each is a fold of its own, up to so many."""


def number(
    labelled: Labelled, chosen: Moments, count: int, most: int = MOST_FOLDS
) -> tuple[NDArray[np.int8], ...]:
    """For each block the fold of each chosen moment, -1 for the others; of whole runs at `most` so many.

    Of whole runs those with events are dealt in turn, and those without in turn from the other end.
    """
    runs = [index for index in _runs(labelled) if chosen[index].any()]
    if len(runs) >= MANY_RUNS:
        folds = min(len(runs), most)
        calm = [index for index in range(len(chosen)) if index not in runs and chosen[index].any()]
        place = {index: n % folds for n, index in enumerate(runs)}
        place |= {index: folds - 1 - n % folds for n, index in enumerate(calm)}
        return tuple(
            np.where(moments, place.get(index, -1), -1).astype(np.int8)
            for index, moments in enumerate(chosen)
        )
    return tuple(_stretches(labelled, index, moments, count) for index, moments in enumerate(chosen))


def _runs(labelled: Labelled) -> list[int]:
    """The blocks with events, if they are many."""
    found = sorted({event.block for event in labelled.events})
    return found if len(found) >= MANY_RUNS else []


def _stretches(labelled: Labelled, index: int, moments: Bools, count: int) -> NDArray[np.int8]:
    """Even stretches of one block, cut between events; blocks begin with different folds."""
    fold = np.full(len(moments), -1, dtype=np.int8)
    inside = np.flatnonzero(moments)
    if len(inside):
        edges = np.linspace(inside[0], inside[-1] + 1, count + 1).round().astype(int)
        cuts = [_between_events(labelled, index, int(edge)) for edge in edges[1:-1]]
        fold[inside] = (np.searchsorted(cuts, inside, side="right") + index) % count
    return fold


def _between_events(labelled: Labelled, index: int, wanted: int) -> int:
    """The moment nearest to `wanted` at which no event of the block is under way or about to begin."""
    truth = labelled.truths[index]
    inside = (truth.event >= 0).any(axis=0)
    free = np.flatnonzero(~inside)
    return int(free[np.argmin(np.abs(free - wanted))]) if len(free) else wanted


def apart(folds: Sequence[NDArray[np.int8]], held: int, gap: int) -> tuple[Moments, Moments]:
    """What teaches when fold `held` examines: the others, but nothing within `gap` samples of it."""
    train, test = [], []
    for fold in folds:
        examined = fold == held
        near = np.convolve(examined, np.ones(2 * gap + 1))[gap : gap + len(fold)] > 0.5
        train.append((fold >= 0) & ~near)
        test.append(examined)
    return tuple(train), tuple(test)
