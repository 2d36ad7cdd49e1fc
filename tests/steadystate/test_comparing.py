from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chaoskit.documents import build, parse
from chaoskit.errors import InvalidInput
from chaoskit.ports.http import Response
from chaoskit.ports.metrics import Alert, Sample
from chaoskit.steadystate import comparing
from chaoskit.steadystate.conditions import (
    AlertCondition,
    Condition,
    HttpCondition,
    SignalCondition,
    WorkloadCondition,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def sample(value: float, *, age: float = 5, pod: str = "cart-1") -> Sample:
    return Sample({"pod": pod}, value, NOW - timedelta(seconds=age))


ERRORS = SignalCondition(signal="error_ratio", below=0.05)


def test_the_worst_series_decides() -> None:
    found = comparing.signal(ERRORS, [sample(0.01), sample(0.08, pod="cart-2")], NOW)
    assert (found.held, found.observed) == (False, "0.08 at cart-2")
    above = SignalCondition(signal="request_rate", above=5)
    assert comparing.signal(above, [sample(9), sample(3)], NOW).held is False


def test_a_bound_itself_does_not_hold() -> None:
    assert comparing.signal(ERRORS, [sample(0.05)], NOW).held is False


@pytest.mark.parametrize("samples", [[], [sample(0.01, age=300)], [sample(float("nan"))]])
def test_a_missing_stale_or_nan_value_is_neither_yes_nor_no(samples: list[Sample]) -> None:
    assert comparing.signal(ERRORS, samples, NOW).held is None


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
