"""Trains and judges a model on time that it has not seen, or judges one on data that it has not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

import numpy as np

from chaoskit import errors, events
from chaoskit.prediction import (
    baselines,
    calibrating,
    classes,
    evidence,
    folds,
    joined,
    probes,
    search,
    table as tables,
    training,
    witnesses,
)
from chaoskit.prediction.alarms import Judge, Judgement, Scores
from chaoskit.prediction.baselines import Baseline
from chaoskit.prediction.examining import Examiner, caught, reliability
from chaoskit.prediction.features import Spec
from chaoskit.prediction.folds import Moments
from chaoskit.prediction.forest import Options
from chaoskit.prediction.joined import ALARM, FOREST, Join
from chaoskit.prediction.labels import Labelled
from chaoskit.prediction.report import FalseAlarm, Line, Member, Occurrence, Report
from chaoskit.prediction.table import Table
from chaoskit.prediction.training import Model
from chaoskit.prediction.witnesses import Witnesses

T = TypeVar("T")

TURNS = 2
"""Judged out of fold, thresholds are set on so many times as many stretches as there are folds: a budget of
few false alarms needs all the time it can get."""

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
    judged = _Judging(table, late, model, fitted, made, half[1] if half else None)
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
    judging = _Judging(table, every, trained.model, trained.baselines, trained.witnesses)
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
    return sum(early[e.block][e.first] and e.issue not in blind for e in labelled.events) >= ENOUGH


def _words_of_split(holdout: float, table: Table, notes: Sequence[str]) -> str:
    if notes:
        return "by time, whole events and stretches held out in turn, thresholds from the others"
    gap = 2 * table.spec.window * table.spec.step / 60
    return f"by time: the last {holdout:.0%} of every run held out, {gap:.0f} min before it left out"


@dataclass(frozen=True, slots=True)
class _Part:
    """At these moments holds this join, and evidence of these scores."""

    moments: Moments
    join: Join
    alone: Join
    members: dict[str, Scores]


class _Judging:
    """Judges one model and its baselines on the chosen moments of one table."""

    def __init__(
        self,
        table: Table,
        late: Moments,
        model: Model,
        fitted: Sequence[Baseline],
        made: Witnesses | None,
        probed: Moments | None = None,
    ) -> None:
        self.table, self.late, self.model, self.fitted, self.witnesses = table, late, model, fitted, made
        self.probed = probed or late
        self.judge = Judge(table.labelled, late)
        self.everything = table.everything(late)
        self.asked = self.everything.known
        self.examiner = Examiner(table, self.judge, self.asked)

    def report(self, split: str, notes: list[str]) -> Report:
        """With the thresholds that the model and its baselines have."""
        forest = self._scores()
        signs = [self.model.evidence.scores(self.table.sign_spec, block) for block in self.table.signs]
        members = joined.members(self.table, forest, signs)
        part = _Part(self.late, self.model.join, self.model.alone, members)
        lines = [self._of_baseline(each, each.scores(self.table), each.threshold) for each in self.fitted]
        told = classes.by_model(self.model, self.table, self.judge.due)
        return self._report(forest, [part], lines, told, split, notes)

    def calibrated(self, split: str) -> Report:
        """With thresholds that each stretch gets from the healthy time of the others."""
        forest = self._scores()
        parts = []
        budget = self.model.false_alarms_per_day
        sides = calibrating.sides(self.table.labelled)
        for teaches, examines in sides:
            found = calibrating.fit(self.model, self.table, forest, teaches, budget)
            signs = [found.evidence.scores(self.table.sign_spec, block) for block in self.table.signs]
            members = joined.members(self.table, forest, signs)
            parts.append(_Part(examines, found.join, found.alone, members))
        healthy = calibrating.without_events(self.table.labelled)
        lines = []
        for each in self.fitted:
            scores = each.scores(self.table)
            only = Join({FOREST: 1.0})
            resets = [
                (examines, joined.reset(only, healthy, teaches, {FOREST: scores}, budget))
                for teaches, examines in sides
            ]
            made = joined.assemble(self.table.labelled, resets, lambda j, s=scores: j.over({FOREST: s}))  # type: ignore[misc]
            lines.append(self._line_of(each.name, scores, made))
        told = classes.by_model(self.model, self.table, self.judge.due)
        return self._report(forest, parts, lines, told, split, [])

    def out_of_fold(self, options: Options, split: str, notes: list[str]) -> Report:
        """On the scores that training made out of fold, thresholds of each stretch from the others."""
        labelled, budget = self.table.labelled, self.model.false_alarms_per_day
        forest = list(self.model.out_of_fold)
        sides = folds.turns(labelled, self.late, options.folds, self.table.spec.window)
        signs = evidence.out_of_fold(labelled, sides, self.table.sign_spec, self.table.signs)
        members = joined.members(self.table, forest, signs)
        count = TURNS * options.folds

        def decide(at: Moments) -> tuple[Join, Join]:
            whole = joined.fit(labelled, at, members, budget)
            return whole, joined.fit(labelled, at, {FOREST: forest}, budget)

        parts = [
            _Part(moments, join, alone, members)
            for moments, (join, alone) in joined.in_turn(labelled, self.late, count, decide)
        ]
        lines = []
        for each in self.fitted:
            scores = baselines.out_of_fold(each, self.table, sides)

            def limit(at: Moments, scores: Scores = scores) -> float:
                return Judge(labelled, at).best(scores, budget).threshold

            limits = joined.in_turn(labelled, self.late, count, limit)
            made = joined.assemble(labelled, limits, lambda t, s=scores: _over(s, t))  # type: ignore[misc]
            lines.append(self._line_of(each.name, scores, made))
        told = classes.out_of_fold(self.table, sides, options, self.judge.due)
        return self._report(forest, parts, lines, told, split, notes)

    def _scores(self) -> list[Any]:
        return self.table.spread(self.everything, self.model.scores(self.table.features(self.everything)))

    def _line_of(self, name: str, ranks: Scores, alarm: Scores) -> Line:
        return self.examiner.line(name, ranks, self.judge.judge(alarm, ALARM))

    def _of_baseline(self, each: Baseline, scores: Scores, threshold: float) -> Line:
        return self.examiner.line(each.name, scores, self.judge.judge(scores, threshold))

    def _assemble(self, parts: Sequence[_Part], alarm: Callable[[_Part], Scores]) -> Scores:
        return joined.assemble(self.table.labelled, [(part.moments, part) for part in parts], alarm)

    def _report(
        self,
        forest: Scores,
        parts: Sequence[_Part],
        lines: Sequence[Line],
        told: tuple[Any, Any],
        split: str,
        notes: list[str],
    ) -> Report:
        model, labelled = self.model, self.table.labelled
        alarm = self._assemble(parts, lambda part: part.join.over(part.members))
        judged = self.judge.judge(alarm, ALARM)
        line = self.examiner.line(model.join.words, alarm, judged, (model, forest))
        single = self._assemble(parts, lambda part: part.alone.over({FOREST: forest}))
        alone = self.examiner.line(
            "random forest alone", forest, self.judge.judge(single, ALARM), (model, forest)
        )
        said, truth = self.examiner.known(forest)
        return Report(
            target=model.target.words,
            mode=model.target.mode,
            confirm=model.target.confirm,
            false_alarms_per_day=model.false_alarms_per_day,
            split=split,
            data=self._data(),
            model=line,
            alone=alone,
            members=tuple(self._member(name, parts) for name in model.join.thresholds),
            lines=tuple(lines),
            workload_held_out=self._strangers(),
            out_of_fold=dict(model.facts.get("out_of_fold", {})),
            classes=told[0],
            faults=told[1],
            probes=probes.probe(
                self.table,
                self.probed,
                self.table.samples(self.probed),
                forest,
                alone,
                self.judge.due,
                self.witnesses,
            ),
            reliability=reliability(model.probabilities(said), truth),
            pr_curve=self.examiner.curve(alarm),
            occurrences=tuple(self._occurrences(judged)),
            false_alarms=tuple(self._false(judged)),
            blind=dict(labelled.dataset.blind),
            beaten_by=tuple(other.name for other in lines if other.f1 >= line.f1),
            notes=(*notes, *_standing(line, lines)),
        )

    def _member(self, name: str, parts: Sequence[_Part]) -> Member:
        """What this member's part of the joined alarm does."""

        def part(each: _Part) -> Scores:
            if name not in each.members:
                return [np.full_like(block, np.nan) for block in each.members[FOREST]]
            return each.join.part(name, each.members)

        judged = self.judge.judge(self._assemble(parts, part), ALARM)
        limit = parts[0].join.thresholds.get(name, self.model.join.thresholds[name])
        return Member(name, limit, caught(judged, lambda event: event.issue), judged.false)

    def _strangers(self) -> Line | None:
        made = self.witnesses.strangers if self.witnesses else None
        if made is None:
            return None
        scores = made.scores(self.table, self.everything)
        if all(np.isnan(block).all() for block in scores):
            return None
        return self._of_stranger(scores, made.threshold)

    def _of_stranger(self, scores: Scores, threshold: float) -> Line:
        name = "random forest, workloads held out"
        return self.examiner.line(name, scores, self.judge.judge(scores, threshold))

    def _occurrences(self, judged: Judgement) -> list[Occurrence]:
        blocks = self.table.labelled.dataset.blocks
        return [
            Occurrence(
                blocks[each.event.block].run, each.event.workload, each.event.issue, each.event.fault,
                each.event.start, each.event.end, each.delay,
            )
            for each in judged.catches
        ]  # fmt: skip

    def _false(self, judged: Judgement) -> list[FalseAlarm]:
        blocks = self.table.labelled.dataset.blocks
        return [
            FalseAlarm(blocks[b].run, blocks[b].rows[r].pod, blocks[b].at(m)) for b, r, m in judged.false_at
        ]

    def _data(self) -> dict[str, Any]:
        dataset = self.table.labelled.dataset
        return {
            "rows": len(self.asked.y),
            "pods": len({row for block in dataset.blocks for row in block.rows}),
            "workloads": len({row.workload for block in dataset.blocks for row in block.rows}),
            "hours": round(self.judge.hours, 1),
            "events": dict(sorted(Counter(event.issue for event in self.judge.due).items())),
            "prevalence": float((self.asked.y == 1).mean()),
            "missing_share": dataset.missing_share,
            "features": len(self.table.spec.names),
            "signals": len(dataset.signals),
            "step_seconds": dataset.step,
            "recipe": self.table.spec.recipe,
            "of_hours": round(dataset.hours, 1),
            "of_events": dict(sorted(Counter(event.issue for event in self.table.labelled.events).items())),
        }


def _over(scores: Scores, threshold: float) -> list[Any]:
    """1 where a score reaches the threshold, 0 where it does not, NaN where there is none."""
    return [np.where(np.isnan(block), block, block >= threshold) for block in scores]


def _standing(line: Line, others: Sequence[Line]) -> list[str]:
    """In words, what the model does not beat, and where a tie in event F1 is none in PR-AUC."""
    better = [other.name for other in others if other.f1 > line.f1]
    ties = [other for other in others if other.f1 == line.f1]
    found = [f"does not beat {', '.join(better)} in event F1"] if better else []
    for other in ties:
        ahead = " and beats it in PR-AUC" if line.pr_auc > other.pr_auc else ""
        found.append(f"ties {other.name} in event F1{ahead}: that does not beat it")
    return found
