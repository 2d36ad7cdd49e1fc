"""One self-contained HTML page: verdict, charts around the fault, conditions, timeline, undo, evidence.

It loads nothing and runs nothing: it can be attached to a post-mortem, mailed and printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any

import jinja2

from chaoskit import documents
from chaoskit.errors import place
from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document
from chaoskit.records import foretold
from chaoskit.reports import axes, charts
from chaoskit.reports.cases import cases
from chaoskit.reports.conditions import STAGES, Course, Look, courses
from chaoskit.reports.reading import (
    UNLOOKED,
    Reported,
    broken_words,
    called,
    disturbed,
    facts,
    hypothesis_of,
    in_order,
    injected_for,
    looked,
    moment,
    outcome_of,
    recovered_words,
    score_words,
    since,
    span,
    time,
    undo_words,
    whom,
)


def render(reported: Reported) -> str:
    """The whole as one page."""
    return _environment().get_template("report.html").render(
        title=_title(reported),
        verdict=reported.verdict,
        score=reported.score,
        sections=[_view(each, reported) for each in in_order(reported.records)],
        error=_error(reported.error) if reported.error is not None else None,
        axes=axes,
    )  # fmt: skip


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("chaoskit.reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _title(reported: Reported) -> str:
    judged = reported.judged
    if not judged:
        return reported.verdict.words
    more = f" and {len(judged) - 1} more" if len(judged) > 1 else ""
    return f"{called(judged[0], placed=reported.placed)}{more}: {reported.verdict.words}"


def _view(document: Document, among: Reported) -> dict[str, Any]:
    """What the template shows of one record; every key is there."""
    if document["kind"] == "prediction":
        return _prediction(document)
    outcome, evidence = outcome_of(document), document.get("evidence") or {}
    return {
        "kind": document["kind"],
        "id": document["id"],
        "name": called(document, placed=among.placed),
        "at": _when(document),
        "outcome": outcome,
        "level": outcome.row.junit,
        "meaning": outcome.row.meaning,
        "reason": document["reason"],
        "hint": evidence.get("hint") or "",
        "hypothesis": hypothesis_of(document),
        "subtitle": _subtitle(document),
        "tiles": _tiles(document),
        "picture": charts.picture(document) if document["kind"] == "run" else None,
        "conditions": [_condition(each, document) for each in courses(document)],
        "cases": cases(document),
        "timeline": _timeline(document),
        "plan": {"hash": "", "checks": (), "privileged": (), "undo": ()} | (evidence.get("plan") or {}),
        "changes": evidence.get("changes") or (),
        "logs": evidence.get("logs") or {},
        "undo": undo_words(document),
        "notes": (document.get("undo") or {}).get("notes") or (),
        "symptoms": document.get("symptoms") or (),
        "document": documents.dump(document["experiment"]) if document.get("experiment") else "",
        "facts": {**facts(document), "trace": document["trace_id"]},
    }


def _when(document: Document) -> str:
    return f"{time(document['at']):%Y-%m-%d %H:%M:%S} UTC"


def _subtitle(document: Document) -> str:
    what = str(document.get("fault") or "").replace(",", ", ")
    targets = ", ".join(whom(document)) if what else ""
    return " · ".join(
        filter(None, (what, targets, f"namespace {document['namespace']}", document.get("cluster")))
    )


def _tiles(document: Document) -> Mapping[str, str]:
    """The few figures that count, by name; what there is not is left out."""
    plan = (document.get("evidence") or {}).get("plan") or {}
    hit, named = plan.get("hit") or {}, plan.get("targets") or {}
    fault = injected_for(document)
    recovered, *because = recovered_words(document).split(", ")
    found = {
        "resilience score" + ("" if looked(document) else f", {UNLOOKED}"): score_words(
            document.get("score")
        ),
        "time broken": broken_words(document),
        ", ".join(("time to recover", *because)): recovered,
        "fault lasted": "" if fault is None else span(fault),
        "pods hit" if disturbed(document) else "pods planned": ", ".join(
            f"{hit[each]} of {len(named.get(each) or ())}" for each in hit
        ),
        "undo": str((document.get("undo") or {}).get("state") or ""),
        "exit code": str(outcome_of(document).exit_code),
    }
    return {name: text for name, text in found.items() if text}


def _condition(course: Course, document: Document) -> dict[str, Any]:
    zero = moment(document, "injected_at")
    broken, regained = course.broken_at, course.seconds_broken
    part = next(
        p for case in cases(document) for p in case.parts if p.what == "condition" and p.name == course.title
    )
    return {
        "title": course.title,
        "expected": _bounds(course),
        "state": part.state,
        "words": part.words,
        "stages": [_seen(course.at_stage(stage), course) for stage in STAGES],
        "broken": since(broken, zero) if broken and zero else "",
        "regained": "" if not broken else ("not seen" if regained is None else span(regained)),
    }


def _bounds(course: Course) -> str:
    bound = course.least if course.least is not None else course.most
    if bound is None or course.unit == "pods":
        return course.expected
    return f"{'above' if course.least is not None else 'below'} {axes.shown(bound, course.unit)}"


def _seen(look: Look | None, course: Course) -> dict[str, Any] | None:
    """What was seen at a look, and where that was."""
    if look is None:
        return None
    text, _, where = look.observed.partition(" at ")
    if look.value is not None and where:
        text = axes.shown(look.value, course.unit)
    return {"mark": {True: "held", False: "broken", None: "unknown"}[look.held], "text": text, "where": where}


def _timeline(document: Document) -> list[dict[str, Any]]:
    """The moments, each with its distance from the injection; what was said again and again stands once."""
    zero = moment(document, "injected_at") or time(document["at"])
    told: Iterable[Mapping[str, Any]] = document.get("timeline") or ()
    return [
        {**first, "since": since(time(first["at"]), zero), "times": 1 + len(again)}
        for _, (first, *again) in groupby(told, lambda each: (each["name"], each["mark"], each["detail"]))
    ]


def _prediction(document: Document) -> dict[str, Any]:
    probability, low, high = (document.get(each) for each in ("probability", "low", "high"))
    says = foretold(document.get("mode", ""), document["horizon_minutes"])
    return {
        "kind": "prediction",
        "id": document["id"],
        "name": document["target"],
        "at": _when(document),
        "chance": "by rules" if probability is None else f"{says}: {probability:.0%}",
        "range": "" if low is None or high is None else f"{low:.0%} to {high:.0%}",
        "issue": str(document.get("issue") or "").replace("-", " "),
        "reasons": document.get("reasons") or (),
        "trend": _sparkline(document.get("trend") or ()),
        "model": document["model"],
        "namespace": document["namespace"],
        "trace": document["trace_id"],
    }


def _sparkline(values: Sequence[float]) -> str:
    """The values as a path 120 wide and 28 high, 0 at the bottom and 1 at the top."""
    if len(values) < 2:
        return ""
    highest = max(1.0, *values)
    steps = (f"{120 * n / (len(values) - 1):.1f},{27 - 26 * v / highest:.1f}" for n, v in enumerate(values))
    return "M" + " L".join(steps)


def _error(error: Mapping[str, Any]) -> dict[str, Any]:
    outcome = Outcome(error["outcome"])
    return {
        "outcome": outcome,
        "level": outcome.row.junit,
        "message": error["message"],
        "hint": error.get("hint") or "",
        "problems": [
            {**each, "place": place(each["path"], each["line"], each["column"])}
            for each in error.get("problems") or ()
        ],
    }
