"""The options that ask for reports, and the reports: written on every way out of a command."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaoskit.cli.secrecy import learn_names
from chaoskit.cli.stopping import Signalled, undisturbed
from chaoskit.cli.writing import STDOUT, write
from chaoskit.errors import ChaoskitError, Interrupted, InvalidInput
from chaoskit.files import check_writable
from chaoskit.outcome import Outcome, gravest, of_error
from chaoskit.reports.formats import FORMATS, Format, encoded
from chaoskit.reports.reading import Reported

if TYPE_CHECKING:
    from chaoskit.cli.session import Session
    from chaoskit.ports.store import Document
    from chaoskit.records import RunRecord

_GITHUB = "Annotate documents and fill the step's summary"


@dataclass
class Reports:
    """The reports that a command was asked for, and what they are made of, as it comes.

    `github` says whether GitHub Actions is told, too; None: when the command runs there. `stopped` is what
    kept some of it from being begun.
    """

    session: Session
    files: Mapping[str, Path]
    github: bool | None = None
    records: list[Document] = field(default_factory=list)
    outcome: Outcome | None = None
    score: float | None = None
    stopped: Interrupted | None = None
    _settled: bool = field(default=False, init=False)

    @contextmanager
    def always(self) -> Iterator[None]:
        """Inside, whatever ends the command, with a result, an error or a signal: its reports are written.

        What would have ended well ends as `settle` says where one cannot be; a graver end stays what it is.

        Raises:
            InvalidInput: a file cannot be written; nothing else is done.
        """
        for name, path in self.files.items():
            if path == STDOUT:
                raise InvalidInput(f"--{name} -: the result is on stdout already", hint="name a file")
            check_writable(path)
        try:
            yield
        except typer.Exit as ended:
            if self._settled:
                raise
            if self.outcome is None and ended.exit_code:
                self.outcome = next((each for each in Outcome if each.exit_code == ended.exit_code), None)
            failed = self.settle()
            if failed is not None and ended.exit_code == 0:
                raise typer.Exit(of_error(failed).exit_code) from failed
            raise
        except BaseException as error:
            self._written(_told(error))
            raise
        if not self._settled and (failed := self.settle()) is not None:
            raise typer.Exit(of_error(failed).exit_code) from failed

    def add(self, record: RunRecord) -> None:
        """The run that ended is reported, too, whatever becomes of those that go on."""
        learn_names(record)
        self.records.append(record.document())

    def judge(self, least: float | None) -> Outcome:
        """What all of the records end with, their score being `least` at least where that is asked for."""
        from chaoskit.reports import score

        ends = [Outcome(each["outcome"]) for each in self.records]
        ends += [of_error(self.stopped)] if self.stopped is not None else []
        self.score = score.of_runs(self.records)
        self.outcome = gravest(ends) if least is None else score.gated(ends, self.score, least)
        return self.outcome

    def settle(self) -> Exception | None:
        """The reports are written as it is now; the first reason why one cannot be, which was told."""
        self._settled = True
        return self._written(_told(self.stopped))

    def write(self, lineage: list[Document] | None = None) -> None:
        """The reports of the records are written; formats that tell a lineage tell this one.

        Raises:
            InvalidInput: a file cannot be written.
        """
        for name, path in self.files.items():
            told = lineage if lineage is not None and FORMATS[name].lineage else self.records
            self._to_file(name, path, self._reported(None, told))
        if self.github:
            self._tell_github(self._reported(None, self.records))

    def _written(self, error: Mapping[str, Any] | None) -> Exception | None:
        """Every report that can be written is; the first reason why one could not, a bug included."""
        from chaoskit.cli.complaints import bug, words

        failed: Exception | None = None
        with undisturbed():
            for tell in self._tellings(self._reported(error, self.records)):
                try:
                    tell()
                except Exception as problem:  # noqa: BLE001 - no report may change how a run has ended
                    failed = failed or problem
                    told = words(problem) if isinstance(problem, ChaoskitError) else bug(problem)
                    sys.stderr.write(told)
        return failed

    def _tellings(self, reported: Reported) -> Iterator[Callable[[], None]]:
        for name, path in self.files.items():
            yield functools.partial(self._to_file, name, path, reported)
        if self.github or (self.github is None and os.environ.get("GITHUB_ACTIONS") == "true"):
            yield functools.partial(self._tell_github, reported)

    def _to_file(self, name: str, path: Path, reported: Reported) -> None:
        write(path, encoded(name, reported))
        if path != STDOUT:
            self.session.say(f"report   {path}")

    def _reported(self, error: Mapping[str, Any] | None, records: list[Document]) -> Reported:
        return Reported(tuple(records), error, self.outcome, self.score)

    def _tell_github(self, reported: Reported) -> None:
        """On stderr, because results are on stdout; the runner reads both."""
        from chaoskit.reports import github

        sys.stderr.write("".join(f"{line}\n" for line in github.commands(reported)))
        path = os.environ.get("GITHUB_STEP_SUMMARY")
        if path:
            try:
                with Path(path).open("a", encoding="utf-8", errors="replace") as file:
                    file.write(github.summary(reported))
            except OSError as problem:
                self.session.say(f"! the step's summary cannot be written: {problem.strerror}")


def _told(error: BaseException | None) -> Mapping[str, Any] | None:
    """The error as JSON; None where there is none."""
    from chaoskit.cli.complaints import document

    if error is None:
        return None
    if isinstance(error, typer.BadParameter):
        return document(InvalidInput(error.format_message()))
    return document(error.error if isinstance(error, Signalled) else error)


def reporting(*, always: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command an option for each format; it takes `reports`, written at its end if `always`."""

    def given(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def with_reports(session: Session, **values: Any) -> None:
            files = {name: path for name in FORMATS if (path := values.pop(name)) is not None}
            reports = Reports(session, files, values.pop("github"))
            if not always:
                function(session, **values, reports=reports)
                return
            with reports.always():
                function(session, **values, reports=reports)

        own = inspect.signature(function, eval_str=True).parameters.values()
        kept = [each for each in own if each.name != "reports"]
        with_reports.__signature__ = inspect.Signature([*kept, *_options(always=always)])  # type: ignore[attr-defined]
        return with_reports

    return given


def _options(*, always: bool) -> list[inspect.Parameter]:
    words = f"{_GITHUB}; by itself when run in GitHub Actions." if always else f"{_GITHUB} in GitHub Actions."
    github = Annotated[bool | None, typer.Option("--github/--no-github", help=words)]
    return [*(_option(name, _file(name, each)) for name, each in FORMATS.items()), _option("github", github)]


def _file(name: str, wanted: Format) -> Any:
    return Annotated[Path | None, typer.Option(f"--{name}", metavar="FILE", help=f"{wanted.about}.")]


def _option(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
