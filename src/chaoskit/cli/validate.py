"""Check experiment files, with file, line and field."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli import secrecy
from chaoskit.cli.complaints import problem_words
from chaoskit.cli.render import columns, emit
from chaoskit.cli.session import Session, command, new_app
from chaoskit.errors import InvalidInput, Problem
from chaoskit.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from chaoskit.documents import Document
    from chaoskit.experiments.lint import Finding

app = new_app(__doc__)


def _learned(pairs: list[str] | None) -> list[str] | None:
    """The pairs; what is secret in them is known before anything is done."""
    secrecy.learn_variables(dict(each.split("=", 1) for each in pairs or () if "=" in each))
    return pairs


Variables = Annotated[
    list[str] | None,
    typer.Option(help="A variable that the documents use, as name=value.", callback=_learned),
]
VariableFiles = Annotated[
    list[Path] | None, typer.Option(help="A YAML file of variables; --var goes before it.")
]

_SCHEMAS = {"experiment": "experiment.json"}


@command(
    app,
    places=(),
    examples=(
        "chaoskit validate examples/experiments",
        "chaoskit validate --strict --ignore no-probe engine.yaml",
        "chaoskit validate --rules",
        "chaoskit validate --schema experiment > experiment.json",
    ),
)
def validate(
    session: Session,
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders (but what begins with a dot), or - for standard input."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            help="A rule whose warnings do not matter; in a file: # chaoskit: ignore RULE.", metavar="RULE"
        ),
    ] = None,
    var: Variables = None,
    var_file: VariableFiles = None,
    rules: Annotated[
        bool, typer.Option("--rules", help="List the rules instead, and why each is one.")
    ] = False,
    schema: Annotated[
        str, typer.Option(help="Print a JSON Schema for editors instead: experiment.", metavar="KIND")
    ] = "",
) -> None:
    """Report every problem of experiments, native, of Litmus or within Argo workflows, without a cluster."""
    if schema:
        sys.stdout.write(_schema(schema))
    elif rules:
        _list_rules(session)
    else:
        _check(session, files or [], frozenset(ignore or ()), var, var_file, strict=strict)


def _check(
    session: Session,
    files: list[str],
    ignore: frozenset[str],
    var: list[str] | None,
    var_files: list[Path] | None,
    *,
    strict: bool,
) -> None:
    from chaoskit.documents import refuse, unnamed
    from chaoskit.experiments.lint import Finding, findings, idle
    from chaoskit.experiments.trials import sifted

    if not files:
        raise typer.BadParameter("name files, folders, or - for standard input")
    _known(ignore)
    read, unread = secrecy.survey(files, variables(var, var_files))
    documents = sifted(read, files)
    unread = unread or (unnamed(read, _named(var)) if documents else ())
    if not documents:
        refuse(unread)
    told = (*(Finding("error", problem) for problem in unread), *findings(documents))
    if not any(each.level == "error" for each in told):
        told = (*told, *idle(documents))
    found = tuple(each for each in told if each.problem.rule not in ignore)
    if not documents and not found:
        raise typer.BadParameter(f"there is no document in {', '.join(files)}")
    wrong = [each for each in found if strict or each.level == "error"]
    outcome = Outcome.INVALID_INPUT if wrong else Outcome.DONE
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "documents": len(documents),
        "skipped": len(read) - len(documents),
        "findings": [
            {"level": each.level, **secrecy.hidden(dataclasses.asdict(each.problem))} for each in found
        ],
    }
    emit(
        session,
        "validation",
        document,
        lambda out: _table(out, found, len(documents), len(read) - len(documents)),
    )
    raise typer.Exit(outcome.exit_code)


def _known(ignore: frozenset[str]) -> None:
    """Every rule that is to be ignored exists and is a warning: what certainly fails stays an error."""
    from chaoskit.documents import closest
    from chaoskit.experiments.lint import RULES

    for rule in sorted(ignore):
        if rule not in RULES:
            near = closest(rule, RULES) or "chaoskit validate --rules lists them"
            raise typer.BadParameter(f"there is no rule {rule}: {near}")
        if RULES[rule][0] == "error":
            raise typer.BadParameter(
                f"rule {rule} is an error, and errors cannot be ignored: {RULES[rule][1]}"
            )


def _list_rules(session: Session) -> None:
    from chaoskit.experiments.lint import RULES

    document = {"rules": [{"rule": name, "level": level, "why": why} for name, (level, why) in RULES.items()]}
    rows = [(name, level, why) for name, (level, why) in RULES.items()]
    emit(session, "rules", document, lambda out: columns(out, ("rule", "level", "why"), rows, wrap=2))


def _schema(kind: str) -> str:
    """The shipped schema of a kind of document."""
    from importlib import resources

    file = _SCHEMAS.get(kind.lower())
    if file is None:
        raise typer.BadParameter(f"there is no schema of {kind}; there is {', '.join(_SCHEMAS)}")
    return (resources.files("chaoskit") / "schemas" / file).read_text(encoding="utf-8")


def checked(
    session: Session, files: list[str], var: list[str] | None, var_files: list[Path] | None
) -> tuple[Document, ...]:
    """The documents of these files, once all of them can be run as far as a look at them tells.

    Raises:
        InvalidInput: with every problem of every document; nothing was connected for it.
    """
    from chaoskit.documents import refuse
    from chaoskit.experiments.trials import trials, usable

    read, unread = secrecy.survey(files, variables(var, var_files))
    documents = usable(read, unread, files, _named(var))
    if not documents:
        refuse([_nothing_in(each) for each in files])
    trials(documents)
    agreeing(session, documents)
    return documents


def _nothing_in(path: str) -> Problem:
    """No document was found there."""
    what = "stdin" if path == "-" else path
    return Problem(what, "documents", "missing", "Experiment or ChaosEngine, in a .yaml, .yml or .json file")


def agreeing(session: Session, documents: Sequence[Document]) -> None:
    """No document names another namespace than ``-n`` does; those that name none go where it says.

    Raises:
        InvalidInput: with each that does.
    """
    from chaoskit.documents import refuse, shown

    asked, place = session.asked_namespace, ("metadata", "namespace")
    refuse([
        each.problem(place, shown(each.at(place)), f"{asked}, as -n says, or no namespace at all")
        for each in documents
        if asked and each.at(place) not in (None, "", asked)
    ])  # fmt: skip


def variables(pairs: list[str] | None, files: list[Path] | None) -> dict[str, str] | None:
    """The variables of files, then ``name=value`` pairs over them; None when none were given.

    Raises:
        BadParameter: a pair has no ``=``.
        InvalidInput: a file is no YAML mapping of names to plain values; nothing of it is quoted.
    """
    if not pairs and not files:
        return None
    for number, pair in enumerate(pairs or (), 1):
        if "=" not in pair:  # it may be a value alone: nothing of it is told
            which = f" (number {number} of {len(pairs or ())})" if len(pairs or ()) > 1 else ""
            raise typer.BadParameter(f"--var{which} is not of the form name=value")
    from_files = {name: value for path in files or () for name, value in _from_file(path).items()}
    secrecy.learn_variables(from_files)
    return from_files | dict(pair.split("=", 1) for pair in pairs or ())


def _named(pairs: list[str] | None) -> list[str]:
    """The names of ``name=value`` pairs."""
    return [each.partition("=")[0] for each in pairs or ()]


def _from_file(path: Path) -> dict[str, str]:
    """The variables of the file; of one that is none, nothing is quoted: it may be a secret, mounted."""
    from chaoskit.documents import read, refuse
    from chaoskit.settings import discreet

    found: dict[str, str] = {}
    try:
        documents = read([str(path)])
    except InvalidInput as error:
        refuse([discreet(each) for each in error.problems])
        raise
    for document in documents:
        if not isinstance(document.value, dict):
            problem = document.problem((), "something else", "a mapping of names to values")
            refuse([discreet(problem)])
        for name, value in document.value.items():
            if isinstance(value, dict | list):
                what = "a mapping" if isinstance(value, dict) else "a list"
                refuse([discreet(document.problem((str(name),), what, "a plain value"))])
            found[str(name)] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def _table(out: Console, found: tuple[Finding, ...], documents: int, skipped: int) -> None:
    from chaoskit.reports.reading import counted

    for each in found:
        out.print(secrecy.hidden(problem_words(each.problem, each.level)), end="")
    errors = sum(each.level == "error" for each in found)
    counts = {"document": documents, "error": errors, "warning": len(found) - errors}
    says = ", ".join(counted(number, what) for what, number in counts.items())
    out.print(says + (f"; {counted(skipped, 'document')} without a kind left out" if skipped else ""))
