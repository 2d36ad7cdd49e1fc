"""How files are read line by line: long, tidy or wide; what is wrong with a line is told with its place."""

from __future__ import annotations

import functools
import math
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import numpy as np

from chaoskit import errors
from chaoskit.prediction.data import memory
from chaoskit.prediction.data.arrays import Doubles
from chaoskit.prediction.data.dataset import Row
from chaoskit.prediction.reading import mapping as mappings
from chaoskit.prediction.reading import sheets
from chaoskit.prediction.reading.labelfiles import mixed_up
from chaoskit.prediction.reading.lines import Lines
from chaoskit.prediction.reading.sheets import Cells, Sheet
from chaoskit.prediction.reading.values import (
    A_TIME,
    Clocks,
    Mixed,
    TimeReader,
    moment,
    number,
    numbers,
    pod_name,
    text,
)

MAX_PROBLEMS = 20

TIDY = 200
"""Bytes that a pod's moment takes while it is not known which values it will have, beside these."""

Columns = Sequence[Sequence[Any]]
"""The cells of some lines, column by column."""

Part = Sequence[tuple[int, Cells]]
"""Some lines, each with its number."""

Parser = Callable[[Columns], None]


def gather(path: Path, mapping: mappings.Mapping, clocks: Clocks, lines: Lines) -> None:
    """Those of this file that the mapping asks for are among the `lines`; `clocks` has the file's.

    Raises:
        InvalidInput: some cannot be read; each is told with its number, the column and the cell.
        CannotStart: there is not memory enough.
    """
    problems: list[errors.Problem] = []
    clock = TimeReader()
    with sheets.opened(path) as sheet:
        parse = _parser(sheet, mapping, clock, lines)
        parts = _parts(sheet)
        while (part := next(parts, None)) is not None:
            try:
                _take(sheet, mapping, part, parse)
            except (ValueError, TypeError) as error:
                if len(part) > 1:  # one by one: of those that can be read nothing will be needed
                    parts = chain(([each] for each in part), parts)
                    continue
                problems.append(_problem(sheet, mapping, clock, *part[0], error))
                if isinstance(error, Mixed) or len(problems) >= MAX_PROBLEMS:
                    break
    if clock.zoned is not None:
        clocks[path] = clock.zoned
    if problems:
        raise errors.InvalidInput(f"{path} has values that cannot be read", problems=problems)
    if isinstance(parse, _Tidy):
        parse.end()


def _parts(sheet: Sheet) -> Iterator[Part]:
    size = sheets.at_once(sheet.header)
    while part := list(islice(sheet.rows, size)):
        yield part


def _take(sheet: Sheet, mapping: mappings.Mapping, part: Part, parse: Parser) -> None:
    """Those that the mapping asks for are read; `ValueError` or `TypeError` where one of all cannot be."""
    if any(len(cells) != len(sheet.header) for _, cells in part):
        raise ValueError
    kept = [(sheet.place[name], value) for name, value in mapping.where.items()]
    wanted = [cells for _, cells in part if all(str(cells[index]) == value for index, value in kept)]
    if wanted:
        parse(list(zip(*wanted, strict=True)))


def _parser(sheet: Sheet, mapping: mappings.Mapping, clock: TimeReader, lines: Lines) -> Parser:
    if mapping.tidy:
        return _Tidy(sheet, mapping, mapping.tidy, clock, lines)
    return (_wide if mapping.wide else _long)(sheet, mapping, clock, lines)


Whose = Callable[[Columns], list[int]]
"""The number of the run and pod of each of some lines."""


def _whose(sheet: Sheet, mapping: mappings.Mapping, lines: Lines, *measured: str) -> Whose:
    """How it is read whose lines they are; the columns for it, that of the time, and `measured` are there."""
    who = mapping.identity
    named = [each for each in (who.pod, who.workload, who.namespace, who.run) if each and each[0] != "="]
    sheet.require([mapping.timestamp, *named, *mapping.where, *measured])
    pod = _reader(sheet, who.pod, pod_name)
    run, namespace, workload = (_reader(sheet, each) for each in (who.run, who.namespace, who.workload))
    known = _known(who, lines)
    return lambda cells: list(map(known, run(cells), namespace(cells), workload(cells), pod(cells)))


def _known(who: mappings.Identity, lines: Lines) -> Callable[[str, str, str, str], int]:
    """The number of a run, namespace, workload and pod; a workload that says its kind keeps it."""

    @functools.cache
    def known(run: str, namespace: str, workload: str, pod: str) -> int:
        name = workload or pod
        return lines.whose(run, Row(namespace, name if "/" in name else f"{who.workload_kind}/{name}", pod))

    return known


def _long(sheet: Sheet, mapping: mappings.Mapping, clock: TimeReader, lines: Lines) -> Parser:
    """One pod and moment per line."""
    whose = _whose(
        sheet, mapping, lines, *(name for each in mapping.signals.values() for name in each.columns)
    )
    signals = [_value(column, sheet.place) for column in mapping.signals.values()]
    at = sheet.place[mapping.timestamp]

    def parse(cells: Columns) -> None:
        lines.add(whose(cells), clock.all(cells[at]), [signal(cells) for signal in signals])

    return parse


class _Tidy:
    """One value per line; a pod's values of one moment are put together until all lines were read."""

    def __init__(
        self, sheet: Sheet, mapping: mappings.Mapping, columns: mappings.Tidy, clock: TimeReader, lines: Lines
    ) -> None:
        self._path, self._clock, self._lines = sheet.path, clock, lines
        self._whose = _whose(sheet, mapping, lines, columns.name, columns.value)
        self._at, self._name, self._value = (
            sheet.place[name] for name in (mapping.timestamp, columns.name, columns.value)
        )
        known = dict.fromkeys(name for each in mapping.signals.values() for name in each.columns)
        self._place = {name: index for index, name in enumerate(known)}
        self._signals = [_value(column, self._place) for column in mapping.signals.values()]
        self._index: dict[tuple[int, float], int] = {}
        self._told = [array("d") for _ in known]
        self._older: list[tuple[int, float, int, float]] = []
        self._others: set[str] = set()
        self._memory = memory.Growing(TIDY + 8 * len(known), 0)

    def __call__(self, cells: Columns) -> None:
        """The lines' values are kept; lines of what the mapping does not name are passed over."""
        names = list(map(str, cells[self._name]))
        known = [index for index, name in enumerate(names) if name in self._place]
        self._others.update(name for name in names if name not in self._place)
        cells = [[column[index] for index in known] for column in cells]
        self._memory.check(len(self._index), len(self._index) + len(known))
        values, whose = numbers(cells[self._value]).tolist(), self._whose(cells)
        ats = self._clock.all(cells[self._at]).tolist()
        for name, who, at, value in zip(cells[self._name], whose, ats, values, strict=True):
            self._put(who, at, self._place[str(name)], value)

    def _put(self, who: int, at: float, place: int, value: float) -> None:
        index = self._index.setdefault((who, at), len(self._index))
        if index == len(self._told[0]):
            for each in self._told:
                each.append(math.nan)
        known = self._told[place][index]
        if not math.isnan(known) and known != value:
            self._older.append((who, at, place, known))
        self._told[place][index] = value

    def end(self) -> None:
        """One line for each pod and moment; `InvalidInput` when nothing that was measured is a signal."""
        if not self._index and self._others:
            raise errors.InvalidInput(
                f"no line of {self._path} names a signal of the mapping",
                hint=f"it names {', '.join(sorted(self._others)[:4])}",
            )
        for who, at, place, value in self._older:
            alone = [[value if each == place else math.nan] for each in range(len(self._told))]
            self._add([who], np.array([at]), alone)
        whose = np.fromiter((who for who, _ in self._index), np.int32, len(self._index))
        ats = np.fromiter((at for _, at in self._index), np.float64, len(self._index))
        self._index.clear()
        for first in range(0, len(ats), sheets.AT_ONCE):
            part = slice(first, first + sheets.AT_ONCE)
            self._add(whose[part].tolist(), ats[part], [told[part] for told in self._told])

    def _add(self, whose: Sequence[int], at: Doubles, cells: Columns) -> None:
        self._lines.add(whose, at, [signal(cells) for signal in self._signals])


def _wide(sheet: Sheet, mapping: mappings.Mapping, clock: TimeReader, lines: Lines) -> Parser:
    """All pods of one moment per line: a column for each pod and signal."""
    who = mapping.identity
    sheet.require([mapping.timestamp, *([who.run] if who.run and who.run[0] != "=" else []), *mapping.where])
    pods = _columns_of_pods(sheet, mapping)
    run, namespace = _reader(sheet, who.run), _reader(sheet, who.namespace)
    known = _known(who, lines)
    time = sheet.place[mapping.timestamp]

    def parse(cells: Columns) -> None:
        at, runs, spaces = clock.all(cells[time]), run(cells), namespace(cells)
        for (space, workload, pod), signals in pods.items():
            inside = repeat(space) if space else spaces
            whose = list(map(known, runs, inside, repeat(workload), repeat(pod)))
            lines.add(whose, at, [signal(cells) for signal in signals])

    return parse


def _columns_of_pods(
    sheet: Sheet, mapping: mappings.Mapping
) -> dict[tuple[str, str, str], list[Callable[[Columns], Doubles]]]:
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


def _reader(sheet: Sheet, named: str, read: Callable[[Any], str] = text) -> Callable[[Columns], list[str]]:
    """How an identity's part is read: of a column, or the same on every line."""
    if named.startswith("=") or not named:
        return lambda cells: [named[1:]] * len(cells[0])
    index = sheet.place[named]
    return lambda cells: [read(cell) for cell in cells[index]]


def _value(column: mappings.Column, place: dict[str, int]) -> Callable[[Columns], Doubles]:
    """How a signal's values are read; NaN where a column of it is not there."""
    index, minus, over = (place.get(name) for name in (column.column, column.minus, column.over))
    if index is None or any(name not in place for name in column.columns):
        return lambda cells: np.full(len(cells[0]), math.nan)
    main = index

    def value(cells: Columns) -> Doubles:
        found = numbers(cells[main])
        with np.errstate(over="ignore"):
            if minus is not None:
                found = found - numbers(cells[minus])
            if over is not None:
                whole = numbers(cells[over])
                found = found / np.where(whole == 0, math.nan, whole)
            return found * column.scale

    return value


def _problem(
    sheet: Sheet, mapping: mappings.Mapping, clock: TimeReader, line: int, cells: Cells, error: Exception
) -> errors.Problem:
    """What is wrong with this line."""
    if uneven := sheet.uneven(line, cells):
        return uneven
    if isinstance(error, Mixed):
        return mixed_up(sheet, line, cells, (mapping.timestamp,), clock)
    return _wrong(sheet, line, cells, mapping)


def _wrong(sheet: Sheet, line: int, cells: Cells, mapping: mappings.Mapping) -> errors.Problem:
    """What is wrong with this line, at the first cell that cannot be read."""
    path = str(sheet.path)
    readers: list[tuple[str, Callable[[Any], object], str]] = [(mapping.timestamp, moment, A_TIME)]
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
