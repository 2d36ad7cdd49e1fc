"""All labelled sets load by their committed mapping, where they lie in the folder of shared material."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.servers import shared_folder

from chaoskit.prediction.labelling.labels import Target, label
from chaoskit.prediction.reading.mapping import load_mapping
from chaoskit.prediction.reading.tables import read

EXAMPLES = Path(__file__).parents[2] / "examples" / "data"


@pytest.mark.parametrize(
    ("mapping", "folder", "runs", "events", "samples"),
    [
        ("sockshop-k8s", "sockshop-k8s", 3, 56, 170_995),
        ("nezha-ob", "nezha-ob-tt", 1, 24, 2_580),
        ("nezha-tt", "nezha-ob-tt", 1, 28, 20_056),
        ("redis-prevent", "redis-prevent", 9, 9, 25_159),
        ("dbsherlock-tpcc", "dbsherlock-tpcc", 70, 70, 9_534),
    ],
)
def test_a_set_loads_whole(mapping: str, folder: str, runs: int, events: int, samples: int) -> None:
    place = shared_folder() / "data" / folder
    if not place.is_dir():
        pytest.skip(f"{folder} does not lie in the shared folder ($CHAOSKIT_SHARED)")
    meaning = load_mapping(EXAMPLES / f"{mapping}.yaml")
    data = read([place], meaning)
    horizon = timedelta(minutes=meaning.target.horizon_minutes)
    labelled = label(data, Target(meaning.target.mode, horizon, confirm=meaning.target.confirm))
    assert (len(data.blocks), len(labelled.events)) == (runs, events)
    assert data.samples == pytest.approx(samples, rel=0.005)
    assert all(np.isfinite(block.values[~np.isnan(block.values)]).all() for block in data.blocks)
    assert labelled.positives > events
