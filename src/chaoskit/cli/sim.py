"""Keep a simulated cluster running: up, down, status."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from chaoskit.cli.render import emit
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.stopping import stopping
from chaoskit.errors import CannotStart
from chaoskit.flows import simulation

app = new_app(__doc__, no_args_is_help=True)
_USUAL: dict[str, Any] = {"speed": 1.0, "seed": 7, "story": "demo", "history": 6.0, "pods": 0}


def _folder(session: Session) -> Path:
    return session.loaded.settings.home / "sim"


@command(
    app,
    places=(),
    examples=(
        "export KUBECONFIG=$(chaoskit sim up --speed 10)",
        "kubectl get pods -n shop",
    ),
)
def up(
    session: Session,
    speed: Annotated[
        float | None,
        typer.Option(min=0.1, max=600, help="How many times faster than the wall (1)."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of names and failures (7).")] = None,
    story: Annotated[
        str | None,
        typer.Option(help="quiet, demo, training, everything, or one failure: packet-loss, ... (demo)"),
    ] = None,
    history: Annotated[
        float | None, typer.Option(min=0, max=168, help="Hours of past it is given first (6).")
    ] = None,
    pods: Annotated[
        int | None,
        typer.Option(
            min=12, max=1000, help="A shop of so many pods, drawn from the seed; its past takes longer."
        ),
    ] = None,
) -> None:
    """Start it, or find it running; print the path of its kubeconfig, alone, on stdout.

    Its clock goes on where the last one's ended, if that ran ahead: so the history stays in order.
    """
    asked = {"speed": speed, "seed": seed, "story": story, "history": history, "pods": pods}
    wanted: dict[str, Any] = _USUAL | {name: each for name, each in asked.items() if each is not None}
    with stopping() as stop:
        found = simulation.up(_folder(session), **wanted, stop=stop)
    ran = _document(found)
    unheeded = [f"--{name} {each}" for name, each in asked.items() if each not in {None, ran[name]}]
    if unheeded:
        session.say(f"! it ran already, without {', '.join(unheeded)}: chaoskit sim down, then up again")
    session.say(f"simulator  seed {found.seed} · {found.rate:g} times faster · {found.url}")
    session.say(f"           Prometheus {found.prometheus} · ends with: chaoskit sim down")
    emit(session, "simulation", ran, lambda out: out.print(found.kubeconfig, soft_wrap=True))


@command(app, places=())
def down(session: Session) -> None:
    """Stop it and remove its files."""
    ran = simulation.down(_folder(session))
    session.say("simulator  stopped" if ran else "simulator  none was running")
    emit(session, "simulation", {"stopped": ran}, lambda _: None)


@command(app, places=())
def status(session: Session) -> None:
    """Tell whether one runs, where and how fast."""
    found = simulation.status(_folder(session))
    if found is None:
        raise CannotStart("no simulator is running", hint="chaoskit sim up")
    document = _document(found)
    told = document | {"history": f"{found.history:g} h", "pods": found.pods or "of the usual shop"}
    lines = "\n".join(f"{name:<12} {value}" for name, value in told.items())
    emit(session, "simulation", document, lambda out: out.print(lines))


def _document(found: simulation.Simulation) -> dict[str, Any]:
    return {
        "pid": found.pid,
        "kubeconfig": str(found.kubeconfig),
        "url": found.url,
        "prometheus": found.prometheus,
        "seed": found.seed,
        "speed": found.rate,
        "story": found.story,
        "history": found.history,
        "pods": found.pods,
        "startedAt": found.started_at.isoformat(),
    }
