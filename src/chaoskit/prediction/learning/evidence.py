"""Evidence as an alarm of its own: all signs, in units of what healthy pods of this cluster show at most.

Nothing is learned from failures here, so nothing of one cluster's failures is carried to another; only the
spread of healthy time is measured, and `calibrate` measures it anew where the model is to work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from chaoskit.prediction.data.arrays import Bools, Doubles, Floats
from chaoskit.prediction.data.packed import Packed
from chaoskit.prediction.features.evidence import bounded
from chaoskit.prediction.features.layout import Spec
from chaoskit.prediction.labelling.labels import Labelled
from chaoskit.prediction.learning.alarms import confirmed
from chaoskit.prediction.learning.folds import Moments

LEVELS = ("saturation",)
"""What says how full something is, not how unusual: that is the static rule's business."""

STRETCH_MINUTES = 120
"""The most that a pod shows is taken over stretches of so long."""

BEYOND = 0.3
"""A spread lies beyond the most that was seen, by so much of the way from the usual stretch to it: the time
that was seen is short, and the longer the tail, the more is still to come. No report measures it."""

LEAST = float(bounded(np.array(3.0)))
"""Three usual spreads are the least that a sign counts from."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The most that healthy time shows of each sign, by feature name: its spread."""

    spreads: Mapping[str, float]

    def signs(self, spec: Spec, rows: Floats) -> Floats:
        """Each sign in units of its spread [..., sign], in the order of the spreads."""
        place = {name: index for index, name in enumerate(spec.names)}
        chosen = [place[name] for name in self.spreads]
        units = np.array(list(self.spreads.values()), dtype=np.float32)
        return np.asarray(rows[..., chosen] / units, dtype=np.float32)

    def scores(self, spec: Spec, rows: Floats) -> Floats:
        """How strong the signs of each row of features are together [...]: the root of their squares' sum.

        The strongest speaks, several beside it count too, and the hum of many weak ones hardly does. From
        where on that is an alarm is not said by the spreads.
        """
        return np.asarray(np.sqrt((self.signs(spec, rows) ** 2).sum(axis=-1)), dtype=np.float32)

    def over(self, spec: Spec, blocks: Sequence[Packed]) -> list[Floats]:
        """The same for whole blocks, each as an array [row, moment]."""
        return [block.each(partial(self.scores, spec)) for block in blocks]


def fit(labelled: Labelled, chosen: Moments, spec: Spec, blocks: Sequence[Packed]) -> Evidence:
    """The spreads over the healthy samples of the chosen moments."""
    spread = limits(tops(labelled, chosen, blocks))
    return Evidence(
        {
            name: float(max(LEAST, value))
            for name, value in zip(spec.names, spread, strict=True)
            if name.partition(".")[2] not in LEVELS
        }
    )


def out_of_fold(
    labelled: Labelled, sides: Sequence[tuple[Moments, Moments]], spec: Spec, blocks: Sequence[Packed]
) -> list[Floats]:
    """The scores [row, moment] per block, each stretch's by the spreads of the others; NaN elsewhere."""
    out = [np.full(truth.y.shape, np.nan, dtype=np.float32) for truth in labelled.truths]
    for teaches, examines in sides:
        spreads = fit(labelled, teaches, spec, blocks)
        for block, scores, moments in zip(blocks, out, examines, strict=True):
            scores[:, moments] = block.at(moments).each(partial(spreads.scores, spec))
    return out


def limits(seen: Doubles) -> Doubles:
    """What no healthy stretch is expected to reach [...], from the most that each shows [stretch, ...].

    1 where there is no stretch.
    """
    if not len(seen):
        return np.ones(seen.shape[1:])
    most = seen.max(axis=0)
    found: Doubles = most + BEYOND * (most - np.median(seen, axis=0))
    return found


def tops(labelled: Labelled, chosen: Moments, blocks: Sequence[Floats | Packed]) -> Doubles:
    """The most that each healthy stretch of each row of these [row, moment, ...] shows [stretch, ...]."""
    found = [
        _tops(block, (truth.y == 0) & moments, labelled)
        for block, truth, moments in zip(blocks, labelled.truths, chosen, strict=True)
    ]
    return np.concatenate(found)


def _tops(block: Floats | Packed, healthy: Bools, labelled: Labelled) -> Doubles:
    """The same of one block [row, moment, ...], of the samples that are `healthy` [row, moment]."""
    length = max(1, round(STRETCH_MINUTES * 60 / labelled.dataset.step))
    found = [np.zeros((0, *block.shape[2:]), dtype=np.float32)]
    for first in range(0, block.shape[1], length):
        inside = healthy[:, first : first + length]
        rows = np.flatnonzero(inside.any(axis=1))
        if not len(rows):
            continue
        by_time = np.moveaxis(block[rows, first : first + length], 1, -1)
        held = confirmed(by_time, labelled.target.confirm)
        mask = inside[rows].reshape(len(rows), *[1] * (held.ndim - 2), -1) & ~np.isnan(held)
        top = np.where(mask, held, -np.inf).max(axis=-1)
        found.append(top[np.isfinite(top).reshape(len(top), -1).all(axis=1)])
    return np.concatenate(found).astype(np.float64)
