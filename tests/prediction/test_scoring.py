"""Past predictions are right, wrong or not known; who predicted is told apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chaoskit.prediction.dataset import Dataset
from chaoskit.prediction.labels import Labelled, label
from chaoskit.prediction.scoring import Bin, by_model, score, target_of
from chaoskit.records import LabelRecord, PredictionRecord


def said(
    leaks: Labelled, minutes_before: float, probability: float | None, **more: object
) -> PredictionRecord:
    """Something said of the workload of the last failure, so long before it."""
    event = leaks.events[-2]
    at = event.start - timedelta(minutes=minutes_before)
    made = PredictionRecord(
        id="1", at=at, trace_id="1", target=event.workload, namespace="shop", cluster="kind", model="shop-1",
        horizon_minutes=30, probability=probability, low=None, high=None, score=1.5 if probability else 0.6,
        alarmed=True, issue="memory-leak",
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def other(leaks: Labelled, record: PredictionRecord) -> PredictionRecord:
    """The same of a workload that did not fail then."""
    block, truth = leaks.dataset.blocks[0], leaks.truths[0]
    moment = round((record.at - block.start).total_seconds() / block.step)
    row = next(index for index in range(len(block.rows)) if truth.y[index, moment] == 0)
    return replace(record, target=block.rows[row].workload)


def test_an_alarm_before_a_failure_is_right_and_one_elsewhere_is_false(leaks: Labelled) -> None:
    right = [said(leaks, minutes, 0.9) for minutes in (20, 10)]
    wrong = [other(leaks, each) for each in right]
    found = score([*right, *wrong], leaks)
    assert (found.judged, found.open, found.share) == (4, 0, 0.5)
    assert (found.events, found.caught, found.alarms, found.false_alarms) == (1, 1, 4, 1)
    assert found.brier == pytest.approx((2 * 0.1**2 + 2 * 0.9**2) / 4)
    assert found.reference == 0.25
    assert found.bins == (Bin(4, 0.9, 0.5),)
    assert found.ece == pytest.approx(0.4)
    assert found.hours == pytest.approx(10 / 60, abs=0.01)


def test_a_failure_that_was_not_alarmed_was_missed(leaks: Labelled) -> None:
    found = score([said(leaks, 10, 0.04, alarmed=False)], leaks)
    assert (found.events, found.caught, found.alarms) == (1, 0, 0)


def test_what_is_not_over_or_not_measured_is_open(leaks: Labelled) -> None:
    end = leaks.dataset.blocks[0].end
    young = said(leaks, 0, 0.1, at=end - timedelta(minutes=5))
    gone = said(leaks, 0, 0.1, target="deployment/gone")
    early = said(leaks, 0, 0.1, at=leaks.dataset.blocks[0].start - timedelta(days=1))
    found = score([young, gone, early], leaks)
    assert (found.judged, found.open, found.brier) == (0, 3, None)


def test_rules_have_alarms_but_no_brier(leaks: Labelled) -> None:
    found = score([said(leaks, 10, None, model="rules")], leaks)
    assert (found.model, found.caught, found.brier, found.ece, found.bins) == ("rules", 1, None, None, ())


def test_a_false_alarm_that_goes_on_counts_again_each_half_hour(leaks: Labelled) -> None:
    first = said(leaks, 20, 0.9)
    healthy = leaks.truths[0].y == 0
    block = leaks.dataset.blocks[0]
    row, start = next(
        (row, at)
        for row in range(len(block.rows))
        for at in range(block.length - 40)
        if healthy[row, at : at + 40].all()
    )
    target = block.rows[row].workload
    alarms = [replace(first, target=target, at=block.at(start + minute)) for minute in range(0, 40, 5)]
    assert score(alarms, leaks).false_alarms == 2


def failing_as(leaks: Labelled, issue: str) -> Dataset:
    """The same pods, with nothing in their history but one failure of this class, told by its label."""
    event = leaks.events[-2]
    at = event.start - timedelta(minutes=60)
    told = LabelRecord(
        id="1", at=at, trace_id="1", target=event.workload, namespace="shop", meaning="failure",
        issue=issue, start=event.start, end=event.end,
    )  # fmt: skip
    (block,) = leaks.dataset.blocks
    values = block.values.copy()
    values[:] = values[:, :, :1]
    return replace(leaks.dataset, blocks=(replace(block, values=values),), labels=(told,))


@pytest.mark.parametrize("issue", ["memory-leak", "cpu-saturation", "network", "disk", "other"])
def test_a_warning_of_a_ramp_is_of_a_failure_of_any_class(leaks: Labelled, issue: str) -> None:
    on_its_way = {"horizon_minutes": 0, "mode": "forecast", "model": "ramps-1"}
    warned = [said(leaks, minutes, 0.9, **on_its_way) for minutes in (40, 20)]
    truth = label(failing_as(leaks, issue), target_of(warned))
    found = score(warned, truth)
    assert (found.events, found.caught, found.false_alarms, found.open) == (1, 1, 0, 0)
    ahead = score([said(leaks, 75, 0.9, **on_its_way)], truth)
    assert (ahead.open, ahead.false_alarms) == (1, 0)


def test_a_warning_before_an_injected_fault_is_not_of_it(leaks: Labelled) -> None:
    event = leaks.events[-2]
    target = target_of([said(leaks, 20, 0.9, horizon_minutes=0, mode="forecast")])
    assert target.lead_of(event) == timedelta(hours=1)
    assert target.lead_of(replace(event, injected=True)) == timedelta(0)


def test_a_warning_of_what_began_to_go_wrong_is_right_when_it_fails_within_the_hour(leaks: Labelled) -> None:
    on_its_way = {"horizon_minutes": 0, "mode": "forecast", "model": "ramps-1"}
    warned = [said(leaks, minutes, 0.9, **on_its_way) for minutes in (40, 20)]
    elsewhere = [other(leaks, each) for each in warned]
    truth = label(leaks.dataset, target_of(warned))
    found = score([*warned, *elsewhere], truth)
    assert (found.events, found.caught, found.false_alarms) == (1, 1, 1)
    assert (found.brier, found.bins) == (None, ())
    young = said(leaks, 0, 0.9, at=leaks.dataset.blocks[0].end - timedelta(minutes=50), **on_its_way)
    assert score([young], truth).open == 1


def test_each_model_is_judged_by_what_it_said(leaks: Labelled) -> None:
    records = [said(leaks, 10, 0.9), said(leaks, 0, 0.9, model="now-1", horizon_minutes=0)]
    found = by_model(records)
    assert set(found) == {"shop-1", "now-1"}
    assert (target_of(found["shop-1"]).mode, target_of(found["now-1"]).mode) == ("forecast", "detect")
    seen = label(leaks.dataset, target_of(found["now-1"]))
    assert score(found["now-1"], seen).judged == 1
