"""From a forest's scores to probabilities that come true as often as they say, at home and elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from chaoskit import errors
from chaoskit.prediction.alarms import Judge, Scores
from chaoskit.prediction.labels import Labelled
from chaoskit.prediction.table import Table

ISOTONIC_EVENTS = 20
"""From so many events on the calibration is isotonic; fewer would let it follow noise."""

POD_HOURS = 10
"""From so many on, healthy scores tell their level to about a third of their spread."""

SAME = 0.1
"""Levels that lie nearer than this share of the spread, and spreads that differ by less, are the same."""

WIDEST = 1.5
"""Scores are spread or pressed together by no more than such a factor: failures need not obey it."""


@dataclass(frozen=True, slots=True)
class Steps:
    """An isotonic map: between these scores probabilities go in straight lines, beyond them they stay."""

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """A logistic curve over the logit of the score."""

    weight: float
    bias: float


Calibration = Steps | Curve


@dataclass(frozen=True, slots=True)
class Usual:
    """How a forest's scores lie while all is well: mean and standard deviation of their logits."""

    level: float
    spread: float


def usual(table: Table, judge: Judge, scores: Scores) -> Usual | None:
    """How these scores lie in the judge's healthy time; None with too little of it to tell.

    What has no baseline yet is left out: its features say nothing, and its score tells of no place.
    """
    told = [
        block[quiet & ~np.isnan(block) & np.isfinite(apart).any(axis=1)]
        for block, quiet, apart in zip(scores, judge.quiet, table.unusual, strict=True)
    ]
    logits = _logit(np.concatenate(told))
    if len(logits) * table.spec.step < POD_HOURS * 3600 or not (spread := float(logits.std())):
        return None
    return Usual(float(logits.mean()), spread)


def moved(calibration: Calibration, home: Usual, here: Usual) -> Calibration:
    """The calibration for a place whose healthy scores lie so, where it was made for others.

    A score is as probable there as one that is as far from usual was at home, in units of the spread. The
    very same calibration where both lie the same.
    """
    factor = home.spread / here.spread
    if abs(factor - 1) < SAME and abs(home.level - here.level) < SAME * home.spread:
        return calibration
    factor = min(max(factor, 1 / WIDEST), WIDEST)
    if isinstance(calibration, Curve):
        bias = calibration.bias + calibration.weight * (home.level - factor * here.level)
        return Curve(calibration.weight * factor, bias)
    logits = (_logit(np.array(calibration.scores))[:, 0] - home.level) / factor + here.level
    return replace(calibration, scores=tuple((1 / (1 + np.exp(-logits))).tolist()))


def calibrate(scores: Scores, labelled: Labelled, events_seen: int) -> Calibration:
    """A map from out-of-fold scores to probabilities: isotonic with enough events, else a logistic curve.

    It never says 0 or 1: so many samples cannot show more than one in so many.
    """
    score = np.concatenate([block.ravel() for block in scores])
    y = np.concatenate([truth.y.ravel() for truth in labelled.truths])
    known = ~np.isnan(score) & (y >= 0)
    score, y = score[known], y[known]
    if not 0 < (y == 1).sum() < len(y):
        raise errors.NoBaseline(
            "all failures lie in one stretch of time: none is left to calibrate with",
            hint="collect a longer time",
        )
    if events_seen >= ISOTONIC_EVENTS:
        least, most = 1 / (len(y) + 2), 1 - 1 / (int((y == 1).sum()) + 2)
        steps = IsotonicRegression(y_min=least, y_max=most, out_of_bounds="clip").fit(score, y)
        return Steps(tuple(steps.X_thresholds_.tolist()), tuple(steps.y_thresholds_.tolist()))
    curve = LogisticRegression(C=1.0).fit(_logit(score), y)
    return Curve(float(curve.coef_[0, 0]), float(curve.intercept_[0]))


def _logit(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    inside = np.clip(scores.astype(np.float64), 1e-3, 1 - 1e-3)
    return np.log(inside / (1 - inside))[:, None]


def calibrated(calibration: Calibration, scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scores as probabilities by this calibration."""
    if isinstance(calibration, Steps):
        found: NDArray[np.float64] = np.interp(
            scores.astype(np.float64), np.array(calibration.scores), np.array(calibration.probabilities)
        )
        return found
    return np.asarray(1 / (1 + np.exp(-(_logit(scores)[:, 0] * calibration.weight + calibration.bias))))
