"""List, show, validate and test the runbooks."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaoskit.cli import secrecy
from chaoskit.cli.render import columns, emit, next_step, outcome_line
from chaoskit.cli.session import Session, command, new_app
from chaoskit.errors import InvalidInput
from chaoskit.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from chaoskit.recovery.runbook import Runbook
    from chaoskit.recovery.runbooktests import Tested

app = new_app(__doc__, no_args_is_help=True)

Load = Annotated[list[Path] | None, typer.Option(help="Your runbooks, asked before the shipped.")]


@command(
    app,
    name="list",
    examples=(
        "chaoskit runbooks list",
        "chaoskit runbooks list --load runbooks/",
    ),
)
def list_(session: Session, load: Load = None) -> None:
    """List what may be done about which issue, your own runbooks first."""
    books = _books(load)
    document = {"runbooks": [_plain(each) for each in books]}
    emit(session, "runbooks", document, lambda out: _list(out, books))


@command(app, examples=("chaoskit runbooks show pod-crash-recovery > mine.yaml",))
def show(
    session: Session,  # noqa: ARG001 - every command has one
    name: Annotated[str, typer.Argument(help="Name of the runbook.")],
    load: Load = None,
) -> None:
    """Show one runbook as YAML, to start your own from."""
    from chaoskit.documents import dump

    books = _books(load)
    found = next((each for each in books if each.name == name), None)
    if found is None:
        known = ", ".join(book.name for book in books)
        raise InvalidInput(f"there is no runbook {name}", hint=f"runbooks: {known}")
    sys.stdout.write(dump(_plain(found)))


@command(app, examples=("chaoskit runbooks validate runbooks/",))
def validate(
    session: Session,
    files: Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.")],
) -> None:
    """Report every problem of runbooks and their tests, with file, line and field."""
    from chaoskit.recovery import runbook, runbooktests

    found = secrecy.read(files)
    tests = runbooktests.load(found)
    books = runbook.made(found)
    document = {"outcome": Outcome.DONE.value, "exit": 0, "runbooks": len(books), "tests": len(tests)}
    emit(
        session,
        "validation",
        document,
        lambda out: out.print(f"{len(books)} runbooks, {len(tests)} tests, 0 errors"),
    )


@command(app, name="test", examples=("chaoskit runbooks test examples/runbooks",))
def try_(
    session: Session,
    files: Annotated[
        list[str], typer.Argument(help="Files and folders with tests and the runbooks under test.")
    ],
    load: Load = None,
) -> None:
    """Check what runbooks would do about recorded clusters or symptoms; no cluster is asked."""
    from chaoskit.recovery import runbook, runbooktests

    found = secrecy.read(files)
    tests = runbooktests.load(found)
    if not tests:
        raise InvalidInput("there is no RunbookTest", hint="chaoskit runbooks test --help")
    own = runbook.made(each for each in found if each.kind == "Runbook")
    done = runbooktests.run(tests, (*own, *_books(load)))
    failed = [each for each in done if each.differences]
    outcome = Outcome.WEAKNESS_FOUND if failed else Outcome.PASSED
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "tests": [{"name": t.name, "path": t.path, "differences": list(t.differences)} for t in done],
    }
    emit(session, "runbook-tests", secrecy.hidden(document), lambda out: _results(out, done, outcome))
    raise typer.Exit(outcome.exit_code)


@command(app)
def schema(session: Session) -> None:  # noqa: ARG001 - every command has one
    """Print the JSON Schema of a runbook, for editors."""
    from chaoskit.recovery import runbook

    sys.stdout.write(json.dumps(runbook.schema(), indent=2) + "\n")


def _books(load: Sequence[Path] | None) -> tuple[Runbook, ...]:
    from chaoskit.recovery import runbook

    return (*runbook.made(secrecy.read(load or ())), *runbook.defaults())


def _plain(book: Runbook) -> dict[Any, Any]:
    return dict(secrecy.hidden(book.model_dump(mode="json", by_alias=True, exclude_defaults=False)))


def _list(out: Console, books: Sequence[Runbook]) -> None:
    rows = [
        (book.name, book.spec.matches.issue, " > ".join(s.action for s in book.spec.remediations))
        for book in books
    ]
    columns(out, ("runbook", "issues", "steps"), rows, wrap=2)
    next_step(out, "chaoskit runbooks show pod-crash-recovery")


def _results(out: Console, done: Sequence[Tested], outcome: Outcome) -> None:
    for each in done:
        out.print(f"{'failed' if each.differences else 'passed'}  {each.name}")
        for words in each.differences:
            out.print(secrecy.hidden(f"        {words}"))
    failed = sum(bool(each.differences) for each in done)
    outcome_line(
        out,
        "passed" if not failed else "failed",
        outcome.exit_code,
        f"{len(done) - failed} of {len(done)} tests",
    )
