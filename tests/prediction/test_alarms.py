from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from chaoskit import errors
from chaoskit.prediction import features
from chaoskit.prediction.data.dataset import Dataset
from chaoskit.prediction.labelling.labels import Labelled, Target, Truth, label
from chaoskit.prediction.learning import folds
from chaoskit.prediction.learning.alarms import Judge, Judgement
from chaoskit.prediction.learning.table import tabulate
from chaoskit.records import LabelRecord

World = Callable[..., Dataset]
START = datetime(2026, 3, 2, 7, 13, tzinfo=UTC)


def labelled_at(
    world: World, *events: tuple[int, int], mode: str = "detect", issue: str = "memory-leak"
) -> Labelled:
    records = [
        LabelRecord(
            id=str(first), at=START, trace_id="", target="app-0", namespace="", meaning="failure",
            issue=issue, start=START + timedelta(minutes=first), end=START + timedelta(minutes=last),
        )
        for first, last in events
    ]  # fmt: skip
    target = Target("forecast") if mode == "forecast" else Target("detect", timedelta(0))
    return label(world({"cpu_usage": np.ones((2, 300))}), target, extra=records)


def judged(labelled: Labelled, *alarmed: tuple[int, Sequence[int]]) -> Judgement:
    scores = np.zeros((2, 300), dtype=np.float32)
    for row, moments in alarmed:
        scores[row, list(moments)] = 1
    return Judge(labelled, folds.everything(labelled)).judge([scores], 0.5)


def test_an_alarm_during_an_event_catches_it_with_its_delay(world: World) -> None:
    found = judged(labelled_at(world, (100, 105), (200, 205)), (0, [103]))
    assert (found.caught, found.recall, found.false) == (1, 0.5, 0)
    assert [catch.delay for catch in found.catches] == [180.0, None]


def test_an_alarm_on_another_pod_catches_nothing_and_is_false(world: World) -> None:
    found = judged(labelled_at(world, (100, 105)), (1, [103]))
    assert (found.caught, found.false) == (0, 1)


def test_five_minutes_after_an_event_an_alarm_is_not_false_and_later_it_is(world: World) -> None:
    event = labelled_at(world, (100, 105))
    assert judged(event, (0, range(103, 112))).false == 0
    assert judged(event, (0, range(103, 113))).false == 1


def test_alarms_five_minutes_apart_are_one_and_six_minutes_apart_are_two(world: World) -> None:
    event = labelled_at(world, (250, 255))
    assert judged(event, (1, [20, 25])).false == 1
    assert judged(event, (1, [20, 26])).false == 2


def test_an_alarm_that_never_ends_is_counted_every_half_hour(world: World) -> None:
    assert judged(labelled_at(world, (250, 255)), (1, range(120))).false == 4


def test_a_forecast_counts_only_while_there_is_time_to_act(world: World) -> None:
    event = labelled_at(world, (100, 105), mode="forecast")
    assert judged(event, (0, [80])).catches[0].delay == -20 * 60
    assert judged(event, (0, [99, 101, 103])).caught == 0
    assert judged(event, (0, [99, 101, 103])).false == 0


def test_in_a_forecast_what_comes_without_warning_may_be_caught_while_it_lasts(world: World) -> None:
    event = labelled_at(world, (100, 105), mode="forecast", issue="pod-crash")
    assert judged(event, (0, [102])).caught == 1
    assert judged(event, (0, [90])).caught == 0


def test_an_alarm_before_an_injected_step_is_false(world: World) -> None:
    assert judged(labelled_at(world, (100, 105)), (0, [90])).false == 1


def test_the_threshold_keeps_to_the_budget_of_false_alarms(world: World) -> None:
    labelled = labelled_at(world, (100, 105), (200, 205))
    scores = np.zeros((2, 300), dtype=np.float32)
    scores[0, 102], scores[0, 202] = 0.9, 0.4
    scores[1, 30] = 0.6
    judge = Judge(labelled, folds.everything(labelled))
    strict, loose = judge.best([scores], 0), judge.best([scores], 24)
    assert (strict.caught, strict.false) == (1, 0)
    assert strict.threshold > 0.6
    assert (loose.caught, loose.false) == (2, 1)


def test_rates_are_per_hour_of_the_cluster_and_per_day_of_a_pod(world: World) -> None:
    found = judged(labelled_at(world, (100, 105)), (1, [50]))
    assert found.false_per_hour == pytest.approx(1 / 5)
    assert found.false_per_pod_day == pytest.approx(1 / (2 * 5 / 24), rel=0.03)


@pytest.mark.parametrize("how", ["random", "row", "shuffle"])
def test_a_random_split_is_refused(how: str) -> None:
    with pytest.raises(errors.Refused, match="both sides") as caught:
        folds.check(how)
    assert caught.value.guard == "honest evaluation"


def test_an_event_is_never_on_both_sides_of_a_split_and_a_gap_is_between(world: World) -> None:
    labelled = labelled_at(world, (148, 156), (250, 255))
    early, late = folds.by_time(labelled, 0.5, 20)
    cut = int(np.flatnonzero(early[0])[-1])
    assert not 148 < cut <= 157
    assert np.flatnonzero(late[0])[0] == cut + 21


def test_folds_hold_whole_events_and_keep_their_distance(world: World) -> None:
    labelled = labelled_at(world, (70, 79), (145, 155), (220, 230))
    numbers = folds.number(labelled, folds.everything(labelled), 4)
    for event in labelled.events:
        assert len(set(numbers[0][event.first : event.last + 1].tolist())) == 1
    teaches, examines = folds.apart(numbers, 1, 15)
    distance = np.abs(np.flatnonzero(teaches[0])[:, None] - np.flatnonzero(examines[0])[None]).min()
    assert distance == 16


def short_day(world: World) -> Labelled:
    """Twenty-four failures of four minutes in four hours: less than a gap of an hour leaves anything of."""
    return labelled_at(world, *((at, at + 3) for at in range(10, 298, 12)))


def test_where_gaps_would_eat_what_teaches_whole_failures_are_dealt_out_in_turn(world: World) -> None:
    labelled = short_day(world)
    every = folds.everything(labelled)
    assert folds.short(labelled, every, 4, 66)
    assert not folds.short(labelled, every, 4, 5)
    sides = folds.turns(labelled, every, 4, 66)
    assert len(sides) == 4
    assert np.sum([examines[0] for _, examines in sides], axis=0).tolist() == [1] * 300
    for teaches, examines in sides:
        assert teaches[0].sum() > 180
        for event in labelled.events:
            during = slice(event.first, event.last + 1)
            assert examines[0][during].all() or not examines[0][during].any()
        near = np.convolve(examines[0], np.ones(5), mode="same") > 0
        assert not (teaches[0] & near).any()


def runs(labelled: Labelled, count: int) -> Labelled:
    """The same failures in so many runs, one a day."""
    (block,), (truth,) = labelled.dataset.blocks, labelled.truths
    blocks = tuple(replace(block, start=block.start + timedelta(days=day)) for day in range(count))
    events = tuple(replace(event, block=day) for day in range(count) for event in labelled.events)
    dataset = replace(labelled.dataset, blocks=blocks)
    return replace(labelled, dataset=dataset, truths=(truth,) * count, events=events)


@pytest.mark.parametrize(("count", "examined"), [(4, 2), (9, 5), (30, 15)])
def test_half_of_many_runs_are_half_of_them(world: World, count: int, examined: int) -> None:
    many = runs(labelled_at(world, (148, 156)), count)
    (one, other), back = folds.halves(many, folds.everything(many), 132)
    assert [each.tolist() for each in back[0]] == [each.tolist() for each in other]
    assert sum(each.all() for each in other) == examined
    assert [each.tolist() for each in one] == [(~each).tolist() for each in other]
    assert len(Judge(many, other).due) == examined
    some = tuple(each & (day < 4) for day, each in enumerate(folds.everything(many)))
    assert sum(each.any() for each in folds.halves(many, some, 132)[0][1]) == 2


def test_calm_runs_between_faulty_ones_lie_on_both_sides(world: World) -> None:
    many = runs(labelled_at(world, (148, 156)), 10)
    events = tuple(event for event in many.events if event.block % 2)
    calm = Truth(np.zeros_like(many.truths[0].y), np.full_like(many.truths[0].event, -1))
    truths = tuple(truth if day % 2 else calm for day, truth in enumerate(many.truths))
    turned = replace(many, events=events, truths=truths)
    (teaches, examines), _ = folds.halves(turned, folds.everything(turned), 132)
    assert [sum(each.all() for each in side) for side in (teaches, examines)] == [5, 5]
    assert [sum(each.all() for each in side[::2]) for side in (teaches, examines)] == [3, 2]
    assert len(Judge(turned, examines).due) == 3


def test_a_gap_does_not_eat_the_half_that_teaches(world: World) -> None:
    labelled = short_day(world)
    one, other = folds.halves(labelled, folds.everything(labelled), 132)[0]
    assert one[0].sum() > 130
    assert other[0].sum() > 130
    assert not (one[0] & other[0]).any()


def test_failures_under_way_together_are_held_out_together(world: World) -> None:
    labelled = labelled_at(world, (50, 80), (70, 75), (78, 90), (150, 160), (200, 210))
    for _, examines in folds.turns(labelled, folds.everything(labelled), 3, 100):
        assert len(set(examines[0][51:91].tolist())) == 1


def test_the_minutes_of_grace_count_neither_way(world: World) -> None:
    labelled = labelled_at(world, (100, 105))
    table = tabulate(labelled, features.spec(labelled.dataset))
    judge = Judge(labelled, folds.everything(labelled))
    every = table.samples(folds.everything(labelled))
    left = judge.clear(every)
    out = {(row, at) for row, at in zip(every.row, every.moment, strict=True)} - {
        (row, at) for row, at in zip(left.row, left.moment, strict=True)
    }
    assert out == {(0, at) for at in range(107, 112)}
    assert left.failing == every.failing
