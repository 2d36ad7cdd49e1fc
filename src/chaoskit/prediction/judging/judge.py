"""Judges one model beside its baselines: by its own thresholds, by ones set anew, or out of fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from chaoskit.prediction.data.arrays import Floats
from chaoskit.prediction.judging import baselines, calibrating, classes, facts, gate, probes, wording
from chaoskit.prediction.judging.baselines import Baseline
from chaoskit.prediction.judging.examining import Examiner, caught
from chaoskit.prediction.judging.frequencies import reliability
from chaoskit.prediction.judging.luck import by_luck
from chaoskit.prediction.judging.report import ClassReport, Line, Member, Probe, Report
from chaoskit.prediction.judging.witnesses import Witnesses
from chaoskit.prediction.labelling.foresight import forecasts
from chaoskit.prediction.learning import evidence, folds, joined
from chaoskit.prediction.learning.alarms import GRACE_MINUTES, Judge, Judgement, Scores
from chaoskit.prediction.learning.calibration import fit_calibration
from chaoskit.prediction.learning.folds import Moments
from chaoskit.prediction.learning.joined import ALARM, FOREST, Join
from chaoskit.prediction.learning.options import Options
from chaoskit.prediction.learning.table import Table
from chaoskit.prediction.learning.training import Model

TURNS = 2
"""Judged out of fold, thresholds are set on so many times as many stretches as there are folds: a budget of
few false alarms needs all the time it can get."""


@dataclass(frozen=True, slots=True)
class Part:
    """At these moments [moment] per block hold these joins, calibration and scores.

    `members` are the scores [row, moment] per block of all that may be joined, by name, over all the time;
    `alone` is the join of the forest alone. `model` is the one that is judged, but for its calibration.
    """

    moments: Moments
    join: Join
    alone: Join
    members: dict[str, Scores]
    model: Model


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was judged: the scores [row, moment] per block, what the alarm did, and the lines beside it.

    `found` is what the joined alarm did, `luck` the event F1 of as many alarms at random.
    """

    forest: Scores
    chances: Scores
    alarm: Scores
    found: Judgement
    line: Line
    alone: Line
    members: tuple[Member, ...]
    lines: tuple[Line, ...]
    strangers: Line | None
    luck: float


Told: TypeAlias = tuple[ClassReport | None, ClassReport | None]
"""How well the class is told, and the fault within it; None where there is nothing to tell."""


class Judging:
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
        self.asked = self.judge.clear(self.everything.known)
        self.examiner = Examiner(table, self.judge, self.asked)

    def report(self, split: str, notes: list[str]) -> Report:
        """With the thresholds that the model and its baselines have."""
        lines = [self._of_baseline(each, each.scores(self.table), each.threshold) for each in self.fitted]
        told = classes.by_model(self.model, self.table, self.judge.due)
        notes = [*notes, *self._strange()]
        return self._report(self._as_it_is(lines, self._strangers()), told, split, notes)

    def line(self) -> Line:
        """The model's line of that report, for which nothing is asked of any other."""
        return self._as_it_is([], None).line

    def _as_it_is(self, lines: Sequence[Line], strangers: Line | None) -> _Judged:
        """The alarm by the thresholds that the model has, beside these lines of others."""
        forest = self._scores()
        signs = self.model.evidence.over(self.table.sign_spec, self.table.signs)
        members = joined.members(self.table, forest, signs)
        part = Part(self.late, self.model.join, self.model.alone, members, self.model)
        return self._judged(forest, self._chances(forest, self.model), [part], lines, strangers)

    def in_turn(self) -> list[Part]:
        """Each stretch with thresholds and probabilities that it gets from the healthy time of the others."""
        forest = self._scores()
        parts = []
        for teaches, examines in calibrating.sides(self.table.labelled, self.late):
            found = calibrating.fit(self.model, self.table, forest, teaches, self.model.false_alarms_per_day)
            signs = found.evidence.over(self.table.sign_spec, self.table.signs)
            members = joined.members(self.table, forest, signs)
            moved = replace(self.model, calibration=found.calibration)
            parts.append(Part(examines, found.join, found.alone, members, moved))
        return parts

    def calibrated(self, parts: Sequence[Part], split: str, notes: list[str]) -> Report:
        """With the thresholds and probabilities of these parts."""
        forest, budget = self._scores(), self.model.false_alarms_per_day
        sides = calibrating.sides(self.table.labelled, self.late)
        lines = [self._reset(each, sides, budget) for each in self.fitted]
        told = classes.by_model(self.model, self.table, self.judge.due)
        chances = joined.assemble(
            self.table.labelled,
            [(part.moments, part) for part in parts],
            lambda part: self._chances(forest, part.model),
        )
        moved = sum(calibrating.is_moved(part.model) for part in parts)
        notes = [*notes, *self._strange(), wording.of_moved(moved, len(parts))]
        judged = self._judged(forest, chances, parts, lines, self._strangers())
        return self._report(judged, told, split, notes)

    def out_of_fold(self, options: Options, split: str, notes: list[str]) -> Report:
        """On the scores that training made out of fold, thresholds of each stretch from the others."""
        labelled = self.table.labelled
        forest = list(self.model.out_of_fold)
        sides = folds.turns(labelled, self.late, options.folds, self.table.spec.window)
        signs = evidence.out_of_fold(labelled, sides, self.table.sign_spec, self.table.signs)
        members = joined.members(self.table, forest, signs)
        count = TURNS * options.folds
        calibrations = [(examines, self._calibrated_on(teaches)) for teaches, examines in sides]

        def decide(at: Moments) -> tuple[Join, Join]:
            allowed = self._allowed(Judge(labelled, at))
            whole = joined.fit(labelled, at, members, allowed, joined.always(self.table.spec.recipe))
            return whole, joined.fit(labelled, at, {FOREST: forest}, allowed)

        parts = [
            Part(moments, join, alone, members, self.model)
            for moments, (join, alone) in joined.in_turn(labelled, self.late, count, decide)
        ]
        lines = [self._in_turn(each, sides, count) for each in self.fitted]
        told = classes.out_of_fold(self.table, sides, options, self.judge.due)
        chances = joined.assemble(labelled, calibrations, lambda each: self._chances(forest, each))
        judged = self._judged(forest, chances, parts, lines, self._strangers(count))
        return self._report(judged, told, split, notes)

    def _strange(self) -> list[str]:
        return classes.strange(self.model, self.table, self.judge.due)

    def _calibrated_on(self, teaches: Moments) -> Model:
        """The model with a calibration that saw these moments alone; as it is where they cannot teach one."""
        scores = [
            np.where(moments, block, np.nan)
            for block, moments in zip(self.model.out_of_fold, teaches, strict=True)
        ]
        seen = self.table.visible(self.table.samples(teaches))
        if not seen.teachable:
            return self.model
        return replace(self.model, calibration=fit_calibration(scores, self.table.labelled, len(seen.events)))

    def _chances(self, forest: Scores, model: Model) -> list[Floats]:
        """The model's probabilities [row, moment] per block of these scores, NaN where there is none."""
        out = []
        for block in forest:
            chances = np.full(block.shape, np.nan, dtype=np.float32)
            known = ~np.isnan(block)
            if known.any():
                chances[known] = model.probabilities(block[known])
            out.append(chances)
        return out

    def _scores(self) -> list[Floats]:
        """The forest's scores [row, moment] per block at the judged moments; NaN elsewhere."""
        return self.table.spread(self.everything, self.model.scores(self.table.features(self.everything)))

    def _allowed(self, part: Judge) -> float:
        """The budget, per day, of a part of the time, which may make as many false alarms as the whole."""
        budget = self.model.false_alarms_per_day
        return budget * self.judge.hours / part.hours if part.hours else budget

    def _reset(self, each: Baseline, sides: Sequence[tuple[Moments, Moments]], budget: float) -> Line:
        """A baseline with thresholds that each stretch gets from the healthy time of the others."""
        scores, healthy = each.scores(self.table), calibrating.without_events(self.table.labelled)
        limits = [
            (examines, each.reset(healthy, teaches, scores, budget).threshold) for teaches, examines in sides
        ]
        return self._by_part(each.name, scores, limits)

    def _in_turn(self, each: Baseline, sides: Sequence[tuple[Moments, Moments]], count: int) -> Line:
        """A baseline out of fold, with thresholds that each stretch gets from the others."""
        scores = baselines.out_of_fold(each, self.table, sides)
        return self._by_part(each.name, scores, self._limits(scores, count))

    def _limits(self, scores: Scores, count: int) -> Sequence[tuple[Moments, float]]:
        """For each of `count` stretches of time the threshold that is best for these scores on the others."""

        def limit(at: Moments) -> float:
            judge = Judge(self.table.labelled, at)
            return judge.best(scores, self._allowed(judge)).threshold

        return joined.in_turn(self.table.labelled, self.late, count, limit)

    def _by_part(self, name: str, scores: Scores, limits: Sequence[tuple[Moments, float]]) -> Line:
        """What these scores mean with a threshold for each part of the time."""
        alarm = joined.assemble(self.table.labelled, limits, lambda limit: _over(scores, limit))
        return self.examiner.line(name, scores, self.judge.judge(alarm, ALARM))

    def _of_baseline(self, each: Baseline, scores: Scores, threshold: float) -> Line:
        return self.examiner.line(each.name, scores, self.judge.judge(scores, threshold))

    def _assemble(self, parts: Sequence[Part], alarm: Callable[[Part], Scores]) -> Scores:
        return joined.assemble(self.table.labelled, [(part.moments, part) for part in parts], alarm)

    def _judged(
        self,
        forest: Scores,
        chances: Scores,
        parts: Sequence[Part],
        lines: Sequence[Line],
        strangers: Line | None,
    ) -> _Judged:
        """The alarm of these parts and the forest alone, beside these lines of others."""
        recipe = self.table.spec.recipe
        alarm = self._assemble(parts, lambda part: part.join.scores(part.members, recipe))
        single = self._assemble(parts, lambda part: part.alone.over({FOREST: forest}))
        found = self.judge.judge(alarm, ALARM)
        name = "random forest alone"
        return _Judged(
            forest=forest,
            chances=chances,
            alarm=alarm,
            found=found,
            line=self.examiner.line(_joined_by(parts), alarm, found, chances),
            alone=self.examiner.line(name, forest, self.judge.judge(single, ALARM), chances),
            members=tuple(self._member(name, parts) for name in self.model.join.thresholds),
            lines=tuple(lines),
            strangers=strangers,
            luck=by_luck(self.table.labelled, self.late, alarm, ALARM),
        )

    def _words(self, judged: _Judged, told: Told) -> list[str]:
        """What is to be known beside the figures, of failures without a fault to how the data was read."""
        return [
            *(classes.nameless(self.table, self.judge.due) if told[1] else []),
            *self._grace(judged.alarm, judged.forest),
            *gate.standing(judged.line, judged.lines, judged.luck),
            *self.table.labelled.dataset.notes,
        ]

    def _report(self, judged: _Judged, told: Told, split: str, notes: Sequence[str]) -> Report:
        """All of it as one record; `told` are the classes and the faults."""
        model, dataset = self.model, self.table.labelled.dataset
        said, truth = self.examiner.known(judged.chances)
        ahead = forecasts(model.target, map(str, model.issues.classes_))
        return Report(
            target=model.target.words,
            mode=model.target.mode,
            confirm=model.target.confirm,
            false_alarms_per_day=model.false_alarms_per_day,
            split=split,
            data=facts.data(self.table, self.judge, self.asked),
            model=judged.line,
            alone=judged.alone,
            members=judged.members,
            lines=judged.lines,
            workload_held_out=judged.strangers,
            out_of_fold=dict(model.facts.get("out_of_fold", {})),
            classes=told[0],
            faults=told[1],
            probes=self._probes(judged, told[0]),
            reliability=reliability(said, truth) if self.examiner.compares else (),
            pr_curve=self.examiner.curve(judged.alarm),
            occurrences=facts.occurrences(dataset, judged.found),
            false_alarms=facts.false_alarms(dataset, judged.found),
            blind=dict(dataset.blind),
            forecasts=ahead,
            detects=tuple(str(each) for each in model.issues.classes_ if str(each) not in ahead),
            beaten_by=gate.beaten_by(judged.line, judged.lines, judged.luck),
            notes=(*notes, *self._words(judged, told)),
        )

    def _probes(self, judged: _Judged, told: ClassReport | None) -> tuple[Probe, ...]:
        return probes.probe(
            self.table,
            self.judge,
            self.probed,
            judged.forest,
            judged.alone,
            self.witnesses,
            told,
            judged.strangers,
        )

    def _grace(self, alarm: Scores, forest: Scores) -> list[str]:
        """In words, what PR-AUC is when the minutes after failures count as healthy."""
        left_out = len(self.everything.known.y) - len(self.asked.y)
        if not left_out:
            return []
        strict = Examiner(self.table, self.judge, self.everything.known)
        words = (
            f"per sample, the {GRACE_MINUTES} min after a failure count neither way, as for alarms"
            f" ({left_out} samples); with them as healthy PR-AUC is {strict.precision(alarm):.3f},"
            f" of the forest alone {strict.precision(forest):.3f}"
        )
        return [words]

    def _member(self, name: str, parts: Sequence[Part]) -> Member:
        """What this member's part of the joined alarm does, beside the threshold that the kept model has.

        A calibration in turn keeps none: then it is that of the first part.
        """

        def part(each: Part) -> Scores:
            if name not in each.members:
                return [np.full_like(block, np.nan) for block in each.members[FOREST]]
            return each.join.part(name, each.members)

        judged = self.judge.judge(self._assemble(parts, part), ALARM)
        anew = parts[0].model is not self.model and name in parts[0].join.thresholds
        join = parts[0].join if anew else self.model.join
        return Member(name, join.told[name], caught(judged, lambda event: event.issue), judged.false)

    def _strangers(self, count: int = 0) -> Line | None:
        """How forests do that never saw the workload; out of fold with thresholds of so many stretches."""
        made = self.witnesses.strangers if self.witnesses else None
        covered = {name for names, _ in made.forests for name in names} if made else set()
        if made is None or not any(event.workload in covered for event in self.judge.due):
            return None
        scores = made.scores(self.table, self.everything)
        if all(np.isnan(block).all() for block in scores):
            return None
        name = "random forest, workloads held out"
        if count:
            return self._by_part(name, scores, self._limits(scores, count))
        return self.examiner.line(name, scores, self.judge.judge(scores, made.threshold))


def _joined_by(parts: Sequence[Part]) -> str:
    """``random forest + static rule (1 of 8 parts)``: who makes the alarm that is judged."""
    counts = Counter(name for part in parts for name in part.join.thresholds)
    rare = {name: f" ({count} of {len(parts)} parts)" for name, count in counts.items() if count < len(parts)}
    return " + ".join(f"{name}{rare.get(name, '')}" for name in counts)


def _over(scores: Scores, threshold: float) -> list[Floats]:
    """1 where a score reaches the threshold, 0 where it does not, NaN where there is none."""
    return [np.where(np.isnan(block), block, block >= threshold) for block in scores]
