from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from chaoskit import errors
from chaoskit.prediction import features
from chaoskit.prediction.answers.predictor import predict
from chaoskit.prediction.data.dataset import Dataset
from chaoskit.prediction.judging import calibrating, page, wording
from chaoskit.prediction.judging.evaluation import Trained, build, evaluate, recalibrated
from chaoskit.prediction.labelling.labels import Labelled, Target, label
from chaoskit.prediction.learning import evidence, folds
from chaoskit.prediction.learning.alarms import Judge
from chaoskit.prediction.learning.calibration import Healthy, Usual, usual
from chaoskit.prediction.learning.joined import EVIDENCE
from chaoskit.prediction.learning.options import Options
from chaoskit.prediction.learning.plain import STATIC
from chaoskit.prediction.learning.table import tabulate
from chaoskit.prediction.learning.training import train
from chaoskit.records import LabelRecord

World = Callable[..., Dataset]
START = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
ELSEWHERE = datetime(2027, 3, 1, tzinfo=UTC)


def campaign(
    world: World,
    runs: int,
    *,
    usual: float,
    noise: float,
    seed: int,
    first_day: datetime = START,
    pods: int = 6,
) -> Labelled:
    """Runs of some pods of which one climbs to its limit; how full they usually are depends on the place."""
    random = np.random.default_rng(seed)
    blocks, labels = [], []
    for run in range(runs):
        memory = usual + noise * random.standard_normal((pods, 150))
        cpu = 0.2 + 0.02 * random.standard_normal((pods, 150))
        victim, first, last = run % pods, 90, 125
        memory[victim, first : last + 1] += np.linspace(0, 0.97 - usual, last + 1 - first)
        start = first_day + timedelta(days=run)
        made = world({"memory_usage": memory, "cpu_usage": cpu}, start=start)
        blocks.append(replace(made.blocks[0], run=f"run-{run}"))
        for meaning, target, begin, end in (
            ("ramp", f"app-{victim}", first, last),
            ("unknown", "*", first, 400),
            ("unknown", "*", -400, 29),
        ):
            at = start + timedelta(minutes=begin)
            labels.append(
                LabelRecord(
                    id=f"{run}{meaning}{begin}", at=at, trace_id="", target=target, namespace="",
                    meaning=meaning, issue="memory-leak", start=at, end=start + timedelta(minutes=end),
                    run=f"run-{run}",
                )
            )  # fmt: skip
    data = replace(made, blocks=tuple(blocks), labels=tuple(labels))
    return label(data, Target("forecast", timedelta(0), confirm=2))


@pytest.fixture(scope="module")
def home(world: World) -> Labelled:
    return campaign(world, 6, usual=0.5, noise=0.01, seed=1)


@pytest.fixture(scope="module")
def moved(home: Labelled, options: Callable[..., Options]) -> Trained:
    return build(home, options(recipe="evidence", false_alarms_per_day=6), thorough=False)


def test_a_run_with_a_ramp_is_judged_from_its_steady_time_to_its_failure(home: Labelled) -> None:
    truth = home.truths[0].y
    assert np.flatnonzero(truth[0] == 1).tolist() == list(range(91, 125))
    assert np.flatnonzero(truth[1] == 0).tolist() == list(range(30, 90))
    assert home.events[0].ramp


def test_whole_runs_are_held_out(home: Labelled) -> None:
    sides = folds.turns(home, folds.everything(home), 4, 130)
    assert len(sides) == 6
    for teaches, examines in sides:
        assert sum(each.any() for each in examines) == 1
        assert sum(each.any() for each in teaches) == 5


def test_no_level_of_a_place_shows_in_the_evidence(world: World, home: Labelled) -> None:
    elsewhere = campaign(world, 6, usual=0.2, noise=0.01, seed=2)
    quiet = []
    for each in (home, elsewhere):
        table = tabulate(each, features.spec(each.dataset, "evidence"))
        signs = [i for i, name in enumerate(table.spec.names) if not name.endswith("saturation")]
        healthy = table.features(table.samples(folds.everything(each)))[:, signs]
        quiet.append(np.median(healthy, axis=0))
    np.testing.assert_allclose(quiet[0], quiet[1], atol=0.05)


def test_a_spread_lies_beyond_the_most_that_healthy_time_showed() -> None:
    seen = np.array([[0.1], [0.2], [0.2], [0.6]])
    assert evidence.limits(seen)[0] == pytest.approx(0.6 + 0.3 * 0.4)


def test_signs_are_in_units_of_their_spread_and_add_up(home: Labelled) -> None:
    table = tabulate(home, features.spec(home.dataset, "evidence"))
    found = evidence.fit(home, folds.everything(home), table.sign_spec, table.signs)
    assert not any(name.endswith("saturation") for name in found.spreads)
    made, healthy = found.signs(table.sign_spec, table.signs[0][:]), home.truths[0].y == 0
    assert made[healthy].max() < 1
    assert made[0, 115].max() > 1
    scores = found.over(table.sign_spec, table.signs)[0]
    assert scores[0, 115] > 1.1 * scores[healthy].max()
    np.testing.assert_allclose(scores**2, (made**2).sum(axis=-1), rtol=1e-5)
    signs = dict(zip(found.spreads, found.signs(table.sign_spec, table.signs[0][0, 115]), strict=True))
    assert max(signs, key=lambda name: signs[name]).startswith("memory.")


def test_a_ramp_is_foreseen_and_its_lead_is_a_share_of_what_was_possible(moved: Trained) -> None:
    line = moved.report.model
    assert line.recall == 1
    assert line.lead_share is not None
    assert 0.5 < line.lead_share < 1
    assert line.lead_mean == pytest.approx(line.lead_share * 35 * 60)


def test_on_another_cluster_thresholds_from_its_healthy_time_alarm_earlier(
    world: World, moved: Trained
) -> None:
    quiet = campaign(world, 6, usual=0.2, noise=0.001, seed=4, first_day=ELSEWHERE)
    frozen, fitted = evaluate(moved, quiet), evaluate(moved, quiet, calibrated=True)
    assert fitted.model.recall == 1
    assert (fitted.model.lead_share or 0) >= (frozen.model.lead_share or 0)
    assert fitted.model.false_alarms <= 2
    assert "healthy time of the others" in fitted.split


def test_a_calibration_needs_no_label_and_keeps_the_members(world: World, moved: Trained) -> None:
    quiet = campaign(world, 4, usual=0.2, noise=0.002, seed=5, first_day=ELSEWHERE)
    healthy = replace(
        quiet.dataset, labels=(), blocks=tuple(block.cut(0, 90) for block in quiet.dataset.blocks)
    )
    model = moved.model
    found = recalibrated(moved, label(healthy, model.target))
    assert set(found.model.join.thresholds) == set(model.join.thresholds)
    assert found.model.join != model.join or found.model.evidence != model.evidence
    assert found.report.kept is not None
    assert "thresholds were set anew" in found.report.kept.words
    assert "so little time tells no more than at most" in found.report.kept.words
    patient = recalibrated(moved, label(healthy, model.target), 1000.0)
    assert patient.report.kept is not None
    assert "so little time" not in patient.report.kept.words
    assert not found.report.beats_baselines
    assert {EVIDENCE, STATIC} <= set(model.join.thresholds)


def restless(world: World, runs: int, *, minutes: int = 90, seed: int = 6) -> Labelled:
    """Healthy time of a place where use swings far more than at home."""
    random = np.random.default_rng(seed)
    blocks = []
    for run in range(runs):
        values = 0.3 + 0.1 * random.standard_normal((6, minutes)).cumsum(axis=1) / np.sqrt(minutes)
        made = world(
            {"memory_usage": values, "cpu_usage": np.clip(values[::-1], 0, 1)},
            start=ELSEWHERE + timedelta(days=run),
        )
        blocks.append(replace(made.blocks[0], run=f"run-{run}"))
    return label(replace(made, blocks=tuple(blocks)), Target("forecast", timedelta(0), confirm=2))


def note(found: Trained) -> str:
    return page.notes(found.report)[0]


def test_where_healthy_scores_lie_elsewhere_probabilities_move_with_them(
    world: World, moved: Trained
) -> None:
    found, rest = recalibrated(moved, restless(world, 4)), restless(world, 4, seed=8)
    words = note(found)
    assert "probabilities were moved by how the forest's scores lie there: what training told as" in words
    said = re.search(r"the score nearest to even odds is ([0-9.]+), in training ([0-9.]+)", words)
    assert said is not None
    after, before = (np.array([float(each)], dtype=np.float32) for each in said.groups())
    assert found.model.probabilities(after) == pytest.approx(0.5, abs=0.05)
    assert moved.model.probabilities(before) == pytest.approx(0.5, abs=0.05)
    table = tabulate(rest, moved.model.spec)
    scores = calibrating.scores_of(moved.model, table)
    told = np.concatenate([block[~np.isnan(block)] for block in scores])
    home = moved.model.home
    assert home is not None
    here = usual(Healthy.of(table, Judge(rest, folds.everything(rest)), scores), home.calibration)
    assert here is not None
    assert here.level > home.usual.level + 0.1
    assert found.model.probabilities(told).mean() < 0.8 * moved.model.probabilities(told).mean()


def test_the_same_time_moves_probabilities_once(world: World, moved: Trained) -> None:
    found = recalibrated(moved, restless(world, 4))
    again = recalibrated(found, restless(world, 4))
    assert again.model.calibration == found.model.calibration != moved.model.calibration
    assert again.model.home == moved.model.home


def test_a_calibration_replaces_an_earlier_one_whole(world: World, moved: Trained) -> None:
    """So probabilities follow from training and from the time that counts as tuned, from nothing else."""
    before = recalibrated(moved, restless(world, 4))
    near = campaign(world, 6, usual=0.5, noise=0.012, seed=41, first_day=ELSEWHERE)
    few = restless(world, 1, seed=10)
    for rest in (near, few):
        found, straight = recalibrated(before, rest).model, recalibrated(moved, rest).model
        assert found.calibration == straight.calibration != before.model.calibration
        assert found.tuned == straight.tuned
    assert recalibrated(before, few).model.calibration == moved.model.calibration


def test_parts_that_are_calibrated_in_turn_know_nothing_of_an_earlier_calibration(
    world: World, moved: Trained
) -> None:
    place = campaign(world, 6, usual=0.35, noise=0.06, seed=41, first_day=ELSEWHERE)
    before = recalibrated(moved, place)
    assert before.model.calibration != moved.model.calibration
    found, straight = (evaluate(each, place, calibrated=True) for each in (before, moved))
    assert found.model.ece == straight.model.ece
    assert found.reliability == straight.reliability
    assert "probabilities were moved from those of training in 6 of 6 parts" in straight.notes
    assert "probabilities from the healthy time of the others" in straight.split


def test_what_probabilities_are_worth_is_told_only_of_such_as_are_kept(world: World, moved: Trained) -> None:
    place = campaign(world, 4, usual=0.35, noise=0.06, seed=41, first_day=ELSEWHERE, pods=3)
    found = recalibrated(moved, place)
    assert found.model.calibration != moved.model.calibration
    assert "the probabilities judged are not as those kept" in note(found)
    assert "ECE" not in note(found)
    assert "probabilities were moved from those of training in 0 of 4 parts" in found.report.notes


def test_new_runs_of_home_move_no_probability(world: World, home: Labelled) -> None:
    model = train(home, Options(recipe="evidence", false_alarms_per_day=6))
    for seed in range(20, 25):
        for runs in (2, 4):
            again = campaign(world, runs, usual=0.5, noise=0.01, seed=seed, first_day=ELSEWHERE)
            table = tabulate(again, model.spec)
            found, fitted = calibrating.set_anew(model, table, folds.everything(again))
            assert found.calibration == model.calibration
            words = wording.of_chances(model, fitted)
            assert words.endswith("lie there as they did at home, as far as so few hours tell")


def test_a_failure_that_nobody_named_is_no_health_where_it_shows(world: World, moved: Trained) -> None:
    again = campaign(world, 6, usual=0.5, noise=0.01, seed=20, first_day=ELSEWHERE)
    unnamed = label(replace(again.dataset, labels=()), moved.model.target)
    found = recalibrated(moved, unnamed)
    assert "would raise them, and lower probabilities" in note(found)
    assert "or a failure without a label" in note(found)
    scores = calibrating.scores_of(moved.model, tabulate(again, moved.model.spec))
    ends = np.array([scores[each.block][each.rows[0], each.last] for each in again.events])
    before, now = moved.model.probabilities(ends), found.model.probabilities(ends)
    assert before.min() > 0.9
    assert now.min() > 0.9


@pytest.mark.parametrize("constant", [0.0, 0.3])
def test_scores_that_do_not_vary_move_nothing_and_are_called_so(
    world: World, moved: Trained, constant: float
) -> None:
    rest = restless(world, 4)
    table, every = tabulate(rest, moved.model.spec), folds.everything(rest)
    scores = [np.full(truth.y.shape, constant, dtype=np.float32) for truth in rest.truths]
    found = calibrating.fit(moved.model, table, scores, every, 6)
    assert found.calibration == moved.model.calibration
    assert found.usual is not None
    assert found.usual.still


def test_a_place_whose_scores_are_too_low_to_be_told_apart_moves_nothing_and_is_called_so(
    world: World, moved: Trained
) -> None:
    rest, random = restless(world, 4), np.random.default_rng(3)
    table, every = tabulate(rest, moved.model.spec), folds.everything(rest)
    scores = [random.uniform(0, 0.0015, truth.y.shape).astype(np.float32) for truth in rest.truths]
    found = calibrating.fit(moved.model, table, scores, every, 6)
    assert found.calibration == moved.model.calibration
    assert "too low there to be told apart" in wording.of_chances(moved.model, found)


def test_a_home_whose_scores_were_too_low_to_be_told_apart_is_called_so(world: World, moved: Trained) -> None:
    home = moved.model.home
    assert home is not None
    low = replace(home, usual=Usual(-6.77, 0.57, 0.01, 0.01))
    model = replace(moved.model, home=low)
    rest, random = restless(world, 4), np.random.default_rng(3)
    table, every = tabulate(rest, model.spec), folds.everything(rest)
    scores = [random.uniform(0.001, 0.0013, truth.y.shape).astype(np.float32) for truth in rest.truths]
    found = calibrating.fit(model, table, scores, every, 6)
    assert found.usual is not None
    assert not found.usual.floored
    assert found.calibration == low.calibration
    assert "too low at home to be told apart" in wording.of_chances(model, found)


LOOKS_FAILING = (
    "told as 50% or more by those of training: healthy time that looks like failures, or a failure"
)


@pytest.mark.parametrize(
    ("share", "why"),
    [(0.98, "less than 10 pod-hours of that time"), (0.3, "lie no higher and no wider there")],
)
def test_how_much_of_a_place_looks_like_failures_is_told(
    world: World, moved: Trained, share: float, why: str
) -> None:
    rest, random = restless(world, 4), np.random.default_rng(3)
    table, every = tabulate(rest, moved.model.spec), folds.everything(rest)
    scores = [
        np.where(random.random(truth.y.shape) < share, 0.99, random.uniform(0.002, 0.004, truth.y.shape))
        for truth in rest.truths
    ]
    found = calibrating.fit(moved.model, table, scores, every, 6)
    assert found.cut == pytest.approx(share, abs=0.02)
    words = wording.of_chances(moved.model, found)
    assert words.startswith("probabilities are those of training: ")
    assert why in words
    assert f"{found.cut:.0%} of that time is {LOOKS_FAILING}" in words


def test_minutes_of_a_place_move_no_probability(world: World, moved: Trained) -> None:
    found = recalibrated(moved, restless(world, 1))
    assert found.model.calibration == moved.model.calibration
    assert "probabilities are those of training: less than 10 pod-hours" in note(found)


def test_a_model_that_tells_nothing_of_its_healthy_scores_keeps_its_probabilities(
    world: World, moved: Trained
) -> None:
    before = replace(moved, model=replace(moved.model, home=None))
    found = recalibrated(before, restless(world, 4))
    assert found.model.calibration == moved.model.calibration
    assert found.model.join != moved.model.join
    assert "train it again" in note(found)


def test_what_has_no_baseline_tells_nothing_of_a_place(world: World, moved: Trained) -> None:
    rest = restless(world, 4)
    table, every = tabulate(rest, moved.model.spec), folds.everything(rest)
    home = moved.model.home
    assert home is not None
    scores = [np.full(truth.y.shape, 0.2, dtype=np.float32) for truth in rest.truths]
    for block in scores:
        block[0] = 0.3
    found = usual(Healthy.of(table, Judge(rest, every), scores), home.calibration)
    for block in scores:
        block[:, :9] = 0.001
    assert found is not None
    assert usual(Healthy.of(table, Judge(rest, every), scores), home.calibration) == found


def test_a_few_minutes_cannot_calibrate(world: World, moved: Trained) -> None:
    values = np.full((6, 30), 0.3)
    short = world({"memory_usage": values, "cpu_usage": values}, pods=[f"other-{pod}" for pod in range(6)])
    with pytest.raises(errors.NoBaseline, match="healthy time"):
        recalibrated(moved, label(short, moved.model.target))


def test_a_model_of_evidence_answers_with_the_signal_behind_the_sign(
    world: World, moved: Trained, home: Labelled
) -> None:
    window = replace(home.dataset, blocks=(home.dataset.blocks[0].cut(0, 122),), labels=())
    first, *others = predict(moved.model, window, now=window.blocks[0].end, name="redis-1")
    assert first.target == "deployment/app-0"
    assert first.alarmed
    assert "memory" in first.reasons[0]
    assert first.horizon_minutes == 0
    assert not any(each.alarmed for each in others)
