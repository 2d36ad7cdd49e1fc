"""A model fitted to the cluster where it is to work: thresholds and probabilities from its healthy time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from chaoskit import errors
from chaoskit.prediction.data.arrays import Floats
from chaoskit.prediction.judging.baselines import Baseline
from chaoskit.prediction.judging.verdict import AT_LEAST_HOURS
from chaoskit.prediction.labelling.labels import Labelled, Truth
from chaoskit.prediction.learning import evidence, folds, joined, seen
from chaoskit.prediction.learning.alarms import Judge, Scores
from chaoskit.prediction.learning.calibration import (
    Calibration,
    Healthy,
    Usual,
    moved,
    usual,
)
from chaoskit.prediction.learning.folds import Moments
from chaoskit.prediction.learning.joined import ALARM, Join
from chaoskit.prediction.learning.table import Table
from chaoskit.prediction.learning.training import Model


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What a stretch of healthy time says: the join, the evidence, and how the forest's scores lie there.

    `usual` is None, and `calibration` that of training, where the time or the model does not tell. `cut` is
    the share of that time that training tells as even odds or more, 0 where the model does not tell.
    """

    join: Join
    alone: Join
    evidence: evidence.Evidence
    calibration: Calibration
    usual: Usual | None
    cut: float


def set_anew(
    model: Model, table: Table, chosen: Moments, budget: float | None = None
) -> tuple[Model, Fitted]:
    """The model with thresholds and probabilities for this cluster, and what that time says of the latter.

    Nothing of an earlier calibration stays but its budget.

    `budget` are the false alarms per day, the model's by default.

    The chosen time counts as healthy, but for what its labels name as failures or leave open. It is to be
    time that the model did not learn from: that it knows by heart as healthy.

    Raises:
        InvalidInput: the budget is not above 0.
        NoBaseline: less than an hour of healthy time.
    """
    budget = model.false_alarms_per_day if budget is None else budget
    check_budget(budget)
    forest = scores_of(model, table)
    found = fit(model, table, forest, chosen, budget)
    now = replace(
        model,
        join=found.join,
        alone=found.alone,
        evidence=found.evidence,
        calibration=found.calibration,
        false_alarms_per_day=budget,
        tuned=seen.spans(table.labelled, _healthy(without_events(table.labelled), chosen)),
    )
    return now, found


def is_moved(model: Model) -> bool:
    """Whether probabilities are others than training made."""
    home = model.home
    return home is not None and model.calibration != home.calibration


def check_budget(budget: float) -> None:
    """A model may have this budget of false alarms per day; `InvalidInput` unless it is above 0."""
    if not 0 < budget < math.inf:
        raise errors.InvalidInput(
            f"a budget of {budget:g} false alarms per day is no number above 0",
            hint="0.01 is one in 100 days",
        )


def baselines(
    fitted: Sequence[Baseline], table: Table, chosen: Moments, budget: float
) -> tuple[Baseline, ...]:
    """The same baselines with thresholds for the same budget from the same healthy time."""
    healthy = without_events(table.labelled)
    return tuple(each.reset(healthy, chosen, each.scores(table), budget) for each in fitted)


def alarms(model: Model, table: Table, chosen: Moments) -> int:
    """How many alarms the model, as it is, has in the healthy time at these moments."""
    signs = model.evidence.over(model.sign_spec, table.signs)
    members = joined.members(table, scores_of(model, table), signs)
    judge = Judge(without_events(table.labelled), chosen)
    return judge.judge(model.join.over(members), ALARM).false


def _healthy(labelled: Labelled, chosen: Moments) -> Moments:
    """Those of the moments at which somebody is known to be healthy."""
    return tuple(
        moments & (truth.y == 0).any(axis=0) for truth, moments in zip(labelled.truths, chosen, strict=True)
    )


def scores_of(model: Model, table: Table) -> list[Floats]:
    """The forest's scores [row, moment] per block of all that is there; NaN elsewhere."""
    asked = table.everything(folds.everything(table.labelled))
    return table.spread(asked, model.scores(table.features(asked)))


def fit(model: Model, table: Table, forest: Scores, chosen: Moments, budget: float) -> Fitted:
    """Thresholds, spreads and probabilities from the healthy time at these moments."""
    healthy = without_events(table.labelled)
    judge = Judge(healthy, chosen)
    hours = judge.hours
    check_hours(hours, f"there are {hours:.1f} h of healthy time that the model did not learn from")
    spreads = evidence.fit(healthy, chosen, table.sign_spec, table.signs)
    signs = spreads.over(table.sign_spec, table.signs)
    members = joined.members(table, forest, signs)
    join = joined.reset(model.join, healthy, chosen, members, budget)
    alone = joined.reset(model.alone, healthy, chosen, members, budget)
    return Fitted(join, alone, spreads, *_calibration_there(model, Healthy.of(table, judge, forest)))


def _calibration_there(model: Model, healthy: Healthy) -> tuple[Calibration, Usual | None, float]:
    """The calibration for how these scores lie, how they do, and the share of them that is cut."""
    if (home := model.home) is None:
        return model.calibration, None, 0.0
    here, cut = usual(healthy, home.calibration), healthy.cut(home.calibration)
    return moved(home, here) if here else home.calibration, here, cut


def check_hours(hours: float, words: str) -> None:
    """So many healthy hours can set thresholds; `NoBaseline` with these words unless they can."""
    if hours < AT_LEAST_HOURS:
        raise errors.NoBaseline(
            f"{words}: thresholds need at least {AT_LEAST_HOURS:g}", hint="give a longer time"
        )


def without_events(labelled: Labelled) -> Labelled:
    """The same with only those samples known at which an alarm is false, and no event.

    So the minutes of grace after a failure set nothing: what lingers there is no health.
    """
    truths = [
        Truth(np.where(quiet, 0, -1).astype(np.int8), np.full(quiet.shape, -1, dtype=np.int32))
        for quiet in Judge(labelled, folds.everything(labelled)).quiet
    ]
    return replace(labelled, truths=tuple(truths), events=())


def sides(labelled: Labelled, chosen: Moments) -> Sequence[tuple[Moments, Moments]]:
    """To judge a calibration on the very data: each run, or quarter of that time, is set by the others.

    Raises:
        NoBaseline: the others of one have less than an hour of healthy time.
    """
    found = folds.turns(labelled, chosen, 4, 0)
    hours, whole = _least(labelled, found), Judge(without_events(labelled), chosen).hours
    check_hours(
        hours,
        f"the others of a run (or quarter of the time) have {hours:.1f} of {whole:.1f} h of healthy time",
    )
    return found


def has_sides(labelled: Labelled, chosen: Moments) -> bool:
    """Whether a calibration can be judged on this very data."""
    return _least(labelled, folds.turns(labelled, chosen, 4, 0)) >= AT_LEAST_HOURS


def _least(labelled: Labelled, sides: Sequence[tuple[Moments, Moments]]) -> float:
    healthy = without_events(labelled)
    return min((Judge(healthy, teaches).hours for teaches, _ in sides), default=0.0)
