"""Trains the failure model: a calibrated forest for failure, forests for its class, and the joined alarm."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from chaoskit import errors, events
from chaoskit.prediction import features
from chaoskit.prediction.data.arrays import Doubles, Floats
from chaoskit.prediction.data.dataset import Dataset
from chaoskit.prediction.features import Spec
from chaoskit.prediction.features.layout import BLOCK_MINUTES
from chaoskit.prediction.features.statistics import KNOWN_MINUTES
from chaoskit.prediction.labelling.labels import Labelled, Target
from chaoskit.prediction.labelling.plausible import unchanging
from chaoskit.prediction.learning import evidence, faults, folds, joined, search, seen
from chaoskit.prediction.learning.alarms import Judge, Judgement
from chaoskit.prediction.learning.calibration import (
    Calibration,
    Healthy,
    Home,
    as_probabilities,
    fit_calibration,
    usual,
)
from chaoskit.prediction.learning.evidence import Evidence
from chaoskit.prediction.learning.faults import Faults
from chaoskit.prediction.learning.folds import Moments
from chaoskit.prediction.learning.forest import Lesson, fit, grow, lesson, score, small, weights
from chaoskit.prediction.learning.incidents import Incident, remembered
from chaoskit.prediction.learning.joined import ALARM, FOREST, Join
from chaoskit.prediction.learning.options import Options
from chaoskit.prediction.learning.ranges import Ranges, ranges
from chaoskit.prediction.learning.seen import Span
from chaoskit.prediction.learning.table import Samples, Table, tabulate
from chaoskit.prediction.learning.tree_paths import Classifier, ForestLike, shares


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What `predict` needs; made by `train`, kept and read by `artifact`.

    `join` makes the alarm; `alone` is what it would be without rules and evidence, for comparison. A
    calibration on another cluster moves `calibration` from `home`, which a model with little healthy time has
    not. `faults` tells a finer type than the class, where the labels had one; `seen` is what it learned from,
    `tuned` the healthy time that a calibration set both on.
    """

    spec: Spec
    target: Target
    failure: ForestLike
    calibration: Calibration
    issues: ForestLike
    evidence: Evidence
    join: Join
    alone: Join
    false_alarms_per_day: float
    seed: int
    trained_at: datetime
    faults: Classifier | None = None
    home: Home | None = None
    ranges: Ranges = field(default_factory=dict)
    incidents: tuple[Incident, ...] = field(default=(), repr=False)
    seen: tuple[Span, ...] = field(default=(), repr=False)
    tuned: tuple[Span, ...] = field(default=(), repr=False)
    facts: dict[str, Any] = field(default_factory=dict)
    out_of_fold: tuple[Floats, ...] = field(default=(), repr=False)

    @property
    def threshold(self) -> float:
        """From which joined score on it is an alarm: 1, for the score is in units of thresholds."""
        return ALARM

    @property
    def sign_spec(self) -> Spec:
        """The features of the evidence."""
        return Spec("evidence", self.spec.step, self.spec.signals)

    def scores(self, rows: Floats) -> Floats:
        """The forest's uncalibrated score for each row of features, 0 to 1: one member of the alarm."""
        return score(self.failure, rows)

    def probabilities(self, scores: Floats) -> Doubles:
        """Scores as calibrated probabilities."""
        return as_probabilities(self.calibration, np.clip(scores, 0, 1))

    def classes(self, rows: Floats) -> tuple[tuple[str, ...], Doubles]:
        """The classes of failure and their shares for each row of `Table.told_by`, given that it fails."""
        return tuple(self.issues.classes_), shares(self.issues, rows)


def train(
    labelled: Labelled,
    options: Options,
    *,
    table: Table | None = None,
    chosen: Moments | None = None,
    now: datetime | None = None,
    listen: events.Listener = events.ignore,
) -> Model:
    """A model of the chosen moments (all by default). The same data, options and seed make the same model.

    Calibration and thresholds come from out-of-fold scores, whole events and stretches of time held out.
    Raises `NoBaseline` when there is no failure to learn from, or nothing but failures.
    """
    check_teaches(labelled.dataset)
    at = now or datetime.now(UTC)
    chosen = chosen or folds.everything(labelled)
    if table is None:
        recipe = search.recipe(labelled, chosen, options)
        table = tabulate(labelled, features.spec(labelled.dataset, recipe), listen, now=at)
    samples = table.visible(table.samples(chosen))
    check(samples)
    sides = folds.turns(labelled, chosen, options.folds, table.spec.window)
    tell = Teller(listen, at, len(sides) + 2)
    scores = out_of_fold(table, sides, options, tell)
    calibration = fit_calibration(scores, labelled, len(samples.events))
    spreads = evidence.fit(labelled, chosen, table.sign_spec, table.signs)
    signs = evidence.out_of_fold(labelled, sides, table.sign_spec, table.signs)
    members = joined.members(table, scores, signs)
    always = joined.always(table.spec.recipe)
    join = joined.fit(labelled, chosen, members, options.false_alarms_per_day, always)
    judge = Judge(labelled, chosen)
    judged = judge.judge(join.over(members), ALARM)
    lie = usual(Healthy.of(table, judge, scores), calibration)
    failure = fit(lesson(table, samples, samples.pick(np.zeros(0, dtype=np.intp)), options), options)
    tell.forest()
    issues, finer = fit_classes(table, samples, options)
    tell.forest()
    return Model(
        spec=table.spec,
        target=labelled.target,
        failure=failure,
        calibration=calibration,
        issues=issues,
        faults=finer,
        home=Home(calibration, lie) if lie else None,
        ranges=ranges(labelled.dataset),
        incidents=remembered(table, samples, failure),
        seen=seen.spans(labelled, chosen),
        evidence=spreads,
        join=join,
        alone=joined.fit(labelled, chosen, {FOREST: scores}, options.false_alarms_per_day),
        false_alarms_per_day=options.false_alarms_per_day,
        seed=options.seed,
        trained_at=at,
        facts=_facts(labelled.dataset, samples, judged, options),
        out_of_fold=tuple(scores),
    )


def check_teaches(dataset: Dataset) -> None:
    """There are values that change, and a run long enough for features; `NoBaseline` says what is lacking."""
    if not dataset.samples:
        raise errors.NoBaseline(
            "all values are missing: there is nothing to learn from", hint="look at the mapping's columns"
        )
    if unchanging(dataset.blocks):
        raise errors.NoBaseline(
            "no signal of any pod ever changes: there is nothing to learn from",
            hint="look at the mapping's columns, or at what is scraped",
        )
    longest = max((block.length * block.step / 60 for block in dataset.blocks), default=0.0)
    least = KNOWN_MINUTES + BLOCK_MINUTES
    if longest < least:
        raise errors.NoBaseline(
            f"the longest run is {longest:.3g} min, features need {least}: they compare the newest minutes"
            f" with a baseline of {KNOWN_MINUTES} min before, and are constant until then",
            hint="collect longer runs",
        )


class Teller:
    """Reports each forest that is grown."""

    def __init__(self, listen: events.Listener, at: datetime, total: int, name: str = "training") -> None:
        self._listen, self._at, self._total, self._name, self._done = listen, at, total, name, 0

    def forest(self) -> None:
        """One forest more."""
        self._done += 1
        self._listen(events.Progress(self._at, self._name, self._done, self._total, "forests"))


def check(samples: Samples) -> None:
    """The samples can be learned from; `NoBaseline` says why not."""
    if not samples.teachable:
        raise errors.NoBaseline(
            "there is nothing but failures" if samples.failing else "there is no failure to learn from",
            hint="collect a longer time, or add an events file or chaos runs",
        )
    if len(samples.events) < 2:
        raise errors.NoBaseline(
            "one failure alone cannot be learned from: none is left to check with",
            hint="collect a longer time",
        )


def out_of_fold(
    table: Table, sides: Sequence[tuple[Moments, Moments]], options: Options, tell: Teller | None = None
) -> list[Floats]:
    """Scores of all examined samples by forests that saw neither their events nor their time."""
    scores = [np.full(truth.y.shape, np.nan, dtype=np.float32) for truth in table.labelled.truths]
    asked: list[Samples] = []
    lessons: list[Lesson] = []
    for teaches, examines in sides:
        taught = table.visible(table.samples(teaches))
        if taught.teachable:
            asked.append(table.everything(examines))
            lessons.append(lesson(table, taught, asked[-1], options))
        elif tell:
            tell.forest()
    answers = grow(lessons, small(options)) if lessons else iter(())
    for samples, (found, _) in zip(asked, answers, strict=True):
        new = table.spread(samples, found)
        scores = [np.where(np.isnan(each), old, each) for old, each in zip(scores, new, strict=True)]
        if tell:
            tell.forest()
    return scores


def fit_classes(
    table: Table, samples: Samples, options: Options
) -> tuple[RandomForestClassifier, Faults | None]:
    """A forest for the class of failure, and what tells its finer type where the labels have one."""
    failing = samples.pick(samples.event >= 0)
    of = [table.labelled.events[number] for number in failing.event]
    rows = table.told_by(failing)
    trees = replace(options, splits=0.3)  # there are few of these features, and every one means something
    names = np.array([event.issue for event in of])
    issues = fit(Lesson(rows, names, weights(failing), rows[:0]), trees)
    told = [(number, event.issue, event.fault) for number, event in zip(failing.event, of, strict=True)]
    return issues, faults.fit(issues, table.fault_told_by(failing), told, trees)


def _facts(dataset: Dataset, samples: Samples, judged: Judgement, options: Options) -> dict[str, Any]:
    return {
        "rows": len(samples.y),
        "failing": samples.failing,
        "events": len(samples.events),
        "pods": len({row for block in dataset.blocks for row in block.rows}),
        "hours": round(dataset.hours, 2),
        "data_sha256": digest(dataset),
        "leaf": options.leaf,
        "splits": options.splits,
        "out_of_fold": {
            "recall": judged.recall,
            "f1": judged.f1,
            "false_per_day": judged.false_per_hour * 24,
        },
    }


def digest(dataset: Dataset) -> str:
    """The SHA-256 of all values and labels: the same data, the same digest."""
    found = hashlib.sha256()
    for block in dataset.blocks:
        found.update(repr((block.run, block.rows, block.start, block.step)).encode())
        for values in (block.values, *block.fine.values()):
            found.update(np.ascontiguousarray(values).tobytes())
    for label in dataset.labels:
        found.update(repr((label.target, label.meaning, label.issue, label.start, label.end)).encode())
    return found.hexdigest()
