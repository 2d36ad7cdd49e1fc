"""Show what recurs, and which strategy works."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaoskit.cli import failurepatterns, secrecy
from chaoskit.cli.belonging import given, refuse_beside, refuse_without
from chaoskit.cli.render import columns, emit, next_step, percent, span
from chaoskit.cli.session import Session, command, new_app
from chaoskit.clusters import called, wheres

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.console import Console

    from chaoskit.recovery import Attempt
    from chaoskit.recovery.patterns import Recurrence, Strategy
    from chaoskit.recovery.suggestions import Suggestion
    from chaoskit.recovery.trends import Period

app = new_app(__doc__)


@command(
    app,
    examples=(
        "chaoskit patterns --by-workload",
        "chaoskit patterns --suggest",
        "chaoskit patterns --suggest --runbooks runbooks/ -o json",
        "chaoskit patterns --failures -n shop --hours 168",
    ),
)
def patterns(
    session: Session,
    by_workload: Annotated[bool, typer.Option("--by-workload", help="Each workload by itself.")] = False,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Print the order of remediations that history proves better.")
    ] = False,
    runbooks: Annotated[
        list[Path] | None, typer.Option(help="Your runbooks, asked before the shipped.")
    ] = None,
    failures: Annotated[
        bool, typer.Option("--failures", help="What recurs in the failures themselves, by the signals.")
    ] = False,
    hours: Annotated[
        float | None, typer.Option(min=1, help="With --failures: how far back, 168 unless it is given.")
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="With --failures: these files instead of Prometheus.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="What the columns of the files mean.")] = None,
    cluster: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Only of the cluster that records know by that name, uid or address; else all.",
        ),
    ] = "",
) -> None:
    """Show how each recovery strategy did so far, which issues come back, and whether it gets faster.

    With --failures: which failures follow or accompany others, when they come, and which look alike; only
    what chance does not explain.
    """
    _check(
        given(
            {
                "--by-workload": by_workload,
                "--suggest": suggest,
                "--runbooks": runbooks,
                "--failures": failures,
                "--hours": hours,
                "--data": data,
                "--mapping": mapping,
                "--namespace": session.asked_namespace,
                "--cluster": cluster,
            }
        )
    )
    if failures:
        failurepatterns.show(session, 168.0 if hours is None else hours, data, mapping)
        return
    from chaoskit.recovery.patterns import recurrences, strategies
    from chaoskit.recovery.trends import trends

    known = _history(session, cluster)
    if suggest:
        _suggest(session, known, runbooks or ())
        return
    did, back, went = strategies(known, by_workload=by_workload), recurrences(known), trends(known)
    document = {
        "strategies": [{**dataclasses.asdict(s), "rate": s.rate, "value": s.value} for s in did],
        "recurrences": [
            {
                **dataclasses.asdict(r),
                "first": r.first.isoformat(),
                "last": r.last.isoformat(),
                "flaps": r.flaps,
            }
            for r in back
        ],
        "trends": [
            {**dataclasses.asdict(t), "start": t.start.isoformat(), "length": t.length.days} for t in went
        ],
    }
    emit(session, "patterns", document, lambda out: _table(out, did, back, went))


def _check(named: Collection[str]) -> None:
    """Each option that is named has a meaning beside the others; `InvalidInput` unless it has."""
    refuse_without("--failures", named, those=("--hours", "--data", "--mapping"))
    refuse_without("--suggest", named, those=("--runbooks",))
    why = "what recurs in failures is told of a namespace, or of files, as a whole"
    refuse_beside("--failures", named, but=("--hours", "--data", "--mapping", "--namespace"), why=why)
    for flag in ("--data", "--mapping"):
        why = "files are taken as a whole"
        refuse_beside(flag, named, but=("--failures", "--data", "--mapping"), why=why)


def _history(session: Session, cluster: str) -> tuple[Attempt, ...]:
    from chaoskit.recovery.attempts import FIELDS, attempts

    with session.history() as store:
        mine = wheres(*called(store.beneath, cluster)) if cluster else ()
        return attempts(store.find("recovery", any_of=mine, fields=FIELDS))


def _table(out: Console, did: Sequence[Strategy], back: Sequence[Recurrence], went: Sequence[Period]) -> None:
    if not did and not back:
        out.print("no recoveries yet; with --failures: what recurs in the failures themselves")
        next_step(out, "chaoskit recover --dry-run")
        return
    rows = [
        (
            s.issue,
            *((s.target,) if any(each.target for each in did) else ()),
            s.action,
            f"{s.worked} of {s.tried}",
            percent(s.rate),
            f"{s.value:+.0%}",
            _seconds(s.median_seconds),
            _seconds(s.p90_seconds),
        )
        for s in did
    ]
    workload = ("workload",) if any(each.target for each in did) else ()
    heads = ("issue", *workload, "strategy", "worked", "rate", "over nothing", "median", "p90")
    columns(out, heads, rows)
    if back:
        out.print()
        again = [
            (r.issue, r.target, str(r.times), span(r.every), str(r.by_itself), "yes" if r.flaps else "")
            for r in back
        ]
        columns(out, ("issue", "comes back to", "times", "every", "healed by itself", "flaps"), again)
    if went:
        out.print()
        times = [
            (
                t.issue,
                f"{t.start:%Y-%m-%d}",
                str(t.times),
                str(t.bad),
                _seconds(t.detect_seconds),
                _seconds(t.recover_seconds),
            )
            for t in went
        ]
        unit = "week of" if went[0].length.days == 7 else "day"
        columns(out, ("issue", unit, "times", "not helped", "to detect", "to recover"), times)


def _suggest(session: Session, known: Sequence[Attempt], runbooks: Sequence[Path]) -> None:
    from chaoskit.recovery import runbook
    from chaoskit.recovery.suggestions import suggest

    own = runbook.made(secrecy.read(runbooks))
    found = suggest(known, (*own, *runbook.defaults()))
    document = {
        "suggestions": [
            {"runbook": each.before.name, "reasons": list(each.reasons), "diff": each.diff} for each in found
        ]
    }
    emit(session, "suggestions", document, lambda out: _diffs(out, found))


def _diffs(out: Console, found: Sequence[Suggestion]) -> None:
    """The diffs as `patch` takes them, each under its reasons."""
    if not found:
        out.print("the history proves no other order better")
    for each in found:
        for why in each.reasons:
            out.print(f"# {each.before.name}: {why}")
        out.print(each.diff, markup=False, highlight=False, soft_wrap=True, end="")


def _seconds(value: Any) -> str:
    return "-" if value is None else f"{value:.1f} s"
