"""What is grown beside a model to judge it: forests that never saw a workload, and probes for leaks.

They are kept with the model, so that it can be judged the same way on data that comes later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from chaoskit.prediction.data.arrays import Doubles, Floats
from chaoskit.prediction.learning import forest as forests
from chaoskit.prediction.learning.alarms import Judge
from chaoskit.prediction.learning.folds import Moments
from chaoskit.prediction.learning.forest import Lesson, lesson, small
from chaoskit.prediction.learning.options import Options
from chaoskit.prediction.learning.table import Samples, Table
from chaoskit.prediction.learning.tree_paths import Classifier

GROUPS = 13
"""Workloads are held out one by one, or in so many groups where they are more."""


@dataclass(frozen=True, slots=True, eq=False)
class Strangers:
    """Forests by the workloads that each never saw, and the threshold for the budget on workloads unseen."""

    forests: tuple[tuple[frozenset[str], Classifier], ...]
    threshold: float = float("inf")

    def scores(self, table: Table, asked: Samples) -> list[Floats]:
        """Each sample's score by a forest that never saw its workload; NaN for workloads of none."""
        found = np.full(len(asked.y), np.nan, dtype=np.float32)
        for names, forest in self.forests:
            mine = table.of_workloads(asked, sorted(names))
            found[mine] = forests.score(forest, table.features(asked.pick(mine)))
        return table.spread(asked, found)


@dataclass(frozen=True, slots=True, eq=False)
class Witnesses:
    """Strangers to each workload, and what a score without any signal is made of.

    `identity` is the share of failing samples by pod, `clock` a forest of times, `moved` a forest of labels
    moved in time; None where it could not be made.
    """

    strangers: Strangers | None
    identity: Mapping[tuple[str, str], float]
    clock: Classifier | None
    moved: Classifier | None


def fit(table: Table, early: Moments, options: Options, half: Moments | None = None) -> Witnesses:
    """The witnesses of these moments; where they are to be judged on them too, of `half` of them."""
    part = half or early
    taught = table.samples(part)
    return Witnesses(
        strangers(table, early, options),
        identity(table, taught),
        clock(table, taught, options),
        moved(table, part, options),
    )


def strangers(table: Table, early: Moments, options: Options) -> Strangers | None:
    """Forests that never saw some workload; None with fewer than three workloads or failures of one alone."""
    names = table.workloads
    if len(names) < 3:
        return None
    groups = [frozenset(names[at::GROUPS]) for at in range(min(GROUPS, len(names)))]
    taught = table.visible(table.samples(early))
    nobody = taught.pick(np.zeros(0, dtype=np.intp))
    kept: list[frozenset[str]] = []
    lessons: list[Lesson] = []
    for group in groups:
        others = taught.pick(~table.of_workloads(taught, sorted(group)))
        if others.teachable:
            kept.append(group)
            lessons.append(lesson(table, others, nobody, options))
    if not kept:
        return None
    grown = [forest for _, forest in forests.grow(lessons, small(options))]
    made = Strangers(tuple(zip(kept, grown, strict=True)))
    scores = made.scores(table, table.everything(early))
    best = Judge(table.labelled, early).best(scores, options.false_alarms_per_day)
    return replace(made, threshold=best.threshold)


# -- leak probes: scores that must not work --------------------------------------------------------------


def identity(table: Table, taught: Samples) -> dict[tuple[str, str], float]:
    """How often each pod failed."""
    counts: dict[tuple[str, str], list[int]] = {}
    for index, block in enumerate(table.labelled.dataset.blocks):
        for number, row in enumerate(block.rows):
            here = (taught.block == index) & (taught.row == number)
            count = counts.setdefault((row.namespace, row.pod), [0, 0])
            count[0] += int((taught.y[here] == 1).sum())
            count[1] += int(here.sum())
    return {pod: failing / max(1, total) for pod, (failing, total) in counts.items()}


def by_identity(table: Table, asked: Samples, shares: Mapping[tuple[str, str], float]) -> Doubles:
    """How far "is it the pod that failed before" goes."""
    guess = np.zeros(len(asked.y))
    for index, block in enumerate(table.labelled.dataset.blocks):
        here = asked.block == index
        of_row = np.array([shares.get((row.namespace, row.pod), 0.0) for row in block.rows])
        guess[here] = of_row[asked.row[here]]
    return guess


def clock(table: Table, taught: Samples, options: Options) -> RandomForestClassifier | None:
    """A forest of nothing but the time of day and of the half-hour."""
    if not taught.teachable:
        return None
    positive, negative = np.flatnonzero(taught.y == 1), np.flatnonzero(taught.y == 0)
    random = np.random.default_rng(options.seed)
    kept = np.concatenate([positive, random.choice(negative, min(len(negative), 10_000), replace=False)])
    forest = RandomForestClassifier(
        n_estimators=30, min_samples_leaf=20, class_weight="balanced_subsample",
        random_state=options.seed, n_jobs=1,
    )  # fmt: skip
    return forest.fit(times(table, taught.pick(kept)), taught.y[kept])


def times(table: Table, samples: Samples) -> Floats:
    """The time of day, of the hour and of the half-hour of each sample, in seconds."""
    at = np.empty(len(samples.y))
    for index, block in enumerate(table.labelled.dataset.blocks):
        here = samples.block == index
        at[here] = block.times[samples.moment[here]]
    return np.stack([at % 86400, at % 3600, at % 1800], axis=1).astype(np.float32)


def shifted(table: Table) -> Table:
    """The same table with labels moved by a third of the time: they mean nothing there."""
    truths = []
    for truth in table.labelled.truths:
        by = truth.y.shape[1] // 3
        was, known = np.roll(truth.y, by, axis=1), truth.y == 0
        y = np.where(known, np.maximum(was, 0), -1).astype(np.int8)
        truths.append(replace(truth, y=y, event=np.where(y == 1, np.roll(truth.event, by, axis=1), -1)))
    return replace(table, labelled=replace(table.labelled, truths=tuple(truths)))


def moved(table: Table, early: Moments, options: Options) -> RandomForestClassifier | None:
    """A forest that learned labels without meaning."""
    empty = shifted(table)
    taught = empty.visible(empty.samples(early))
    if not taught.teachable:
        return None
    nobody = taught.pick(np.zeros(0, dtype=np.intp))
    return forests.fit(lesson(empty, taught, nobody, options), replace(options, trees=40))
