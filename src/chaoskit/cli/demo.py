"""Tell the whole story on a simulated cluster, in under a minute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli.render import console, emit
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.stopping import stopping
from chaoskit.events import Listener, ignore

if TYPE_CHECKING:
    from rich.console import Console

    from chaoskit.flows.demo import Chapter, Told
    from chaoskit.flows.world import World

app = new_app(__doc__)


@command(
    app,
    places=(),
    examples=(
        "chaoskit demo",
        "chaoskit demo --out /tmp/story -v",
    ),
)
def demo(
    session: Session,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for report, experiments, model and history: chaoskit-demo, or -2, -3 ..."),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(help="Seed of what befalls the shop; when it is seen depends on the machine's load."),
    ] = 7,
) -> None:
    """Train a model, predict a failure, prove it with an experiment, recover from one, write the report.

    Ends as its experiment and recoveries do. Ctrl-C ends it and leaves nothing behind.
    """
    from chaoskit.flows.demo import tell

    screen = console(session, stderr=True)
    with stopping("left at once: the simulated cluster ends with it") as stop, _listening(session) as listen:
        told = tell(
            out or _unused(Path("chaoskit-demo")),
            connect=_connect,
            seed=seed,
            narrate=lambda chapter: _narrate(session, screen, chapter),
            listen=listen,
            stop=stop,
        )
    document = {
        "outcome": told.outcome.value,
        "exit": told.outcome.exit_code,
        "report": str(told.report),
        "model": told.fitted.name,
        "predictions": [each.document() for each in told.predictions],
        "experiments": [str(each) for each in told.experiments],
        "run": told.run.document(),
        "recoveries": [each.document() for each in told.recoveries],
    }
    emit(session, "demo", document, lambda screen: _closing(screen, told))
    raise typer.Exit(told.outcome.exit_code)


def _unused(folder: Path) -> Path:
    """The folder, or the first of those that are numbered after it, that holds nothing."""
    names = (folder.with_name(f"{folder.name}-{number}") for number in count(2))
    return next(each for each in chain([folder], names) if not each.exists() or _empty(each))


def _empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


@contextmanager
def _listening(session: Session) -> Iterator[Listener]:
    """Hears what happens within the chapters, where it is asked for; nothing is drawn otherwise."""
    if not session.verbose:
        yield ignore
        return
    with session.listening() as listen:
        yield listen


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
        mark = "✔" if chapter.outcome.exit_code == 0 else "✖"
        screen.print(f"  {chapter.number}  {mark} {chapter.title:<10} {chapter.result}", soft_wrap=True)
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
