"""Who is at risk: each workload's riskiest pod, how far its alarm is up, how likely it fails, how sure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from math import ceil

import numpy as np

from chaoskit.prediction import features
from chaoskit.prediction.answers.silence import unripe
from chaoskit.prediction.data.arrays import Doubles, Floats, Indices
from chaoskit.prediction.data.dataset import Block, Dataset, Row, present
from chaoskit.prediction.data.replaced import departed
from chaoskit.prediction.features.layout import Spec
from chaoskit.prediction.labelling.labels import STALE
from chaoskit.prediction.learning import joined, plain
from chaoskit.prediction.learning.joined import ALARM, EVIDENCE, FOREST
from chaoskit.prediction.learning.plain import ABSENCE, LINEAR, STATIC, SYMPTOM
from chaoskit.prediction.learning.training import Model
from chaoskit.prediction.learning.tree_paths import by_tree

Compute = Callable[[Block, Spec, Indices], Floats]
"""Makes the features [row, moment, feature] of a block at moments of it."""

BY_PAST = frozenset({FOREST, EVIDENCE, LINEAR})
"""Members of the alarm that compare a pod with its past: of one that is too new for that they say nothing."""

BAG = 10
"""Trees per small forest; the spread of small forests is the interval."""


@dataclass(frozen=True, slots=True)
class Risk:
    """One workload's riskiest pod; `voice` is the member of the alarm that is furthest up now.

    `foreseen` says whether the forest has reached its own threshold, for as long as an alarm must hold.
    """

    row: int
    who: Row
    score: float
    voice: str
    probability: float
    low: float
    high: float
    foreseen: bool

    @property
    def alarmed(self) -> bool:
        """Whether a member of the alarm has reached its threshold."""
        return self.score >= ALARM

    @property
    def rule(self) -> str:
        """What alarms and not the forest; "" where that alarms too, or nothing does."""
        return self.voice if self.alarmed and not self.foreseen and self.voice != FOREST else ""

    @property
    def telling(self) -> bool:
        """Whether it is worth a word on what it may be."""
        return self.score >= ALARM / 4

    @property
    def order(self) -> tuple[bool, float, float]:
        """What is graver sorts later: alarms, then by probability, then by score."""
        return self.alarmed, self.probability, self.score


@dataclass(frozen=True, eq=False)
class Seen:
    """What there is to go by: the newest block, and the features of its last moments [row, moment, feature].

    As many moments as an alarm must hold for.
    """

    model: Model
    dataset: Dataset
    block: Block
    compute: Compute

    @cached_property
    def rows(self) -> Floats:
        """The model's features."""
        return self._made(self.model.spec)

    @cached_property
    def signs(self) -> Floats:
        """Those of the evidence: made when somebody asks, as nobody does while all is well."""
        same = self.model.spec == self.model.sign_spec
        return self.rows if same else self._made(self.model.sign_spec)

    def _made(self, wanted: Spec) -> Floats:
        newest = np.arange(max(0, self.block.length - self.model.target.confirm), self.block.length)
        return self.compute(self.block, wanted, newest)

    def told_by(self, rows: Sequence[int]) -> Floats:
        """What tells the class of these rows now."""
        spec = Spec("window", self.model.spec.step, self.model.spec.signals)
        recent = self.block.cut(max(0, self.block.length - spec.shape.reach), self.block.length)
        few = recent.of(rows)
        newest = np.array([few.length - 1])
        apart = features.unusual(few, spec, newest)[:, :, 0]
        return features.told_by(spec, self.signs[rows, -1], apart, few.values[:, :, -1])

    @property
    def recent(self) -> Block:
        """As much of the block as the plain rules look at to judge its newest moments."""
        count = samples_in(plain.REACH, self.block) + self.rows.shape[1]
        return self.block.cut(max(0, self.block.length - count), self.block.length)


def risks_of(model: Model, seen: Seen) -> list[Risk]:
    """Each workload's riskiest pod among those seen in the last five minutes, riskiest first.

    Of one that is too new for a past nothing is known: it is left out, but where a rule alarms.
    """
    block = seen.block
    recent = samples_in(STALE, block)
    alive = np.flatnonzero(present(block.values[:, :, -recent:]).any(axis=1) & ~departed(seen.dataset, block))
    shares = tree_shares(model, seen.rows[alive])
    scores = shares.mean(axis=2).astype(np.float32)
    probability = model.probabilities(scores[:, -1])
    spread = model.probabilities(_bags(shares[:, -1]).ravel()).reshape(-1, len(alive))
    new = unripe(block)[alive]
    low, high = np.where(new, [[0.0], [1.0]], np.quantile(spread, [0.1, 0.9], axis=0))
    units = {
        name: np.where(new[:, None] & (name in BY_PAST), np.float32(0), each)
        for name, each in _units(model, seen, alive, scores).items()
    }
    score = joined.score(units, model.spec.recipe).min(axis=1)  # what held for as long as an alarm must
    foreseen = units[FOREST].min(axis=1) >= ALARM
    voices, voice = list(units), np.stack([each[:, -1] for each in units.values()]).argmax(axis=0)
    best: dict[tuple[str, str], Risk] = {}
    for index in np.lexsort((-score, -probability, new, score < ALARM)).tolist():
        if new[index] and score[index] < ALARM:
            continue
        row = int(alive[index])
        who = block.rows[row]
        if (who.namespace, who.workload) not in best:
            best[who.namespace, who.workload] = Risk(
                row,
                who,
                float(score[index]),
                voices[int(voice[index])],
                float(probability[index]),
                float(low[index]),
                float(high[index]),
                bool(foreseen[index]),
            )
    ranked = sorted(best.values(), key=lambda risk: risk.who.workload)
    return sorted(ranked, key=lambda risk: risk.order, reverse=True)


def tree_shares(model: Model, rows: Floats) -> Doubles:
    """Each tree's share for failure [row, moment, tree], in one pass."""
    found = by_tree(model.failure, rows.reshape(-1, rows.shape[-1]))
    return found.reshape(*rows.shape[:2], len(model.failure.estimators_))


def _bags(shares: Doubles) -> Floats:
    """The forest's shares [row, tree] as those of its small forests [bag, row]."""
    count = max(1, shares.shape[1] // BAG)
    bags = [part.mean(axis=1) for part in np.array_split(shares, count, axis=1)]
    return np.stack(bags).astype(np.float32)


_RULES: Mapping[str, Callable[[Dataset, Block], Floats]] = {
    STATIC: plain.static,
    ABSENCE: plain.absence,
    LINEAR: plain.linear,
    SYMPTOM: plain.symptoms,
}


def _units(model: Model, seen: Seen, rows: Indices, scores: Floats) -> dict[str, Floats]:
    """What each member of the alarm says of these rows [row, moment], in units of its threshold.

    0 when it says nothing; `scores` are the forest's. Which member speaks may change while an alarm holds.
    """
    said, count, recent = {FOREST: scores}, seen.rows.shape[1], seen.recent
    if EVIDENCE in model.join.thresholds:
        said[EVIDENCE] = model.evidence.scores(model.sign_spec, seen.signs[rows])
    for name, rule in _RULES.items():
        if name in model.join.thresholds:
            said[name] = rule(seen.dataset, recent)[rows, -count:]
    return {name: np.nan_to_num(model.join.units(name, each)) for name, each in said.items()}


def samples_in(length: timedelta, block: Block) -> int:
    """How many samples of the block so long a time has at most, two at least."""
    return max(2, ceil(length.total_seconds() / block.step))
