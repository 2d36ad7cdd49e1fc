"""Random forests: what they learn from, how they are grown, what they say. Grown here or on many machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from chaoskit.prediction.data.arrays import Doubles, Floats, Indices
from chaoskit.prediction.features import Spec
from chaoskit.prediction.learning import dask_pool
from chaoskit.prediction.learning.options import Options, check
from chaoskit.prediction.learning.table import Samples, Table
from chaoskit.prediction.learning.tree_paths import Classifier

RISKIER = {"level", "level_max", "ahead15", "ahead30", "reset", "z_count"}
"""Window features of which more is never less risk; of the evidence recipe all are."""

SAFER = {"full_in", "full_in_long", "soonest"}
"""Those of which more is never more risk."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What one forest learns and what it is then asked: features, truth and weights; features."""

    rows: Floats
    y: NDArray[np.integer] | NDArray[np.str_]
    weights: Doubles
    asked: Floats
    monotonic: NDArray[np.int_] | None = None


def lesson(table: Table, taught: Samples, asked: Samples, options: Options) -> Lesson:
    """The failing samples and some healthy ones, chosen by the seed, and the questions."""
    kept = taught.pick(thinned(taught, options))
    return Lesson(table.features(kept), kept.y, weights(kept), table.features(asked), monotonic(table.spec))


def monotonic(spec: Spec) -> NDArray[np.int_] | None:
    """Per feature 1 where more is never less risk, -1 where more is never more, 0 where neither is sure."""
    if spec.recipe == "evidence":
        return np.ones(len(spec.names), dtype=int)
    names = [name for _, name in spec.layout]
    return np.array([int(name in RISKIER) - int(name in SAFER) for name in names])


def grow(
    lessons: Sequence[Lesson] | Iterator[Lesson], options: Options
) -> Iterator[tuple[Floats, RandomForestClassifier]]:
    """For each lesson in turn the answers, and the forest that gave them; `options.jobs` at a time."""
    if options.backend == "dask":
        check(options)
        yield from dask_pool.answers(options.scheduler, _answer, ((each, options) for each in lessons))
        return
    with joblib.parallel_config(options.backend, n_jobs=options.jobs):
        made = joblib.Parallel(return_as="generator")(
            joblib.delayed(_answer)(each, options) for each in lessons
        )
        yield from made


def _answer(each: Lesson, options: Options) -> tuple[Floats, RandomForestClassifier]:
    forest = fit(each, options)
    return score(forest, each.asked), forest


def fit(each: Lesson, options: Options) -> RandomForestClassifier:
    """A forest of this lesson; the same lesson and options grow the same forest."""
    forest = RandomForestClassifier(
        n_estimators=options.trees,
        min_samples_leaf=options.leaf,
        max_features=options.splits,
        class_weight="balanced_subsample",
        monotonic_cst=each.monotonic,
        random_state=options.seed,
        n_jobs=1,
    )
    return forest.fit(each.rows, each.y, sample_weight=each.weights)


def score(forest: Classifier, rows: Floats) -> Floats:
    """The forest's share for failure, for each row of features."""
    if not len(rows):
        return np.zeros(0, dtype=np.float32)
    share = forest.predict_proba(rows)[:, list(forest.classes_).index(1)]
    return np.asarray(share, dtype=np.float32)


def weights(samples: Samples) -> Doubles:
    """Every event counts alike, within bounds, be it a restart of a minute or a leak of half an hour."""
    found = np.ones(len(samples.y))
    failing = samples.event >= 0
    count = np.bincount(samples.event[failing])[samples.event[failing]]
    found[failing] = np.clip(count.mean() / count, 0.25, 4) if len(count) else 1.0
    return found


def thinned(samples: Samples, options: Options) -> Indices:
    """Failing samples, healthy ones of the very same moments, and healthy ones of any time.

    Other pods at the same moment share clock, load and session with the failing one: a forest that must
    tell them apart cannot lean on any of these. They are drawn by their places, and rows lie by name: where
    workloads are called otherwise, so that their order is another, others are drawn and the forest differs.
    """
    random = np.random.default_rng(options.seed)

    def some(of: Indices, most: int) -> Indices:
        return of if len(of) <= most else random.choice(of, most, replace=False)

    moment = samples.block * 10**7 + samples.moment
    failing = samples.y == 1
    beside = np.isin(moment, moment[failing]) & ~failing
    positive = some(np.flatnonzero(failing), options.most_rows // 2)
    wanted = max(2000, options.negatives * len(positive))
    share = min(wanted, options.most_rows - len(positive)) // 2
    matched = some(np.flatnonzero(beside), share)
    other = some(np.flatnonzero(~beside & ~failing), share)
    return np.sort(np.concatenate([positive, matched, other]))


def small(options: Options) -> Options:
    """The same for forests that only examine."""
    return replace(options, trees=options.fold_trees)
