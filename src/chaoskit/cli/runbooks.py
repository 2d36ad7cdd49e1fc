"""List the runbooks, or show one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaoskit.cli.render import columns, emit, next_step
from chaoskit.cli.session import Session, command, new_app
from chaoskit.errors import InvalidInput

if TYPE_CHECKING:
    from rich.console import Console

    from chaoskit.recovery.runbook import Runbook

app = new_app(__doc__)


@command(
    app,
    epilog="Examples: chaoskit runbooks; chaoskit runbooks pod-crash-recovery > mine.yaml",
)
def runbooks(
    session: Session,
    name: Annotated[str, typer.Argument(help="Show this one as YAML; all when left out.")] = "",
    load: Annotated[list[Path] | None, typer.Option(help="Your runbooks, checked and listed first.")] = None,
) -> None:
    """List what may be done about which issue, or show one runbook as YAML to start your own from."""
    from chaoskit.documents import dump
    from chaoskit.recovery import runbook

    books = (*(runbook.load([str(path) for path in load]) if load else ()), *runbook.defaults())
    if not name:
        document = {"runbooks": [_plain(each) for each in books]}
        emit(session, "runbooks", document, lambda out: _list(out, books))
        return
    found = next((each for each in books if each.name == name), None)
    if found is None:
        raise InvalidInput(
            f"there is no runbook {name}", hint=f"runbooks: {', '.join(b.name for b in books)}"
        )
    sys.stdout.write(dump(_plain(found)))


def _plain(book: Runbook) -> dict[Any, Any]:
    return book.model_dump(mode="json", by_alias=True, exclude_defaults=False)


def _list(out: Console, books: tuple[Runbook, ...]) -> None:
    rows = [
        (book.name, book.spec.matches.issue, " > ".join(s.action for s in book.spec.remediations))
        for book in books
    ]
    columns(out, ("runbook", "issues", "steps"), rows, wrap=2)
    next_step(out, "chaoskit runbooks pod-crash-recovery")
