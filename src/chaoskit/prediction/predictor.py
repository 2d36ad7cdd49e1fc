"""Answers with a model: for each workload how likely it fails, how sure, as what, and why, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaoskit import errors
from chaoskit.prediction import features, plain, rules
from chaoskit.prediction.dataset import Block, Dataset, Row, present, replaced
from chaoskit.prediction.features import Floats
from chaoskit.prediction.features.layout import family
from chaoskit.prediction.incidents import nearest
from chaoskit.prediction.joined import ALARM, EVIDENCE, FOREST
from chaoskit.prediction.labels import STALE
from chaoskit.prediction.plain import ABSENCE, LINEAR, STATIC, SYMPTOM
from chaoskit.prediction.reasons import Look, duration
from chaoskit.prediction.training import Model
from chaoskit.records import PredictionRecord, new_id

BAG = 10
"""Trees per small forest; the spread of small forests is the interval."""

TREND_POINTS = 8
EXPLAINED = 10
"""Only so many workloads, the riskiest, get reasons and a trend."""

WORTH = 0.02
"""A signal that moves the forest's share for failure by less is no reason."""


@dataclass(frozen=True, slots=True)
class _Risk:
    """One workload's riskiest pod; `voice` is the member of the alarm that is furthest up."""

    row: int
    who: Row
    score: float
    voice: str
    probability: float
    low: float
    high: float

    @property
    def alarmed(self) -> bool:
        """Whether a member of the alarm has reached its threshold."""
        return self.score >= ALARM

    @property
    def telling(self) -> bool:
        """Whether it is worth a word on what it may be."""
        return self.score >= ALARM / 4

    @property
    def order(self) -> tuple[bool, float, float]:
        """What is graver sorts later: alarms, then by probability, then by score."""
        return self.alarmed, self.probability, self.score


def history(model: Model) -> timedelta:
    """How much history `predict` wants: its window and the trend's hour."""
    return timedelta(seconds=(model.spec.window + 1) * model.spec.step) + timedelta(hours=1)


def predict(
    model: Model,
    window: Dataset,
    *,
    now: datetime,
    name: str = "",
    cluster: str = "",
    trace_ids: Sequence[str] = (),
) -> tuple[PredictionRecord, ...]:
    """One record per workload, riskiest first: its riskiest pod speaks for it.

    `probability` is calibrated; `low` and `high` are the 10th and 90th percentile over small forests of ten
    trees; `score` is the alarm score, 1 the threshold: the forest's or a plain rule's, whichever is further
    up. A rule that alarms is the first reason. Alarmed workloads come first, then the probable ones.
    `trace_ids` are used up in order, new ones made after that. Raises `CannotStart` when the newest sample is
    older than five minutes.
    """
    dataset = window.thin(model.spec.step).select(model.spec.signals)
    block = dataset.blocks[-1]
    _check_fresh(block, now)
    seen = _Seen.of(model, dataset, block)
    risks = _risks(model, seen)
    explained = [risk.row for risk in risks[:EXPLAINED]]
    trends = _trends(model, block, explained)
    alike = nearest(model.incidents, model.failure, seen.rows[explained, -1])
    traces = iter(trace_ids)
    records = []
    for place, risk in enumerate(risks):
        identity = new_id(now)
        look = Look.at(dataset, block, risk.row)
        top = place < EXPLAINED
        said = _rule(model, seen, risk, look)
        reasons, signals = _why(model, seen.rows[risk.row, -1], look, said) if top else ((), {})
        records.append(
            PredictionRecord(
                id=identity,
                at=now,
                trace_id=next(traces, identity),
                target=risk.who.workload,
                namespace=risk.who.namespace,
                cluster=cluster,
                model=name,
                horizon_minutes=model.target.lead.total_seconds() / 60,
                probability=risk.probability,
                low=min(risk.low, risk.probability),
                high=max(risk.high, risk.probability),
                score=risk.score,
                alarmed=risk.alarmed,
                issue=_issue(model, seen.told_by(risk.row), look, risk, said),
                reasons=reasons,
                signals=signals,
                trend=trends[place] if top else (),
                similar=alike[place] if top and risk.telling else (),
            )
        )
    return tuple(records)


def _check_fresh(block: Block, now: datetime) -> None:
    there = np.flatnonzero(present(block.values).any(axis=0))
    if not len(there):
        raise errors.CannotStart("no pod has a sample of the model's signals", hint="chaoskit doctor")
    age = now - block.at(int(there[-1]))
    if age > STALE:
        raise errors.CannotStart(
            f"the newest sample is {duration(age.total_seconds() / 60)} old: that says nothing about now",
            hint="see whether Prometheus still scrapes",
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What there is to go by: the newest block, and the features of its last moments [row, moment, feature].

    As many moments as an alarm must hold for.
    """

    dataset: Dataset
    block: Block
    rows: Floats
    signs: Floats

    @classmethod
    def of(cls, model: Model, dataset: Dataset, block: Block) -> _Seen:
        """The features of the newest moments."""
        newest = np.arange(max(0, block.length - model.target.confirm), block.length)
        signs = features.compute(block, model.sign_spec, newest)
        same = model.spec == model.sign_spec
        return cls(dataset, block, signs if same else features.compute(block, model.spec, newest), signs)

    def told_by(self, row: int) -> Floats:
        """What tells the class of this row now."""
        signs: Floats = self.signs[row, -1]
        return signs if self.rows is self.signs else np.concatenate([signs, self.rows[row, -1]])


def _risks(model: Model, seen: _Seen) -> list[_Risk]:
    """Each workload's riskiest pod among those seen in the last five minutes, riskiest first."""
    block = seen.block
    recent = max(2, round(STALE.total_seconds() / block.step))
    alive = np.flatnonzero(present(block.values[:, :, -recent:]).any(axis=1) & ~replaced(block))
    scores, bags = _shares(model, seen.rows[alive, -1])
    probability = model.probabilities(scores)
    spread = model.probabilities(bags.ravel()).reshape(bags.shape)
    low, high = np.quantile(spread, [0.1, 0.9], axis=0)
    units = _units(model, seen, alive)
    best: dict[tuple[str, str], _Risk] = {}
    for index, row in enumerate(alive.tolist()):
        who, found = block.rows[row], {name: float(each[index]) for name, each in units.items()}
        voice = max(found, key=lambda name: found[name])
        risk = _Risk(
            row, who, found[voice], voice, float(probability[index]), float(low[index]), float(high[index])
        )
        known = best.setdefault((who.namespace, who.workload), risk)
        if risk.order > known.order:
            best[who.namespace, who.workload] = risk
    ranked = sorted(best.values(), key=lambda risk: risk.who.workload)
    return sorted(ranked, key=lambda risk: risk.order, reverse=True)


def _units(model: Model, seen: _Seen, rows: NDArray[np.intp]) -> dict[str, NDArray[np.float32]]:
    """What each member of the alarm says of these rows, in units of its threshold; 0 when nothing.

    Each says what it held for as long as an alarm must hold.
    """
    count = seen.rows.shape[1]
    asked = seen.rows[rows]
    held = {FOREST: model.scores(asked.reshape(-1, asked.shape[-1])).reshape(asked.shape[:2])}
    if EVIDENCE in model.join.thresholds:
        held[EVIDENCE] = model.evidence.scores(model.sign_spec, seen.signs[rows])
    if STATIC in model.join.thresholds:
        held[STATIC] = plain.static(seen.dataset, seen.block)[rows, -count:]
    if ABSENCE in model.join.thresholds:
        held[ABSENCE] = plain.absence(seen.dataset, seen.block)[rows, -count:]
    if LINEAR in model.join.thresholds:
        held[LINEAR] = plain.linear(seen.dataset, seen.block)[rows, -count:]
    if SYMPTOM in model.join.thresholds:
        held[SYMPTOM] = plain.symptoms(seen.dataset, seen.block)[rows, -count:]
    return {name: np.nan_to_num(model.join.units(name, each).min(axis=1)) for name, each in held.items()}


def _rule(model: Model, seen: _Seen, risk: _Risk, look: Look) -> tuple[str, str]:
    """The signal that a rule or evidence alarms on, and its words; "" twice when the forest does."""
    if not risk.alarmed or risk.voice == FOREST:
        return "", ""
    if risk.voice == EVIDENCE:
        signs = model.evidence.signs(model.sign_spec, seen.signs[risk.row, -1])
        owner = list(model.evidence.spreads)[int(signs.argmax())].partition(".")[0]
        name = next(iter(_signals_of(owner, look)), "pod")
    elif risk.voice == SYMPTOM:
        name = next((each for each in ("waiting_bad", "restarts", "ready") if look.words(each)), "pod")
    else:
        name = plain.loudest(seen.dataset, seen.block, risk.row) if risk.voice in {STATIC, LINEAR} else "pod"
    words = _silence(look) if name == "pod" else look.words(name)
    return name, f"{risk.voice}: {words or name}"


def _signals_of(owner: str, look: Look) -> list[str]:
    """The signals that a feature's owner stands for: itself, or its family, the most unusual first."""
    names = [signal.name for signal in look.signals]
    if owner in names or owner == "pod":
        return [owner]
    mine = [name for name in names if family(name) == owner and look.notable(name)]

    def unusual(name: str) -> float:
        now, usual = look.now(name), look.usual(name)
        return abs(now - usual) / (abs(usual) + 1e-9) if np.isfinite(now) and np.isfinite(usual) else 0.0

    return sorted(mine, key=unusual, reverse=True)


def _shares(model: Model, rows: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The forest's share for failure per row, and [bag, row] that of its small forests, in one pass."""
    forest = model.failure
    failing = list(forest.classes_).index(1)
    trees = np.stack([tree.predict_proba(rows)[:, failing] for tree in forest.estimators_])
    count = max(1, len(trees) // BAG)
    bags = np.stack([part.mean(axis=0) for part in np.array_split(trees, count)])
    return trees.mean(axis=0).astype(np.float32), bags.astype(np.float32)


def _trends(model: Model, block: Block, rows: list[int]) -> list[tuple[float, ...]]:
    """These pods' probabilities at moments of the last hour, oldest first."""
    back = np.linspace(3600 / block.step, 0, TREND_POINTS).round().astype(int)
    moments = block.length - 1 - back
    moments = moments[moments >= 0]
    # Peers outside these rows are left out: a line of eight points need not know them.
    few = replace(block, rows=tuple(block.rows[row] for row in rows), values=block.values[rows])
    made = features.compute(few, model.spec, moments)
    found = model.probabilities(model.scores(made.reshape(-1, made.shape[-1])))
    return [tuple(round(float(p), 4) for p in line) for line in found.reshape(made.shape[:2])]


def _issue(model: Model, made: Floats, look: Look, risk: _Risk, said: tuple[str, str]) -> str:
    """The likely class: what a symptom or the rule that alarms says outright, else the class forest's."""
    telling = {*_TELLING, said[0]} - {""}
    certain = [each for each in rules.findings(look) if each.score >= 0.6 and each.signal in telling]
    if certain:
        return certain[0].issue
    if not risk.telling:
        return ""
    names, shares = model.classes(made[None])
    return str(names[int(shares[0].argmax())])


_TELLING = frozenset({"waiting_bad", "restarts", "ready", "db_pool_errors", "db_pool_pending"})


def _why(
    model: Model, made: Floats, look: Look, rule: tuple[str, str]
) -> tuple[tuple[str, ...], dict[str, float]]:
    """Up to three reasons and their signals' values: the rule that alarms, what pushes the forest."""
    pushes = contributions(model.failure, made[None])[0]
    by_signal: dict[str, float] = {}
    for name, push in zip(model.spec.names, pushes, strict=True):
        owner = name.partition(".")[0]
        by_signal[owner] = by_signal.get(owner, 0.0) + float(push)
    least = max(WORTH, max(by_signal.values()) / 10)
    ranked = sorted((name for name, push in by_signal.items() if push > least), key=lambda n: -by_signal[n])
    said = {rule[0]: rule[1]} if rule[0] else {}
    for name in (each for owner in ranked for each in _signals_of(owner, look)[:1]):
        if name in said:
            continue
        words = _silence(look) if name == "pod" else look.words(name)
        told = any(words in each for each in said.values())
        if words and (name == "pod" or look.notable(name)) and not told:
            said[name] = words
        if len(said) == 3:
            break
    values = {name: look.now(name) for name in said if name != "pod"}
    return tuple(said.values()), {name: value for name, value in values.items() if not np.isnan(value)}


def _silence(look: Look) -> str:
    silent = look.silent()
    return f"no sample for {duration(silent)}" if silent > 2 * look.step / 60 else ""


def contributions(forest: Any, rows: Floats) -> NDArray[np.float64]:
    """How much each feature moved the forest's share for failure from its average, per row [row, feature].

    Along each tree's path the change of the share at a split belongs to the feature it asks for; a row's
    contributions and the average sum up to its score.
    """
    total = np.zeros((len(rows), rows.shape[1]))
    failing = list(forest.classes_).index(1)
    for estimator in forest.estimators_:
        for row, feature, change in _path(estimator.tree_, rows, failing):
            np.add.at(total, (row, feature), change)
    return total / len(forest.estimators_)


def _path(
    tree: Any, rows: Floats, failing: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]]:
    """Step by step down the tree: which rows move, by which feature, and how the share changes."""
    share = tree.value[:, 0, failing] / tree.value[:, 0].sum(axis=1)
    node = np.zeros(len(rows), dtype=np.intp)
    row = np.arange(len(rows))
    while len(row := row[tree.children_left[node[row]] >= 0]):
        here = node[row]
        feature = tree.feature[here]
        left = rows[row, feature] <= tree.threshold[here]
        node[row] = np.where(left, tree.children_left[here], tree.children_right[here])
        yield row, feature, share[node[row]] - share[here]
