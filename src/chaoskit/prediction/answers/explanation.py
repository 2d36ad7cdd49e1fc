"""Why a workload is at risk: its class, the reasons in words, the trend, the incidents that it is like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chaoskit.prediction.answers import rules
from chaoskit.prediction.answers.reasons import Look, duration
from chaoskit.prediction.answers.risks import Risk, Seen, tree_shares
from chaoskit.prediction.data.arrays import Bools, Floats
from chaoskit.prediction.data.dataset import Block, Dataset
from chaoskit.prediction.features import batch
from chaoskit.prediction.features.layout import family
from chaoskit.prediction.learning import plain
from chaoskit.prediction.learning.incidents import nearest
from chaoskit.prediction.learning.joined import EVIDENCE, FOREST
from chaoskit.prediction.learning.plain import LINEAR, STATIC, SYMPTOM
from chaoskit.prediction.learning.training import Model
from chaoskit.prediction.learning.tree_paths import contributions

TREND_POINTS = 8

WORTH = 0.02
"""A signal that moves the forest's share for failure by less is no reason."""

_TELLING = frozenset({"waiting_bad", "restarts", "ready", "db_pool_errors", "db_pool_pending"})


def explained(
    model: Model,
    seen: Seen,
    risks: Sequence[Risk],
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


def spoken(model: Model, seen: Seen, risk: Risk, look: Look) -> tuple[str, str]:
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


def issues_of(
    model: Model,
    seen: Seen,
    risks: Sequence[Risk],
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


def _pushes(model: Model, rows: Floats) -> list[dict[str, float]]:
    """For each row of features how much each owner of features moved the forest's share for failure."""
    owners = [owner for owner, _ in model.spec.layout]
    place = {owner: index for index, owner in enumerate(dict.fromkeys(owners))}
    total = np.zeros((len(rows), len(place)))
    np.add.at(total.T, [place[owner] for owner in owners], contributions(model.failure, rows).T)
    return [dict(zip(place, each, strict=True)) for each in total.tolist()]


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


def _trends(model: Model, seen: Seen, risks: Sequence[Risk]) -> list[tuple[float, ...]]:
    """These pods' probabilities at moments of the last hour, oldest first; the newest is what is told."""
    block = seen.block
    back = np.linspace(3600 / block.step, 0, TREND_POINTS).round().astype(int)[:-1]
    moments = block.length - 1 - back
    moments = moments[moments >= 0]
    rows = [risk.row for risk in risks]
    # Peers outside these rows are left out of what is past: a line of eight points need not know them.
    few = block.of(rows)
    scores = tree_shares(model, batch.compute(few, model.spec, moments)).mean(axis=2).astype(np.float32)
    found = model.probabilities(scores.ravel()).reshape(scores.shape)
    return [
        tuple(round(float(p), 4) for p in (*line, risk.probability))
        for line, risk in zip(found, risks, strict=True)
    ]


def _certain(look: Look, signal: str) -> str:
    """The class that a symptom, or this signal that a rule alarms on, says outright; "" when none does."""
    telling = {*_TELLING, signal} - {""}
    certain = (each for each in rules.findings(look) if each.score >= 0.6 and each.signal in telling)
    return next((each.issue for each in certain), "")


def _symptomatic(dataset: Dataset, recent: Block) -> Bools:
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
