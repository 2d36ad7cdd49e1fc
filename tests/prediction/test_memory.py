"""A history that does not fit into the memory is told so, before it is tried where that can be known."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chaoskit import errors
from chaoskit.prediction.data import memory

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
from chaoskit.cli.app import main
sys.exit(main(sys.argv[1:]))
"""

MEASURED = """
import re, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
import numpy as np
from chaoskit.prediction.data.dataset import Block, Dataset, Row
from chaoskit.prediction.features import Spec
from chaoskit.prediction.labelling.labels import Target, label
from chaoskit.prediction.learning.table import needed, tabulate
from chaoskit.signals import KNOWN

recipe, step = sys.argv[1], int(sys.argv[2])
signals = tuple(each for each in KNOWN.values() if each.scope != "node")
begin = datetime(2026, 1, 1, tzinfo=UTC)
status = Path("/proc/self/status")

def history(pods, moments):
    rows = tuple(Row("shop", f"deployment/w{pod // 2}", f"p{pod}") for pod in range(pods))
    values = np.random.default_rng(0).random((pods, len(signals), moments), dtype=np.float32)
    return Dataset(signals, step, (Block("shop", rows, begin, step, values),))

def made(dataset):
    return tabulate(label(dataset, Target("detect", timedelta(0))), Spec(recipe, step, signals))

def kib(name):
    return int(re.search(name + r":\\s+(\\d+)", status.read_text())[1])

made(history(2, 200))
dataset = history(30, 300)
asked = needed(dataset, Spec(recipe, step, signals), Spec("evidence", step, signals))
Path("/proc/self/clear_refs").write_text("5")
before = kib("VmRSS")
table = made(dataset)
print(asked, 1024 * (kib("VmHWM") - before))
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
        memory.check(memory.history(1000, 10_080, 17), 16 * memory.GIB, 4 * memory.GIB)
    assert refused.value.message == (
        "a history of 1000 pods x 10080 moments x 17 signals needs about 16.0 GiB of memory, 4.0 GiB are free"
    )
    assert "fewer hours" in refused.value.hint


@pytest.mark.parametrize("free", [None, 16 * memory.GIB])
def test_what_fits_or_may_fit_is_tried(free: int | None) -> None:
    memory.check(memory.history(1000, 10_080, 17), 16 * memory.GIB, free)


@pytest.mark.skipif(memory.free() is None, reason="nobody says here how much is free")
def test_lines_are_asked_for_as_they_come() -> None:
    growing = memory.Growing(line=8, later=8)
    growing.check(0, 1000)
    with pytest.raises(
        errors.CannotStart, match=r"^a history of 1000000000000 lines and more needs about \d+\.\d GiB"
    ):
        growing.check(1000, 10**12)


def test_memory_that_runs_out_is_no_bug() -> None:
    said = "Unable to allocate 12.1 GiB for an array with shape (1600, 46080, 44)"
    with (
        pytest.raises(errors.CannotStart, match=r"^the memory ran out: 12\.1 GiB more were needed$"),
        memory.in_words(),
    ):
        raise MemoryError(said)
    with pytest.raises(errors.CannotStart, match=r"^the memory ran out$"), memory.in_words():
        raise MemoryError


def test_there_is_some_memory_here() -> None:
    found = memory.free()
    assert found is None or found > 0


V2 = {
    "memory.max": "{most}",
    "memory.current": "{taken}",
    "memory.stat": "active_file {files}\ninactive_file 0",
}
V1 = {
    "memory.limit_in_bytes": "{most}",
    "memory.usage_in_bytes": "{taken}",
    "memory.stat": "active_file 1\ntotal_active_file 0\ntotal_inactive_file {files}",
}


def system(root: Path, told: str, groups: dict[str, tuple[object, int, int]]) -> Path:
    """A made-up /proc and /sys: 64 GiB are free; groups have (most, taken, of which files) in MiB."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemAvailable:   {64 * 2**20} kB\n", encoding="utf-8")
    (root / "proc/self/cgroup").write_text(told, encoding="utf-8")
    for name, (most, *others) in groups.items():
        folder = root / "sys/fs/cgroup" / name
        folder.mkdir(parents=True, exist_ok=True)
        taken, files = (each * 2**20 for each in others)
        limit = most * 2**20 if isinstance(most, int) else most
        for file, text in (V1 if name.startswith("memory") else V2).items():
            (folder / file).write_text(text.format(most=limit, taken=taken, files=files), encoding="utf-8")
    return root


UNLIMITED = 2**43

V1_LINES = "9:name=systemd:/\n5:cpu,memory:{path}\n0::{path}\n"


@pytest.mark.parametrize(
    ("told", "groups", "left"),
    [
        ("0::/\n", {"": (1024, 600, 100)}, 524),
        ("0::/\n", {"": ("max", 600, 100)}, 65536),
        ("0::/pod/one\n", {"pod/one": (1024, 600, 0), "pod": (2048, 1900, 10)}, 158),
        ("0::/pod/one\n", {"pod/one": ("max", 600, 0), "pod": (2048, 1900, 10), "other": (9, 8, 0)}, 158),
        ("0::/pod/one\n", {"pod/one": (1024, 2000, 0)}, 0),
        ("0::/on/the/host\n", {"": (1024, 600, 0)}, 424),
        (V1_LINES.format(path="/"), {"memory": (1024, 600, 100)}, 524),
        (V1_LINES.format(path="/pod"), {"memory": (UNLIMITED, 900, 0), "memory/pod": (1024, 600, 0)}, 424),
        (V1_LINES.format(path="/docker/1f"), {"memory": (512, 500, 3)}, 15),
        ("", {"": (1024, 600, 0)}, 65536),
    ],
    ids=[
        "v2 container",
        "v2 without limit",
        "v2 the group around",
        "v2 limit of the group around alone",
        "v2 over its limit",
        "v2 path of the host",
        "v1 container",
        "v1 own group",
        "v1 path of the host",
        "no groups",
    ],
)
def test_what_the_groups_of_this_process_leave_is_free(
    tmp_path: Path, told: str, groups: dict[str, tuple[object, int, int]], left: int
) -> None:
    assert memory.free(system(tmp_path, told, groups)) == left * 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="reads what a process took at the most from /proc")
@pytest.mark.parametrize(("recipe", "step"), [("window", 60), ("evidence", 60), ("window", 300)])
def test_features_take_about_what_was_asked_for(recipe: str, step: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED, recipe, str(step)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    asked, taken = map(int, ended.stdout.split())
    assert 0.6 * asked < taken < 1.15 * asked


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
