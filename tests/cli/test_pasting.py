"""What a call shows to be pasted leads where the call itself led."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.made import READY, experiment
from tests.commandline import CommandLine, Watched

from chaoskit.cli.pasting import led, led_by, pasted
from chaoskit.errors import Refused

Write = Callable[[str, str], Path]
GIVEN = {"namespace": "shop", "context": "staging", "kubeconfig": "/a b/config", "store": "team.db"}


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("chaoskit show 1m8 --trace", "-n shop --context staging --kubeconfig '/a b/config' --store team.db"),
        ("chaoskit explain 1m8", "--store team.db"),
        ("it stays open: chaoskit history --weaknesses", "-n shop --store team.db"),
        ("chaoskit train -A", "--context staging --kubeconfig '/a b/config' --store team.db"),
        ("chaoskit show 1m8 --store other.db", "-n shop --context staging --kubeconfig '/a b/config'"),
        ("chaoskit explain '/x/my chaoskit files/it'", "--store team.db"),
        ("chaoskit demo", ""),
        ("chaoskit calibrate --help", ""),
        ("have Prometheus scrape cAdvisor", ""),
    ],
)  # fmt: skip
def test_the_places_that_were_flags_are_repeated_where_the_command_takes_them(
    shown: str, expected: str
) -> None:
    with led_by({**GIVEN, "prometheus": None, "config": None, "output": "table"}):
        assert pasted(shown) == f"{shown} {expected}".strip()
    assert pasted(shown) == shown


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        ("chaoskit resume lifts it", "chaoskit resume --context staging --store t.db lifts it"),
        ("chaoskit resume -n shop lifts", "chaoskit resume --context staging --store t.db -n shop lifts"),
        ("run chaoskit rescue if dead", "run chaoskit rescue -n shop --context staging --store t.db if dead"),
        ("chaoskit show 1m8, if", "chaoskit show -n shop --context staging --store t.db 1m8, if"),
        ("name: chaoskit models list", "name: chaoskit models list -n shop --context staging --store t.db"),
        ("`chaoskit doctor` shows it", "`chaoskit doctor -n shop --context staging --store t.db` shows it"),
        ("chaoskit plan FILES;\nchaoskit sim up",
         "chaoskit plan -n shop --context staging --store t.db FILES;\nchaoskit sim up"),
        ("chaoskit is no command, nor is pip install 'chaoskit[onnx]'",
         "chaoskit is no command, nor is pip install 'chaoskit[onnx]'"),
    ],
)  # fmt: skip
def test_commands_within_a_sentence_have_the_places_behind_their_names(hint: str, expected: str) -> None:
    given = {"namespace": "shop", "context": "staging", "store": "t.db"}
    refused = Refused("no", guard="halt", hint=hint)
    with led_by(given):
        assert led(hint) == expected
        assert led(led(hint)) == expected
    with pytest.raises(Refused, match="no"), led_by(given):
        raise refused
    assert refused.hint == expected
    assert led(hint) == hint


def test_what_is_secret_in_a_place_is_not_shown() -> None:
    with led_by({"store": "mongodb://me:hunter2@host/chaoskit"}):
        assert "hunter2" not in pasted("chaoskit show 1m8")
        assert "--store" in pasted("chaoskit show 1m8")


def last(shown: str) -> list[str]:
    """The words behind ``next  chaoskit`` in the last line."""
    line = shown.splitlines()[-1]
    assert line.startswith("next  chaoskit ")
    return shlex.split(line)[2:]


def test_the_last_line_of_each_command_can_be_pasted(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    """Neither the kubeconfig nor the store is where it would be looked for without these flags."""
    (chaoskit.home / "my files").mkdir()
    kubeconfig = chaoskit.home / "my files" / "config"
    kubeconfig.write_bytes(simulated.simulation.kubeconfig.read_bytes())
    elsewhere = CommandLine(chaoskit.home, chaoskit.home / "none")
    places = ("--kubeconfig", kubeconfig, "--store", "my files/team.db")
    write("x.yaml", experiment("x", fault="service-blackhole", target="catalog", engine="direct",
                               duration="1s", blastRadius={"maxPods": 9}, steadyState=[READY]))  # fmt: skip
    planned = elsewhere("plan", "x.yaml", "--out", "my files/plan.json", *places)
    ran = elsewhere(*last(planned.out), "--yes")
    assert ran.code == 0, ran.err
    shown = elsewhere(*last(ran.out))
    assert shown.code == 0, shown.err
    assert elsewhere(*last(shown.out)).code == 0
    explained = elsewhere("explain", last(ran.out)[1], "--store", "my files/team.db")
    assert "--store 'my files/team.db'" in explained.out
    made = elsewhere(
        "generate", "-n", "shop", "--from", "topology", "--top", "1", "--out", "my files/g", *places
    )
    words = last(made.out)
    assert elsewhere("plan", *words[1:]).code in {0, 3}
    halted = elsewhere("halt", "-n", "shop", "--only", "recovery", *places)
    lifting = halted.out.partition("chaoskit ")[2].partition(" lifts it")[0]
    assert lifting.startswith("resume -n shop --kubeconfig ")
    assert "resumed  recovery" in elsewhere(*shlex.split(lifting)).out


def test_the_hint_of_a_refusal_leads_to_the_cluster_that_refused(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    """That of the halt of a namespace; lifting the cluster's own takes no namespace from the call."""
    elsewhere = CommandLine(chaoskit.home, chaoskit.home / "none")
    (chaoskit.home / "config").write_bytes(simulated.simulation.kubeconfig.read_bytes())
    places = ("--kubeconfig", "config")
    file = write("x.yaml", experiment("x", fault="service-blackhole", target="catalog", engine="direct"))
    assert elsewhere("halt", "-n", "shop", "--only", "chaos", *places).code == 0
    try:
        refused = elsewhere("run", file, "--yes", "-o", "json", *places)
        (run,) = refused.json["runs"]
        told = elsewhere("run", file, "--yes", *places).out
    finally:
        lifting = "resume --kubeconfig config -n shop"
        assert elsewhere(*shlex.split(lifting)).code == 0
    assert (refused.code, run["evidence"]["hint"]) == (3, "chaoskit resume -n shop lifts it")
    assert f"  mend chaoskit {lifting} lifts it\n" in told
