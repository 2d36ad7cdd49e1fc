"""Predictions on the screen: a table with reasons, what can be foreseen and what cannot; once or again."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING, Any

from chaoskit.cli.render import ago, columns, console, emit, next_step, percent, span, sparkline, told

if TYPE_CHECKING:
    from rich.console import Console

    from chaoskit.cli.session import Session
    from chaoskit.flows.outlook import Manner, Outlook
    from chaoskit.outcome import Outcome
    from chaoskit.prediction.answers.silence import Silent, Young
    from chaoskit.prediction.judging.scoring import Score
    from chaoskit.records import PredictionRecord

_QUIET = 0.05

_CLIMB = 0.05
"""A probability that moved by less in an hour is flat."""

_LIKE = 0.4
"""From this likeness on a past incident is worth a line."""

Show = Callable[["Outlook", "Outcome"], None]


def over(record: PredictionRecord, threshold: float) -> bool:
    """Whether its probability is at or over the threshold; of rules, which have none, an alarm or a score."""
    if record.probability is None:
        return record.alarmed or record.score >= threshold
    return record.probability >= threshold


def _quiet(record: PredictionRecord) -> bool:
    """Whether it is not worth a line of its own."""
    return not record.alarmed and not over(record, _QUIET)


def document(outlook: Outlook, outcome: Outcome) -> dict[str, Any]:
    """The outlook as JSON."""
    return {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "at": outlook.at.isoformat(),
        "model": dict(outlook.manner.document),
        "drift": list(outlook.health.drift),
        "stale": list(outlook.health.stale),
        "old": outlook.health.old,
        "silent": [dataclasses.asdict(each) for each in outlook.silent],
        "young": [dataclasses.asdict(each) for each in outlook.young],
        "predictions": [each.document() for each in outlook.predictions],
    }


def headline(outlook: Outlook, *, brief: bool = False) -> str:
    """``model    shop-2 · trained 2d ago · fresh``: who answers, and what speaks against it.

    `brief` where `show` tells all of that below.
    """
    manner = outlook.manner
    if manner.mode == "rules":
        return f"model    {manner.held_back or 'none is promoted'}: rules answer"
    trained = f" · trained {_when(manner.trained_at, outlook.at)}" if manner.trained_at else ""
    against = outlook.health.brief if brief and outlook.predictions else outlook.health.words
    return f"model    {manner.name}{trained} · {against}"


def _when(trained: datetime, at: datetime) -> str:
    """When it was trained, as seen from a moment that may lie before that."""
    later = trained - at
    return f"{span(later)} after that moment" if later >= timedelta(minutes=1) else ago(trained, at)


def show(out: Console, outlook: Outlook, *, advice: bool = True, files: str = "") -> None:
    """The whole outlook; with `advice`, what to do next: there, or with the `files` that it is of."""
    if outlook.predictions or not outlook.unknown:
        table(out, outlook.predictions, advice=False, everywhere=outlook.everywhere, by=_by(outlook))
    for each in outlook.unknown:
        told(out, "! ", _of_unknown(each, outlook), style="yellow")
    if not outlook.predictions:
        return
    for warning in (*outlook.health.stale, *outlook.health.drift, outlook.health.old):
        if warning:
            told(out, "! ", warning, style="yellow")
    for line in _alike(outlook):
        told(out, "", line)
    out.print()
    if alarms := _alarms(outlook):
        told(out, "", alarms)
    told(out, "", _manner(outlook.manner))
    if advice:
        _advice(out, outlook.predictions, everywhere=outlook.everywhere, files=files)


def _by(outlook: Outlook) -> str:
    """Who answers, where it is not whom one expects."""
    return "rules: the promoted model does not answer here" if outlook.manner.held_back else ""


def _of_unknown(each: Silent | Young, outlook: Outlook) -> str:
    return f"{each.namespace}/{each.words}" if outlook.everywhere else each.words


def _alarms(outlook: Outlook) -> str:
    """What an alarm is, where that is not the percentage beside it over a threshold."""
    if not outlook.manner.forest_alarms:
        return (
            "An alarm is a rule or the evidence over its threshold; the percentage, the forest's, has none."
        )
    if any(each.rule for each in outlook.predictions):
        words = "An alarm is a rule, the evidence or the forest over its threshold;"
        return f"{words} the percentage is the forest's."
    return ""


def _manner(manner: Manner) -> str:
    """What it can foresee and what it can only see, in words."""
    ahead, only = (
        ", ".join(each.replace("-", " ") for each in of) for of in (manner.forecasts, manner.detects)
    )
    if manner.mode == "rules":
        return "Rules have no probabilities: they see what is wrong, and foresee what fills at a steady pace."
    if not ahead:
        return f"Detects, forecasts nothing: {only}."
    return f"Forecast: {ahead}." + (f" Only detected once it happens: {only}." if only else "")


def table(
    out: Console,
    found: Sequence[PredictionRecord],
    *,
    advice: bool = True,
    everywhere: bool = False,
    by: str = "",
) -> None:
    """Each workload that matters on a line, the others counted; with `advice`, what to do next.

    With `everywhere` it says the namespaces too; `by` says who answers, where that is not plain.
    """
    if not found:
        out.print("no workload has signals here")
        return
    from chaoskit.reports.reading import counted

    first = found[0]
    by = by or "rules: no model is promoted" if first.probability is None else f"model {first.model}"
    out.print(by, style="dim")
    shown = [each for each in found if not _quiet(each)] or list(found[:3])
    lead = ("namespace",) if everywhere else ()
    heads = (*lead, "workload", first.words, "trend 1 h", "likely", "why")
    rows = [((each.namespace,) if everywhere else ()) + _row(each) for each in shown]
    columns(out, heads, rows, wrap=len(heads) - 1)
    if len(found) > len(shown):
        quiet = "quiet" if first.probability is None else f"under {percent(_QUIET)}"
        too = " as well" if all(map(_quiet, shown)) else ""
        out.print(f"{counted(len(found) - len(shown), 'other')} {quiet}{too}")
    if advice:
        _advice(out, found, everywhere=everywhere)


def _row(record: PredictionRecord) -> tuple[str, ...]:
    if record.probability is None:
        chance = "alarm" if record.alarmed else "quiet"
    else:
        low, high = record.low or 0.0, record.high or 0.0
        chance = f"{percent(record.probability)} ({low * 100:.0f} to {high * 100:.0f})"
        chance += " alarm" if record.alarmed else ""
    why = "; ".join(record.reasons)
    trend = f"{sparkline(record.trend)} {_direction(record.trend)}".rstrip()
    return (record.target, chance, trend, record.issue.replace("-", " "), why)


def scores(out: Console, found: Sequence[Score]) -> None:
    """How past predictions came true: a line for each model, and what its probabilities were worth."""
    rows = [
        (
            each.model,
            f"{each.judged} ({each.open} open)",
            f"{each.caught} of {each.events}",
            f"{each.false_alarms} in {f'{each.hours:g}' if each.hours >= 0.1 else 'under 0.1'} h",
            "-" if each.brier is None else f"{each.brier:.4f} ({_reference(each)})",
            "-" if each.ece is None else f"{each.ece:.3f}",
        )
        for each in found
    ]
    heads = ("model", "judged", "failures caught", "false alarms", "Brier (reference)", "ECE")
    columns(out, heads, rows)
    for each in found:
        said = "; ".join(
            f"of {b.count} told as about {percent(b.said)}, {percent(b.came)} failed" for b in each.bins
        )
        if said:
            out.print(f"{each.model}: {said}")


def _reference(score: Score) -> str:
    """The Brier score of always saying how often failures came; none where none came."""
    return f"{score.reference:.4f}" if score.reference else "-"


def _direction(trend: Sequence[float]) -> str:
    """``up``, ``down`` or ``flat``: a curve alone says nothing to whoever cannot see it.

    Of the newer half, by the median of the slopes between any two of its points: what rose and fell again
    is falling.
    """
    if len(trend) < 2:
        return ""
    recent = list(enumerate(trend))[-max(2, (len(trend) + 1) // 2) :]
    slopes = ((b - a) / (later - at) for (at, a), (later, b) in combinations(recent, 2))
    moved = median(slopes) * (len(trend) - 1)
    return "flat" if abs(moved) < _CLIMB else "up" if moved > 0 else "down"


def _alike(outlook: Outlook) -> Iterator[str]:
    """Of each alarm the past incident that it is most like."""
    for record in outlook.predictions:
        best = next((each for each in record.similar if each["likeness"] >= _LIKE), None)
        if record.alarmed and best is not None:
            at = datetime.fromisoformat(best["at"])
            helped = best.get("helped", "").replace("-", " ")
            past = f"{best['namespace']}/{best['target']}" if outlook.everywhere else best["target"]
            yield (
                f"{_named(record, outlook)} is like the {best['issue'].replace('-', ' ')} of {past}"
                f" on {at:%Y-%m-%d %H:%M} ({percent(best['likeness'])} of the trees)"
                + (f"; {helped} helped then" if helped else "")
            )


def _advice(out: Console, found: Sequence[PredictionRecord], *, everywhere: bool, files: str = "") -> None:
    place = files or (" -A" if everywhere else f" -n {found[0].namespace}")
    if found[0].probability is None:
        next_step(out, f"chaoskit train{place}")
    elif files:
        next_step(out, "chaoskit patterns --failures" + files)
    else:
        next_step(out, f"chaoskit generate{place} --top 3 --out experiments")


def _named(each: PredictionRecord | Silent | Young, outlook: Outlook) -> str:
    """The workload, with its namespace where there are several."""
    return f"{each.namespace}/{each.target}" if outlook.everywhere else each.target


@contextmanager
def watching(session: Session) -> Iterator[Show]:
    """Shows look after look: redrawn in place on a terminal, as documents for programs, else what changes."""
    from chaoskit.cli.session import Format

    if session.output is not Format.TABLE:
        yield _Documents(session).show
    elif sys.stdout.isatty():
        with _redrawn(session) as show:
            yield show
    else:
        yield _Changes(session).show


class _Documents:
    """One JSON document on a line, or one YAML document each."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def show(self, outlook: Outlook, outcome: Outcome) -> None:
        from chaoskit.cli.session import Format

        content = document(outlook, outcome)
        if self._session.output is Format.JSON:
            whole = {"schema": "chaoskit.io/predictions/v1", **content}
            sys.stdout.write(json.dumps(whole) + "\n")
        else:
            sys.stdout.write("---\n")
            emit(self._session, "predictions", content, lambda _: None)
        sys.stdout.flush()


class _Changes:
    """Plain lines, each with its time: who answers, alarms that come and go; the whole table at first."""

    def __init__(self, session: Session) -> None:
        self._out = console(session)
        self._session = session
        self._alarmed: dict[str, str] | None = None
        self._who: tuple[str, str, str] | None = None
        self._unknown: set[str] = set()

    def show(self, outlook: Outlook, outcome: Outcome) -> None:
        del outcome
        who = (outlook.manner.name, outlook.manner.held_back, outlook.health.words)
        if who != self._who:
            self._who = who
            self._session.say(headline(outlook))
        now = {_named(each, outlook): "; ".join(each.reasons) for each in outlook.predictions if each.alarmed}
        unknown = {_named(each, outlook): _of_unknown(each, outlook) for each in outlook.unknown}
        new = {_named(each, outlook) for each in outlook.young}
        at = f"{outlook.at:%H:%M:%S}"
        if self._alarmed is None:
            found, everywhere = outlook.predictions, outlook.everywhere
            if found or not outlook.unknown:
                table(self._out, found, advice=False, everywhere=everywhere, by=_by(outlook))
        else:
            for target in now.keys() - self._alarmed.keys():
                self._out.print(f"{at}  alarm      {target}  {now[target]}")
            for target in self._alarmed.keys() - now.keys() - unknown.keys():
                self._out.print(f"{at}  over       {target}")
        for target in unknown.keys() - self._unknown:
            self._out.print(f"{at}  {'new   ' if target in new else 'silent'}     {unknown[target]}")
        kept = {target: why for target, why in (self._alarmed or {}).items() if target in unknown}
        self._alarmed, self._unknown = kept | now, set(unknown)
        sys.stdout.flush()


@contextmanager
def _redrawn(session: Session) -> Iterator[Show]:
    """The newest outlook in place of the one before; the last one stays."""
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    out = console(session)
    with Live(console=out, auto_refresh=False, vertical_overflow="visible") as live:

        def draw(outlook: Outlook, outcome: Outcome) -> None:
            del outcome
            with out.capture() as drawn:
                show(out, outlook, advice=False)
            head = Text(f"{outlook.at:%H:%M:%S} UTC  {headline(outlook, brief=True)}", style="bold")
            live.update(
                Group(head, Text.from_ansi(drawn.get()), Text("Ctrl-C ends it", style="dim")), refresh=True
            )

        yield draw
