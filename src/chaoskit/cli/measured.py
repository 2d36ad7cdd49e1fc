"""What training, judging and calibrating share: measured files by a mapping, reports to keep and show."""

from __future__ import annotations

import json
import os
import shlex
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from chaoskit import files
from chaoskit.cli.fitting import beside
from chaoskit.cli.render import columns
from chaoskit.cli.render import told as line
from chaoskit.errors import InvalidInput
from chaoskit.reports.reading import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console

    from chaoskit.prediction import Chaos, Dataset, Mapping, Report, Target


def paired(data: Sequence[Path] | None, mapping: Path | None) -> tuple[Sequence[Path], Path]:
    """The files and what says what they mean; `InvalidInput` unless both are there."""
    if not data or mapping is None:
        raise InvalidInput(
            "--data and --mapping belong together: files, and what their columns mean",
            hint="add --data FOLDER --mapping FILE; examples/data has mapping files",
        )
    return data, mapping


def read(
    data: Sequence[Path] | None,
    mapping: Path | None,
    *,
    tell: Callable[[str], None],
    unlabelled: bool = False,
    chaos: Chaos = "mask",
) -> tuple[Dataset, Mapping, Target]:
    """The files, what their columns mean, and what they can teach; what is strange about them was told.

    An events file that the mapping names has to be there and tell of the data; of data that may be
    `unlabelled` it is told that it does not. `chaos` is what past experiments are to learning.

    Raises:
        InvalidInput: one of both is missing, or cannot be read.
    """
    from chaoskit import prediction

    files, path = paired(data, mapping)
    meaning = prediction.load_mapping(path)
    if lacking := prediction.lacking_events(files, meaning):
        if not unlabelled:
            raise InvalidInput(
                f"{lacking}: its failures would count as health",
                hint="add it, without lines where nothing failed; or take events out of the mapping",
            )
        tell(f"! {lacking}: what the history itself does not tell counts as healthy")
    target = prediction.Target(
        meaning.target.mode,
        timedelta(minutes=meaning.target.horizon_minutes),
        confirm=meaning.target.confirm,
    )
    dataset = prediction.read(files, meaning, unlabelled=unlabelled)
    for note in dataset.notes:
        tell(f"! {note}")
    for note in _foreign(dataset, chaos):
        tell(f"! {note}")
    return dataset, meaning, target


_PASSED_OVER = "`generate` proves it by a lost pod and `recover` passes it over"


def _foreign(dataset: Dataset, chaos: Chaos) -> Iterator[str]:
    """In words, how many failures of the files are called what no other command knows, or nothing at all."""
    from chaoskit.experiments.generation.repertoire import FAULTS, SAME
    from chaoskit.prediction.labelling.labels import OTHER, failing
    from chaoskit.recovery.issues import CLASSES

    failures = (each for each in dataset.labels if each.meaning in failing(chaos))
    events = {(each.source, each.run, each.start, each.end, each.issue) for each in failures}
    told = Counter(issue for *_, issue in events)
    nameless = told.pop("", 0)
    if foreign := sorted(told.keys() - {*CLASSES, *FAULTS, *SAME}):
        words = ", ".join(f"{word} ({counted(told[word], 'event')})" for word in foreign)
        yield (
            f"no class of chaoskit's: {words}; learned and told as written, but {_PASSED_OVER}; "
            "`issues` of the mapping says which class a word means"
        )
    if nameless:
        count = counted(nameless, "event")
        yield f"without a class: {count}; learned and told as {OTHER}, but {_PASSED_OVER}"


def pasted(data: Sequence[Path] | None, mapping: Path | None) -> str:
    """`` --data a --data b --mapping m.yaml`` for a command to paste; "" where no files were given."""
    words = [word for each in data or () for word in ("--data", str(each))]
    words += ["--mapping", str(mapping)] if mapping else []
    return f" {shlex.join(words)}" if words else ""


def moment(text: str, option: str) -> datetime:
    """The moment that this option names, UTC where it names no zone; Typer tells when it is none."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is no ISO 8601 time", param_hint=option) from error


def processors() -> int:
    """How many forests grow at once when nobody says."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def write(
    report: Report, path: Path, title: str, *, command: dict[str, Any], facts: dict[str, Any]
) -> list[Path]:
    """The report lies there as Markdown and, beside it, as JSON; the paths.

    `command` is what was asked for: the verb and its options, of files and folders their names.
    """
    from chaoskit.prediction import document, markdown

    words = [word for option, value in command.items() if value for word in (option, *_told(value))]
    about = [f"Written by `{' '.join(['chaoskit', *words])}`."]
    about += [", ".join(f"{name} {value}" for name, value in facts.items()) + "."]
    figures = json.dumps({**document(report), "facts": facts}, indent=1) + "\n"
    path, beside = both(path)
    files.write(path, markdown(report, title, about=about).encode())
    files.write(beside, figures.encode())
    return [path, beside]


def both(path: Path) -> tuple[Path, Path]:
    """Where a report lies as Markdown, and as JSON beside it."""
    return path, path.with_suffix(".json")


def check_writable(out: Path | None) -> None:
    """A report can be written there, if it is to be: looked at before hours of work.

    Raises:
        InvalidInput: it cannot.
    """
    for each in both(out) if out is not None else ():
        files.check_writable(each)


def _told(value: Any) -> list[str]:
    """A value as it is written on the command line, without the folders of this machine."""
    if value is True:
        return []
    if isinstance(value, list):
        return [word for each in value for word in _told(each)]
    if isinstance(value, Path) and (value.is_absolute() or ".." in value.parts):
        return [value.name]
    return [str(value)]


def show(out: Console, report: Report, elsewhere: str, told_before: Sequence[str] = ()) -> None:
    """How it was judged, and the table of the model beside the baselines; no note that was told before.

    On a terminal it has the columns that fit; which others there are `elsewhere` is said.
    """
    from chaoskit.prediction import notes, silent_forest
    from chaoskit.prediction.judging.card import caught, due, intervals, number, shown, told

    facts = ", ".join(
        f"{name.replace('_', ' ')} {_figure(value)}"
        for name, value in shown(report.data).items()
        if isinstance(value, str | int | float) and name != "sha256"
    )
    line(out, "judged    ", report.split)
    line(out, "data      ", facts)
    line(out, "failures  ", due(report.data))
    _figures(out, report, elsewhere)
    line(out, "", f"{intervals(report)}.")
    limits = ", ".join(f"{name} {number(each)}" for name, each in report.thresholds.items())
    budget = (report.kept or report).false_alarms_per_day
    line(out, "", f"thresholds, for {budget:g} false alarms per day: {limits}")
    if unheard := silent_forest(report):
        line(out, "! ", unheard, style="yellow")
    if report.model.caught_by_fault:
        line(out, "caught by fault: ", caught(report.model.caught_by_fault))
    for issue, alarm in report.model.pr_auc_by_class.items():
        forest = number(report.alone.pr_auc_by_class.get(issue))
        out.print(f"PR-AUC of {issue}: {number(alarm)}, of the forest alone {forest}")
    for name, found in (("class", report.classes), ("fault", report.faults)):
        if found is not None:
            words = told(f"{name}  per event", found)
            more = "" if found.alone else f"; per sample macro-F1 {number(found.sample_macro_f1)}"
            line(out, "", f"{words}{more}")
    for probe in report.probes:
        if probe.warning:
            line(out, "! ", f"{probe.name}: {probe.warning}", style="yellow")
    for note in notes(report):
        if note not in told_before:
            line(out, "· ", note)
    for issue, why in report.blind.items():
        line(out, "· ", f"blind to {issue}: {why}")


_CAUGHT = 5
"""The column that may take several lines."""


def _figures(out: Console, report: Report, elsewhere: str) -> None:
    from chaoskit.prediction import rows
    from chaoskit.prediction.judging.card import HEADINGS

    found = rows(report)
    fit = beside((HEADINGS, *found), out.width, _CAUGHT) if out.is_terminal else len(HEADINGS)
    columns(out, HEADINGS[:fit], [row[:fit] for row in found], wrap=min(_CAUGHT, fit - 1))
    if left := HEADINGS[fit:]:
        line(out, "", f"{elsewhere}, or on a wider terminal: {', '.join(left)}")


def _figure(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
