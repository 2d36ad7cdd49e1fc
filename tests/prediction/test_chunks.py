"""A collection: whole after a stop, gone on with later, read back as it was measured."""

from __future__ import annotations

import json
import re
import threading
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml

from chaoskit import errors, events
from chaoskit.adapters.prometheus import refusal
from chaoskit.clock import ManualClock, Pace
from chaoskit.flows.collecting import Collected, collect
from chaoskit.ports.metrics import Alert, QueryRefused, Sample, Series, Signal
from chaoskit.prediction.reading.chunks import Asked, alone, chunks
from chaoskit.prediction.reading.mapping import load_mapping
from chaoskit.prediction.reading.sheets import Form
from chaoskit.prediction.reading.tables import read
from chaoskit.signals import BY_NAME

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIGNALS = tuple(BY_NAME[name] for name in ("memory_usage", "restarts", "db_up"))
DB = {"namespace": "shop", "pod": "db-0", "workload": "db", "workload_kind": "statefulset"}
CART = {"namespace": "shop", "pod": "cart-1", "workload": "cart", "workload_kind": "deployment"}


@dataclass
class Prometheus:
    """Memory that is a function of time, from `since` on; restarts of one pod; no db_up."""

    since: datetime = T0
    refuses: str = ""
    down: tuple[int, int] = (0, 0)
    """From and until which minute nothing is scraped."""
    token_until: datetime = T0 + timedelta(days=1)
    asked: list[datetime] = field(default_factory=list)

    def range(
        self, signal: Signal, start: datetime, end: datetime, *, step: int = 0,
        where: Mapping[str, str] | None = None,
    ) -> tuple[Series, ...]:  # fmt: skip
        self.asked.append(start)
        if start >= self.token_until:
            raise refusal("http://prometheus", 401, "token expired")
        if signal.name == self.refuses:
            raise QueryRefused("too many samples", service="Prometheus")
        count = int((end - start).total_seconds() // step) + 1
        times = [start + timedelta(seconds=step * index) for index in range(count)]
        of = {"memory_usage": (CART, DB), "restarts": (DB,)}.get(signal.name, ())
        return tuple(Series(labels, start, step, array("d", map(self.value, times))) for labels in of)

    def value(self, at: datetime) -> float:
        first, last = (T0 + timedelta(minutes=each) for each in self.down)
        there = at >= self.since and not first <= at < last
        return (at - T0).total_seconds() / 1e5 if there else float("nan")

    def instant(
        self, signal: Signal, where: Mapping[str, str] | None = None, *, at: datetime | None = None
    ) -> tuple[Sample, ...]:
        raise NotImplementedError

    def alerts(self) -> tuple[Alert, ...]:
        return ()


def asked(form: Form = "csv", step: int = 60, length: int = 600) -> Asked:
    return Asked("shop", SIGNALS, step, length, form)


def collected(
    source: Prometheus, folder: Path, *, minutes: float = 55, form: Form = "csv", jobs: int = 2
) -> Collected:
    return collect(source, asked(form), T0, T0 + timedelta(minutes=minutes), folder, jobs=jobs)


def test_stretches_lie_on_a_grid_and_the_last_is_open() -> None:
    found = chunks(asked(), T0 + timedelta(minutes=3), T0 + timedelta(minutes=25, seconds=30))
    bounds = [((each.start - T0).seconds // 60, (each.end - T0).seconds // 60) for each in found]
    assert bounds == [(0, 10), (10, 20), (20, 25)]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_was_measured_is_read_back(form: Form, tmp_path: Path) -> None:
    found = collected(Prometheus(), tmp_path, form=form)
    assert (found.rows, found.new, found.signals) == (110, 6, ("memory_usage", "restarts"))
    data = read([tmp_path], load_mapping(found.mapping))
    assert data.signals == SIGNALS[:2]
    (block,) = data.blocks
    assert (block.start, block.length) == (T0, 55)
    assert [row.workload for row in block.rows] == ["deployment/cart", "statefulset/db"]
    expected = np.array([each / 1e5 for each in range(0, 3300, 60)], dtype=np.float32)
    assert np.array_equal(block.values[0, 0], expected)
    assert np.isnan(block.values[0, 1]).all()
    assert np.array_equal(block.values[1, 1], expected)


def test_the_same_samples_make_the_same_bytes(tmp_path: Path) -> None:
    one, other = (collected(Prometheus(), tmp_path / name) for name in ("one", "other"))
    assert [each.sha256 for each in one.chunks] == [each.sha256 for each in other.chunks]


def test_a_collection_goes_on_where_it_was_and_to_the_present(tmp_path: Path) -> None:
    source = Prometheus()
    collected(source, tmp_path, minutes=25)
    source.asked.clear()
    assert collected(source, tmp_path, minutes=25).new == 0
    assert not source.asked
    later = collected(source, tmp_path, minutes=35)
    assert later.new == 2
    assert set(source.asked) == {T0 + timedelta(minutes=20), T0 + timedelta(minutes=30)}
    assert later.rows == 70
    assert read([tmp_path], load_mapping(later.mapping)).blocks[0].length == 35


def test_a_file_that_was_changed_or_lost_is_fetched_again(tmp_path: Path) -> None:
    first, second, *_ = collected(Prometheus(), tmp_path).chunks
    (tmp_path / first.file).write_bytes(b"broken")
    (tmp_path / second.file).unlink()
    again = collected(Prometheus(), tmp_path)
    assert again.new == 2
    assert again.chunks[0] == first


def test_a_stop_keeps_what_was_fetched(tmp_path: Path) -> None:
    stop, heard = threading.Event(), list[events.Event]()

    def hear(event: events.Event) -> None:
        heard.append(event)
        stop.set()

    end = T0 + timedelta(minutes=55)
    with pytest.raises(errors.Interrupted):
        collect(Prometheus(), asked(), T0, end, tmp_path, jobs=1, stop=stop, listen=hear)
    assert [(e.done, e.total) for e in heard if isinstance(e, events.Progress)] == [(1, 6)]
    assert collected(Prometheus(), tmp_path).new == 5


def test_time_before_prometheus_memory_is_no_line_and_not_asked_for_again(tmp_path: Path) -> None:
    source = Prometheus(since=T0 + timedelta(minutes=30))
    found = collected(source, tmp_path)
    assert [each.file == "" for each in found.chunks] == [True, True, True, False, False, False]
    assert found.rows == 50
    source.asked.clear()
    assert collected(source, tmp_path).new == 0


def test_a_hole_in_the_samples_is_asked_for_again(tmp_path: Path) -> None:
    source = Prometheus(down=(20, 40))
    assert [each.file == "" for each in collected(source, tmp_path).chunks] == [
        *[False, False, True, True, False, False],
    ]
    source.down = (0, 0)
    assert (collected(source, tmp_path).new, collected(source, tmp_path).new) == (2, 0)


def test_a_refusal_to_answer_is_no_time_without_samples(tmp_path: Path) -> None:
    source = Prometheus(token_until=T0 + timedelta(minutes=30))
    with pytest.raises(errors.CannotStart, match="does not accept these credentials"):
        collected(source, tmp_path, jobs=1)
    source.token_until += timedelta(days=1)
    assert (collected(source, tmp_path).new, collected(source, tmp_path).rows) == (3, 110)


def test_two_do_not_collect_into_one_folder_at_once(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(errors.CannotStart, match="another collect is at work in"):
        collected(Prometheus(), tmp_path)
    assert collected(Prometheus(), tmp_path).new == 6


def test_nothing_at_all_cannot_be_collected(tmp_path: Path) -> None:
    with pytest.raises(errors.CannotStart, match="no signal has a sample in namespace shop"):
        collected(Prometheus(since=T0 + timedelta(days=1)), tmp_path)


def test_another_collection_is_not_overwritten(tmp_path: Path) -> None:
    collected(Prometheus(), tmp_path)
    with pytest.raises(errors.InvalidInput, match="holds another collection: format differ"):
        collected(Prometheus(), tmp_path, form="parquet")
    with pytest.raises(errors.InvalidInput, match="no multiple of the step"):
        asked(step=7)


def test_a_mapping_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mapping.yaml").write_text("mine\n")
    source = Prometheus()
    with pytest.raises(errors.InvalidInput, match=r"holds a mapping\.yaml and no collection"):
        collected(source, tmp_path)
    assert ((tmp_path / "mapping.yaml").read_text(), source.asked) == ("mine\n", [])


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_mapping_that_was_edited_since_is_not_overwritten(form: Form, tmp_path: Path) -> None:
    collected(Prometheus(), tmp_path, form=form)
    mapping, source = tmp_path / "mapping.yaml", Prometheus()
    edited = mapping.read_text() + "events: {file: incidents.csv}\n"
    mapping.write_text(edited)
    with pytest.raises(errors.InvalidInput, match=r"mapping\.yaml was edited since") as caught:
        collected(source, tmp_path, form=form)
    assert (mapping.read_text(), source.asked) == (edited, [])
    assert "keep it under another name" in caught.value.hint
    mapping.rename(tmp_path / "mine.yaml")
    collected(source, tmp_path, form=form)
    assert edited.startswith(mapping.read_text())


def test_a_mapping_that_is_edited_while_the_files_are_collected_is_not_overwritten(tmp_path: Path) -> None:
    mapping = collected(Prometheus(), tmp_path, minutes=30).mapping
    edited = mapping.read_text() + "events: {file: incidents.csv}\n"

    def edit(event: events.Event) -> None:
        mapping.write_text(edited)

    end = T0 + timedelta(minutes=55)
    with pytest.raises(errors.InvalidInput, match=r"mapping\.yaml was edited since"):
        collect(Prometheus(), asked(), T0, end, tmp_path, jobs=1, listen=edit)
    assert mapping.read_text() == edited
    mapping.rename(tmp_path / "mine.yaml")
    assert collected(Prometheus(), tmp_path).new == 0


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_mapping_that_is_kept_as_the_hint_says_reads_what_is_collected_later(
    form: Form, tmp_path: Path
) -> None:
    mapping = collected(Prometheus(), tmp_path, form=form).mapping
    mapping.write_text(mapping.read_text() + "events: {file: incidents.csv}\n")
    with pytest.raises(errors.InvalidInput) as caught:
        collected(Prometheus(), tmp_path, form=form)
    pattern = re.search(r"files: \[.*\]", caught.value.hint)
    assert pattern
    mine = mapping.rename(tmp_path / "mine.yaml")
    written = yaml.safe_load(mine.read_text()) | yaml.safe_load(pattern[0])
    mine.write_text(yaml.safe_dump(written))
    (tmp_path / "incidents.csv").write_text("start,end,target,issue\n")
    collected(Prometheus(), tmp_path, minutes=180, form=form)
    found, all_ = (read([tmp_path], load_mapping(each)) for each in (mine, mapping))
    assert [each.length for each in found.blocks] == [each.length for each in all_.blocks] == [180]


@pytest.mark.parametrize("told", ["", "of another moment"])
def test_a_mapping_of_which_the_index_does_not_tell_yet_was_not_edited(tmp_path: Path, told: str) -> None:
    collected(Prometheus(), tmp_path)
    index = tmp_path / "collection.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "mapping": told}))
    with pytest.raises(errors.CannotStart, match="token expired"):
        collected(Prometheus(token_until=T0 + timedelta(minutes=70)), tmp_path, minutes=90, jobs=1)
    assert len(json.loads(index.read_text())["chunks"]) == 7
    assert collected(Prometheus(), tmp_path, minutes=90).new == 2
    assert collected(Prometheus(), tmp_path, minutes=90).new == 0


def test_a_signal_that_is_refused_is_missing_and_told_once(tmp_path: Path) -> None:
    heard = list[events.Event]()
    end = T0 + timedelta(minutes=55)
    found = collect(Prometheus(refuses="restarts"), asked(), T0, end, tmp_path, jobs=1, listen=heard.append)
    assert found.signals == ("memory_usage",)
    warned = [each.message for each in heard if isinstance(each, events.Warned)]
    assert warned == ["signal restarts is missing: too many samples"]


def test_an_index_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    collected(Prometheus(), tmp_path)
    index = tmp_path / "collection.json"
    index.write_text(index.read_text().replace('"rows"', '"lines"'))
    with pytest.raises(errors.InvalidInput, match=r"collection\.json cannot be read"):
        collected(Prometheus(), tmp_path)


def test_a_pace_lets_so_many_in_a_second() -> None:
    clock = ManualClock()
    pace = Pace(4, clock)
    for _ in range(9):
        pace()
    assert clock.monotonic() == pytest.approx(2.0)
    clock.turn(10)
    pace()
    assert clock.monotonic() == pytest.approx(12.0)
