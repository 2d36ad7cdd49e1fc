"""Stop chaos and recovery in the cluster, and block new ones."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from chaoskit.acts.halt import ACTS, Act
from chaoskit.cli.pasting import pasted
from chaoskit.cli.render import emit
from chaoskit.cli.secrecy import hidden
from chaoskit.cli.session import Session, command, new_app

app = new_app(__doc__)


class Acting(StrEnum):
    """What may be halted by itself."""

    CHAOS = "chaos"
    RECOVERY = "recovery"


Only = Annotated[Acting | None, typer.Option(help="Only this; both when left out.")]


def chosen(only: Acting | None) -> tuple[Act, ...]:
    """The acts that ``--only`` names; both when it names none."""
    return tuple(act for act in ACTS if only in {None, act})


@command(
    app,
    examples=(
        'chaoskit halt --reason "incident 42"',
        "chaoskit halt --only chaos -n shop",
    ),
)
def halt(
    session: Session,
    only: Only = None,
    reason: Annotated[
        str,
        typer.Option(
            help="Why; everybody who is refused reads it. Without one, that of a halt that stands stays."
        ),
    ] = "",
) -> None:
    """Stop all chaos and recovery, and block new ones, in the cluster or in one namespace (-n)."""
    from chaoskit.acts.halt import halt as put_halt

    acts, reason = chosen(only), hidden(reason)
    with session.connected() as runtime:
        place = session.asked_namespace
        stood = put_halt(runtime.cluster, runtime.clock, acts, reason, namespace=place)
    where = f"in namespace {place}" if place else "in the cluster"
    words = f"halted   {' and '.join(acts)} {where}; {_lifting(place)} lifts it"
    words += "".join(f"\nalready  {each}" for each in stood)
    document = {
        "halted": list(acts),
        "namespace": place,
        "reason": reason,
        "already": [{"act": each.act, "reason": each.reason, "since": each.since} for each in stood],
    }
    emit(session, "halted", document, lambda out: out.print(words))


def _lifting(namespace: str) -> str:
    return pasted(f"chaoskit resume -n {namespace}" if namespace else "chaoskit resume")
