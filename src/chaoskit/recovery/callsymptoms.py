"""Symptoms that calls show: errors, delays, time or requests lost between a caller and what it calls."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from operator import gt

from chaoskit import kube
from chaoskit.ports.cluster import ObjectRef
from chaoskit.recovery.databasesymptoms import emptied
from chaoskit.recovery.readings import LASTING, Reading, View
from chaoskit.recovery.symptoms import Ranges, Samples, Severity, Symptom
from chaoskit.topology import Topology, Workload, looks_like_database

ERRORS = 0.05
SLOWER = 3.0
SLOW_SECONDS = 0.25
GAP_SECONDS = 0.05
"""Latency counts when it is three times its usual and at least 250 ms, a gap on an edge at least 50 ms."""

POOL_FULL = 0.95

TRICKLE = 0.35
"""A workload to which less than this share of its usual requests comes is cut off, if callers complain."""

BUSY = 0.5
"""Requests a second that were usual, at least, for a fall to mean anything."""


def detect(topology: Topology, samples: Samples, ranges: Ranges, *, now: datetime) -> tuple[Symptom, ...]:
    """What is wrong at `now` with calls between workloads of the snapshot."""
    views = {w.ref: View.of(w, samples, ranges, now) for w in topology.workloads.values()}
    own = [
        s
        for w in topology.workloads.values()
        for s in (*_errors(views[w.ref], _emptied(w, topology)), *_latency(views[w.ref], w))
    ]
    return (*own, *_edges(topology, views), *_cut_off(topology, views, own))


def _emptied(workload: Workload, topology: Topology) -> str:
    """What it needs of which no pod is wanted, in words; "" when there is none."""
    needed = [topology.workloads[each.namespace, str(each)] for each in topology.dependencies(workload)]
    empty = [w for w in needed if w.ref.kind != kube.DAEMON_SET and not kube.desired_replicas(w.body)]
    return "".join(sorted(f"; it needs {each.ref}, {emptied(each.body)}" for each in empty))


def _errors(view: View, needs: str) -> Iterator[Symptom]:
    worst = view.worst("error_ratio")
    if worst is not None and worst.lasts(lambda each: each >= ERRORS, view.now):
        severity = Severity.HIGH if worst.value >= 0.25 else Severity.MEDIUM
        since = worst.since(lambda each: each >= ERRORS)
        words = f"{worst.value:.0%} of requests answered with 5xx{needs}"
        yield view.symptom("errors", since, severity, words, ratio=worst.value)


def _latency(view: View, workload: Workload) -> Iterator[Symptom]:
    worst = view.worst("latency_p95")
    usual = None if worst is None else worst.usual
    if worst is None or usual is None:
        return
    bar = max(SLOW_SECONDS, SLOWER * usual)
    if worst.lasts(lambda each: each >= bar, view.now):
        words = f"95 % of requests within {_ms(worst.value)} (usually {_ms(usual)})"
        since = worst.since(lambda each: each >= bar)
        kind = "database-slow" if looks_like_database(workload) else "latency"
        yield view.symptom(kind, since, Severity.MEDIUM, words)


# ---------------------------------------------------------------- time lost on edges


@dataclass(frozen=True, slots=True)
class _Gap:
    """Time lost between a caller and what it calls; the caller "" is not known."""

    source: str
    callee: ObjectRef
    reading: Reading
    usual: float

    def counts(self, value: float) -> bool:
        """Whether so many seconds are too many."""
        return value >= max(GAP_SECONDS, SLOWER * self.usual)


def _edges(topology: Topology, views: Mapping[ObjectRef, View]) -> Iterator[Symptom]:
    """One symptom for each end that is to blame: a bad network of one workload spoils all of its edges."""
    gaps = [gap for view in views.values() for gap in _gaps(view)]
    bad = [gap for gap in gaps if gap.reading.lasts(gap.counts, views[gap.callee].now)]
    blamed: dict[ObjectRef, list[_Gap]] = {}
    while bad:
        end = _most_to_blame(bad, gaps, topology)
        blamed[end] = [gap for gap in bad if end in _ends(gap, topology)]
        bad = [gap for gap in bad if gap not in blamed[end]]
    for end, mine in blamed.items():
        yield _edge_gap(views[end], mine)


def _gaps(view: View) -> Iterator[_Gap]:
    """The gaps of the edges to the workload, but those that began well after its connection pool was full.

    Callers that give up and answers that wait for a connection are not of the same requests any more.
    """
    pools = [each for each in view.readings("db_pool_usage") if each.value >= POOL_FULL]
    full = min((each.since(lambda value: value >= POOL_FULL) for each in pools), default=view.now)
    for reading in view.readings("edge_gap"):
        gap = _Gap(reading.sample.labels.get("source", ""), view.ref, reading, reading.usual or 0.0)
        if not gap.counts(gap.reading.value) or gap.reading.since(gap.counts) - full < LASTING:
            yield gap


def begins_to_lose_time(view: View) -> bool:
    """Whether time is lost on an edge to the workload, though not long enough yet to be a symptom."""
    return any(
        gap.counts(gap.reading.value) and not gap.reading.lasts(gap.counts, view.now) for gap in _gaps(view)
    )


def losing_time(
    topology: Topology, samples: Samples, ranges: Ranges, *, within: timedelta, now: datetime
) -> frozenset[ObjectRef]:
    """Both ends of the edges on which time was lost at any moment of the last `within`.

    Only answers count, so it tells a bad network from an application that hangs: that one answers nobody.
    """
    views = (View.of(workload, samples, ranges, now) for workload in topology.workloads.values())
    lost = (gap for view in views for gap in _gaps(view) if gap.reading.any_since(gap.counts, now - within))
    return frozenset(end for gap in lost for end in _ends(gap, topology))


def _ends(gap: _Gap, topology: Topology) -> tuple[ObjectRef, ...]:
    place = gap.callee.namespace
    callers = (
        w.ref for w in topology.workloads.values() if (w.ref.namespace, w.ref.name) == (place, gap.source)
    )
    return (gap.callee, *callers)


def _most_to_blame(bad: Sequence[_Gap], every: Sequence[_Gap], topology: Topology) -> ObjectRef:
    """The end that most bad edges share; between equals the one with fewer good edges, then the callee."""
    times = Counter(end for gap in bad for end in _ends(gap, topology))
    total = Counter(end for gap in every for end in _ends(gap, topology))
    callees = {gap.callee for gap in bad}
    return max(times, key=lambda end: (times[end], times[end] - total[end], end in callees, str(end)))


def _edge_gap(view: View, gaps: Sequence[_Gap]) -> Symptom:
    worst = max(gaps, key=lambda gap: gap.reading.value)
    since = min(gap.reading.since(gap.counts) for gap in gaps)
    lost, usual = _ms(worst.reading.value), _ms(worst.usual)
    if worst.callee == view.ref:
        words = f"{lost} lost between {worst.source or 'its callers'} and it (usually {usual})"
    else:
        words = f"{lost} lost between it and {worst.callee} (usually {usual})"
    if len(gaps) > 1:
        words += f", and on {len(gaps) - 1} more of its edges"
    return view.symptom("edge-gap", since, Severity.MEDIUM, words, source=worst.source, edges=len(gaps))


# ---------------------------------------------------------------- requests that do not arrive


def _cut_off(
    topology: Topology, views: Mapping[ObjectRef, View], own: Sequence[Symptom]
) -> Iterator[Symptom]:
    """Workloads that hardly a request reaches though their pods are ready and their callers complain."""
    complaining = {symptom.target for symptom in own}
    for workload in topology.workloads.values():
        view = views[workload.ref]
        callers = [each.ref for each in topology.callers_of(workload)]
        suffering = [each for each in callers if each in complaining]
        fall = _fall(view)
        if not workload.ready or not suffering or fall is None:
            continue
        if all((busy := _fall(views[each])) is not None and busy[0] < TRICKLE for each in callers):
            continue  # nobody calls the callers either: it is quiet further up
        left, since = fall
        if left < TRICKLE:
            words = f"{left:.0%} of its usual requests arrive, and {suffering[0]} complains"
            yield view.symptom("cut-off", since, Severity.HIGH, words, left=left)


def _fall(view: View) -> tuple[float, datetime] | None:
    """The share of the usual requests that its pods get now, and since when; None where that is unknown."""
    usual, now = 0.0, 0.0
    since: list[datetime] = []
    for reading in view.readings("request_rate"):
        if reading.usual is not None:
            usual, now = usual + reading.usual, now + reading.value
            since.append(reading.since(partial(gt, TRICKLE * reading.usual)))
    if usual < BUSY or math.isnan(now):
        return None
    return now / usual, min(since, default=view.now)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
