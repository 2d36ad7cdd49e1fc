"""Outside labels from an events file, and the stretches that a mapping knows to be wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chaoskit import errors
from chaoskit.prediction.reading import mapping as mappings
from chaoskit.prediction.reading import sheets
from chaoskit.prediction.reading.sheets import Cells
from chaoskit.prediction.reading.values import A_TIME, OPEN_END, Clocks, Mixed, TimeReader, moment
from chaoskit.records import LabelRecord, new_id

ALL = "*"
EVER = timedelta(days=3650)


def read_labels(paths: Sequence[Path], mapping: mappings.Mapping, clocks: Clocks) -> tuple[LabelRecord, ...]:
    """The lines of the events files that the mapping asks for, as labels; issue words are translated.

    A run with ramps says nothing before it is steady, and after the ramp's start nothing but the ramp.
    `clocks` then has those of the files.
    """
    found = [label for path in paths if mapping.events for label in _read(path, mapping.events, clocks)]
    return (*found, *(_censored(each) for each in mapping.censored))


def _censored(each: mappings.Censored) -> LabelRecord:
    start, end = (
        datetime.fromtimestamp(min(max(at.timestamp(), 0.0), OPEN_END), UTC) for at in (each.start, each.end)
    )
    return LabelRecord(
        id=new_id(start), at=start, trace_id="", target=each.target, namespace="", meaning="unknown",
        issue="", start=start, end=end, source=each.why,
    )  # fmt: skip


def _read(path: Path, events: mappings.Events, clocks: Clocks) -> list[LabelRecord]:
    found: list[LabelRecord] = []
    problems: list[errors.Problem] = []
    clock = TimeReader()
    with sheets.opened(path) as sheet:
        sheet.require([*events.columns.wanted, *events.where, *events.censored])
        for line, cells in sheet.rows:
            try:
                if uneven := sheet.uneven(line, cells):
                    problems.append(uneven)
                elif events.censored and _fits(cells, sheet.place, events.censored):
                    found += _labels(path, cells, sheet.place, events, clock, hit_unknown=True)
                elif _fits(cells, sheet.place, events.where):
                    found += _labels(path, cells, sheet.place, events, clock)
            except Mixed:
                problems.append(mixed_up(sheet, line, cells, _times(events.columns), clock))
                break
            except (ValueError, TypeError) as error:
                problems.append(_wrong(sheet, line, cells, events.columns, error))
    if clock.zoned is not None:
        clocks[path] = clock.zoned
    if problems:
        raise errors.InvalidInput(f"{path} has events that cannot be read", problems=problems)
    return found


def _wrong(
    sheet: sheets.Sheet, line: int, cells: Cells, names: mappings.EventColumns, error: Exception
) -> errors.Problem:
    """What is wrong with this line, at its first time that cannot be read; else with the event itself."""
    for name in _times(names):
        at = sheet.place[name]
        try:
            (TimeReader().until if name == names.end else moment)(cells[at])
        except (ValueError, TypeError):
            return errors.Problem(str(sheet.path), name, repr(cells[at]), A_TIME, line, at + 1)
    return errors.Problem(str(sheet.path), "event", str(error), "an event", line)


def mixed_up(
    sheet: sheets.Sheet, line: int, cells: Cells, names: Sequence[str], clock: TimeReader
) -> errors.Problem:
    """What is wrong with a line one of whose times, in these columns, is `Mixed` for this clock."""
    for name in names:
        at = sheet.place[name]
        try:
            clock.until(cells[at])
        except Mixed:
            return errors.Problem(str(sheet.path), name, repr(cells[at]), clock.sort, line, at + 1)
    raise AssertionError(f"{sheet.path}:{line} was of one zone after all")


def _times(names: mappings.EventColumns) -> list[str]:
    """The columns that hold times."""
    return [name for name in (names.start, names.end, names.steady) if name]


def _fits(cells: Cells, place: dict[str, int], wanted: Mapping[str, str]) -> bool:
    return all(str(cells[place[key]]) == value for key, value in wanted.items())


def _labels(
    path: Path,
    cells: Cells,
    place: dict[str, int],
    events: mappings.Events,
    clock: TimeReader,
    *,
    hit_unknown: bool = False,
) -> Iterator[LabelRecord]:
    """The label of each target of one line, and what its run's other time does not say."""
    names = events.columns

    def text(column: str) -> str:
        return str(cells[place[column]]) if column else ""

    start = datetime.fromtimestamp(clock(cells[place[names.start]]), UTC)
    end = datetime.fromtimestamp(clock.until(cells[place[names.end]]), UTC)
    if end < start:
        raise ValueError(f"an end ({end:%H:%M:%S}) before its start ({start:%H:%M:%S})")
    word, run = text(names.issue), text(names.run)

    def label(target: str, meaning: str, first: datetime, last: datetime) -> LabelRecord:
        issue = events.issues.get(word, word) if meaning != "unknown" else ""
        return LabelRecord(
            id=new_id(start), at=start, trace_id="", target=target, namespace="", meaning=meaning,
            issue=issue, start=first, end=last, source=path.name, fault=text(names.fault), run=run,
        )  # fmt: skip

    if hit_unknown:
        yield label(ALL, "censored", start, end)
        return
    for target in text(names.target).split() or [""]:
        yield label(target, events.meaning, start, end)
    if events.meaning == "ramp":
        yield label(ALL, "unknown", start, end + EVER)
        if names.steady:
            steady = datetime.fromtimestamp(clock(cells[place[names.steady]]), UTC)
            yield label(ALL, "unknown", start - EVER, steady - timedelta(seconds=1))
