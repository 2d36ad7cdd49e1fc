"""What `validate` says of files, and what it lists instead."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.made import MAPPING
from tests.commandline import PROJECT, CommandLine
from tests.experiments import test_lint as right
from tests.experiments import test_lint_carried as carried

from chaoskit import visible

Write = Callable[[str, str], Path]


def test_every_problem_of_every_file_is_told_at_once_with_its_line(
    stranger: CommandLine, write: Write
) -> None:
    write("a.yaml", right.ENGINE.replace("'15'", "60s").replace("mode: Edge", "mode: edge"))
    write("b.yaml", "a: [1\n")
    write("c.yaml", right.NATIVE.replace("pod-delete", "pod-delet"))
    ended = stranger("validate", stranger.home)
    assert ended.code == 2
    told = [line.split()[1].rpartition("/")[2] for line in ended.out.splitlines() if line.startswith("error")]
    assert [each.rpartition(":")[0] for each in told] == ["b.yaml:2", "a.yaml:15", "a.yaml:20", "c.yaml:5"]
    assert "         15 |         - {name: TOTAL_CHAOS_DURATION, value: 60s}" in ended.out
    assert "did you mean pod-delete?" in ended.out
    assert ended.out.endswith("2 documents, 4 errors, 0 warnings\n")


@pytest.mark.parametrize("command", [("validate",), ("plan",), ("run", "--yes")], ids=lambda words: words[0])
def test_what_is_wrong_before_broken_yaml_is_told_with_it(
    stranger: CommandLine, write: Write, command: tuple[str, ...]
) -> None:
    file = write("a.yaml", right.NATIVE.replace("pod-delete", "pod-delet") + "---\na: [1\n")
    ended = stranger(*command, file)
    assert ended.code == 2
    said = ended.out + ended.err
    assert "did you mean pod-delete?" in said
    assert "broken: the end of the text within the [" in said


def test_of_a_long_line_what_is_around_the_problem_is_quoted(stranger: CommandLine, write: Write) -> None:
    before, after = "a, " * 900, ", b" * 900
    file = write("a.yaml", f"kind: Experiment\nspec: {{x: [{before}], x: [{after[2:]}]}}\n")
    (quoted,) = [each for each in stranger("validate", file).err.splitlines() if " | " in each]
    assert len(quoted) < 150
    assert "], x: [" in quoted
    assert quoted.endswith("…")


@pytest.mark.parametrize("obeyed", ["\x1b[31mred", "\x9b31m", "\x1b]0;owned\x07", "\u202e"])
def test_a_terminal_obeys_nothing_of_the_line_that_is_quoted(
    stranger: CommandLine, write: Write, obeyed: str
) -> None:
    ended = stranger("validate", write("c.yaml", right.NATIVE.replace("pod-delete", f"pod-delet{obeyed}")))
    assert (ended.code, " | " in ended.err + ended.out) == (2, True), ended
    assert not visible.obeyed(ended.err + ended.out)
    (stranger.home / "m.csv").write_text(f"at,pod,cpu\n2026-01-01T00:00Z,web-1,{obeyed}\n")
    ended = stranger("predict", "--data", stranger.home, "--mapping", write("m.yaml", MAPPING))
    assert (ended.code, "2 | 2026-01-01T00:00Z,web-1," in ended.err) == (2, True), ended.err
    assert not visible.obeyed(ended.err)


def test_warnings_fail_only_where_asked_and_not_where_ignored(stranger: CommandLine, write: Write) -> None:
    file = write("a.yaml", right.BARE)
    assert stranger("validate", file).code == 0
    assert stranger("validate", "--strict", file).code == 2
    assert stranger("validate", "--strict", "--ignore", "no-probe", file).code == 0
    found = stranger("validate", file, "-o", "json").json["findings"]
    assert [(each["level"], each["rule"], each["line"]) for each in found] == [("warning", "no-probe", 13)]


def test_standard_input_is_a_file_too(stranger: CommandLine) -> None:
    ended = stranger("validate", "-", stdin=right.ENGINE.replace("'15'", "60s"))
    assert ended.code == 2
    assert ended.out.startswith("error    stdin:15:47  ")


def test_what_looks_like_a_variable_is_plain_text_in_litmus_yaml(stranger: CommandLine, write: Write) -> None:
    file = write("a.yaml", "# on ${HOST}\n" + right.BARE)
    assert stranger("validate", file).code == 0
    assert stranger("validate", file, "--var-file", write("vars.yaml", "who: cart\n")).code == 0


def test_a_folder_without_documents_is_no_pass(stranger: CommandLine) -> None:
    (stranger.home / "empty").mkdir()
    ended = stranger("validate", "empty")
    assert ended.code == 2
    assert "no document" in ended.err


def test_what_cannot_be_run_by_itself_is_a_warning(stranger: CommandLine, write: Write) -> None:
    file = write("cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")
    ended = stranger("validate", file, "-o", "json")
    assert [(each["rule"], each["line"]) for each in ended.json["findings"]] == [("nothing-to-run", 2)]
    assert ended.code == 0
    assert stranger("run", file, "--yes").err.startswith("error    ")


def test_what_has_no_kind_is_left_out_of_a_folder_and_told_of_a_file(
    stranger: CommandLine, write: Write
) -> None:
    values = write("values.yaml", "replicas: 1\n")
    write("playbook.yaml", "- hosts: all\n")
    write("engine.yaml", right.ENGINE)
    ended = stranger("validate", "--strict", stranger.home)
    assert (ended.code, ended.out) == (
        0,
        "1 document, 0 errors, 0 warnings; 2 documents without a kind left out\n",
    )
    assert stranger("validate", stranger.home, "-o", "json").json["skipped"] == 2
    named = stranger("validate", stranger.home, values)
    assert (named.code, named.out.count("kind is missing")) == (2, 2)
    assert stranger("validate", "-", stdin="replicas: 1\n").code == 2
    write("slip.yaml", "apiVersion: litmuschaos.io/v1alpha1\nknid: ChaosEngine\n")
    assert stranger("validate", stranger.home).code == 2


def test_chaos_experiments_alone_are_right(stranger: CommandLine, write: Write) -> None:
    ended = stranger("validate", "--strict", write("a.yaml", right.DEFINITION))
    assert (ended.code, ended.out) == (0, "1 document, 0 errors, 0 warnings\n")


@pytest.mark.parametrize("command", [("plan",), ("run", "--yes")], ids=lambda words: words[0])
def test_what_others_run_is_looked_at_and_not_run(
    stranger: CommandLine, write: Write, command: tuple[str, ...]
) -> None:
    flow = write("flow.yaml", carried.carrying(carried.MADE))
    assert stranger("validate", "--strict", flow).out == "1 document, 0 errors, 0 warnings\n"
    ended = stranger(*command, flow)
    assert ended.code == 2
    assert 'kind is "Workflow", expected Experiment or ChaosEngine' in ended.err
    assert "Argo runs it" in ended.err


def test_rules_are_listed_with_their_gravity_and_reason(stranger: CommandLine) -> None:
    listed = stranger("validate", "--rules", "-o", "json").json["rules"]
    assert {"rule": "tunable", "level": "error"}.items() <= next(
        each for each in listed if each["rule"] == "tunable"
    ).items()
    assert all(each["why"] for each in listed)


def test_the_schema_is_printed_as_it_is_shipped(stranger: CommandLine) -> None:
    shipped = PROJECT / "src/chaoskit/schemas/experiment.json"
    ended = stranger("validate", "--schema", "experiment")
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out) == json.loads(shipped.read_text(encoding="utf-8"))


MISSPELT = "--var  nn is unknown, expected a variable that a document uses (did you mean n?)"


def test_a_variable_given_by_hand_that_no_document_uses_is_misspelt(
    stranger: CommandLine, write: Write
) -> None:
    """Beside a file of variables, which may be of several sets of documents, it would be silent."""
    file = write("a.yaml", right.NATIVE + "  duration: ${n}\n")
    defaults = write("vars.yaml", "n: 20s\nother: 1\n")
    assert "${n}" in file.read_text(encoding="utf-8")
    assert stranger("validate", file, "--var-file", defaults, "--var", "n=30s").code == 0
    for words in (("validate",), ("plan",), ("run", "--yes"), ("run", "--dry-run", "client")):
        ended = stranger(*words, file, "--var-file", defaults, "--var", "nn=30s")
        assert (ended.code, MISSPELT in ended.out + ended.err) == (2, True), ended.err


def test_a_variable_that_only_one_of_the_files_uses_is_used(stranger: CommandLine, write: Write) -> None:
    (stranger.home / "x").mkdir()
    write("x/a.yaml", right.NATIVE + "  duration: ${n}\n")
    write("x/b.yaml", right.NATIVE)
    assert stranger("validate", "x", "--var", "n=30s").code == 0
    write("x/a.yaml", right.NATIVE + "  hypothesis: $${n}\n")
    assert stranger("validate", "x", "--var", "n=30s").code == 2


def test_a_variable_that_only_a_file_without_a_kind_uses_is_used_wherever_it_is_asked(
    stranger: CommandLine, write: Write
) -> None:
    (stranger.home / "x").mkdir()
    write("x/values.yaml", "tag: 1\n")
    nothing = stranger("validate", "x", "--var", "other=1")
    assert (nothing.code, "there is no document in x" in nothing.err) == (2, True)
    write("x/values.yaml", "tag: ${tag}\n")
    write("x/a.yaml", right.NATIVE)
    for words in (("validate",), ("run", "--dry-run", "client")):
        assert stranger(*words, "x", "--var", "tag=1").code == 0
        assert stranger(*words, "x", "--var", "tga=1").code == 2
