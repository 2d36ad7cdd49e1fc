"""What the features of pods that come and go take, beside one array of every pod and moment."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime

import numpy as np
import pytest

from chaoskit.prediction import features
from chaoskit.prediction.data.dataset import Block, Dataset, Row
from chaoskit.prediction.labelling.labels import Target, label
from chaoskit.prediction.learning.table import tabulate
from chaoskit.signals import BY_NAME

FULL, SMALL, WORKLOADS, STEP = 60, 20, 10, 300
SIGNALS = ("cpu_usage", "memory_usage", "cpu_limit_ratio", "fs_usage")


def redeployed_daily(days: int) -> Dataset:
    """Ten workloads of one pod each, which another replaces every day."""
    a_day = 86_400 // STEP
    pods = [(number, day) for number in range(WORKLOADS) for day in range(days)]
    values = np.full((len(pods), len(SIGNALS), days * a_day), np.nan, dtype=np.float32)
    random = np.random.default_rng(1)
    for row, (_, day) in enumerate(pods):
        here = values[row, :, day * a_day : (day + 1) * a_day]
        here[:] = random.random(here.shape, dtype=np.float32)
    rows = tuple(Row("shop", f"deployment/app-{number}", f"app-{number}-{day:03}") for number, day in pods)
    block = Block("run", rows, datetime(2026, 3, 2, tzinfo=UTC), STEP, values)
    return Dataset(tuple(BY_NAME[name] for name in SIGNALS), STEP, (block,))


def test_features_of_daily_releases_take_a_tenth_of_whole_arrays(
    request: pytest.FixtureRequest,
) -> None:
    labelled = label(
        redeployed_daily(FULL if request.config.getoption("benchmark_enable") else SMALL), Target()
    )
    wanted = features.spec(labelled.dataset)
    tracemalloc.start()
    table = tabulate(labelled, wanted)
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    of_each = len(wanted.names) + len(table.sign_spec.names) + len(SIGNALS)
    whole = 4 * sum(len(b.rows) * b.length for b in labelled.dataset.blocks) * of_each
    assert kept < whole / 10
    assert most < whole * 2 / 3  # what is worked on at once is bounded, however long the history
