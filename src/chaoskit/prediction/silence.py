"""Workloads of which nothing can be said: no pod of theirs has had a sample lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from chaoskit.prediction.dataset import Dataset, present
from chaoskit.prediction.labels import STALE
from chaoskit.prediction.reasons import duration


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


def silent(window: Dataset, now: datetime) -> tuple[Silent, ...]:
    """The workloads that had samples in this window, but none in the last five minutes; by name."""
    block = window.blocks[-1]
    there = present(block.values)
    newest: dict[tuple[str, str], int] = {}
    for row, seen in zip(block.rows, there, strict=True):
        if seen.any():
            who = (row.namespace, row.workload)
            newest[who] = max(newest.get(who, 0), int(np.flatnonzero(seen)[-1]))
    ages = {who: now - block.at(last) for who, last in newest.items()}
    return tuple(
        Silent(*who, round(age.total_seconds() / 60, 1)) for who, age in sorted(ages.items()) if age > STALE
    )
