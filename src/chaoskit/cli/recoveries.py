"""How recoveries that ended are shown, and decisions that were compared."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import typer

from chaoskit.cli.render import emit, next_step, outcome_line
from chaoskit.outcome import Outcome, gravest, of_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from chaoskit.cli.session import Session
    from chaoskit.errors import Interrupted
    from chaoskit.records import RecoveryRecord
    from chaoskit.recovery import Decision
    from chaoskit.recovery.alerts import Unplaced
    from chaoskit.recovery.replay import Difference


def finish(
    session: Session,
    records: Sequence[RecoveryRecord],
    *,
    left: Sequence[Decision] = (),
    stopped: Interrupted | None = None,
    unplaced: Sequence[Unplaced] = (),
) -> None:
    """The records are shown, and the process ends with the gravest outcome's code.

    `left` were not begun, for `stopped` came before their turn: that is no good end.
    """
    outcome = gravest([*(each.outcome for each in records), *([of_error(stopped)] if stopped else ())])
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "recoveries": [record.document() for record in records],
        "not_begun": [{"issue": each.issue.name, "target": str(each.issue.target)} for each in left],
        "unplaced_alerts": plain_alerts(unplaced),
    }

    def table(out: Console) -> None:
        for record in records:
            fast = "" if record.seconds_to_recover is None else f" in {record.seconds_to_recover:.1f} s"
            what = f"{record.issue.replace('-', ' ')} of {record.target}{fast}"
            outcome_line(out, record.outcome.words, record.outcome.exit_code, what)
            out.print(f"  {record.reason}")
        for each in left:
            what = f"{each.issue.kind.replace('-', ' ')} of {each.issue.target}"
            outcome_line(out, Outcome.NOT_BEGUN.words, Outcome.NOT_BEGUN.exit_code, f"{what}: {stopped}")
        print_alerts(out, unplaced)
        if records:
            next_step(out, f"chaoskit show {records[-1].id} --trace")

    emit(session, "recovery", document, table)
    raise typer.Exit(outcome.exit_code)


def print_alerts(out: Console, unplaced: Sequence[Unplaced]) -> None:
    """A line for each alert that nothing could be made of."""
    for each in unplaced:
        out.print(f"! alert {each}", style="yellow")


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
