"""What GitHub Actions shows of a run: annotations at the documents, and a summary of the step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chaoskit.outcome import Outcome
from chaoskit.reports import markdown
from chaoskit.reports.reading import Reported, called, outcome_of, place_of

LARGEST = 1_000_000
"""Bytes of a summary; GitHub drops those over a mebibyte whole."""
_COMMANDS = {"error": "error", "warning": "warning"}


def commands(reported: Reported) -> tuple[str, ...]:
    """A workflow command for everything that did not pass, one line each."""
    return (*_of_records(reported), *(_of_error(reported.error) if reported.error is not None else ()))


def summary(reported: Reported) -> str:
    """The Markdown for the step's summary, cut at a line where it would be too long for GitHub."""
    text = markdown.render(reported)
    if len(text.encode()) <= LARGEST:
        return text
    kept = text.encode()[:LARGEST].decode(errors="ignore").rpartition("\n")[0]
    return f"{kept}\n\nThe rest was too long for GitHub: it is in the report files.\n"


def _of_records(reported: Reported) -> Iterator[str]:
    for each in reported.judged:
        outcome, place = outcome_of(each), place_of(each)
        if outcome.row.sarif in _COMMANDS:
            where = {"file": place[0], "line": str(place[1])} if place else {}
            title = f"{outcome.words}: {called(each, placed=reported.placed)}"
            yield _command(outcome, where, title, each["reason"])


def _of_error(error: Mapping[str, Any]) -> Iterator[str]:
    outcome = Outcome(error["outcome"])
    for each in error.get("problems") or ():
        where = {"file": each["path"], "line": str(each["line"] or 1), "col": str(each["column"] or 1)}
        says = f"{each['field']} is {each['found']}, expected {each['expected']}"
        yield _command(outcome, where, outcome.words, f"{says} ({each['hint']})" if each["hint"] else says)
    if not error.get("problems"):
        yield _command(outcome, {}, outcome.words, error["message"])


def _command(outcome: Outcome, where: Mapping[str, str], title: str, message: str) -> str:
    """``::error file=a.yaml,line=3,title=weakness found::what was seen``."""
    properties = ",".join(f"{name}={_property(value)}" for name, value in {**where, "title": title}.items())
    return f"::{_COMMANDS.get(outcome.row.sarif, 'notice')} {properties}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
