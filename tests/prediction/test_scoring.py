"""Past predictions are right, wrong or not known; who predicted is told apart."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from chaoskit.prediction.data.dataset import Block, Dataset, Row
from chaoskit.prediction.judging.scoring import Bin, by_model, score, target_of
from chaoskit.prediction.labelling.labels import Labelled, Target, label
from chaoskit.prediction.learning import folds
from chaoskit.prediction.learning.alarms import Judge
from chaoskit.records import LabelRecord, PredictionRecord
from chaoskit.signals import BY_NAME


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
    assert found.hours == pytest.approx(11 / 60, abs=0.01)


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


def test_what_came_true_before_its_horizon_is_over_waits_for_those_that_did_not(leaks: Labelled) -> None:
    came = said(leaks, 10, 0.9)
    block = leaks.dataset.blocks[0]
    cut = (
        round((came.at - block.start).total_seconds() / block.step) + 15
    )  # it has failed, the horizon is 30 min
    until = label(replace(leaks.dataset, blocks=(block.cut(0, cut),)), leaks.target)
    assert until.truths[0].y[:, cut - 15].max() == 1
    assert (score([came], until).judged, score([came], leaks).judged) == (0, 1)


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


START = datetime(2026, 3, 2, tzinfo=UTC)
PODS = (
    Row("shop", "deployment/cart", "cart-1"),
    Row("shop", "deployment/web", "web-1"),
    Row("shop", "deployment/web", "web-2"),
)
FAILS, ENDS = 300, 305
"""In these minutes the cart fails for want of memory."""


def shop(target: Target) -> Labelled:
    """Ten hours without an event but the cart's failure."""
    failed = LabelRecord(
        id="1", at=START, trace_id="1", target="cart-1", namespace="shop", meaning="failure",
        issue="memory-leak", start=START + timedelta(minutes=FAILS), end=START + timedelta(minutes=ENDS),
    )  # fmt: skip
    values = np.full((len(PODS), 1, 600), 0.2, dtype=np.float32)
    return label(
        Dataset((BY_NAME["memory_usage"],), 60, (Block("", PODS, START, 60, values),), (failed,)), target
    )


def looks(
    minutes: Iterable[int], alarmed: Collection[int] = (), of: str = "deployment/web", horizon: float = 30
) -> list[PredictionRecord]:
    """Looks at a workload in these minutes, with an alarm in some."""
    return [
        PredictionRecord(
            id=str(minute), at=START + timedelta(minutes=minute), trace_id="1", target=of, namespace="shop",
            cluster="kind", model="shop-1", horizon_minutes=horizon, probability=0.5, low=None, high=None,
            score=1.0, alarmed=minute in alarmed, issue="memory-leak",
        )
        for minute in minutes
    ]  # fmt: skip


LEADING = Target("forecast", timedelta(minutes=30))


@pytest.mark.parametrize(
    ("alarmed", "caught"),
    [((302, 303), 0), ((299,), 0), ((280,), 1), ((280, 302), 1), ((), 0)],
    ids=["while it fails", "too late to act", "in time", "in time and later", "never"],
)
def test_a_failure_is_caught_in_time_or_not_at_all(alarmed: tuple[int, ...], caught: int) -> None:
    found = score(looks(range(200, 400), alarmed, "deployment/cart"), shop(LEADING))
    assert (found.events, found.caught, found.false_alarms) == (1, caught, 0)


def test_a_failure_that_nobody_looked_for_in_time_is_none_that_could_be_caught() -> None:
    found = score(looks(range(FAILS, 400), (FAILS + 2,), "deployment/cart"), shop(LEADING))
    assert (found.events, found.caught) == (0, 0)


@pytest.mark.parametrize(
    "alarmed",
    [(130, 140, 150), (130, 133, 136), range(130, 200), (130, 165), (275, 290, 303, 309, 320)],
    ids=["apart", "bridged", "without end", "far apart", "about a failure of another"],
)
@pytest.mark.parametrize("of", ["deployment/cart", "deployment/web"])
def test_alarms_are_counted_as_in_an_evaluation(alarmed: Collection[int], of: str) -> None:
    labelled = shop(LEADING)
    scores = np.zeros((len(PODS), 600), dtype=np.float32)
    pod = next(number for number, row in enumerate(PODS) if row.workload == of)
    scores[pod, list(alarmed)] = 1
    judged = Judge(labelled, folds.everything(labelled)).judge([scores], 1.0)
    minutes = range(600)
    watched = [each for row in PODS if row.workload != of for each in looks(minutes, of=row.workload)]
    found = score([*looks(minutes, alarmed, of), *watched], labelled)
    assert (found.caught, found.false_alarms) == (judged.caught, judged.false)
    assert found.hours == pytest.approx(judged.hours, abs=0.01)


@pytest.mark.parametrize(
    ("every", "alarmed", "false", "minutes"),
    [(20, (40, 60, 80), 2, 201), (20, (40, 80), 2, 201), (60, (60, 120), 2, 91), (61, (61,), 1, 91)],
    ids=["goes on", "ended between", "each hour", "once"],
)
def test_what_a_rare_look_says_stands_until_the_next_one_for_half_an_hour_at_most(
    every: int, alarmed: Collection[int], false: int, minutes: int
) -> None:
    found = score(looks(range(0, 201, every), alarmed), shop(LEADING))
    assert found.false_alarms == false
    assert found.hours == pytest.approx(minutes / 60, abs=0.01)


@pytest.mark.parametrize(
    ("first", "alarmed", "caught", "false"), [(2, 302, 1, 0), (4, 279, 0, 1)], ids=["right", "wrong"]
)
def test_what_stands_is_as_right_or_wrong_as_its_look(
    first: int, alarmed: int, caught: int, false: int
) -> None:
    rare = looks(range(first, 600, 25), (alarmed,), "deployment/cart", horizon=0)
    found = score(rare, shop(Target("detect", timedelta())))
    assert (found.events, found.caught, found.false_alarms) == (1, caught, false)
