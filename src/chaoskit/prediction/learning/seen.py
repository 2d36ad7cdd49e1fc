"""What a model learned from, or was calibrated on: whose samples, from when to when; and what is neither."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

import numpy as np

from chaoskit.prediction.data.arrays import Bools, Doubles
from chaoskit.prediction.data.dataset import Block, present
from chaoskit.prediction.labelling.labels import Event, Labelled
from chaoskit.prediction.learning.folds import Moments


@dataclass(frozen=True, slots=True)
class Span:
    """Samples of these pods (namespace, name) from the first to the last moment."""

    pods: frozenset[tuple[str, str]]
    first: datetime
    last: datetime


def spans(labelled: Labelled, chosen: Moments) -> tuple[Span, ...]:
    """What the chosen moments cover, one span for each block."""
    return tuple(_spans(labelled, chosen))


def _spans(labelled: Labelled, chosen: Moments) -> Iterator[Span]:
    for block, moments in zip(labelled.dataset.blocks, chosen, strict=True):
        inside = np.flatnonzero(moments)
        if len(inside):
            yield Span(_pods(block), block.at(int(inside[0])), block.at(int(inside[-1])))


def _pods(block: Block) -> frozenset[tuple[str, str]]:
    return frozenset((row.namespace, row.pod) for row in block.rows)


def fresh(tuned: Sequence[Span], labelled: Labelled) -> Moments:
    """The moments outside every span of the block's pods, without failures that a span cuts.

    Healthy samples alone set thresholds, so a failure that begins where a span ends is whole.
    """
    return _free(tuned, labelled, 0, lambda event, span: event.start < span.last)


BESIDE = timedelta(minutes=5)
"""So near to what was learned from, nothing judges, even of data that begins after it: a failure settles."""


def unseen(known: Sequence[Span], labelled: Labelled, gap: int) -> Moments:
    """The moments that have nothing to do with any span of the block's pods.

    A block that holds some of a span looks back into it: `gap` samples around the span are left out there.
    One that begins after it does not: there only what is `BESIDE` is. A failure that has a part in a span is
    left out whole. A span of which the block has but a few pods is of another place: see `apart`.
    """
    return _free(known, labelled, gap, lambda event, span: event.start <= span.last)


def apart(known: Sequence[Span], labelled: Labelled, gap: int) -> tuple[Labelled, int]:
    """The same with pods unknown at the time of a span that has few of their block's, and how many they are.

    Pods of stateful sets are called alike in every cluster: the others there have no part in the span.
    """
    truths, pods = list(labelled.truths), set[tuple[int, int]]()
    for index, block in enumerate(labelled.dataset.blocks):
        for span, free in _near(known, labelled, index, gap, lambda event, span: event.start <= span.last):
            rows, y = _shared(span, block), truths[index].y
            if _is_of(span, block, rows):
                continue
            lost = rows[:, None] & ~free & (y >= 0)
            pods |= {(index, row) for row in np.flatnonzero(lost.any(axis=1)).tolist()}
            truths[index] = replace(truths[index], y=np.where(lost, np.int8(-1), y))
    return replace(labelled, truths=tuple(truths)), len(pods)


Before: TypeAlias = Callable[[Event, Span], bool]


def _free(known: Sequence[Span], labelled: Labelled, gap: int, before: Before) -> Moments:
    """What is far enough from every span; no failure that began `before` a span's end, unless it was over."""
    found = []
    for index, block in enumerate(labelled.dataset.blocks):
        free = np.ones(block.length, dtype=np.bool_)
        for span, outside in _near(known, labelled, index, gap, before):
            if _is_of(span, block, _shared(span, block)):
                free &= outside
        found.append(free)
    return tuple(found)


def _near(
    known: Sequence[Span], labelled: Labelled, index: int, gap: int, before: Before
) -> Iterator[tuple[Span, Bools]]:
    """The spans that are not far enough from all of a block, whosever they are, and the moments outside each.

    Most lie hours away: of them nobody need know whose pods they are.
    """
    block = labelled.dataset.blocks[index]
    events = [each for each in labelled.events if each.block == index]
    for span in known:
        free = _outside(span, block, events, gap, before)
        if not free.all():
            yield span, free


def _is_of(span: Span, block: Block, shared: Bools) -> bool:
    """Whether most of the pods that the block has at the span's time are the span's, as the `shared` are."""
    if not shared.any():
        return False
    first, last = np.searchsorted(block.times, [span.first.timestamp(), span.last.timestamp()]).tolist()
    there = present(block.values[:, :, first : last + 1]).any(axis=1)
    there = there if there.any() else np.ones_like(shared)
    return bool(2 * (shared & there).sum() > there.sum())


def _shared(span: Span, block: Block) -> Bools:
    """The block's rows that are pods of the span; of whom no namespace is known, by the name alone."""
    names, bare = {name for _, name in span.pods}, {name for namespace, name in span.pods if not namespace}
    return np.array(
        [
            (row.namespace, row.pod) in span.pods
            or row.pod in bare
            or (not row.namespace and row.pod in names)
            for row in block.rows
        ],
        dtype=np.bool_,
    )


def _outside(span: Span, block: Block, events: Sequence[Event], gap: int, before: Before) -> Bools:
    """The moments of a block that are far enough from the span, and from failures that it cuts."""
    free = _apart(span, block, gap)
    for event in events:
        if before(event, span) and _end(event, block) >= span.first:
            free[event.first : event.last + 1] = False
    return free


def _end(event: Event, block: Block) -> datetime:
    """The failure's end, or its last sample here: that tells of the time before it."""
    return max(event.end, block.at(event.last))


def _apart(span: Span, block: Block, gap: int) -> Bools:
    """The moments of the block that are far enough from the span."""
    shares = span.first <= block.end and block.start <= span.last
    margin = gap * block.step if shares else min(gap * block.step, BESIDE.total_seconds())
    times: Doubles = block.times
    return (times < span.first.timestamp() - margin) | (times > span.last.timestamp() + margin)
