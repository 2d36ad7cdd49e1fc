"""Markdown for a pull request, a ticket or a step summary: the answer first, the evidence folded under it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from chaoskit.errors import place
from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document
from chaoskit.records import foretold
from chaoskit.reports.cases import Case, State, cases
from chaoskit.reports.reading import (
    Reported,
    called,
    counted,
    facts,
    hypothesis_of,
    in_order,
    outcome_of,
    recovered_words,
    score_words,
    since,
    time,
    whom,
)

SYMBOLS = {"pass": "✅", "failure": "❌", "error": "⚠️", "skipped": "⏭️"}
"""A symbol for each state; a word stands beside it wherever it is used."""
WORDS: dict[State, str] = {"pass": "held", "failure": "broken", "error": "error", "skipped": "not looked at"}


def render(reported: Reported) -> str:
    """The whole as one Markdown text."""
    lines = [f"# {_answer(reported.verdict)}", "", *_overview(reported)]
    for document in in_order(reported.records):
        told = _prediction(document) if document["kind"] == "prediction" else _judged(document, reported)
        lines += ["", *told]
    if reported.error is not None:
        lines += ["", *_stopped(reported.error)]
    return "\n".join(lines) + "\n"


def _answer(outcome: Outcome) -> str:
    return f"{SYMBOLS[outcome.row.junit]} {outcome.words} (exit {outcome.exit_code})"


def _overview(reported: Reported) -> Iterator[str]:
    """One line for each run and recovery, where there are several; and the score of all."""
    judged = reported.judged
    if len(judged) > 1:
        yield from _table(
            ("", "what", "outcome", "targets", "score", "recovered in"),
            (
                (
                    SYMBOLS[outcome_of(each).row.junit],
                    called(each, placed=reported.placed),
                    outcome_of(each).words,
                    ", ".join(whom(each)),
                    score_words(each.get("score")),
                    recovered_words(each),
                )
                for each in judged
            ),
        )
        if reported.score is not None:
            yield from ("", f"Resilience score of all: **{score_words(reported.score)}** of 100.")


def _judged(document: Document, among: Reported) -> Iterator[str]:
    yield f"## {_cell(called(document, placed=among.placed))}: {_answer(outcome_of(document))}"
    yield from ("", _cell(document["reason"]))
    if hypothesis_of(document):
        yield from ("", f"> {_cell(hypothesis_of(document))}")
    yield ""
    yield from _table(("", ""), ((name, _cell(value)) for name, value in facts(document).items()), raw=True)
    for case in cases(document):
        yield from _parts(case)
    yield from _folded("Timeline", _timeline(document))
    hint = (document.get("evidence") or {}).get("hint")
    yield from ("", f"Next: {_cell(hint)}" if hint else f"Next: `chaoskit explain {document['id']}`")


def _parts(case: Case) -> Iterator[str]:
    if case.parts:
        yield ""
        heads = ("", case.name, "", "seen")
        words = {"step": {"pass": "helped", "failure": "did not help", "skipped": "did not help"}}
        yield from _table(
            heads,
            (
                (
                    SYMBOLS[part.state],
                    f"{part.what} {part.name}",
                    words.get(part.what, {}).get(part.state, WORDS[part.state]),
                    part.words,
                )
                for part in case.parts
            ),
        )


def _timeline(document: Document) -> Iterator[str]:
    start = time(document["at"])
    moments: Sequence[Mapping[str, Any]] = document.get("timeline") or ()
    rows = ((since(time(each["at"]), start), each["mark"], each["name"], each["detail"]) for each in moments)
    return _table(("at", "", "what", ""), rows) if moments else iter(())


def _prediction(document: Document) -> Iterator[str]:
    probability = document.get("probability")
    says = foretold(document.get("mode", ""), document["horizon_minutes"])
    chance = "by rules" if probability is None else f"{says}: {probability:.0%}"
    yield f"## Prediction: {_cell(document['target'])} {chance}"
    yield from ("", _cell("; ".join(document.get("reasons") or ()) or "no reason given"))


def _stopped(error: Mapping[str, Any]) -> Iterator[str]:
    outcome = Outcome(error["outcome"])
    problems = error.get("problems") or ()
    if not problems:
        yield f"## {_answer(outcome)}"
        yield from ("", _cell(error["message"]))
        if error.get("hint"):
            yield from ("", f"Next: {_cell(error['hint'])}")
        return
    yield f"## {counted(len(problems), 'problem')} in the documents"
    yield ""
    rows = (
        (
            place(each["path"], each["line"], each["column"]),
            each["field"],
            each["found"],
            each["expected"],
            each["hint"],
        )
        for each in problems
    )
    yield from _table(("place", "field", "found", "expected", "hint"), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, raw: bool = False) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row if raw else map(_cell, row))} |"


def _folded(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield from ("", f"<details><summary>{title}</summary>", "", *found, "", "</details>")


_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#|~!&])")


def _cell(text: object) -> str:
    """The text in one line, none of it read as Markdown or HTML."""
    return _MARKUP.sub(r"\\\1", " ".join(str(text).split()))
