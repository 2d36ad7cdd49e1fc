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


@command(app, epilog='Examples: chaoskit halt --reason "incident 42"; chaoskit halt --only chaos')
def halt(
    session: Session,
    only: Annotated[str, typer.Option(help="chaos or recovery; both when left out.")] = "",
    reason: Annotated[str, typer.Option(help="Why; everybody who is refused reads it.")] = "",
) -> None:
    """Stop all chaos and recovery in the cluster, and block new ones until resume."""
    from chaoskit.acts.halt import halt as put_halt

    acts = chosen(only)
    with session.connected() as runtime:
        put_halt(runtime.cluster, runtime.clock, acts, reason)
    session.say(f"halted   {' and '.join(acts)}; chaoskit resume lifts it")
