"""Features of pods that come and go: what is kept is what a whole array would hold, and no more."""

from __future__ import annotations

import numpy as np
import pytest
from tests.prediction.conftest import made

from chaoskit.prediction import features
from chaoskit.prediction.data.dataset import Dataset, present
from chaoskit.prediction.data.packed import Packed
from chaoskit.prediction.features import batch
from chaoskit.prediction.features.context import Groups
from chaoskit.prediction.labelling.labels import Target, label
from chaoskit.prediction.learning import evidence, folds
from chaoskit.prediction.learning.table import tabulate

WORKLOADS, RELEASES, LASTS = 5, 12, 200


def released_often() -> Dataset:
    """Each workload has one pod, which another replaces every so many minutes."""
    random = np.random.default_rng(3)
    cpu = 0.3 + 0.05 * random.standard_normal((WORKLOADS * RELEASES, RELEASES * LASTS))
    there = np.arange(RELEASES * LASTS) // LASTS == (np.arange(len(cpu)) % RELEASES)[:, None]
    cpu[~there] = np.nan
    names = [f"app-{row // RELEASES}" for row in range(len(cpu))]
    return made(
        {"cpu_limit_ratio": cpu, "memory_usage": cpu * 2, "restarts": np.where(there, 1.0, np.nan)},
        pods=[f"{name}-{row % RELEASES}" for row, name in enumerate(names)],
        workloads=[f"deployment/{name}" for name in names],
    )


@pytest.mark.parametrize("recipe", ["window", "evidence"])
def test_what_is_kept_is_what_the_whole_array_holds(recipe: features.Recipe) -> None:
    data = released_often()
    block, wanted = data.blocks[0], features.spec(data, recipe)
    every = np.arange(block.length)
    whole = batch.from_trailing(batch.trail(block, wanted, every), wanted, Groups.of(block.rows))
    packed = features.packed(block, wanted)
    np.testing.assert_allclose(packed[:], whole, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(packed[:], features.compute(block, wanted, every))
    np.testing.assert_array_equal(packed.there, whole.any(axis=2))
    assert len(packed.lines) <= 1 + features.lines(block, wanted) < block.values[:, 0].size / 5


def test_what_is_unusual_is_kept_as_the_whole_array_holds_it() -> None:
    data = released_often()
    block, wanted = data.blocks[0], features.spec(data)
    whole = features.unusual(block, wanted, np.arange(block.length))
    packed = features.packed_unusual(block, wanted)
    np.testing.assert_array_equal(packed[:], np.moveaxis(whole, 1, -1))
    assert len(packed.lines) <= 1 + present(block.values).sum()


def test_some_moments_of_it_keep_no_more_than_is_theirs() -> None:
    data = released_often()
    packed = features.packed(data.blocks[0], features.spec(data))
    chosen = np.arange(data.blocks[0].length) < LASTS
    part = packed.at(chosen)
    np.testing.assert_array_equal(part[:], packed[:, chosen])
    assert len(part.lines) == 1 + part.there.sum()
    np.testing.assert_array_equal(part.each(lambda lines: lines.sum(axis=1)), packed[:, chosen].sum(axis=2))


def test_an_array_of_nothing_keeps_one_line() -> None:
    packed = Packed.of((2, 3, 1), 0, [], np.nan)
    assert np.isnan(packed[:]).all()
    assert (packed.shape, packed.lines.shape) == ((2, 3, 1), (1, 1))


def test_evidence_of_pods_that_come_and_go_is_measured_where_they_are() -> None:
    labelled = label(released_often(), Target())
    table = tabulate(labelled, features.spec(labelled.dataset, "evidence"))
    dense = [block[:] for block in table.signs]
    found = evidence.fit(labelled, folds.everything(labelled), table.sign_spec, table.signs)
    (over,) = found.over(table.sign_spec, table.signs)
    np.testing.assert_array_equal(over, found.scores(table.sign_spec, dense[0]))
    mine, whole = (
        evidence.tops(labelled, folds.everything(labelled), blocks) for blocks in (table.signs, dense)
    )
    np.testing.assert_array_equal(mine, whole)
