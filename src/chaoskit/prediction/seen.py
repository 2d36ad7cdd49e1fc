"""What a model learned from: whose samples, from when to when; and what of other data is none of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from chaoskit.prediction.dataset import Block
from chaoskit.prediction.folds import Moments
from chaoskit.prediction.labels import Labelled


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


def unseen(known: Sequence[Span], labelled: Labelled, gap: int) -> Moments:
    """The moments further than `gap` samples from any span of one of the block's pods."""
    found = []
    for block in labelled.dataset.blocks:
        times, pods, margin = block.times, _pods(block), gap * block.step
        free = np.ones(block.length, dtype=np.bool_)
        for span in known:
            if span.pods & pods:
                first, last = span.first.timestamp() - margin, span.last.timestamp() + margin
                free &= (times < first) | (times > last)
        found.append(free)
    return tuple(found)
