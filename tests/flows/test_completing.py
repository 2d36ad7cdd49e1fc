"""What is put around a run's record: a slice of metrics, its place, versions, score; and no secrets."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import nan
from pathlib import Path
from typing import Any

import pytest
from tests.acts.fake import FakeCluster

from chaoskit.clock import ManualClock
from chaoskit.errors import Forbidden, Unavailable
from chaoskit.experiments import Trial
from chaoskit.experiments.spec import Experiment
from chaoskit.flows import charts
from chaoskit.flows.completing import completed, placed, relative, versions_of
from chaoskit.flows.world import World
from chaoskit.governor import Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.metrics import Alert, Sample, Series, Signal
from chaoskit.records import Moment, RunRecord
from chaoskit.steadystate.conditions import Condition, SignalCondition

T0 = datetime(2026, 5, 4, 3, 0, tzinfo=UTC)
NOW = T0 + timedelta(minutes=10)


class Metrics:
    """Two pods of the cart and one of the orders, a sample a step; remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, datetime, datetime, int, Mapping[str, str]]] = []

    def range(
        self, signal: Signal, start: datetime, end: datetime, *, step: int = 0,
        where: Mapping[str, str] | None = None,
    ) -> tuple[Series, ...]:  # fmt: skip
        self.asked.append((signal.name, start, end, step, where or {}))
        if signal.name == "latency_p95":
            return ()
        return tuple(
            Series(
                {"pod": f"{app}-x", "workload": app, "workload_kind": "deployment"},
                start,
                step,
                array("d", values),
            )
            for app, values in (("cart", [1, nan, 3]), ("cart", [2, nan, 1]), ("orders", [9, 9, 9]))
        )

    def instant(self, *_: object, **__: object) -> tuple[Sample, ...]:
        return ()

    def alerts(self) -> tuple[Alert, ...]:
        return ()


def _record(**more: Any) -> RunRecord:
    made = RunRecord(
        id="r1", at=T0, trace_id="t1", name="cart", namespace="shop", cluster="c", fault="pod-delete",
        outcome=Outcome.PASSED, reason="", ended_at=T0 + timedelta(minutes=2), experiment={},
        targets=("deployment/cart",), injected_at=T0 + timedelta(minutes=1),
        injected_until=T0 + timedelta(seconds=90),
    )  # fmt: skip
    return replace(made, **more)


def test_the_worst_of_a_targets_pods_is_kept_and_gaps_stay_open() -> None:
    found = charts.around(Metrics(), _record(), (), NOW)
    assert [(each["signal"], each["of"]) for each in found] == [
        ("error_ratio", "deployment/cart"),
        ("memory_usage", "deployment/cart"),
        ("cpu_usage", "deployment/cart"),
    ]
    start = T0 - timedelta(minutes=2)
    assert found[0]["points"] == [
        (start.isoformat(), 2.0),
        ((start + timedelta(seconds=60)).isoformat(), 3.0),
    ]


def test_it_reaches_from_three_minutes_before_the_fault_to_three_after_but_never_beyond_now() -> None:
    record = _record()
    assert charts.window(record, NOW) == (T0 - timedelta(minutes=2), T0 + timedelta(seconds=270))
    assert charts.window(record, T0 + timedelta(minutes=2))[1] == T0 + timedelta(minutes=2)
    late = _record(ended_at=T0 + timedelta(minutes=8))
    assert charts.window(late, NOW)[1] == late.ended_at
    blank = _record(injected_at=None, injected_until=None)
    assert charts.window(blank, NOW)[0] == T0 - timedelta(minutes=3)


def test_runs_of_about_the_same_time_ask_for_the_same_stretches() -> None:
    metrics = Metrics()
    for seconds in (1, 3.75):
        late = timedelta(seconds=seconds)
        record = _record(injected_at=T0 + timedelta(minutes=1) + late)
        charts.around(metrics, record, (), T0 + timedelta(minutes=2) + late)
    half = len(metrics.asked) // 2
    assert metrics.asked[:half] == metrics.asked[half:]
    (_, start, end, _, _) = metrics.asked[0]
    assert (start, end) == (T0 - timedelta(minutes=2), T0 + timedelta(minutes=2))


def test_a_fault_of_hours_does_not_fill_the_store() -> None:
    metrics = Metrics()
    charts.around(metrics, _record(injected_until=T0 + timedelta(hours=5)), (), T0 + timedelta(hours=6))
    (_, start, end, step, _) = metrics.asked[0]
    assert (end - start).total_seconds() / step <= charts.POINTS


def test_a_conditions_signal_is_kept_with_its_bound_and_once() -> None:
    conditions = [
        SignalCondition(signal="error_ratio", below=0.05, workload="deployment/cart"),
        SignalCondition(signal="request_rate", above=2, labels={"zone": "a"}),
        SignalCondition(query="up == 0", below=1),
    ]
    metrics = Metrics()
    found = charts.around(metrics, _record(), conditions, NOW)
    bounds = {(each["signal"], each["of"]): (each["least"], each["most"]) for each in found}
    assert bounds[("error_ratio", "deployment/cart")] == (None, 0.05)
    assert bounds[("request_rate", "namespace/shop")] == (2, None)
    assert bounds[("up == 0", "")] == (None, 1)
    assert len(found) == len(bounds)
    assert metrics.asked[1][4] == {"namespace": "shop", "zone": "a"}
    lowest = next(each for each in found if each["signal"] == "request_rate")
    assert lowest["points"][0][1] == 1.0


def test_a_node_has_its_own_signals() -> None:
    metrics = Metrics()
    charts.around(metrics, _record(targets=("node/n1",)), (), NOW)
    assert [(each[0], each[4]) for each in metrics.asked] == [("node_cpu", {}), ("node_memory", {})]


class Away(Metrics):
    def range(self, *_: object, **__: object) -> tuple[Series, ...]:
        raise Unavailable("Prometheus is away", service="Prometheus")


def _world(metrics: Metrics | None) -> World:
    clock = ManualClock(NOW)
    return World(FakeCluster(), metrics, None, None, clock, Limits(), Path())  # type: ignore[arg-type]


def test_a_record_is_completed_with_what_the_runner_does_not_know() -> None:
    trial = Trial("/elsewhere/cart.yaml", line=7)
    whole = completed(_record(evidence={"logs": {}}), trial, _world(Metrics()), {"chaoskit": "1"})
    assert (whole.path, whole.line, whole.versions) == ("/elsewhere/cart.yaml", 7, {"chaoskit": "1"})
    assert (whole.score, whole.seconds_to_recover) == (100.0, None)
    assert set(whole.evidence) == {"logs", "signals"}


def test_a_picture_less_is_no_reason_to_lose_the_verdict() -> None:
    for metrics in (None, Away()):
        assert completed(_record(), Trial("x"), _world(metrics), {}).evidence["signals"] == []


def test_where_nothing_was_looked_at_nothing_is_asked_for() -> None:
    metrics = Metrics()
    completed(_record(injected_at=None), Trial("x"), _world(metrics), {})
    assert metrics.asked == []


def test_what_a_secret_beside_the_engine_holds_is_in_no_record() -> None:
    secret = {"kind": "Secret", "metadata": {"name": "creds"}, "data": {"a": "aHVudGVyMg=="}}
    said = _record(reason='error found in #10 byte of ...|a":"aHVudGVyMg=="},"ki|...')
    whole = completed(said, Trial("x", beside=(secret,)), _world(None), {})
    assert whole.reason == 'error found in #10 byte of ...|a":"(hidden)"},"ki|...'
    assert whole.at == said.at


def test_what_a_condition_asks_with_a_secret_in_it_is_called_without_it() -> None:
    asked = {"query": 'up{path="/in/hunter2secret"}', "below": 5}
    spec = {"fault": {"kind": "pod-delete"}, "targets": {"workloads": ["deployment/cart"]}}
    experiment = Experiment.model_validate(
        {
            "metadata": {"name": "x", "namespace": "shop"},
            "spec": {**spec, "steadyState": [{"prometheus": asked}]},
        }
    )
    trial = Trial("x", experiment=experiment, hidden=frozenset({"hunter2secret"}))
    whole = completed(_record(), trial, _world(Metrics()), {})
    assert [each["signal"] for each in whole.evidence["signals"] if "up{" in each["signal"]] == [
        'up{path="/in/(hidden)"}'
    ]
    assert "hunter2secret" not in str(whole)


KNOWN_BY = ("deployment/cart", "checkout", "the-shop", "production", "pod-delete", "https://10.0.0.1:6443")
OWN_WORDS = ("passed", "Passed", "during", "broken", "2026-05-04")


@pytest.mark.parametrize("held", [*KNOWN_BY, *OWN_WORDS])
def test_what_a_run_is_known_by_stays_whatever_a_secret_beside_it_holds(held: str) -> None:
    held64 = base64.b64encode(held.encode()).decode()
    secret = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"a": held64, "b": "aHVudGVyMg=="}}
    record = _record(
        name="checkout-gone", namespace="the-shop", cluster="production", reason=f"{held} hunter2",
        cluster_address="https://10.0.0.1:6443",
        steady_state=({"stage": "during", "at": T0.isoformat()},),
        timeline=(Moment(T0, "warning", "broken", "hunter2"),),
    )  # fmt: skip
    found = placed(record, Trial("x", beside=(secret,)))
    assert found.reason.endswith("(hidden)")
    assert found.timeline[0].detail == "(hidden)"
    assert found == replace(record, reason=found.reason, path="x", line=1, timeline=found.timeline)
    assert found.document()["timeline"][0]["mark"] == "broken"


def test_a_path_is_told_from_the_working_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert relative(str(tmp_path / "a/b.yaml")) == "a/b.yaml"
    assert [relative(each) for each in ("a/b.yaml", "/x/y.yaml", "stdin")] == [
        "a/b.yaml",
        "/x/y.yaml",
        "stdin",
    ]


class Hidden(FakeCluster):
    """A cluster whose version and deployments nobody may see."""

    def list(self, *_: Any, **__: Any) -> Any:
        raise Forbidden("no")

    def server_version(self) -> str:
        raise Forbidden("no")


def test_versions_that_may_not_be_read_are_left_out() -> None:
    assert set(versions_of(Hidden())) == {"chaoskit"}


def test_conditions_name_the_series_that_count() -> None:
    short = Condition.model_validate(
        {"prometheus": {"signal": "error_ratio", "below": 1, "workload": "cart"}}
    )
    assert short.prometheus is not None
    assert short.prometheus.where("shop") == {"namespace": "shop", "workload": "cart"}
