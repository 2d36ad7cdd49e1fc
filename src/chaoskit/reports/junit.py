"""JUnit XML: a suite for each run, a test case for its fault, a nested suite for its probes and conditions.

A failure is a weakness and nothing else, so that a pipeline's "failed tests" are what a person must look
at in the system; everything that went wrong otherwise is an error, what was refused or not looked at skipped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from chaoskit.errors import place
from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document
from chaoskit.reports.cases import Case, Part, State, cases
from chaoskit.reports.reading import (
    Reported,
    called,
    lasted,
    outcome_of,
    place_of,
    since,
    time,
    undo_words,
    whom,
)

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(reported: Reported) -> str:
    """The whole as one XML document."""
    root = Element("testsuites", {"name": "chaoskit"})
    states: list[State] = []
    for document in reported.judged:
        suite, found = _suite(document, called(document, placed=reported.placed))
        root.append(suite)
        states += found
    if reported.error is not None:
        suite, found = _stopped(reported.error)
        root.append(suite)
        states += found
    _count(root, states, sum(map(lasted, reported.judged)))
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _suite(document: Document, name: str) -> tuple[Element, list[State]]:
    """The suite of one run or recovery, called so, and the state of each case in it."""
    suite = Element("testsuite", {"name": _text(name), "id": document["id"]})
    suite.set("timestamp", f"{time(document['at']):%Y-%m-%dT%H:%M:%S}")
    _properties(suite, document)
    states: list[State] = []
    for case in cases(document):
        states.append(case.state)
        suite.append(_case(case, document, name))
        if case.parts:
            suite.append(_nested(case, document, name))
            states += [part.state for part in case.parts]
    SubElement(suite, "system-out").text = _text(_told(document))
    _count(suite, states, lasted(document))
    return suite, states


def _case(case: Case, document: Document, whose: str) -> Element:
    made = Element("testcase", {"name": _text(case.name), "classname": _text(whose)})
    if case.seconds is not None:
        made.set("time", f"{case.seconds:.3f}")
    if place := place_of(document):
        made.set("file", _text(place[0]))
        made.set("line", str(place[1]))
    hint = str((document.get("evidence") or {}).get("hint") or "")
    _verdict(made, case.state, outcome_of(document), case.words, hint)
    return made


def _nested(case: Case, document: Document, whose: str) -> Element:
    """The fault's probes and conditions as a suite of their own, as CI systems nest them."""
    suite = Element("testsuite", {"name": _text(case.name)})
    for part in case.parts:
        suite.append(_part(part, document, f"{whose}.{case.name}"))
    _count(suite, [part.state for part in case.parts])
    return suite


def _part(part: Part, document: Document, whose: str) -> Element:
    made = Element("testcase", {"name": _text(f"{part.what} {part.name}"), "classname": _text(whose)})
    _verdict(made, part.state, outcome_of(document), part.words)
    if part.state == "pass" and part.words:
        SubElement(made, "system-out").text = _text(part.words)
    return made


def _verdict(made: Element, state: State, outcome: Outcome, words: str, hint: str = "") -> None:
    if state != "pass":
        told = SubElement(made, state, {"message": _text(words or outcome.words), "type": outcome.value})
        told.text = _text("\n".join(filter(None, (words, hint))))


def _stopped(error: Mapping[str, Any]) -> tuple[Element, list[State]]:
    """The suite that says how a command ended before, or beside, its runs."""
    outcome = Outcome(error["outcome"])
    suite = Element("testsuite", {"name": "chaoskit"})
    problems = error.get("problems") or ()
    for each in problems:
        attributes = {"name": f"{each['field']} ({each['rule'] or 'document'})", "classname": each["path"]}
        made = SubElement(suite, "testcase", {name: _text(value) for name, value in attributes.items()})
        made.set("file", _text(each["path"]))
        made.set("line", str(each["line"] or 1))
        words = f"{each['field']} is {each['found']}, expected {each['expected']}"
        at = place(each["path"], each["line"], each["column"])
        _verdict(made, "error", outcome, f"{at}: {words}", each["hint"])
    if not problems:
        made = SubElement(suite, "testcase", {"name": outcome.words, "classname": "chaoskit"})
        state: State = "skipped" if outcome.row.junit == "skipped" else "error"
        _verdict(made, state, outcome, error["message"], error.get("hint", ""))
    states: list[State] = ["error"] * len(problems) or [state]
    _count(suite, states)
    return suite, states


def _properties(suite: Element, document: Document) -> None:
    litmus, evidence = document.get("litmus") or {}, document.get("evidence") or {}
    values = {
        "run": document["id"],
        "trace": document["trace_id"],
        "cluster": document.get("cluster"),
        "namespace": document["namespace"],
        "outcome": document["outcome"],
        "exit": outcome_of(document).exit_code,
        "targets": ", ".join(whom(document)),
        "engine": litmus.get("engine"),
        "engine.uid": litmus.get("uid"),
        "plan": (evidence.get("plan") or {}).get("hash"),
        "score": document.get("score"),
        "seconds.to.recover": document.get("seconds_to_recover"),
        "seconds.broken": document.get("seconds_broken"),
        "duration": f"{lasted(document):.3f}",
        "injected.at": document.get("injected_at"),
        "injected.until": document.get("injected_until"),
        "undo": undo_words(document),
        **{f"version.{name}": version for name, version in (document.get("versions") or {}).items()},
    }
    made = SubElement(suite, "properties")
    for name, value in values.items():
        if value not in {None, ""}:
            SubElement(made, "property", {"name": name, "value": _text(str(value))})


def _told(document: Document) -> str:
    start = time(document["at"])
    lines = (
        f"{since(time(each['at']), start):>6}  {each['mark']:<7} {each['name']}  {each['detail']}".rstrip()
        for each in document.get("timeline") or ()
    )
    return "\n".join((document["reason"], *lines))


def _count(suite: Element, states: Iterable[State], seconds: float | None = None) -> None:
    number: Counter[str] = Counter(states)
    suite.set("tests", str(number.total()))
    for name, state in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(number[state]))
    if seconds is not None:
        suite.set("time", f"{seconds:.3f}")


def _text(text: str) -> str:
    """The text without what XML 1.0 cannot hold: a terminal's escapes in a log, half a character."""
    return _NOT_XML.sub("\ufffd", text)
