"""Errors in words: what happened, where, what to do next; the traceback of a bug goes to a file."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import traceback
from pathlib import Path
from typing import Any

from chaoskit.cli.secrecy import hidden
from chaoskit.documents import unquotable
from chaoskit.errors import ChaoskitError, Interrupted, InvalidInput, Problem, Refused
from chaoskit.outcome import of_error
from chaoskit.secretforms import HIDDEN
from chaoskit.settings import RULE
from chaoskit.visible import visible

_INDENT = " " * 9
WIDEST = 120
"""Characters of a line that are quoted at most."""


def words(error: ChaoskitError) -> str:
    """The error as a person reads it, each line ended; three lines, or one block per problem.

    Whatever is quoted, a terminal obeys nothing of it.
    """
    return visible(str(hidden(_words(error))))


def _words(error: ChaoskitError) -> str:
    if isinstance(error, InvalidInput) and error.problems:
        return "".join(problem_words(each) for each in error.problems)
    lines = [f"{_title(error):<9}{error.message}"]
    if isinstance(error, Refused):
        until = f", until {error.until}" if error.until else ""
        lines.append(
            f"{_INDENT}guard: {error.guard}{', limit: ' + error.limit if error.limit else ''}{until}"
        )
    lines += [_INDENT + line for line in error.hint.splitlines()]
    return "\n".join(lines) + "\n"


def document(error: BaseException) -> dict[str, Any]:
    """The error as JSON: outcome, exit code, message, and whatever else it carries."""
    outcome = of_error(error)
    told: dict[str, Any] = {"outcome": outcome.value, "exit": outcome.exit_code, "message": str(error)}
    if isinstance(error, ChaoskitError) and error.hint:
        told["hint"] = error.hint
    if isinstance(error, Refused):
        told |= {"guard": error.guard, "limit": error.limit, "until": error.until}
    if isinstance(error, InvalidInput):
        told["problems"] = [dataclasses.asdict(each) for each in error.problems]
    return dict(hidden(told))


def _title(error: ChaoskitError) -> str:
    if isinstance(error, Interrupted):
        return "stopped"
    return "refused" if of_error(error).exit_code == 3 else "error"


def problem_words(problem: Problem, level: str = "error") -> str:
    """One problem with the line it stands on, where that can still be read; each line ended."""
    lines = [f"{level:<9}{problem}"]
    quotable = problem.found != HIDDEN and problem.rule != RULE
    source = _around(_line(problem.path, problem.line), problem.column) if quotable else ""
    if source:
        lines.append(f"{_INDENT}{problem.line} | {source}")
    return visible("\n".join(lines) + "\n")


def _around(line: str, column: int) -> str:
    """The line, or `WIDEST` characters of it around the column."""
    start = max(0, min(column - WIDEST // 2, len(line) - WIDEST))
    part = line[start : start + WIDEST]
    return f"{'…' if start else ''}{part}{'…' if start + WIDEST < len(line) else ''}"


def _line(path: str, number: int) -> str:
    """The line of the file; "" where it cannot be read, or where a secret may stand in it."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    return "" if not 0 < number <= len(lines) or unquotable(lines, number - 1) else lines[number - 1]


def bug(error: BaseException) -> str:
    """Says that it is a bug and where the traceback lies: in a new file that only the user can read."""
    number, name = tempfile.mkstemp(prefix="chaoskit-bug-", suffix=".txt")
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(hidden("".join(traceback.format_exception(error))))
    missing = "an import failed" if isinstance(error, ImportError) else "this is a bug in chaoskit"
    says = hidden(f"error    {missing}: {type(error).__name__}: {error}")
    return visible(f"{says}\n{_INDENT}the traceback lies in {name}\n")
