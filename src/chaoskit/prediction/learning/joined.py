"""The alarm: the forest joined with plain rules and evidence, each in units of its own threshold.

One threshold on a forest's shares cannot serve every class of failure: what fails often and plainly gets the
high shares, and a rare slow leak stays under any threshold that the budget allows, although "the memory is
nearly full" says it. So whichever member is furthest over its own threshold speaks. Under it it says nothing:
half of its threshold means less to a rule that is rarely right than to the forest. What is no alarm is ranked
by the forest, with the evidence beside it in a model that is to carry. The probability is not touched by all
this: it stays the calibrated forest's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from chaoskit.prediction.data.arrays import Floats
from chaoskit.prediction.labelling.labels import Labelled, Target
from chaoskit.prediction.learning import evidence, folds, plain
from chaoskit.prediction.learning.alarms import MARGIN, Judge, Scores
from chaoskit.prediction.learning.folds import Moments
from chaoskit.prediction.learning.plain import ABSENCE, LINEAR, STATIC, SYMPTOM
from chaoskit.prediction.learning.table import Table

T = TypeVar("T")

FOREST, EVIDENCE = "random forest", "evidence"

MEMBERS = frozenset({FOREST, EVIDENCE, STATIC, ABSENCE, LINEAR, SYMPTOM})
"""Who may be joined."""

ALARM = 1.0
"""From this joined score on it is an alarm: a member has reached its threshold."""

BEYOND = 2.0
"""The threshold of a member that makes no alarm by itself: its scores end at 1."""

LEAST = 1e-6
"""No threshold is lower: scores are divided by it. And by such a share thresholds give way, so that a score
that lies on its threshold is an alarm however it was rounded."""


MORE = 2
"""So many more events evidence or a plain forecast has to catch to join: one more may be chance."""

SILENT = 0.6
"""Absence, a share of five minutes, means something from three silent ones on: a single scrape may fail."""

SHARES = frozenset({FOREST, STATIC, ABSENCE})
"""Members whose scores end at 1: with a threshold above it they would be silent."""

FEW = 3
"""So few false alarms in the time that was seen set no threshold: one more or less decides everything."""


def lowest(member: str) -> float:
    """No threshold of this member is lower."""
    return SILENT if member == ABSENCE else LEAST


@dataclass(frozen=True, slots=True)
class Join:
    """Whose alarms are joined, and each one's threshold in its own units. The forest is always one."""

    thresholds: Mapping[str, float]

    @property
    def words(self) -> str:
        """``random forest + static rule``."""
        return " + ".join(self.thresholds)

    @property
    def told(self) -> dict[str, float | None]:
        """The thresholds as they are told: None for a member that makes no alarm by itself."""
        return {
            name: None if name in SHARES and limit >= BEYOND else limit
            for name, limit in self.thresholds.items()
        }

    def units(self, member: str, scores: Floats) -> Floats:
        """A member's scores, of any shape, in units of its threshold: 1 and more is an alarm; NaN stays."""
        return np.asarray(scores / np.float32(self.thresholds[member]), dtype=np.float32)

    def all_units(self, scores: Mapping[str, Floats]) -> dict[str, Floats]:
        """The members' scores, each in units of its threshold."""
        return {name: self.units(name, scores[name]) for name in self.thresholds if name in scores}

    def part(self, member: str, members: Mapping[str, Scores]) -> list[Floats]:
        """One member's part of the alarm score [row, moment] per block; NaN when it is not joined."""
        if member not in self.thresholds:
            return [np.full_like(block, np.nan) for block in members[member]]
        return [self.units(member, block) for block in members[member]]

    def over(self, members: Mapping[str, Scores]) -> list[Floats]:
        """How far the loudest member is up [row, moment] per block, in thresholds: what sets these."""
        return [loudest(self.all_units(each)) for each in _by_block(members)]

    def scores(self, members: Mapping[str, Scores], recipe: str) -> list[Floats]:
        """The alarm score [row, moment] per block, of a model of this recipe; from 1 on it is an alarm."""
        return [score(self.all_units(each), recipe) for each in _by_block(members)]


def _by_block(members: Mapping[str, Scores]) -> list[dict[str, Floats]]:
    blocks = range(len(members[FOREST]))
    return [{name: each[index] for name, each in members.items()} for index in blocks]


def loudest(units: Mapping[str, Floats]) -> Floats:
    """The largest of what the members say in units of their thresholds, NaN where none says anything."""
    return np.asarray(np.fmax.reduce(list(units.values())), dtype=np.float32)


def score(units: Mapping[str, Floats], recipe: str) -> Floats:
    """What the members, each in units of its threshold, say together: 1 and more exactly where one alarms.

    There the loudest speaks, elsewhere those that rank: by their geometric mean, which puts everything in the
    same order whatever their thresholds are. Evidence of 0 says nothing, as of a pod that is too new to have
    a baseline: the forest alone ranks that.
    """
    told, quiet = loudest(units), units[FOREST]
    if EVIDENCE in units and EVIDENCE in ranks(recipe):
        signs = units[EVIDENCE]
        quiet = np.where(signs == 0, quiet, np.sqrt(quiet * signs))
    return np.where((told >= ALARM) | np.isnan(quiet), told, quiet).astype(np.float32)


def ranks(recipe: str) -> tuple[str, ...]:
    """Who ranks what is no alarm: the forest; in a model that is to carry also what needs no learning."""
    return (FOREST, EVIDENCE) if recipe == "evidence" else (FOREST,)


def always(recipe: str) -> tuple[str, ...]:
    """Who joins whatever it catches at home: the forest; of one that is to carry also what needs no learning.

    What such a member catches here says little of another cluster.
    """
    return (*ranks(recipe), STATIC, ABSENCE) if recipe == "evidence" else ranks(recipe)


def _may_join(member: str, target: Target) -> bool:
    """Whether it says what this target asks for: where nothing leads up to a failure, no forecast does."""
    return member != LINEAR or target.mode == "forecast"


def members(table: Table, forest: Scores, signs: Scores) -> dict[str, Scores]:
    """The scores [row, moment] per block of all that may be joined: forest, evidence, plain rules.

    Where nobody fell silent absence is none, and not unknown: a join that watches for it goes on to.
    """
    nobody = [np.zeros(truth.y.shape, dtype=np.float32) for truth in table.labelled.truths]
    rules = plain.rules(table.labelled.dataset.select(table.spec.signals))
    return {FOREST: forest, EVIDENCE: signs, ABSENCE: nobody, **rules}


def fit(
    labelled: Labelled,
    chosen: Moments,
    members: Mapping[str, Scores],
    budget: float,
    always: Sequence[str] = (FOREST,),
) -> Join:
    """The join with the best event F1 within `budget` false alarms per day at the chosen moments.

    Each member first gets the threshold that suits it best with the whole budget to itself. Those of
    `always` are joined, plain rules among them from a tenth above all that healthy time shows (one that is
    full then is silent: this forest knows its pods), and one factor on all their thresholds keeps them within
    the budget. Another plain rule that catches something joins with the threshold that it has, the best
    first, and the forest's own is set anew beside it, when all of them keep the budget and the alarms
    together are no worse (it may know what has not failed yet); evidence or a plain forecast when they catch
    at least two more, the latter where the target is one to forecast. The scores are to be out of fold: a
    forest's on what it has learned would promise too much.
    """
    judge = Judge(labelled, chosen)
    alone = {
        name: judge.best(scores, budget)
        for name, scores in members.items()
        if name in always or _may_join(name, labelled.target)
    }
    for name in {STATIC, ABSENCE} & set(always) & set(members):
        limit = max(MARGIN * _most(labelled, chosen, members[name]), lowest(name))
        alone[name] = judge.judge(members[name], limit)
    ranked = sorted((name for name in alone if name not in always), key=lambda name: -alone[name].f1)
    first = {name: max(lowest(name), alone[name].threshold) for name in always if name in members}
    best = _refined(judge, _shared(judge, Join(first), members, budget), members, budget)
    found = judge.judge(best.over(members), ALARM)
    for name in ranked:
        if alone[name].caught and alone[name].threshold > 0:
            limit = max(lowest(name), alone[name].threshold)
            join = _refined(judge, Join({**best.thresholds, name: limit}), members, budget)
            judged = judge.judge(join.over(members), ALARM)
            more = MORE if name in {EVIDENCE, LINEAR} else 0
            kept = judged.false <= judge.allowed(budget)
            if kept and judged.f1 >= found.f1 and judged.caught >= found.caught + more:
                best, found = join, judged
    return best


def _shared(judge: Judge, join: Join, members: Mapping[str, Scores], budget: float) -> Join:
    """The same with thresholds moved by the one factor that keeps all of them within the budget.

    Not that of a rule which says yes or no: over 1 it would be silent. Nor is one that speaks of a full limit
    silenced so, where what is full in healthy time is within the budget.
    """
    firm = Join({name: limit for name, limit in join.thresholds.items() if name == SYMPTOM})
    factor = judge.best(_given(firm, members, join.over(members), np.inf), budget).threshold * (1 - LEAST)
    moved = {name: max(lowest(name), limit * max(LEAST, factor)) for name, limit in join.thresholds.items()}
    found = Join({**moved, **firm.thresholds})
    for name in sorted({STATIC, ABSENCE} & moved.keys()):
        if found.thresholds[name] > 1 >= join.thresholds[name]:
            heard = Join({**found.thresholds, name: 1.0})
            within = judge.judge(heard.over(members), ALARM).false <= judge.allowed(budget)
            found = heard if within else found
    return found


def _refined(judge: Judge, join: Join, members: Mapping[str, Scores], budget: float) -> Join:
    """The same with the forest's threshold set anew beside the others: it need not catch what they do."""
    others = Join({name: limit for name, limit in join.thresholds.items() if name != FOREST})
    if not others.thresholds:
        return join
    limit = judge.best(_given(others, members, members[FOREST], BEYOND), budget).threshold * (1 - LEAST)
    return Join({**join.thresholds, FOREST: BEYOND if limit > 1 else max(LEAST, limit)})


def _given(join: Join, members: Mapping[str, Scores], scores: Scores, most: float) -> list[Floats]:
    """These scores, but `most` where this join alarms whatever their threshold is."""
    if not join.thresholds:
        return list(scores)
    told = join.over(members)
    return [
        np.where(np.nan_to_num(by_join) >= ALARM, np.float32(most), block)
        for by_join, block in zip(told, scores, strict=True)
    ]


def reset(
    join: Join, labelled: Labelled, chosen: Moments, members: Mapping[str, Scores], budget: float
) -> Join:
    """The same members with the lowest thresholds that the healthy time at these moments allows.

    `labelled` has no event: what is alarmed is false. Where the budget allows a few false alarms in that
    time, it decides; else each threshold lies beyond the most that was seen.
    """
    judge = Judge(labelled, chosen)
    names = [name for name in join.thresholds if name in members]
    if judge.allowed(budget) < FEW:
        return Join({name: above_healthy(labelled, chosen, name, members[name]) for name in names})
    each = Join({name: max(lowest(name), judge.best(members[name], budget).threshold) for name in names})
    return _shared(judge, each, members, budget)


def above_healthy(labelled: Labelled, chosen: Moments, member: str, scores: Scores) -> float:
    """The threshold that lies by a margin above all that healthy time shows of this member.

    Of a score that ends at 1 it stays under that: the forest's margin is one of its odds, a rule's goes half
    of the way at most. What healthy time shows at 1 is silent.
    """
    most = _most(labelled, chosen, scores)
    if member in SHARES and most >= 1:
        return BEYOND
    if member == FOREST:
        return 1 / (1 + (1 / most - 1) / MARGIN)
    above = min(most * MARGIN, (1 + most) / 2) if member in SHARES else most * MARGIN
    return max(above, lowest(member))


def _most(labelled: Labelled, chosen: Moments, scores: Scores) -> float:
    """The most that healthy time shows of these scores, 1 where there is none."""
    seen = evidence.tops(labelled, chosen, scores)
    return max(float(seen.max()) if len(seen) else 1.0, LEAST)


def in_turn(
    labelled: Labelled, chosen: Moments, count: int, decide: Callable[[Moments], T]
) -> list[tuple[Moments, T]]:
    """For each of `count` stretches of the chosen time its moments, and what was decided on the others.

    What sets a threshold on the very scores that it is judged by would be kind to itself.
    """
    sides = folds.turns(labelled, chosen, count, 0)
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
