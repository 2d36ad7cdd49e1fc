"""The model card as a page of Markdown, with pictures beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chaoskit.prediction.judging.card import HEADINGS, caught, due, intervals, number, rows, shown, told
from chaoskit.prediction.judging.report import ClassReport, Line, Member, Report
from chaoskit.prediction.labelling.foresight import reason
from chaoskit.prediction.learning.joined import FOREST, LEAST


def markdown(report: Report, title: str, *, about: Sequence[str] = (), pictures: Sequence[str] = ()) -> str:
    """The report as a Markdown page; `about` stands under the title, one paragraph each.

    `pictures` are names of files beside it.
    """
    parts = [f"# {title}", *about, _verdict(report), "## Data", _data(report)]
    parts += ["## Beside what it has to beat", _table(HEADINGS, rows(report)), _legend(report)]
    parts += ["## What the alarm joins", _members(report)]
    parts += ["## Per class", _per_class(report)]
    if report.classes is not None:
        parts += ["## Which class", _classes(report.classes)]
    if report.faults is not None:
        parts += ["### Which fault", _classes(report.faults)]
    parts += [f"![{name.partition('.')[0].replace('-', ' ')}]({name})" for name in pictures]
    parts += ["## Calibration", _calibration(report), "## Leak probes", _probes(report)]
    parts += ["## What it can and cannot foresee", _foresight(report)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdict(report: Report) -> str:
    return f"**The model says whether a workload {report.target}. In event F1 it {report.verdict}.**"


def _data(report: Report) -> str:
    data = shown(report.data)
    found = [
        ("split", report.split),
        (
            "judged",
            f"{data['rows']} samples, {data['pods']} pods, {data['hours']} h, {due(data) or 'no events'}",
        ),
        ("all data", f"{data['of_hours']} h, {due(data, 'of_events') or 'no events'}"),
        ("failing samples", f"{data['prevalence']:.3%}"),
        ("missing values", f"{data['missing_share']:.2%}"),
        ("features", f"{data['features']} ({data['recipe']} recipe) from {_signals(data['signals'])}"),
        ("step", f"{data['step_seconds']} s"),
        ("budget", f"{report.false_alarms_per_day:g} false alarms per day in the whole cluster"),
        ("alarm", f"held for {report.confirm} samples" if report.confirm > 1 else "at the first sample"),
        *([("tried", _tried(report))] if report.trials else []),
    ]
    return _table(("", ""), found) + "".join(f"\n\nNote: {note}." for note in notes(report))


def notes(report: Report) -> tuple[str, ...]:
    """What is to be known beside the figures; first, where they are not of the very model that is kept."""
    if report.kept is None:
        return report.notes
    kept = f"{report.kept.words}; its budget: {report.kept.false_alarms_per_day:g} false alarms per day"
    return (kept, *report.notes)


def silent_forest(report: Report) -> str:
    """In words, that the forest alarms nobody in the model that is kept, and why; "" where it does."""
    if report.thresholds.get(FOREST, 0.0) is not None:
        return ""
    budget = (report.kept or report).false_alarms_per_day
    return (
        "the forest alarms nobody by itself, however high its percentage: where it was trained, no threshold"
        f" of its own caught a failure that the others miss within {budget:g} false alarms per day; more"
        " healthy time to train on may give it one, or a larger budget (train --false-alarms-per-day)"
    )


def _tried(report: Report) -> str:
    return ", ".join(f"{name}: PR-AUC {number(score)}" for name, score in report.trials)


def _legend(report: Report) -> str:
    reference = report.data["prevalence"] * (1 - report.data["prevalence"])
    return (
        f"PR-AUC of chance is {report.data['prevalence']:.4f}; the Brier score of always saying the base rate"
        f" is {reference:.4f}. An event is caught by an alarm {_due(report)}. Alarms outside events are"
        " bridged over 5 min and counted again every 30 min. In brackets after false alarms per hour: the"
        " upper 95 % bound. Every threshold is set by the same budget of false alarms. Alarms on others while"
        f" an event was under way: {report.model.collateral}. {intervals(report)}."
    )


def _due(report: Report) -> str:
    """When an alarm catches an event."""
    if report.mode == "detect":
        return "while it lasts"
    if report.data.get("ramps"):
        return "from where it begins to go wrong until it fails, however late (the lead tells how late)"
    return "while there is time to act (if it can be foreseen)"


def _members(report: Report) -> str:
    """Each member of the alarm with its threshold there, and what it catches by itself."""
    kept = report.kept.thresholds if report.kept else {}
    lines = [
        (
            name,
            _limit(each.threshold) if each else "-",
            *([_limit(kept[name]) if name in kept else "-"] if kept else []),
            caught(each.caught) if each else "-",
            str(each.false_alarms) if each else "-",
        )
        for name, each in _members_of(report).items()
    ]
    headings = ["threshold", *(["of the kept model"] if kept else []), "catches alone", "false alarms alone"]
    who = " and the evidence" if report.data["recipe"] == "evidence" else ""
    words = (
        f"It is an alarm when a member reaches its threshold; what is none is ranked by the forest{who}. The"
        " probability is the forest's, calibrated."
    )
    return words + "\n\n" + _table(("member", *headings), lines)


def _limit(threshold: float | None) -> str:
    """The threshold, with what is told apart by it."""
    if threshold is None:
        return "none: no alarm by itself"
    return "any score" if threshold <= LEAST else number(threshold)


def _members_of(report: Report) -> dict[str, Member | None]:
    """By name who was judged, and, without figures, who joins in the model that is kept alone."""
    kept = report.kept.thresholds if report.kept else {}
    return dict.fromkeys(kept) | {each.name: each for each in report.members}


def _per_class(report: Report) -> str:
    lines = [
        (
            issue,
            number(report.alone.pr_auc_by_class.get(issue)),
            number(report.model.pr_auc_by_class.get(issue)),
            number(report.workload_held_out.pr_auc_by_class.get(issue)) if report.workload_held_out else "-",
            f"{hit} of {due}",
            report.blind.get(issue, ""),
        )
        for issue, (hit, due) in report.model.caught.items()
    ]
    headings = (
        "class",
        "PR-AUC forest",
        "alarm",
        "workloads held out",
        "caught",
        "invisible here: no credit, but counted in F1",
    )
    found = _table(headings, lines)
    if report.blind:
        parts = [f"{line.name} {number(line.pr_auc_visible)}" for line in _forests(report)]
        found += f"\n\nPR-AUC of what can be seen: {', '.join(parts)}."
    if report.model.caught_by_fault:
        found += f"\n\nCaught by fault: {caught(report.model.caught_by_fault)}."
    return found


def _forests(report: Report) -> list[Line]:
    held = [report.workload_held_out] if report.workload_held_out else []
    return [report.model, report.alone, *held]


def _classes(found: ClassReport) -> str:
    if found.alone:
        return f"{told('Per event that can be seen:', found)}."
    lines = [(name, *map(str, counts)) for name, counts in zip(found.names, found.confusion, strict=True)]
    words = (
        f"{told('Per event that can be seen:', found)}; in brackets what so few events leave open (95 %)."
        f" Per failing sample: {found.sample_accuracy:.3f} and {found.sample_macro_f1:.3f}."
    )
    if wrong := [name for name, counts in zip(found.names, found.confusion, strict=True) if not any(counts)]:
        words += f" Macro-F1 is over what was there, not over what was only said: {', '.join(wrong)}."
    return words + "\n\n" + _table(("truth \\ said", *found.names), lines)


def _calibration(report: Report) -> str:
    lines = [(f"{said:.3f}", f"{seen:.3f}", str(count)) for said, seen, count in report.reliability]
    return _table(("said", "seen", "samples"), lines)


def _probes(report: Report) -> str:
    lines = [
        (
            probe.name,
            f"{probe.measure} {number(probe.score)}",
            number(probe.chance),
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
    lines = [f"- {issue}: forecast, {reason(issue, ahead=True)}" for issue in report.forecasts]
    lines += [f"- {issue}: only detected, {reason(issue, ahead=False)}" for issue in report.detects]
    return "\n".join(lines)


def _table(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    made = [headings, ["---"] * len(headings), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in made)


def _signals(number: int) -> str:
    return f"{number} signal{'' if number == 1 else 's'}"
