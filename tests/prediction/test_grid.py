"""No sample is lost for its phase; what shares a moment is told, and so is a step that is not the data's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from chaoskit.prediction.data.dataset import Dataset
from chaoskit.prediction.data.grid import apart, nearest
from chaoskit.prediction.reading.mapping import load_mapping
from chaoskit.prediction.reading.tables import read

START = datetime(2026, 1, 1, tzinfo=UTC)
LONG = "signals: {cpu_usage: {column: cpu}}\n"
TIDY = "tidy: {name: what}\nsignals: {cpu_usage: {column: cpu}, memory_bytes: {column: mem}}\n"


def of(
    folder: Path, lines: Iterable[tuple[float, str]], more: str = LONG, columns: str = "pod,cpu"
) -> Dataset:
    """Of lines: when (seconds after the start) and the cells that follow."""
    written = [f"{(START + timedelta(seconds=at)).isoformat()},{cells}\n" for at, cells in lines]
    (folder / "m.csv").write_text(f"at,{columns}\n" + "".join(written))
    (folder / "m.yaml").write_text(
        "apiVersion: chaoskit.io/v1\nkind: DataMapping\nmetadata: {name: m}\nfiles: [m.csv]\nstep: 60\n"
        f"timestamp: at\nidentity: {{pod: pod}}\n{more}"
    )
    return read([folder], load_mapping(folder / "m.yaml"))


@pytest.mark.parametrize("phase", [0, 1, 29, 29.9995, 30, 30.0005, 31, 59])
def test_a_pod_keeps_every_sample_whatever_its_phase(tmp_path: Path, phase: float) -> None:
    data = of(
        tmp_path, [(60 * m + at, f"{pod},{m}") for m in range(240) for pod, at in (("a", 0), ("b", phase))]
    )
    (block,) = data.blocks
    own = block.values[1, 0]
    assert own[~np.isnan(own)].tolist() == list(range(240))
    assert block.values[0, 0, :240].tolist() == list(range(240))
    assert data.notes == ()


@pytest.mark.parametrize("seed", range(5))
def test_samples_half_a_step_beside_the_first_that_come_early_and_late_are_all_kept(seed: int) -> None:
    """Each within a step of its time, in their order."""
    late = np.random.default_rng(seed).uniform(-0.2, 0.2, 500)
    times = np.concatenate([[0.0], np.arange(1, 501) + 0.5 + late])
    rows = np.array([0, *[1] * 500])
    steps, moments = nearest(times, 0.0, 1.0)
    assert len(np.unique(moments[1:])) < 500  # each at the nearest moment, some would meet
    found, lost = apart(rows, steps, moments)
    assert not lost.any()
    assert (np.diff(found[1:]) > 0).all()
    assert np.abs(found - steps).max() < 1


def test_signals_of_one_pod_at_two_phases_stand_beside_each_other(tmp_path: Path) -> None:
    lines = [(60 * m + at, f"a,{what},{m}") for m in range(60) for what, at in (("cpu", 0), ("mem", 30))]
    (block,) = (data := of(tmp_path, lines, TIDY, "pod,what,value")).blocks
    assert block.values[0].tolist() == [list(range(60))] * 2
    assert data.notes == ()


def test_samples_that_share_a_moment_are_counted(tmp_path: Path) -> None:
    data = of(tmp_path, [(15 * n, f"a,{n}") for n in range(241)])
    assert data.blocks[0].values[0, 0, :3].tolist() == [2, 6, 10]
    (note,) = data.notes
    assert note == (
        "180 samples share a moment with a newer one, which counts:"
        " samples of a pod are mostly 15 s apart, and step is 60 s"
    )


def test_one_sample_too_many_is_told_and_a_line_that_was_written_twice_is_none(tmp_path: Path) -> None:
    lines = [(60 * m, f"a,{m}") for m in range(60)]
    assert of(tmp_path, [*lines, *lines]).notes == ()
    (note,) = of(tmp_path, [*lines, (610, "a,1")]).notes
    assert note.startswith("1 sample shares a moment with a newer one")


def test_samples_that_come_more_seldom_than_the_step_says_are_told(tmp_path: Path) -> None:
    (note,) = of(tmp_path, [(300 * m, f"a,{m}") for m in range(60)]).notes
    expected = "samples of a pod are mostly 300 s apart, and step is 60 s: 80% of the moments have no sample"
    assert note == expected
