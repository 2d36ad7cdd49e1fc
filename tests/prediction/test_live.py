"""The live path says what the batch says, whatever comes: gaps, resets, pods that come and go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaoskit.prediction.data.dataset import Block, Dataset, Row
from chaoskit.prediction.features import Live, Recipe, Spec, batch, compute
from chaoskit.prediction.features import live as lives
from chaoskit.signals import BY_NAME

World = Callable[..., Dataset]
NAMES = ("cpu_usage", "memory_usage", "memory_bytes", "restarts", "ready", "edge_gap")
RECIPES: tuple[Recipe, ...] = ("window", "evidence")


def spec(recipe: Recipe, step: int = 60) -> Spec:
    return Spec(recipe, step, tuple(BY_NAME[name] for name in NAMES))


def history(seed: int, *, step: int = 60, length: int = 230, missing: float = 0.05) -> Block:
    """Noise, a large drifting level, a counter with a reset, a flag; gaps and a pod that is away a while."""
    random = np.random.default_rng(seed)
    pods = 7
    values = random.random((pods, len(NAMES), length))
    values[:, 2] = 5e8 + 1e6 * random.standard_normal((pods, length)).cumsum(axis=1)
    values[:, 3] = (random.random((pods, length)) < 0.03).cumsum(axis=1)
    values[:, 3, length // 2 :] -= values[:, 3, length // 2, None]
    values[:, 4] = random.random((pods, length)) > 0.05
    values[random.random(values.shape) < missing] = np.nan
    first, last = sorted(random.integers(0, length, 2))
    values[2, :, first:last] = np.nan
    values[3, :, : length // 3] = np.nan
    rows = tuple(Row("shop" if i < 5 else "bank", f"deployment/w{i // 2}", f"pod-{i}") for i in range(pods))
    start = datetime(2026, 3, 2, 7, int(random.integers(60)), tzinfo=UTC)
    return Block("run", rows, start, step, values.astype(np.float32))


def pushed(wanted: Spec, block: Block) -> np.ndarray:
    """The features [row, moment, feature] by one push per moment."""
    live = Live(wanted, block.rows)
    made = [live.push(block.values[:, :, i], block.at(i).timestamp()) for i in range(block.length)]
    return np.stack(made, axis=1)


def same(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**31), recipe=st.sampled_from(RECIPES), step=st.sampled_from([15, 60]))
def test_live_and_batch_are_equal_to_a_millionth(seed: int, recipe: Recipe, step: int) -> None:
    block, wanted = history(seed, step=step), spec(recipe, step)
    same(pushed(wanted, block), batch.compute(block, wanted, np.arange(block.length)))


@pytest.mark.parametrize("recipe", RECIPES)
def test_running_sums_that_are_made_anew_stay_equal(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    block, wanted = history(3), spec(recipe)
    often = pushed(wanted, block)
    monkeypatch.setattr(lives, "REBUILD", 17)
    same(pushed(wanted, block), often)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_few_moments_are_made_like_many(recipe: Recipe) -> None:
    block, wanted = history(5), spec(recipe)
    moments = np.array([229, 3, 120])
    same(compute(block, wanted, moments), batch.compute(block, wanted, moments))


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("size", [1e5, 1e9, 1e14, 1e30])
def test_an_absurd_value_is_forgotten_with_the_window_that_it_was_in(recipe: Recipe, size: float) -> None:
    block, wanted = history(7, missing=0), spec(recipe)
    block.values[0, :3, [60, 100]] = size
    block.values[1, :3, 0] = size  # what is summed is measured from there at first
    found = pushed(wanted, block)
    same(found, batch.compute(block, wanted, np.arange(block.length)))
    for name in ("cpu_usage", "memory_usage") if recipe == "window" else ():
        line = found[..., wanted.names.index(f"{name}.line")]
        assert np.abs(line).max() <= 1
        for row, at in ((0, 95), (0, 131), (0, 200), (1, 31), (1, 90)):
            half = block.values[row, NAMES.index(name), at - 29 : at + 1].astype(np.float64)
            assert line[row, at] == pytest.approx(np.corrcoef(half, np.arange(30))[0, 1], abs=1e-6)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_counter_that_was_absurd_for_a_moment_counts_on(recipe: Recipe) -> None:
    block, wanted = history(7, missing=0), spec(recipe)
    block.values[0, NAMES.index("restarts")] = np.arange(block.length) // 4
    block.values[0, NAMES.index("restarts"), 60] = 1e30
    same(pushed(wanted, block)[:, 130:], batch.compute(block, wanted, np.arange(130, block.length)))


def test_one_that_is_primed_goes_on_as_if_it_had_seen_all() -> None:
    block, wanted = history(8), spec("window")
    primed = Live.primed(wanted, block, 200)
    for index in range(200, 230):
        found = primed.push(block.values[:, :, index], block.at(index).timestamp())
    same(found, compute(block, wanted, np.array([229]))[:, 0])


def test_pods_that_come_and_go_do_not_disturb_the_others() -> None:
    block, wanted = history(4, missing=0), spec("window")
    live = Live.primed(wanted, block, 150)
    kept = (*block.rows[1:], Row("shop", "deployment/new", "new-pod"))
    live.follow(kept)
    nothing = np.full((1, len(NAMES), block.length), np.nan, dtype=np.float32)
    for index in range(150, 160):
        now = np.concatenate([block.values[1:], nothing])[:, :, index]
        found = live.push(now, block.at(index).timestamp())
    changed = Block("run", kept, block.start, 60, np.concatenate([block.values[1:], nothing]))
    same(found, compute(changed, wanted, np.array([159]))[:, 0])
    assert not found[-1].any()


def test_a_moment_that_was_left_out_is_one_without_a_sample() -> None:
    block, wanted = history(6, missing=0), spec("window")
    gap = block.values.copy()
    gap[:, :, 205:208] = np.nan
    live = Live.primed(wanted, block, 205)
    found = live.push(block.values[:, :, 208], block.at(208).timestamp())
    cut = Block("run", block.rows, block.start, 60, gap[:, :, :209])
    same(found, compute(cut, wanted, np.array([208]))[:, 0])


def test_a_moment_from_the_past_is_refused() -> None:
    block, wanted = history(6), spec("window")
    live = Live.primed(wanted, block)
    with pytest.raises(ValueError, match="not after"):
        live.push(block.values[:, :, 0], block.at(0).timestamp())


def test_memory_does_not_grow_with_the_pushes() -> None:
    block, wanted = history(2), spec("window")
    live = Live.primed(wanted, block)

    def kept() -> int:
        arrays = [each for each in vars(live).values() if isinstance(each, np.ndarray)]
        return sum(each.nbytes for each in (*arrays, *live._blocks)) + len(live._totals)

    sizes = []
    for index in range(300):
        live.push(block.values[:, :, index % 200], block.end.timestamp() + 60 * (index + 1))
        sizes.append(kept())
    assert all(one == other for one, other in pairwise(sizes))
