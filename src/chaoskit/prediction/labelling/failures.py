"""The failures that a history shows by itself: restarts, OOM kills, crash loops, not ready, errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from chaoskit.prediction.data.arrays import Bools, Doubles
from chaoskit.prediction.data.dataset import Block, Dataset, Row
from chaoskit.prediction.features.statistics import change, filled, increase
from chaoskit.records import LabelRecord, new_id

ERRORS = "errors"
"""The class, for the time being, of a pod that only answers wrong or late: whose fault that is, is open."""

AT_LEAST = timedelta(minutes=2)
"""How long a failure lasts at the least: a container that was restarted is not back at once."""

SETTLING = timedelta(minutes=10)
"""How long after a failure its traces are nobody's fault: neither failure nor health."""

REMEMBERED = timedelta(minutes=15)
"""For so long without a sample it is remembered what was, as by the features."""


@dataclass(frozen=True, slots=True)
class Objectives:
    """When something counts as a failure: share of failed requests, samples in a row, pool errors/s.

    `latency_p95` in seconds has no value that would suit everybody: without one no answer is too slow.
    """

    error_ratio: float = 0.05
    samples: int = 2
    pool_errors: float = 0.1
    latency_p95: float = math.inf

    @property
    def words(self) -> Mapping[str, str]:
        """Each sign of a failure in words, those that tell more of its class first."""
        return {
            "oom": "OOM kills",
            "pool errors": "pool errors",
            "crash loop": "crash loops",
            "restart": "restarts",
            "not ready": "not ready",
            "errors": f"errors over {100 * self.error_ratio:.3g} %",
            "slow": f"p95 over {self.latency_p95:.3g} s",
        }


Signs = Mapping[str, Bools]
"""Where each sign of a failure is there."""


def from_history(dataset: Dataset, objectives: Objectives) -> list[LabelRecord]:
    """The failures of each pod that its signals show: restarts, OOM kills, crash loops, not ready, errors.

    The source of each is in words what showed it. A gap hides when a container was restarted: it is unknown,
    and after more than a quarter of an hour without a sample nobody knows when the failure was.
    """
    return [
        record
        for block in dataset.blocks
        for index, row in enumerate(block.rows)
        for record in _History(dataset, block, index, row, objectives).records()
    ]


@dataclass(frozen=True, slots=True)
class _History:
    """What one pod's signals say."""

    dataset: Dataset
    block: Block
    index: int
    row: Row
    objectives: Objectives

    def series(self, name: str) -> Doubles:
        """The values of a signal, NaN throughout where there is none."""
        column = self.dataset.column(name)
        if column is None:
            return np.full(self.block.length, np.nan)
        values: Doubles = self.block.values[self.index, column].astype(np.float64)
        return values

    def records(self) -> Iterator[LabelRecord]:
        """Its failures, and the gaps in which it may have failed."""
        signs = self._signs()
        failing = np.logical_or.reduce(list(signs.values()))
        block = self.block
        for first, last in _stretches(failing, self._samples(SETTLING)):
            shown = {name for name, where in signs.items() if where[first : last + 1].any()}
            end = max(block.at(last - 1), block.at(first - 1) + AT_LEAST)
            issue = _issue(shown, self.series, first)
            source = next(words for sign, words in self.objectives.words.items() if sign in shown)
            if issue == ERRORS:
                source += " without another cause"
            yield self._record("failure", block.at(first - 1), end, issue, source)
        yield from self._hidden()

    def _signs(self) -> Signs:
        """Where each sign of a failure is there; a missing value is none, and hides none."""
        more = increase(self.series("restarts"), self._memory)[0] > 0
        killed = self.series("last_oom")
        return {
            "restart": more,
            "oom": (change(killed, self._memory) > 0) | (more & (filled(killed, self._memory) > 0)),
            "crash loop": self.series("waiting_bad") > 0,
            "not ready": self._lasting(_unready(self.series("ready"))),
            "pool errors": self._lasting(self._over("db_pool_errors", self.objectives.pool_errors)),
            "errors": self._lasting(self._over("error_ratio", self.objectives.error_ratio)),
            "slow": self._lasting(self._over("latency_p95", self.objectives.latency_p95)),
        }

    def _hidden(self) -> Iterator[LabelRecord]:
        """The gaps after which there were more restarts or kills than before: it failed somewhere in them."""
        for name in ("restarts", "last_oom"):
            values = self.series(name)
            known = np.flatnonzero(~np.isnan(values))
            for place in np.flatnonzero((np.diff(values[known]) > 0) & (np.diff(known) > 1)).tolist():
                before, after = self.block.at(int(known[place])), self.block.at(int(known[place + 1]))
                step = timedelta(seconds=self.block.step)
                if known[place + 1] - known[place] <= self._memory:
                    yield self._record("unknown", before + step, after - step, "")
                else:
                    yield self._record("censored", before, after, "")

    def _record(
        self, meaning: str, start: datetime, end: datetime, issue: str, source: str = "history"
    ) -> LabelRecord:
        at = start + timedelta(seconds=self.block.step)
        return LabelRecord(
            id=new_id(at), at=at, trace_id="", target=self.row.pod, namespace=self.row.namespace,
            meaning=meaning, issue=issue, start=start, end=end, source=source, run=self.block.run,
        )  # fmt: skip

    def _over(self, name: str, limit: float) -> Doubles:
        """1 where a signal is over its limit, 0 where it is not, NaN where it is missing."""
        values = self.series(name)
        return np.where(np.isnan(values), np.nan, values > limit)

    def _lasting(self, bad: Doubles) -> Bools:
        """Where it holds for enough samples on end; one that is missing neither counts nor ends it."""
        found = np.zeros(len(bad), dtype=bool)
        for first, last in _stretches(filled(bad, self._memory) == 1, 0):
            known = first + np.flatnonzero(bad[first : last + 1] == 1)
            found[first : known[-1] + 1] = len(known) >= self.objectives.samples
        return found

    def _samples(self, length: timedelta) -> int:
        return round(length.total_seconds() / self.block.step)

    @property
    def _memory(self) -> int:
        return max(1, self._samples(REMEMBERED))


def _unready(ready: Doubles) -> Doubles:
    """1 where a pod that was ready is not, 0 elsewhere, NaN where it is missing: at first it is starting."""
    was = np.maximum.accumulate(ready == 1)
    return np.where(np.isnan(ready), np.nan, (ready == 0) & was)


def _stretches(where: Bools, bridge: int) -> Iterator[tuple[int, int]]:
    """First and last index of each stretch; two with at most `bridge` samples between them are one."""
    hits = np.flatnonzero(where)
    if len(hits):
        breaks = np.flatnonzero(np.diff(hits) > bridge + 1)
        yield from zip(
            hits[[0, *(breaks + 1)]].tolist(), hits[[*breaks, len(hits) - 1]].tolist(), strict=True
        )


def _issue(signs: set[str], series: Callable[[str], Doubles], first: int) -> str:
    """The class of a failure from its signs; a full memory before the end is a leak, not a crash."""
    memory = series("memory_usage")[max(0, first - 3) : first + 1]
    if "oom" in signs or (memory > 0.9).any():
        return "memory-leak"
    if "pool errors" in signs:
        return "database-connection"
    if signs & {"crash loop", "restart", "not ready"}:
        return "pod-crash"
    busy = series("cpu_throttled_ratio")[max(0, first - 3) : first + 3]
    return "cpu-saturation" if (busy > 0.5).any() else ERRORS
