"""`run` and `plan` end with the outcome's word and code, on screen and in JSON, and leave nothing behind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.cli.made import READY, experiment, too_wide, weak, without_baseline, without_target
from tests.commandline import PROJECT, CommandLine, Watched, read_until

from chaoskit import kube
from chaoskit.ports.cluster import ObjectRef

Write = Callable[[str, str], Path]


def test_an_experiment_that_holds_is_0_and_leaves_nothing(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    file = write("cart.yaml", experiment("cart", steadyState=[READY]))
    ended = chaoskit("run", file, "--yes", "-o", "json", "--html", "reports/cart.html")
    assert ended.code == 0
    assert (ended.json["outcome"], ended.json["exit"]) == ("passed", 0)
    (run,) = ended.json["runs"]
    assert run["undo"]["state"] == "confirmed"
    assert simulated.left() == []
    assert run["id"] in (chaoskit.home / "reports/cart.html").read_text(encoding="utf-8")
    assert chaoskit("history", "-o", "json").json["records"][0]["id"] == run["id"]


def test_a_steady_state_that_breaks_is_a_weakness_and_1(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    ended = chaoskit("run", write("weak.yaml", weak()), "--yes")
    assert ended.code == 1
    assert ended.out.startswith("weakness found  pod-network-loss on deployment/cart  exit 1\n")
    assert "error_ratio" in ended.out
    assert "  undo confirmed\n" in ended.out
    assert simulated.left() == []


def test_without_a_baseline_it_is_8_and_nothing_is_injected(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    ended = chaoskit("run", write("x.yaml", without_baseline()), "--yes")
    assert ended.code == 8
    assert "nothing was injected" in ended.out
    assert simulated.left() == []


@pytest.mark.parametrize("command", [("plan",), ("run", "--yes")], ids=lambda words: words[0])
def test_a_radius_that_is_too_wide_is_refused_with_3(
    chaoskit: CommandLine, write: Write, command: tuple[str, ...]
) -> None:
    ended = chaoskit(*command, write("x.yaml", too_wide()))
    assert ended.code == 3
    assert "the limit is 1 %" in ended.out


@pytest.mark.parametrize("command", [("plan",), ("run", "--yes")], ids=lambda words: words[0])
def test_a_target_that_is_not_there_cannot_start_and_is_4(
    chaoskit: CommandLine, write: Write, command: tuple[str, ...]
) -> None:
    ended = chaoskit(*command, write("x.yaml", without_target()))
    assert ended.code == 4
    assert "no such workload: deployment/nobody" in ended.out


def test_a_missing_chaos_experiment_cannot_start_and_is_4(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    simulated.cluster.delete(ObjectRef(kube.CHAOS_EXPERIMENT, "shop", "pod-dns-error"))
    file = write("x.yaml", experiment("x", fault="pod-dns-error"))
    ended = chaoskit("run", file, "--yes")
    assert ended.code == 4
    assert "ChaosExperiment pod-dns-error is missing in namespace shop" in ended.out
    assert f"\n  mend chaoskit plan {file} --rbac | kubectl apply -f -\n" in ended.out
    made = yaml.safe_load_all(chaoskit("plan", file, "--rbac").out)
    (definition,) = [body for body in made if body["kind"] == "ChaosExperiment"]
    simulated.cluster.create(definition)
    assert "ChaosExperiment pod-dns-error is there" in chaoskit("plan", file).out
    assert simulated.left() == []


def test_a_protected_namespace_is_refused_with_3(chaoskit: CommandLine, write: Write) -> None:
    file = write("x.yaml", experiment("x", target="chaos-operator-ce", namespace="litmus"))
    ended = chaoskit("run", file, "--yes", "-o", "json")
    assert ended.code == 3
    assert "namespace litmus is protected" in ended.json["runs"][0]["reason"]


def test_a_namespace_that_the_settings_set_free_is_protected_no_more(
    chaoskit: CommandLine, write: Write
) -> None:
    file = write("x.yaml", experiment("x", target="chaos-operator-ce", namespace="litmus"))
    ended = chaoskit("plan", file, env={"CHAOSKIT_UNPROTECTED_NAMESPACES": "litmus"})
    assert "is protected" not in ended.out
    assert "is protected" in chaoskit("plan", file).out


def test_a_namespace_that_the_settings_protect_is_refused_too(chaoskit: CommandLine, write: Write) -> None:
    file = write("x.yaml", experiment("x"))
    ended = chaoskit("run", file, "--yes", env={"CHAOSKIT_PROTECTED_NAMESPACES": "shop,other"})
    assert ended.code == 3
    assert "namespace shop is protected" in ended.out


def test_a_run_that_takes_too_long_is_6_and_undone(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    file = write("x.yaml", experiment("x", duration="900s"))
    with chaoskit.start("run", file, "--yes", "--timeout", "12s", "-o", "json") as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 6, err
    (run,) = json.loads(out)["runs"]
    assert (run["outcome"], run["undo"]["state"]) == ("timed-out", "confirmed")
    assert "--timeout is over" in run["reason"]
    assert simulated.left() == []


def test_a_document_may_limit_its_own_run(chaoskit: CommandLine, simulated: Watched, write: Write) -> None:
    file = write("x.yaml", experiment("x", duration="300s", timeout="30s"))
    ended = chaoskit("run", file, "--yes", "-o", "json")
    assert ended.code == 6
    assert ended.json["runs"][0]["undo"]["state"] == "confirmed"
    assert simulated.left() == []


def test_an_undo_that_somebody_holds_up_is_5_until_a_rescue_finishes_it(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    file = write("x.yaml", experiment("x"))
    hold = {"op": "add", "path": "/metadata/finalizers/-", "value": "example.com/hold"}
    with chaoskit.start("run", file, "--yes", "-o", "json") as process:
        read_until(process, "injected")
        (name,) = simulated.active_engines()
        ref = ObjectRef(kube.CHAOS_ENGINE, "shop", name)
        simulated.cluster.patch(ref, [hold], type="json")
        out, err = process.communicate(timeout=120)
    assert process.returncode == 5, err
    (run,) = json.loads(out)["runs"]
    assert (run["outcome"], run["evidence"]["hint"]) == ("undo-not-confirmed", "chaoskit rescue")
    assert name in run["undo"]["left"][0]
    simulated.cluster.patch(ref, {"metadata": {"finalizers": None}})
    ended = chaoskit("rescue", "-o", "json")
    assert ended.code == 0, ended.err
    assert simulated.left() == []
    (kept,) = chaoskit("show", run["id"], "-o", "json").json["records"]
    assert (kept["outcome"], kept["undo"]["state"]) == ("errored", "confirmed")
    assert (kept["experiment"], kept["litmus"]) == (run["experiment"], run["litmus"])


def test_several_runs_end_with_the_gravest_code(chaoskit: CommandLine, write: Write) -> None:
    one, other = write("one.yaml", too_wide()), write("other.yaml", without_baseline())
    ended = chaoskit("run", one, other, "--yes", "-o", "json")
    assert ended.code == 8
    assert [run["outcome"] for run in ended.json["runs"]] == ["refused", "no-baseline"]


def test_fail_fast_leaves_out_what_comes_after(chaoskit: CommandLine, write: Write) -> None:
    one, other = write("one.yaml", too_wide()), write("other.yaml", without_baseline())
    ended = chaoskit("run", one, other, "--yes", "--fail-fast", "-o", "json", "--junit", "runs.xml")
    assert ended.code == 3
    assert [each["outcome"] for each in ended.json["runs"]] == ["refused", "not-begun"]
    reason = "not begun: too-wide ended with refused, and the rest was not wanted then"
    assert ended.json["runs"][1]["reason"] == reason
    assert reason in (chaoskit.home / "runs.xml").read_text(encoding="utf-8")
    assert len(chaoskit("history", "-o", "json").json["records"]) == 1


def test_a_folder_and_standard_input_are_read_as_files_are(chaoskit: CommandLine, write: Write) -> None:
    folder = chaoskit.home / "experiments"
    folder.mkdir()
    write("experiments/a.yaml", too_wide("a"))
    write("experiments/b.yaml", f"{too_wide('b')}---\n{too_wide('c')}")
    ended = chaoskit("run", "experiments", "-", "--yes", "-o", "json", stdin=too_wide("d"))
    assert [run["name"] for run in ended.json["runs"]] == ["a", "b", "c", "d"]


def test_a_wrong_document_is_2_with_its_place_and_nothing_runs(chaoskit: CommandLine, write: Write) -> None:
    good = write("good.yaml", experiment("good"))
    bad = write("bad.yaml", experiment("bad", blastRadius={"maxPercnt": 3}))
    ended = chaoskit("run", good, bad, "--yes")
    assert ended.code == 2
    assert ended.out == ""
    assert f"{bad}:15:5" in ended.err
    assert "did you mean maxPercent?" in ended.err
    assert "15 |     maxPercnt: 3" in ended.err
    assert chaoskit("history", "-o", "json").json["records"] == []


def test_variables_fill_the_documents_in(chaoskit: CommandLine, write: Write) -> None:
    file = write("x.yaml", experiment("x").replace("deployment/cart", "deployment/${who}"))
    assert "no such workload: deployment/nobody" in chaoskit("plan", file, "--var", "who=nobody").out
    assert chaoskit("plan", file, "--var", "who").code == 2


def test_the_namespace_of_the_flag_holds_where_a_document_names_none(
    chaoskit: CommandLine, write: Write
) -> None:
    file = write("x.yaml", experiment("x").replace("  namespace: shop\n", ""))
    assert chaoskit("plan", file, "-n", "shop", "-o", "json").json["plans"][0]["namespace"] == "shop"


def test_a_plan_is_only_run_as_long_as_it_is_true(chaoskit: CommandLine, write: Write) -> None:
    file = write("x.yaml", without_baseline())
    (plan,) = chaoskit("plan", file, "-o", "json").json["plans"]
    assert chaoskit("run", file, "--plan", plan["hash"], "--yes").code == 8
    drifted = chaoskit("run", file, "--plan", "0123456789ab", "--yes")
    assert drifted.code == 3
    assert "has changed since plan 0123456789ab" in drifted.out


def test_a_plan_changes_nothing(chaoskit: CommandLine, simulated: Watched, write: Write) -> None:
    ended = chaoskit("plan", write("x.yaml", experiment("x", steadyState=[READY])))
    assert ended.code == 0
    assert re.fullmatch(r"next  chaoskit run --plan [0-9a-f]{12}", ended.out.splitlines()[-1])
    assert simulated.left() == []
    assert chaoskit("history", "-o", "json").json["records"] == []


def test_where_nobody_can_be_asked_it_is_refused_with_3(chaoskit: CommandLine, write: Write) -> None:
    ended = chaoskit("run", write("x.yaml", experiment("x")))
    assert ended.code == 3
    assert ended.out == ""
    assert "add --yes" in ended.err


@pytest.mark.parametrize("answer", ["n\n", "\n", ""], ids=["no", "nothing", "end of input"])
def test_on_a_terminal_the_plan_is_shown_and_only_yes_is_a_yes(
    chaoskit: CommandLine, write: Write, answer: str
) -> None:
    ended = chaoskit("run", write("x.yaml", experiment("x")), stdin=answer, terminal=True)
    assert ended.code == 3
    assert ended.out == ""
    assert "  pod-delete             1 of 2 " in ended.err
    assert "Run 1 experiment?" in ended.err
    assert "not confirmed" in ended.err


def test_on_a_terminal_yes_runs_it_with_live_progress(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    file = write("x.yaml", experiment("x", steadyState=[READY]))
    ended = chaoskit("run", file, stdin="y\n", terminal=True, env={"TERM": "xterm"})
    assert ended.code == 0
    assert "steady before" in ended.err
    assert "\x1b[" in ended.err
    assert simulated.left() == []


def test_plain_litmus_yaml_is_run_unchanged(chaoskit: CommandLine, simulated: Watched) -> None:
    engine = PROJECT / "examples/experiments/litmus-pod-delete.yaml"
    ended = chaoskit("run", engine, "--yes", "-o", "json", "--progress", "json")
    assert ended.code == 0
    assert ended.json["runs"][0]["litmus"]["engine"] == "cart-chaos"
    assert simulated.left() == []


def test_without_a_kubeconfig_run_is_4_and_says_how_to_start_the_simulator(
    stranger: CommandLine, write: Write
) -> None:
    ended = stranger("run", write("x.yaml", experiment("x")), "--yes")
    assert ended.code == 4
    assert ended.out == ""
    assert "export KUBECONFIG=$(chaoskit sim up)" in ended.err
    assert not (stranger.home / "state" / "sim").exists()


def test_halting_stops_a_run_under_way_and_blocks_the_next(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    file = write("x.yaml", experiment("x", duration="300s"))
    with chaoskit.start("run", file, "--yes", "-o", "json") as under_way:
        read_until(under_way, "injected")
        assert chaoskit("halt", "--reason", "incident 42").code == 0
        try:
            out, err = under_way.communicate(timeout=120)
            blocked = chaoskit("run", file, "--yes")
        finally:
            lifted = chaoskit("resume")
    assert under_way.returncode == 7, err
    assert "incident 42" in out
    assert blocked.code == 3
    assert "incident 42" in blocked.out
    assert "resumed  chaos and recovery" in lifted.out
    assert simulated.left() == []


def test_who_may_feel_a_mutation_is_not_worked_on_beside_it(chaoskit: CommandLine, write: Write) -> None:
    setting = {"configMap": "shop-settings", "key": "LOG_LEVEL", "value": "loud", "restart": False}
    wide = {"blastRadius": {"maxPods": 99}, "engine": "direct", "duration": "3s"}
    mutation = experiment("a", fault="config-mutation", target="shipping", parameters=setting, **wide)
    file = write("two.yaml", f"{mutation}---\n{experiment('b', fault='scale-down', target='search', **wide)}")
    ended = chaoskit("run", file, "--yes", "--parallel", 2, "-o", "json")
    assert ended.code == 0, ended.out
    assert [each["outcome"] for each in ended.json["runs"]] == ["passed", "passed"]
    assert "b waits for a" in ended.err
