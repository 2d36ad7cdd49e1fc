"""Symptoms from signals: thresholds, steadiness, and that silence says nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest
from tests.recovery import made
from tests.recovery.made import NOW, sample, series

from chaoskit.ports.metrics import Sample, Series
from chaoskit.recovery import callsymptoms, readings, signalsymptoms
from chaoskit.recovery.symptoms import Symptom

PODS = made.topology(made.pod("a"), made.pod("b"))


def _found(
    samples: Mapping[str, Sequence[Sample]], ranges: Mapping[str, Sequence[Series]] | None = None
) -> dict[str, Symptom]:
    found = (each.detect(PODS, samples, ranges or {}, now=NOW) for each in (signalsymptoms, callsymptoms))
    return {symptom.kind: symptom for symptoms in found for symptom in symptoms}


def _line(start: float, per_minute: float, count: int = 61) -> list[float]:
    return [start + per_minute * i / 4 for i in range(count)]


def test_nothing_is_concluded_from_no_signal_at_all() -> None:
    assert not _found({})


def test_memory_that_will_be_full_soon_is_growth_with_the_time_left() -> None:
    values = _line(0.5, 0.02)
    found = _found({"memory_usage": [sample("a", values[-1])]}, {"memory_usage": [series("a", values)]})
    assert found["memory-growth"].evidence == "memory 80% of its limit, +2.0% per minute: full in 10 min"
    assert found["memory-growth"].pods == ("a",)


def test_a_leak_after_a_long_flat_time_is_still_growth() -> None:
    values = [0.30 + 0.01 * (i % 3) for i in range(80)] + _line(0.33, 0.05, 41)
    found = _found({"memory_usage": [sample("a", values[-1])]}, {"memory_usage": [series("a", values)]})
    assert "memory-growth" in found


@pytest.mark.parametrize(
    ("start", "per_minute", "kind"),
    [
        (0.35, 0.02, "memory-rising"),
        (0.54, 0.02, "memory-growth"),
        (0.635, 0.011, "memory-rising"),
        (0.815, 0.007, "memory-growth"),
    ],
    ids=["to 65 %", "to 84 %", "to 80 % and full in 18 min", "to 92 % and full in 11 min"],
)
def test_growth_is_certain_only_near_the_limit(start: float, per_minute: float, kind: str) -> None:
    values = _line(start, per_minute)
    found = _found({"memory_usage": [sample("a", values[-1])]}, {"memory_usage": [series("a", values)]})
    assert set(found) == {kind}


def test_the_saw_teeth_of_a_garbage_collector_are_no_leak() -> None:
    values = (_line(0.55, 0.06, 25) * 5)[:121]
    assert not _found({"memory_usage": [sample("a", values[-1])]}, {"memory_usage": [series("a", values)]})


def test_memory_near_its_limit_without_growth_is_only_high() -> None:
    values = [0.92, 0.925, 0.915] * 20
    found = _found({"memory_usage": [sample("a", 0.92)]}, {"memory_usage": [series("a", values)]})
    assert set(found) == {"memory-high"}


def test_growth_cannot_be_told_through_gaps() -> None:
    values = [0.9 if i == 60 else math.nan for i in range(61)]
    found = _found({"memory_usage": [sample("a", 0.7)]}, {"memory_usage": [series("a", values)]})
    assert not found


@pytest.mark.parametrize("age", [121.0, 600.0])
def test_an_old_sample_says_nothing(age: float) -> None:
    assert not _found({"memory_usage": [sample("a", 0.99, age=age)]})


def test_a_sample_that_is_no_number_says_nothing() -> None:
    assert not _found({"memory_usage": [sample("a", math.nan)]})


def test_a_series_of_a_pod_that_is_gone_says_nothing() -> None:
    assert not _found({"memory_usage": [sample("gone", 0.99)]})


def test_a_full_pool_with_waiting_requests_is_exhausted() -> None:
    found = _found({"db_pool_usage": [sample("a", 1.0)], "db_pool_pending": [sample("a", 7)]})
    assert found["pool-exhausted"].evidence == "100% of the connection pool in use, 7 requests wait"


def test_a_full_pool_for_which_nobody_waits_is_a_busy_one() -> None:
    assert not _found({"db_pool_usage": [sample("a", 1.0)], "db_pool_pending": [sample("a", 0)]})


def test_a_pool_that_is_not_measured_is_not_exhausted_by_its_queue_alone() -> None:
    assert "pool-exhausted" not in _found({"db_pool_pending": [sample("a", 7)]})


def test_failures_to_get_a_connection_are_told_as_a_rate() -> None:
    found = _found({"db_pool_errors": [sample("a", 2.5)]})
    assert found["pool-errors"].evidence == "2.5 failures per second to get a database connection"


def test_errors_count_once_they_last() -> None:
    moment = [0.0] * 40 + [0.3]
    lasting = [0.0] * 37 + [0.3] * 4
    newest = {"error_ratio": [sample("a", 0.3)]}
    assert not _found(newest, {"error_ratio": [series("a", moment)]})
    found = _found(newest, {"error_ratio": [series("a", lasting)]})
    assert found["errors"].evidence == "30% of requests answered with 5xx"


def test_errors_tell_of_what_is_needed_and_was_scaled_to_0() -> None:
    seen = made.chain("cart", "cache", "disk")
    for name in ("cache", "disk"):
        seen.workloads["shop", f"deployment/{name}"].body["spec"]["replicas"] = 0 if name == "cache" else 1
    values = {"error_ratio": [series("cart-h1-a", [0.3] * 41)]}
    (found,) = callsymptoms.detect(seen, {"error_ratio": [sample("cart-h1-a", 0.3)]}, values, now=NOW)
    assert found.evidence == "30% of requests answered with 5xx; it needs deployment/cache, scaled to 0"


def test_latency_is_judged_against_what_is_usual_here() -> None:
    newest = {"latency_p95": [sample("a", 0.9)]}
    slow_for_it = {"latency_p95": [series("a", [0.1] * 40 + [0.9] * 10)]}
    always_so = {"latency_p95": [series("a", [0.8] * 40 + [0.9] * 10)]}
    assert "usually 100 ms" in _found(newest, slow_for_it)["latency"].evidence
    assert not _found(newest, always_so)
    assert not _found(newest)


def test_time_lost_on_an_edge_names_the_caller() -> None:
    newest = {"edge_gap": [sample("a", 0.4, source="orders")]}
    lately = {"edge_gap": [series("a", [0.001] * 40 + [0.4] * 5, source="orders")]}
    found = _found(newest, lately)["edge-gap"]
    assert found.facts["source"] == "orders"
    assert found.evidence == "400 ms lost between orders and it (usually 1 ms)"


def test_cpu_at_its_limit_counts_only_while_it_is_throttled_where_that_is_known() -> None:
    newest = {"cpu_limit_ratio": [sample("a", 0.99)]}
    assert "cpu-saturated" in _found(newest)
    assert "cpu-saturated" not in _found({**newest, "cpu_throttled_ratio": [sample("a", 0.01)]})


def test_new_samples_of_living_pods_are_data_and_old_ones_are_not() -> None:
    (workload,) = PODS.workloads.values()
    samples = {"db_pool_usage": [sample("a", 0.1, age=20)]}
    after = NOW - timedelta(seconds=30)
    assert readings.has_data(workload, samples, "db_pool_usage", after=after, now=NOW)
    assert not readings.has_data(workload, samples, "db_pool_usage", after=NOW, now=NOW)
    assert not readings.has_data(workload, {}, "db_pool_usage", after=after, now=NOW)


def _pool_and_edge(full: int, lost: int) -> dict[str, Symptom]:
    """What is found when the pool has been full for so many samples, and the edge lost time for so many."""
    usage, gap = [0.2] * (60 - full) + [1.0] * full, [0.001] * (60 - lost) + [0.4] * lost
    samples = {
        "db_pool_usage": [sample("a", usage[-1])],
        "db_pool_pending": [sample("a", 4.0)],
        "edge_gap": [sample("a", gap[-1], source="orders")],
    }
    ranges = {
        "db_pool_usage": [series("a", usage)],
        "edge_gap": [series("a", gap, source="orders")],
    }
    return _found(samples, ranges)


@pytest.mark.parametrize(
    ("full", "lost", "kinds"),
    [
        (4, 0, {"pool-exhausted"}),
        (3, 2, set()),
        (5, 4, {"edge-gap", "pool-exhausted"}),
        (20, 10, {"pool-exhausted"}),
    ],
    ids=["a full pool", "a network that begins to fail", "a bad network", "callers that give up"],
)
def test_a_full_pool_and_a_bad_network_are_told_apart_by_what_came_first(
    full: int, lost: int, kinds: set[str]
) -> None:
    assert set(_pool_and_edge(full, lost)) == kinds
