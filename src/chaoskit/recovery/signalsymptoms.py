"""Symptoms that signals show: growing memory, saturation, full disks and connection pools."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from statistics import fmean

from chaoskit.ports.metrics import Series
from chaoskit.recovery.callsymptoms import POOL_FULL, begins_to_lose_time
from chaoskit.recovery.readings import Reading, View, known
from chaoskit.recovery.symptoms import Ranges, Samples, Severity, Symptom, minutes
from chaoskit.topology import Topology

MEMORY_HIGH = 0.9
MEMORY_FROM = 0.6
MEMORY_SURE = 0.8
MEMORY_HORIZON = 30.0
MEMORY_NEAR = 10.0
MEMORY_SOON = 5.0
"""Memory counts at 90 % of its limit, or above 80 % when it grows so that it is full within 10 minutes, or
above 60 % when within 5. From 60 % on, and full within 30, it is merely rising: many caches do that and then
stay, and a restart needs no more time than is left."""

CPU_SATURATED = 0.95
THROTTLED = 0.25
POOL_ERRORS = 0.05
DATABASE_FULL = 0.95
DISK_FULL = 0.9


def detect(topology: Topology, samples: Samples, ranges: Ranges, *, now: datetime) -> tuple[Symptom, ...]:
    """What the signals show to be wrong at `now` with what workloads of the snapshot use up."""
    views = (View.of(workload, samples, ranges, now) for workload in topology.workloads.values())
    return tuple(symptom for view in views for rule in _RULES for symptom in rule(view))


# ---------------------------------------------------------------- memory, CPU, disk


def _memory(view: View) -> Iterator[Symptom]:
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


def _growing(view: View, reading: Reading, slope: float, left: float) -> Symptom:
    pod, value = reading.sample.labels.get("pod", ""), reading.value
    sure = value >= MEMORY_HIGH or left <= (MEMORY_NEAR if value >= MEMORY_SURE else MEMORY_SOON)
    kind = "memory-growth" if sure else "memory-rising"
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
    before = known(series.values)
    if not before or before[-1] < NEW_HIGH * max(before[: len(before) // 2], default=math.inf):
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


def _cpu(view: View) -> Iterator[Symptom]:
    worst, throttled = view.worst("cpu_limit_ratio"), view.mean("cpu_throttled_ratio")
    if worst is None or (throttled is not None and throttled < THROTTLED):
        return
    if worst.lasts(lambda each: each >= CPU_SATURATED, view.now):
        also = "" if throttled is None else f", throttled in {throttled:.0%} of periods"
        since = worst.since(lambda each: each >= CPU_SATURATED)
        words = f"CPU {worst.value:.0%} of its limit{also}"
        pod = worst.sample.labels.get("pod")
        yield view.symptom("cpu-saturated", since, Severity.MEDIUM, words, pod=pod)


def _disk(view: View) -> Iterator[Symptom]:
    full = [each for each in view.readings("fs_usage") if each.value >= DISK_FULL]
    if full:
        worst = max(full, key=lambda each: each.value)
        since = worst.since(lambda each: each >= DISK_FULL)
        pods = tuple(sorted(filter(None, (each.sample.labels.get("pod", "") for each in full))))
        words = f"file system {worst.value:.0%} full"
        yield Symptom("disk-full", view.ref, since, Severity.MEDIUM, words, pods)


# ---------------------------------------------------------------- databases


def _pools(view: View) -> Iterator[Symptom]:
    """A bad network keeps connections busy as well: where edges begin to show one, pools say nothing yet."""
    if begins_to_lose_time(view):
        return
    usage, pending = view.worst("db_pool_usage"), view.worst("db_pool_pending")
    waits = pending is not None and pending.value >= 1
    full = usage is not None and usage.lasts(lambda each: each >= POOL_FULL, view.now)
    if usage is not None and full and (waits or pending is None):
        also = "" if pending is None else f", {pending.value:.0f} requests wait"
        since = usage.since(lambda each: each >= POOL_FULL)
        words = f"{usage.value:.0%} of the connection pool in use{also}"
        yield view.symptom("pool-exhausted", since, Severity.HIGH, words, pod=usage.sample.labels.get("pod"))
    errors = view.worst("db_pool_errors")
    if errors is not None and errors.lasts(lambda each: each > POOL_ERRORS, view.now):
        words = f"{errors.value:.1f} failures per second to get a database connection"
        yield view.symptom("pool-errors", errors.since(lambda each: each > POOL_ERRORS), Severity.HIGH, words)


def _databases(view: View) -> Iterator[Symptom]:
    worst = view.worst("db_connections")
    if worst is not None and worst.value >= DATABASE_FULL:
        since = worst.since(lambda each: each >= DATABASE_FULL)
        words = f"{worst.value:.0%} of the database server's connections in use"
        yield view.symptom("database-full", since, Severity.HIGH, words)


_RULES = (_memory, _cpu, _disk, _pools, _databases)
