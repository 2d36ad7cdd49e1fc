"""Trains and judges a model on time that it has not seen; judges one, or fits one, on other data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from chaoskit import events
from chaoskit.prediction.features import Spec
from chaoskit.prediction.features.layout import Recipe
from chaoskit.prediction.judging import baselines, calibrating, witnesses, wording
from chaoskit.prediction.judging.baselines import Baseline
from chaoskit.prediction.judging.judge import Judging
from chaoskit.prediction.judging.remaining import Left
from chaoskit.prediction.judging.report import Kept, Report
from chaoskit.prediction.judging.verdict import AT_LEAST_HOURS, ENOUGH
from chaoskit.prediction.judging.witnesses import Witnesses
from chaoskit.prediction.labelling.labels import Labelled
from chaoskit.prediction.learning import folds, search, training
from chaoskit.prediction.learning.alarms import Judge
from chaoskit.prediction.learning.folds import Moments
from chaoskit.prediction.learning.options import Options
from chaoskit.prediction.learning.search import Trial
from chaoskit.prediction.learning.table import Table
from chaoskit.prediction.learning.training import Model


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A model with its baselines, the report on it, and what judges it on other data."""

    model: Model
    baselines: tuple[Baseline, ...]
    report: Report
    witnesses: Witnesses | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """What teaches and what judges: a later part, or, out of fold, all the time in turn."""

    early: Moments
    late: Moments
    out_of_fold: bool

    @classmethod
    def of(cls, labelled: Labelled, holdout: float, recipe: Recipe) -> Self:
        """The last part held out, behind the gap that the recipe needs, if both have failures enough."""
        spec = Spec(recipe, labelled.dataset.step, ())
        early, late = folds.by_time(labelled, holdout, 2 * spec.window)
        taught = [event for event in labelled.events if early[event.block][event.first]]
        if min(len(labelled.visible(part)) for part in (taught, Judge(labelled, late).due)) >= ENOUGH:
            return cls(early, late, out_of_fold=False)
        every = folds.everything(labelled)
        return cls(every, every, out_of_fold=True)

    def words(self, holdout: float, table: Table, count: int) -> str:
        """How it was split, out of fold into so many parts."""
        if self.out_of_fold and folds.short(table.labelled, self.early, count, table.spec.window):
            return (
                f"by time, every failure with the time about it held out in turn, in {count} parts,"
                f" {folds.EDGE_MINUTES} min apart; thresholds from the others"
            )
        if self.out_of_fold:
            return "by time, whole events and stretches held out in turn, thresholds from the others"
        if folds.later(table.labelled, holdout):
            return f"by time: the last {holdout:.0%} of the runs held out whole"
        gap = 2 * table.spec.window * table.spec.step / 60
        return f"by time: the last {holdout:.0%} of every run held out, {gap:.0f} min before it left out"

    def notes(self, trials: Sequence[Trial]) -> list[str]:
        """What is to be known of figures that are out of fold, where these trials chose how to train."""
        found = []
        if self.out_of_fold:
            found.append(
                "too few failures for a held-out end: figures and thresholds are out of fold, of all the time"
            )
            if any(score is not None for _, score in trials):
                found.append("what was tried was chosen on the same failures: that is kind to the model")
        return found


def build(
    labelled: Labelled,
    options: Options,
    *,
    holdout: float = 0.35,
    thorough: bool = True,
    refit: bool = False,
    now: datetime | None = None,
    listen: events.Listener = events.ignore,
) -> Trained:
    """A model trained on the earlier part of every block and judged on its last `holdout` share.

    `thorough` adds the column with workloads held out and the probes that grow forests. `refit` then
    trains the model that is kept on everything, with thresholds of its own; the report stays that of
    the first, and says so. When a part has fewer than four failures that can be seen, the report is on
    out-of-fold scores, with the thresholds of each stretch of time from the other stretches, for the
    baselines too, and says so.

    Raises:
        Refused: the options want another split than one in time.
        InvalidInput: the budget of false alarms is not above 0.
        NoBaseline: there is too little to learn from.
    """
    folds.check(options.split)
    calibrating.check_budget(options.false_alarms_per_day)
    training.check_teaches(labelled.dataset)
    every = folds.everything(labelled)
    first = Split.of(labelled, holdout, search.recipe(labelled, every, options))
    found = search.best(labelled, first.early, options, listen=listen, now=now)
    table, options = found.table, found.options
    split = Split.of(labelled, holdout, table.spec.recipe)
    model = training.train(labelled, options, table=table, chosen=split.early, now=now, listen=listen)
    fitted = baselines.fit(table, split.early, options)
    half = folds.halves(labelled, every, table.spec.window)[0] if split.out_of_fold else None
    made = witnesses.fit(table, split.early, options, half[0] if half else None) if thorough else None
    judged = Judging(table, split.late, model, fitted, made, half[1] if half else None)
    words, notes = split.words(holdout, table, options.folds), split.notes(found.trials)
    report = judged.out_of_fold(options, words, notes) if split.out_of_fold else judged.report(words, notes)
    report = replace(report, trials=found.trials)
    if refit and not split.out_of_fold:
        model = training.train(labelled, options, table=table, now=now, listen=listen)
        fitted = baselines.fit(table, every, options)
        report = replace(report, kept=_grown_anew(model))
    return Trained(model, fitted, report, made)


def _grown_anew(model: Model) -> Kept:
    words = (
        "the figures are of a model of the earlier time; the one that is kept was grown anew on all the time,"
        " in the same way, with thresholds of its own"
    )
    return Kept(words, model.join.told, model.false_alarms_per_day, judged=True)


def evaluate(trained: Trained, labelled: Labelled, *, calibrated: bool = False) -> Report:
    """How the model does on other data, with the thresholds that it and its baselines have.

    What it learned from, and what lies beside that, is left out; so is the time that a calibration set its
    thresholds on, failures included: every figure is of the same time. With `calibrated`, thresholds are set
    and probabilities moved on this data's own healthy time, without its failures: each run (or quarter of
    the time) by the others; the thresholds of the baselines too.

    Raises:
        InvalidInput: the data has another step than the model.
        NoBaseline: the model learned from all of it or has its thresholds from there, or it has no failure to
            catch, or no signal of the model's.
    """
    left = Left.of(trained.model, labelled)
    left.check_due()
    if calibrated:
        judging = Judging(left.table, left.unseen, trained.model, trained.baselines, trained.witnesses)
        return judging.calibrated(judging.in_turn(), f"{_new(left)}; {_SET_ANEW}", left.lacks)
    advice = _IN_TURN if calibrating.has_sides(left.labelled, left.unseen) else ""
    left.check_fresh(advice)
    judging = Judging(left.table, left.fresh, trained.model, trained.baselines, trained.witnesses)
    how = "set on healthy time without labels" if trained.model.tuned else "as they were trained"
    notes = [*left.notes(judging.judge, advice), *left.lacks]
    return judging.report(f"{_new(left)}; thresholds {how}", notes)


_IN_TURN = "; `evaluate --calibrate` sets those of each run, and its probabilities, on the others"


def evaluate_foreign(model: Model, labelled: Labelled) -> Report:
    """How a model that came from elsewhere, without its baselines, does on half of this data.

    The baselines are fitted on the other half. The model learned from neither, so that half judges which has
    a failure to catch beside one with an hour of healthy time, and of two such the one with more failures
    that can be seen, whichever comes first. What the model learned from, or what set its thresholds, is left
    out of both, as `evaluate` does.

    Raises:
        NoBaseline: the model learned from all of it or has its thresholds from there, less than an hour of
            healthy time is left for the baselines, or it has no failure to catch, or no signal of the
            model's.
    """
    left = Left.of(model, labelled)
    left.check_due()
    left.check_fresh()
    taught, examined = _way(left)
    hours = Judge(left.labelled, taught).hours
    words = f"the half that fits the baselines has {hours:.1f} h of healthy time{left.gone}"
    calibrating.check_hours(hours, words)
    options = Options(false_alarms_per_day=model.false_alarms_per_day, seed=model.seed)
    judging = Judging(left.table, examined, model, baselines.fit(left.table, taught, options), None)
    notes = [_FITTED_ON_HALF, *left.notes(judging.judge), *left.lacks]
    of = f"half of the rest{left.gone}" if left.gone else "half of the data"
    return judging.report(f"{of}, thresholds as they came", notes)


def _way(left: Left) -> tuple[Moments, Moments]:
    """The half that fits baselines, and the one that judges."""

    def worth(way: tuple[Moments, Moments]) -> tuple[bool, bool, int]:
        taught, judged = (Judge(left.labelled, half) for half in way)
        seen = len(left.labelled.visible(judged.due))
        return bool(judged.due), taught.hours >= AT_LEAST_HOURS, seen

    return max(folds.halves(left.labelled, left.fresh, left.table.spec.window), key=worth)


_FITTED_ON_HALF = "the model came without baselines: they were fitted on the other half"

_SET_ANEW = "each run's thresholds and probabilities from the healthy time of the others"


def recalibrated(trained: Trained, labelled: Labelled, budget: float | None = None) -> Trained:
    """The same model with thresholds from the healthy time of this data, judged on it where that can be.

    What the model learned from, and what lies beside that, is left out. It can be judged where the rest has
    failures enough, and healthy time for each run's thresholds in the others; then it is told what the
    thresholds before do there, unless they were set on some of it. Else the report stays that of the
    thresholds before, and says that those which are kept were not judged.

    Raises:
        NoBaseline: less than an hour of healthy time is left, or no signal of the model's.
    """
    before, left = trained.model, Left.of(trained.model, labelled)
    table, moments = left.table, left.unseen
    model, found = calibrating.set_anew(before, table, moments, budget)
    fitted = calibrating.baselines(trained.baselines, table, moments, model.false_alarms_per_day)
    words = [*_set_on(before, model, left), wording.of_chances(before, found), *left.lacks]
    if lacking := _lacking(left):
        report, judged = trained.report, False
        words.append(f"{lacking}: the figures are of the thresholds before")
    else:
        same = replace(before, false_alarms_per_day=model.false_alarms_per_day)
        judging = Judging(table, moments, same, trained.baselines, trained.witnesses)
        parts = judging.in_turn()
        report, judged = judging.calibrated(parts, f"{_new(left)}; {_SET_ANEW}", []), True
        if left.untuned:
            alike = all(calibrating.is_moved(each.model) == calibrating.is_moved(model) for each in parts)
            words.append(wording.of_worth(judging.line(), report.model, alike))
    kept = Kept("; ".join(words), model.join.told, model.false_alarms_per_day, judged)
    return replace(trained, model=model, baselines=fitted, report=replace(report, kept=kept))


def _new(left: Left) -> str:
    return f"data that the model has not seen{left.learned}"


def _set_on(before: Model, now: Model, left: Left) -> list[str]:
    """In words, how much set the thresholds, how much that tells, and what the ones before say of it."""
    hours = Judge(calibrating.without_events(left.labelled), left.unseen).hours
    had, has = (calibrating.alarms(model, left.table, left.unseen) for model in (before, now))
    return [
        f"thresholds were set anew on {hours:.1f} h of healthy time{left.learned}",
        *wording.of_bound(now.false_alarms_per_day, has, hours),
        *wording.of_alarms(had),
    ]


def _lacking(left: Left) -> str:
    """Why nothing here can judge a calibration, "" when something can."""
    labelled, moments = left.labelled, left.unseen
    if len(labelled.visible(Judge(labelled, moments).due)) < ENOUGH:
        return f"fewer than {ENOUGH} failures in it judge them"
    if not calibrating.has_sides(labelled, moments):
        return "too little healthy time to set each run's on the others and judge them"
    return ""
