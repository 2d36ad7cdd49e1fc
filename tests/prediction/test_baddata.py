"""What people's data is like: every kind of it ends in a clear error or in a right answer."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from chaoskit import errors
from chaoskit.outcome import of_error
from chaoskit.prediction.data.dataset import Dataset
from chaoskit.prediction.data.grid import per_second
from chaoskit.prediction.judging.evaluation import build
from chaoskit.prediction.labelling.labels import Labelled, Target, label
from chaoskit.prediction.labelling.plausible import unchanging
from chaoskit.prediction.learning.options import Options
from chaoskit.prediction.reading.mapping import Mapping, load_mapping
from chaoskit.prediction.reading.tables import read
from chaoskit.records import LabelRecord

World = Callable[..., Dataset]
Small = Callable[..., Options]
DETECT = Target("detect", timedelta(0))


def mapping(folder: Path, more: str = "", identity: str = "{pod: pod}", files: str = "[m.csv]") -> Mapping:
    path = folder / "m.yaml"
    path.write_text(
        f"apiVersion: chaoskit.io/v1\nkind: DataMapping\nmetadata: {{name: m}}\nfiles: {files}\nstep: 60\n"
        f"timestamp: at\nidentity: {identity}\n{more}"
    )
    return load_mapping(path)


SIGNALS = "signals: {cpu_usage: {column: cpu}}\n"


def faulty(world: World, cpu: np.ndarray, pods: int = 4) -> Labelled:
    """Eight faults of five minutes on the first two pods."""
    data = world({"cpu_usage": cpu})
    start = data.blocks[0].start
    records = [
        LabelRecord(
            id=str(at), at=start, trace_id="", target=f"app-{n % 2}", namespace="", meaning="failure",
            issue="cpu-saturation", start=start + timedelta(minutes=at),
            end=start + timedelta(minutes=at + 4),
        )
        for n, at in enumerate(range(70, 600, 70))
    ]  # fmt: skip
    return label(data, DETECT, extra=records)


def spiky(seed: int = 1) -> np.ndarray:
    cpu = 0.3 + 0.02 * np.random.default_rng(seed).standard_normal((4, 620))
    for n, at in enumerate(range(70, 600, 70)):
        cpu[n % 2, at + 1 : at + 6] += 0.6
    return cpu


@pytest.mark.parametrize("name", ["m.csv", "m.csv.gz", "m.parquet"])
def test_a_corrupt_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x1f\x8b\x08\x00corrupt\xff\xfe\x00")
    with pytest.raises(errors.InvalidInput, match=name):
        read([tmp_path], mapping(tmp_path, SIGNALS, files=f"[{name}]"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidInput, match=r"m\.csv"):
        read([tmp_path], mapping(tmp_path, SIGNALS))


@pytest.mark.parametrize(
    ("header", "more"),
    [
        ("at,pod,mem,cpu,mem", "signals: {memory_usage: {column: mem}}\n"),
        (
            "at,pod,web.mem,cpu,web.mem",
            "signals: {memory_usage: {column: mem}}\nwide: {columns: '(?P<pod>web)[.](?P<signal>.+)'}\n",
        ),
    ],
    ids=["long", "wide"],
)
def test_a_column_that_is_there_twice_is_told_with_both_places(
    tmp_path: Path, header: str, more: str
) -> None:
    (tmp_path / "m.csv").write_text(f"{header}\n2026-01-01T00:00:00Z,web,0.2,0.3,0.9\n")
    with pytest.raises(errors.InvalidInput, match="more than once") as caught:
        read([tmp_path], mapping(tmp_path, more))
    assert "in columns 3 and 5" in str(caught.value.problems[0])


def test_a_column_that_is_there_twice_and_not_asked_for_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("at,pod,cpu,mem,mem\n2026-01-01T00:00:00Z,web,0.2,0.3,0.9\n")
    assert read([tmp_path], mapping(tmp_path, SIGNALS)).samples == 1


def test_twice_the_same_lines_are_the_lines_once(tmp_path: Path) -> None:
    lines = "".join(f"2026-01-01T00:{m:02}:00Z,web-1,{m / 60}\n" for m in range(60))
    (tmp_path / "m.csv").write_text("at,pod,cpu\n" + lines)
    once = read([tmp_path], mapping(tmp_path, SIGNALS))
    (tmp_path / "m.csv").write_text("at,pod,cpu\n" + "".join(reversed(lines.splitlines(True))) + lines)
    twice = read([tmp_path], mapping(tmp_path, SIGNALS))
    np.testing.assert_array_equal(once.blocks[0].values, twice.blocks[0].values)


@pytest.mark.parametrize(
    ("again", "notes"),
    [
        ("60,web-1,0.1", []),
        ("60,web-1,", []),
        ("60,web-2,0.5", []),
        (
            "60,web-1,0.5",
            ["1 sample has another value in a later line of the same pod, signal and time, which counts"],
        ),
        (
            "60,web-1,0.5\n60,web-1,0.6\n120,web-1,0.5",
            ["3 samples have another value in a later line of the same pod, signal and time, which counts"],
        ),
    ],
)
def test_of_two_values_of_one_time_the_later_line_counts_and_that_is_told(
    tmp_path: Path, again: str, notes: list[str]
) -> None:
    (tmp_path / "m.csv").write_text(f"at,pod,cpu\n60,web-1,0.1\n120,web-1,0.2\n{again}\n")
    data = read([tmp_path], mapping(tmp_path, SIGNALS))
    assert [note for note in data.notes if "later line" in note] == notes
    tidy = "signals: {cpu_usage: {column: cpu}}\ntidy: {name: n, value: v}\n"
    lines = (
        (tmp_path / "m.csv").read_text().replace(",web-1,", ",web-1,cpu,").replace(",web-2,", ",web-2,cpu,")
    )
    (tmp_path / "m.csv").write_text(lines.replace("at,pod,cpu", "at,pod,n,v"))
    of_tidy = read([tmp_path], mapping(tmp_path, tidy))
    assert [note for note in of_tidy.notes if "later line" in note] == notes
    if notes:
        np.testing.assert_array_equal(data.blocks[0].values, of_tidy.blocks[0].values)


def test_events_in_another_time_zone_are_an_error_that_says_both_times(tmp_path: Path) -> None:
    lines = "".join(f"2026-01-01T08:{m:02}:00,web-1,1\n" for m in range(60))
    (tmp_path / "m.csv").write_text("at,pod,cpu\n" + lines)
    (tmp_path / "e.csv").write_text(
        "start,end,target,issue\n2026-01-01T00:10:00,2026-01-01T00:15:00,web-1,x\n"
    )
    with pytest.raises(
        errors.InvalidInput, match="the one event does not lie within the data: it is at 2"
    ) as caught:
        read([tmp_path], mapping(tmp_path, SIGNALS + "events: {file: e.csv}\n"))
    assert "zone" in caught.value.hint


def test_constant_signals_are_no_baseline(world: World, options: Small) -> None:
    with pytest.raises(errors.NoBaseline, match="no signal of any pod ever changes") as caught:
        build(faulty(world, np.full((4, 620), 0.5)), options(), thorough=False)
    assert of_error(caught.value).exit_code == 8


@pytest.mark.parametrize(
    ("cpu", "still"),
    [
        ([[1, 1], [2, 2]], True),
        ([[1, np.nan], [2, 2]], False),
        ([[1, 1], [2, 3]], False),
        ([[np.nan, np.nan]], False),
    ],
)
def test_one_pod_that_changes_or_falls_silent_is_enough(
    world: World, cpu: list[list[float]], *, still: bool
) -> None:
    assert unchanging(world({"cpu_usage": np.array(cpu)}).blocks) == still


def test_half_of_the_samples_missing_still_tells_the_faults(world: World, options: Small) -> None:
    cpu = spiky()
    cpu[np.random.default_rng(2).random(cpu.shape) < 0.4] = np.nan
    report = build(faulty(world, cpu), options(false_alarms_per_day=6), thorough=False).report
    assert report.model.recall >= 0.5
    assert report.data["missing_share"] == 0


def test_nothing_but_missing_values_is_too_little(world: World, options: Small) -> None:
    with pytest.raises(errors.NoBaseline, match="all values are missing"):
        build(label(world({"cpu_usage": np.full((4, 300), np.nan)}), DETECT), options(), thorough=False)


@pytest.mark.parametrize("cell", ["1e39", "-1e39", "1e308"])
def test_a_number_that_nothing_measures_is_missing(tmp_path: Path, cell: str) -> None:
    (tmp_path / "m.csv").write_text(f"at,pod,cpu\n60,a,0.5\n120,a,{cell}\n180,a,3e38\n")
    signals = "signals: {cpu_usage: {column: cpu, scale: 2}, load: {column: cpu, unit: u, kind: gauge}}\n"
    (block,) = read([tmp_path], mapping(tmp_path, signals)).blocks
    np.testing.assert_array_equal(
        block.values[0], np.array([[1, np.nan, np.nan], [0.5, np.nan, 3e38]], dtype=np.float32)
    )


def test_health_alone_is_no_baseline_with_the_code_of_that(world: World, options: Small) -> None:
    with pytest.raises(errors.NoBaseline, match="no failure") as caught:
        build(label(world({"cpu_usage": spiky()}), DETECT), options(), thorough=False)
    assert of_error(caught.value).exit_code == 8


def test_failure_alone_is_no_baseline(world: World, options: Small) -> None:
    data = world({"cpu_usage": spiky()[:1]})
    block = data.blocks[0]
    always = LabelRecord(
        id="1", at=block.start, trace_id="", target="app-0", namespace="", meaning="failure", issue="x",
        start=block.start - timedelta(hours=1), end=block.end,
    )  # fmt: skip
    with pytest.raises(errors.NoBaseline, match="nothing but failures"):
        build(label(data, DETECT, extra=[always]), options(), thorough=False)


def test_hardly_any_health_is_said_to_be_what_is_missing(world: World, options: Small) -> None:
    data = world({"cpu_usage": spiky()})
    start, end = data.blocks[0].start, data.blocks[0].end
    always = LabelRecord(
        id="1", at=start, trace_id="", target="*", namespace="", meaning="failure", issue="x",
        start=start, end=end,
    )  # fmt: skip
    workloads = [replace(always, target=f"app-{pod}") for pod in range(4)]
    with pytest.raises(errors.NoBaseline, match="no healthy time is left to calibrate with"):
        build(label(data, DETECT, extra=workloads), options(), thorough=False)


@pytest.mark.parametrize(("identity", "tell"), [("", "wide"), ("{pod: pod}", "tidy")])
def test_a_signal_whose_column_is_gone_is_told(tmp_path: Path, identity: str, tell: str) -> None:
    lines = "".join(f"2026-01-01T00:{m:02}:00Z,{{}}\n" for m in range(9))
    if tell == "wide":
        text = "at,a_cpu\n" + "".join(line.format(n) for n, line in enumerate(lines.splitlines(True)))
        more, identity = WIDE, "{namespace: =shop}"
    else:
        text = "at,pod,name,value\n" + lines.replace("{}", "a,cpu,1").replace("Z,a", "Z,b", 1).replace(
            "1\n", "2\n", 1
        )
        more = "tidy: {name: name}\nsignals: {cpu_usage: {column: cpu}, memory_bytes: {column: mem}}\n"
    (tmp_path / "m.csv").write_text(text)
    notes = read([tmp_path], mapping(tmp_path, more, identity=identity)).notes
    assert notes[0] == "memory_bytes has no sample in the data: nothing is in column mem, or it is not there"


def test_one_class_alone_is_told_as_that_class(world: World, options: Small) -> None:
    report = build(faulty(world, spiky()), options(false_alarms_per_day=6), thorough=False).report
    assert report.classes is not None
    assert report.classes.names == ("cpu-saturation",)
    assert report.faults is None


def test_a_counter_per_second_survives_gaps_and_resets() -> None:
    rows, moments = np.array([0, 0, 1, 0, 0, 0, 0]), np.array([0, 1, 1, 3, 3, 4, 5])
    counter = np.array([0.0, 60, 7, 170, 180, 30, 90])
    row, at, pace = per_second(rows, moments, counter, 60)
    np.testing.assert_array_equal([row, at], [[0, 0, 0, 0], [1, 3, 4, 5]])
    np.testing.assert_allclose(pace, [1, 1, 0.5, 1])


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
def test_unix_times_are_of_any_unit(tmp_path: Path, unit: int) -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    lines = "".join(f"{(int(first.timestamp()) + 60 * m) * unit},web-1,1\n" for m in range(5))
    (tmp_path / "m.csv").write_text("at,pod,cpu\n" + lines)
    (block,) = read([tmp_path], mapping(tmp_path, SIGNALS)).blocks
    assert (block.start, block.length) == (first, 5)


@pytest.mark.parametrize("cell", ["1e30", "-1e15", "-1", "inf", "1e400"])
def test_a_time_that_is_none_is_an_error_at_its_cell(tmp_path: Path, cell: str) -> None:
    (tmp_path / "m.csv").write_text(f"at,pod,cpu\n2026-01-01T00:00:00Z,web-1,1\n{cell},web-1,1\n")
    with pytest.raises(errors.InvalidInput) as caught:
        read([tmp_path], mapping(tmp_path, SIGNALS))
    (problem,) = caught.value.problems
    assert (problem.field, problem.line, problem.column) == ("at", 3, 1)


def test_runs_that_are_shorter_than_a_baseline_cannot_be_learned_from(world: World, options: Small) -> None:
    data = faulty(world, spiky()).dataset
    runs = tuple(replace(data.blocks[0].cut(at, at + 9), run=str(at)) for at in range(66, 596, 10))
    with pytest.raises(errors.NoBaseline, match="the longest run is 9 min, features need 15") as caught:
        build(label(replace(data, blocks=runs), DETECT), options(), thorough=False)
    assert of_error(caught.value).exit_code == 8


def test_differences_shares_and_constants_come_from_the_mapping(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("at,used,total,out,in\n2026-01-01T00:00:00Z,50,200,0.9,0.2\n")
    more = (
        "signals:\n  memory_usage: {column: used, over: total}\n  edge_gap: {column: out, minus: in}\n"
        "  memory_bytes: {column: used, scale: 1024}\n"
    )
    (block,) = read([tmp_path], mapping(tmp_path, more, identity="{pod: =db-0, namespace: =data}")).blocks
    assert block.rows[0] == ("data", "deployment/db-0", "db-0")
    np.testing.assert_allclose(block.values[0, :, 0], [0.25, 0.7, 50 * 1024])


WIDE = (
    "wide: {columns: '(?P<pod>.+)_(?P<signal>cpu|mem)'}\n"
    "signals: {cpu_usage: {column: cpu}, memory_bytes: {column: mem}}\n"
)


def test_a_wide_file_has_a_column_for_each_pod_and_signal(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("at,a_cpu,a_mem,b_cpu\n2026-01-01T00:00:00Z,1,2,3\n")
    (block,) = read([tmp_path], mapping(tmp_path, WIDE, identity="{namespace: =shop}")).blocks
    assert [row.pod for row in block.rows] == ["a", "b"]
    np.testing.assert_array_equal(block.values[:, :, 0], [[1, 2], [3, np.nan]])


def test_a_bad_cell_of_a_wide_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("at,a_cpu,a_mem\n2026-01-01T00:00:00Z,1,2\n2026-01-01T00:01:00Z,1,many\n")
    with pytest.raises(errors.InvalidInput) as caught:
        read([tmp_path], mapping(tmp_path, WIDE, identity="{}"))
    (problem,) = caught.value.problems
    assert (problem.field, problem.line, problem.column) == ("a_mem", 3, 3)


def test_a_wide_file_without_a_fitting_column_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("at,x\n2026-01-01T00:00:00Z,1\n")
    with pytest.raises(errors.InvalidInput, match="no column"):
        read([tmp_path], mapping(tmp_path, WIDE, identity="{}"))


def test_parquet_reads_like_csv(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    moments = [datetime.fromisoformat(f"2026-01-01T00:{m:02}:00+00:00") for m in range(5)]
    cpu = [0.5, None, 0.7, 0.8, 0.9]
    table = pyarrow.table({"at": moments, "pod": ["web-1"] * 5, "cpu": cpu})
    parquet.write_table(table, tmp_path / "m.parquet")
    lines = [f"{at.isoformat()},web-1,{'' if c is None else c}" for at, c in zip(moments, cpu, strict=True)]
    (tmp_path / "m.csv").write_text("\n".join(["at,pod,cpu", *lines]))
    one = read([tmp_path], mapping(tmp_path, SIGNALS, files="[m.parquet]"))
    other = read([tmp_path], mapping(tmp_path, SIGNALS))
    np.testing.assert_array_equal(one.blocks[0].values, other.blocks[0].values)


def test_lines_of_other_namespaces_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("at,pod,ns,cpu\n2026-01-01T00:00:00Z,a,x,1\n2026-01-01T00:00:00Z,b,y,1\n")
    (block,) = read([tmp_path], mapping(tmp_path, SIGNALS + "where: {ns: y}\n")).blocks
    assert [row.pod for row in block.rows] == ["b"]


def test_a_censored_stretch_is_neither_health_nor_failure(tmp_path: Path) -> None:
    lines = "".join(f"2026-01-01T00:{m:02}:00Z,web-1,1\n" for m in range(60))
    (tmp_path / "m.csv").write_text("at,pod,cpu\n" + lines)
    (tmp_path / "e.csv").write_text(
        "start,end,target,issue\n2026-01-01T00:10:00Z,2026-01-01T00:12:00Z,web-1,x\n"
    )
    more = (
        SIGNALS + "events: {file: e.csv}\ncensored:\n"
        "  - {target: web-1, start: 2026-01-01T00:30:00Z, end: 2026-01-01T00:34:00Z, why: wrong}\n"
    )
    y = label(read([tmp_path], mapping(tmp_path, more)), DETECT).truths[0].y[0]
    assert np.flatnonzero(y == -1).tolist() == [30, 31, 32, 33, 34]
    assert np.flatnonzero(y == 1).tolist() == [11, 12, 13]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        (SIGNALS + "wide: {columns: '(?P<pod>.+'}\n", "wide.columns"),
        (SIGNALS + "wide: {columns: '(?P<pod>.+)'}\n", "wide.columns"),
        (
            SIGNALS
            + "censored: [{target: a, start: 2026-01-01T00:00:00, end: 2026-01-02T00:00:00Z, why: x}]\n",
            "censored[0]",
        ),
        (SIGNALS + "target: {confirm: 0}\n", "target.confirm"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_newer_parts_of_a_mapping_is_named(tmp_path: Path, more: str, field: str) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        mapping(tmp_path, more)
    assert field in [problem.field for problem in caught.value.problems]


def test_the_same_faults_at_another_hour_and_in_another_order_make_the_same_report(
    world: World, options: Small
) -> None:
    labelled = faulty(world, spiky())
    later = replace(
        labelled.dataset,
        blocks=tuple(replace(b, start=b.start + timedelta(hours=5)) for b in labelled.dataset.blocks),
    )
    moved = replace(
        labelled,
        dataset=later,
        events=tuple(
            replace(e, start=e.start + timedelta(hours=5), end=e.end + timedelta(hours=5))
            for e in labelled.events
        ),
    )
    one, other = (build(each, options(), thorough=False).report for each in (labelled, moved))
    assert one.model == other.model


def test_a_gzip_that_is_cut_off_is_an_error(tmp_path: Path) -> None:
    whole = gzip.compress(b"at,pod,cpu\n" + b"2026-01-01T00:00:00Z,web-1,1\n" * 900)
    (tmp_path / "m.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(errors.InvalidInput, match="cannot be read"):
        read([tmp_path], mapping(tmp_path, SIGNALS, files="[m.csv.gz]"))


@pytest.mark.parametrize("name", ["'../../../pwn'", "a/b", "''", ".x", '"two\\nlines"'])
def test_a_mapping_is_called_as_a_model_may_be(tmp_path: Path, name: str) -> None:
    text = f"apiVersion: chaoskit.io/v1\nkind: DataMapping\nmetadata: {{name: {name}}}\nfiles: [m.csv]\n"
    (tmp_path / "m.yaml").write_text(f"{text}step: 60\nidentity: {{pod: pod}}\n{SIGNALS}")
    with pytest.raises(errors.InvalidInput) as caught:
        load_mapping(tmp_path / "m.yaml")
    (problem,) = caught.value.problems
    assert (problem.field, problem.line) == ("metadata.name", 3)


EVENTS = "events: {file: e.csv}\n"


def test_a_decimal_comma_makes_no_other_numbers(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("at,pod,cpu,load\n60,a,1,2\n120,a,0,5,2\n")
    with pytest.raises(errors.InvalidInput) as caught:
        read([tmp_path], mapping(tmp_path, SIGNALS))
    assert [(each.field, each.found, each.line) for each in caught.value.problems] == [
        ("the number of cells", "5", 3)
    ]


def test_columns_of_equal_names_are_cells_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("at,pod,x,x,cpu\n60,a,,,1\n")
    (block,) = read([tmp_path], mapping(tmp_path, SIGNALS)).blocks
    np.testing.assert_array_equal(block.values[0, :, 0], [1])


def test_an_event_of_too_many_cells_is_none(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("at,pod,cpu\n60,a,1\n")
    (tmp_path / "e.csv").write_text("target,issue,start,end\na,leak,of,60,120\n")
    with pytest.raises(errors.InvalidInput) as caught:
        read([tmp_path], mapping(tmp_path, SIGNALS + EVENTS))
    assert [(each.field, each.line) for each in caught.value.problems] == [("the number of cells", 2)]


@pytest.mark.parametrize("file", ["m.csv", "m.csv.gz"])
def test_the_mark_of_a_spreadsheet_is_no_part_of_a_name(tmp_path: Path, file: str) -> None:
    content = "at,pod,cpu\n60,a,1\n".encode("utf-8-sig")
    (tmp_path / file).write_bytes(gzip.compress(content) if file.endswith("gz") else content)
    (block,) = read([tmp_path], mapping(tmp_path, SIGNALS, files=f"[{file}]")).blocks
    assert block.rows[0].pod == "a"


@pytest.mark.parametrize("cell", ["", " ", "None", "nan"])
def test_a_line_without_a_pod_is_an_error_at_its_cell(tmp_path: Path, cell: str) -> None:
    (tmp_path / "m.csv").write_text(f"at,cpu,pod\n60,1,a\n120,1,{cell}\n")
    with pytest.raises(errors.InvalidInput) as caught:
        read([tmp_path], mapping(tmp_path, SIGNALS))
    (problem,) = caught.value.problems
    assert (problem.field, problem.line, problem.column) == ("pod", 3, 3)


def test_what_parquet_leaves_out_is_no_name(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    def written(pods: list[str | None]) -> None:
        table = pyarrow.table({"at": [60, 120], "pod": pods, "app": [None, "web"], "cpu": [1.0, 1.0]})
        parquet.write_table(table, tmp_path / "m.parquet")

    meaning = mapping(tmp_path, SIGNALS, identity="{pod: pod, workload: app}", files="[m.parquet]")
    written(["a", "b"])
    (block,) = read([tmp_path], meaning).blocks
    assert [row.workload for row in block.rows] == ["deployment/a", "deployment/web"]
    written(["a", None])
    with pytest.raises(errors.InvalidInput) as caught:
        read([tmp_path], meaning)
    assert [(each.field, each.line) for each in caught.value.problems] == [("pod", 3)]


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_nanoseconds_of_parquet_are_read_to_the_microsecond(tmp_path: Path, zone: str | None) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    first = 1_767_225_600 * 10**9 + 123
    moments = pyarrow.array([first, None, first + 60 * 10**9], pyarrow.timestamp("ns", zone))
    took = pyarrow.array([1, 2, 3], pyarrow.duration("ns"))
    table = pyarrow.table({"at": moments, "pod": ["a"] * 3, "cpu": [0.5] * 3, "took": took})
    parquet.write_table(table.take([0, 2]), tmp_path / "m.parquet")
    (block,) = read([tmp_path], mapping(tmp_path, SIGNALS, files="[m.parquet]")).blocks
    assert (block.start, block.length) == (datetime(2026, 1, 1, tzinfo=UTC), 2)


def test_a_time_of_parquet_that_no_calendar_has_is_an_error(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"at": pyarrow.array([2**62], pyarrow.timestamp("us")), "pod": ["a"], "cpu": [1.0]})
    parquet.write_table(table, tmp_path / "m.parquet")
    with pytest.raises(errors.InvalidInput, match=r"m\.parquet cannot be read"):
        read([tmp_path], mapping(tmp_path, SIGNALS, files="[m.parquet]"))


HOUR = "at,pod,cpu\n" + "".join(f"2026-01-01T00:{m:02}:00Z,web-{n},1\n" for m in range(60) for n in (1, 2))


def events(folder: Path, *targets: str, more: str = "") -> Dataset:
    """An hour of two pods, and one event of each of the targets, a minute later each."""
    (folder / "m.csv").write_text(HOUR)
    lines = [
        f"2026-01-01T00:{m:02}:00Z,2026-01-01T00:{m + 5:02}:00Z,{target},x\n"
        for m, target in enumerate(targets, 10)
    ]
    (folder / "e.csv").write_text("start,end,target,issue\n" + "".join(lines))
    return read([folder], mapping(folder, f"{SIGNALS}events: {{file: e.csv{more}}}\n"))


def test_events_that_name_nobody_are_told(tmp_path: Path) -> None:
    found = events(tmp_path, "web-1", "WEB-1", "deployment/web-2", "DB", "WEB-1", "", "*", "pod/web-1")
    assert found.notes == ("4 events name nobody in the data then: WEB-1, DB, (no name)",)


def test_an_event_of_another_time_names_whom_it_likes(tmp_path: Path) -> None:
    data = events(tmp_path, "web-1")
    later = "2026-02-01T00:00:00Z,2026-02-01T00:01:00Z,web-9,x\n"
    (tmp_path / "e.csv").write_text((tmp_path / "e.csv").read_text() + later)
    (note,) = read([tmp_path], mapping(tmp_path, SIGNALS + EVENTS)).notes
    assert (data.notes, "outside of the data" in note, "nobody" in note) == ((), True, False)


def test_events_all_of_which_name_nobody_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        errors.InvalidInput, match="none of the 2 events names anybody in the data then: nobody, API"
    ) as caught:
        events(tmp_path, "nobody", "API")
    assert "web-1, web-2" in caught.value.hint


def test_of_files_without_any_sample_that_is_told_and_nothing_of_their_events(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(HOUR.replace(",1\n", ",nan\n"))
    (tmp_path / "e.csv").write_text(
        "start,end,target,issue\n2026-01-01T00:10:00Z,2026-01-01T00:15:00Z,web-1,x\n"
    )
    (note,) = read([tmp_path], mapping(tmp_path, SIGNALS + EVENTS)).notes
    assert note.startswith("cpu_usage has no sample in the data")


def stretches(
    folder: Path, *lines: str, more: str = "", unlabelled: bool = False, old: str = "00"
) -> Dataset:
    """In that hour web-old, at twelve for an hour web-new, and these lines of events."""
    pods = {old: "web-old", "12": "web-new"}
    hours = [f"2026-01-01T{hour}:{m:02}:00Z,{pod},1\n" for hour, pod in pods.items() for m in range(60)]
    (folder / "m.csv").write_text("at,pod,cpu\n" + "".join(hours))
    (folder / "e.csv").write_text("start,end,target,issue,kind\n" + "".join(lines))
    return read([folder], mapping(folder, f"{SIGNALS}events: {{file: e.csv{more}}}\n"), unlabelled=unlabelled)


OLD, NEW, ANYBODY = (
    f"2026-01-01T12:{m}:00Z,2026-01-01T12:{m + 5}:00Z,{pod},x,{kind}\n"
    for m, pod, kind in ((10, "web-old", "told"), (30, "web-new", "told"), (50, "*", "other"))
)


@pytest.mark.parametrize(("old", "blocks"), [("00", 2), ("11", 1)])
def test_an_event_of_a_pod_that_is_in_the_data_at_another_time_names_nobody(
    tmp_path: Path, old: str, blocks: int
) -> None:
    found = stretches(tmp_path, OLD, NEW, old=old)
    assert (found.notes, len(found.blocks)) == (("1 event names nobody in the data then: web-old",), blocks)
    labelled = label(found, DETECT)
    assert ([each.workload for each in labelled.events], labelled.positives) == (["deployment/web-new"], 6)
    with pytest.raises(errors.InvalidInput, match="1 event names nobody in the data then: web-old"):
        stretches(tmp_path, OLD, old=old)


@pytest.mark.parametrize(("minute", "learned"), [("03", True), ("04", False)])
def test_a_pod_that_died_of_it_is_named_by_an_event_that_begins_within_five_minutes(
    tmp_path: Path, minute: str, learned: bool
) -> None:
    found = stretches(tmp_path, OLD.replace("12:10", f"12:{minute}"), NEW, old="11")
    events = label(found, DETECT).events
    assert (len(events), found.notes == ()) == (2, True) if learned else (1, False)


def silent(
    folder: Path,
    issue: str,
    incident: int,
    until: int = 120,
    more: str = "",
    *,
    since: int = 120,
    end: int = 240,
) -> Dataset:
    """db-0 is silent `since` one minute `until` another, as all at the `end`; an `incident` is told of it."""

    def at(minute: int) -> str:
        return f"2026-01-01T{minute // 60:02}:{minute % 60:02}:00Z"

    there = {"db-0": [*range(since), *range(until, end)], "web-1": range(end)}
    lines = [f"{at(m)},{pod},1\n" for pod, minutes in there.items() for m in minutes]
    told = [f"{at(m)},{at(m + 5)},{pod},{issue}\n" for m, pod in ((incident, "db-0"), (end - 40, "web-1"))]
    (folder / "m.csv").write_text("at,pod,cpu\n" + "".join(lines))
    (folder / "e.csv").write_text("start,end,target,issue\n" + "".join(told))
    return read([folder], mapping(folder, f"{SIGNALS}{EVENTS}{more}"))


HALF_AN_HOUR = "target: {mode: forecast, horizonMinutes: 30}\n"


@pytest.mark.parametrize("until", [140, 240])
@pytest.mark.parametrize("issue", ["memory-leak", "pod-crash"])
@pytest.mark.parametrize("incident", [120, 127, 139])
def test_what_led_up_to_an_event_that_is_told_late_is_no_health(
    tmp_path: Path, incident: int, issue: str, until: int
) -> None:
    found = silent(tmp_path, issue, incident, until, HALF_AN_HOUR)
    assert found.notes == ()
    labelled = label(found, Target())
    y, ahead = labelled.truths[0].y[0], 30 if issue == "memory-leak" else 0
    assert found.blocks[0].rows[0].pod == "db-0"
    known = 90 if until == 240 else 120
    failing = np.flatnonzero(y[:120] == 1).tolist()
    assert failing == (list(range(incident + 1 - ahead, 120)) if ahead else [])
    assert np.flatnonzero(y[:120] == 0).tolist() == list(range(min(incident + 1 - 30 - ahead, known)))


def test_of_one_who_fell_silent_before_an_event_no_sample_that_is_not_there_is_a_failure(
    tmp_path: Path,
) -> None:
    labelled = label(silent(tmp_path, "memory-leak", 127, 140, HALF_AN_HOUR), Target())
    assert [(each.workload, each.first) for each in labelled.events] == [
        *[("deployment/db-0", 128), ("deployment/web-1", 201)],
    ]
    assert np.flatnonzero(labelled.truths[0].y[0] == 1).tolist() == list(range(98, 125))
    assert (labelled.truths[0].event[0] == 0).nonzero()[0].tolist() == list(range(98, 125))


@pytest.mark.parametrize(("incident", "issue"), [(150, "pod-crash"), (180, "memory-leak")])
def test_an_event_of_one_who_was_gone_for_longer_than_it_reaches_names_nobody(
    tmp_path: Path, incident: int, issue: str
) -> None:
    found = silent(tmp_path, issue, incident, 240, HALF_AN_HOUR)
    assert found.notes == ("1 event names nobody in the data then: db-0",)
    labelled = label(found, Target())
    assert [each.workload for each in labelled.events] == ["deployment/web-1"]
    assert np.flatnonzero(labelled.truths[0].y[0] >= 0).tolist() == list(range(90))


@pytest.mark.parametrize(("since", "named"), [(66, True), (65, False)])
def test_how_far_an_event_reaches_counts_from_it_and_not_from_where_the_data_ends(
    tmp_path: Path, since: int, named: bool
) -> None:
    found = silent(tmp_path, "memory-leak", 124, 120, HALF_AN_HOUR, since=since, end=120)
    assert found.notes == (() if named else ("1 event names nobody in the data then: db-0",))


@pytest.mark.parametrize(("start", "end"), [("10:45", "10:50"), ("13:05", "13:10")])
def test_an_event_just_outside_the_data_names_who_is_there_at_that_edge(
    tmp_path: Path, start: str, end: str
) -> None:
    pod = "web-old" if start < "12" else "web-new"
    lines = [f"2026-01-01T{start}:00Z,2026-01-01T{end}:00Z,{each},x,told\n" for each in (pod, "nobody")]
    found = stretches(tmp_path, *lines, old="11")
    assert found.notes == ("1 event names nobody in the data then: nobody",)
    assert label(found, DETECT).events == ()


@pytest.mark.parametrize("more", ["", ", where: {kind: told}, censored: {kind: other}"])
def test_an_event_of_everybody_does_not_excuse_that_the_others_name_nobody(tmp_path: Path, more: str) -> None:
    with pytest.raises(errors.InvalidInput, match="1 event names nobody in the data then: web-old"):
        stretches(tmp_path, OLD, ANYBODY, more=more)
    assert stretches(tmp_path, NEW, ANYBODY, more=more).notes == ()


def test_where_nothing_is_learned_from_events_it_is_told_that_they_say_nothing(tmp_path: Path) -> None:
    (found,) = stretches(tmp_path, OLD, unlabelled=True).notes
    healthy = "; what the history itself does not tell counts as healthy"
    assert found == f"1 event names nobody in the data then: web-old{healthy}"
    (found,) = stretches(tmp_path, NEW.replace("2026", "2027"), unlabelled=True).notes
    assert found.startswith("the one event does not lie within the data: it is at")
    assert found.endswith(healthy)


def test_chaos_elsewhere_is_no_mistake(tmp_path: Path) -> None:
    assert events(tmp_path, "node/worker-1", more=", meaning: chaos").notes == ()
    assert events(tmp_path, "redis", more=", meaning: chaos").notes == (
        "1 event names nobody in the data then: redis",
    )


def test_an_event_that_is_written_twice_counts_once(tmp_path: Path) -> None:
    once = events(tmp_path, "web-1", "web-2")
    lines = (tmp_path / "e.csv").read_text().splitlines(keepends=True)
    (tmp_path / "e.csv").write_text("".join([*lines, *lines[1:], lines[1]]))
    found = read([tmp_path], mapping(tmp_path, SIGNALS + EVENTS))
    assert [each.target for each in found.labels] == [each.target for each in once.labels]
    assert found.notes == ("3 events written more than once: each counts once",)


def test_an_event_of_everybody_that_is_written_twice_is_told_and_what_ramps_add_is_not(
    tmp_path: Path,
) -> None:
    assert stretches(tmp_path, NEW, ANYBODY, ANYBODY, ANYBODY).notes == (
        "2 events written more than once: each counts once",
    )
    found = stretches(tmp_path, NEW, NEW.replace("web-new", "*"), more=", meaning: ramp")
    assert ([each.meaning for each in found.labels], found.notes) == (["ramp", "unknown", "ramp"], ())


def test_two_faults_of_one_class_at_once_are_two_events(tmp_path: Path) -> None:
    found = stretches(tmp_path, NEW, NEW.replace("told", "other"), more=", columns: {fault: kind}")
    assert ([each.fault for each in found.labels], found.notes) == (["told", "other"], ())


def test_what_is_strange_about_the_data_is_in_the_report(world: World, options: Small) -> None:
    labelled = faulty(world, spiky())
    strange = replace(labelled, dataset=replace(labelled.dataset, notes=("4 events name nobody",)))
    report = build(strange, options(), thorough=False).report
    assert report.notes[-1] == "4 events name nobody"


@pytest.mark.parametrize(
    ("signal", "low", "high", "note"),
    [
        ("error_ratio", "0", "20", "error_ratio reaches 20: a ratio is 0 to 1 (scale: 0.01?)"),
        ("memory_bytes", "-5", "1", "memory_bytes falls to -5: it is never below 0"),
        ("error_ratio", "0", "1.5", ""),
        ("cpu_usage", "", "20", ""),
        ("of_my_own", "-5", "20", ""),
    ],
)
def test_values_that_no_such_signal_has_are_told(
    tmp_path: Path, signal: str, low: str, high: str, note: str
) -> None:
    (tmp_path / "m.csv").write_text(f"at,pod,x\n60,a,{low}\n120,a,{high}\n180,a,\n")
    found = read([tmp_path], mapping(tmp_path, f"signals: {{{signal}: {{column: x}}}}\n"))
    assert found.notes == ((note,) if note else ())


def test_a_known_signal_is_in_its_own_unit(tmp_path: Path) -> None:
    own = "    {column: b, unit: percent}\n"
    mapping(tmp_path, f"signals:\n  cpu_usage: {{column: a, unit: cores}}\n  of_my_own:\n{own}")
    with pytest.raises(errors.InvalidInput) as caught:
        mapping(tmp_path, f"signals:\n  of_my_own: {{column: a, unit: x}}\n  cpu_usage:\n{own}")
    assert [str(each).partition("  ")[2] for each in caught.value.problems] == [
        (
            'signals.cpu_usage.unit is "percent", expected cores:'
            " leave `unit` out; if the column is in another one, `scale` it"
        )
    ]
    assert caught.value.problems[0].line == 11


def test_a_known_signal_that_counts_up_is_told_to_be_made_a_rate(tmp_path: Path) -> None:
    counts = "{column: a, kind: counter}"
    mapping(tmp_path, f"signals: {{restarts: {counts}, of_my_own: {counts}}}\n")
    mapping(tmp_path, "signals: {cpu_usage: {column: a, kind: counter, rate: true}}\n")
    with pytest.raises(errors.InvalidInput) as caught:
        mapping(tmp_path, f"signals: {{cpu_usage: {counts}}}\n")
    (problem,) = caught.value.problems
    assert "signals.cpu_usage.kind is counter, expected gauge: leave `kind` out" in str(problem)
    assert "`rate: true`" in str(problem)


@pytest.mark.parametrize(("zone", "told"), [("", 0), ("+02:00", 1)])
def test_times_with_a_zone_beside_times_without_one_are_told(tmp_path: Path, zone: str, told: int) -> None:
    (tmp_path / "m.csv").write_text(HOUR.replace("00Z", "00"))
    line = f"2026-01-01T00:10:00{zone},2026-01-01T00:50:00{zone},web-1,x\n"
    (tmp_path / "e.csv").write_text(
        "start,end,target,issue\n" + line.replace("T00", "T02" if zone else "T00")
    )
    notes = read([tmp_path], mapping(tmp_path, SIGNALS + EVENTS)).notes
    expected = "times without a zone count as UTC: those in m.csv; in e.csv they have one"
    assert notes == (expected,) * told


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for name, text in (("a", HOUR), ("b", HOUR.replace("00Z", "00"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "m.csv").write_text(text)
    (note,) = read([tmp_path / "a", tmp_path / "b"], mapping(tmp_path, SIGNALS)).notes
    with_one, without = tmp_path / "a" / "m.csv", tmp_path / "b" / "m.csv"
    assert note.endswith(f"those in {without}; in {with_one} they have one")


def test_unix_times_need_no_zone(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("at,pod,cpu\n60,a,1\n")
    (tmp_path / "e.csv").write_text("start,end,target,issue\n1970-01-01T00:01Z,1970-01-01T00:02Z,a,x\n")
    assert read([tmp_path], mapping(tmp_path, SIGNALS + EVENTS)).notes == ()


def test_a_time_of_an_event_that_is_none_is_an_error_at_its_cell(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("at,pod,cpu\n60,a,1\n")
    (tmp_path / "e.csv").write_text("target,issue,start,end\na,x,60,120\na,x,60,\n")
    with pytest.raises(errors.InvalidInput) as caught:
        read([tmp_path], mapping(tmp_path, SIGNALS + EVENTS))
    (problem,) = caught.value.problems
    assert (problem.field, problem.found, problem.line, problem.column) == ("end", "''", 3, 4)


@pytest.mark.parametrize("mark", [";", "\t"])
def test_another_separator_is_asked_about(tmp_path: Path, mark: str) -> None:
    (tmp_path / "m.csv").write_text("at,pod,cpu\n60,a,1\n".replace(",", mark))
    with pytest.raises(errors.InvalidInput, match="has one column") as caught:
        read([tmp_path], mapping(tmp_path, SIGNALS))
    assert caught.value.hint.endswith(f"is the separator here {mark!r}?")


LOCAL = [f"2026-01-01T0{m // 60}:{m % 60:02}:00" for m in range(120)]
ONE_ZONE = ["a time with a zone, as the first of this file", "a time without zone, as the first of this file"]


@pytest.mark.parametrize(("first", "then", "expected"), [("Z", "", ONE_ZONE[0]), ("", "+08:00", ONE_ZONE[1])])
@pytest.mark.parametrize("form", ["long", "wide", "tidy"])
def test_zones_that_are_mixed_within_one_file_are_an_error_at_the_first_line_of_another_sort(
    tmp_path: Path, form: str, first: str, then: str, expected: str
) -> None:
    header, cells, more, identity = {
        "long": ("pod,at,cpu", "a,{},1", SIGNALS, "{pod: pod}"),
        "tidy": ("pod,at,what,value", "a,{},cpu,1", f"tidy: {{name: what}}\n{SIGNALS}", "{pod: pod}"),
        "wide": (
            "a cpu,at", "1,{}", f"wide: {{columns: '(?P<pod>.*) (?P<signal>.*)'}}\n{SIGNALS}", "{}",
        ),
    }[form]  # fmt: skip
    lines = [cells.format(at + (first if m < 60 else then)) for m, at in enumerate(LOCAL)]
    (tmp_path / "m.csv").write_text("\n".join([header, *lines]) + "\n")
    with pytest.raises(errors.InvalidInput) as caught:
        read([tmp_path], mapping(tmp_path, more, identity))
    (problem,) = caught.value.problems
    assert (problem.field, problem.found) == ("at", repr(LOCAL[60] + then))
    assert (problem.expected, problem.line, problem.column) == (expected, 62, 2)


@pytest.mark.parametrize(
    ("second", "field", "column"),
    [("2026-01-01T02:30,2026-01-01T02:40", "start", 1), ("2026-01-01T00:30Z,2026-01-01T02:40", "end", 2)],
)
def test_events_that_two_people_wrote_in_their_own_times_are_an_error(
    tmp_path: Path, second: str, field: str, column: int
) -> None:
    (tmp_path / "m.csv").write_text(HOUR)
    lines = f"2026-01-01T00:10Z,2026-01-01T00:20Z,web-1,x\n{second},web-1,x\n{second},web-1,x\n"
    (tmp_path / "e.csv").write_text("start,end,target,issue\n" + lines)
    with pytest.raises(errors.InvalidInput) as caught:
        read([tmp_path], mapping(tmp_path, SIGNALS + EVENTS))
    (problem,) = caught.value.problems
    assert (problem.field, problem.line, problem.column) == (field, 3, column)
    assert problem.expected == ONE_ZONE[0]


def test_lines_that_the_mapping_leaves_out_may_be_of_another_zone(tmp_path: Path) -> None:
    lines = "2026-01-01T00:10,prod,a,1\n2026-01-01T00:11Z,test,a,1\n1767225600,test,a,1\n"
    (tmp_path / "m.csv").write_text("at,env,pod,cpu\n" + lines)
    assert read([tmp_path], mapping(tmp_path, f"where: {{env: prod}}\n{SIGNALS}")).notes == ()
    found = read([tmp_path], mapping(tmp_path, f"where: {{env: test}}\n{SIGNALS}"))
    assert found.samples == 2


@pytest.mark.parametrize("cell", ["20260101000100", "20261231235959", "202601010001", "20260101000100.0"])
def test_digits_that_write_a_date_and_a_time_are_no_unix_time(tmp_path: Path, cell: str) -> None:
    (tmp_path / "m.csv").write_text(f"pod,at,cpu\na,{cell},1\n")
    with pytest.raises(errors.InvalidInput) as caught:
        read([tmp_path], mapping(tmp_path, SIGNALS))
    (problem,) = caught.value.problems
    assert (problem.found, problem.line, problem.column) == (repr(cell), 2, 2)


@pytest.mark.parametrize(
    "cell", ["20260101", "1767225600", "1767225600000", "20261331000000", "202602300001"]
)
def test_digits_that_write_no_date_and_time_are_one(tmp_path: Path, cell: str) -> None:
    (tmp_path / "m.csv").write_text(f"pod,at,cpu\na,{cell},1\n")
    assert read([tmp_path], mapping(tmp_path, SIGNALS)).samples == 1


@pytest.mark.parametrize(
    ("times", "notes"),
    [
        (["2099-12-31T23:59Z"], []),
        (["2099-12-31T23:59Z", "2100-01-01T00:00Z"], ["2099-12-31 23:59 to 2100-01-01 00:00"]),
        (["1989-12-31T00:00Z"], ["1989-12-31 00:00 to 1989-12-31 00:00"]),
        (["0", "1767225600"], ["1970-01-01 00:00 to 2026-01-01 00:00"]),
        ([str(each) for each in range(0, 6000, 60)], []),
        (["20261331000000"], ["2612-01-22 03:30 to 2612-01-22 03:30"]),
    ],
)
def test_times_when_nobody_measured_are_told(tmp_path: Path, times: list[str], notes: list[str]) -> None:
    (tmp_path / "m.csv").write_text("at,pod,cpu\n" + "".join(f"{at},a,1\n" for at in times))
    dated = [each for each in read([tmp_path], mapping(tmp_path, SIGNALS)).notes if "its times run" in each]
    assert dated == [f"its times run from {each} UTC: is that when all of it was measured?" for each in notes]


@pytest.mark.parametrize(("first", "step"), [(46023.5, 1 / 1440), (0, 60000)])
def test_days_and_milliseconds_that_count_from_a_start_of_their_own_are_told(
    tmp_path: Path, first: float, step: float
) -> None:
    lines = "".join(f"{first + step * m},a,1\n" for m in range(60))
    (tmp_path / "m.csv").write_text("at,pod,cpu\n" + lines)
    (note,) = read([tmp_path], mapping(tmp_path, SIGNALS)).notes
    assert (
        f"mostly {float(f'{step:.3g}'):g} s apart, and step is 60 s; small numbers count as seconds" in note
    )


def test_names_in_bytes_are_text(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    names = pyarrow.array([b"web-1", "wéb".encode(), b"\xff", None], pyarrow.binary())
    table = pyarrow.table(
        {"at": [60, 60, 60, 60], "pod": names.fill_null(b"\xfe"), "app": names, "cpu": [1.0] * 4}
    )
    parquet.write_table(table, tmp_path / "m.parquet")
    who = "{pod: pod, workload: app}"
    (block,) = read([tmp_path], mapping(tmp_path, SIGNALS, who, files="[m.parquet]")).blocks
    assert {row.pod for row in block.rows} == {"web-1", "wéb", r"\xff", r"\xfe"}
    assert {row.workload for row in block.rows if "web" in row.pod} == {"deployment/web-1"}


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        ((), []),
        ((3,), ["1 of 3 events lies outside of the data and counts for nothing"]),
        ((5, 3), ["2 of 4 events lie outside of the data and count for nothing"]),
    ],
)
def test_events_outside_of_the_data_are_counted(
    tmp_path: Path, hours: tuple[int, ...], told: list[str]
) -> None:
    (tmp_path / "m.csv").write_text(HOUR)
    lines = [f"2026-01-01T0{h}:{m}:00Z,2026-01-01T0{h}:{m + 5}:00Z,web-1,x\n" for h, m in ((0, 10), (0, 30))]
    lines += [f"2026-01-01T0{h}:10:00Z,2026-01-01T0{h}:15:00Z,web-1,x\n" for h in hours]
    (tmp_path / "e.csv").write_text("start,end,target,issue\n" + "".join(lines))
    notes = read([tmp_path], mapping(tmp_path, SIGNALS + EVENTS)).notes
    assert list(notes) == [f"{each}: the first is at 2026-01-01 03:10 UTC" for each in told]


def test_events_most_of_which_lie_outside_of_the_data_are_refused_as_all_of_them_are(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(HOUR)
    lines = [f"2026-01-01T0{h}:10:00Z,2026-01-01T0{h}:15:00Z,web-1,x\n" for h in (0, 3, 5)]
    (tmp_path / "e.csv").write_text("start,end,target,issue\n" + "".join(lines))
    with pytest.raises(
        errors.InvalidInput, match=r"2 of the 3 events do not lie.* is at 2026-01-01 03:10"
    ) as no:
        read([tmp_path], mapping(tmp_path, SIGNALS + EVENTS))
    assert "zone" in no.value.hint
    (note,) = read([tmp_path], mapping(tmp_path, SIGNALS + EVENTS), unlabelled=True).notes
    assert note.startswith("2 of 3 events lie outside of the data and count for nothing")


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-05:00"])
@pytest.mark.parametrize("more", ["", ", meaning: ramp", ", meaning: chaos", ", censored: {issue: y}"])
def test_what_is_written_to_end_in_the_year_9999_goes_on(tmp_path: Path, more: str, end: str) -> None:
    (tmp_path / "m.csv").write_text(HOUR)
    lines = f"2026-01-01T00:10:00Z,2026-01-01T00:12:00Z,web-2,x\n2026-01-01T00:20:00Z,{end},web-1,y\n"
    (tmp_path / "e.csv").write_text("start,end,target,issue\n" + lines)
    data = read([tmp_path], mapping(tmp_path, f"{SIGNALS}events: {{file: e.csv{more}}}\n"))
    (truth,) = label(data, Target()).truths
    assert not (truth.y[0, 20:] == 0).any()
    assert data.notes == ()


def test_a_censored_stretch_without_an_end_goes_on(tmp_path: Path) -> None:
    stretch = "{target: web-1, start: 2026-01-01T00:20:00Z, end: '9999-12-31T23:59:59-05:00', why: x}"
    (tmp_path / "m.csv").write_text(HOUR)
    data = read([tmp_path], mapping(tmp_path, f"{SIGNALS}censored: [{stretch}]\n"))
    assert not (label(data, Target()).truths[0].y[0, 20:] == 0).any()


@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-05:00"]
)
def test_a_time_that_stands_for_none_is_an_error_at_its_line(tmp_path: Path, time: str) -> None:
    (tmp_path / "m.csv").write_text(HOUR + f"{time},web-1,1\n")
    with pytest.raises(errors.InvalidInput) as caught:
        read([tmp_path], mapping(tmp_path, SIGNALS))
    (problem,) = caught.value.problems
    assert (problem.line, problem.found) == (122, repr(time))
    (tmp_path / "m.csv").write_text(HOUR)
    line = f"{time},2026-01-01T00:10:00Z,web-1,x\n"
    (tmp_path / "e.csv").write_text("start,end,target,issue\n" + line)
    with pytest.raises(errors.InvalidInput) as caught:
        read([tmp_path], mapping(tmp_path, SIGNALS + EVENTS))
    (problem,) = caught.value.problems
    assert (problem.line, problem.field, problem.found) == (2, "start", repr(time))


FORESEEN = "target: {mode: forecast, horizonMinutes: 30}\n"


@pytest.mark.parametrize(
    ("at", "issue", "counts"),
    [("01:22", "memory-leak", True), ("01:22", "pod-crash", False), ("01:32", "memory-leak", False)],
)
def test_of_what_happened_after_the_data_is_told_what_labels_make_of_it(
    tmp_path: Path, at: str, issue: str, counts: bool
) -> None:
    (tmp_path / "m.csv").write_text(HOUR)
    within = "2026-01-01T00:10:00Z,2026-01-01T00:12:00Z,web-2,pod-crash\n"
    after = f"2026-01-01T{at}:00Z,2026-01-01T01:40:00Z,web-1,{issue}\n"
    healthy = []
    for lines in (within, within + after):
        (tmp_path / "e.csv").write_text("start,end,target,issue\n" + lines)
        data = read([tmp_path], mapping(tmp_path, SIGNALS + EVENTS + FORESEEN))
        healthy.append(int((label(data, Target()).truths[0].y[0] == 0).sum()))
    assert (healthy[1] < healthy[0]) is counts
    assert [note.partition(":")[0] for note in data.notes] == [
        "1 of 2 events lies outside of the data and counts for nothing"
    ] * (not counts)


def test_an_event_after_the_data_is_not_of_another_zone_when_something_led_up_to_it(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(HOUR)
    after = "2026-01-01T01:22:00Z,2026-01-01T01:40:00Z,web-1,memory-leak\n"
    (tmp_path / "e.csv").write_text("start,end,target,issue\n" + after)
    assert read([tmp_path], mapping(tmp_path, SIGNALS + EVENTS + FORESEEN)).notes == ()


def test_a_ramp_outside_of_the_data_that_makes_all_of_it_unknown_does_not_count_for_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "m.csv").write_text(HOUR)
    before = "2025-12-31T19:00:00Z,2025-12-31T19:30:00Z,web-1,memory-leak\n"
    (tmp_path / "e.csv").write_text(
        "start,end,target,issue\n" + before + "2026-01-01T00:10:00Z,2026-01-01T00:20:00Z,web-1,memory-leak\n"
    )
    more = f"{SIGNALS}events: {{file: e.csv, meaning: ramp}}\n"
    data = read([tmp_path], mapping(tmp_path, more))
    assert not (label(data, Target()).truths[0].y == 0).any()
    (note,) = data.notes
    assert note.startswith("1 of 2 events lies outside of the data and makes moments within it unknown: ")


def test_events_of_other_runs_lie_outside_of_the_data(tmp_path: Path) -> None:
    """As those of another day's run do, whose metrics were left at home."""
    (tmp_path / "m.csv").write_text("at,run,pod,cpu\n" + HOUR.partition("\n")[2].replace("Z,", "Z,one,"))
    stretch = "2026-01-01T00:10:00Z,2026-01-01T00:20:00Z,web-1,x"
    (tmp_path / "e.csv").write_text(f"start,end,target,issue,run\n{stretch},one\n{stretch},two\n")
    more = f"{SIGNALS}events: {{file: e.csv, columns: {{run: run}}}}\n"
    (note,) = read([tmp_path], mapping(tmp_path, more, "{pod: pod, run: run}")).notes
    assert note.startswith("1 of 2 events lies outside of the data")
