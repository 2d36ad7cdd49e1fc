"""A counter that has counted far tells its growth to a millionth, wherever it comes from and goes through."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from chaoskit.flows.collecting import collect as collect_files
from chaoskit.ports.metrics import Alert, Sample, Series, Signal
from chaoskit.prediction.answers.reasons import Look
from chaoskit.prediction.data.dataset import Dataset, collect
from chaoskit.prediction.data.recent import Recent, latest
from chaoskit.prediction.features import Following, Live, Spec, batch, spec
from chaoskit.prediction.reading.chunks import Asked
from chaoskit.prediction.reading.mapping import load_mapping
from chaoskit.prediction.reading.sheets import Form
from chaoskit.prediction.reading.tables import read
from chaoskit.signals import BY_NAME

START = datetime(2026, 3, 2, tzinfo=UTC)
LENGTH, RESET, GAP = 240, 200, slice(120, 125)
CALLS = Signal("failed_calls", "count", "counter", "pod", "", "failed", "failed calls")
SIGNALS = (BY_NAME["memory_usage"], CALLS)
LARGE = [5e8, 3e9, 2e14]

MAPPING = """\
apiVersion: chaoskit.io/v1
kind: DataMapping
metadata: {name: counters}
files: [pods.csv]
step: 60
timestamp: at
identity: {pod: pod}
signals:
  memory_usage: {column: memory}
  failed_calls: {column: failed, kind: counter, unit: count, meaning: failed calls}
"""


def counter(base: float) -> np.ndarray:
    """Seven more each minute, with a gap; from a restart on it counts anew."""
    found = base + 7.0 * np.arange(LENGTH)
    found[RESET:] = 7.0 * np.arange(1, LENGTH - RESET + 1)
    found[GAP] = np.nan
    return found


class Prometheus:
    """One pod's memory and its counter, minute by minute."""

    def __init__(self, base: float) -> None:
        self.values = {"memory_usage": np.full(LENGTH, 0.2), CALLS.name: counter(base)}

    def range(
        self, signal: Signal, start: datetime, end: datetime, *, step: int = 0,
        where: Mapping[str, str] | None = None,
    ) -> tuple[Series, ...]:  # fmt: skip
        first, last = (round((at - START).total_seconds() / 60) for at in (start, end))
        pod = {"namespace": "shop", "pod": "a-1", "workload": "a", "workload_kind": "deployment"}
        values = self.values[signal.name][first : last + 1]
        return (Series(pod, start, 60, array("d", values)),)

    def instant(
        self, signal: Signal, where: Mapping[str, str] | None = None, *, at: datetime | None = None
    ) -> tuple[Sample, ...]:
        raise NotImplementedError

    def alerts(self) -> tuple[Alert, ...]:
        raise NotImplementedError


def collected(base: float, first: int, last: int) -> Dataset:
    """These minutes, the last one excluded."""
    begin, end = (START + timedelta(minutes=minute) for minute in (first, last - 1))
    return collect(Prometheus(base), begin, end, "shop", wanted=SIGNALS)


def imported(base: float, folder: Path) -> Dataset:
    cells = ["" if np.isnan(value) else f"{value:.0f}" for value in counter(base)]
    times = [(START + timedelta(minutes=minute)).isoformat() for minute in range(LENGTH)]
    lines = [f"{at},a-1,0.2,{cell}" for at, cell in zip(times, cells, strict=True)]
    (folder / "pods.csv").write_text("\n".join(["at,pod,memory,failed", *lines]))
    (folder / "counters.yaml").write_text(MAPPING)
    return read([folder], load_mapping(folder / "counters.yaml"))


def grown(features: np.ndarray, wanted: Spec) -> list[list[float]]:
    """Growth over five minutes and an hour, and whether it was reset: [moment][feature]."""
    names = [f"failed_calls.{each}" for each in ("delta5", "delta60", "reset")]
    found: list[list[float]] = features[..., [wanted.names.index(name) for name in names]].tolist()
    return found


MOMENTS = np.array([110, 118, 130, 199, 200, 204, 239])
TRUE = [[35, 420, 0]] * 4 + [[35, 420, 1]] * 2 + [[35, 420, 0]]


def of(data: Dataset) -> list[list[float]]:
    wanted = spec(data, "window")
    return grown(batch.compute(data.blocks[0], wanted, MOMENTS)[0], wanted)


@pytest.mark.parametrize("base", LARGE)
def test_a_large_counter_of_a_file_grows_by_what_it_grew(base: float, tmp_path: Path) -> None:
    assert of(imported(base, tmp_path)) == TRUE


@pytest.mark.parametrize("base", LARGE)
def test_a_large_counter_that_was_collected_grows_by_what_it_grew(base: float) -> None:
    data = collected(base, 0, LENGTH)
    assert of(data) == TRUE
    assert of(data.select(SIGNALS[::-1])) == TRUE
    assert of(data.only(["deployment/a"])) == TRUE
    assert Look.at(data, data.blocks[0].cut(0, 199), 0).more("failed_calls", 15) == 105


def test_a_thinner_grid_keeps_what_a_counter_grew_by() -> None:
    data = collected(3e9, 0, LENGTH).thin(300)
    wanted = spec(data, "window")
    assert grown(batch.compute(data.blocks[0], wanted, np.array([20]))[0], wanted) == [[70, 420, 0]]


@pytest.mark.parametrize("base", LARGE)
def test_a_large_counter_grows_alike_push_after_push(base: float) -> None:
    (block,) = collected(base, 0, LENGTH).blocks
    wanted = Spec("window", 60, SIGNALS)
    whole = batch.compute(block, wanted, np.arange(LENGTH))
    live = Live(wanted, block.rows)
    pushed = [live.push(block.exact[..., i], block.at(i).timestamp()) for i in range(LENGTH)]
    np.testing.assert_allclose(np.stack(pushed, axis=1), whole, rtol=1e-6, atol=1e-6)
    primed = Live.primed(wanted, block, 150).features()
    np.testing.assert_allclose(primed, whole[:, 149], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("base", [*LARGE, 2.0**24 - 7 * 130])
def test_a_large_counter_that_is_followed_look_after_look_grows_by_what_it_grew(base: float) -> None:
    """The last of them becomes too large for single precision while it is followed."""
    wanted, (whole,) = Spec("window", 60, SIGNALS), collected(base, 0, LENGTH).blocks
    recent, following, known = Recent(100), Following(4), collected(base, 0, 100)
    recent.take(known)
    for end in range(101, LENGTH + 1):
        new = collected(base, end - 4, end).select(SIGNALS)
        seen, known = recent.take(new), latest(known, new, 100)
        for block in (seen.blocks[0], known.blocks[0]):
            np.testing.assert_array_equal(block.exact[0, 1], counter(base)[end - 100 : end])
        found = following.compute(seen.blocks[0], wanted, np.array([99]))
        window = batch.compute(whole.cut(end - 100, end), wanted, np.array([99]))
        np.testing.assert_allclose(found, window, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("base", LARGE)
def test_a_large_counter_is_read_back_as_it_was_collected(base: float, form: Form, tmp_path: Path) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    asked = Asked("shop", SIGNALS, 60, 3600, form)
    found = collect_files(Prometheus(base), asked, START, START + timedelta(minutes=LENGTH), tmp_path)
    data = read([tmp_path], load_mapping(found.mapping))
    np.testing.assert_array_equal(data.blocks[0].exact[0, 1], counter(base))


def test_a_counter_that_single_precision_holds_takes_no_more_memory() -> None:
    data = collected(1000, 0, LENGTH)
    assert not data.blocks[0].fine
    assert data.blocks[0].exact is data.blocks[0].values
