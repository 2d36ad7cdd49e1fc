"""One self-contained HTML page from the records of a lineage: verdict, timeline, charts, undo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jinja2

from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document

_WIDTH, _HEIGHT = 640, 120


@dataclass(frozen=True, slots=True)
class Chart:
    """A line chart as SVG coordinates: `path` draws the values, the band marks the fault."""

    title: str
    unit: str
    path: str
    band: tuple[float, float] | None
    low: str
    high: str


def page(records: Sequence[Document]) -> str:
    """The page, a whole HTML document without scripts and without anything to load."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("chaoskit.reports"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["since"] = _since
    ordered = sorted(records, key=lambda each: (each["at"], each["id"]))
    return environment.get_template("report.html").render(
        records=[_view(each) for each in ordered], width=_WIDTH, height=_HEIGHT
    )


def _view(document: Document) -> dict[str, Any]:
    """What the template shows of one record; every key is there."""
    outcome = Outcome(document["outcome"]) if "outcome" in document else None
    return {
        "kind": document["kind"],
        "id": document["id"],
        "at": document["at"],
        "title": _title(document),
        "words": outcome.words if outcome else _probability(document),
        "level": outcome.row.junit if outcome else "note",
        "exit": outcome.exit_code if outcome else None,
        "reason": document.get("reason") or "; ".join(document.get("reasons") or ()),
        "facts": _facts(document),
        "timeline": document.get("timeline") or [],
        "charts": _charts(document),
        "logs": (document.get("evidence") or {}).get("logs") or {},
    }


def _title(document: Document) -> str:
    what = document.get("fault") or document.get("issue") or "prediction"
    whom = document.get("target") or ", ".join(document.get("targets") or ())
    return f"{what} · {whom} · {document['namespace']}"


def _probability(document: Document) -> str:
    probability = document.get("probability")
    return (
        "by rules" if probability is None else f"{probability:.0%} within {document['horizon_minutes']:g} min"
    )


def _facts(document: Document) -> dict[str, str]:
    undo = document.get("undo") or {}
    seconds = document.get("seconds_to_recover")
    facts = {
        "cluster": document.get("cluster", ""),
        "targets": ", ".join(document.get("targets") or ()),
        "undo": ": ".join(filter(None, (undo.get("state", ""), ", ".join(undo.get("left") or ())))),
        "recovered in": "" if seconds is None else f"{seconds:.1f} s",
        "model": document.get("model", ""),
        "trace": document["trace_id"],
    }
    return {name: value for name, value in facts.items() if value}


def _charts(document: Document) -> list[Chart]:
    """A chart for each series kept in ``evidence.signals`` (name, unit, points of [time, value])."""
    series = (document.get("evidence") or {}).get("signals") or ()
    window = (document.get("injected_at"), document.get("injected_until"))
    return [_chart(each, window) for each in series if len(each["points"]) > 1]


def _chart(series: Mapping[str, Any], window: tuple[str | None, str | None]) -> Chart:
    points = [(datetime.fromisoformat(at).timestamp(), float(value)) for at, value in series["points"]]
    start, end = points[0][0], points[-1][0]
    low, high = min(0.0, *(v for _, v in points)), max(v for _, v in points)

    def x(at: float) -> float:
        return round(_WIDTH * (min(max(at, start), end) - start) / ((end - start) or 1.0), 1)

    def y(value: float) -> float:
        return round(_HEIGHT - _HEIGHT * (value - low) / ((high - low) or 1.0), 1)

    ends = [datetime.fromisoformat(at).timestamp() for at in window if at]
    band = (x(ends[0]), x(ends[1])) if len(ends) == 2 else None
    path = "M" + " L".join(f"{x(at)},{y(value)}" for at, value in points)
    return Chart(series["name"], series["unit"], path, band, f"{low:.3g}", f"{high:.3g}")


def _since(at: str, start: str) -> str:
    seconds = int((datetime.fromisoformat(at) - datetime.fromisoformat(start)).total_seconds())
    return f"{seconds // 60}:{seconds % 60:02d}" if seconds >= 0 else f"-{-seconds // 60}:{-seconds % 60:02d}"
