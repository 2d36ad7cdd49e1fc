"""Keep a simulated cluster running: up, down, status."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from chaoskit.cli.render import emit
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.stopping import stopping
from chaoskit.errors import CannotStart
from chaoskit.flows import simulation

app = new_app(__doc__, no_args_is_help=True)


def _folder(session: Session) -> Path:
    return session.loaded.settings.home / "sim"


@command(
    app,
    places=(),
    epilog="Example: export KUBECONFIG=$(chaoskit sim up --speed 10); kubectl get pods -n shop",
)
def up(
    session: Session,
    speed: Annotated[
        float, typer.Option(min=0.1, max=600, help="How many times faster than the wall.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed: the same seed tells the same story.")] = 7,
    story: Annotated[
        str, typer.Option(help="quiet, demo, training, everything, or one failure: packet-loss, ...")
    ] = "demo",
    history: Annotated[float, typer.Option(min=0, max=168, help="Hours of past it is given first.")] = 6.0,
) -> None:
    """Start it, or find it running; print the path of its kubeconfig, alone, on stdout."""
    with stopping() as stop:
        found = simulation.up(
            _folder(session), speed=speed, seed=seed, story=story, history=history, stop=stop
        )
    session.say(f"simulator  seed {found.seed} · {found.rate:g} times faster · {found.url}")
    session.say(f"           Prometheus {found.prometheus} · ends with: chaoskit sim down")
    sys.stdout.write(f"{found.kubeconfig}\n")


@command(app, places=())
def down(session: Session) -> None:
    """Stop it and remove its files."""
    ran = simulation.down(_folder(session))
    session.say("simulator  stopped" if ran else "simulator  none was running")


@command(app, places=())
def status(session: Session) -> None:
    """Tell whether one runs, where and how fast."""
    found = simulation.status(_folder(session))
    if found is None:
        raise CannotStart("no simulator is running", hint="chaoskit sim up")
    document = {
        "pid": found.pid,
        "kubeconfig": str(found.kubeconfig),
        "url": found.url,
        "prometheus": found.prometheus,
        "seed": found.seed,
        "rate": found.rate,
        "story": found.story,
        "startedAt": found.started_at.isoformat(),
    }
    lines = "\n".join(f"{name:<12} {value}" for name, value in document.items())
    emit(session, "simulation", document, lambda out: out.print(lines))
