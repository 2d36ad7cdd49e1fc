"""Trains and judges a model on time that it has not seen, or judges one on data that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from chaoskit import errors, events
from chaoskit.prediction import baselines, folds, search, training, witnesses
from chaoskit.prediction import table as tables
from chaoskit.prediction.alarms import Judge
from chaoskit.prediction.baselines import Baseline
from chaoskit.prediction.features import Spec
from chaoskit.prediction.folds import Moments
from chaoskit.prediction.forest import Options
from chaoskit.prediction.judging import Judging
from chaoskit.prediction.labels import Labelled
from chaoskit.prediction.report import Report
from chaoskit.prediction.table import Table
from chaoskit.prediction.training import Model
from chaoskit.prediction.witnesses import Witnesses

ENOUGH = 4
"""Fewer events in a part of the time can neither teach nor judge: one more or less decides everything."""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A model with its baselines, the report on it, and what judges it on other data."""

    model: Model
    baselines: tuple[Baseline, ...]
    report: Report
    witnesses: Witnesses | None = field(default=None, repr=False)


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
    the first. When the last part has fewer than four events, the report is on out-of-fold scores, with
    the thresholds of each stretch of time from the other stretches, for the baselines too, and says so.
    """
    every = folds.everything(labelled)
    early, late = _split(labelled, holdout, search.recipe(labelled, every, options))
    notes: list[str] = []
    if not _teachable(labelled, early) or len(Judge(labelled, late).due) < ENOUGH:
        early = late = every
        notes.append(
            "too few failures for a held-out end: figures and thresholds are out of fold, over all the time"
        )
    found = search.best(labelled, early, options, listen=listen, now=now)
    table, options = found.table, found.options
    if not notes:
        early, late = _split(labelled, holdout, table.spec.recipe)
    model = training.train(labelled, options, table=table, chosen=early, now=now, listen=listen)
    fitted = baselines.fit(table, early, options)
    half = folds.turns(labelled, every, 2, table.spec.window)[0] if notes else None
    made = witnesses.fit(table, early, options, half[0] if half else None) if thorough else None
    judged = Judging(table, late, model, fitted, made, half[1] if half else None)
    split = _words_of_split(holdout, table, notes)
    report = judged.out_of_fold(options, split, notes) if notes else judged.report(split, notes)
    report = replace(report, trials=found.trials)
    if refit and not notes:
        model = training.train(labelled, options, table=table, now=now, listen=listen)
        fitted = baselines.fit(table, every, options)
    return Trained(model, fitted, report, made)


def evaluate(trained: Trained, labelled: Labelled, *, calibrated: bool = False) -> Report:
    """How the model does on other data, with the thresholds that it and its baselines have.

    With `calibrated`, thresholds are set on this data's own healthy time, without its failures: each run (or
    quarter of the time) by the others; those of the baselines too.

    Raises:
        NoBaseline: the data has no failure to catch.
    """
    table = tables.tabulate(labelled, trained.model.spec)
    every = folds.everything(labelled)
    if not Judge(labelled, every).due:
        raise errors.NoBaseline("the data has no failure to catch", hint="give an events file")
    judging = Judging(table, every, trained.model, trained.baselines, trained.witnesses)
    if calibrated:
        split = "data that the model has not seen; each run's thresholds from the healthy time of the others"
        return judging.calibrated(split)
    return judging.report("data that the model has not seen; thresholds as they were trained", [])


def _split(labelled: Labelled, holdout: float, recipe: str) -> tuple[Moments, Moments]:
    spec = Spec("evidence" if recipe == "evidence" else "window", labelled.dataset.step, ())
    return folds.by_time(labelled, holdout, 2 * spec.window)


def _teachable(labelled: Labelled, early: Moments) -> bool:
    """Whether at least four events that can be seen lie in the early part."""
    blind = labelled.dataset.blind
    taught = [e for e in labelled.events if early[e.block][e.first] and e.issue not in blind]
    return len(taught) >= ENOUGH


def _words_of_split(holdout: float, table: Table, notes: Sequence[str]) -> str:
    if notes:
        return "by time, whole events and stretches held out in turn, thresholds from the others"
    if folds.whole_runs(table.labelled):
        return f"by time: the last {holdout:.0%} of the runs held out whole"
    gap = 2 * table.spec.window * table.spec.step / 60
    return f"by time: the last {holdout:.0%} of every run held out, {gap:.0f} min before it left out"
