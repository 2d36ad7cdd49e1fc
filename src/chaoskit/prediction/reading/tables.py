"""Reads metrics files, long, wide or tidy, by a mapping file: whose, when, in what unit."""

from __future__ import annotations

import glob
import math
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chaoskit import errors
from chaoskit.prediction.data import grid, memory
from chaoskit.prediction.data.arrays import Doubles, Floats, Ints
from chaoskit.prediction.data.dataset import MAX_GAP, Block, Dataset, Row, nothing, put, single
from chaoskit.prediction.labelling.alignment import shifted
from chaoskit.prediction.labelling.labels import Target
from chaoskit.prediction.labelling.plausible import (
    check_events,
    contradicting,
    dated,
    extremes,
    once,
    paced,
    unmeasured,
    zones,
)
from chaoskit.prediction.reading import mapping as mappings
from chaoskit.prediction.reading import sheets
from chaoskit.prediction.reading.labelfiles import mixed_up, read_labels
from chaoskit.prediction.reading.sheets import Cells, Sheet
from chaoskit.prediction.reading.values import (
    A_TIME,
    Cell,
    Clocks,
    Mixed,
    TimeReader,
    moment,
    number,
    pod_name,
    text,
)

MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class _Line:
    """What one line says of one pod: its run, whose it is, when (Unix seconds) and its values."""

    run: str
    row: Row
    at: float
    values: tuple[float, ...]


@memory.in_words()
def read(paths: Sequence[Path], mapping: mappings.Mapping, *, unlabelled: bool = False) -> Dataset:
    """The files as a dataset, with the labels of the events file where the mapping names one, and its own.

    `paths` are files, or folders in which the mapping's own files lie. Lines may come in any order, blocks
    are in that of time; a sample stands at the moment of the grid that is nearest to it, or next to that,
    where another of its pod is nearer. Of two values for the same pod, time and signal the later line counts,
    of two for one moment the newer; where they are others, that is told. Raises
    `InvalidInput` naming file, line and column. Events that say nothing of the data are refused, too; where
    nothing is learned from them, as the data may be `unlabelled`, a note tells of it. Raises `CannotStart`
    where there is not memory enough.
    """
    clocks: Clocks = {}
    runs = _runs(line for path in files(paths, mapping.files) for line in _lines(path, mapping, clocks))
    if not runs:
        raise errors.InvalidInput(f"no line of data in {', '.join(str(path) for path in paths)}")
    found = [each for run in runs for each in _blocks(run, mapping)]
    blocks = tuple(sorted((each.block for each in found), key=lambda block: (block.start, block.run)))
    lost, untrue = sum(each.lost for each in found), sum(each.untrue for each in found)
    first, last = min(run.times[0] for run in runs), max(run.times[-1] for run in runs)
    distances = np.concatenate([grid.spacings(run.row, run.times, run.told) for run in runs])
    written = files(paths, [mapping.events.file], required=False) if mapping.events else []
    labels, doubled = once(read_labels(written, mapping, clocks))
    target = Target(mapping.target.mode, timedelta(minutes=mapping.target.horizon_minutes))
    signals = mapping.catalogue()
    columns = {name: [f"column {each}" for each in of.columns] for name, of in mapping.signals.items()}
    notes = (
        *zones(clocks),
        *dated(first, last),
        *paced(distances, mapping.step, lost, last),
        *contradicting(untrue),
        *doubled,
        *check_events(labels, blocks, target, unlabelled=unlabelled),
        *shifted(blocks, labels),
        *extremes(signals, blocks),
        *unmeasured(columns, blocks),
    )
    return Dataset(signals, mapping.step, blocks, labels, mapping.blind, notes)


def lacking_events(paths: Sequence[Path], mapping: mappings.Mapping) -> str:
    """``no events.csv in later``: where the events file of the mapping is missing; "" when nowhere."""
    if not mapping.events:
        return ""
    name = mapping.events.file
    bare = [path for path in paths if path.is_dir() and not files([path], [name], required=False)]
    if not bare and not files(paths, [name], required=False):
        bare = list(paths)
    return f"no {name} in {', '.join(map(str, bare))}" if bare else ""


def files(paths: Sequence[Path], names: Sequence[str], *, required: bool = True) -> list[Path]:
    """Of folders the files named so, each once; of files those with such a name, or all when none has one.

    A name may be a pattern (``*Z.csv.gz``), which stands for what fits it in the folder, in order of names.
    """
    found = [each for path in paths if path.is_dir() for name in names for each in _fitting(path, name)]
    found = [path for path in dict.fromkeys(found) if required or path.exists()]
    plain = [path for path in paths if not path.is_dir()]
    named = [
        path for path in plain if any(path.name == name or fnmatchcase(path.name, name) for name in names)
    ]
    return found + (named or (plain if required and not found else []))


def _fitting(folder: Path, name: str) -> list[Path]:
    """What is named so there, or else fits; the name itself where nothing does."""
    if (folder / name).exists():
        return [folder / name]
    fitting = glob.glob(name, root_dir=folder)  # noqa: PTH207 - `Path.glob` refuses an absolute pattern
    return [folder / each for each in sorted(fitting) or [name]]


# -- from lines to values ------------------------------------------------------------------------------


def _lines(path: Path, mapping: mappings.Mapping, clocks: Clocks) -> Iterator[_Line]:
    """The lines of this file that the mapping asks for; `clocks` then has the file's."""
    problems: list[errors.Problem] = []
    clock = TimeReader()
    with sheets.opened(path) as sheet:
        parse = _parser(sheet, mapping, clock)
        kept = [(sheet.place[name], value) for name, value in mapping.where.items() if name in sheet.place]
        for line, cells in sheet.rows:
            try:
                if uneven := sheet.uneven(line, cells):
                    problems.append(uneven)
                elif all(str(cells[index]) == value for index, value in kept):
                    yield from parse(cells)
            except Mixed:
                problems.append(mixed_up(sheet, line, cells, (mapping.timestamp,), clock))
                break
            except (ValueError, TypeError):
                problems.append(_wrong(sheet, line, cells, mapping))
            if len(problems) >= MAX_PROBLEMS:
                break
    if clock.zoned is not None:
        clocks[path] = clock.zoned
    if isinstance(parse, _Tidy) and not problems:
        yield from parse.lines()
    if problems:
        raise errors.InvalidInput(f"{path} has values that cannot be read", problems=problems)


Parser = Callable[[Cells], Iterable[_Line]]
Reader = Callable[[Cells], str]


def _parser(sheet: Sheet, mapping: mappings.Mapping, clock: TimeReader) -> Parser | _Tidy:
    if mapping.tidy:
        return _Tidy(sheet, mapping, mapping.tidy, clock)
    return _wide(sheet, mapping, clock) if mapping.wide else _long(sheet, mapping, clock)


Whose = tuple[str, Row, float]
"""The run, pod and moment of a line."""


def _whose(
    sheet: Sheet, mapping: mappings.Mapping, clock: TimeReader, *measured: str
) -> Callable[[Cells], Whose]:
    """How it is read whose line it is and when; the columns for it, and `measured`, are there."""
    who = mapping.identity
    named = [each for each in (who.pod, who.workload, who.namespace, who.run) if each and each[0] != "="]
    sheet.require([mapping.timestamp, *named, *mapping.where, *measured])
    pod = _reader(sheet, who.pod, pod_name)
    workload, namespace, run = (_reader(sheet, each) for each in (who.workload, who.namespace, who.run))
    at = sheet.place[mapping.timestamp]

    def whose(cells: Cells) -> Whose:
        called = pod(cells)
        row = Row(namespace(cells), _workload(who, workload(cells) or called), called)
        return run(cells), row, clock(cells[at])

    return whose


def _long(sheet: Sheet, mapping: mappings.Mapping, clock: TimeReader) -> Parser:
    """One pod and moment per line."""
    whose = _whose(
        sheet, mapping, clock, *(name for each in mapping.signals.values() for name in each.columns)
    )
    signals = [_value(column, sheet.place) for column in mapping.signals.values()]

    def parse(cells: Cells) -> Iterable[_Line]:
        return (_Line(*whose(cells), tuple(signal(cells) for signal in signals)),)

    return parse


class _Tidy:
    """One value per line; a pod's values of one moment are put together when all lines were read."""

    def __init__(
        self, sheet: Sheet, mapping: mappings.Mapping, columns: mappings.Tidy, clock: TimeReader
    ) -> None:
        self._path = sheet.path
        self._whose = _whose(sheet, mapping, clock, columns.name, columns.value)
        self._name, self._value = sheet.place[columns.name], sheet.place[columns.value]
        known = dict.fromkeys(name for each in mapping.signals.values() for name in each.columns)
        self._place = {name: index for index, name in enumerate(known)}
        self._signals = [_value(column, self._place) for column in mapping.signals.values()]
        self._cells: dict[Whose, list[Cell]] = {}
        self._older: list[tuple[Whose, int, float]] = []
        self._others: set[str] = set()

    def __call__(self, cells: Cells) -> Iterable[_Line]:
        """The line's value is kept; lines of what the mapping does not name are passed over."""
        name = str(cells[self._name])
        if name in self._place:
            value, place, whose = number(cells[self._value]), self._place[name], self._whose(cells)
            known = self._cells.setdefault(whose, [None] * len(self._place))
            if known[place] not in {None, value}:
                self._older.append((whose, place, known[place]))
            known[place] = value
        else:
            self._others.add(name)
        return ()

    def lines(self) -> Iterator[_Line]:
        """One line for each pod and moment; `InvalidInput` when nothing that was measured is a signal."""
        if not self._cells and self._others:
            raise errors.InvalidInput(
                f"no line of {self._path} names a signal of the mapping",
                hint=f"it names {', '.join(sorted(self._others)[:4])}",
            )
        for whose, place, value in self._older:
            alone = [value if each == place else None for each in range(len(self._place))]
            yield _Line(*whose, tuple(signal(alone) for signal in self._signals))
        for whose, cells in self._cells.items():
            yield _Line(*whose, tuple(signal(cells) for signal in self._signals))


def _wide(sheet: Sheet, mapping: mappings.Mapping, clock: TimeReader) -> Parser:
    """All pods of one moment per line: a column for each pod and signal."""
    who = mapping.identity
    sheet.require([mapping.timestamp, *([who.run] if who.run and who.run[0] != "=" else []), *mapping.where])
    pods = _columns_of_pods(sheet, mapping)
    run, namespace = _reader(sheet, who.run), _reader(sheet, who.namespace)
    at = sheet.place[mapping.timestamp]

    def parse(cells: Cells) -> Iterable[_Line]:
        when, of = clock(cells[at]), run(cells)
        for (space, workload, pod), signals in pods.items():
            row = Row(space or namespace(cells), _workload(who, workload or pod), pod)
            yield _Line(of, row, when, tuple(signal(cells) for signal in signals))

    return parse


def _workload(who: mappings.Identity, name: str) -> str:
    """``deployment/cart``: a name that says its kind keeps it."""
    return name if "/" in name else f"{who.workload_kind}/{name}"


def _columns_of_pods(
    sheet: Sheet, mapping: mappings.Mapping
) -> dict[tuple[str, str, str], list[Callable[[Cells], float]]]:
    """Per (namespace, workload, pod) how each signal is read; `InvalidInput` when no column fits."""
    assert mapping.wide is not None
    pattern = re.compile(mapping.wide.columns)
    known = {name for column in mapping.signals.values() for name in column.columns}
    place: dict[tuple[str, str, str], dict[str, int]] = {}
    measured: list[str] = []
    for name, index in sheet.place.items():
        if found := pattern.fullmatch(name):
            part = found.groupdict()
            key = (part.get("namespace") or "", part.get("workload") or "", part["pod"])
            place.setdefault(key, {})[part["signal"]] = index
            measured += [name] if part["signal"] in known else []
    if not measured:
        raise errors.InvalidInput(
            f"no column of {sheet.path} fits {mapping.wide.columns!r} with a signal of the mapping",
            hint=f"its columns begin with {', '.join(list(sheet.place)[:4])}",
        )
    sheet.require(measured)
    return {
        key: [_value(column, columns) for column in mapping.signals.values()]
        for key, columns in place.items()
    }


def _reader(sheet: Sheet, named: str, read_: Callable[[object], str] = text) -> Reader:
    """How an identity's part is read: of a column, or the same on every line."""
    if named.startswith("=") or not named:
        constant = named[1:]
        return lambda _: constant
    index = sheet.place[named]
    return lambda cells: read_(cells[index])


def _value(column: mappings.Column, place: dict[str, int]) -> Callable[[Cells], float]:
    """How a signal's value is read; NaN where a column of it is not there."""
    scale = column.scale
    index, minus, over = (place.get(name) for name in (column.column, column.minus, column.over))
    if index is None or any(name not in place for name in column.columns):
        return lambda _: math.nan
    main = index

    def value(cells: Cells) -> float:
        found = number(cells[main])
        if minus is not None:
            found -= number(cells[minus])
        if over is not None:
            whole = number(cells[over])
            found = found / whole if whole else math.nan
        return found * scale

    return value


def _wrong(sheet: Sheet, line: int, cells: Cells, mapping: mappings.Mapping) -> errors.Problem:
    """What is wrong with this line, at the first cell that cannot be read."""
    path = str(sheet.path)
    readers: list[tuple[str, Callable[[Cell], object], str]] = [(mapping.timestamp, moment, A_TIME)]
    measured = {name for column in mapping.signals.values() for name in column.columns}
    if mapping.tidy:
        measured = {mapping.tidy.value}
    pattern = re.compile(mapping.wide.columns) if mapping.wide else None
    columns = sheet.place if pattern else measured
    readers += [(each, number, "a number") for each in columns if not pattern or pattern.fullmatch(each)]
    if mapping.identity.pod in sheet.place and not pattern:
        readers.append((mapping.identity.pod, pod_name, "the name of a pod"))
    for column, parse, expected in readers:
        try:
            parse(cells[sheet.place[column]])
        except (ValueError, TypeError):
            found = repr(cells[sheet.place[column]])
            return errors.Problem(path, column, found, expected, line, sheet.place[column] + 1)
    raise AssertionError(f"{path}:{line} was readable after all")


# -- from values to blocks -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """The lines of one run in order of time, as arrays: whose (the index of its row), when, how much."""

    name: str
    rows: tuple[Row, ...]
    row: Ints
    times: Doubles
    told: Doubles

    def cut(self, first: int, last: int) -> _Run:
        """Its lines from `first` to `last`, the last one excluded, with the rows that are there."""
        there, row = np.unique(self.row[first:last], return_inverse=True)
        rows = tuple(self.rows[index] for index in there.tolist())
        return _Run(self.name, rows, row, self.times[first:last], self.told[first:last])


class _Lines:
    """The lines of one run as they come, as numbers."""

    def __init__(self) -> None:
        self._rows: dict[Row, int] = {}
        self._row, self._at, self._told = array("q"), array("d"), array("d")

    def add(self, line: _Line) -> None:
        """One more."""
        self._row.append(self._rows.setdefault(line.row, len(self._rows)))
        self._at.append(line.at)
        self._told.extend(line.values)

    def run(self, name: str) -> _Run:
        """All of them, in order of time, those of one time as they came; the rows in order of names."""
        rows = tuple(sorted(self._rows))
        place = np.empty(len(rows), dtype=np.int64)
        place[[self._rows[row] for row in rows]] = np.arange(len(rows))
        times = np.array(self._at)
        order = np.argsort(times, kind="stable")
        told = np.array(self._told).reshape(len(times), -1)
        return _Run(name, rows, place[np.array(self._row)[order]], times[order], told[order])


def _runs(lines: Iterable[_Line]) -> list[_Run]:
    runs: dict[str, _Lines] = {}
    for line in lines:
        runs.setdefault(line.run, _Lines()).add(line)
    return [runs.pop(name).run(name) for name in list(runs)]


class _Made(NamedTuple):
    """A block, how many of its samples a newer one shadows, and of how many a later line says otherwise."""

    block: Block
    lost: int
    untrue: int


def _blocks(run: _Run, mapping: mappings.Mapping) -> Iterator[_Made]:
    """One run, begun anew after each long break."""
    breaks = np.flatnonzero(np.diff(run.times) > MAX_GAP.total_seconds()) + 1
    for first, last in zip([0, *breaks], [*breaks, len(run.times)], strict=True):
        yield _block(run.cut(first, last), mapping)


def _block(run: _Run, mapping: mappings.Mapping) -> _Made:
    step, told = mapping.step, run.told
    steps, moments = grid.nearest(run.times, run.times[0], step)
    values = nothing(len(run.rows), told.shape[1], int(moments[-1]) + 1)
    lost, untrue = np.zeros(len(moments), dtype=np.bool_), 0
    fine: dict[int, Floats] = {}
    for index, (column, signal) in enumerate(zip(mapping.signals.values(), mapping.catalogue(), strict=True)):
        known = np.flatnonzero(~np.isnan(told[:, index]))
        row, found = run.row[known], told[known, index]
        untrue += grid.contradicted(row, run.times[known], found)
        at, shadowed = grid.apart(row, steps[known], moments[known])
        lost[known] |= shadowed
        if column.rate:
            row, at, found = grid.per_second(row, at, found, step)
        if signal.kind == "counter":
            exact = np.full((len(run.rows), values.shape[2]), np.nan)
            exact[row, at] = found
            put(exact, values, fine, index)
        else:
            values[row, index, at] = single(found)
    start = datetime.fromtimestamp(float(run.times[0]), UTC)
    return _Made(Block(run.name, run.rows, start, step, values, fine), int(lost.sum()), untrue)
