"""`drill` lists its faults, plays them on simulated clusters, and ends with what its gates say."""

from __future__ import annotations

import json

import pytest
from tests.commandline import CommandLine


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
