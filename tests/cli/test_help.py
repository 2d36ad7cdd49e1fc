"""Every command has help that is true: its line in the table, its examples, its options."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chaoskit.cli.app import COMMANDS, app

ROOT = Path(__file__).parents[2]
NAMES = [name for group in COMMANDS.values() for name in group]
runner = CliRunner()


def _help(*words: str, columns: int = 80) -> str:
    done = runner.invoke(app, [*words, "--help"], env={"COLUMNS": str(columns)})
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("name", NAMES)
def test_the_line_in_the_table_is_the_commands_own(name: str) -> None:
    line = next(group[name] for group in COMMANDS.values() if name in group)
    assert import_module(f"chaoskit.cli.{name}").__doc__ == line


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_with_the_shared_options(name: str) -> None:
    assert re.search(r"--progress|Commands:", _help(name))


@pytest.mark.parametrize(
    "example",
    [
        "chaoskit recover -A -l tier=backend --require-approval",
        "chaoskit history --weaknesses --fail-above 0",
    ],
)
def test_an_example_is_whole_on_a_line_of_its_own(example: str) -> None:
    lines = _help(example.split()[1], columns=50).splitlines()
    assert any(line.startswith(f"    {example}") for line in lines)


@pytest.mark.parametrize("group", ["models", "monitor", "runbooks", "sim"])
def test_help_of_a_group_cuts_no_line(group: str) -> None:
    _, _, commands = _help(group).partition("Commands:")
    assert commands
    assert "..." not in commands


def test_no_command_file_is_without_a_place_in_the_table() -> None:
    files = {path.stem for path in (ROOT / "src/chaoskit/cli").glob("*.py")}
    helpers = {
        "__init__",
        "app",
        "session",
        "render",
        "fitting",
        "progress",
        "complaints",
        "leaving",
        "stopping",
        "dryrun",
        "reporting",
        "writing",
        "secrecy",
        "measured",
        "outlooks",
        "failurepatterns",
        "belonging",
        "pasting",
        "decisions",
        "recoveries",
    }
    assert files - helpers == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_readme_lists_the_command(name: str) -> None:
    assert f"`{name}`" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_an_unknown_command_is_2_and_gets_a_suggestion() -> None:
    done = runner.invoke(app, ["predikt"])
    assert done.exit_code == 2
    assert "predict" in done.output
