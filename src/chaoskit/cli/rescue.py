"""Finish every undo that a dead run left behind."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from chaoskit.cli.render import columns, emit
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.stopping import stopping
from chaoskit.clock import interruption
from chaoskit.outcome import Outcome, gravest, of_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chaoskit.acts.rescue import Rescued
    from chaoskit.clock import Stop
    from chaoskit.runtime import Runtime

app = new_app(__doc__)


@command(app, epilog="Examples: chaoskit rescue; chaoskit rescue -n shop --orphans")
def rescue(
    session: Session,
    adopt: Annotated[
        bool, typer.Option("--orphans", help="Take back what Litmus runs of others left behind, too.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --orphans: let engines go that their operator holds.")
    ] = False,
) -> None:
    """Watch every unfinished run for its lease's duration, and undo those that nobody renews."""
    from chaoskit.flows.rescuing import rescue as finish

    with session.connected() as runtime, session.listening() as listen, stopping() as stop:
        namespace = session.asked_namespace
        found = finish(runtime.world, namespace=namespace, listen=listen, stop=stop)
        left = _orphans(session, runtime, namespace, adopt=adopt, force=force)
    answer(session, found, stop, left)


def _orphans(
    session: Session, runtime: Runtime, namespace: str, *, adopt: bool, force: bool
) -> dict[str, tuple[str, ...]]:
    """What is left of engines that nobody owes, by engine; taken back when that was asked for."""
    from chaoskit.acts import orphans
    from chaoskit.acts.rescue import active

    cluster, clock = runtime.cluster, runtime.clock
    found = orphans.orphans(cluster, clock, active(cluster, namespace), namespace)
    if not adopt:
        for each in found:
            session.say(
                f"left behind by {each.trail.engine}: {', '.join(each.left)}; --orphans takes it back"
            )
        return {}
    return {
        str(each.trail.engine): orphans.adopt(cluster, clock, each, force=force, tell=session.say)
        for each in found
    }


def answer(
    session: Session,
    found: Sequence[Rescued],
    stop: Stop,
    adopted: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> NoReturn:
    """What was undone is on stdout, and the command ends with the gravest of it."""
    outcome = gravest((_outcome(found), *map(_of_orphan, adopted.values())))
    if stop.is_set():  # whatever was not looked at may still be disturbed: never "nothing to do"
        outcome = gravest((outcome, of_error(interruption(stop))))
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "rescued": [_plain(each) for each in found],
        "orphans": {engine: list(left) for engine, left in adopted.items()},
    }
    rows: list[tuple[str, ...]] = [
        (each.account.id, each.account.act, each.undo.state, ", ".join(each.undo.left)) for each in found
    ]
    rows += [
        (name, "orphan", "not confirmed" if left else "confirmed", ", ".join(left))
        for name, left in adopted.items()
    ]
    emit(
        session,
        "rescue",
        document,
        lambda out: columns(out, ("id", "act", "undo", "left"), rows) if rows else out.print(outcome.words),
    )
    raise typer.Exit(outcome.exit_code)


def _of_orphan(left: Sequence[str]) -> Outcome:
    return Outcome.UNDO_UNCONFIRMED if left else Outcome.DONE


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
