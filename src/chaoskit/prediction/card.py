"""The model card: the report as plain rows, as JSON and as Markdown. Every figure is measured."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

from chaoskit.prediction.evaluation import Line, Report
from chaoskit.prediction.labels import DETECTED_ONLY, FORECASTABLE

SCHEMA = "chaoskit.io/model-card/v2"

HEADINGS = (
    "method", "PR-AUC", "ROC-AUC", "Brier", "ECE", "events caught", "F1 (95 %)", "delay median / p90",
    "false alarms", "per hour (at most)", "per pod-day",
)  # fmt: skip


def rows(report: Report) -> tuple[tuple[str, ...], ...]:
    """One row per method in the order of `HEADINGS`: the model, its forest alone, then what to beat."""
    held = (report.workload_held_out,) if report.workload_held_out else ()
    return tuple(_row(line) for line in (report.model, report.alone, *held, *report.lines))


def _row(line: Line) -> tuple[str, ...]:
    return (
        line.name,
        _number(line.pr_auc),
        _number(line.roc_auc),
        _number(line.brier, 4),
        _number(line.ece, 4),
        _caught(line.caught),
        f"{_number(line.f1)} ({_number(line.f1_interval.low)} to {_number(line.f1_interval.high)})",
        f"{_seconds(line.delay_median)} / {_seconds(line.delay_p90)}",
        str(line.false_alarms),
        f"{_number(line.false_per_hour)} ({_number(line.false_per_hour_bound)})",
        _number(line.false_per_pod_day),
    )


def _caught(of: dict[str, tuple[int, int]]) -> str:
    return ", ".join(f"{issue} {hit}/{due}" for issue, (hit, due) in of.items())


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def _seconds(value: float | None) -> str:
    """``44 s`` after the beginning, ``12 min early`` before it."""
    if value is None:
        return "-"
    return f"{value:.0f} s" if value >= 0 else f"{-value / 60:.0f} min early"


def document(report: Report) -> dict[str, Any]:
    """The report as JSON; what could not be measured is null."""
    plain: dict[str, Any] = _plain(dataclasses.asdict(report))
    return {"schema": SCHEMA, **plain, "beats_baselines": report.beats_baselines}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def markdown(report: Report, title: str, *, about: Sequence[str] = ()) -> str:
    """The report as a Markdown page; `about` is added under the title, one paragraph each."""
    parts = [f"# {title}", *about, _verdict(report), "## Data", _data(report)]
    parts += ["## Held-out time", _table(HEADINGS, rows(report)), _legend(report)]
    parts += ["## What the alarm joins", _members(report)]
    parts += ["## Per class", _per_class(report)]
    if report.classes is not None:
        parts += ["## Which class", _classes(report)]
    parts += ["## Calibration", _calibration(report), "## Leak probes", _probes(report)]
    parts += ["## What it can and cannot foresee", _foresight(report)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdict(report: Report) -> str:
    if report.beats_baselines:
        return f"**The model says whether a workload {report.target}. It beats every baseline in event F1.**"
    names = ", ".join(report.beaten_by)
    return f"**The model says whether a workload {report.target}. It does not beat {names} in event F1.**"


def _data(report: Report) -> str:
    data = report.data
    found = [
        ("split", report.split),
        (
            "judged",
            f"{data['rows']} samples, {data['pods']} pods, {data['hours']} h, {_count(data['events'])}",
        ),
        ("all data", f"{data['of_hours']} h, {_count(data['of_events'])}"),
        ("failing samples", f"{data['prevalence']:.3%}"),
        ("missing values", f"{data['missing_share']:.2%}"),
        ("features", f"{data['features']} ({data['recipe']} recipe) from {data['signals']} signals"),
        ("step", f"{data['step_seconds']} s"),
    ]
    return _table(("", ""), found) + "".join(f"\n\nNote: {note}." for note in report.notes)


def _count(of: dict[str, int]) -> str:
    return ", ".join(f"{number} {issue}" for issue, number in of.items()) or "no events"


def _legend(report: Report) -> str:
    reference = report.data["prevalence"] * (1 - report.data["prevalence"])
    return (
        f"PR-AUC of chance is {report.data['prevalence']:.4f}; the Brier score of always saying the base rate"
        f" is {reference:.4f}. An event is caught by an alarm "
        + (
            "while it lasts"
            if report.mode == "detect"
            else "while there is time to act (if it can be foreseen)"
        )
        + ". Alarms outside events are bridged over 5 min and counted again every 30 min. In brackets after"
        " false alarms per hour: the upper 95 % bound. Every threshold comes from earlier time and the same"
        " budget of false alarms."
    )


def _members(report: Report) -> str:
    """Each member of the alarm with its threshold there, and what it catches by itself."""
    lines = [
        (each.name, _number(each.threshold), _caught(each.caught), str(each.false_alarms))
        for each in report.members
    ]
    words = "It is an alarm when a member reaches its threshold; the probability is the forest's, calibrated."
    return words + "\n\n" + _table(("member", "threshold", "catches alone", "false alarms alone"), lines)


def _per_class(report: Report) -> str:
    lines = [
        (
            issue,
            _number(report.model.pr_auc_by_class.get(issue)),
            f"{hit} of {due}",
            report.blind.get(issue, ""),
        )
        for issue, (hit, due) in report.model.caught.items()
    ]
    return _table(("class", "PR-AUC", "caught", "invisible here: no credit, no blame"), lines)


def _classes(report: Report) -> str:
    found = report.classes
    if found is None:
        return ""
    lines = [(name, *map(str, counts)) for name, counts in zip(found.names, found.confusion, strict=True)]
    words = f"Accuracy {found.accuracy:.3f}, macro-F1 {found.macro_f1:.3f}, per event that can be seen."
    return words + "\n\n" + _table(("truth \\ said", *found.names), lines)


def _calibration(report: Report) -> str:
    lines = [(f"{said:.3f}", f"{seen:.3f}", str(count)) for said, seen, count in report.reliability]
    return _table(("said", "seen", "samples"), lines)


def _probes(report: Report) -> str:
    lines = [
        (
            probe.name,
            f"{probe.measure} {_number(probe.score)}",
            _number(probe.chance),
            probe.warning or "fine",
        )
        for probe in report.probes
    ]
    return _table(("probe", "score", "chance", ""), lines)


def _foresight(report: Report) -> str:
    if report.mode == "detect":
        return (
            "This model detects a failure while it lasts; it does not forecast. A lead time would be a leak."
        )
    lines = [f"- {issue}: forecast, {reason}" for issue, reason in FORECASTABLE.items()]
    lines += [f"- {issue}: only detected, {reason}" for issue, reason in DETECTED_ONLY.items()]
    return "\n".join(lines)


def _table(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    made = [headings, ["---"] * len(headings), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in made)
