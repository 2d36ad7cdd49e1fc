"""Workloads of which nothing can be said: no pod of theirs has a sample of late, or a past to go by."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import numpy as np

from chaoskit.prediction.answers.reasons import duration
from chaoskit.prediction.data.arrays import Bools, Doubles
from chaoskit.prediction.data.dataset import Block, Dataset, present
from chaoskit.prediction.data.replaced import departed
from chaoskit.prediction.features.layout import BLOCK_MINUTES
from chaoskit.prediction.features.statistics import KNOWN_MINUTES
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


YOUNG = timedelta(minutes=KNOWN_MINUTES + BLOCK_MINUTES)
"""So much of its past features compare a pod's newest minutes with: before, they say nothing of it."""


@dataclass(frozen=True, slots=True)
class Young:
    """A workload whose oldest pod has samples of `minutes` alone: whether that is usual, nobody knows."""

    namespace: str
    target: str
    minutes: float

    @property
    def words(self) -> str:
        """``deployment/cart: samples of 3 min, 15 min are needed: nothing is known of it yet``."""
        has, needs = duration(self.minutes), duration(YOUNG.total_seconds() / 60)
        return f"{self.target}: samples of {has}, {needs} are needed: nothing is known of it yet"


def unripe(block: Block) -> Bools:
    """Which pods [row] have samples of less than `YOUNG`."""
    return _ages(block) < YOUNG.total_seconds()


def _ages(block: Block) -> Doubles:
    """For how many seconds each pod [row] has had samples; NaN for one that never had any."""
    there = present(block.values)
    return np.where(there.any(axis=1), (block.length - there.argmax(axis=1)) * float(block.step), np.nan)


def young(window: Dataset, now: datetime, known: Collection[tuple[str, str]]) -> tuple[Young, ...]:
    """The workloads whose pods are all too new for anything to be said, by name; not the `known`."""
    block = window.blocks[-1]
    oldest: dict[tuple[str, str], float] = {}
    ages = _ages(block)
    for index in np.flatnonzero(_lately(block, now) & ~departed(window, block)).tolist():
        if (who := block.rows[index][:2]) not in known:
            oldest[who] = max(float(ages[index]), oldest.get(who, 0.0))
    least = YOUNG.total_seconds()
    return tuple(Young(*who, round(age / 60, 1)) for who, age in sorted(oldest.items()) if age < least)


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
    return int(_lately(block, now).sum()), len({row for each in dataset.blocks for row in each.rows})


def _lately(block: Block, now: datetime) -> Bools:
    """Which pods [row] have a sample of the five minutes until then."""
    first = max(0, (now - STALE - block.start) // timedelta(seconds=block.step) + 1)
    return np.asarray(present(block.values[..., first:]).any(axis=1))
