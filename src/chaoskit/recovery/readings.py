"""The signals of one workload, as rules ask for them: fresh, of pods that live, with their last minutes."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean, median
from typing import TypeVar, overload

from chaoskit.ports.cluster import ObjectRef
from chaoskit.ports.metrics import Sample, Series
from chaoskit.recovery.symptoms import Ranges, Samples, Severity, Symptom
from chaoskit.topology import Workload, workload_name

FRESH = timedelta(minutes=2)
"""An older sample says nothing about the present: Prometheus stops serving one after five minutes."""

LASTING = timedelta(seconds=30)
"""Saturation, errors and delays count from the third sample on: a restart makes one or two."""

T = TypeVar("T", Sample, Series)


@dataclass(frozen=True, slots=True)
class Reading:
    """A pod's newest value of a signal, and its last minutes where they were asked for."""

    sample: Sample
    series: Series | None

    @property
    def value(self) -> float:
        """The newest value."""
        return self.sample.value

    @property
    def usual(self) -> float | None:
        """The median of the first half of the range; None without enough of it."""
        if self.series is None:
            return None
        values = known(self.series.values)
        early = values[: len(values) // 2]
        return median(early) if len(early) >= 8 else None

    def lasts(self, broken: Callable[[float], bool], now: datetime) -> bool:
        """Whether it is broken, and has been for more than a moment as far as can be seen."""
        return broken(self.value) and (self.series is None or now - self.since(broken) >= LASTING)

    def any_since(self, broken: Callable[[float], bool], start: datetime) -> bool:
        """Whether it is broken, or was at some moment from `start` on as far as can be seen."""
        if broken(self.value) or self.series is None:
            return broken(self.value)
        passed = (start - self.series.start).total_seconds() / self.series.step
        return any(broken(value) for value in self.series.values[max(0, math.ceil(passed)) :])

    def since(self, broken: Callable[[float], bool]) -> datetime:
        """When the stretch of broken values that reaches the present began."""
        if self.series is None:
            return self.sample.at
        start = len(self.series.values)
        while start and broken(self.series.values[start - 1]):
            start -= 1
        moment = self.series.start + timedelta(seconds=start * self.series.step)
        return min(moment, self.sample.at)


def known(values: array[float]) -> list[float]:
    """The values that are there."""
    return [value for value in values if not math.isnan(value)]


class ByWorkload(Sequence[T]):
    """Samples or series of many workloads; those of one are found without a look at the others."""

    def __init__(self, every: Iterable[T]) -> None:
        self._every: tuple[T, ...] = tuple(every)
        self._of: dict[tuple[str, str], list[T]] = {}
        for each in self._every:
            self._of.setdefault(_whose(each.labels), []).append(each)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...

    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return self._every[index]

    def __len__(self) -> int:
        return len(self._every)

    def of(self, ref: ObjectRef) -> Sequence[T]:
        """Those of this workload, in their order."""
        return self._of.get((ref.namespace, str(ref)), ())


def _of(every: Sequence[T], ref: ObjectRef) -> Sequence[T]:
    if isinstance(every, ByWorkload):
        return every.of(ref)
    return [each for each in every if _whose(each.labels) == (ref.namespace, str(ref))]


def _whose(labels: Mapping[str, str]) -> tuple[str, str]:
    """Namespace and name of the workload that a series is of."""
    return labels.get("namespace", ""), workload_name(labels)


@dataclass(frozen=True, slots=True)
class View:
    """The signals of one workload."""

    samples: Samples
    ranges: Ranges
    ref: ObjectRef
    pods: frozenset[str]
    now: datetime

    @classmethod
    def of(cls, workload: Workload, samples: Samples, ranges: Ranges, now: datetime) -> View:
        """The signals of the workload, and of those of its pods that are alive."""
        alive = frozenset(pod["metadata"]["name"] for pod in workload.alive)
        return cls(samples, ranges, workload.ref, alive, now)

    def readings(self, signal: str) -> list[Reading]:
        """The workload's fresh readings of a signal; none when it is absent or stale."""
        lately = {_key(s.labels): s for s in _of(self.ranges.get(signal, ()), self.ref)}
        fresh = (s for s in _of(self.samples.get(signal, ()), self.ref) if self._fresh(s))
        return [Reading(sample, lately.get(_key(sample.labels))) for sample in fresh]

    def worst(self, signal: str) -> Reading | None:
        """The reading with the highest value; None when the signal is absent."""
        return max(self.readings(signal), key=lambda reading: reading.value, default=None)

    def mean(self, signal: str) -> float | None:
        """The mean over the pods; None when the signal is absent."""
        values = [reading.value for reading in self.readings(signal)]
        return fmean(values) if values else None

    def symptom(
        self, kind: str, since: datetime, severity: Severity, evidence: str, **facts: object
    ) -> Symptom:
        """A symptom of this workload; a fact called `pod` names the pod that has it."""
        pod = str(facts.pop("pod", None) or "")
        return Symptom(kind, self.ref, since, severity, evidence, (pod,) if pod else (), facts)

    def _fresh(self, sample: Sample) -> bool:
        """Whether it is of the present, and of no pod that is gone."""
        gone = "pod" in sample.labels and sample.labels["pod"] not in self.pods
        return not gone and not math.isnan(sample.value) and self.now - sample.at <= FRESH


def _key(labels: Mapping[str, str]) -> tuple[str, str]:
    return labels.get("pod", ""), labels.get("source", "")


SIGNAL_OF: Mapping[str, str] = {
    "memory-growth": "memory_usage",
    "memory-rising": "memory_usage",
    "memory-high": "memory_usage",
    "cpu-saturated": "cpu_limit_ratio",
    "disk-full": "fs_usage",
    "errors": "error_ratio",
    "latency": "latency_p95",
    "database-slow": "latency_p95",
    "edge-gap": "edge_gap",
    "cut-off": "request_rate",
    "pool-exhausted": "db_pool_usage",
    "pool-errors": "db_pool_errors",
    "database-full": "db_connections",
}
"""Kinds that only a signal can show, and only that signal can show to be gone."""

NEWEST = tuple(dict.fromkeys((*SIGNAL_OF.values(), "db_pool_pending", "cpu_throttled_ratio")))
"""The signals whose newest samples are read."""

LATELY = tuple(dict.fromkeys(SIGNAL_OF.values()))
"""The signals whose last minutes are read as well."""


def has_data(
    workload: Workload, samples: Samples, signal: str, *, after: datetime | None = None, now: datetime
) -> bool:
    """Whether a living pod of the workload has a fresh sample of the signal, one newer than `after`."""
    readings = View.of(workload, samples, {}, now).readings(signal)
    return any(after is None or reading.sample.at > after for reading in readings)
