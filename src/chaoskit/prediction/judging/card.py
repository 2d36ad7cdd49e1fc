"""The model card as plain rows and as JSON. Every figure is measured."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chaoskit.prediction.judging.report import ClassReport, Interval, Line, Report

SCHEMA = "chaoskit.io/model-card/v8"

HEADINGS = (
    "method", "PR-AUC", "ROC-AUC", "Brier", "ECE", "events caught", "F1 (95 %)", "delay median / p90",
    "lead mean (share)", "false alarms", "per hour (at most)", "per pod-day",
)  # fmt: skip


def rows(report: Report) -> tuple[tuple[str, ...], ...]:
    """One row per method in the order of `HEADINGS`: the model, its forest alone, then what to beat."""
    held = (report.workload_held_out,) if report.workload_held_out else ()
    return tuple(_row(line) for line in (report.model, report.alone, *held, *report.lines))


def _row(line: Line) -> tuple[str, ...]:
    return (
        line.name,
        number(line.pr_auc),
        number(line.roc_auc),
        number(line.brier, 4),
        number(line.ece, 4),
        caught(line.caught),
        f"{number(line.f1)} ({number(line.f1_interval.low)} to {number(line.f1_interval.high)})",
        f"{_seconds(line.delay_median)} / {_seconds(line.delay_p90)}",
        _lead(line),
        str(line.false_alarms),
        f"{number(line.false_per_hour)} ({number(line.false_per_hour_bound)})",
        number(line.false_per_pod_day),
    )


def _lead(line: Line) -> str:
    if line.lead_mean is None or line.lead_share is None:
        return "-"
    return f"{line.lead_mean / 60:.1f} min ({line.lead_share:.0%})"


def caught(of: Mapping[str, tuple[int, int]]) -> str:
    """``network 3/5, pod-crash 2/2``."""
    return ", ".join(f"{issue} {hit}/{due}" for issue, (hit, due) in of.items())


def due(data: Mapping[str, Any], name: str = "events") -> str:
    """``4 network (errors over 5 %)``: how many failures of each class there were, and who tells of them.

    `name` is ``of_events`` for those of all the data, not just what was judged; "" without any.
    """
    sources = data.get(f"{name}_from", {})  # cards of before have none
    return ", ".join(
        f"{count} {issue}{_sources(sources.get(issue, {}))}" for issue, count in data[name].items()
    )


def _sources(of: Mapping[str, int]) -> str:
    """`` (events.csv)``; of several how many each, `` (3 events.csv, 1 restarts)``; "" where nobody says."""
    if not any(of):
        return ""
    if len(of) == 1:
        return f" ({next(iter(of))})"
    return " (" + ", ".join(f"{count} {source or 'others'}" for source, count in of.items()) + ")"


def between(interval: Interval | None, *, percent: bool = False) -> str:
    """`` (0.12 to 0.34)``, "" without one."""
    if interval is None or math.isnan(interval.low):
        return ""
    low, high = (f"{each:.0%}" if percent else f"{each:.2f}" for each in (interval.low, interval.high))
    return f" ({low} to {high})"


def intervals(report: Report) -> str:
    """In words, how sure the figures per sample and of the lead are, for so few events."""
    told = [
        f"PR-AUC {number(each.pr_auc)}{between(each.pr_auc_interval)} of the {name}"
        for name, each in (("alarm", report.model), ("forest alone", report.alone))
    ]
    if report.model.lead_share is not None:
        share = between(report.model.lead_share_interval, percent=True)
        told.append(f"share of the lead {report.model.lead_share:.0%}{share}")
    return "With the events drawn anew (95 %): " + ", ".join(told)


def told(name: str, found: ClassReport) -> str:
    """In words, how well classes (or faults) are told per event and per sample."""
    if found.alone:
        return f"{name} one class alone, {found.names[0]}: nothing to tell apart"
    return (
        f"{name} accuracy {number(found.accuracy)}, macro-F1 {number(found.macro_f1)}"
        f"{between(found.macro_f1_interval)}"
    )


def number(value: float | None, digits: int = 3) -> str:
    """``0.123``, ``-`` for what could not be measured."""
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def _seconds(value: float | None) -> str:
    """``44 s`` after the beginning, ``12 min early`` before it."""
    if value is None:
        return "-"
    return f"{value:.0f} s" if value >= 0 else f"{-value / 60:.0f} min early"


def shown(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data that judged, as it is told: hours to a tenth."""
    return {**data, "hours": round(data["hours"], 1)}


def document(report: Report) -> dict[str, Any]:
    """The report as JSON; what could not be measured is null."""
    rounded = dataclasses.replace(report, data=shown(report.data))
    plain = {name: _plain(value) for name, value in dataclasses.asdict(rounded).items()}
    return {"schema": SCHEMA, **plain, "beats_baselines": report.beats_baselines, "verdict": report.verdict}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
