"""Tell the whole story on a simulated cluster, in under a minute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli.render import console, emit
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.stopping import stopping
from chaoskit.events import ignore

if TYPE_CHECKING:
    from rich.console import Console

    from chaoskit.flows.demo import Chapter, Told
    from chaoskit.flows.world import World

app = new_app(__doc__)


@command(app, places=(), epilog="Examples: chaoskit demo; chaoskit demo --out /tmp/story -v")
def demo(
    session: Session,
    out: Annotated[Path, typer.Option(help="Folder for the report, experiments, model and history.")] = Path(
        "chaoskit-demo"
    ),
    seed: Annotated[int, typer.Option(help="The same seed tells the same story.")] = 7,
) -> None:
    """Train a model, predict a failure, prove it with an experiment, recover from one, write the report."""
    from chaoskit.flows.demo import tell

    screen = console(session, stderr=True)
    with stopping() as stop, session.listening() as listen:
        told = tell(
            out,
            connect=_connect,
            seed=seed,
            narrate=lambda chapter: _narrate(session, screen, chapter),
            listen=listen if session.verbose else ignore,
            stop=stop,
        )
    document = {
        "report": str(told.report),
        "model": told.fitted.name,
        "predictions": [each.document() for each in told.predictions],
        "experiments": [str(each) for each in told.experiments],
        "run": told.run.document(),
        "recoveries": [each.document() for each in told.recoveries],
    }
    emit(session, "demo", document, lambda screen: _closing(screen, told))


@contextmanager
def _connect(kubeconfig: Path, home: Path) -> Iterator[World]:
    from chaoskit.runtime import connected
    from chaoskit.settings import Settings

    settings = Settings(kubeconfig=str(kubeconfig), home=home, store=str(home / "store.db"))
    with connected(settings) as runtime:
        yield runtime.world


def _narrate(session: Session, screen: Console, chapter: Chapter) -> None:
    if session.quiet:
        return
    if chapter.result:
        screen.print(f"  {chapter.number}  ✔ {chapter.title:<10} {chapter.result}", soft_wrap=True)
    elif screen.is_terminal:
        screen.print(f"  {chapter.number}  ● {chapter.title} ...", style="dim")


def _closing(screen: Console, told: Told) -> None:
    from chaoskit.cli.outlooks import table

    screen.print()
    table(screen, told.predictions, advice=False)
    screen.print(f"\nreport  {told.report}  (open it in a browser)", soft_wrap=True)
    store = told.folder / "store.db"
    screen.print(
        f"next  chaoskit history --store {store}\n"
        f"      chaoskit show {told.run.id} --trace --store {store}\n"
        "      export KUBECONFIG=$(chaoskit sim up); chaoskit predict -n shop",
        style="dim",
        soft_wrap=True,
    )
