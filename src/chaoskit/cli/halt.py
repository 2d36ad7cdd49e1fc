"""Stop chaos and recovery in the cluster, and block new ones."""

from __future__ import annotations

from typing import Annotated

import typer

from chaoskit.acts.halt import Act
from chaoskit.cli.session import Session, command, new_app

app = new_app(__doc__)

BOTH: tuple[Act, ...] = ("chaos", "recovery")


def chosen(only: str) -> tuple[Act, ...]:
    """The acts that ``--only`` names; both when it names none."""
    wanted = tuple(act for act in BOTH if only in {"", act})
    if not wanted:
        raise typer.BadParameter(f"{only!r} is neither chaos nor recovery")
    return wanted


@command(app, epilog='Examples: chaoskit halt --reason "incident 42"; chaoskit halt --only chaos -n shop')
def halt(
    session: Session,
    only: Annotated[str, typer.Option(help="chaos or recovery; both when left out.")] = "",
    reason: Annotated[str, typer.Option(help="Why; everybody who is refused reads it.")] = "",
) -> None:
    """Stop all chaos and recovery, and block new ones, in the cluster or in one namespace (-n)."""
    from chaoskit.acts.halt import HOME
    from chaoskit.acts.halt import halt as put_halt

    acts = chosen(only)
    with session.connected() as runtime:
        place = session.asked_namespace
        put_halt(runtime.cluster, runtime.clock, acts, reason, namespace=place or HOME)
    where = f"in namespace {place}" if place else "in the cluster"
    session.say(f"halted   {' and '.join(acts)} {where}; {_lifting(place)} lifts it")


def _lifting(namespace: str) -> str:
    return f"chaoskit resume -n {namespace}" if namespace else "chaoskit resume"
