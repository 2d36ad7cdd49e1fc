from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from tests.prediction.conftest import tiny

from chaoskit import errors, events
from chaoskit.prediction import features
from chaoskit.prediction.data.dataset import Dataset
from chaoskit.prediction.judging.evaluation import Trained
from chaoskit.prediction.labelling.labels import Labelled, Target, label
from chaoskit.prediction.learning import folds, forest
from chaoskit.prediction.learning.calibration import (
    Calibration,
    Curve,
    Healthy,
    Home,
    Steps,
    Usual,
    as_probabilities,
    fit_calibration,
    moved,
    usual,
)
from chaoskit.prediction.learning.options import Options
from chaoskit.prediction.learning.table import Samples, tabulate
from chaoskit.prediction.learning.training import train

World = Callable[..., Dataset]
NOW = datetime(2026, 3, 3, tzinfo=UTC)


def test_the_same_data_options_and_seed_make_the_same_model(leaks: Labelled) -> None:
    table = tabulate(leaks, features.spec(leaks.dataset))
    one, two = (train(leaks, tiny(), table=table, now=NOW) for _ in range(2))
    other = train(leaks, tiny(seed=8), table=table, now=NOW)
    rows = table.blocks[0][:, 300:400].reshape(-1, len(table.spec.names))
    np.testing.assert_array_equal(one.scores(rows), two.scores(rows))
    assert one.join == two.join
    assert (one.scores(rows) != other.scores(rows)).any()


def test_every_out_of_fold_score_comes_from_a_forest_that_did_not_see_the_event(
    leaks: Labelled, options: Callable[..., Options]
) -> None:
    table = tabulate(leaks, features.spec(leaks.dataset))
    sides = folds.turns(leaks, folds.everything(leaks), 3, table.spec.window)
    assert len(sides) == 3
    for teaches, examines in sides:
        taught, asked = table.samples(teaches), table.samples(examines)
        assert asked.events
        assert not asked.events & taught.events


def test_probabilities_are_never_certain_and_average_to_the_base_rate(
    trained: Trained, leaks: Labelled
) -> None:
    model = trained.model
    scores = np.linspace(0, 1, 101, dtype=np.float32)
    probabilities = model.probabilities(scores)
    assert (np.diff(probabilities) >= 0).all()
    assert probabilities.min() > 0
    assert probabilities.max() < 1
    known = leaks.truths[0].y >= 0
    score = model.out_of_fold[0]
    known &= ~np.isnan(score)
    said = model.probabilities(score[known]).mean()
    assert said == pytest.approx((leaks.truths[0].y[known] == 1).mean(), rel=0.25)


def test_data_without_a_failure_cannot_be_learned_from(world: World, options: Callable[..., Options]) -> None:
    healthy = label(world({"cpu_usage": np.random.default_rng(1).random((3, 300))}), Target())
    with pytest.raises(errors.NoBaseline, match="no failure"):
        train(healthy, options(), now=NOW)


def test_one_failure_alone_cannot_be_learned_from(world: World, options: Callable[..., Options]) -> None:
    restarts = np.zeros((3, 300))
    restarts[0, 150:] = 1
    once = label(world({"cpu_usage": np.ones((3, 300)), "restarts": restarts}), Target())
    with pytest.raises(errors.NoBaseline, match="one failure alone"):
        train(once, options(), now=NOW)


def test_a_class_that_the_signals_cannot_show_is_not_learned_from(detected: Trained, slice_: Dataset) -> None:
    assert "network" in slice_.blind
    assert "network" not in detected.model.issues.classes_
    assert detected.model.facts["events"] < len(slice_.labels)


def test_the_negatives_share_their_moments_with_the_failures(
    leaks: Labelled, options: Callable[..., Options]
) -> None:
    table = tabulate(leaks, features.spec(leaks.dataset))
    samples = table.samples(folds.everything(leaks))
    kept = samples.pick(forest.thinned(samples, options()))
    failing = set(kept.moment[kept.y == 1].tolist())
    beside = np.isin(kept.moment[kept.y == 0], list(failing))
    assert beside.mean() > 0.4
    assert len(kept.y) <= options().most_rows


def test_a_short_failure_weighs_as_much_as_a_long_one() -> None:
    event = np.array([0] * 30 + [1] * 10 + [-1] * 50, dtype=np.int32)
    zeros = np.zeros(90, dtype=np.intp)
    samples = Samples(zeros, zeros, zeros, (event >= 0).astype(np.int8), event)
    weights = forest.weights(samples)
    assert weights[event == 0].sum() == pytest.approx(weights[event == 1].sum())
    assert set(weights[event == -1].tolist()) == {1.0}


def test_training_tells_how_far_it_is(leaks: Labelled, options: Callable[..., Options]) -> None:
    heard: list[events.Event] = []
    train(leaks, options(), now=NOW, listen=heard.append)
    steps = [(e.done, e.total) for e in heard if isinstance(e, events.Progress) and e.name == "training"]
    assert steps == [(n, 5) for n in range(1, 6)]


def test_the_recipe_for_other_clusters_learns_only_more_is_worse(
    leaks: Labelled, options: Callable[..., Options]
) -> None:
    model = train(leaks, options(recipe="evidence"), now=NOW)
    rows = np.random.default_rng(5).random((50, len(model.spec.names))).astype(np.float32) * 0.5
    worse = rows + 0.4
    assert (model.scores(worse) >= model.scores(rows) - 1e-6).all()


def test_a_logistic_curve_calibrates_when_events_are_few(leaks: Labelled) -> None:
    scores = [np.where(truth.y == 1, 0.8, 0.1).astype(np.float32) for truth in leaks.truths]
    few, many = fit_calibration(scores, leaks, 3), fit_calibration(scores, leaks, 300)
    assert isinstance(few, Curve)
    assert isinstance(many, Steps)
    for found in (few, many):
        low, high = as_probabilities(found, np.array([0.1, 0.8], dtype=np.float32))
        assert low < 0.1
        assert high > 0.8


@pytest.mark.parametrize(
    "calibration",
    [Curve(1.5, -0.4), Steps((0.0, 0.1, 0.4, 0.45, 0.8), (0.01, 0.02, 0.3, 0.5, 0.9))],
)
def test_elsewhere_a_score_is_as_probable_as_one_as_far_from_usual_at_home(
    calibration: Calibration,
) -> None:
    home, here = Usual(-2.0, 1.0, 0.01, 0.01), Usual(-1.5, 0.8, 0.01, 0.01)
    units = np.array([-1.0, 0.0, 1.0, 2.0, 3.0])
    at_home, there = (
        (1 / (1 + np.exp(-(place.level + units * place.spread)))).astype(np.float32) for place in (home, here)
    )
    elsewhere = moved(Home(calibration, home), here)
    np.testing.assert_allclose(
        as_probabilities(elsewhere, there), as_probabilities(calibration, at_home), atol=0.02
    )
    assert (np.diff(as_probabilities(elsewhere, np.linspace(0, 1, 200, dtype=np.float32))) >= 0).all()


def test_a_place_that_is_as_home_moves_nothing_and_one_that_is_unlike_it_not_without_end() -> None:
    home = Home(Curve(1.5, -0.4), Usual(-2.0, 1.0, 0.01, 0.01))
    assert moved(home, Usual(-1.91, 1.08, 0.01, 0.01)) is home.calibration
    cut = moved(home, Usual(-1.5, 0.7, 0.01, 0.01, cut=0.3))  # narrow only for what was left out
    assert isinstance(cut, Curve)
    assert cut.weight == 1.5
    assert cut.bias == pytest.approx(-0.4 - 1.5 * 0.5)
    narrow, narrower, higher, highest = (
        moved(home, Usual(level, spread, 0.01, 0.01))
        for level, spread in ((-1.5, 0.3), (-1.5, 0.1), (-0.9, 0.8), (4.0, 0.8))
    )
    assert narrow == narrower != home.calibration
    assert higher == highest != home.calibration


def lying(calibration: Calibration, *pods: tuple[int, float]) -> Usual:
    """How the scores of so many healthy pods lie, each of 20 h, about such a level, with a spread of 1."""
    random = np.random.default_rng(1)
    logits = np.vstack([level + random.standard_normal((count, 1200)) for count, level in pods])
    hours = np.arange(len(logits))[:, None] * 20 + np.arange(1200) // 60
    scores = (1 / (1 + np.exp(-logits))).astype(np.float32)
    found = usual(Healthy(scores.ravel(), hours.ravel(), 60), calibration)
    assert found is not None
    return found


EVERY = np.linspace(0, 1, 1001, dtype=np.float32)
NEAR_HOME: list[Calibration] = [
    Curve(1.0, 0.0),
    Steps((0.02, 0.1, 0.3, 0.5, 0.7, 0.9), (0.001, 0.02, 0.15, 0.5, 0.85, 0.98)),
]


@pytest.mark.parametrize("calibration", NEAR_HOME)
@pytest.mark.parametrize(
    "pods",
    [[(18, -4.0), (2, 1.0)], [(19, -4.0), (1, 1.0)], [(18, -3.5), (2, 2.0)], [(14, -2.5), (6, 1.0)]],
)
def test_no_high_score_is_more_probable_where_some_pods_cry_wolf(
    calibration: Calibration, pods: list[tuple[int, float]]
) -> None:
    home, here = Home(calibration, lying(calibration, (20, -3.0))), lying(calibration, *pods)
    told, now = as_probabilities(calibration, EVERY), as_probabilities(moved(home, here), EVERY)
    high = told >= 0.5
    assert (now[high] <= told[high]).all()


@pytest.mark.parametrize("calibration", NEAR_HOME)
def test_a_place_that_lies_higher_as_a_whole_is_less_probable_though_its_highest_are_cut(
    calibration: Calibration,
) -> None:
    home, here = Home(calibration, lying(calibration, (20, -3.0))), lying(calibration, (20, -1.0))
    assert here.cut > 0.1
    told, now = as_probabilities(calibration, EVERY), as_probabilities(moved(home, here), EVERY)
    high = (told >= 0.5) & (told < 0.9)
    assert (now[high] < told[high] - 0.05).all()


def test_a_spread_that_is_not_believed_decides_nothing() -> None:
    home = Home(Curve(1.0, 0.0), Usual(-3.0, 1.0, 0.02, 0.015))
    assert moved(home, Usual(-3.25, 0.5, 0.16, 0.11, cut=0.06)) is home.calibration
    assert moved(home, Usual(-3.25, 0.5, 0.16, 0.11)) != home.calibration


@pytest.mark.parametrize(("level", "spread"), [(-1.5, 1.0), (-2.0, 1.4)])
def test_hours_that_do_not_tell_a_place_from_home_move_nothing(level: float, spread: float) -> None:
    home = Home(Curve(1.5, -0.4), Usual(-2.0, 1.0, 0.08, 0.05))
    assert moved(home, Usual(level, spread, 0.16, 0.11)) is home.calibration
    assert moved(home, Usual(level, spread, 0.08, 0.05)) != home.calibration


def test_scores_that_do_not_vary_tell_no_unit() -> None:
    curve, home = Curve(1.5, -0.4), Usual(-2.0, 1.0, 0.01, 0.01)
    still = Usual(-6.9, 3e-15, 0.0, 0.0)
    assert moved(Home(curve, home), still) is moved(Home(curve, still), home) is curve


@pytest.mark.parametrize("calibration", NEAR_HOME)
@pytest.mark.parametrize("home", [Usual(-6.77, 0.57, 0.01, 0.01), Usual(-4.0, 1.0, 0.01, 0.01)])
def test_scores_at_the_least_that_is_told_apart_make_no_high_score_more_probable(
    calibration: Calibration, home: Usual
) -> None:
    made = Home(calibration, home)
    assert moved(made, Usual(-6.9, 0.2, 0.001, 0.001)) is calibration
    wide = as_probabilities(moved(made, Usual(-6.0, 2.0, 0.01, 0.01)), EVERY)
    told = as_probabilities(calibration, EVERY)
    assert (wide[told >= 0.5] <= told[told >= 0.5]).all()
    assert (wide[told >= 0.5] < told[told >= 0.5]).any()


def at(level: float, spread: float) -> Usual:
    """How 24 000 scores lie whose logits are drawn about such a level, with such a spread."""
    logits = np.random.default_rng(0).normal(level, spread, 24_000)
    scores = (1 / (1 + np.exp(-logits))).astype(np.float32)
    found = usual(Healthy(scores, np.arange(24_000) // 60, 60), NEAR_HOME[0])
    assert found is not None
    return found


@pytest.mark.parametrize("calibration", [*NEAR_HOME, Curve(2.08, -2.65)])
@pytest.mark.parametrize(
    "here", [at(-6.4, 0.25), Usual(-6.65, 0.25, 0.01, 0.01), Usual(-6.0, 0.4, 0.01, 0.01)]
)
def test_a_place_that_is_narrower_than_a_floored_home_makes_no_high_score_more_probable(
    calibration: Calibration, here: Usual
) -> None:
    home = at(-6.9, 0.8)
    assert home.floored
    assert not here.floored
    now, told = (
        as_probabilities(moved(Home(calibration, home), here), EVERY),
        as_probabilities(calibration, EVERY),
    )
    high = EVERY >= 0.1
    assert (now[high] <= told[high]).all()


def test_failures_of_one_stretch_alone_cannot_be_calibrated(leaks: Labelled) -> None:
    nothing = [np.full(truth.y.shape, np.nan, dtype=np.float32) for truth in leaks.truths]
    with pytest.raises(errors.NoBaseline, match="calibrate"):
        fit_calibration(nothing, leaks, 3)


def test_the_horizon_is_in_the_words() -> None:
    assert Target("forecast", timedelta(minutes=15)).words == "fails within 15 min"
    assert replace(Target(), mode="detect").words == "is failing"
