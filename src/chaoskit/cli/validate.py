"""Check experiment files, with file, line and field."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli.complaints import problem_words
from chaoskit.cli.render import emit
from chaoskit.cli.session import Session, command, new_app
from chaoskit.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from chaoskit.documents import Document
    from chaoskit.experiments.lint import Finding

app = new_app(__doc__)


@command(
    app, epilog="Examples: chaoskit validate examples/experiments; chaoskit validate --strict engine.yaml"
)
def validate(
    session: Session,
    files: Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.")],
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    var: Annotated[list[str] | None, typer.Option(help="A variable of the documents, as name=value.")] = None,
) -> None:
    """Report every problem of experiment documents, native or plain Litmus, without a cluster."""
    from chaoskit.documents import read
    from chaoskit.experiments.trials import findings

    documents = read(files, variables=variables(var))
    found = findings(documents)
    wrong = [each for each in found if strict or each.level == "error"]
    outcome = Outcome.INVALID_INPUT if wrong else Outcome.DONE
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "documents": len(documents),
        "findings": [{"level": each.level, **dataclasses.asdict(each.problem)} for each in found],
    }
    emit(session, "validation", document, lambda out: _table(out, found, len(documents)))
    raise typer.Exit(outcome.exit_code)


def checked(files: list[str], var: list[str] | None) -> tuple[Document, ...]:
    """The documents of these files, once all of them can be run as far as a look at them tells.

    Raises:
        InvalidInput: with every problem of every document; nothing was connected for it.
    """
    from chaoskit.documents import read
    from chaoskit.experiments import trials

    documents = read(files, variables=variables(var))
    trials(documents)
    return documents


def variables(pairs: list[str] | None) -> dict[str, str]:
    """``name=value`` pairs as a mapping.

    Raises:
        BadParameter: one has no ``=``.
    """
    for pair in pairs or ():
        if "=" not in pair:
            raise typer.BadParameter(f"{pair!r} is not of the form name=value")
    return dict(pair.split("=", 1) for pair in pairs or ())


def _table(out: Console, found: tuple[Finding, ...], documents: int) -> None:
    for each in found:
        out.print(problem_words(each.problem, each.level), end="")
    errors = sum(each.level == "error" for each in found)
    out.print(f"{documents} documents, {errors} errors, {len(found) - errors} warnings")
