"""Patterns of failures on the command line, from a Prometheus and from files."""

from __future__ import annotations

import pytest
from tests.commandline import PROJECT, CommandLine

MAPPING = PROJECT / "examples/data/sockshop-k8s.yaml"
DATA = PROJECT / "tests/prediction/data/sockshop-slice"


def test_failures_of_real_files_are_grouped_by_what_was_up(stranger: CommandLine) -> None:
    words = ("patterns", "--failures", "--data", DATA, "--mapping", MAPPING)
    found = stranger(*words, "-o", "json").json
    assert found["schema"] == "chaoskit.io/failure-patterns/v1"
    assert found["failures"] > 5
    assert sum(each["times"] for each in found["clusters"]) <= found["failures"]
    issues = {issue for each in found["clusters"] for issue in each["issues"]}
    assert {"cpu-saturation", "memory-leak"} <= issues
    table = stranger(*words).out
    assert table.startswith(f"{found['failures']} failures in ")
    assert "ALIKE" in table
    assert table.splitlines()[-1] == f"next  chaoskit train --data {DATA} --mapping {MAPPING}"


def test_a_quiet_namespace_has_no_pattern(chaoskit: CommandLine) -> None:
    ended = chaoskit("patterns", "--failures", "-n", "shop", "--hours", 1)
    assert ended.code == 0, ended.err
    assert "nothing follows, accompanies or repeats beyond chance" in ended.out
    assert ended.out.splitlines()[-1] == "next  chaoskit generate --top 3 --out experiments -n shop"


def test_an_empty_history_says_where_other_patterns_are_told(stranger: CommandLine) -> None:
    first = stranger("patterns").out.splitlines()[0]
    assert first == "no recoveries yet; with --failures: what recurs in the failures themselves"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--data", DATA, "--mapping", MAPPING), "--data and --mapping belong to --failures"),
        (("--hours", 24), "--hours belongs to --failures"),
        (("--runbooks", "x"), "--runbooks belongs to --suggest"),
        (("--failures", "--suggest"), "--suggest and --failures do not go together"),
        (("--failures", "--data", DATA, "-n", "shop"), "--namespace and --data do not go together"),
    ],
)
def test_options_that_would_be_left_out_are_2(
    chaoskit: CommandLine, words: tuple[object, ...], said: str
) -> None:
    ended = chaoskit("patterns", *words)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
