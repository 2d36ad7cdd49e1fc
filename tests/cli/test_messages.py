"""What is printed can be pasted: a command or option that any message or example names exists."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

import chaoskit
from chaoskit.cli.app import COMMANDS, app

PACKAGE = Path(chaoskit.__file__).parent
NAMES = {name for group in COMMANDS.values() for name in group}
PROSE = {"at", "cordoned", "is", "needs"}
"""Words that follow the name in sentences about it."""
GROUPS = {"sim", "models", "monitor", "runbooks"}
runner = CliRunner()


def _texts(path: Path) -> Iterator[str]:
    """Every text in the module that is no docstring; what is put into it is ``*``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            silent |= {id(part) for part in node.values}
            yield "".join(str(p.value) if isinstance(p, ast.Constant) else "*" for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            yield node.value


@cache
def _named() -> list[str]:
    """Each ``chaoskit COMMAND ...`` that a message names."""
    return sorted(
        {
            words
            for path in PACKAGE.rglob("*.py")
            for text in _texts(path)
            for words in re.findall(r"(?:^|(?<=[\s`($:;]))chaoskit [a-z]+(?: [^\s`);,]+)*", text)
            if words.split()[1] not in PROSE
        }
    )


@cache
def _help(*path: str) -> str:
    done = runner.invoke(app, [*path, "--help"])
    return done.output if done.exit_code == 0 else ""


def _wrong(words: str) -> Iterator[str]:
    """What does not exist of what these words name."""
    name, *rest = shlex.split(words.partition(" ")[2])
    text = _help(name, *(rest[:1] if name in GROUPS else [])) if name in NAMES else ""
    if not text:
        yield f"{words}: there is no such command"
    for option in (each for each in rest if text and each.startswith("-")):
        if not re.search(rf"(^|[\s,]){re.escape(option)}\b", text):
            yield f"{words}: no {option}"


@pytest.mark.no_cover  # it reads every module, and runs none
def test_messages_name_commands() -> None:
    assert len(_named()) > 30


def test_a_command_that_is_named_exists_with_its_options() -> None:
    assert [wrong for words in _named() for wrong in _wrong(words)] == []
