"""Judges one model beside its baselines: by its own thresholds, by ones set anew, or out of fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chaoskit.prediction.data.arrays import Floats
from chaoskit.prediction.judging import baselines, calibrating, classes, probes
from chaoskit.prediction.judging.baselines import Baseline
from chaoskit.prediction.judging.examining import Examiner, caught, reliability
from chaoskit.prediction.judging.luck import AT_RANDOM, by_luck
from chaoskit.prediction.judging.report import ClassReport, FalseAlarm, Line, Member, Occurrence, Report
from chaoskit.prediction.judging.witnesses import Witnesses
from chaoskit.prediction.labelling.foresight import forecasts
from chaoskit.prediction.labelling.labels import Event
from chaoskit.prediction.learning import evidence, folds, joined
from chaoskit.prediction.learning.alarms import GRACE_MINUTES, Judge, Judgement, Scores
from chaoskit.prediction.learning.calibration import fit_calibration
from chaoskit.prediction.learning.folds import Moments
from chaoskit.prediction.learning.forest import Options
from chaoskit.prediction.learning.joined import ALARM, FOREST, Join
from chaoskit.prediction.learning.table import Table
from chaoskit.prediction.learning.training import Model, digest

TURNS = 2
"""Judged out of fold, thresholds are set on so many times as many stretches as there are folds: a budget of
few false alarms needs all the time it can get."""


@dataclass(frozen=True, slots=True)
class Part:
    """At these moments holds this join, and evidence of these scores."""

    moments: Moments
    join: Join
    alone: Join
    members: dict[str, Scores]
    model: Model


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
        forest = self._scores()
        signs = self.model.evidence.over(self.table.sign_spec, self.table.signs)
        members = joined.members(self.table, forest, signs)
        part = Part(self.late, self.model.join, self.model.alone, members, self.model)
        lines = [self._of_baseline(each, each.scores(self.table), each.threshold) for each in self.fitted]
        told = classes.by_model(self.model, self.table, self.judge.due)
        chances = self._chances(forest, self.model)
        notes = [*notes, *self._strange()]
        return self._report(forest, chances, [part], lines, told, self._strangers(), split, notes)

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
        notes = [*notes, *self._strange(), _words_of_moved(parts)]
        return self._report(forest, chances, parts, lines, told, self._strangers(), split, notes)

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
        return self._report(forest, chances, parts, lines, told, self._strangers(count), split, notes)

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
        """The model's probabilities [row, moment] per block, NaN where there is no score."""
        out = []
        for block in forest:
            chances = np.full(block.shape, np.nan, dtype=np.float32)
            known = ~np.isnan(block)
            if known.any():
                chances[known] = model.probabilities(block[known])
            out.append(chances)
        return out

    def _scores(self) -> list[Floats]:
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

    def _report(
        self,
        forest: Scores,
        chances: Scores,
        parts: Sequence[Part],
        lines: Sequence[Line],
        told: tuple[ClassReport | None, ClassReport | None],
        strangers: Line | None,
        split: str,
        notes: list[str],
    ) -> Report:
        model, labelled = self.model, self.table.labelled
        recipe = self.table.spec.recipe
        alarm = self._assemble(parts, lambda part: part.join.scores(part.members, recipe))
        judged = self.judge.judge(alarm, ALARM)
        line = self.examiner.line(_joined_by(parts), alarm, judged, chances)
        luck = by_luck(labelled, self.late, alarm, ALARM)
        single = self._assemble(parts, lambda part: part.alone.over({FOREST: forest}))
        alone = self.examiner.line("random forest alone", forest, self.judge.judge(single, ALARM), chances)
        said, truth = self.examiner.known(chances)
        ahead = forecasts(model.target, map(str, model.issues.classes_))
        nameless = classes.nameless(self.table, self.judge.due) if told[1] else []
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
            workload_held_out=strangers,
            out_of_fold=dict(model.facts.get("out_of_fold", {})),
            classes=told[0],
            faults=told[1],
            probes=probes.probe(
                self.table, self.judge, self.probed, forest, alone, self.witnesses, told[0], strangers
            ),
            reliability=reliability(said, truth) if self.examiner.compares else (),
            pr_curve=self.examiner.curve(alarm),
            occurrences=tuple(self._occurrences(judged)),
            false_alarms=tuple(self._false(judged)),
            blind=dict(labelled.dataset.blind),
            forecasts=ahead,
            detects=tuple(str(each) for each in model.issues.classes_ if str(each) not in ahead),
            beaten_by=(
                *(other.name for other in lines if other.f1 >= line.f1),
                *([AT_RANDOM] if line.f1_interval.low <= luck else []),
            ),
            notes=(
                *notes,
                *nameless,
                *self._grace(alarm, forest),
                *_standing(line, lines),
                *_lucky(line, luck),
                *labelled.dataset.notes,
            ),
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
        ramps = sum(event.ramp for event in self.judge.due)
        return {
            "rows": len(self.asked.y),
            "pods": len({row for block in dataset.blocks for row in block.rows}),
            "workloads": len(
                {(row.namespace, row.workload) for block in dataset.blocks for row in block.rows}
            ),
            "hours": round(self.judge.hours, 1),
            **_counts("events", self.judge.due),
            **({"ramps": ramps} if ramps else {}),
            "prevalence": float((self.asked.y == 1).mean()),
            "missing_share": dataset.missing_share,
            "features": len(self.table.spec.names),
            "signals": len(dataset.signals),
            "step_seconds": dataset.step,
            "recipe": self.table.spec.recipe,
            "sha256": digest(dataset),
            "of_hours": round(dataset.hours, 1),
            **_counts("of_events", self.table.labelled.events),
        }


def _joined_by(parts: Sequence[Part]) -> str:
    """``random forest + static rule (1 of 8 parts)``: who makes the alarm that is judged."""
    counts = Counter(name for part in parts for name in part.join.thresholds)
    rare = {name: f" ({count} of {len(parts)} parts)" for name, count in counts.items() if count < len(parts)}
    return " + ".join(f"{name}{rare.get(name, '')}" for name in counts)


def _counts(name: str, of: Sequence[Event]) -> dict[str, Any]:
    """How many events of each class under this name, and under ``NAME_from`` how many of them from where."""
    told: dict[str, Counter[str]] = {}
    for event in of:
        told.setdefault(event.issue, Counter())[event.source] += 1
    issues = sorted(told)
    return {
        name: {issue: told[issue].total() for issue in issues},
        f"{name}_from": {issue: dict(told[issue].most_common()) for issue in issues},
    }


def _words_of_moved(parts: Sequence[Part]) -> str:
    """In words, how many parts have probabilities of the place, and so what their ECE is of."""
    count = sum(calibrating.is_moved(part.model) for part in parts)
    return f"probabilities were moved from those of training in {count} of {len(parts)} parts"


def _over(scores: Scores, threshold: float) -> list[Floats]:
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


def _lucky(line: Line, luck: float) -> list[str]:
    """In words, that so few events leave open whether the alarm is any better than luck."""
    low = line.f1_interval.low
    random = f"{AT_RANDOM} have an event F1 of {luck:.3f}"
    return [f"{random}; for all that so few events tell, the model's is {low:.3f}"] if low <= luck else []
