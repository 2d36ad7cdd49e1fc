"""Experiments that are generated: from what, for whom, in which form; and what the last round taught."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.made import experiment
from tests.commandline import CommandLine

from chaoskit.cli.writing import edited, marked

Write = Callable[[str, str], Path]

pytestmark = pytest.mark.xdist_group("generate")


def proposals(chaoskit: CommandLine, *words: object) -> list[dict[str, Any]]:
    ended = chaoskit("generate", *words, "-o", "json")
    assert ended.code == 0, ended.err
    found: list[dict[str, Any]] = ended.json["experiments"]
    return found


def test_each_proposal_has_its_reason_its_cost_and_what_the_score_is_made_of(chaoskit: CommandLine) -> None:
    found = proposals(chaoskit, "-n", "shop", "--from", "topology", "--top", 4)
    assert [each["rank"] for each in found] == [1, 2, 3, 4]
    for each in found:
        assert each["reason"].startswith(each["target"])
        assert each["cost"]["seconds"] > 15
        assert set(each["because"]) == {"probability", "impact", "gap"}


def test_workloads_are_chosen_by_their_labels_as_kubectl_does(chaoskit: CommandLine) -> None:
    found = proposals(chaoskit, "-n", "shop", "--from", "topology", "-l", "app in (cart, catalog)")
    names = {each["experiment"]["metadata"]["name"].partition("-")[0] for each in found}
    assert names <= {"cart", "catalog"}
    ended = chaoskit("generate", "-n", "shop", "-l", "app==(")
    assert ended.code == 2
    assert "unable to parse" in ended.err


def test_every_namespace_that_is_not_protected_is_looked_at(chaoskit: CommandLine) -> None:
    found = proposals(chaoskit, "-A", "--top", 50)
    assert {each["experiment"]["metadata"]["namespace"] for each in found} == {"shop"}


@pytest.mark.parametrize(
    "words", [("--from", "history"), ("-l", "app=nobody"), ("-n", "litmus", "--from", "topology")]
)
def test_where_nothing_is_worth_proposing_it_is_said(chaoskit: CommandLine, words: tuple[str, ...]) -> None:
    ended = chaoskit("generate", *(() if "-n" in words else ("-n", "shop")), *words)
    assert (ended.code, ended.out) == (0, "")
    assert "! nothing to propose in namespace " in ended.err
    assert (" with labels app=nobody: " in ended.err) == ("-l" in words)


def test_a_namespace_that_is_not_there_is_told(chaoskit: CommandLine, write: Write) -> None:
    for source in ("predictions", "topology", "history"):
        ended = chaoskit("generate", "-n", "nope", "--from", source)
        assert (ended.code, ended.out) == (4, "")
        assert "error    there is no namespace nope\n         -n names another\n" in ended.err
    placeless = write("x.yaml", experiment("x").replace("  namespace: shop\n", ""))
    planned = chaoskit("plan", placeless, "-n", "nope", "-o", "json")
    (check,) = planned.json["plans"][0]["checks"]
    assert (planned.code, check["words"]) == (4, "there is no namespace nope")
    ran = chaoskit("run", placeless, "-n", "nope", "--yes", "-o", "json")
    assert (ran.code, ran.json["runs"][0]["reason"]) == (4, "there is no namespace nope")


def test_manifests_for_kubectl_have_no_trap_and_the_server_takes_them(chaoskit: CommandLine) -> None:
    ended = chaoskit("generate", "-n", "shop", "--from", "topology", "--top", 6, "--format", "litmus")
    assert ended.code == 0
    assert "signals and alerts need --probe-prometheus" in ended.err
    checked = chaoskit("validate", "--strict", "-", stdin=ended.out)
    assert checked.code == 0, checked.out
    kinds = [body["kind"] for body in yaml.safe_load_all(ended.out)]
    assert kinds.count("ChaosEngine") == 6
    assert {"ChaosExperiment", "ServiceAccount", "Role", "RoleBinding"} < set(kinds)
    if shutil.which("kubectl"):
        done = subprocess.run(
            ["kubectl", "apply", "--dry-run=server", "-f", "-"],
            input=ended.out, env=chaoskit.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_a_file_of_manifests_is_whole_by_itself(chaoskit: CommandLine) -> None:
    ended = chaoskit(
        "generate", "-n", "shop", "--from", "topology", "--top", 2, "--format", "litmus", "--out", "made",
        "--probe-prometheus", "http://prometheus.monitoring:9090",
    )  # fmt: skip
    assert ended.code == 0
    assert "!" not in ended.err
    files = sorted((chaoskit.home / "made").glob("*.yaml"))
    assert len(files) == 2
    for file in files:
        kinds = [body["kind"] for body in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
        assert kinds[-1] == "ChaosEngine"
        assert kinds[0] == "ChaosExperiment"
    assert chaoskit("validate", "--strict", "made").code == 0
    assert "manifests" in proposals(chaoskit, "-n", "shop", "--format", "litmus", "--top", 1)[0]


def test_a_file_that_somebody_edited_is_left_and_one_that_nobody_did_is_made_anew(
    chaoskit: CommandLine,
) -> None:
    words = ("-n", "shop", "--from", "topology", "--top", 2, "--out", "made")
    files = [chaoskit.home / each["file"] for each in proposals(chaoskit, *words)]
    files[0].write_text(mine := files[0].read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    files[1].write_text(marked("# of yesterday\n"), encoding="utf-8")
    ended = chaoskit("generate", *words, "-o", "json")
    assert f"! made/{files[0].name} was edited, and is left as it is: --force writes over it" in ended.err
    assert [each["edited"] for each in ended.json["experiments"]] == [True, False]
    assert files[0].read_text(encoding="utf-8") == mine
    assert "of yesterday" not in files[1].read_text(encoding="utf-8")
    assert "!" not in chaoskit("generate", *words, "--force").err
    assert "# mine" not in files[0].read_text(encoding="utf-8")
    assert chaoskit("validate", "made").code == 0


@pytest.mark.parametrize("text", ["kind: Experiment\n", "", marked("a: 1\n") + "b: 2\n", marked("a\n")[1:]])
def test_what_was_not_made_so_is_somebodys_own(text: str) -> None:
    assert edited(text)
    assert not edited(marked(text))


def test_the_next_round_learns_from_the_last_one_and_a_run_is_brought_about_again(
    chaoskit: CommandLine, write: Write
) -> None:
    body = experiment("cart-again")
    assert chaoskit("run", write("x.yaml", body), "--yes").code == 0
    (found,) = [
        each for each in proposals(chaoskit, "-n", "shop", "--from", "history", "--top", 50)
        if each["target"] == "deployment/cart" and "pod-delete" in each["reason"]
    ]  # fmt: skip
    assert "passed 1 min ago" in found["reason"]
    had = yaml.safe_load(body)["spec"].get("severity", "medium")
    order = ["low", "medium", "high", "critical"]
    assert order.index(found["experiment"]["spec"]["severity"]) == order.index(had) + 1

    (run,) = [r for r in chaoskit("history", "-o", "json").json["records"] if r["name"] == "cart-again"]
    (again,) = proposals(chaoskit, "--from", "incident", run["id"][:12])
    wanted = yaml.safe_load(body)["spec"]
    wanted["fault"].pop("parameters")
    assert again["experiment"]["spec"] == wanted
    assert again["trace"] == run["trace_id"]
    assert again["experiment"]["metadata"]["annotations"]["chaoskit.io/incident"] == run["id"]


def test_an_incident_that_is_not_kept_is_2(chaoskit: CommandLine) -> None:
    ended = chaoskit("generate", "--from", "incident", "nothing")
    assert ended.code == 2
    assert "chaoskit history" in ended.err
