"""`train`, `predict` and `models` on metrics files and on a Prometheus: one model folder, honest answers."""

from __future__ import annotations

import re

import pytest
from tests.commandline import PROJECT, CommandLine, Ended

MAPPING = PROJECT / "examples/data/sockshop-k8s.yaml"
DATA = PROJECT / "tests/prediction/data/sockshop-slice"
FILES = ("--data", DATA, "--mapping", MAPPING)

pytestmark = pytest.mark.xdist_group("models")


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> tuple[CommandLine, Ended]:
    """A user without any cluster trained a model on real metrics files; and what that printed."""
    chaoskit = CommandLine(tmp_path_factory.mktemp("home"))
    ended = chaoskit("train", *FILES, "--no-thorough", "--no-promote")
    assert ended.code == 0, ended.err
    return chaoskit, ended


@pytest.fixture
def trained(training: tuple[CommandLine, Ended]) -> CommandLine:
    return training[0]


def test_a_training_tells_how_the_model_was_judged(training: tuple[CommandLine, Ended]) -> None:
    chaoskit, ended = training
    first, judged, *rest = ended.out.splitlines()
    assert first.startswith("model sockshop-k8s-1  says whether a workload is failing; ")
    assert judged.startswith("judged on by time: ")
    assert any(line.startswith("random forest  ") for line in rest)
    assert any(line.startswith("· blind to network: ") for line in rest)
    assert rest[-2:] == [
        "held back  promotion was not asked for",
        "next  chaoskit predict --model sockshop-k8s-1",
    ]
    assert re.search(r"^ 0:\d\d  ● training +6 of 6 forests$", ended.err, re.MULTILINE)
    card = chaoskit("models", "show", "sockshop-k8s-1", "-o", "json").json
    verdict = "beats every baseline" if card["beats_baselines"] else "does not beat"
    assert verdict in first


def test_a_model_is_listed_and_its_card_read(trained: CommandLine) -> None:
    assert "sockshop-k8s-1" in trained("models", "list").out
    assert trained("models", "show", "sockshop-k8s-1").out.startswith("# Model sockshop-k8s-1\n")


def test_a_model_answers_once_it_is_promoted(trained: CommandLine) -> None:
    def answering() -> list[str]:
        models = trained("models", "list", "-o", "json").json["models"]
        return [each["name"] for each in models if each["promoted"]]

    assert answering() == []
    assert trained("models", "promote", "sockshop-k8s-1").code == 0
    assert answering() == ["sockshop-k8s-1"]
    assert trained("models", "promote", "sockshop-k8s-9").code == 4
    assert answering() == ["sockshop-k8s-1"]


def test_predictions_from_files_have_percentages_and_reasons(trained: CommandLine) -> None:
    ended = trained("predict", *FILES, "--model", "sockshop-k8s-1", "-o", "json")
    assert ended.code == 0
    predictions = ended.json["predictions"]
    assert {each["model"] for each in predictions} == {"sockshop-k8s-1"}
    risks = [each["probability"] for each in predictions]
    assert risks == sorted(risks, reverse=True)
    assert all(0 <= each["low"] <= each["probability"] <= each["high"] <= 1 for each in predictions)
    table = trained("predict", *FILES, "--model", "sockshop-k8s-1").out
    assert table.startswith("model sockshop-k8s-1\nWORKLOAD")


@pytest.mark.parametrize(
    ("threshold", "code", "outcome"), [(0, 1, "at-or-over-threshold"), (1, 0, "below-threshold")]
)
def test_a_threshold_decides_the_exit_code(
    trained: CommandLine, threshold: int, code: int, outcome: str
) -> None:
    ended = trained("predict", *FILES, "--model", "sockshop-k8s-1", "--fail-above", threshold, "-o", "json")
    assert (ended.code, ended.json["outcome"], ended.json["exit"]) == (code, outcome, code)


def test_the_moment_of_an_answer_can_be_chosen(trained: CommandLine) -> None:
    ended = trained("predict", *FILES, "--model", "sockshop-k8s-1", "--at", "2020-01-01T00:00:00")
    assert ended.code in {2, 4}
    assert ended.out == ""
    assert trained("predict", *FILES, "--at", "yesterday").code == 2


def test_without_a_model_rules_answer_and_give_no_percentages(chaoskit: CommandLine) -> None:
    ended = chaoskit("predict", "-n", "shop", "-o", "json")
    assert ended.code == 0
    assert {each["model"] for each in ended.json["predictions"]} == {"rules"}
    assert {each["probability"] for each in ended.json["predictions"]} == {None}
    table = chaoskit("predict", "-n", "shop").out
    assert table.startswith("rules: no model is promoted\n")
    assert " %" not in table.replace("others under 5 %", "")
    kinds = {each["target"].partition("/")[0] for each in ended.json["predictions"]}
    assert kinds <= {"deployment", "statefulset", "daemonset"}


def test_what_was_predicted_is_kept(chaoskit: CommandLine) -> None:
    predictions = chaoskit("predict", "-n", "shop", "-o", "json").json["predictions"]
    kept = chaoskit("history", "--kind", "prediction", "--limit", 100, "-o", "json").json["records"]
    assert {each["id"] for each in kept} == {each["id"] for each in predictions}


def test_experiments_from_predictions_carry_their_lineage(chaoskit: CommandLine) -> None:
    proposals = chaoskit("generate", "-n", "shop", "--top", 3, "-o", "json").json["experiments"]
    kept = chaoskit("history", "--kind", "prediction", "--limit", 100, "-o", "json").json["records"]
    traces = {each["trace_id"] for each in kept}
    assert [each["rank"] for each in proposals] == [1, 2, 3]
    assert all(each["reason"] and each["trace"] in traces for each in proposals)


def test_generated_files_are_valid_and_can_be_planned(chaoskit: CommandLine) -> None:
    ended = chaoskit("generate", "-n", "shop", "--source", "topology", "--top", 3, "--out", "made")
    assert ended.code == 0
    assert len(list((chaoskit.home / "made").glob("*.yaml"))) == 3
    assert chaoskit("validate", "made", "--strict").code == 0
    assert chaoskit("plan", "made").code == 0
    assert ended.out.splitlines()[-1].startswith("next  chaoskit run made/")


def test_generated_yaml_on_stdout_can_be_piped_into_a_plan(chaoskit: CommandLine) -> None:
    text = chaoskit("generate", "-n", "shop", "--source", "topology", "--top", 2).out
    plans = chaoskit("plan", "-", "-o", "json", stdin=text).json["plans"]
    assert len(plans) == 2


def test_a_history_in_which_nothing_failed_cannot_be_learned_from(chaoskit: CommandLine) -> None:
    ended = chaoskit("train", "-n", "shop", "--hours", 1, "--no-thorough")
    assert ended.code == 2
    assert ended.out == ""
    assert not (chaoskit.home / "state/models/shop-1").exists()


def test_training_without_a_prometheus_says_how_to_name_it(chaoskit: CommandLine) -> None:
    ended = chaoskit("train", "-n", "shop", "--prometheus", "http://127.0.0.1:1")
    assert ended.code == 4
    assert "http://127.0.0.1:1" in ended.err
    assert "--prometheus" in ended.err
