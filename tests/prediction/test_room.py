"""A history that does not fit into the memory is told so, before it is tried where that can be known."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chaoskit import errors
from chaoskit.prediction import room

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
from chaoskit.cli.app import main
sys.exit(main(sys.argv[1:]))
"""

MAPPING = """
apiVersion: chaoskit.io/v1
kind: DataMapping
metadata: {name: large}
files: [pods.csv]
step: 1
identity: {pod: pod, namespace: =shop}
signals: {cpu_usage: {column: cpu}}
"""


def test_what_is_needed_is_told_beside_what_is_free() -> None:
    with pytest.raises(errors.CannotStart) as refused:
        room.check(1000, 10_080, 17, 16 * room.GIB, 4 * room.GIB)
    assert refused.value.message == (
        "a history of 1000 pods x 10080 moments x 17 signals needs about 16.0 GiB of memory, 4.0 GiB are free"
    )
    assert "fewer hours" in refused.value.hint


@pytest.mark.parametrize("free", [None, 16 * room.GIB])
def test_what_fits_or_may_fit_is_tried(free: int | None) -> None:
    room.check(1000, 10_080, 17, 16 * room.GIB, free)


def test_memory_that_runs_out_is_no_bug() -> None:
    said = "Unable to allocate 12.1 GiB for an array with shape (1600, 46080, 44)"
    with (
        pytest.raises(errors.CannotStart, match=r"^the memory ran out: 12\.1 GiB more were needed$"),
        room.told(),
    ):
        raise MemoryError(said)
    with pytest.raises(errors.CannotStart, match=r"^the memory ran out$"), room.told():
        raise MemoryError


def test_there_is_some_memory_here() -> None:
    found = room.free()
    assert found is None or found > 0


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space of a process")
def test_a_history_that_is_too_large_is_refused_before_it_is_read_into_memory(tmp_path: Path) -> None:
    lines = [f"{1_700_000_000 + 3 * number},p-{number},1" for number in range(25_000)]
    (tmp_path / "pods.csv").write_text("\n".join(["timestamp,pod,cpu", *lines, ""]), encoding="utf-8")
    (tmp_path / "large.yaml").write_text(MAPPING, encoding="utf-8")
    asked = ["train", "--data", str(tmp_path), "--mapping", str(tmp_path / "large.yaml")]
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, *asked], capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 4, ended.stderr
    assert "25000 pods x 74998 moments x 1 signals needs about 7.0 GiB of memory" in ended.stderr
