"""From a forest's scores to probabilities that come true as often as they say, at home and elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from chaoskit import errors
from chaoskit.prediction.data.arrays import Bools, Doubles, Floats, Indices, Measured
from chaoskit.prediction.labelling.labels import Labelled
from chaoskit.prediction.learning.alarms import Judge, Scores
from chaoskit.prediction.learning.table import Table

ISOTONIC_EVENTS = 20
"""From so many events on the calibration is isotonic; fewer would let it follow noise. No report
measures it."""

POD_HOURS = 10
"""From so many on, healthy scores tell how they lie. Minutes of a pod-hour are alike: each counts as one."""

SURE = 3
"""Two times differ that lie so many standard errors apart: new runs of one place hardly ever do. That costs a
fifth to a third of what a calibration gains (models/README.md)."""

SAME = 0.1
"""Levels nearer than this share of the spread, and spreads that differ by less, are the same at any rate."""

WIDEST, FARTHEST = 1.5, 1.0
"""By no more than such a factor of the spread, and such a share of it, are scores moved: failures need not
obey. No report measures it."""

STILL = 0.05
"""Logits; scores that are spread by less do not vary, and tell no unit. No report measures it."""

LEAST = 1e-3
"""A score that is lower counts as this one (-6.9 as a logit): what is as low in truth is not told apart."""

EVEN = 0.5
"""What home tells as so probable is nobody's health: a failure without a label would lower its own kind, as
it did from 0.65 to 0.45 on the mean while such time counted (models/README.md)."""

CUT = 0.02
"""Where so much more than at home is left out for that, the rest tells what the place has at least. With
none, a split of redis-prevent moves in 1 part of 5 for 4; with this, one made-up pod in fifty that cries wolf
is believed more (models/README.md)."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Healthy:
    """A forest's scores in healthy time, 0 to 1 [sample], and the number of each one's pod-hour [sample].

    `step` is in seconds.
    """

    scores: Floats
    pod_hours: Indices
    step: int

    @classmethod
    def of(cls, table: Table, judge: Judge, scores: Scores) -> Healthy:
        """Those of the judge's healthy time.

        What has no baseline yet is left out: its features say nothing, and its score tells of no place.
        """
        known = [
            quiet & ~np.isnan(block) & apart.each(_any_known)
            for block, quiet, apart in zip(scores, judge.quiet, table.unusual, strict=True)
        ]
        score = np.concatenate([block[each] for block, each in zip(scores, known, strict=True)])
        return cls(score, _pod_hours(known, table.spec.step), table.spec.step)

    def low(self, calibration: Calibration) -> Bools:
        """Which of them this calibration tells as less than even odds [sample]."""
        return as_probabilities(calibration, self.scores) < EVEN

    def cut(self, calibration: Calibration) -> float:
        """The share of them that this calibration tells as even odds or more; 0 of none."""
        return 1 - float(self.low(calibration).mean()) if len(self.scores) else 0.0


def _any_known(apart: Floats) -> Bools:
    return np.asarray(np.isfinite(apart).any(axis=1))


@dataclass(frozen=True, slots=True)
class Usual:
    """How a forest's scores lie while all is well: mean and standard deviation of their logits.

    And the standard errors of both, that of the deviation as a share of it. `cut` is the share of that time
    that was left out for what training tells of it.
    """

    level: float
    spread: float
    level_error: float
    spread_error: float
    cut: float = 0.0

    @property
    def still(self) -> bool:
        """Whether the scores do not vary."""
        return self.spread < STILL

    @property
    def floored(self) -> bool:
        """Whether they lie at the least score that is told apart: how low and how narrow, nobody knows."""
        return self.level - self.spread <= math.log(LEAST / (1 - LEAST))


@dataclass(frozen=True, slots=True)
class Home:
    """The calibration that training made, and how the healthy scores lie that it is for."""

    calibration: Calibration
    usual: Usual


def usual(healthy: Healthy, calibration: Calibration) -> Usual | None:
    """How these scores lie, but for what this calibration cuts; None with too few left to tell."""
    low = healthy.low(calibration)
    if low.sum() * healthy.step < POD_HOURS * 3600:
        return None
    logits, hours = _logit(healthy.scores[low])[:, 0], healthy.pod_hours[low]
    level, spread = float(logits.mean()), float(logits.std())
    apart, unit = logits - level, max(spread, STILL)
    level_error, spread_error = _error(apart, hours), _error(((apart / unit) ** 2 - 1) / 2, hours)
    return Usual(level, spread, level_error, spread_error, healthy.cut(calibration))


def _pod_hours(known: list[Bools], step: int) -> Indices:
    """The number of its pod-hour, for each sample that is known [row, moment] per block, blocks on end."""
    found, count = [], 0
    for each in known:
        rows, moments = each.shape
        hour = np.arange(moments) * step // 3600
        hours = hour[-1:].sum() + 1  # of the block, which may have no moment
        numbers = count + np.arange(rows)[:, None] * hours + hour
        found.append(numbers[each])
        count += numbers.size
    return np.concatenate(found)


def _error(apart: Doubles, groups: Indices) -> float:
    """The standard error of the mean of these distances from it [sample], where only groups are independent.

    The cluster-robust one, with its correction for few groups (Liang and Zeger 1986).
    """
    sums = np.bincount(np.unique(groups, return_inverse=True)[1], apart)
    return float(np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1)) / len(apart))


def differ(one: Usual, other: Usual) -> bool:
    """Whether the two lie further apart than their hours can tell of one place."""
    level = SURE * math.hypot(one.level_error, other.level_error)
    spread = SURE * math.hypot(one.spread_error, other.spread_error)
    return abs(one.level - other.level) > max(level, SAME * one.spread) or (
        abs(math.log(other.spread / one.spread)) > max(spread, SAME)
    )


def cut_more(home: Usual, cut: float) -> bool:
    """Whether so much of a place is cut that what is left does not tell how all of it lies."""
    return cut > home.cut + CUT


def at_least(home: Usual, here: Usual) -> bool:
    """Whether scores tell only what a place has at least: more is cut than at home, or either is floored.

    Of a home that is floored nobody knows how wide it is: that a place is narrower than that says nothing.
    """
    return cut_more(home, here.cut) or here.floored or home.floored


def moved(made: Home, here: Usual) -> Calibration:
    """The calibration for a place whose healthy scores lie so.

    A score is as probable there as one that is as far from usual was at home, in units of the spread, as far
    as `WIDEST` and `FARTHEST` allow. Where more than at home is cut, or scores are floored in one of both,
    the place may lie higher or wider, never lower or narrower: no score above home's level is more probable.
    The very same calibration where both lie the same, or where scores do not vary.
    """
    calibration, home = made.calibration, made.usual
    if home.still or here.still:
        return calibration
    if at_least(home, here):
        here = replace(here, level=max(here.level, home.level), spread=max(here.spread, home.spread))
    if not differ(home, here):
        return calibration
    factor = min(max(home.spread / here.spread, 1 / WIDEST), WIDEST)
    far = FARTHEST * home.spread
    level = home.level + min(max(here.level - home.level, -far), far)
    if isinstance(calibration, Curve):
        bias = calibration.bias + calibration.weight * (home.level - factor * level)
        return Curve(calibration.weight * factor, bias)
    logits = (_logit(np.array(calibration.scores))[:, 0] - home.level) / factor + level
    return replace(calibration, scores=tuple((1 / (1 + np.exp(-logits))).tolist()))


def fit_calibration(scores: Scores, labelled: Labelled, events_seen: int) -> Calibration:
    """A map from out-of-fold scores to probabilities: isotonic with enough events, else a logistic curve.

    The first as Zadrozny and Elkan (2002) have it, the second as Platt (1999), over the score's logit. Scores
    are [row, moment] per block, NaN where there is none.
    It never says 0 or 1: so many samples cannot show more than one in so many.
    """
    score = np.concatenate([block.ravel() for block in scores])
    y = np.concatenate([truth.y.ravel() for truth in labelled.truths])
    known = ~np.isnan(score) & (y >= 0)
    score, y = score[known], y[known]
    if not 0 < (y == 1).sum() < len(y):
        raise _one_kind(labelled)
    if events_seen >= ISOTONIC_EVENTS:
        least, most = 1 / (len(y) + 2), 1 - 1 / (int((y == 1).sum()) + 2)
        steps = IsotonicRegression(y_min=least, y_max=most, out_of_bounds="clip").fit(score, y)
        return Steps(tuple(steps.X_thresholds_.tolist()), tuple(steps.y_thresholds_.tolist()))
    curve = LogisticRegression(C=1.0).fit(_logit(score), y)
    return Curve(float(curve.coef_[0, 0]), float(curve.intercept_[0]))


def _one_kind(labelled: Labelled) -> errors.NoBaseline:
    """Why failures or health have no score out of fold: of what there is less, none teaches in some part."""
    failing, healthy = (sum(int((truth.y == of).sum()) for truth in labelled.truths) for of in (1, 0))
    if healthy < failing:
        return errors.NoBaseline(
            "nearly all of the time is failures: no healthy time is left to calibrate with",
            hint="collect a longer time; do the events end where they should?",
        )
    return errors.NoBaseline(
        "all failures lie in one stretch of time: none is left to calibrate with",
        hint="collect a longer time",
    )


def _logit(scores: Measured) -> Doubles:
    """The scores' logits, as a column [sample, 1]; what is nearer to 0 or 1 than `LEAST` counts as that."""
    inside = np.clip(scores.astype(np.float64), LEAST, 1 - LEAST)
    return np.log(inside / (1 - inside))[:, None]


def as_probabilities(calibration: Calibration, scores: Floats) -> Doubles:
    """Scores as probabilities by this calibration."""
    if isinstance(calibration, Steps):
        found: Doubles = np.interp(
            scores.astype(np.float64), np.array(calibration.scores), np.array(calibration.probabilities)
        )
        return found
    return np.asarray(1 / (1 + np.exp(-(_logit(scores)[:, 0] * calibration.weight + calibration.bias))))
