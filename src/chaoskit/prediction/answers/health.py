"""Whether a model may still be believed: does the world look as it did in training, are its signals there?

A failure makes one workload unlike the training; drift makes many of them so at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from chaoskit.prediction.answers.reasons import duration
from chaoskit.prediction.data.arrays import missing
from chaoskit.prediction.data.dataset import Dataset
from chaoskit.prediction.labelling.labels import STALE
from chaoskit.prediction.learning.ranges import Ranges

if TYPE_CHECKING:
    from chaoskit.prediction.learning.training import Model

SLACK = 0.25
"""So much of the width of that range a signal may lie beyond it."""

MINUTES = 60
"""Drift is looked for in the last hour: it lasts."""

SHARE = 1 / 3
"""From this share of workloads on, two at least, it is drift and not a failure."""

SHOWN = 3
"""So many absent signals are named."""

OLD = timedelta(days=30)
"""A model that is older has not seen the last month's releases."""


@dataclass(frozen=True, slots=True)
class Health:
    """What speaks against a model's answers now, in words; empty when nothing does.

    `drifted` and `gone` name the signals that `drift` and `stale` are about.
    """

    drift: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    old: str = ""
    drifted: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """``fresh``, or what speaks against it."""
        return "; ".join([*self.stale, *self.drift, *filter(None, [self.old])]) or "fresh"

    @property
    def brief(self) -> str:
        """``fresh``, or how many signals are against it: ``1 signal stale or absent; 2 signals drifted``."""
        told = ((len(self.stale), "stale or absent"), (len(self.drift), "drifted"))
        counts = [f"{number} signal{'s' if number > 1 else ''} {how}" for number, how in told if number]
        return "; ".join([*counts, *filter(None, [self.old])]) or "fresh"


def health_of(model: Model, window: Dataset, now: datetime) -> Health:
    """What speaks against the model's answers, by what was measured lately."""
    age = now - model.trained_at
    old = f"trained {age.days} d ago: train it again" if age > OLD else ""
    drift, stale = dict(_drifted(model.ranges, window)), dict(_stale(model.ranges, window))
    return Health(tuple(drift.values()), tuple(stale.values()), old, tuple(drift), tuple(stale))


def _drifted(known: Ranges, window: Dataset) -> Iterator[tuple[str, str]]:
    """Each signal that drifted, and how in words."""
    block = window.blocks[-1]
    recent = block.values[:, :, -max(1, MINUTES * 60 // block.step) :]
    names = np.array([f"{row.namespace}/{row.workload}" for row in block.rows])
    for index, signal in enumerate(window.signals):
        if signal.name not in known:
            continue
        low, high = known[signal.name]
        slack = SLACK * (high - low) or abs(high) * SLACK
        values = recent[:, index]
        there = ~missing(values)
        with np.errstate(invalid="ignore"):
            beyond = ((values < low - slack) | (values > high + slack)) & there
        measured = there.any(axis=1)
        mostly = beyond.sum(axis=1) > there.sum(axis=1) / 2
        workloads, strange = set(names[measured]), set(names[measured & mostly])
        if len(strange) >= max(2, SHARE * len(workloads)):
            of = f"{len(strange)} of {len(workloads)} workloads"
            yield signal.name, f"drift: {signal.name} of {of} is unlike the training"


def _stale(known: Ranges, window: Dataset) -> Iterator[tuple[str, str]]:
    """Each signal that went stale, and since when in words."""
    block = window.blocks[-1]
    for index, signal in enumerate(window.signals):
        if signal.name not in known:
            continue
        seen = np.flatnonzero((~missing(block.values[:, index])).any(axis=0))
        silent = (block.length - 1 - int(seen[-1])) * block.step if len(seen) else None
        if silent is None:
            yield signal.name, f"{signal.name} is absent"
        elif silent > STALE.total_seconds():
            yield signal.name, f"{signal.name} is stale: no sample for {duration(silent / 60)}"


def strange_here(model: Model, window: Dataset) -> str:
    """In words, that most of the model's signals have no sample at all here; "" where most have some."""
    values = window.blocks[-1].values
    absent = [each.name for at, each in enumerate(window.signals) if missing(values[:, at]).all()]
    if 2 * len(absent) <= len(model.spec.signals):
        return ""
    more = f" and {len(absent) - SHOWN} more" if len(absent) > SHOWN else ""
    named = f"{', '.join(absent[:SHOWN])}{more}"
    return f"{len(absent)} of its {len(model.spec.signals)} signals are absent here ({named})"
