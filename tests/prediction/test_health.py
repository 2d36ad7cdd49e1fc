"""Drift of many workloads is told from the failure of one; stale signals and old models are named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from chaoskit.prediction.answers.health import Health, health_of
from chaoskit.prediction.data.dataset import Dataset
from chaoskit.prediction.judging.evaluation import Trained
from chaoskit.prediction.labelling.labels import Labelled
from chaoskit.prediction.learning.ranges import ranges

Change = Callable[[np.ndarray], None]


def changed(leaks: Labelled, signal: str, change: Change) -> Dataset:
    """The last two hours of the leaking world, one signal [pod, moment] of it changed."""
    block = leaks.dataset.blocks[0].cut(leaks.dataset.blocks[0].length - 120, leaks.dataset.blocks[0].length)
    values = block.values.copy()
    change(values[:, leaks.dataset.names.index(signal)])
    return replace(leaks.dataset, blocks=(replace(block, values=values),))


def looked(trained: Trained, window: Dataset, days: float = 0) -> Health:
    return health_of(trained.model, window, trained.model.trained_at + timedelta(days=days))


def test_ranges_are_of_what_was_measured(leaks: Labelled) -> None:
    found = ranges(leaks.dataset)
    assert set(found) == {"memory_usage", "memory_bytes", "cpu_usage", "request_rate"}
    low, high = found["request_rate"]
    assert 10 < low < 20 < high < 30


def test_a_world_like_the_training_is_fresh(trained: Trained, leaks: Labelled) -> None:
    assert looked(trained, changed(leaks, "cpu_usage", lambda values: None)) == Health()
    assert Health().words == Health().brief == "fresh"


def test_in_brief_signals_are_counted_and_not_named() -> None:
    found = Health(("drift: b", "drift: c"), ("a is absent",), "trained 40 d ago: train it again")
    assert found.brief == "1 signal stale or absent; 2 signals drifted; trained 40 d ago: train it again"


def test_one_workload_that_is_unlike_is_a_failure_many_are_drift(trained: Trained, leaks: Labelled) -> None:
    def one(values: np.ndarray) -> None:
        values[0] *= 4

    def many(values: np.ndarray) -> None:
        values[:5] *= 4

    assert not looked(trained, changed(leaks, "request_rate", one)).drift
    found = looked(trained, changed(leaks, "request_rate", many))
    assert found.drift == ("drift: request_rate of 5 of 8 workloads is unlike the training",)
    assert found.words.startswith("drift: request_rate")


@pytest.mark.parametrize(
    ("last", "words"),
    [(-12, "cpu_usage is stale: no sample for 12 min"), (None, "cpu_usage is absent"), (-4, "")],
)
def test_a_signal_that_fell_silent_is_named(
    trained: Trained, leaks: Labelled, last: int | None, words: str
) -> None:
    def silent(values: np.ndarray) -> None:
        values[:, slice(last, None) if last else slice(None)] = np.nan

    assert looked(trained, changed(leaks, "cpu_usage", silent)).stale == ((words,) if words else ())


def test_an_old_model_says_so(trained: Trained, leaks: Labelled) -> None:
    window = changed(leaks, "cpu_usage", lambda values: None)
    assert looked(trained, window, days=31).old == "trained 31 d ago: train it again"
    assert not looked(trained, window, days=29).old
