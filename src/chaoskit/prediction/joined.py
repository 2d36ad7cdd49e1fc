"""The alarm: the forest joined with plain rules, each in units of its own threshold for the same budget.

One threshold on a forest's shares cannot serve every class of failure: what fails often and plainly gets the
high shares, and a rare slow leak stays under any threshold that the budget allows, although "the memory is
nearly full" says it. So whichever member is furthest over its own threshold speaks. The probability is not
touched by this: it stays the calibrated forest's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from chaoskit.prediction import folds
from chaoskit.prediction.alarms import Judge, Judgement, Scores
from chaoskit.prediction.dataset import Block, Dataset, present
from chaoskit.prediction.folds import Moments
from chaoskit.prediction.labels import Labelled

Floats = NDArray[np.float32]
T = TypeVar("T")

FOREST, STATIC, ABSENCE = "random forest", "static rule", "absence"

ALARM = 1.0
"""From this joined score on it is an alarm: a member has reached its threshold."""

SATURATING = ("cpu_limit_ratio", "memory_usage", "fs_usage", "db_pool_usage", "db_connections", "error_ratio")

LEAST = 1e-6
"""No threshold is lower: scores are divided by it. And by such a share thresholds give way, so that a score
that lies on its threshold is an alarm however it was rounded."""

SILENT_SECONDS = 300
"""Of so long a time absence is the silent share."""


@dataclass(frozen=True, slots=True)
class Join:
    """Whose alarms are joined, and each one's threshold in its own units. The forest is always one."""

    thresholds: Mapping[str, float]

    @property
    def words(self) -> str:
        """``random forest + static rule``."""
        return " + ".join(self.thresholds)

    def units(self, member: str, scores: Floats) -> Floats:
        """A member's scores in units of its threshold: 1 and more is an alarm; NaN stays."""
        return np.asarray(scores / np.float32(self.thresholds[member]), dtype=np.float32)

    def score(self, scores: Mapping[str, Floats]) -> Floats:
        """The largest of the members' scores in units of their thresholds, NaN where none has one."""
        found = [self.units(member, scores[member]) for member in self.thresholds if member in scores]
        return np.asarray(np.fmax.reduce(found), dtype=np.float32)

    def part(self, member: str, members: Mapping[str, Scores]) -> list[Floats]:
        """One member's part of the alarm score for each block; NaN when it is not joined."""
        if member not in self.thresholds:
            return [np.full_like(block, np.nan) for block in members[member]]
        return [self.units(member, block) for block in members[member]]

    def over(self, members: Mapping[str, Scores]) -> list[Floats]:
        """The alarm score for each block of these members' scores."""
        blocks = len(members[FOREST])
        return [self.score({name: each[index] for name, each in members.items()}) for index in range(blocks)]


def rules(dataset: Dataset) -> dict[str, list[Floats]]:
    """The scores [row, moment] per block of each plain rule that these signals allow."""
    made = {
        STATIC: [static(dataset, block) for block in dataset.blocks],
        ABSENCE: [absence(dataset, block) for block in dataset.blocks],
    }
    return {name: each for name, each in made.items() if any(np.isfinite(block).any() for block in each)}


def static(dataset: Dataset, block: Block) -> Floats:
    """How near its limit the fullest ratio is; 1 for a pod that is not ready or waits in a crash loop."""
    empty = np.full((len(block.rows), block.length), np.nan, dtype=np.float32)
    return np.asarray(np.fmax.reduce([empty, *_watched(dataset, block).values()]), dtype=np.float32)


def loudest(dataset: Dataset, block: Block, row: int) -> str:
    """The signal that `static` is highest for at the newest moment of this row; "" when it has none."""
    now = {name: float(values[row, -1]) for name, values in _watched(dataset, block).items()}
    known = {name: value for name, value in now.items() if not np.isnan(value)}
    return max(known, key=lambda name: known[name], default="")


def _watched(dataset: Dataset, block: Block) -> dict[str, Floats]:
    """What the static rule looks at, each so that 1 is bad."""
    columns = {name: block.values[:, at] for at, name in enumerate(dataset.names)}
    if "ready" in columns:
        columns["ready"] = 1 - columns["ready"]
    return {name: columns[name] for name in (*SATURATING, "waiting_bad", "ready") if name in columns}


def absence(dataset: Dataset, block: Block) -> Floats:
    """How much of the last five minutes a pod that was there is silent; NaN when none ever is."""
    there = present(block.values)
    samples = max(1, round(SILENT_SECONDS / dataset.step))
    known = np.logical_or.accumulate(there, axis=1)
    silent = np.zeros(there.shape, dtype=np.float32)
    for back in range(min(samples, there.shape[1])):
        silent[:, back:] += ~there[:, : there.shape[1] - back] & known[:, back:]
    share = silent / samples if silent.any() else np.full_like(silent, np.nan)
    return share.astype(np.float32)


def fit(labelled: Labelled, chosen: Moments, members: Mapping[str, Scores], budget: float) -> Join:
    """The join with the best event F1 within `budget` false alarms per day at the chosen moments.

    Each member first gets the threshold that suits it best with the whole budget to itself. A rule that
    catches something joins, the best first, when the alarms together are no worse for it (it may know what
    has not failed yet): one factor on all thresholds keeps them within the budget. The scores are to be out
    of fold: a forest's on what it has learned would promise too much.
    """
    judge = Judge(labelled, chosen)
    alone = {name: judge.best(scores, budget) for name, scores in members.items()}
    ranked = sorted((name for name in alone if name != FOREST), key=lambda name: -alone[name].f1)
    best, found = _joined(judge, alone, members, (FOREST,), budget)
    for name in ranked:
        if alone[name].caught and alone[name].threshold > 0:
            join, judged = _joined(judge, alone, members, (*best.thresholds, name), budget)
            if judged.f1 >= found.f1:
                best, found = join, judged
    return best


def _joined(
    judge: Judge,
    alone: Mapping[str, Judgement],
    members: Mapping[str, Scores],
    names: Sequence[str],
    budget: float,
) -> tuple[Join, Judgement]:
    """These members with thresholds moved by the common factor that keeps them within the budget."""
    each = Join({name: max(LEAST, alone[name].threshold) for name in names})
    judged = judge.best(each.over(members), budget)
    factor = max(LEAST, judged.threshold) * (1 - LEAST)
    return Join({name: limit * factor for name, limit in each.thresholds.items()}), judged


def in_turn(
    labelled: Labelled, chosen: Moments, count: int, decide: Callable[[Moments], T]
) -> list[tuple[Moments, T]]:
    """For each of `count` stretches of the chosen time its moments, and what was decided on the others.

    What sets a threshold on the very scores that it is judged by would be kind to itself.
    """
    numbers = folds.number(labelled, chosen, count)
    sides = [folds.apart(numbers, held, 0) for held in range(count)]
    return [(examines, decide(teaches)) for teaches, examines in sides]


def assemble(
    labelled: Labelled, parts: Sequence[tuple[Moments, T]], alarm: Callable[[T], Scores]
) -> list[Floats]:
    """The alarm scores of all parts, each at its own moments; NaN at others."""
    out = [np.full(truth.y.shape, np.nan, dtype=np.float32) for truth in labelled.truths]
    for moments, decided in parts:
        for index, scores in enumerate(alarm(decided)):
            out[index][:, moments[index]] = scores[:, moments[index]]
    return out
