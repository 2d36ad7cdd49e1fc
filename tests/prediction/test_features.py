from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from chaoskit import errors
from chaoskit.ports.metrics import Signal
from chaoskit.prediction import features
from chaoskit.prediction.data.dataset import Block, Dataset, Row
from chaoskit.prediction.labelling.labels import Labelled

World = Callable[..., Dataset]


def computed(data: Dataset, recipe: features.Recipe = "window", at: int = -1) -> dict[str, np.ndarray]:
    """The features at one moment by name, each [row]."""
    block, spec = data.blocks[0], features.spec(data, recipe)
    made = features.compute(block, spec, np.array([at % block.length]))[:, 0]
    return dict(zip(spec.names, made.T, strict=True))


def noisy(pods: int = 3, length: int = 120, seed: int = 1) -> np.ndarray:
    return 0.3 + 0.01 * np.random.default_rng(seed).standard_normal((pods, length))


@pytest.mark.parametrize("recipe", ["window", "evidence"])
def test_training_and_prediction_see_the_same_numbers(leaks: Labelled, recipe: features.Recipe) -> None:
    block = leaks.dataset.blocks[0]
    spec = features.spec(leaks.dataset, recipe)
    batch = features.compute(block, spec, np.arange(400, 420))
    alone = block.cut(419 - spec.window + 1, 420)
    live = features.compute(alone, spec, np.array([spec.window - 1]))
    np.testing.assert_allclose(batch[:, -1], live[:, 0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("recipe", ["window", "evidence"])
def test_no_feature_tells_the_time(leaks: Labelled, recipe: features.Recipe) -> None:
    block = leaks.dataset.blocks[0]
    spec = features.spec(leaks.dataset, recipe)
    later = replace(block, start=block.start + timedelta(days=3, hours=5, minutes=15))
    moments = np.array([300, 500])
    np.testing.assert_array_equal(
        features.compute(block, spec, moments), features.compute(later, spec, moments)
    )


@pytest.mark.parametrize("recipe", ["window", "evidence"])
def test_no_feature_tells_how_long_the_recording_runs(world: World, recipe: features.Recipe) -> None:
    repeated = np.tile(noisy(length=100), 5)
    data = world({"memory_usage": repeated, "cpu_usage": repeated})
    early, late = computed(data, recipe, at=250), computed(data, recipe, at=450)
    for name in early:
        np.testing.assert_array_equal(early[name], late[name], err_msg=name)


@pytest.mark.parametrize("recipe", ["window", "evidence"])
def test_no_feature_tells_which_pod_it_is(leaks: Labelled, recipe: features.Recipe) -> None:
    block = leaks.dataset.blocks[0]
    spec = features.spec(leaks.dataset, recipe)
    order = [3, 1, 0, 2, 7, 6, 5, 4]
    renamed = tuple(Row("elsewhere", f"statefulset/db-{place}", f"db-{place}") for place in range(len(order)))
    other = Block("other", renamed, block.start, block.step, block.values[order])
    moments = np.array([300, 500])
    np.testing.assert_allclose(
        features.compute(block, spec, moments)[order], features.compute(other, spec, moments), atol=1e-6
    )


@pytest.mark.parametrize("recipe", ["window", "evidence"])
@pytest.mark.parametrize("pods", [2, 3, 5])
def test_who_is_not_there_counts_for_nobody(world: World, recipe: features.Recipe, pods: int) -> None:
    """A history has every pod that ever was, a look only those of now: both tell the same of these."""
    length, asked = 600, np.array([300, 310])
    falls = 1 - 0.5 * (np.arange(length) > 290)  # below usual everywhere: no excess over who is not there
    values = noisy(pods + 3, length) * falls
    values[pods, 100:] = np.nan  # left long ago, the only one of its workload
    values[pods + 1 :, :400] = np.nan  # come later: one more workload, one more pod
    names = [f"deployment/app-{each}" for each in (*range(pods + 2), 0)]
    data = world({"cpu_usage": values, "memory_usage": values}, workloads=names)
    block, spec = data.blocks[0], features.spec(data, recipe)
    now = replace(block, rows=block.rows[:pods], values=block.values[:pods])
    for moments in (asked, np.arange(300, 320)):  # one by one, as a look does, and as of a history
        of_all = features.compute(block, spec, moments)
        np.testing.assert_array_equal(of_all[:pods], features.compute(now, spec, moments))
        assert not of_all[pods:].any()


def test_a_pods_usual_size_does_not_show(world: World) -> None:
    size = np.random.default_rng(4).normal(1, 0.05, (1, 120))
    data = world({"memory_bytes": np.vstack([size * 200, size * 800]) * 2.0**20})
    found = computed(data)
    for name in ("memory_bytes.z", "memory_bytes.ratio", "memory_bytes.slope", "memory_bytes.burst"):
        assert found[name][0] == pytest.approx(found[name][1], abs=0.05), name


def test_a_signal_that_a_pod_never_had_reads_like_one_without_deviation(world: World) -> None:
    pool = np.full((2, 120), np.nan)
    pool[0] = 0.2
    found = computed(world({"cpu_usage": noisy(2), "db_pool_pending": pool}))
    for name, values in found.items():
        if name.startswith("db_pool_pending."):
            assert values[0] == values[1] == 0, name


@pytest.mark.parametrize("name", ["container_last_seen", "process_start_time", "container_threads"])
def test_clocks_and_injectors_footprints_are_refused(world: World, name: str) -> None:
    own = Signal(name, "count", "gauge", "pod", "", "", name)
    with pytest.raises(errors.InvalidInput, match=name):
        features.spec(world({name: noisy()}, signals=[own]))


@pytest.mark.parametrize("recipe", ["window", "evidence"])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_gaps_constants_and_absent_pods_give_finite_numbers(
    world: World, recipe: features.Recipe, share: float
) -> None:
    values = noisy(4, 200)
    values[np.random.default_rng(0).random(values.shape) < share] = np.nan
    values[0] = 0.0
    data = world({"memory_usage": values, "cpu_usage": values, "restarts": values, "ready": values})
    block, spec = data.blocks[0], features.spec(data, recipe)
    assert np.isfinite(features.compute(block, spec, np.arange(200))).all()


def test_a_steady_leak_is_full_when_it_will_be(world: World) -> None:
    leak = np.concatenate([np.full(80, 0.2), np.linspace(0.2, 0.8, 61)])[None]
    found = computed(world({"memory_usage": leak}))
    assert found["memory_usage.full_in"][0] == pytest.approx(20, abs=0.5)
    assert found["pod.soonest"][0] == pytest.approx(20, abs=0.5)
    assert found["memory_usage.line"][0] == pytest.approx(1, abs=1e-3)


def test_what_does_not_climb_is_never_full(world: World) -> None:
    found = computed(world({"memory_usage": np.full((1, 120), 0.7)}))
    assert found["memory_usage.full_in"][0] == features.HORIZON_MINUTES


def test_a_restart_that_resets_the_counter_counts_what_came_after_it(world: World) -> None:
    counter = np.array([[7.0] * 100 + [1.0] * 5 + [3.0] * 2])
    found = computed(world({"restarts": counter}))
    assert found["restarts.delta15"][0] == 3
    assert found["restarts.reset"][0] == 1


def test_silence_is_counted_in_minutes(world: World) -> None:
    values = noisy(2, 120)
    values[1, -4:] = np.nan
    found = computed(world({"cpu_usage": values}))
    assert found["pod.silent"].tolist() == [0, 4]
    assert found["pod.gone"][1] == pytest.approx(0.8, abs=0.01)


def test_one_of_two_replicas_stands_out_from_its_peer(world: World) -> None:
    values = noisy(3)
    values[0, -1] += 0.3
    found = computed(world({"cpu_usage": values}, workloads=["deployment/a", "deployment/a", "deployment/b"]))
    peers = found["cpu_usage.peers"]
    assert peers[0] > 2
    assert peers[1] == pytest.approx(-peers[0])
    assert peers[2] == 0


def test_a_jump_shows_against_the_lagged_baseline_for_as_long_as_the_lag(world: World) -> None:
    values = noisy(1, 200)
    values[0, 150:] += 0.4
    data = world({"cpu_usage": values})
    assert computed(data, at=149)["cpu_usage.z"][0] < 2
    assert computed(data, at=150)["cpu_usage.z"][0] > 3
    assert computed(data, at=154)["cpu_usage.z_mean"][0] > 3


def test_evidence_is_bounded_and_more_of_a_sign_is_never_less(world: World) -> None:
    base = noisy(1, 240)
    last = -1.0
    for rise in (0.0, 0.02, 0.05, 0.2, 0.6):
        values = base.copy()
        values[0, -15:] += rise
        found = computed(world({"memory_usage": values}), "evidence")
        assert all(0 <= value[0] <= 1 for value in found.values())
        assert found["memory.up"][0] >= last
        last = found["memory.up"][0]
    assert last > 0.5


def test_the_fingerprint_changes_with_signals_recipe_and_step(world: World) -> None:
    one = features.spec(world({"cpu_usage": noisy()}))
    two = features.spec(world({"cpu_usage": noisy(), "ready": noisy()}))
    prints = {s.fingerprint for s in (one, two, replace(one, recipe="evidence"), replace(one, step=30))}
    assert len(prints) == 4
    assert one.fingerprint == features.spec(world({"cpu_usage": noisy(seed=9)})).fingerprint


def test_a_gap_hides_no_change_of_a_flag_and_makes_none(world: World) -> None:
    ready = np.ones((2, 120))
    ready[1, -2:] = 0
    ready[:, -4:-2] = np.nan
    found = computed(world({"ready": ready}))
    assert found["ready.changed"].tolist() == [0, 1]
