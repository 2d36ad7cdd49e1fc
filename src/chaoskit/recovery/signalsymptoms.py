"""Symptoms that signals show: growing memory, saturation, slow or failing calls, full connection pools."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean, median

from chaoskit import kube
from chaoskit.ports.cluster import ObjectRef
from chaoskit.ports.metrics import Sample, Series
from chaoskit.recovery.symptoms import Ranges, Samples, Severity, Symptom, minutes
from chaoskit.topology import Topology, Workload, workload_name

FRESH = timedelta(minutes=2)
"""An older sample says nothing about the present: Prometheus stops serving one after five minutes."""

LASTING = timedelta(seconds=30)
"""Saturation, errors and delays count from the third sample on: a restart makes one or two."""

MEMORY_HIGH = 0.9
MEMORY_FROM = 0.6
MEMORY_SURE = 0.8
MEMORY_HORIZON = 30.0
MEMORY_SOON = 5.0
"""Memory counts at 90 % of its limit, or above 80 % when it grows so that it is full within 30 minutes, or
above 60 % when within 5. From 60 % on it is merely rising: many caches do that and then stay."""

CPU_SATURATED = 0.95
THROTTLED = 0.25
ERRORS = 0.05
POOL_FULL = 0.95
DATABASE_FULL = 0.95
DISK_FULL = 0.9
SLOWER = 3.0
SLOW_SECONDS = 0.25
GAP_SECONDS = 0.05
"""Latency counts when it is three times its usual and at least 250 ms, a gap on an edge at least 50 ms."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """A pod's newest value of a signal, and its last minutes where they were asked for."""

    sample: Sample
    series: Series | None

    @property
    def value(self) -> float:
        return self.sample.value

    @property
    def usual(self) -> float | None:
        """The median of the first half of the range; None without enough of it."""
        if self.series is None:
            return None
        values = _known(self.series.values)
        early = values[: len(values) // 2]
        return median(early) if len(early) >= 8 else None

    def lasts(self, broken: Callable[[float], bool], now: datetime) -> bool:
        """Whether it is broken, and has been for more than a moment as far as can be seen."""
        return broken(self.value) and (self.series is None or now - self.since(broken) >= LASTING)

    def since(self, broken: Callable[[float], bool]) -> datetime:
        """When the stretch of broken values that reaches the present began."""
        if self.series is None:
            return self.sample.at
        start = len(self.series.values)
        while start and broken(self.series.values[start - 1]):
            start -= 1
        moment = self.series.start + timedelta(seconds=start * self.series.step)
        return min(moment, self.sample.at)


def detect(topology: Topology, samples: Samples, ranges: Ranges, *, now: datetime) -> tuple[Symptom, ...]:
    """What the signals show to be wrong at `now` with workloads of the snapshot."""
    found: list[Symptom] = []
    for workload in topology.workloads.values():
        view = _View(samples, ranges, workload.ref, _pod_names(workload), now)
        found += (symptom for rule in _RULES for symptom in rule(view))
    return tuple(found)


def has_data(workload: Workload, samples: Samples, signal: str, *, after: datetime, now: datetime) -> bool:
    """Whether a living pod of the workload has a fresh sample of the signal that is newer than `after`."""
    view = _View(samples, {}, workload.ref, _pod_names(workload), now)
    return any(reading.sample.at > after for reading in view.readings(signal))


def _pod_names(workload: Workload) -> frozenset[str]:
    return frozenset(p["metadata"]["name"] for p in workload.pods if not kube.is_deleting(p))


@dataclass(frozen=True, slots=True)
class _View:
    """The signals of one workload."""

    samples: Samples
    ranges: Ranges
    ref: ObjectRef
    pods: frozenset[str]
    now: datetime

    def readings(self, signal: str) -> list[_Reading]:
        """The workload's fresh readings of a signal; none when it is absent or stale."""
        known = {_key(s.labels): s for s in self.ranges.get(signal, ()) if self._mine(s.labels)}
        fresh = (s for s in self.samples.get(signal, ()) if self._mine(s.labels) and self._fresh(s))
        return [_Reading(sample, known.get(_key(sample.labels))) for sample in fresh]

    def worst(self, signal: str) -> _Reading | None:
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

    def _mine(self, labels: Mapping[str, str]) -> bool:
        """Whether the series is of this workload, and not of a pod of it that is gone."""
        gone = "pod" in labels and labels["pod"] not in self.pods
        same = labels.get("namespace") == self.ref.namespace and workload_name(labels) == str(self.ref)
        return same and not gone

    def _fresh(self, sample: Sample) -> bool:
        return not math.isnan(sample.value) and self.now - sample.at <= FRESH


def _key(labels: Mapping[str, str]) -> tuple[str, str]:
    return labels.get("pod", ""), labels.get("source", "")


# ---------------------------------------------------------------- memory, CPU, disk


def _memory(view: _View) -> Iterator[Symptom]:
    for reading in view.readings("memory_usage"):
        slope = growth(reading.series) if reading.series is not None else None
        pod, value = reading.sample.labels.get("pod", ""), reading.value
        left = (1 - value) / slope if slope and slope > 0 else math.inf
        if slope is not None and value >= MEMORY_FROM and left <= MEMORY_HORIZON:
            yield _growing(view, reading, slope, left)
        elif value >= MEMORY_HIGH:
            since = reading.since(lambda each: each >= MEMORY_HIGH)
            words = f"memory {value:.0%} of its limit"
            yield view.symptom("memory-high", since, Severity.MEDIUM, words, pod=pod)


def _growing(view: _View, reading: _Reading, slope: float, left: float) -> Symptom:
    pod, value = reading.sample.labels.get("pod", ""), reading.value
    kind = "memory-growth" if value >= MEMORY_SURE or left <= MEMORY_SOON else "memory-rising"
    severity = Severity.HIGH if left <= 10 else Severity.MEDIUM
    words = f"memory {value:.0%} of its limit, +{slope:.1%} per minute: full in {minutes(left * 60)}"
    since = view.now - min(timedelta(minutes=value / slope), LONGEST_GROWTH)
    return view.symptom(kind, since, severity, words, minutes_to_limit=round(left, 1), pod=pod)


LONGEST_GROWTH = timedelta(minutes=30)

STEADY = 0.8
"""Growth is steady when a straight line explains so much of it."""

NEW_HIGH = 1.05
"""A leak goes beyond what was used before, a garbage collector's saw teeth do not."""


def growth(series: Series) -> float | None:
    """The growth of a series in units per minute, over the longest time up to now in which it was steady.

    None when it is steady over none of the last 30, 20, 10 and 5 minutes, or is no new high.
    """
    values = list(series.values)
    known = _known(series.values)
    if not known or known[-1] < NEW_HIGH * max(known[: len(known) // 2], default=math.inf):
        return None
    for span in (30, 20, 10, 5):
        slope = _steady_slope(values[-(span * 60 // series.step) :], series.step)
        if slope is not None:
            return slope
    return None


def _steady_slope(values: Sequence[float], step: int) -> float | None:
    """The slope per minute of a least squares line through at least two minutes, if it explains enough."""
    points = [(i * step / 60, v) for i, v in enumerate(values) if not math.isnan(v)]
    if len(points) < 8 or points[-1][0] - points[0][0] < 2:
        return None
    mx, my = fmean(x for x, _ in points), fmean(y for _, y in points)
    sxx = sum((x - mx) ** 2 for x, _ in points)
    sxy = sum((x - mx) * (y - my) for x, y in points)
    syy = sum((y - my) ** 2 for _, y in points)
    if syy == 0 or sxy**2 / (sxx * syy) < STEADY:
        return None
    return sxy / sxx


def _known(values: array[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def _cpu(view: _View) -> Iterator[Symptom]:
    worst, throttled = view.worst("cpu_limit_ratio"), view.mean("cpu_throttled_ratio")
    if worst is None or (throttled is not None and throttled < THROTTLED):
        return
    if worst.lasts(lambda each: each >= CPU_SATURATED, view.now):
        also = "" if throttled is None else f", throttled in {throttled:.0%} of periods"
        since = worst.since(lambda each: each >= CPU_SATURATED)
        words = f"CPU {worst.value:.0%} of its limit{also}"
        pod = worst.sample.labels.get("pod")
        yield view.symptom("cpu-saturated", since, Severity.MEDIUM, words, pod=pod)


def _disk(view: _View) -> Iterator[Symptom]:
    worst = view.worst("fs_usage")
    if worst is not None and worst.value >= DISK_FULL:
        since = worst.since(lambda each: each >= DISK_FULL)
        yield view.symptom("disk-full", since, Severity.MEDIUM, f"file system {worst.value:.0%} full")


# ---------------------------------------------------------------- calls


def _errors(view: _View) -> Iterator[Symptom]:
    worst = view.worst("error_ratio")
    if worst is not None and worst.lasts(lambda each: each >= ERRORS, view.now):
        severity = Severity.HIGH if worst.value >= 0.25 else Severity.MEDIUM
        since = worst.since(lambda each: each >= ERRORS)
        words = f"{worst.value:.0%} of requests answered with 5xx"
        yield view.symptom("errors", since, severity, words, ratio=worst.value)


def _latency(view: _View) -> Iterator[Symptom]:
    worst = view.worst("latency_p95")
    usual = None if worst is None else worst.usual
    if worst is None or usual is None:
        return
    bar = max(SLOW_SECONDS, SLOWER * usual)
    if worst.lasts(lambda each: each >= bar, view.now):
        words = f"95 % of requests within {_ms(worst.value)} (usually {_ms(usual)})"
        since = worst.since(lambda each: each >= bar)
        yield view.symptom("latency", since, Severity.MEDIUM, words)


def _edges(view: _View) -> Iterator[Symptom]:
    for reading in view.readings("edge_gap"):
        yield from _edge(view, reading)


def _edge(view: _View, reading: _Reading) -> Iterator[Symptom]:
    usual = reading.usual or 0.0
    bar = max(GAP_SECONDS, SLOWER * usual)
    if reading.lasts(lambda each: each >= bar, view.now):
        source = reading.sample.labels.get("source", "")
        words = f"{_ms(reading.value)} lost between {source or 'its callers'} and it (usually {_ms(usual)})"
        since = reading.since(lambda each: each >= bar)
        yield view.symptom("edge-gap", since, Severity.MEDIUM, words, source=source)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


# ---------------------------------------------------------------- databases


def _pools(view: _View) -> Iterator[Symptom]:
    usage, pending = view.worst("db_pool_usage"), view.worst("db_pool_pending")
    waits = pending is not None and pending.value >= 1
    if usage is not None and usage.value >= POOL_FULL and (waits or pending is None):
        also = "" if pending is None else f", {pending.value:.0f} requests wait"
        since = usage.since(lambda each: each >= POOL_FULL)
        words = f"{usage.value:.0%} of the connection pool in use{also}"
        yield view.symptom("pool-exhausted", since, Severity.HIGH, words, pod=usage.sample.labels.get("pod"))
    errors = view.worst("db_pool_errors")
    if errors is not None and errors.value > 0.05:
        words = f"{errors.value:.1f} failures per second to get a database connection"
        yield view.symptom("pool-errors", errors.since(lambda each: each > 0.05), Severity.HIGH, words)


def _databases(view: _View) -> Iterator[Symptom]:
    worst = view.worst("db_connections")
    if worst is not None and worst.value >= DATABASE_FULL:
        since = worst.since(lambda each: each >= DATABASE_FULL)
        words = f"{worst.value:.0%} of the database server's connections in use"
        yield view.symptom("database-full", since, Severity.HIGH, words)


_RULES = (_memory, _cpu, _disk, _errors, _latency, _edges, _pools, _databases)


SIGNAL_OF: Mapping[str, str] = {
    "memory-growth": "memory_usage",
    "memory-rising": "memory_usage",
    "memory-high": "memory_usage",
    "cpu-saturated": "cpu_limit_ratio",
    "disk-full": "fs_usage",
    "errors": "error_ratio",
    "latency": "latency_p95",
    "edge-gap": "edge_gap",
    "pool-exhausted": "db_pool_usage",
    "pool-errors": "db_pool_errors",
    "database-full": "db_connections",
}
"""Kinds that only a signal can show, and only that signal can show to be gone."""

NEWEST = tuple(dict.fromkeys((*SIGNAL_OF.values(), "db_pool_pending", "cpu_throttled_ratio")))
"""The signals whose newest samples `detect` reads."""

LATELY = tuple(dict.fromkeys(SIGNAL_OF.values()))
"""The signals whose last minutes it reads as well."""
