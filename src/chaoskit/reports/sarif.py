"""SARIF 2.1.0 for code scanning: each weakness is a result at its experiment's document, a rule per fault.

What is no weakness is no result: that a run was refused, had no baseline or went wrong is a notification of
the invocation. A document that cannot be used is a result where it is wrong.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document
from chaoskit.reports.cases import Case, cases
from chaoskit.reports.reading import Reported, called, moment, outcome_of, place_of, whom
from chaoskit.version import __version__

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_SOURCES = "%SRCROOT%"

Plain = dict[str, Any]


def render(reported: Reported) -> str:
    """The whole as one SARIF log."""
    results = [found for each in reported.judged for found in _weaknesses(each, reported)]
    results += [_problem(each) for each in (reported.error or {}).get("problems") or ()]
    rules = _rules(results)
    run = {
        "tool": {"driver": _driver(rules)},
        "automationDetails": {"id": "chaoskit/"},
        "originalUriBaseIds": {_SOURCES: {"description": {"text": "The folder in which it was called."}}},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(reported)],
        "results": [{**each, "ruleIndex": list(rules).index(each["ruleId"])} for each in results],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _driver(rules: Mapping[str, Plain]) -> Plain:
    return {
        "name": "chaoskit",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": list(rules.values()),
    }


def _rules(results: Iterable[Plain]) -> dict[str, Plain]:
    """The rules that the results name, by id, in the order of their first result."""
    found: dict[str, Plain] = {}
    for each in results:
        found.setdefault(each["ruleId"], _rule(each["ruleId"], each["properties"]["kind"]))
    return found


_ABOUT = {
    "run": (
        "The steady state breaks under {}",
        "read the run: chaoskit explain RUN; mend it, and run it again",
    ),
    "recovery": ("No strategy recovers from {}", "read the recovery: chaoskit show RECOVERY --trace"),
    "document": ("A document cannot be used: {}", "mend the field that is named: chaoskit validate FILE"),
}


def _rule(name: str, kind: str) -> Plain:
    title, advice = _ABOUT[kind]
    return {
        "id": name,
        "name": "".join(part.capitalize() for part in name.split("-")),
        "shortDescription": {"text": title.format(name)},
        "fullDescription": {"text": title.format(name)},
        "help": {"text": f"What to do: {advice}."},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["resilience", "chaos-engineering"], "precision": "very-high"},
    }


def _weaknesses(document: Document, among: Reported) -> Iterator[Plain]:
    """A result for each fault under which the run broke, or for the issue that was not recovered from."""
    for case in cases(document):
        if case.state == "failure":
            yield _weakness(case, document, called(document, placed=among.placed))


def _weakness(case: Case, document: Document, name: str) -> Plain:
    rule = case.name if document["kind"] == "run" else str(document["issue"])
    return {
        "ruleId": rule,
        "kind": "fail",
        "level": outcome_of(document).row.sarif,
        "message": {"text": f"{name}: {case.words}"},
        "locations": [_location(place_of(document), document)],
        "partialFingerprints": {"chaoskit/v1": _fingerprint(rule, document)},
        "properties": {
            "kind": document["kind"],
            "run": document["id"],
            "trace": document["trace_id"],
            "outcome": document["outcome"],
            "cluster": document.get("cluster", ""),
            "namespace": document["namespace"],
            "targets": list(whom(document)),
            "engineUid": (document.get("litmus") or {}).get("uid", ""),
            "score": document.get("score"),
            "secondsToRecover": document.get("seconds_to_recover"),
            "secondsBroken": document.get("seconds_broken"),
        },
    }


def _fingerprint(rule: str, document: Document) -> str:
    """The same for the same weakness on every run, so that an alert is one however often it is found."""
    parts = (rule, called(document), document["namespace"], *sorted(whom(document)))
    return _hashed(*parts)


def _hashed(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _problem(problem: Mapping[str, Any]) -> Plain:
    rule = problem["rule"] or "invalid-document"
    says = f"{problem['field']} is {problem['found']}, expected {problem['expected']}"
    text = f"{says} ({problem['hint']})" if problem["hint"] else says
    return {
        "ruleId": rule,
        "kind": "fail",
        "level": "error",
        "message": {"text": text},
        "locations": [_physical(problem["path"], problem["line"] or 1, problem["column"])],
        "partialFingerprints": {"chaoskit/v1": _hashed(rule, problem["path"], problem["field"])},
        "properties": {"kind": "document"},
    }


def _location(place: tuple[str, int] | None, document: Document) -> Plain:
    """Where the document stands, and whom the fault hit."""
    logical = [
        {"fullyQualifiedName": f"{document['namespace']}/{target}", "kind": "resource"}
        for target in whom(document)
    ]
    physical = _physical(*place) if place else {}
    return {**physical, **({"logicalLocations": logical} if logical else {})}


def _physical(path: str, line: int, column: int = 0) -> Plain:
    if path == "stdin":
        return {"message": {"text": f"Standard input, line {line}."}}  # no file that could be shown
    region = {"startLine": line, **({"startColumn": column} if column else {})}
    return {"physicalLocation": {"artifactLocation": _artifact(path), "region": region}}


def _artifact(path: str) -> Plain:
    if PurePath(path).is_absolute():
        return {"uri": PurePath(path).as_uri()}
    return {"uri": quote(path), "uriBaseId": _SOURCES}


def _invocation(reported: Reported) -> Plain:
    outcome, judged = reported.verdict, reported.judged
    made: Plain = {
        "executionSuccessful": outcome.row.junit in {"pass", "failure"},
        "exitCode": outcome.exit_code,
        "exitCodeDescription": outcome.words,
        "toolExecutionNotifications": [_notice(each, reported) for each in judged if _is_notice(each)],
    }
    if reported.error is not None and not reported.error.get("problems"):
        made["toolExecutionNotifications"].append(_error_notice(reported.error))
    if judged:
        made["startTimeUtc"] = _utc(judged[0], "at")
        made["endTimeUtc"] = max(_utc(each, "ended_at") for each in judged)
    return made


def _is_notice(document: Document) -> bool:
    row = outcome_of(document).row
    return row.junit in {"error", "skipped"}


def _notice(document: Document, among: Reported) -> Plain:
    place, outcome = place_of(document), outcome_of(document)
    name = called(document, placed=among.placed)
    return {
        "descriptor": {"id": outcome.value},
        "level": outcome.row.sarif,
        "message": {"text": f"{name}: {outcome.words}: {document['reason']}"},
        **({"locations": [_physical(*place)]} if place else {}),
    }


def _error_notice(error: Mapping[str, Any]) -> Plain:
    outcome = Outcome(error["outcome"])
    words = f"{outcome.words}: {error['message']}"
    return {"descriptor": {"id": outcome.value}, "level": outcome.row.sarif, "message": {"text": words}}


def _utc(document: Document, field: str) -> str:
    return f"{moment(document, field):%Y-%m-%dT%H:%M:%S.%fZ}"
