"""The signals as they are in Prometheus, on the command line; rules, with one's own signals among them."""

from __future__ import annotations

import yaml
from tests.commandline import PROJECT, CommandLine

OWN = {"CHAOSKIT_SIGNALS": str(PROJECT / "examples/signals")}


def test_lint_tells_what_there_is_and_what_is_lost(chaoskit: CommandLine) -> None:
    ended = chaoskit("monitor", "lint", "-n", "shop", "-o", "json")
    assert ended.code == 0, ended.err
    found = {each["name"]: each for each in ended.json["signals"]}
    assert found["memory_usage"]["state"] == "recorded"
    assert found["memory_usage"]["interval"] == 15
    assert found["memory_usage"]["series"] >= 10
    assert found["db_up"]["state"] == "absent"
    assert found["db_up"]["lost"] == ["less sure detection of database connection"]
    assert ended.json["lost"] == []


def test_signals_of_nodes_are_of_no_namespace(chaoskit: CommandLine) -> None:
    ended = chaoskit("monitor", "lint", "-n", "nowhere")
    assert ended.code == 4
    assert "no signal has a sample of namespace nowhere" in ended.err


def test_lint_explains_one_signal(chaoskit: CommandLine) -> None:
    ended = chaoskit("monitor", "lint", "--explain", "edge_gap")
    assert ended.code == 0
    assert ended.out.startswith("edge_gap  median latency as the caller sees it")
    assert "record    chaoskit:edge_gap_p50:seconds" in ended.out
    assert "helps     network" in ended.out
    unknown = chaoskit("monitor", "lint", "--explain", "edge_gab")
    assert unknown.code == 2
    assert "did you mean edge_gap?" in unknown.err


def test_ones_own_signals_are_linted_too(chaoskit: CommandLine) -> None:
    ended = chaoskit("monitor", "lint", "-n", "shop", "-o", "json", env=OWN)
    assert {each["name"]: each["state"] for each in ended.json["signals"]}["queue_depth"] == "absent"


def test_rules_need_no_cluster_and_hold_ones_own_signals(stranger: CommandLine) -> None:
    ended = stranger("monitor", "rules", env=OWN)
    assert ended.code == 0, ended.err
    rules = [rule for group in yaml.safe_load(ended.out)["groups"] for rule in group["rules"]]
    assert {"chaoskit:queue_depth:custom", "chaoskit:ready:bool"} <= {rule["record"] for rule in rules}
    manifest = stranger("monitor", "rules", "--operator", "-n", "monitoring", "-o", "json")
    assert manifest.json["kind"] == "PrometheusRule"
    assert stranger("monitor", "rules", "--scraped", "often").code == 2


def test_a_file_of_signals_that_is_wrong_is_2_with_its_place(chaoskit: CommandLine) -> None:
    path = chaoskit.home / "own.yaml"
    path.write_text("apiVersion: chaoskit.io/v1\nkind: Signals\nmetadata: {name: a}\nspec: {signals: []}\n")
    ended = chaoskit("history", env={"CHAOSKIT_SIGNALS": str(path)})
    assert ended.code == 2
    assert "own.yaml:4:" in ended.err
