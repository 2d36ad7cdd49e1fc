"""What alarms reach by luck: the same ones, as many and as long, at other times and on other pods."""

from __future__ import annotations

import numpy as np

from chaoskit.prediction.labelling.labels import Labelled
from chaoskit.prediction.learning.alarms import Judge, Scores
from chaoskit.prediction.learning.folds import Moments

AT_RANDOM = "as many alarms at random"

DRAWS = 50


def by_luck(labelled: Labelled, chosen: Moments, scores: Scores, threshold: float) -> float:
    """The event F1 that the alarms of these scores have on the mean when they are moved at random.

    Each block's scores [row, moment] go around all of its (row, moment) that count: an alarm stays as long as
    it was. So this is a test by cyclic shifts, of `DRAWS` of them.
    """
    judge, random = Judge(labelled, chosen), np.random.default_rng(0)
    counts = [(truth.y >= 0) & at for truth, at in zip(labelled.truths, chosen, strict=True)]
    if not judge.due:
        return 0.0

    def moved() -> Scores:
        out = []
        for block, where in zip(scores, counts, strict=True):
            around = np.full_like(block, np.nan)
            around[where] = np.roll(block[where], random.integers(max(1, int(where.sum()))))
            out.append(around)
        return out

    found = [judge.judge(moved(), threshold).f1 for _ in range(DRAWS)]
    return float(np.mean(found))
