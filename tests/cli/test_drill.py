"""`drill` lists its faults, plays them on simulated clusters, and ends with what its gates say."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import typer
from rich.console import Console
from tests.commandline import CommandLine

from chaoskit.cli.drill import _confusion, finish
from chaoskit.cli.session import Format, ProgressFormat, Session
from chaoskit.errors import Interrupted
from chaoskit.flows.drills.matrix import Ran
from chaoskit.flows.drills.scoring import MATRIX_GATES, SINGLE_GATES, Drilled
from chaoskit.settings import load


def test_the_faults_are_listed_with_where_they_can_be_injected(stranger: CommandLine) -> None:
    faults = {each["name"]: each for each in stranger("drill", "-o", "json").json["faults"]}
    assert faults["bad-release"] == {"name": "bad-release", "issue": "pod-crash", "where": "any cluster"}
    assert faults["node-lost"]["where"] == "simulated"
    assert "next  chaoskit drill" in stranger("drill").out


def test_a_matrix_is_scored_gated_and_written(stranger: CommandLine) -> None:
    asked = ("--matrix", "--fault", "killed", "--workload", "deployment/search", "--speed", 10)
    ended = stranger("drill", *asked, "--max-seconds", 0.5, "--out", "score.json")
    assert ended.code == 1, ended.err
    assert "killed on deployment/search took" in ended.out
    assert "right  killed on deployment/search (seed 7): pod-crash" in ended.err
    score = json.loads((stranger.home / "score.json").read_text(encoding="utf-8"))
    assert (score["schema"], score["outcome"]) == ("chaoskit.io/drill/v1", "at-or-over-threshold")
    assert (score["macro_f1"], score["false_actions"], score["recovered"]) == (1.0, 0, 1)
    assert score["confusion"] == {"pod-crash": {"pod-crash": 1}}


@pytest.mark.parametrize(("drills", "words"), [(1, "macro-F1 1.00"), (0, "partial, 0 of 3 drills")])
def test_a_series_that_is_cut_short_tells_what_is_known_so_far_and_ends_as_it_was_stopped(
    drills: int, words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    done = Drilled("killed", "deployment/cart", 1, "pod-crash", "pod-crash", pod_level=True, recovered=True)
    ran = Ran((done,) * drills, 3, Interrupted(signal=14))
    settings = load({"home": tmp_path}, environment={})
    session = Session(settings, Format.TABLE, ProgressFormat.PLAIN, quiet=False, verbose=False, no_color=True)
    out = tmp_path / "score.json"
    with pytest.raises(typer.Exit) as ended:
        finish(session, ran, MATRIX_GATES, out)
    said = capsys.readouterr().out
    assert ended.value.exit_code == 6
    assert said.startswith(f"timed out  partial, {drills} of 3 drills: the time allowed by --timeout is over")
    assert words in said
    score = json.loads(out.read_text(encoding="utf-8"))
    assert (score["outcome"], score["partial"], score["wanted"]) == ("timed-out", True, 3)


def test_a_fault_that_could_not_be_taken_back_is_5_whatever_the_score(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    left = "the undo is not confirmed: deployment/cart: not allowed"
    done = Drilled("gone", "deployment/cart", 0, "capacity", "capacity", recovered=True, left=left)
    settings = load({"home": tmp_path}, environment={})
    session = Session(settings, Format.TABLE, ProgressFormat.PLAIN, quiet=False, verbose=False, no_color=True)
    with pytest.raises(typer.Exit) as ended:
        finish(session, Ran((done,), 1), SINGLE_GATES, tmp_path / "score.json")
    assert ended.value.exit_code == 5
    first, second, *_, last = capsys.readouterr().out.splitlines()
    assert (first, second.strip()) == (
        "undo not confirmed  1 drill  exit 5",
        f"gone on deployment/cart: {left}",
    )
    assert last == "next  chaoskit rescue"
    score = json.loads((tmp_path / "score.json").read_text(encoding="utf-8"))
    assert (score["outcome"], score["drills"][0]["left"]) == ("undo-not-confirmed", left)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--matrix", "--fault", "frob"), "there is no fault frob"),
        (("--matrix", "--fault", "database-down", "--workload", "cart"), "can befall none of"),
        (("killed",), "one --workload"),
    ],
)
def test_what_cannot_be_drilled_is_2(stranger: CommandLine, arguments: tuple[str, ...], words: str) -> None:
    ended = stranger("drill", *arguments)
    assert ended.code == 2
    assert words in ended.err


def test_an_unknown_fault_on_a_cluster_is_2_and_gets_a_suggestion(chaoskit: CommandLine) -> None:
    ended = chaoskit("drill", "bad-relase", "-n", "shop", "--workload", "deployment/cart", "--yes")
    assert ended.code == 2
    assert "bad-release" in ended.err
    odd = chaoskit("drill", "bad-release", "-n", "shop", "--workload", "pod/cart", "--yes")
    assert (odd.code, "one of deployment" in odd.err) == (2, True)


MATRIX = ["            CAPACITY   POD-CRASH", "pod-crash   1          2"]
WORDS = ["WHAT WAS INJECTED", "    WHAT IT WAS TAKEN FOR", "pod-crash", "    pod-crash 2, capacity 1"]


@pytest.mark.parametrize(
    ("width", "terminal", "lines"), [(80, True, MATRIX), (28, False, MATRIX), (28, True, WORDS)]
)
def test_who_was_taken_for_whom_fits_the_terminal(width: int, *, terminal: bool, lines: list[str]) -> None:
    text = io.StringIO()
    console = Console(file=text, width=width, force_terminal=terminal, color_system=None, soft_wrap=True)
    _confusion(console, {"pod-crash": {"pod-crash": 2, "capacity": 1}})
    assert text.getvalue().splitlines()[-len(lines) :] == lines
