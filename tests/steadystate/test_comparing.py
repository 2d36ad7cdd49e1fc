from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.acts.fake import FakeCluster

from chaoskit.clock import ManualClock
from chaoskit.documents import build, parse
from chaoskit.errors import InvalidInput
from chaoskit.ports.cluster import ExecResult
from chaoskit.ports.http import Response
from chaoskit.ports.metrics import Alert, Sample, Series
from chaoskit.steadystate import comparing
from chaoskit.steadystate.comparing import Measurement
from chaoskit.steadystate.conditions import (
    AlertCondition,
    CommandCondition,
    Condition,
    HttpCondition,
    SignalCondition,
    WorkloadCondition,
)
from chaoskit.steadystate.readers import Sources, measure


def test_of_a_long_line_that_a_command_says_one_sees_that_it_went_on() -> None:
    condition = CommandCondition(run="x")
    said = [
        comparing.command(condition, ExecResult(f"first\n{'x' * n}\n", "", 1)).observed for n in (200, 201)
    ]
    assert said == [f"exit 1: {'x' * 200}", f"exit 1: {'x' * 197}..."]


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def sample(value: float, *, age: float = 5, pod: str = "cart-1") -> Sample:
    return Sample({"pod": pod}, value, NOW - timedelta(seconds=age))


class One:
    """A metrics source with one sample."""

    def __init__(self, only: Sample) -> None:
        self.only = only

    def instant(self, *_: object, **__: object) -> tuple[Sample, ...]:
        return (self.only,)

    def range(self, *_: object, **__: object) -> tuple[Series, ...]:
        return ()

    def alerts(self) -> tuple[Alert, ...]:
        return ()


ERRORS = SignalCondition(signal="error_ratio", below=0.05)


def test_the_worst_series_decides() -> None:
    found = comparing.signal(ERRORS, [sample(0.01), sample(0.08, pod="cart-2")])
    assert (found.held, found.observed) == (False, "0.08 at cart-2")
    above = SignalCondition(signal="request_rate", above=5)
    assert comparing.signal(above, [sample(9), sample(3)]).held is False


def test_what_was_seen_is_a_number_with_its_bound_too() -> None:
    below, above = ERRORS, SignalCondition(signal="request_rate", above=5)
    assert comparing.signal(below, [sample(0.08)]).measured == Measurement(0.08, "ratio", most=0.05)
    assert comparing.signal(above, [sample(9)]).measured == Measurement(9, "1/s", least=5)
    assert comparing.signal(below, []).measured is None


def test_a_bound_itself_does_not_hold() -> None:
    assert comparing.signal(ERRORS, [sample(0.05)]).held is False


@pytest.mark.parametrize("samples", [[], [sample(float("nan"))]])
def test_a_missing_or_nan_value_is_neither_yes_nor_no(samples: list[Sample]) -> None:
    assert comparing.signal(ERRORS, samples).held is None


def test_a_clock_that_differs_from_that_of_prometheus_makes_no_sample_stale() -> None:
    late = Condition(prometheus=ERRORS)
    for minutes in (-10, 10):
        clock = ManualClock(NOW + timedelta(minutes=minutes))
        assert measure(late, "shop", Sources(FakeCluster(), clock, One(sample(0.01)))).held is True


def test_a_sample_far_older_than_the_newest_is_of_a_pod_that_is_gone() -> None:
    gone = sample(0.9, age=300, pod="cart-old")
    assert comparing.signal(ERRORS, [gone, sample(0.01)]).held is True


def deployment(ready: int, wanted: int) -> dict[str, object]:
    return {
        "kind": "Deployment",
        "metadata": {"name": "cart"},
        "spec": {"replicas": wanted},
        "status": {"readyReplicas": ready, "conditions": [{"type": "Available", "status": "True"}]},
    }


def test_a_workload_needs_as_many_ready_pods_as_it_wants_or_as_asked() -> None:
    every = WorkloadCondition(workload="cart")
    assert comparing.workload(every, deployment(2, 3)).held is False
    assert comparing.workload(every, deployment(3, 3)).held is True
    assert comparing.workload(WorkloadCondition(workload="cart", ready=2), deployment(2, 3)).held is True
    assert comparing.workload(every, None).held is False


def test_a_status_condition_that_is_absent_cannot_be_judged() -> None:
    body = deployment(3, 3)
    assert comparing.workload(WorkloadCondition(workload="c", condition="Available"), body).held is True
    assert comparing.workload(WorkloadCondition(workload="c", condition="Nothing"), body).held is None


def test_an_answer_needs_status_and_text() -> None:
    wanted = HttpCondition(url="http://cart", contains="ok")
    assert comparing.answer(wanted, Response(200, "all ok", 0.1)).held is True
    assert comparing.answer(wanted, Response(200, "no", 0.1)).held is False
    assert comparing.answer(wanted, Response(503, "ok", 0.1)).held is False


def test_an_alert_counts_only_when_it_fires_with_the_labels() -> None:
    wanted = AlertCondition(name="Down", labels={"app": "cart"})

    def held(state: str, app: str) -> bool | None:
        return comparing.alerts(wanted, [Alert("Down", {"app": app}, state, NOW)]).held

    assert held("firing", "cart") is False
    assert held("pending", "cart") is True
    assert held("firing", "other") is True


@pytest.mark.parametrize(
    "text",
    [
        "{prometheus: {signal: error_ratio}}",
        "{prometheus: {signal: error_ratio, below: 1, above: 0}}",
        "{prometheus: {signal: error_rati, below: 1}}",
        "{http: {url: cart}}",
        "{}",
        "{alert: {name: a}, http: {url: 'http://a'}}",
        "{alert: {name: a}, mode: edges, abort: true}",
    ],
)
def test_a_condition_that_means_nothing_is_invalid(text: str) -> None:
    with pytest.raises(InvalidInput):
        build(parse(text)[0], Condition)
