"""Workloads of which nothing can be said: no pod of theirs has had a sample lately."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import numpy as np

from chaoskit.prediction.answers.reasons import duration
from chaoskit.prediction.data.dataset import Dataset, present
from chaoskit.prediction.labelling.labels import STALE

Heard: TypeAlias = Mapping[tuple[str, str], datetime]
"""When each workload (namespace, name) had its newest sample."""


@dataclass(frozen=True, slots=True)
class Silent:
    """A workload whose newest sample is `minutes` old: what its pods do now, nobody knows."""

    namespace: str
    target: str
    minutes: float

    @property
    def words(self) -> str:
        """``deployment/cart: no sample for 6 min, nothing is known of it``."""
        return f"{self.target}: no sample for {duration(self.minutes)}, nothing is known of it"


def heard(window: Dataset) -> Heard:
    """When each workload of this window had its newest sample in it."""
    block = window.blocks[-1]
    there = present(block.values)
    newest: dict[tuple[str, str], int] = {}
    for row, seen in zip(block.rows, there, strict=True):
        if seen.any():
            who = (row.namespace, row.workload)
            newest[who] = max(newest.get(who, 0), int(np.flatnonzero(seen)[-1]))
    return {who: block.at(last) for who, last in newest.items()}


def silent(heard: Heard, now: datetime) -> tuple[Silent, ...]:
    """The workloads that had a sample once, but none in the last five minutes; by name."""
    ages = {who: now - at for who, at in heard.items()}
    return tuple(
        Silent(*who, round(age.total_seconds() / 60, 1)) for who, age in sorted(ages.items()) if age >= STALE
    )


def beside(window: Dataset, now: datetime) -> int:
    """How many other runs have samples of the five minutes until then: of them nothing is said."""
    last = window.blocks[-1].run
    return len({block.run for block in window.blocks if block.end > now - STALE} - {last})


def heard_of(dataset: Dataset, now: datetime) -> tuple[int, int]:
    """How many pods have a sample of the five minutes until then, and how many there are at any time."""
    block = dataset.until(now).blocks[-1]
    first = max(0, (now - STALE - block.start) // timedelta(seconds=block.step) + 1)
    lately = present(block.values[..., first:]).any(axis=1)
    return int(lately.sum()), len({row for each in dataset.blocks for row in each.rows})
