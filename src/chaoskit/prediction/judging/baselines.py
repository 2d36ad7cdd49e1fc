"""What the forest has to beat: static rules, absence, extrapolation, z-score, EWMA, isolation, persistence.

Each gives a score per row and moment, from the values themselves and not from the model's features; its
threshold is chosen like the model's, on the same part of the data and for the same budget of false alarms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from sklearn.ensemble import IsolationForest

from chaoskit.prediction.data.arrays import Bools, Floats
from chaoskit.prediction.data.dataset import Block, Row
from chaoskit.prediction.features.window import floors
from chaoskit.prediction.labelling.labels import Labelled
from chaoskit.prediction.learning import plain
from chaoskit.prediction.learning.alarms import Judge, Scores
from chaoskit.prediction.learning.folds import Moments
from chaoskit.prediction.learning.joined import FEW, above_healthy, lowest
from chaoskit.prediction.learning.options import Options
from chaoskit.prediction.learning.plain import ABSENCE, LINEAR, STATIC, SYMPTOM
from chaoskit.prediction.learning.table import Table

_ISOLATION_SAMPLES = 4000

_WARM = 20
"""So many samples a moving average takes before it says what is unusual."""

_LARGEST = 4
"""By so many of its largest deviations a sample is isolated: by which signals would tell pods apart."""


Learned: TypeAlias = Mapping[Row, Floats] | IsolationForest
"""Each pod's limits, by signal; or what tells how rare deviations are."""


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """A rule with what it learned: its threshold, per-pod limits, an isolation forest."""

    name: str
    meaning: str
    threshold: float = float("inf")
    learned: Learned | None = field(default=None, repr=False)

    def scores(self, table: Table) -> list[Floats]:
        """Its score for each row and moment, per block; NaN where it has nothing to go by."""
        return [_SCORERS[self.name](table, index, self.learned) for index in range(len(table.blocks))]

    def reset(self, healthy: Labelled, chosen: Moments, scores: Scores, budget: float) -> Baseline:
        """The same with the lowest threshold that healthy time allows, as a member of the alarm gets it.

        `healthy` has no event, `scores` are its own of that data: what is alarmed is false.
        """
        judge = Judge(healthy, chosen)
        if judge.allowed(budget) < FEW:
            return replace(self, threshold=above_healthy(healthy, chosen, self.name, scores))
        return replace(self, threshold=max(lowest(self.name), judge.best(scores, budget).threshold))


def fit(table: Table, chosen: Moments, options: Options) -> tuple[Baseline, ...]:
    """Every baseline that these signals allow, with thresholds from the chosen moments."""
    judge = Judge(table.labelled, chosen)
    fitted = []
    for name, meaning in _MEANINGS.items():
        learned = _LEARNERS[name](table, chosen, options.seed) if name in _LEARNERS else None
        baseline = Baseline(name, meaning, learned=learned)
        scores = baseline.scores(table)
        if any(np.isfinite(block).any() for block in scores):
            threshold = judge.best(scores, options.false_alarms_per_day).threshold
            fitted.append(replace(baseline, threshold=threshold))
    return tuple(fitted)


def out_of_fold(
    baseline: Baseline, table: Table, sides: Sequence[tuple[Moments, Moments]], seed: int = 7
) -> list[Floats]:
    """Its scores; those of one that learns by what it learns from other stretches of the chosen time."""
    if baseline.name not in _LEARNERS:
        return baseline.scores(table)
    out = [_empty(table, index) for index in range(len(table.blocks))]
    for teaches, examines in sides:
        if (table.samples(teaches).y == 0).any():
            learned = _LEARNERS[baseline.name](table, teaches, seed)
            found = replace(baseline, learned=learned).scores(_at(table, examines))
            for block, moments, scores in zip(out, examines, found, strict=True):
                block[:, moments] = scores
    return out


def _at(table: Table, moments: Moments) -> Table:
    """The values of these moments alone, for what asks for no others."""
    dataset = table.labelled.dataset
    cut = [_cut(block, m) for block, m in zip(dataset.blocks, moments, strict=True)]
    labelled = replace(table.labelled, dataset=replace(dataset, blocks=tuple(cut)))
    unusual = tuple(block.at(m) for block, m in zip(table.unusual, moments, strict=True))
    return replace(table, labelled=labelled, unusual=unusual)


def _cut(block: Block, moments: Bools) -> Block:
    return block.changed(lambda each: each[..., moments])


def _values(table: Table, index: int) -> Block:
    return table.labelled.dataset.blocks[index]


def _empty(table: Table, index: int) -> Floats:
    block = _values(table, index)
    return np.full((len(block.rows), block.length), np.nan, dtype=np.float32)


def _static(table: Table, index: int, _: object) -> Floats:
    return plain.static(table.labelled.dataset, _values(table, index))


def _limits(table: Table, chosen: Moments, _: int) -> Mapping[Row, Floats]:
    """Each pod's highest values while it was healthy, over the chosen moments."""
    limits: dict[Row, Floats] = {}
    for index, moments in enumerate(chosen):
        block, truth = _values(table, index), table.labelled.truths[index]
        for number, row in enumerate(block.rows):
            healthy = block.values[number][:, moments & (truth.y[number] == 0)]
            if healthy.shape[1]:
                top = np.fmax.reduce(healthy, axis=1)
                limits[row] = np.fmax(limits[row], top) if row in limits else top
    return limits


def _limit(table: Table, index: int, limits: Mapping[Row, Floats]) -> Floats:
    score = _empty(table, index)
    block = _values(table, index)
    for number, row in enumerate(block.rows):
        if row in limits:
            top = limits[row][:, None]
            with np.errstate(invalid="ignore", divide="ignore"):
                share = np.where(top > 0, block.values[number] / top, np.nan)
            score[number] = np.fmax.reduce(share, axis=0)
    return score


def _absence(table: Table, index: int, _: object) -> Floats:
    return plain.absence(table.labelled.dataset, _values(table, index))


def _symptom(table: Table, index: int, _: object) -> Floats:
    return plain.symptoms(table.labelled.dataset, _values(table, index))


def _linear(table: Table, index: int, _: object) -> Floats:
    return plain.linear(table.labelled.dataset, _values(table, index))


def _z(table: Table, index: int, _: object) -> Floats:
    signals = table.labelled.dataset.signals
    gauges = [place for place, signal in enumerate(signals) if signal.kind in {"gauge", "ratio"}]
    return table.unusual[index].each(
        lambda apart: np.fmax.reduce(np.abs(apart[:, gauges]), axis=1, initial=np.float32(np.nan))
    )


def _ewma(table: Table, index: int, _: object) -> Floats:
    """Deviations from an exponentially weighted mean, in exponentially weighted standard deviations.

    Of gauges and ratios, as the z-score. It begins with the first sample of each pod and tells nothing before
    `_WARM` more; a deviation smaller than what matters in its unit stays small.
    """
    signals = table.labelled.dataset.signals
    gauges = [place for place, signal in enumerate(signals) if signal.kind in {"gauge", "ratio"}]
    values = _values(table, index).values[:, gauges].astype(np.float64)
    floor = floors([signals[place] for place in gauges])[..., 0]
    mean = np.full(values.shape[:2], np.nan)
    spread, heard = np.zeros_like(mean), np.zeros_like(mean)
    score = _empty(table, index)
    for moment in range(values.shape[2]):
        value = values[:, :, moment]
        mean = np.where(np.isnan(mean), value, mean)
        apart = np.nan_to_num(value - mean)
        unit = np.fmax(np.sqrt(spread), np.fmax(floor, 0.02 * np.abs(mean)))
        size = np.where(~np.isnan(value) & (heard > _WARM), np.abs(apart) / unit, np.nan)
        score[:, moment] = np.fmax.reduce(size, axis=1, initial=np.nan)
        heard += ~np.isnan(value)
        mean += 0.05 * apart
        spread = 0.95 * (spread + 0.05 * apart**2)
    return score


def _isolation(table: Table, chosen: Moments, seed: int) -> IsolationForest:
    samples = table.samples(chosen)
    healthy = np.flatnonzero(samples.y == 0)
    random = np.random.default_rng(seed)
    kept = random.choice(healthy, min(len(healthy), _ISOLATION_SAMPLES), replace=False)
    told = _told(table.apart(samples.pick(np.sort(kept))))
    # Trees of the usual 256 samples are too shallow to tell a fault from a busy minute.
    return IsolationForest(n_estimators=100, max_samples=len(kept), random_state=seed, n_jobs=1).fit(told)


def _told(unusual: Floats) -> Floats:
    """The few largest deviations of each sample [sample, signal], in order; one that is not known is none."""
    size = np.sort(np.log1p(np.abs(np.nan_to_num(unusual))), axis=1)
    return size[:, ::-1][:, :_LARGEST]


def _isolated(table: Table, index: int, forest: IsolationForest) -> Floats:
    unusual = table.unusual[index]
    if 0 in unusual.shape:
        return _empty(table, index)
    return unusual.each(lambda apart: -forest.score_samples(_told(apart)).astype(np.float32))


def _persistence(table: Table, index: int, _: object) -> Floats:
    """Fresh memory of a failure that is over: 1 at its end, halved every six hours."""
    score = _empty(table, index) if not table.labelled.events else np.zeros_like(_empty(table, index))
    step = table.labelled.dataset.step
    for event in table.labelled.events:
        if event.block == index:
            age = np.arange(score.shape[1] - event.last - 1) * step / 3600
            faded = (0.5 ** (age / 6)).astype(np.float32)
            for row in event.rows:
                score[row, event.last + 1 :] = np.fmax(score[row, event.last + 1 :], faded)
    return score


_MEANINGS = {
    STATIC: "a ratio near its limit, not ready, or waiting in a crash loop",
    "static limit per pod": "more than the pod ever had in training",
    ABSENCE: "no sample for minutes",
    SYMPTOM: "just restarted, not ready, or waiting in a crash loop",
    LINEAR: "a ratio reaches its limit in 30 min at the pace of the last 15",
    "z-score": "largest deviation from the last hour's median",
    "EWMA": "largest deviation from a moving average (0.05)",
    "IsolationForest": "largest deviations unlike those of healthy samples",
    "persistence": "it failed before, so it will again",
}

_LEARNERS: dict[str, Callable[[Table, Moments, int], Learned]] = {
    "static limit per pod": _limits,
    "IsolationForest": _isolation,
}

_SCORERS: dict[str, Callable[[Table, int, Any], Floats]] = {
    STATIC: _static,
    "static limit per pod": _limit,
    ABSENCE: _absence,
    SYMPTOM: _symptom,
    LINEAR: _linear,
    "z-score": _z,
    "EWMA": _ewma,
    "IsolationForest": _isolated,
    "persistence": _persistence,
}
