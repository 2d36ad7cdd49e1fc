"""Finish every undo that a dead run left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import typer

from chaoskit.cli.render import columns, emit
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.stopping import stopping
from chaoskit.clock import interruption
from chaoskit.outcome import Outcome, gravest, of_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaoskit.acts.rescue import Rescued
    from chaoskit.clock import Stop

app = new_app(__doc__)


@command(app, epilog="Examples: chaoskit rescue; chaoskit rescue -n shop")
def rescue(session: Session) -> None:
    """Watch every unfinished run for its lease's duration, and undo those that nobody renews."""
    from chaoskit.acts.rescue import rescue as finish

    with session.connected() as runtime, session.listening() as listen, stopping() as stop:
        namespace = runtime.settings.namespace
        found = finish(runtime.cluster, runtime.clock, namespace=namespace, listen=listen, stop=stop)
    answer(session, found, stop)


def answer(session: Session, found: Sequence[Rescued], stop: Stop) -> NoReturn:
    """What was undone is on stdout, and the command ends with the gravest of it."""
    outcome = _outcome(found)
    if stop.is_set():  # whatever was not looked at may still be disturbed: never "nothing to do"
        outcome = gravest((outcome, of_error(interruption(stop))))
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "rescued": [_plain(each) for each in found],
    }
    rows = [(each.account.id, each.account.act, each.undo.state, ", ".join(each.undo.left)) for each in found]
    emit(
        session,
        "rescue",
        document,
        lambda out: columns(out, ("id", "act", "undo", "left"), rows) if rows else out.print(outcome.words),
    )
    raise typer.Exit(outcome.exit_code)


def _outcome(found: Sequence[Rescued]) -> Outcome:
    if any(each.undo.left for each in found):
        return Outcome.UNDO_UNCONFIRMED
    return Outcome.DONE if found else Outcome.NOTHING_TO_DO


def _plain(rescued: Rescued) -> dict[str, object]:
    return {
        "id": rescued.account.id,
        "act": rescued.account.act,
        "undo": rescued.undo.state,
        "left": list(rescued.undo.left),
    }
