"""How recoveries that ended are shown, and decisions that were compared."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from chaoskit.cli import complaints, rescue
from chaoskit.cli.render import emit, next_step, outcome_line
from chaoskit.cli.secrecy import hidden
from chaoskit.errors import ChaoskitError
from chaoskit.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from chaoskit.cli.session import Session
    from chaoskit.flows.secondlook import Went
    from chaoskit.recovery.alerts import Unplaced
    from chaoskit.recovery.replay import Difference


def finish(session: Session, went: Went, *, unplaced: Sequence[Unplaced] = ()) -> NoReturn:
    """What was done is shown, and the process ends with the gravest outcome's code.

    What was not begun is no good end, nor is what a dead act on the way left and nobody could undo.
    """
    outcome, problem = went.outcome, None if went.why is None else complaints.document(went.why)
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "recoveries": [record.document() for record in went.done],
        "not_begun": [{"issue": each.issue.name, "target": str(each.issue.target)} for each in went.left],
        "not_undone": [rescue.plain(each) for each in went.owed],
        "unplaced_alerts": plain_alerts(unplaced),
        **({} if problem is None else {"problem": problem}),
    }

    def table(out: Console) -> None:
        for record in went.done:
            fast = "" if record.seconds_to_recover is None else f" in {record.seconds_to_recover:.1f} s"
            what = f"{record.issue.replace('-', ' ')} of {record.target}{fast}"
            outcome_line(out, record.outcome.words, record.outcome.exit_code, what)
            out.print(hidden(f"  {record.reason}"))
        for each in went.left:
            what = f"{each.issue.kind.replace('-', ' ')} of {each.issue.target}"
            outcome_line(
                out, Outcome.NOT_BEGUN.words, Outcome.NOT_BEGUN.exit_code, hidden(f"{what}: {went.why}")
            )
        for dead in went.owed:
            outcome_line(out, dead.outcome.words, dead.outcome.exit_code, hidden(dead.words))
        print_alerts(out, unplaced)
        if went.owed:
            next_step(out, "chaoskit rescue")
        elif kept := [each.id for each in went.done if each.id not in session.unkept]:
            next_step(out, f"chaoskit show {kept[-1]} --trace")

    if isinstance(went.why, ChaoskitError):
        sys.stderr.write(complaints.words(went.why))
    elif went.why is not None:
        sys.stderr.write(complaints.bug(went.why))
    emit(session, "recovery", hidden(document), table)
    raise typer.Exit(outcome.exit_code)


def print_alerts(out: Console, unplaced: Sequence[Unplaced]) -> None:
    """A line for each alert that nothing could be made of."""
    for each in unplaced:
        out.print(hidden(f"! alert {each}"), style="yellow")


def plain_alerts(unplaced: Sequence[Unplaced]) -> list[dict[str, Any]]:
    """The same as JSON."""
    return [
        {"name": each.alert.name, "labels": dict(each.alert.labels), "why": each.why} for each in unplaced
    ]


def compare(session: Session, differences: Sequence[Difference]) -> None:
    """What would be decided otherwise is shown."""
    rows = [
        {
            "id": each.record,
            "issue": each.issue,
            "target": each.target,
            "then": list(each.then),
            "now": list(each.now),
            "changed": each.changed,
            "unclear": each.unclear,
        }
        for each in differences
    ]

    def table(out: Console) -> None:
        changed = sum(each.changed for each in differences)
        compared = sum(not each.unclear for each in differences)
        out.print(f"{changed} of {compared} decisions would change")
        for each in differences:
            if each.changed:
                out.print(f"{each.issue} {each.target}: {' > '.join(each.then)}  now  {' > '.join(each.now)}")
        for why, times in Counter(each.unclear for each in differences if each.unclear).items():
            out.print(f"{times} cannot be compared: {why}")

    emit(session, "what-if", {"decisions": rows}, table)
