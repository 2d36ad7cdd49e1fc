"""Trains the failure model: a calibrated forest for failure, one for its class, and the joined alarm."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from chaoskit import errors, events
from chaoskit.prediction import features, folds, joined
from chaoskit.prediction.alarms import Judge, Judgement, Scores
from chaoskit.prediction.dataset import Dataset
from chaoskit.prediction.features import Floats, Recipe, Spec
from chaoskit.prediction.folds import Moments
from chaoskit.prediction.joined import ALARM, FOREST, Join
from chaoskit.prediction.labels import Labelled, Target

ISOTONIC_EVENTS = 20
"""From so many events on the calibration is isotonic; fewer would let it follow noise."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to train.

    `negatives` is how many healthy samples are kept for each failing one, twice: of the same moments and
    of any; `most_rows` bounds all samples of one forest; `trees` is the size of the forest that is kept,
    `fold_trees` of those that only examine; `jobs` processors grow trees.
    """

    recipe: Recipe = "window"
    false_alarms_per_day: float = 2.0
    seed: int = 7
    trees: int = 100
    fold_trees: int = 60
    leaf: int = 3
    folds: int = 4
    negatives: int = 15
    most_rows: int = 6_000
    jobs: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What `predict` needs; made by `train`, kept and read by `artifact`.

    `join` makes the alarm; `forest` is what it would be without the rules, for comparison.
    """

    spec: Spec
    target: Target
    failure: Any
    calibration: Any
    issues: Any
    join: Join
    forest: Join
    false_alarms_per_day: float
    seed: int
    trained_at: datetime
    facts: dict[str, Any] = field(default_factory=dict)
    out_of_fold: tuple[NDArray[np.float32], ...] = field(default=(), repr=False)

    @property
    def threshold(self) -> float:
        """From which joined score on it is an alarm: 1, for the score is in units of thresholds."""
        return ALARM

    def scores(self, rows: Floats) -> NDArray[np.float32]:
        """The forest's uncalibrated score for each row of features, 0 to 1: one member of the alarm."""
        return score_with(self.failure, rows)

    def probabilities(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores as calibrated probabilities."""
        return calibrated(self.calibration, scores)

    def classes(self, rows: Floats) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """The classes of failure and their shares for each row, given that it fails."""
        return tuple(self.issues.classes_), self.issues.predict_proba(rows)


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Labelled samples of a table: where each is (block, row, moment), if it fails, its event or -1."""

    block: NDArray[np.intp]
    row: NDArray[np.intp]
    moment: NDArray[np.intp]
    y: NDArray[np.int8]
    event: NDArray[np.int32]

    def pick(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> Samples:
        """These of them."""
        return Samples(
            self.block[chosen], self.row[chosen], self.moment[chosen], self.y[chosen], self.event[chosen]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The features of every row and moment of a dataset, per block [row, moment, feature], with its truth."""

    labelled: Labelled
    spec: Spec
    blocks: tuple[Floats, ...]

    def samples(self, chosen: Moments) -> Samples:
        """All samples at these moments that are labelled either way."""
        parts = []
        for index, (truth, moments) in enumerate(zip(self.labelled.truths, chosen, strict=True)):
            row, at = np.nonzero((truth.y >= 0) & moments)
            parts.append((np.full(len(row), index), row, at, truth.y[row, at], truth.event[row, at]))
        return Samples(*(np.concatenate(each) for each in zip(*parts, strict=True)))

    def visible(self, samples: Samples) -> Samples:
        """Those that no event of a class that these signals cannot show has touched."""
        blind = [event.issue in self.labelled.dataset.blind for event in self.labelled.events]
        return samples.pick(~np.array([*blind, False])[samples.event])

    def features(self, samples: Samples) -> Floats:
        """The features of these samples, in their order."""
        out = np.empty((len(samples.y), len(self.spec.names)), dtype=np.float32)
        for index, block in enumerate(self.blocks):
            here = samples.block == index
            out[here] = block[samples.row[here], samples.moment[here]]
        return out

    def spread(self, samples: Samples, values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """One value per sample as an array [row, moment] per block, NaN elsewhere."""
        out = [np.full(truth.y.shape, np.nan, dtype=np.float32) for truth in self.labelled.truths]
        for index, block in enumerate(out):
            here = samples.block == index
            block[samples.row[here], samples.moment[here]] = values[here]
        return out


def tabulate(
    labelled: Labelled,
    wanted: Spec,
    listen: events.Listener = events.ignore,
    *,
    now: datetime | None = None,
) -> Table:
    """The features of everything in the dataset. What is reported happens `now`, however old the data."""
    dataset = labelled.dataset.select(wanted.signals)
    at = now or datetime.now(UTC)
    made = []
    for number, block in enumerate(dataset.blocks):
        made.append(features.compute(block, wanted, np.arange(block.length)))
        listen(events.Progress(at, "features", number + 1, len(dataset.blocks), "blocks"))
    return Table(labelled, wanted, tuple(made))


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
    Raises `InvalidInput` when there is no failure to learn from, or nothing but failures.
    """
    table = table or tabulate(labelled, features.spec(labelled.dataset, options.recipe), listen, now=now)
    chosen = chosen or folds.everything(labelled)
    at = now or datetime.now(UTC)
    samples = table.visible(table.samples(chosen))
    _check(samples)
    tell = _Teller(listen, at, options.folds + 2)
    scores = out_of_fold(table, chosen, options, tell)
    calibration = calibrate(scores, labelled, len(_numbers(samples)))
    members = {FOREST: scores, **joined.rules(labelled.dataset.select(table.spec.signals))}
    join = joined.fit(labelled, chosen, members, options.false_alarms_per_day)
    judged = Judge(labelled, chosen).judge(join.over(members), ALARM)
    failure = fit(table, samples, options)
    tell.forest()
    issues = fit_issues(table, samples, options)
    tell.forest()
    return Model(
        spec=table.spec,
        target=labelled.target,
        failure=failure,
        calibration=calibration,
        issues=issues,
        join=join,
        forest=joined.fit(labelled, chosen, {FOREST: scores}, options.false_alarms_per_day),
        false_alarms_per_day=options.false_alarms_per_day,
        seed=options.seed,
        trained_at=at,
        facts=_facts(labelled.dataset, samples, judged),
        out_of_fold=tuple(scores),
    )


class _Teller:
    """Reports each forest that is grown."""

    def __init__(self, listen: events.Listener, at: datetime, total: int) -> None:
        self._listen, self._at, self._total, self._done = listen, at, total, 0

    def forest(self) -> None:
        self._done += 1
        self._listen(events.Progress(self._at, "training", self._done, self._total, "forests"))


def _numbers(samples: Samples) -> set[int]:
    return set(samples.event[samples.event >= 0].tolist())


def _check(samples: Samples) -> None:
    positives = int((samples.y == 1).sum())
    if positives in {0, len(samples.y)}:
        raise errors.InvalidInput(
            "there is no failure to learn from" if not positives else "there is nothing but failures",
            hint="collect a longer time, or add an events file or chaos runs",
        )
    if len(_numbers(samples)) < 2:
        raise errors.InvalidInput(
            "one failure alone cannot be learned from: none is left to check with",
            hint="collect a longer time",
        )


def fit(table: Table, samples: Samples, options: Options) -> RandomForestClassifier:
    """A forest for failure, on the failing samples and some healthy ones, chosen by the seed."""
    kept = samples.pick(_thinned(samples, options))
    rows = table.features(kept)
    monotonic = np.ones(rows.shape[1], dtype=int) if table.spec.recipe == "evidence" else None
    return _forest(options, monotonic).fit(rows, kept.y, sample_weight=_weights(kept))


def _weights(samples: Samples) -> NDArray[np.float64]:
    """Every event counts alike, within bounds, be it a restart of a minute or a leak of half an hour."""
    weights = np.ones(len(samples.y))
    failing = samples.event >= 0
    count = np.bincount(samples.event[failing])[samples.event[failing]]
    weights[failing] = np.clip(count.mean() / count, 0.25, 4) if len(count) else 1.0
    return weights


def _forest(options: Options, monotonic: NDArray[np.int_] | None = None) -> RandomForestClassifier:
    return RandomForestClassifier(
        n_estimators=options.trees,
        min_samples_leaf=options.leaf,
        max_features="log2",
        class_weight="balanced_subsample",
        monotonic_cst=monotonic,
        random_state=options.seed,
        n_jobs=options.jobs,
    )


def _thinned(samples: Samples, options: Options) -> NDArray[np.intp]:
    """Failing samples, healthy ones of the very same moments, and healthy ones of any time.

    Other pods at the same moment share clock, load and session with the failing one: a forest that must
    tell them apart cannot lean on any of these.
    """
    random = np.random.default_rng(options.seed)

    def some(of: NDArray[np.intp], most: int) -> NDArray[np.intp]:
        return of if len(of) <= most else random.choice(of, most, replace=False)

    moment = samples.block * 10**7 + samples.moment
    failing = samples.y == 1
    beside = np.isin(moment, moment[failing]) & ~failing
    positive = some(np.flatnonzero(failing), options.most_rows // 2)
    wanted = max(2000, options.negatives * len(positive))
    share = (options.most_rows - len(positive)) // 2
    matched = some(np.flatnonzero(beside), min(wanted, share))
    other = some(np.flatnonzero(~beside & ~failing), min(wanted, share))
    return np.sort(np.concatenate([positive, matched, other]))


def score_with(forest: RandomForestClassifier, rows: Floats) -> NDArray[np.float32]:
    """The forest's share for failure, for each row of features."""
    if not len(rows):
        return np.zeros(0, dtype=np.float32)
    share = forest.predict_proba(rows)[:, list(forest.classes_).index(1)]
    return np.asarray(share, dtype=np.float32)


def out_of_fold(table: Table, chosen: Moments, options: Options, tell: _Teller) -> list[NDArray[np.float32]]:
    """Scores of all chosen samples by forests that saw neither their events nor their time."""
    numbers = folds.number(table.labelled, chosen, options.folds)
    scores = [np.full(truth.y.shape, np.nan, dtype=np.float32) for truth in table.labelled.truths]
    for held in range(options.folds):
        teaches, examines = folds.apart(numbers, held, table.spec.window)
        taught = table.visible(table.samples(teaches))
        if 0 < (taught.y == 1).sum() < len(taught.y):
            asked = table.samples(examines)
            forest = fit(table, taught, replace(options, trees=options.fold_trees))
            found = table.spread(asked, score_with(forest, table.features(asked)))
            scores = [np.where(np.isnan(new), old, new) for old, new in zip(scores, found, strict=True)]
        tell.forest()
    return scores


def calibrate(scores: Scores, labelled: Labelled, events_seen: int) -> Any:
    """A map from scores to probabilities: isotonic with enough events, else a logistic curve.

    It never says 0 or 1: so many samples cannot show more than one in so many.
    """
    score = np.concatenate([block.ravel() for block in scores])
    y = np.concatenate([truth.y.ravel() for truth in labelled.truths])
    known = ~np.isnan(score) & (y >= 0)
    score, y = score[known], y[known]
    if not 0 < (y == 1).sum() < len(y):
        raise errors.InvalidInput(
            "all failures lie in one stretch of time: none is left to calibrate with",
            hint="collect a longer time",
        )
    if events_seen >= ISOTONIC_EVENTS:
        least, most = 1 / (len(y) + 2), 1 - 1 / (int((y == 1).sum()) + 2)
        return IsotonicRegression(y_min=least, y_max=most, out_of_bounds="clip").fit(score, y)
    return LogisticRegression(C=1.0).fit(_logit(score), y)


def _logit(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    inside = np.clip(scores.astype(np.float64), 1e-3, 1 - 1e-3)
    return np.log(inside / (1 - inside))[:, None]


def calibrated(calibration: Any, scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scores as probabilities by this calibration."""
    if isinstance(calibration, IsotonicRegression):
        found: NDArray[np.float64] = np.asarray(calibration.predict(scores.astype(np.float64)))
        return found
    return np.asarray(calibration.predict_proba(_logit(scores))[:, 1])


def fit_issues(table: Table, samples: Samples, options: Options) -> RandomForestClassifier:
    """A forest for the class of failure, on the failing samples."""
    failing = samples.pick(samples.event >= 0)
    names = np.array([table.labelled.events[number].issue for number in failing.event])
    return _forest(options).fit(table.features(failing), names)


def _facts(dataset: Dataset, samples: Samples, judged: Judgement) -> dict[str, Any]:
    return {
        "rows": len(samples.y),
        "failing": int((samples.y == 1).sum()),
        "events": len(_numbers(samples)),
        "pods": len({row for block in dataset.blocks for row in block.rows}),
        "hours": round(dataset.hours, 2),
        "out_of_fold": {
            "recall": judged.recall,
            "f1": judged.f1,
            "false_per_day": judged.false_per_hour * 24,
        },
    }
