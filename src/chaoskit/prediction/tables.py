"""Reads metrics and events files (CSV, plain or gzipped, one line per pod and moment) by a mapping file."""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import numpy as np

from chaoskit import errors
from chaoskit.prediction import mapping as mappings
from chaoskit.prediction.dataset import MAX_GAP, Block, Dataset, Row
from chaoskit.records import LabelRecord, new_id

MISSING = frozenset({"", "nan", "NaN", "null", "None", "NA"})
MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a metrics file: where it stands, whose it is, when (Unix seconds) and its values."""

    run: str
    row: Row
    at: float
    values: tuple[float, ...]


def read(paths: Sequence[Path], mapping: mappings.Mapping) -> Dataset:
    """The files as a dataset, with the labels of the events file where the mapping names one.

    `paths` are files, or folders in which the mapping's own files lie. Lines may come in any order; of two
    lines for the same pod and moment the later one counts. Raises `InvalidInput` naming file, line, column.
    """
    lines = [line for path in _files(paths, mapping.files) for line in _lines(path, mapping)]
    if not lines:
        raise errors.InvalidInput(f"no line of data in {', '.join(str(path) for path in paths)}")
    blocks = tuple(block for run in _runs(lines) for block in _blocks(run, mapping))
    labels: tuple[LabelRecord, ...] = ()
    if mapping.events is not None:
        found = _files(paths, [mapping.events.file], required=False)
        labels = tuple(label for path in found for label in read_events(path, mapping.events))
    return Dataset(mapping.catalogue(), mapping.step, blocks, labels, mapping.blind)


def _files(paths: Sequence[Path], names: Sequence[str], *, required: bool = True) -> list[Path]:
    """Of folders the named files, of files those with such a name, or all when none has one."""
    found = [path / name for path in paths if path.is_dir() for name in names]
    found = [path for path in found if required or path.exists()]
    plain = [path for path in paths if not path.is_dir()]
    named = [path for path in plain if path.name in names]
    return found + (named or (plain if required and not found else []))


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8", newline="")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8", newline="")
        ) as file:
            yield file
    except (OSError, EOFError) as error:
        raise errors.InvalidInput(f"{path} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise errors.InvalidInput(f"{path} is not text in UTF-8: {error}") from error


def _header(path: Path, reader: Iterator[list[str]], wanted: Iterable[str]) -> dict[str, int]:
    header = next(reader, None)
    if header is None:
        raise errors.InvalidInput(f"{path} is empty")
    place = {name: index for index, name in enumerate(header)}
    absent = [name for name in wanted if name not in place]
    if absent:
        problems = [errors.Problem(str(path), name, "missing", "a column of this name", 1) for name in absent]
        raise errors.InvalidInput(f"{path} lacks {len(absent)} columns of the mapping", problems=problems)
    return place


def _lines(path: Path, mapping: mappings.Mapping) -> Iterator[_Line]:
    who = mapping.identity
    measured = list(mapping.signals.values())
    wanted = [mapping.timestamp, *filter(None, (who.pod, who.workload, who.namespace, who.run))]
    wanted += [each.column for each in measured]
    problems: list[errors.Problem] = []
    with _opened(path) as file:
        reader = csv.reader(file)
        place = _header(path, reader, wanted)
        columns = [(each.column, place[each.column], each.scale) for each in measured]
        for cells in reader:
            if not cells:
                continue
            try:
                yield _Line(
                    cells[place[who.run]] if who.run else "",
                    _row(cells, place, who),
                    moment(cells[place[mapping.timestamp]]),
                    tuple(_number(cells[index]) * scale for _, index, scale in columns),
                )
            except (ValueError, IndexError):
                problems.append(_wrong(path, reader.line_num, cells, place, mapping))
            if len(problems) >= MAX_PROBLEMS:
                break
    if problems:
        raise errors.InvalidInput(f"{path} has values that cannot be read", problems=problems)


def _row(cells: Sequence[str], place: dict[str, int], who: mappings.Identity) -> Row:
    pod = cells[place[who.pod]]
    workload = cells[place[who.workload]] if who.workload else pod
    return Row(cells[place[who.namespace]] if who.namespace else "", f"{who.workload_kind}/{workload}", pod)


def _number(text: str) -> float:
    """The number, NaN for a missing or infinite one: neither says how much it was."""
    if text in MISSING:
        return math.nan
    value = float(text)
    return value if math.isfinite(value) else math.nan


def moment(text: str) -> float:
    """Unix seconds of an ISO 8601 time (UTC where it names no zone) or of Unix seconds or milliseconds."""
    try:
        number = float(text)
    except ValueError:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(number):
        raise ValueError(text)
    return number / 1000 if number > 1e11 else number


def _wrong(
    path: Path, line: int, cells: Sequence[str], place: dict[str, int], mapping: mappings.Mapping
) -> errors.Problem:
    """What is wrong with this line, at the first cell that cannot be read."""
    if len(cells) < len(place):
        expected = f"{len(place)} as in the header"
        return errors.Problem(str(path), "the number of cells", str(len(cells)), expected, line)
    readers = [(mapping.timestamp, moment, "a time (ISO 8601 or Unix seconds)")]
    readers += [(each.column, _number, "a number") for each in mapping.signals.values()]
    for name, parse, expected in readers:
        try:
            parse(cells[place[name]])
        except ValueError:
            return errors.Problem(str(path), name, repr(cells[place[name]]), expected, line, place[name] + 1)
    raise AssertionError(f"{path}:{line} was readable after all")


def _runs(lines: Iterable[_Line]) -> list[list[_Line]]:
    runs: dict[str, list[_Line]] = {}
    for line in lines:
        runs.setdefault(line.run, []).append(line)
    return [sorted(run, key=lambda line: line.at) for run in runs.values()]


def _blocks(lines: Sequence[_Line], mapping: mappings.Mapping) -> Iterator[Block]:
    """One run in order of time, begun anew after each long break."""
    times = np.array([line.at for line in lines])
    breaks = np.flatnonzero(np.diff(times) > MAX_GAP.total_seconds()) + 1
    for first, last in zip([0, *breaks], [*breaks, len(lines)], strict=True):
        yield _block(lines[first:last], times[first:last], mapping.step)


def _block(lines: Sequence[_Line], times: np.ndarray[tuple[int], np.dtype[np.float64]], step: int) -> Block:
    rows = tuple(sorted({line.row for line in lines}))
    number = {row: index for index, row in enumerate(rows)}
    moments = np.rint((times - times[0]) / step).astype(int)
    values = np.full((len(rows), int(moments[-1]) + 1, len(lines[0].values)), np.nan, dtype=np.float32)
    values[[number[line.row] for line in lines], moments] = [line.values for line in lines]
    start = datetime.fromtimestamp(float(times[0]), UTC)
    return Block(lines[0].run, rows, start, step, np.ascontiguousarray(values.transpose(0, 2, 1)))


def read_events(path: Path, events: mappings.Events) -> tuple[LabelRecord, ...]:
    """The lines of an events file that the mapping asks for, as labels; issue words are translated."""
    names = events.columns
    wanted = [names.start, names.end, names.target, names.issue, *events.where]
    found: list[LabelRecord] = []
    problems: list[errors.Problem] = []
    with _opened(path) as file:
        reader = csv.reader(file)
        place = _header(path, reader, wanted)
        for cells in reader:
            try:
                if all(cells[place[key]] == value for key, value in events.where.items()):
                    found.append(_label(path, cells, place, events))
            except (ValueError, IndexError) as error:
                problems.append(errors.Problem(str(path), "event", str(error), "an event", reader.line_num))
    if problems:
        raise errors.InvalidInput(f"{path} has events that cannot be read", problems=problems)
    return tuple(found)


def _label(path: Path, cells: Sequence[str], place: dict[str, int], events: mappings.Events) -> LabelRecord:
    names = events.columns
    start, end = (datetime.fromtimestamp(moment(cells[place[key]]), UTC) for key in (names.start, names.end))
    if end < start:
        raise ValueError(f"an end ({end:%H:%M:%S}) before its start ({start:%H:%M:%S})")
    word = cells[place[names.issue]]
    return LabelRecord(
        id=new_id(start),
        at=start,
        trace_id="",
        target=cells[place[names.target]],
        namespace="",
        meaning=events.meaning,
        issue=events.issues.get(word, word),
        start=start,
        end=end,
        source=path.name,
    )
