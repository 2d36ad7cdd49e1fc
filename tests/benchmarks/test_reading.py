"""What reading metric files takes at the most, beside what is kept of them; each in a process of its own.

``pytest tests/benchmarks --benchmark-enable`` reads a week of 100 pods, and tells the time that it took.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

PODS, SIGNALS, STEP, START = 100, 20, 60, 1_770_000_000

MEASURED = """
import re, sys, time
from pathlib import Path
from chaoskit.prediction.reading.mapping import load_mapping
from chaoskit.prediction.reading.tables import read

status = Path("/proc/self/status")

def kib(name):
    return int(re.search(name + r":\\s+(\\d+)", status.read_text())[1])

mapping, small, large = load_mapping(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3])
read([small], mapping)
Path("/proc/self/clear_refs").write_text("5")
before, begun = kib("VmRSS"), time.process_time()
data = read([large], mapping)
kept = sum(block.values.nbytes for block in data.blocks)
print(kept, 1024 * (kib("VmHWM") - before), time.process_time() - begun)
"""

SHAPES = {"long": "identity: {pod: pod}", "wide": "wide: {columns: '(?P<pod>p[0-9]+)_(?P<signal>s[0-9]+)'}"}


def written(path: Path, shape: str, moments: int) -> Path:
    """Measurements of that shape as CSV, or as Parquet by the file's suffix."""
    values = np.random.default_rng(1).random((moments, PODS, SIGNALS)).round(3)
    times = START + STEP * np.arange(moments)
    if shape == "long":
        names = ["timestamp", "pod", *(f"s{signal}" for signal in range(SIGNALS))]
        whose = [f"p{pod}" for _ in range(moments) for pod in range(PODS)]
        columns = [times.repeat(PODS).tolist(), whose, *values.reshape(-1, SIGNALS).T.tolist()]
    else:
        names = ["timestamp", *(f"p{pod}_s{signal}" for pod in range(PODS) for signal in range(SIGNALS))]
        columns = [times.tolist(), *values.reshape(moments, -1).T.tolist()]
    if path.suffix == ".parquet":
        pa = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pa.table(columns, names), path)
    else:
        lines = (",".join(map(str, cells)) for cells in zip(*columns, strict=True))
        path.write_text("\n".join([",".join(names), *lines, ""]), encoding="utf-8")
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="reads what a process took at the most from /proc")
@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("shape", SHAPES)
def test_reading_takes_little_more_than_twice_what_is_kept(
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
    tmp_path: Path,
    shape: str,
    form: str,
) -> None:
    whole = request.config.getoption("benchmark_enable")
    signals = "".join(f"  s{number}: {{column: s{number}, unit: count}}\n" for number in range(SIGNALS))
    mapping = tmp_path / "m.yaml"
    mapping.write_text(
        "apiVersion: chaoskit.io/v1\nkind: DataMapping\nmetadata: {name: m}\nfiles: [m.csv]\n"
        f"step: {STEP}\n{SHAPES[shape]}\nsignals:\n{signals}"
    )
    small = written(tmp_path / f"small.{form}", shape, 100)
    large = written(tmp_path / f"large.{form}", shape, 10_080 if whole else 2000)
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED, str(mapping), str(small), str(large)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    kept, most, seconds = map(float, ended.stdout.split())
    told = f"{kept / 2**20:.0f} MiB kept, {most / kept:.2f} times that taken, {seconds:.1f} s"
    record_property("told", told)
    assert most < kept * (3 if whole else 6), told
