"""A home in which nothing can be kept: work goes on and says so; whose job is what is kept ends with 4."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cli.made import READY, experiment
from tests.commandline import CommandLine, Watched, read_until

Write = Callable[[str, str], Path]

NOWHERE = {"CHAOSKIT_HOME": "/dev/null/home"}
"""No folder of it can be made, whoever tries."""
UNKEPT = "not in the history: the store /dev/null/home/store.db cannot be used"


@pytest.fixture
def homeless(chaoskit: CommandLine) -> CommandLine:
    """chaoskit of a user whose home nothing can be written to."""
    return replace(chaoskit, more=NOWHERE)


def test_a_run_goes_on_and_warns(homeless: CommandLine, simulated: Watched, write: Write) -> None:
    ended = homeless("run", write("cart.yaml", experiment("cart", steadyState=[READY])), "--yes")
    assert (ended.code, ended.err.count(UNKEPT)) == (0, 1), ended.err
    assert "chaoskit show" not in ended.out
    assert simulated.left() == []


def test_a_look_at_many_warns_once(homeless: CommandLine) -> None:
    ended = homeless("predict", "-n", "shop")
    assert (ended.code, ended.err.count(UNKEPT)) == (0, 1), ended.err


@pytest.mark.parametrize("how", ["--yes", "--dry-run"])
def test_a_recovery_remembers_nothing(homeless: CommandLine, how: str) -> None:
    ended = homeless("recover", "-n", "shop", how)
    assert ended.code == 0, ended.err


def test_a_plan_says_that_it_is_only_shown(homeless: CommandLine, write: Write) -> None:
    file = write("cart.yaml", experiment("cart", steadyState=[READY]))
    shown = homeless("plan", file)
    assert shown.code == 0, shown.err
    assert "! not kept for run --plan" in shown.err
    assert "run --plan" not in shown.out
    assert homeless("plan", file, "--out", "cart.json").out.endswith("chaoskit run --plan cart.json\n")


def test_a_controller_leads(homeless: CommandLine) -> None:
    with homeless.start("controller", "-n", "shop", "--only", "predict") as process:
        read_until(process, UNKEPT)


@pytest.mark.parametrize("words", ["history", "patterns", "sim up", "sim status", "sim down"])
def test_whose_job_is_what_is_kept_is_4_with_the_path(stranger: CommandLine, words: str) -> None:
    ended = stranger(*words.split(), env=NOWHERE)
    assert ended.code == 4, ended.err
    assert "/dev/null/home/" in ended.err
    assert "cannot be used" in ended.err
