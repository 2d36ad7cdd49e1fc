"""Lift a halt."""

from __future__ import annotations

from typing import Annotated

import typer

from chaoskit.cli.halt import chosen
from chaoskit.cli.session import Session, command, new_app

app = new_app(__doc__)


@command(app, epilog="Examples: chaoskit resume; chaoskit resume --only recovery")
def resume(
    session: Session,
    only: Annotated[str, typer.Option(help="chaos or recovery; both when left out.")] = "",
) -> None:
    """Lift the halt of the cluster, or of one namespace (-n): chaos and recovery may start again."""
    from chaoskit.acts.halt import HOME
    from chaoskit.acts.halt import resume as lift_halt

    acts = chosen(only)
    with session.connected() as runtime:
        lifted = lift_halt(runtime.cluster, acts, namespace=session.asked_namespace or HOME)
    session.say(f"resumed  {' and '.join(lifted)}" if lifted else "resumed  nothing was halted")
