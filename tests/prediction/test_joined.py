from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from chaoskit.prediction import features
from chaoskit.prediction.data.dataset import Dataset
from chaoskit.prediction.judging.baselines import Baseline
from chaoskit.prediction.labelling.labels import Labelled, Mode, Target, label
from chaoskit.prediction.learning import folds, joined, plain
from chaoskit.prediction.learning.alarms import Judge, Scores
from chaoskit.prediction.learning.joined import ALARM, EVIDENCE, FOREST, Join
from chaoskit.prediction.learning.plain import ABSENCE, LINEAR, STATIC, SYMPTOM
from chaoskit.prediction.learning.table import Table
from chaoskit.records import LabelRecord

World = Callable[..., Dataset]
START = datetime(2026, 3, 2, 7, 13, tzinfo=UTC)


def failing(world: World, mode: Mode = "detect") -> Labelled:
    """Four failures of one pod, five minutes each."""
    records = [
        LabelRecord(
            id=str(at), at=START, trace_id="", target="app-0", namespace="", meaning="failure",
            issue="memory-leak", start=START + timedelta(minutes=at), end=START + timedelta(minutes=at + 4),
        )
        for at in (50, 100, 150, 200)
    ]  # fmt: skip
    data = world({"memory_usage": np.full((2, 300), 0.4)})
    return label(data, Target(mode, timedelta(0)), extra=records)


def scores(*spikes: tuple[int, int, float]) -> list[np.ndarray]:
    made = np.full((2, 300), 0.1, dtype=np.float32)
    for row, at, value in spikes:
        made[row, at] = value
    return [made]


def test_a_rule_that_catches_what_the_forest_misses_joins_and_both_catch_all(world: World) -> None:
    labelled, every = failing(world), folds.everything(failing(world))
    forest = scores((0, 51, 0.9), (0, 101, 0.9), (0, 151, 0.2), (1, 20, 0.3), (1, 270, 0.3))
    members = {FOREST: forest, STATIC: scores((0, 151, 0.95), (0, 201, 0.95))}
    join = joined.fit(labelled, every, members, budget=1)
    assert set(join.thresholds) == {FOREST, STATIC}
    judged = Judge(labelled, every).judge(join.over(members), ALARM)
    assert (judged.caught, judged.false) == (4, 0)
    assert Judge(labelled, every).best(forest, 1).caught == 2


def test_a_rule_that_catches_nothing_does_not_join(world: World) -> None:
    labelled, every = failing(world), folds.everything(failing(world))
    members = {FOREST: scores((0, 51, 0.9)), STATIC: scores((1, 20, 0.99), (1, 270, 0.99))}
    assert set(joined.fit(labelled, every, members, budget=1).thresholds) == {FOREST}


@pytest.mark.parametrize(("mode", "joins"), [("detect", False), ("forecast", True)])
def test_a_plain_forecast_joins_where_there_is_something_to_forecast(
    world: World, mode: Mode, joins: bool
) -> None:
    labelled, every = failing(world, mode), folds.everything(failing(world))
    spikes = [(0, at, 1.4) for at in (151, 201)]
    members = {FOREST: scores((0, 51, 0.9), (0, 101, 0.9), (1, 20, 0.3)), LINEAR: scores(*spikes)}
    assert (LINEAR in joined.fit(labelled, every, members, budget=1).thresholds) is joins


def test_members_together_stay_within_the_budget_of_one(world: World) -> None:
    labelled, every = failing(world), folds.everything(failing(world))
    noise = [(1, at, 0.6) for at in (10, 60, 110)]
    members = {
        FOREST: scores((0, 51, 0.9), (0, 101, 0.5), *noise),
        STATIC: scores((0, 151, 0.9), (0, 201, 0.5), *((1, at + 20, 0.6) for _, at, _ in noise)),
    }
    join = joined.fit(labelled, every, members, budget=4.8)
    assert Judge(labelled, every).judge(join.over(members), ALARM).false <= 1


def test_a_rule_that_says_yes_or_no_joins_as_it_is_and_the_forest_gives_way(world: World) -> None:
    labelled, every = failing(world), folds.everything(failing(world))
    members = {
        FOREST: scores((0, 51, 0.9), (0, 101, 0.5), (1, 20, 0.6)),
        SYMPTOM: flags((0, 101), (0, 151), (0, 201), (1, 270)),
    }
    join = joined.fit(labelled, every, members, budget=4.8)
    judged = Judge(labelled, every).judge(join.over(members), ALARM)
    assert (judged.caught, judged.false) == (4, 1)
    assert join.thresholds[SYMPTOM] <= 1
    assert 0.6 < join.thresholds[FOREST] < 0.9


def test_nor_is_one_silenced_by_healthy_time_in_which_all_together_speak_too_often(world: World) -> None:
    labelled, every = quiet(world), folds.everything(quiet(world))
    members = {
        FOREST: scores(*((1, at, 0.5 + at / 1000) for at in (20, 80, 140, 200))),
        SYMPTOM: flags((0, 50), (0, 250)),
    }
    before = Join({FOREST: 0.5, SYMPTOM: 1.0})
    found = joined.reset(before, labelled, every, members, budget=19.2)
    assert found.thresholds[SYMPTOM] <= 1
    assert 0.58 < found.thresholds[FOREST] <= 0.64
    assert Judge(labelled, every).judge(found.over(members), ALARM).false == 4


def flags(*spikes: tuple[int, int]) -> list[np.ndarray]:
    """1 there, else 0."""
    return [
        np.where(block > 0.5, np.float32(1), np.float32(0)) for block in scores(*((*at, 1) for at in spikes))
    ]


def told(recipe: str, **each: list[float]) -> list[float]:
    """What members of these thresholds say together of these scores."""
    join = Join({FOREST: 0.5, EVIDENCE: 2.0, STATIC: 0.8})
    names = {"forest": FOREST, "evidence": EVIDENCE, "static": STATIC}
    members = {names[name]: [np.array(values, np.float32)] for name, values in each.items()}
    (found,) = join.scores(members, recipe)
    return [round(float(value), 4) for value in found]


def test_the_member_furthest_over_its_own_threshold_speaks() -> None:
    assert told("window", forest=[0.25, 0.6], static=[0.88, np.nan]) == [1.1, 1.2]


def test_a_rule_under_its_threshold_stands_before_nobody() -> None:
    assert told("window", forest=[0.1, 0.3], static=[0.79, 0.1]) == [0.2, 0.6]
    assert told("window", forest=[0.1, 0.3], static=[0.8, 0.1]) == [1.0, 0.6]


def test_where_a_model_is_to_carry_forest_and_evidence_rank_as_one() -> None:
    scores = {"forest": [0.4, 0.4, 0.49], "evidence": [0.5, 1.9, 1.99]}
    assert told("window", **scores) == [0.8, 0.8, 0.98]
    assert told("evidence", **scores) == [0.4472, 0.8718, 0.9875]
    assert told("evidence", forest=[0.4], evidence=[2.0]) == [1.0]


def test_where_evidence_says_nothing_the_forest_ranks() -> None:
    assert told("evidence", forest=[0.4, 0.475, 0.4], evidence=[0, 0, 0.5]) == [0.8, 0.95, 0.4472]


def test_what_the_forest_says_nothing_of_is_ranked_by_who_does() -> None:
    assert told("window", forest=[np.nan], static=[0.4]) == [0.5]


def test_thresholds_judged_in_turn_come_from_the_other_stretches(world: World) -> None:
    labelled = failing(world)
    every = folds.everything(labelled)
    parts = joined.in_turn(labelled, every, 3, lambda teaches: teaches[0])
    assert np.sum([moments[0] for moments, _ in parts], axis=0).tolist() == [1] * 300
    assert not any((moments[0] & teaches).any() for moments, teaches in parts)


@pytest.mark.parametrize(
    ("signals", "score", "signal"),
    [
        ({"memory_usage": 0.7, "ready": 1.0}, 0.7, "memory_usage"),
        ({"memory_usage": 0.7, "ready": 0.0}, 1.0, "ready"),
        ({"memory_usage": 0.7, "waiting_bad": 1.0}, 1.0, "waiting_bad"),
    ],
)
def test_the_static_rule_is_the_worst_of_what_it_watches(
    world: World, signals: dict[str, float], score: float, signal: str
) -> None:
    data = world({name: np.full((1, 9), value) for name, value in signals.items()})
    assert plain.static(data, data.blocks[0])[0, -1] == pytest.approx(score)
    assert plain.loudest(data, data.blocks[0], 0, STATIC) == signal


def test_absence_is_the_silent_share_and_there_is_none_when_nobody_is_silent(world: World) -> None:
    cpu = np.ones((2, 20))
    assert ABSENCE not in plain.rules(world({"cpu_usage": cpu}))
    cpu[1, 17:] = np.nan
    found = plain.rules(world({"cpu_usage": cpu}))[ABSENCE][0]
    assert found[:, -1].tolist() == pytest.approx([0, 0.6])


def test_a_pod_that_has_just_begun_was_not_silent_before(world: World) -> None:
    cpu = np.ones((3, 40))
    cpu[1, :38] = np.nan
    cpu[2, 30:33] = np.nan
    found = plain.rules(world({"cpu_usage": cpu}))[ABSENCE][0]
    assert found[1, -2:].tolist() == [0, 0]
    assert found[2, 32] == pytest.approx(0.6)


def quiet(world: World) -> Labelled:
    return label(world({"memory_usage": np.full((2, 300), 0.4)}), Target("detect", timedelta(0)))


@pytest.mark.parametrize(
    ("member", "most", "limit"),
    [
        (FOREST, 0.9, 9.9 / 10.9),
        (FOREST, 1.0, joined.BEYOND),
        (STATIC, 0.5, 0.55),
        (STATIC, 0.93, 0.965),
        (STATIC, 1.0, joined.BEYOND),
        (ABSENCE, 0.2, 0.6),
    ],
)
def test_a_threshold_from_healthy_time_lies_a_margin_above_it(
    world: World, member: str, most: float, limit: float
) -> None:
    labelled = quiet(world)
    found = joined.above_healthy(labelled, folds.everything(labelled), member, scores((1, 20, most)))
    assert found == pytest.approx(limit)


def members_of(labelled: Labelled) -> dict[str, Scores]:
    """What may be joined, of a forest and evidence that say next to nothing."""
    spec = features.spec(labelled.dataset)
    return joined.members(Table(labelled, spec, (), spec, (), ()), scores(), scores())


@pytest.mark.parametrize("budget", [1, 24])
def test_a_join_that_watches_for_silence_goes_on_to_where_nobody_fell_silent(
    world: World, budget: float
) -> None:
    labelled, every = quiet(world), folds.everything(quiet(world))
    before = Join({FOREST: 0.5, EVIDENCE: 2.0, STATIC: 0.9, ABSENCE: 0.7})
    found = joined.reset(before, labelled, every, members_of(labelled), budget)
    assert set(found.thresholds) == set(before.thresholds)
    assert found.thresholds[ABSENCE] == joined.SILENT


def test_a_model_that_is_to_carry_watches_for_silence_although_nobody_fell_silent(world: World) -> None:
    labelled, every = failing(world), folds.everything(failing(world))
    always = joined.always("evidence")
    found = joined.fit(labelled, every, members_of(labelled) | {FOREST: scores((0, 51, 0.9))}, 1, always)
    assert found.thresholds[ABSENCE] >= joined.SILENT


@pytest.mark.parametrize("budget", [1, 24])
def test_a_single_scrape_that_failed_is_no_alarm(world: World, budget: float) -> None:
    labelled, every = quiet(world), folds.everything(quiet(world))
    members = {FOREST: scores(), ABSENCE: [block - 0.1 for block in scores((1, 20, 0.3))]}
    reset = joined.reset(Join({FOREST: 0.5, ABSENCE: 0.7}), labelled, every, members, budget)
    assert reset.thresholds[ABSENCE] == joined.SILENT
    assert Baseline(ABSENCE, "").reset(labelled, every, members[ABSENCE], budget).threshold == joined.SILENT


@pytest.mark.parametrize(
    ("name", "budget", "limit"),
    [("z-score", 2, 9.9), ("EWMA", 2, 9.9), ("z-score", 14.4, 7.0), ("EWMA", 14.4, 7.0)],
)
def test_a_baseline_gets_from_healthy_time_the_lowest_threshold_that_keeps_the_budget(
    world: World, name: str, budget: float, limit: float
) -> None:
    labelled, every = quiet(world), folds.everything(quiet(world))
    found = scores(*((1, at, level) for at, level in zip(range(20, 300, 60), (9, 8, 7, 6, 5), strict=True)))
    reset = Baseline(name, "").reset(labelled, every, found, budget)
    assert reset.threshold == pytest.approx(limit)
    assert Judge(labelled, every).judge(found, reset.threshold).false <= budget * 5 / 24


def test_a_rule_that_must_carry_elsewhere_joins_whatever_it_caught_here(world: World) -> None:
    labelled, every = failing(world), folds.everything(failing(world))
    members = {FOREST: scores((0, 51, 0.9)), STATIC: scores((1, 20, 0.8))}
    join = joined.fit(labelled, every, members, 1, (FOREST, STATIC, ABSENCE))
    assert join.thresholds[STATIC] == pytest.approx(0.88, rel=1e-3)
    assert ABSENCE not in join.thresholds
    assert Judge(labelled, every).judge(join.over(members), ALARM).false == 0


def test_a_full_limit_is_heard_where_healthy_pods_are_nearly_full(world: World) -> None:
    labelled, every = quiet(world), folds.everything(quiet(world))
    full = scores(*((1, at, 0.93 + 0.0002 * (at % 20)) for at in range(300)))
    for budget in (2, 24):
        reset = joined.reset(
            Join({FOREST: 0.5, STATIC: 0.9}), labelled, every, {FOREST: scores(), STATIC: full}, budget
        )
        assert 0.93 < reset.thresholds[STATIC] <= 1


def test_who_makes_no_alarm_by_itself_is_told_as_without_a_threshold() -> None:
    """Evidence has no end: its threshold of 2.7 is one."""
    told = Join({FOREST: joined.BEYOND, STATIC: joined.BEYOND, ABSENCE: 0.6, joined.EVIDENCE: 2.7}).told
    assert told == {FOREST: None, STATIC: None, ABSENCE: 0.6, joined.EVIDENCE: 2.7}
