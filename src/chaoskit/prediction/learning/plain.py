"""Plain rules that need no learning: how near a limit something is, and whether a pod fell silent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import numpy as np

from chaoskit.prediction.data.arrays import Floats
from chaoskit.prediction.data.dataset import Block, Dataset, present
from chaoskit.prediction.features.statistics import increase, rolled, trend
from chaoskit.prediction.labelling.failures import REMEMBERED
from chaoskit.prediction.labelling.labels import STALE

STATIC, ABSENCE, SYMPTOM, LINEAR = "static rule", "absence", "symptom rule", "predict_linear"

SATURATING = ("cpu_limit_ratio", "memory_usage", "fs_usage", "db_pool_usage", "db_connections", "error_ratio")

JUST = timedelta(minutes=3)
"""For so long a restart is news."""

CELLS = 500_000
"""Values that are worked on at once: bounds the memory for long histories of many pods."""

LOOKBACK = timedelta(minutes=15)
"""No rule looks back further, but for what restarts were."""

REACH = LOOKBACK + REMEMBERED + JUST
"""So much the rules look at to judge one moment."""


def rules(dataset: Dataset) -> dict[str, list[Floats]]:
    """The scores [row, moment] per block of each plain rule that these signals allow."""
    made = {
        STATIC: [static(dataset, block) for block in dataset.blocks],
        ABSENCE: [absence(dataset, block) for block in dataset.blocks],
        SYMPTOM: [symptoms(dataset, block) for block in dataset.blocks],
        LINEAR: [linear(dataset, block) for block in dataset.blocks],
    }
    return {name: each for name, each in made.items() if any(np.isfinite(block).any() for block in each)}


def static(dataset: Dataset, block: Block) -> Floats:
    """How near its limit the fullest ratio is; 1 for a pod that is not ready or waits in a crash loop."""
    empty = np.full((len(block.rows), block.length), np.nan, dtype=np.float32)
    return np.asarray(np.fmax.reduce([empty, *_watched(dataset, block).values()]), dtype=np.float32)


def symptoms(dataset: Dataset, block: Block) -> Floats:
    """1 while a container has just been restarted, the pod is not ready or it waits in a crash loop.

    NaN where none of these is measured.
    """
    columns = {name: block.values[:, at] for at, name in enumerate(dataset.names)}
    found = [np.full((len(block.rows), block.length), np.nan, dtype=np.float32)]
    if "ready" in columns:
        found.append(1 - columns["ready"])
    if "waiting_bad" in columns:
        found.append(columns["waiting_bad"])
    if "restarts" in columns:
        found.append(_by_rows(partial(_just_restarted, step=dataset.step), columns["restarts"]))
    return np.asarray(np.fmax.reduce(found), dtype=np.float32)


def _just_restarted(restarts: Floats, step: int) -> Floats:
    """1 where a container has just been restarted, 0 where not, NaN where the number is missing."""
    remembered, just_so_many = (max(1, round(each.total_seconds() / step)) for each in (REMEMBERED, JUST))
    grown, _ = increase(restarts.astype(np.float64), remembered)
    just = rolled((grown > 0).astype(np.float64), just_so_many) > 0
    return np.where(np.isnan(restarts), np.nan, just).astype(np.float32)


def _by_rows(rule: Callable[[Floats], Floats], values: Floats) -> Floats:
    """What a rule says of values [row, moment]: of some rows after others, to bound the memory."""
    out = np.empty_like(values)
    many = max(1, CELLS // max(1, values.shape[1]))
    for first in range(0, len(values), many):
        out[first : first + many] = rule(values[first : first + many])
    return out


def linear(dataset: Dataset, block: Block) -> Floats:
    """What the fullest ratio will be in half an hour at the pace of the last quarter of one."""
    score = np.full((len(block.rows), block.length), np.nan, dtype=np.float32)
    return np.asarray(np.fmax.reduce([score, *_extrapolated(dataset, block).values()]), dtype=np.float32)


def _extrapolated(dataset: Dataset, block: Block) -> dict[str, Floats]:
    """What each ratio will be in half an hour."""
    minute = dataset.step / 60
    samples = max(3, round(LOOKBACK.total_seconds() / dataset.step))

    def ahead(values: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            fitted, slope = trend(values.astype(np.float64), samples)
        return (fitted + 30 * slope / minute).astype(np.float32)

    columns = {name: dataset.column(name) for name in SATURATING}
    return {name: _by_rows(ahead, block.values[:, at]) for name, at in columns.items() if at is not None}


def loudest(dataset: Dataset, block: Block, row: int, rule: str) -> str:
    """The signal that makes this rule (`STATIC`, `LINEAR`) speak of a row now; "" when none does."""
    one = block.of([row])
    told = _extrapolated(dataset, one) if rule == LINEAR else _watched(dataset, one)
    now = {name: float(values[0, -1]) for name, values in told.items()}
    known = {name: value for name, value in now.items() if not np.isnan(value)}
    return max(known, key=lambda name: known[name], default="")


def _watched(dataset: Dataset, block: Block) -> dict[str, Floats]:
    """What the static rule looks at, each so that 1 is bad."""
    columns = {name: block.values[:, at] for at, name in enumerate(dataset.names)}
    if "ready" in columns:
        columns["ready"] = 1 - columns["ready"]
    return {name: columns[name] for name in (*SATURATING, "waiting_bad", "ready") if name in columns}


def absence(dataset: Dataset, block: Block) -> Floats:
    """How much of the last five minutes a pod was silent that was there before; NaN when none ever is."""
    there = present(block.values)
    samples = max(1, round(STALE.total_seconds() / dataset.step))
    known = np.logical_or.accumulate(there, axis=1)
    missed = known & ~there
    silent = np.zeros(there.shape, dtype=np.float32)
    for back in range(min(samples, there.shape[1])):
        silent[:, back:] += missed[:, : there.shape[1] - back]
    share = silent / samples if silent.any() else np.full_like(silent, np.nan)
    return share.astype(np.float32)
