from __future__ import annotations

import math

import pytest
from tests.simulator.instant import LACKING, InstantCluster

from chaoskit.signals import CATALOGUE
from chaoskit.simulator.prometheus.signals import Matcher, Row, Signals

CART = (("pod", "cart-1"), ("workload", "cart"))
START = 1_000_000.0


def recorded(*values: float | None) -> Signals:
    signals = Signals(START)
    for step, value in enumerate(values):
        signals.begin(START + 15 * step)
        if value is not None:
            signals.record("up", CART, value)
    return signals


def newest(cluster: InstantCluster, signal: str, pod: str) -> float | None:
    signals = cluster.shop.signals
    for series in signals.latest(signal):
        if dict(series.labels).get("pod") == pod:
            return series.at(signals.step)
    return None


def test_a_series_has_its_values_on_the_grid_and_gaps_between() -> None:
    signals = recorded(1.0, None, 3.0)
    (series,) = signals.latest("up")
    assert series.at(0) == 1.0
    assert math.isnan(series.at(1))
    assert series.at(2) == 3.0


def test_a_row_has_gaps_where_a_name_or_a_step_was_left_out() -> None:
    signals = Signals(START)
    row = Row(signals, CART)
    for step, samples in (
        (0, {"a": 1.0, "b": 2.0}),
        (1, {"a": 3.0}),
        (2, {"a": 4.0, "b": 5.0}),
        (4, {"a": 6.0, "b": 7.0}),
    ):
        signals.begin(START + 15 * step)
        row.record(samples)
    found = {name: series for name in "ab" for series in signals.latest(f"chaoskit:{name}")}
    gap = pytest.approx(math.nan, nan_ok=True)
    assert [found["a"].at(step) for step in range(5)] == [1.0, 3.0, 4.0, gap, 6.0]
    assert [found["b"].at(step) for step in range(5)] == [2.0, gap, 5.0, gap, 7.0]


def test_a_row_that_was_trimmed_goes_on() -> None:
    signals = Signals(START, retention=60.0)
    row = Row(signals, CART)
    for step in range(1000):
        signals.begin(START + 15 * step)
        row.record({"a": float(step)})
    (series,) = signals.latest("chaoskit:a")
    assert (series.at(999), math.isnan(series.at(0)), len(series.values) < 300) == (999.0, True, True)


def test_a_series_without_a_newest_value_is_not_looked_back_for() -> None:
    assert recorded(1.0, 1.0, None).latest("up") == []


def test_an_instant_sees_the_newest_step_for_five_minutes_and_no_longer() -> None:
    signals = recorded(1.0, 2.0)
    assert signals.step_at(START + 14.9) == 0
    assert signals.step_at(START + 15) == 1
    assert signals.step_at(START + 15 + 300) == 1
    assert signals.step_at(START + 15 + 301) is None
    assert signals.step_at(START - 1) is None


def test_what_is_older_than_the_retention_is_forgotten() -> None:
    signals = Signals(START, retention=3600)
    for step in range(721):
        signals.begin(START + 15 * step)
        if step < 100:
            signals.record("old", CART, 1.0)
        signals.record("kept", CART, float(step))
    assert signals.names() == ["kept", "old"]
    (series,) = signals.latest("kept")
    assert len(series.values) == 241
    assert series.at(720) == 720.0
    assert not list(signals.select([Matcher("__name__", "=", "old")]))


@pytest.mark.parametrize(
    ("operator", "value", "finds"),
    [
        ("=", "cart", True),
        ("=", "car", False),
        ("!=", "cart", False),
        ("=~", "ca.*", True),
        ("=~", "car", False),
        ("!~", "ca.*", False),
        ("!~", "orders|payments", True),
    ],
)
def test_matchers_are_anchored_at_both_ends(operator: str, value: str, *, finds: bool) -> None:
    matcher = Matcher("workload", operator, value)  # type: ignore[arg-type]
    assert bool(list(recorded(1.0).select([matcher]))) is finds


def test_a_missing_label_is_the_empty_string() -> None:
    assert list(recorded(1.0).select([Matcher("container", "=", "")]))
    assert not list(recorded(1.0).select([Matcher("container", "!=", "")]))


def test_the_recorded_names_are_those_of_the_catalogue() -> None:
    names = set(InstantCluster().run(300).shop.signals.names())
    lacking = {signal.name for signal in CATALOGUE if signal.record not in names}
    assert names <= {signal.record for signal in CATALOGUE}
    assert lacking == LACKING


def test_a_pod_that_is_gone_has_no_sample_from_then_on() -> None:
    cluster = InstantCluster().run(300)
    gone = cluster.pod("cart")
    assert newest(cluster, "chaoskit:ready:bool", gone) == 1.0
    cluster.api.delete("Pod", "shop", gone)
    cluster.run(30)
    for name in cluster.shop.signals.names():
        assert newest(cluster, name, gone) is None


def test_a_container_that_waits_has_flags_but_uses_nothing() -> None:
    cluster = InstantCluster().run(300)
    cluster.restarted = lambda namespace, pod: None  # type: ignore[method-assign]
    sick = cluster.pod("orders")
    cluster.kill_container("shop", sick, "orders", exit_code=1)
    cluster.run(30)
    assert newest(cluster, "chaoskit:waiting_bad:bool", sick) == 1.0
    assert newest(cluster, "chaoskit:last_terminated_error:bool", sick) == 1.0
    assert newest(cluster, "chaoskit:ready:bool", sick) == 0.0
    assert newest(cluster, "chaoskit:memory_working_set:bytes", sick) is None
    assert newest(cluster, "chaoskit:requests:rate", sick) is None


def test_a_restart_gives_rates_of_the_new_process_alone() -> None:
    cluster = InstantCluster().run(600)
    sick = cluster.pod("orders")
    before = newest(cluster, "chaoskit:requests:rate", sick)
    cluster.kill_container("shop", sick, "orders", exit_code=1)
    cluster.run(120)
    after = newest(cluster, "chaoskit:requests:rate", sick)
    assert newest(cluster, "chaoskit:restarts:total", sick) == 1.0
    assert before is not None
    assert after == pytest.approx(before, rel=0.3)


def test_services_without_a_database_have_no_pool() -> None:
    cluster = InstantCluster().run(300)
    assert newest(cluster, "chaoskit:db_pool_usage:ratio", cluster.pod("cart")) is not None
    assert newest(cluster, "chaoskit:db_pool_usage:ratio", cluster.pod("frontend")) is None
    assert newest(cluster, "chaoskit:db_connections:ratio", cluster.pod("db")) is not None
    assert newest(cluster, "chaoskit:db_connections:ratio", cluster.pod("cart")) is None


def test_every_ratio_lies_between_zero_and_one() -> None:
    cluster = InstantCluster(seed=6, story="training", hours=3).run(3 * 3600)
    for name, series in cluster.shop.signals.select([Matcher("__name__", "=~", ".*:ratio")]):
        values = [value for value in series.values if not math.isnan(value)]
        assert min(values, default=0) >= 0, name
        assert max(values, default=0) <= 1.02, name
