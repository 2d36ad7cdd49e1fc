from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from chaoskit import errors
from chaoskit.prediction.data.dataset import Dataset
from chaoskit.prediction.labelling.labels import Target, label
from chaoskit.prediction.learning.folds import by_time
from chaoskit.prediction.learning.training import digest
from chaoskit.prediction.reading.mapping import Mapping, load_mapping
from chaoskit.prediction.reading.tables import files, read
from chaoskit.prediction.reading.values import moment

EXAMPLES = Path(__file__).parents[2] / "examples" / "data"

MAPPING = """\
apiVersion: chaoskit.io/v1
kind: DataMapping
metadata: {name: tiny}
files: [pods.csv]
step: 60
timestamp: at
identity: {pod: pod, workload: app, namespace: ns}
signals:
  cpu_usage: {column: millicores, scale: 0.001}
  queue: {column: queue, unit: count, kind: gauge}
events:
  file: events.csv
  columns: {start: from, end: to, target: who, issue: what}
  where: {kind: pod}
  issues: {cpu: cpu-saturation}
"""
HEAD = "at,ns,app,pod,millicores,queue\n"


@pytest.fixture
def mapping(tmp_path: Path) -> Mapping:
    path = tmp_path / "tiny.yaml"
    path.write_text(MAPPING)
    return load_mapping(path)


def written(folder: Path, lines: str, events: str = "") -> list[Path]:
    (folder / "pods.csv").write_text(HEAD + lines)
    if events:
        (folder / "events.csv").write_text("kind,who,what,from,to\n" + events)
    return [folder]


def test_the_later_runs_are_held_out_whatever_the_order_of_the_lines(
    tmp_path: Path, mapping: Mapping
) -> None:
    by_run = mapping.model_copy(update={"identity": mapping.identity.model_copy(update={"run": "ns"})})

    def of(days: Sequence[int]) -> Dataset:
        lines = [f"2026-01-0{d}T00:{m:02}:00Z,r{d},web,web-1,1,\n" for d in days for m in range(20)]
        return read(written(tmp_path, "".join(lines), events), by_run)

    events = "".join(f"pod,web-1,cpu,2026-01-0{d}T00:10:00Z,2026-01-0{d}T00:12:00Z\n" for d in range(1, 7))
    labelled = label(of((4, 2, 6, 1, 5, 3)), Target("detect"))
    _, late = by_time(labelled, 0.35, 0)
    held = [block.run for block, moments in zip(labelled.dataset.blocks, late, strict=True) if moments.all()]
    assert held == ["r5", "r6"]
    assert digest(labelled.dataset) == digest(of((1, 2, 3, 4, 5, 6)))


def test_runs_beside_one_another_are_cut_in_time(tmp_path: Path, mapping: Mapping) -> None:
    by_run = mapping.model_copy(update={"identity": mapping.identity.model_copy(update={"run": "ns"})})
    lines = [
        f"2026-01-01T{m // 60:02}:{m % 60:02}:00Z,r{r},web,web-1,1,\n" for r in range(6) for m in range(80)
    ]
    events = "pod,web-1,cpu,2026-01-01T00:10:00Z,2026-01-01T00:12:00Z\n"
    labelled = label(read(written(tmp_path, "".join(lines), events), by_run), Target("detect"))
    early, late = by_time(labelled, 0.25, 5)
    assert {(int(each.sum()), int(after.sum())) for each, after in zip(early, late, strict=True)} == {
        (60, 15)
    }


def test_units_are_converted_and_an_empty_cell_stays_missing(tmp_path: Path, mapping: Mapping) -> None:
    data = read(written(tmp_path, "2026-01-01T00:00:00Z,s,web,web-1,250,\n"), mapping)
    (block,) = data.blocks
    assert block.values[0, 0, 0] == pytest.approx(0.25)
    assert np.isnan(block.values[0, 1, 0])
    assert block.rows[0].workload == "deployment/web"


def test_a_minute_without_a_line_is_missing_and_never_zero(tmp_path: Path, mapping: Mapping) -> None:
    lines = "2026-01-01T00:00:00Z,s,web,web-1,250,1\n2026-01-01T00:02:00Z,s,web,web-1,250,1\n"
    (block,) = read(written(tmp_path, lines), mapping).blocks
    assert np.isnan(block.values[0, :, 1]).all()


def test_order_of_lines_and_time_zones_do_not_matter_and_the_later_line_counts(
    tmp_path: Path, mapping: Mapping
) -> None:
    lines = (
        "2026-01-01T00:01:00Z,s,web,web-1,300,2\n"
        "2026-01-01T02:00:00+02:00,s,web,web-1,250,1\n"
        "2026-01-01T00:01:00Z,s,web,web-1,400,2\n"
    )
    (block,) = read(written(tmp_path, lines), mapping).blocks
    assert block.start == datetime(2026, 1, 1, tzinfo=UTC)
    assert block.values[0, 0] == pytest.approx([0.25, 0.4])


def test_a_long_break_begins_a_new_block(tmp_path: Path, mapping: Mapping) -> None:
    lines = "2026-01-01T00:00:00Z,s,web,web-1,1,1\n2026-01-01T04:00:00Z,s,web,web-1,1,1\n"
    assert len(read(written(tmp_path, lines), mapping).blocks) == 2


def test_an_infinite_value_says_nothing(tmp_path: Path, mapping: Mapping) -> None:
    (block,) = read(written(tmp_path, "2026-01-01T00:00:00Z,s,web,web-1,inf,3\n"), mapping).blocks
    assert np.isnan(block.values[0, 0, 0])


@pytest.mark.parametrize(
    ("line", "field", "column"),
    [
        ("2026-01-01T00:01:00Z,s,web,web-1,lots,1", "millicores", 5),
        ("yesterday,s,web,web-1,1,1", "at", 1),
        ("2026-01-01T00:01:00Z,s,web", "the number of cells", 0),
    ],
)
def test_a_bad_cell_is_named_by_file_line_and_column(
    tmp_path: Path, mapping: Mapping, line: str, field: str, column: int
) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        read(written(tmp_path, f"2026-01-01T00:00:00Z,s,web,web-1,1,1\n{line}\n"), mapping)
    (problem,) = caught.value.problems
    assert (problem.path, problem.field) == (str(tmp_path / "pods.csv"), field)
    assert (problem.line, problem.column) == (3, column)


def test_a_column_that_the_mapping_names_must_be_there(tmp_path: Path, mapping: Mapping) -> None:
    (tmp_path / "pods.csv").write_text("at,ns,app,pod,millicores\n")
    with pytest.raises(errors.InvalidInput, match="lacks 1 columns") as caught:
        read([tmp_path], mapping)
    assert caught.value.problems[0].field == "queue"


@pytest.mark.parametrize("where", ["  where: {kind: pod}\n", ""])
def test_while_a_fault_is_there_of_which_nobody_knows_whom_it_hit_nothing_counts_as_healthy(
    tmp_path: Path, where: str
) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(MAPPING.replace("  where: {kind: pod}\n", f"{where}  censored: {{kind: node}}\n"))
    lines = "".join(
        f"2026-01-01T00:{at:02}:00Z,s,{app},{app}-1,250,1\n" for at in range(60) for app in ("web", "db")
    )
    events = (
        "pod,web,cpu,2026-01-01T00:03:00Z,2026-01-01T00:05:00Z\n"
        "node,node-7,cpu,2026-01-01T00:20:00Z,2026-01-01T00:25:00Z\n"
        "rack,left,cpu,2026-01-01T00:50:00Z,2026-01-01T00:55:00Z\n"
    )
    labelled = label(
        read(written(tmp_path, lines, events), load_mapping(path)), Target("detect", timedelta(0))
    )
    (event,), (truth,) = labelled.events, labelled.truths
    assert (event.workload, event.issue) == ("deployment/web", "cpu-saturation")
    for row, who in zip(truth.y, labelled.dataset.blocks[0].rows, strict=True):
        assert np.flatnonzero(row == -1).tolist() == list(range(21, 37))  # ten minutes settle
        assert (row == 1).any() == (who.workload == "deployment/web")


@pytest.mark.parametrize("events", ["", "rack,left,cpu,2026-01-01T00:50:00Z,2026-01-01T00:55:00Z\n"])
def test_what_the_mapping_knows_to_be_wrong_is_no_health_where_nothing_failed(
    tmp_path: Path, events: str
) -> None:
    wrong = (
        "censored:\n  - {target: web-1, start: 2026-01-01T00:20:00Z, end: 2026-01-01T00:29:00Z, why: load}\n"
    )
    path = tmp_path / "tiny.yaml"
    path.write_text(MAPPING + wrong)
    lines = "".join(f"2026-01-01T00:{at:02}:00Z,s,web,web-1,250,1\n" for at in range(60))
    data = read(written(tmp_path, lines, events), load_mapping(path))
    assert [each.source for each in data.labels] == ["load"]
    (truth,) = label(data, Target("detect", timedelta(0))).truths
    assert np.flatnonzero(truth.y[0] == -1).tolist() == list(range(20, 30))


@pytest.mark.parametrize("content", ["", HEAD])
def test_a_file_without_data_is_an_error(tmp_path: Path, mapping: Mapping, content: str) -> None:
    (tmp_path / "pods.csv").write_text(content)
    with pytest.raises(errors.InvalidInput):
        read([tmp_path], mapping)


def test_a_cut_off_archive_is_an_error(tmp_path: Path, mapping: Mapping) -> None:
    whole = gzip.compress((HEAD + "2026-01-01T00:00:00Z,s,web,web-1,1,1\n" * 500).encode())
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(whole[:-20])
    with pytest.raises(errors.InvalidInput, match="cannot be read"):
        read([path], mapping)


def test_events_are_chosen_and_their_words_translated(tmp_path: Path, mapping: Mapping) -> None:
    events = (
        "pod,web-1,cpu,2026-01-01T00:00:10Z,2026-01-01T00:05:10Z\n"
        "node,node-1,cpu,2026-01-01T00:00:10Z,2026-01-01T00:05:10Z\n"
    )
    data = read(written(tmp_path, "2026-01-01T00:00:00Z,s,web,web-1,1,1\n", events), mapping)
    (label,) = data.labels
    assert (label.target, label.issue, label.meaning) == ("web-1", "cpu-saturation", "failure")


def test_an_event_that_ends_before_it_begins_is_an_error_at_its_line(
    tmp_path: Path, mapping: Mapping
) -> None:
    events = "pod,web-1,cpu,2026-01-01T01:00:00Z,2026-01-01T00:00:00Z\n"
    with pytest.raises(errors.InvalidInput) as caught:
        read(written(tmp_path, "2026-01-01T00:00:00Z,s,web,web-1,1,1\n", events), mapping)
    assert caught.value.problems[0].line == 2


def test_milliseconds_seconds_and_iso_8601_are_the_same_moment() -> None:
    assert moment("1767225600") == moment("1767225600000") == moment("2026-01-01T00:00:00")


@pytest.mark.parametrize(
    ("old", "new", "field", "line"),
    [
        ("step: 60", "step: 0", "step", 5),
        ("{column: queue, unit: count", "{colum: queue, unit: count", "signals.queue.colum", 10),
        ("kind: DataMapping", "kind: Mapping", "kind", 2),
    ],
)
def test_a_mistake_in_a_mapping_is_named_by_field_and_line(
    tmp_path: Path, old: str, new: str, field: str, line: int
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(MAPPING.replace(old, new))
    with pytest.raises(errors.InvalidInput) as caught:
        load_mapping(path)
    assert (field, line) in [(problem.field, problem.line) for problem in caught.value.problems]


def test_a_mapping_that_is_not_yaml_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("a: [")
    with pytest.raises(errors.InvalidInput, match="expected valid YAML"):
        load_mapping(path)


def test_a_mistake_in_a_mapping_is_told_in_plain_words(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(
        MAPPING.replace("step: 60", "step: 0").replace("{column: queue, unit", "{colum: queue, unit")
    )
    with pytest.raises(errors.InvalidInput) as caught:
        load_mapping(path)
    step, *queue = [str(problem).partition("  ")[2] for problem in caught.value.problems]
    assert step == "step is 0, expected 1 or more"
    assert any("colum is unknown" in each and "did you mean column?" in each for each in queue)


@pytest.mark.parametrize("text", ["", "---\n---\n"])
def test_a_file_without_a_mapping_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "none.yaml").write_text(text)
    with pytest.raises(errors.InvalidInput, match="is not one mapping"):
        load_mapping(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_committed_mapping_is_valid(path: Path) -> None:
    assert load_mapping(path).catalogue()


def test_the_slice_of_sock_shop_reads_whole(slice_: Dataset) -> None:
    assert slice_.samples == 7360
    assert len(slice_.labels) == 23
    assert {label.issue for label in slice_.labels} == {"cpu-saturation", "memory-leak", "network"}


TIDY = """apiVersion: chaoskit.io/v1
kind: DataMapping
metadata: {name: tidy}
files: [cpu.csv, memory.csv]
step: 60
timestamp: at
identity: {pod: pod, namespace: =shop}
tidy: {name: metric}
signals:
  cpu_usage: {column: container_cpu}
  memory_usage: {column: used, over: limit}
"""


def tidy(folder: Path, **files: str) -> Dataset:
    (folder / "tidy.yaml").write_text(TIDY)
    for name in ("cpu", "memory"):
        (folder / f"{name}.csv").write_text("at,pod,metric,value\n" + files.get(name, ""))
    return read([folder], load_mapping(folder / "tidy.yaml"))


def test_a_value_on_each_line_is_put_together_by_pod_and_moment(tmp_path: Path) -> None:
    (block,) = tidy(
        tmp_path,
        cpu="1767225660,a,container_cpu,2\n1767225600,a,container_cpu,1\n1767225600,b,else,9\n",
        memory="1767225600,a,used,50\n1767225600,b,used,30\n1767225600,a,limit,200\n1767225660,a,limit,200\n",
    ).blocks
    assert [row.pod for row in block.rows] == ["a", "b"]
    np.testing.assert_array_equal(block.values[0], np.array([[1, 2], [0.25, np.nan]], dtype=np.float32))
    assert np.isnan(block.values[1]).all()


def test_a_bad_value_of_a_tidy_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        tidy(tmp_path, cpu="1767225600,a,container_cpu,much\n", memory="1767225600,a,used,1\n")
    (problem,) = caught.value.problems
    assert (problem.field, problem.line, problem.column) == ("value", 2, 4)


def test_a_tidy_file_of_nothing_known_says_what_it_names(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidInput, match="names a signal of the mapping") as caught:
        tidy(tmp_path, cpu="1767225600,a,cpu,1\n")
    assert caught.value.hint == "it names cpu"


def test_a_mapping_is_wide_or_tidy(tmp_path: Path) -> None:
    path = tmp_path / "both.yaml"
    path.write_text(TIDY + "wide: {columns: '(?P<pod>.+)_(?P<signal>cpu)'}\n")
    with pytest.raises(errors.InvalidInput) as caught:
        load_mapping(path)
    assert "wide or tidy" in caught.value.problems[0].expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["*Z.csv"], ["1Z.csv", "2Z.csv"]),
        (["2Z.csv", "*Z.csv"], ["2Z.csv", "1Z.csv"]),
        (["[1].csv"], ["[1].csv"]),
        (["[12]Z.csv"], ["1Z.csv", "2Z.csv"]),
        (["*.parquet"], ["*.parquet"]),
    ],
)
def test_a_file_is_named_or_fits_a_pattern(tmp_path: Path, names: list[str], expected: list[str]) -> None:
    for name in ("2Z.csv", "1Z.csv", "[1].csv", "events.csv"):
        (tmp_path / name).touch()
    assert [path.name for path in files([tmp_path], names)] == expected
    assert files([tmp_path], names, required=False) == [tmp_path / e for e in expected if "parquet" not in e]
    given = sorted(tmp_path.iterdir())
    fitting = [path for path in given if path.name in expected]
    assert files(given, names) == (fitting or given)
