"""Check experiment files, with file, line and field."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli.complaints import problem_words
from chaoskit.cli.render import emit
from chaoskit.cli.session import Session, command, new_app
from chaoskit.errors import InvalidInput
from chaoskit.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from chaoskit.documents import Document
    from chaoskit.experiments.lint import Finding

app = new_app(__doc__)

Variables = Annotated[list[str] | None, typer.Option(help="A variable of the documents, as name=value.")]
VariableFiles = Annotated[
    list[Path] | None, typer.Option(help="A YAML file of variables; --var goes before it.")
]


@command(
    app, epilog="Examples: chaoskit validate examples/experiments; chaoskit validate --strict engine.yaml"
)
def validate(
    session: Session,
    files: Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.")],
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    var: Variables = None,
    var_file: VariableFiles = None,
) -> None:
    """Report every problem of experiment documents, native or plain Litmus, without a cluster."""
    from chaoskit.documents import read
    from chaoskit.experiments.trials import findings

    documents = read(files, variables=variables(var, var_file))
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


def checked(files: list[str], var: list[str] | None, var_files: list[Path] | None) -> tuple[Document, ...]:
    """The documents of these files, once all of them can be run as far as a look at them tells.

    Raises:
        InvalidInput: with every problem of every document; nothing was connected for it.
    """
    from chaoskit.documents import read
    from chaoskit.experiments import trials

    documents = read(files, variables=variables(var, var_files))
    trials(documents)
    return documents


def variables(pairs: list[str] | None, files: list[Path] | None) -> dict[str, str]:
    """The variables of files, then ``name=value`` pairs over them.

    Raises:
        BadParameter: a pair has no ``=``.
        InvalidInput: a file is no YAML mapping of names to plain values.
    """
    for pair in pairs or ():
        if "=" not in pair:
            raise typer.BadParameter(f"{pair!r} is not of the form name=value")
    from_files = {name: value for path in files or () for name, value in _from_file(path).items()}
    return from_files | dict(pair.split("=", 1) for pair in pairs or ())


def _from_file(path: Path) -> dict[str, str]:
    from chaoskit.documents import read, shown

    found: dict[str, str] = {}
    for document in read([str(path)]):
        if not isinstance(document.value, dict):
            problem = document.problem((), shown(document.value), "a mapping of names to values")
            raise InvalidInput(str(problem), problems=(problem,))
        for name, value in document.value.items():
            if isinstance(value, dict | list):
                problem = document.problem((str(name),), shown(value), "a plain value")
                raise InvalidInput(str(problem), problems=(problem,))
            found[str(name)] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def _table(out: Console, found: tuple[Finding, ...], documents: int) -> None:
    for each in found:
        out.print(problem_words(each.problem, each.level), end="")
    errors = sum(each.level == "error" for each in found)
    out.print(f"{documents} documents, {errors} errors, {len(found) - errors} warnings")
