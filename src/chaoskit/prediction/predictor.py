"""Answers with a model: for each workload how likely it fails, how sure, as what, and why, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaoskit import errors
from chaoskit.prediction import features, joined, plain, rules
from chaoskit.prediction.dataset import Block, Dataset, Row, departed, present
from chaoskit.prediction.features import Floats, batch
from chaoskit.prediction.features.layout import Spec, family
from chaoskit.prediction.incidents import nearest
from chaoskit.prediction.joined import ALARM, EVIDENCE, FOREST
from chaoskit.prediction.labels import STALE
from chaoskit.prediction.paths import by_tree, contributions
from chaoskit.prediction.plain import ABSENCE, LINEAR, STATIC, SYMPTOM
from chaoskit.prediction.reasons import Look, duration
from chaoskit.prediction.training import Model
from chaoskit.records import PredictionRecord, new_id

Compute = Callable[[Block, Spec, NDArray[np.intp]], Floats]
"""Makes the features [row, moment, feature] of a block at moments of it."""

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
    compute: Compute = features.compute,
) -> tuple[PredictionRecord, ...]:
    """One record per workload, riskiest first: its riskiest pod speaks for it.

    `probability` is calibrated; `low` and `high` are the 10th and 90th percentile over small forests of ten
    trees; `score` is the alarm score, 1 the threshold: of the member that is furthest beyond its own, else of
    those that rank. A rule that alarms is the first reason. Alarmed workloads come first, then probable ones.
    `trace_ids` are used up in order, new ones made after that. `compute` makes the features: `Following`
    does it for look after look. Raises `CannotStart` when the newest sample is older than five minutes.
    """
    dataset = window.thin(model.spec.step).select(model.spec.signals)
    block = dataset.blocks[-1]
    _check_fresh(block, now)
    seen = _Seen(model, dataset, block, compute)
    risks = _risks(model, seen)
    looks = [Look.at(dataset, block, risk.row) for risk in risks]
    said = [_rule(model, seen, risk, look) for risk, look in zip(risks, looks, strict=True)]
    issues = _issues(model, seen, risks, looks, said)
    explained = _explained(model, seen, risks[:EXPLAINED], looks, said)
    traces = iter(trace_ids)
    records = []
    for risk, issue in zip(risks, issues, strict=True):
        identity = new_id(now)
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
                issue=issue,
                **explained.get(risk.row, {}),
            )
        )
    return tuple(records)


def _explained(
    model: Model,
    seen: _Seen,
    risks: Sequence[_Risk],
    looks: Sequence[Look],
    said: Sequence[tuple[str, str]],
) -> dict[int, dict[str, Any]]:
    """For each of these rows its reasons, their signals, its trend and the incidents that it is like."""
    made = seen.rows[[risk.row for risk in risks], -1]
    trends, pushes = _trends(model, seen, risks), _pushes(model, made)
    telling = [place for place, risk in enumerate(risks) if risk.telling]
    alike = dict(zip(telling, nearest(model.incidents, model.failure, made[telling]), strict=True))
    found = {}
    for place, (risk, look, rule) in enumerate(zip(risks, looks, said, strict=False)):
        reasons, signals = _why(pushes[place], look, rule)
        found[risk.row] = {
            "reasons": reasons,
            "signals": signals,
            "trend": trends[place],
            "similar": alike.get(place, ()),
        }
    return found


def _pushes(model: Model, rows: Floats) -> list[dict[str, float]]:
    """For each row of features how much each owner of features moved the forest's share for failure."""
    owners = [owner for owner, _ in model.spec.layout]
    place = {owner: index for index, owner in enumerate(dict.fromkeys(owners))}
    total = np.zeros((len(rows), len(place)))
    np.add.at(total.T, [place[owner] for owner in owners], contributions(model.failure, rows).T)
    return [dict(zip(place, each, strict=True)) for each in total.tolist()]


def _check_fresh(block: Block, now: datetime) -> None:
    recent = block.cut(max(0, block.length - _samples(STALE, block)), block.length)
    if now - recent.start <= STALE and present(recent.values).any():
        block = recent
    there = np.flatnonzero(present(block.values).any(axis=0))
    if not len(there):
        raise errors.CannotStart("no pod has a sample of the model's signals", hint="chaoskit doctor")
    age = now - block.at(int(there[-1]))
    if age > STALE:
        raise errors.CannotStart(
            f"the newest sample is {duration(age.total_seconds() / 60)} old: that says nothing about now",
            hint="see whether Prometheus still scrapes",
        )


def _samples(length: timedelta, block: Block) -> int:
    return max(2, round(length.total_seconds() / block.step))


@dataclass(frozen=True, eq=False)
class _Seen:
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
        few = replace(recent, rows=tuple(recent.rows[row] for row in rows), values=recent.values[list(rows)])
        newest = np.array([few.length - 1])
        return features.told_by(self.signs[rows, -1], features.unusual(few, spec, newest)[:, :, 0])

    @property
    def recent(self) -> Block:
        """As much of the block as the plain rules look at to judge its newest moments."""
        count = _samples(plain.LOOKBACK, self.block) + plain.REMEMBERED + plain.JUST + self.rows.shape[1]
        return self.block.cut(max(0, self.block.length - count), self.block.length)


def _risks(model: Model, seen: _Seen) -> list[_Risk]:
    """Each workload's riskiest pod among those seen in the last five minutes, riskiest first."""
    block = seen.block
    recent = _samples(STALE, block)
    alive = np.flatnonzero(present(block.values[:, :, -recent:]).any(axis=1) & ~departed(seen.dataset, block))
    shares = _shares(model, seen.rows[alive])
    scores = shares.mean(axis=2).astype(np.float32)
    probability = model.probabilities(scores[:, -1])
    spread = model.probabilities(_bags(shares[:, -1]).ravel()).reshape(-1, len(alive))
    low, high = np.quantile(spread, [0.1, 0.9], axis=0)
    units = _units(model, seen, alive, scores)
    voices, by_voice = list(units), np.stack(list(units.values()))
    score, voice = joined.score(units, model.spec.recipe), by_voice.argmax(axis=0)
    best: dict[tuple[str, str], _Risk] = {}
    for index in np.lexsort((-score, -probability, score < ALARM)).tolist():
        row = int(alive[index])
        who = block.rows[row]
        if (who.namespace, who.workload) not in best:
            best[who.namespace, who.workload] = _Risk(
                row,
                who,
                float(score[index]),
                voices[int(voice[index])],
                float(probability[index]),
                float(low[index]),
                float(high[index]),
            )
    ranked = sorted(best.values(), key=lambda risk: risk.who.workload)
    return sorted(ranked, key=lambda risk: risk.order, reverse=True)


def _shares(model: Model, rows: Floats) -> NDArray[np.float64]:
    """Each tree's share for failure [row, moment, tree], in one pass."""
    found = by_tree(model.failure, rows.reshape(-1, rows.shape[-1]))
    return found.reshape(*rows.shape[:2], len(model.failure.estimators_))


def _bags(shares: NDArray[np.float64]) -> NDArray[np.float32]:
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


def _units(model: Model, seen: _Seen, rows: NDArray[np.intp], scores: Floats) -> dict[str, Floats]:
    """What each member of the alarm says of these rows, in units of its threshold; 0 when nothing.

    `scores` are the forest's [row, moment]. Each says what it held for as long as an alarm must hold.
    """
    held, count, recent = {FOREST: scores}, seen.rows.shape[1], seen.recent
    if EVIDENCE in model.join.thresholds:
        held[EVIDENCE] = model.evidence.scores(model.sign_spec, seen.signs[rows])
    for name, rule in _RULES.items():
        if name in model.join.thresholds:
            held[name] = rule(seen.dataset, recent)[rows, -count:]
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
        name = (
            plain.loudest(seen.dataset, seen.block, risk.row, risk.voice)
            if risk.voice in {STATIC, LINEAR}
            else "pod"
        )
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


def _trends(model: Model, seen: _Seen, risks: Sequence[_Risk]) -> list[tuple[float, ...]]:
    """These pods' probabilities at moments of the last hour, oldest first; the newest is what is told."""
    block = seen.block
    back = np.linspace(3600 / block.step, 0, TREND_POINTS).round().astype(int)[:-1]
    moments = block.length - 1 - back
    moments = moments[moments >= 0]
    rows = [risk.row for risk in risks]
    # Peers outside these rows are left out of what is past: a line of eight points need not know them.
    few = replace(block, rows=tuple(block.rows[row] for row in rows), values=block.values[rows])
    scores = _shares(model, batch.compute(few, model.spec, moments)).mean(axis=2).astype(np.float32)
    found = model.probabilities(scores.ravel()).reshape(scores.shape)
    return [
        tuple(round(float(p), 4) for p in (*line, risk.probability))
        for line, risk in zip(found, risks, strict=True)
    ]


def _issues(
    model: Model,
    seen: _Seen,
    risks: Sequence[_Risk],
    looks: Sequence[Look],
    said: Sequence[tuple[str, str]],
) -> list[str]:
    """The likely classes: what a symptom or the rule that alarms says outright, else the class forest's."""
    found = [""] * len(risks)
    symptomatic = _symptomatic(seen.dataset, seen.recent)
    for place, (risk, look, rule) in enumerate(zip(risks, looks, said, strict=True)):
        if symptomatic[risk.row] or rule[0]:
            found[place] = _certain(look, rule[0])
    open_ = [place for place, risk in enumerate(risks) if risk.telling and not found[place]]
    if open_:
        names, shares = model.classes(seen.told_by([risks[place].row for place in open_]))
        for place, best in zip(open_, shares.argmax(axis=1).tolist(), strict=True):
            found[place] = str(names[best])
    return found


def _certain(look: Look, signal: str) -> str:
    """The class that a symptom, or this signal that a rule alarms on, says outright; "" when none does."""
    telling = {*_TELLING, signal} - {""}
    certain = (each for each in rules.findings(look) if each.score >= 0.6 and each.signal in telling)
    return next((each.issue for each in certain), "")


def _symptomatic(dataset: Dataset, recent: Block) -> NDArray[np.bool_]:
    """Which rows may have a symptom that tells the class: all others need not be looked at one by one."""
    found = np.zeros(len(recent.rows), dtype=np.bool_)
    for name in _TELLING:
        if (column := dataset.column(name)) is not None:
            values = recent.values[:, column]
            usual = np.fmax.reduce(values, axis=1) if name == "ready" else np.zeros(len(values))
            if name == "restarts":
                usual = np.fmin.reduce(values, axis=1)
            with np.errstate(invalid="ignore"):
                found |= np.logical_or.reduce(values != usual[:, None], axis=1, where=~np.isnan(values))
    return found


_TELLING = frozenset({"waiting_bad", "restarts", "ready", "db_pool_errors", "db_pool_pending"})


def _why(
    pushes: Mapping[str, float], look: Look, rule: tuple[str, str]
) -> tuple[tuple[str, ...], dict[str, float]]:
    """Up to three reasons and their signals' values: the rule that alarms, what pushes the forest."""
    least = max(WORTH, max(pushes.values()) / 10)
    ranked = sorted((name for name, push in pushes.items() if push > least), key=lambda n: -pushes[n])
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
