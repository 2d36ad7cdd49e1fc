"""From a forest's scores to probabilities that come true as often as they say."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from chaoskit import errors
from chaoskit.prediction.alarms import Scores
from chaoskit.prediction.labels import Labelled

ISOTONIC_EVENTS = 20
"""From so many events on the calibration is isotonic; fewer would let it follow noise."""


def calibrate(scores: Scores, labelled: Labelled, events_seen: int) -> Any:
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
        return IsotonicRegression(y_min=least, y_max=most, out_of_bounds="clip").fit(score, y)
    return LogisticRegression(C=1.0).fit(_logit(score), y)


def _logit(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    inside = np.clip(scores.astype(np.float64), 1e-3, 1 - 1e-3)
    return np.log(inside / (1 - inside))[:, None]


def calibrated(calibration: Any, scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scores as probabilities by this calibration."""
    if isinstance(calibration, IsotonicRegression):
        found: NDArray[np.float64] = np.asarray(calibration.predict(scores.astype(np.float64)))
        return found
    return np.asarray(calibration.predict_proba(_logit(scores))[:, 1])
