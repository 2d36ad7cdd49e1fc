"""Predictions on the command line: once and again, for chosen workloads, told to whoever is to know."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.cli.made import MAPPING
from tests.commandline import CommandLine
from tests.wire import Answer, scripted

from chaoskit.cli import outlooks
from chaoskit.cli.predict import Gate
from chaoskit.flows.outlook import Manner, Outlook
from chaoskit.outcome import Outcome
from chaoskit.prediction import Health, Silent, Young
from chaoskit.prediction.judging.scoring import Bin, Score
from chaoskit.records import PredictionRecord

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_rules_say_that_they_are_rules_and_what_they_can_do(chaoskit: CommandLine) -> None:
    ended = chaoskit("predict", "-n", "shop")
    assert ended.code == 0, ended.err
    assert ended.err.splitlines()[1] == "model    none is promoted: rules answer"
    assert "Rules have no probabilities" in ended.out
    assert ended.out.splitlines()[-1] == "next  chaoskit train -n shop"


def test_labels_choose_workloads(chaoskit: CommandLine) -> None:
    every = chaoskit("predict", "-n", "shop", "-o", "json").json
    one = chaoskit("predict", "-n", "shop", "-l", "app=cart", "-o", "json").json
    assert [each["target"] for each in one["predictions"]] == ["deployment/cart"]
    assert len(every["predictions"]) > 5
    assert every["model"] == {
        "name": "rules", "mode": "rules", "horizonMinutes": 30.0, "trainedAt": None,
        "forecasts": [], "detects": [],
    }  # fmt: skip


def test_all_namespaces_are_told_with_their_names(chaoskit: CommandLine) -> None:
    ended = chaoskit("predict", "-A")
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[1].split()[:2] == ["NAMESPACE", "WORKLOAD"]
    assert lines[2].startswith("shop  ")
    assert lines[-1] == "next  chaoskit train -A"
    shop = chaoskit("predict", "-n", "shop", "-o", "json").json["predictions"]
    every = chaoskit("predict", "-A", "-n", "default", "-o", "json").json["predictions"]
    assert {each["target"] for each in shop} == {e["target"] for e in every if e["namespace"] == "shop"}
    assert chaoskit("predict", "-A", "--scorecard", "-o", "json").json["scores"][0]["model"] == "rules"


def test_it_goes_on_look_after_look_as_lines_of_json_and_metrics(chaoskit: CommandLine) -> None:
    with scripted(lambda asked: Answer(200)) as manager:
        ended = chaoskit(
            "predict", "-n", "shop", "--watch", "--rounds", 2, "-o", "json",
            "--export", "shop.prom", "--alertmanager", manager.url,
        )  # fmt: skip
    assert ended.code == 0, ended.err
    first, second = map(json.loads, ended.out.splitlines())
    assert first["schema"] == second["schema"] == "chaoskit.io/predictions/v1"
    assert first["at"] < second["at"]
    text = (chaoskit.home / "shop.prom").read_text()
    assert re.search(r'chaoskit_failure_alarm\{[^}]*workload="deployment/cart"\} ', text)
    assert "chaoskit_failure_probability{" not in text  # rules have none
    assert "Python" not in text
    kept = chaoskit("history", "--kind", "prediction", "--limit", 100, "-o", "json").json["records"]
    assert len(kept) == len(first["predictions"]) + len(second["predictions"])


def test_what_is_over_the_threshold_ends_the_watch_with_1(chaoskit: CommandLine) -> None:
    ended = chaoskit("predict", "-n", "shop", "--watch", "--fail-above", 0, "--listen", "127.0.0.1:0")
    assert ended.code == 1
    assert "/metrics" in ended.err
    assert ended.out.splitlines()[1].startswith("WORKLOAD")


@pytest.mark.parametrize("gate", [("--fail-above", 0.01), ("--fail-on-alarm",), ()])
def test_labels_that_no_workload_has_are_4(chaoskit: CommandLine, gate: tuple[object, ...]) -> None:
    ended = chaoskit("predict", "-n", "shop", "-l", "tier=bakend", *gate)
    assert (ended.code, ended.out) == (4, "")
    assert "no workload of shop has the labels tier=bakend" in ended.err


FILES = ("--data", "x", "--mapping", "y")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--rounds", 2), "--rounds belongs to --watch"),
        (("--at", "2026-10-01"), "--at belongs to --data"),
        (("--hours", 2), "--hours belongs to --scorecard"),
        ((*FILES, "--watch"), "--watch and --data do not go together"),
        ((*FILES, "-A"), "--all-namespaces and --data do not go together"),
        ((*FILES, "-n", "nowhere"), "--namespace and --data do not go together"),
        (("--scorecard", "--model", "nope"), "--model and --scorecard do not go together"),
        (("--scorecard", "--watch"), "--watch and --scorecard do not go together"),
        (("--scorecard", "--fail-above", 0), "--fail-above and --scorecard do not go together"),
        (("--scorecard", "--at", "2026-10-01"), "--at and --scorecard do not go together"),
    ],
)
def test_options_that_do_not_belong_together_are_2(
    chaoskit: CommandLine, words: tuple[object, ...], said: str
) -> None:
    ended = chaoskit("predict", *words)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


@pytest.mark.parametrize("flag", ["--alertmanager", "--prometheus"])
def test_an_address_that_is_none_is_2_before_anything_is_asked(stranger: CommandLine, flag: str) -> None:
    ended = stranger("predict", "-n", "shop", "--watch", flag, "nonsense")
    assert (ended.code, ended.out) == (2, "")
    assert "nonsense" in ended.err
    assert "http://localhost:90" in ended.err


def test_training_on_files_is_of_no_namespace(chaoskit: CommandLine) -> None:
    assert chaoskit("train", *FILES, "-A").code == 2


def test_an_alertmanager_that_is_away_is_a_warning(chaoskit: CommandLine) -> None:
    with scripted(lambda asked: Answer(500, b"no")) as manager:
        url = manager.url
    ended = chaoskit("predict", "-n", "shop", "--alertmanager", url)
    assert ended.code == 0


def test_on_a_terminal_the_outlook_is_drawn_in_place(chaoskit: CommandLine) -> None:
    ended = chaoskit("predict", "-n", "shop", "--watch", "--rounds", 1, terminal=True, env={"TERM": "xterm"})
    assert ended.code == 0
    assert "UTC  model    none is promoted: rules answer" in ended.out
    assert "Ctrl-C ends it" in ended.out


def test_past_predictions_are_held_against_what_came_of_them(chaoskit: CommandLine) -> None:
    nothing = chaoskit("predict", "-n", "shop", "--scorecard")
    assert (nothing.code, "nothing was predicted for shop" in nothing.err) == (8, True)
    assert chaoskit("predict", "-n", "shop").code == 0
    ended = chaoskit("predict", "-n", "shop", "--scorecard", "-o", "json")
    assert ended.code == 0, ended.err
    (score,) = ended.json["scores"]
    assert score["model"] == "rules"
    assert score["open"] > 5  # their horizon is not over
    assert chaoskit("predict", "-n", "shop", "--scorecard").out.startswith("MODEL")


def test_a_scorecard_says_of_how_many_told_so_how_many_failed() -> None:
    bins = (Bin(32, 0.02, 0.03), Bin(2, 0.12, 1.0))
    score = Score("shop-1", 34, 0, 0.1, 0.01, 0.08, 0.01, bins, 3, 3, 3, 0, 24.0)
    text = io.StringIO()
    outlooks.scores(Console(file=text, soft_wrap=True), [score])
    assert (
        "shop-1: of 32 told as about 2 %, 3 % failed; of 2 told as about 12 %, 100 % failed"
        in text.getvalue()
    )


def outlook(*found: PredictionRecord, silent: tuple[Silent, ...] = ()) -> Outlook:
    return Outlook(T0, found, Manner("shop-1", "forecast", 30), Health(), silent)


def record(**told: Any) -> PredictionRecord:
    usual: dict[str, Any] = {
        "id": "1", "at": T0, "trace_id": "1", "target": "deployment/cart", "namespace": "shop",
        "cluster": "kind", "model": "shop-1", "horizon_minutes": 30, "probability": 0.4, "low": 0.3,
        "high": 0.5, "score": 0.5, "alarmed": False, "issue": "", "reasons": (),
    }  # fmt: skip
    return PredictionRecord(**(usual | told))


@pytest.mark.parametrize(("rule", "told"), [("static rule", True), ("", False)])
def test_whose_the_percentage_is_is_said_where_a_rule_alarms(rule: str, *, told: bool) -> None:
    seen = outlook(record(probability=0.07, alarmed=True, rule=rule))
    text = io.StringIO()
    outlooks.show(Console(file=text, soft_wrap=True), seen)
    assert ("An alarm is a rule, the evidence or the forest" in text.getvalue()) is told


def test_what_is_too_new_is_told_and_has_no_percentage() -> None:
    seen = replace(outlook(record()), young=(NEW,))
    text = io.StringIO()
    outlooks.show(Console(file=text, soft_wrap=True), seen)
    assert (
        "deployment/pay: samples of 3 min, 15 min are needed: nothing is known of it yet" in text.getvalue()
    )
    document = outlooks.document(seen, Outcome.DONE)
    assert document["young"] == [{"namespace": "shop", "target": "deployment/pay", "minutes": 3.0}]


def test_a_short_watch_and_no_failure_are_told_as_such() -> None:
    score = Score("shop-1", 34, 0, 0.01, 0.0024, 0.0, 0.01, (), 0, 0, 0, 1, 0.04)
    text = io.StringIO()
    outlooks.scores(Console(file=text, soft_wrap=True), [score])
    assert "1 in under 0.1 h" in text.getvalue()
    assert "0.0024 (-)" in text.getvalue()


@pytest.mark.parametrize(
    ("days", "words"),
    [(2, "trained 2d ago"), (0, "trained 0s ago"), (-273, "trained 273d after that moment")],
)
def test_a_model_may_be_asked_of_a_moment_before_it_was_trained(days: int, words: str) -> None:
    by = Manner("shop-1", "forecast", 30, T0 - timedelta(days=days))
    assert words in outlooks.headline(Outlook(T0, (record(),), by, Health(), ()))


def test_a_forest_that_alarms_nobody_is_not_said_to_alarm() -> None:
    silent = Manner("shop-1", "forecast", 30, forest_alarms=False)
    seen = Outlook(T0, (record(probability=0.88),), silent, Health(), ())
    text = io.StringIO()
    outlooks.show(Console(file=text, soft_wrap=True), seen)
    assert (
        "An alarm is a rule or the evidence over its threshold; the percentage, the forest's, has none."
        in (text.getvalue())
    )


@pytest.mark.parametrize(
    ("trend", "word"),
    [
        ((0.006, 0.18, 0.82, 0.90, 0.87, 0.68, 0.13, 0.13), "down"),
        ((0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8), "up"),
        ((0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.5, 0.9), "up"),
        ((0.9, 0.9, 0.9, 0.5, 0.3, 0.3, 0.3, 0.3), "flat"),
        ((0.2, 0.2, 0.2, 0.2, 0.2, 0.9, 0.2, 0.2), "flat"),
        ((0.1, 0.8), "up"),
        ((0.4,), ""),
        ((), ""),
    ],
)
def test_the_word_beside_a_trend_is_of_where_it_goes_now(trend: tuple[float, ...], word: str) -> None:
    assert outlooks._direction(trend) == word


@pytest.mark.parametrize(
    ("others", "first", "words"),
    [(1, 0.4, "1 other under 5 %"), (3, 0.4, "3 others under 5 %"), (2, 0.004, "2 others under 5 % as well")],
)
def test_the_others_are_counted_and_told_from_those_above_them(others: int, first: float, words: str) -> None:
    shown = 1 if first > 0.05 else 3
    found = [record(probability=first)] * shown + [record(probability=0.001, score=0.0)] * others
    text = io.StringIO()
    outlooks.table(Console(file=text, soft_wrap=True), found, advice=False)
    assert text.getvalue().splitlines()[-1] == words


def test_an_absent_signal_is_named_once_where_the_outlook_is_shown() -> None:
    gone = Health(stale=("cpu_usage is absent",), gone=("cpu_usage",))
    seen = Outlook(T0, (record(),), Manner("shop-1", "forecast", 30), gone, ())
    text = io.StringIO()
    outlooks.show(Console(file=text, soft_wrap=True), seen)
    said = outlooks.headline(seen, brief=True) + text.getvalue()
    assert said.count("cpu_usage is absent") == 1
    assert "cpu_usage is absent" in outlooks.headline(seen)
    nobody = Outlook(T0, (), Manner("shop-1", "forecast", 30), gone, ())
    assert "cpu_usage is absent" in outlooks.headline(nobody, brief=True)


def test_on_a_terminal_all_of_an_outlook_fits() -> None:
    seen = outlook(
        record(reasons=("working set 209 of 256 MiB, +4.1 MiB/min: full in 12 min",), rule="static")
    )
    text = io.StringIO()
    console = Console(file=text, width=60, force_terminal=True, color_system=None, soft_wrap=True)
    outlooks.show(console, seen, advice=False)
    assert max(map(len, text.getvalue().splitlines())) <= 60


RULE: dict[str, Any] = {"probability": None, "low": None, "high": None, "model": "rules"}
CART = Silent("shop", "deployment/cart", 6.0)
NEW = Young("shop", "deployment/pay", 3.0)


@pytest.mark.parametrize(
    ("gate", "seen", "outcome"),
    [
        (Gate(), outlook(), Outcome.DONE),
        (Gate(0.9), outlook(), Outcome.CANNOT_START),
        (Gate(0.9), outlook(record()), Outcome.BELOW_THRESHOLD),
        (Gate(0.4), outlook(record()), Outcome.AT_OR_OVER_THRESHOLD),
        (Gate(0.99), outlook(record(**RULE, score=0.8, alarmed=True)), Outcome.AT_OR_OVER_THRESHOLD),
        (Gate(0.99), outlook(record(**RULE, score=0.4)), Outcome.BELOW_THRESHOLD),
        (Gate(0.3), outlook(record(**RULE, score=0.4)), Outcome.AT_OR_OVER_THRESHOLD),
        (Gate(0.9), outlook(record(score=1.2, alarmed=True)), Outcome.BELOW_THRESHOLD),
        (Gate(0.9, on_alarm=True), outlook(record(score=1.2, alarmed=True)), Outcome.AT_OR_OVER_THRESHOLD),
        (Gate(on_alarm=True), outlook(record()), Outcome.BELOW_THRESHOLD),
        (Gate(0.9), outlook(record(), silent=(CART,)), Outcome.CANNOT_START),
        (Gate(0.4), outlook(record(), silent=(CART,)), Outcome.AT_OR_OVER_THRESHOLD),
        (Gate(0.9), replace(outlook(record()), young=(NEW,)), Outcome.CANNOT_START),
        (Gate(), replace(outlook(record()), young=(NEW,)), Outcome.DONE),
    ],
)
def test_what_nothing_is_known_of_passes_no_gate(gate: Gate, seen: Outlook, outcome: Outcome) -> None:
    assert gate.outcome(seen) is outcome


MEASURED = f"{MAPPING}events: {{file: e.csv}}\n"


def test_an_answer_of_files_asks_nothing_of_their_events(tmp_path: Path) -> None:
    minutes = "".join(f"2026-01-01T00:{m:02}:00Z,web-1,1\n" for m in range(60))
    (tmp_path / "m.csv").write_text("at,pod,cpu\n" + minutes)
    (tmp_path / "m.yaml").write_text(MEASURED)
    stretch = "2026-01-01T00:10:00Z,2026-01-01T00:20:00Z"
    (tmp_path / "e.csv").write_text(f"start,end,target,issue\n{stretch},db,x\n{stretch},cache,x\n")
    files = ("--data", tmp_path, "--mapping", tmp_path / "m.yaml")
    ended = CommandLine(tmp_path)("predict", *files)
    assert (ended.code, "names anybody" in ended.err) == (0, False), ended.err
    healthy = CommandLine(tmp_path)("patterns", "--failures", *files)
    assert (healthy.code, "! none of the 2 events names anybody" in healthy.err) == (0, True), healthy.err
    assert CommandLine(tmp_path)("train", *files).code == 2


@pytest.mark.parametrize(
    ("more", "options", "said"),
    [
        ("", (), "2026-01-01 00:59 UTC, the newest; 2 of 2 pods have samples then"),
        (
            "2100-01-01T00:00:00Z,web-1,1\n",
            (),
            "2100-01-01 00:00 UTC, the newest; 1 of 2 pods has samples then",
        ),
        ("", ("--at", "2026-01-01T00:30"), "2026-01-01 00:30 UTC; 2 of 2 pods have samples then"),
        ("", ("--at", "2026-01-01T02:30+02:00"), "2026-01-01 00:30 UTC; 2 of 2 pods have samples then"),
        ("2026-01-01T01:04:00Z,web-1,1\n", (), "01:04 UTC, the newest; 1 of 2 pods has samples then"),
        ("2026-01-01T01:03:00Z,web-1,1\n", (), "01:03 UTC, the newest; 2 of 2 pods have samples then"),
    ],
)
def test_an_answer_of_files_says_for_which_moment_and_who_is_there_then(
    tmp_path: Path, more: str, options: tuple[str, ...], said: str
) -> None:
    minutes = "".join(f"2026-01-01T00:{m:02}:00Z,web-{n},1\n" for m in range(60) for n in (1, 2))
    (tmp_path / "m.csv").write_text("at,pod,cpu\n" + minutes + more)
    (tmp_path / "m.yaml").write_text(MEASURED)
    ended = CommandLine(tmp_path)("predict", "--data", tmp_path, "--mapping", tmp_path / "m.yaml", *options)
    assert ended.code == 0, ended.err
    (line,) = (line for line in ended.err.splitlines() if line.startswith("moment"))
    assert line.endswith(said)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), ["moment   2026-01-01 00:59 UTC, the newest; 1 of 2 pods has samples then"]),
        (("--at", "2026-01-01T00:40"), ["moment   2026-01-01 00:40 UTC; 1 of 2 pods has samples then"]),
        (
            ("--at", "2026-01-01T00:15"),
            [
                "moment   2026-01-01 00:15 UTC; 1 of 2 pods has samples then",
                "! 1 other run has samples then, too: only run B, which began last, is answered for",
            ],
        ),
    ],
)
def test_of_runs_side_by_side_the_one_that_is_there_then_is_answered_for(
    tmp_path: Path, options: tuple[str, ...], said: list[str]
) -> None:
    """A goes on for the whole hour, B began later and has ended by minute 20."""
    lines = [f"2026-01-01T00:{m:02}:00Z,A,web-1,1\n" for m in range(60)]
    lines += [f"2026-01-01T00:{m:02}:00Z,B,db-1,1\n" for m in range(10, 20)]
    (tmp_path / "m.csv").write_text("at,run,pod,cpu\n" + "".join(lines))
    (tmp_path / "m.yaml").write_text(MEASURED.replace("{pod: pod}", "{pod: pod, run: run}"))
    ended = CommandLine(tmp_path)("predict", "--data", tmp_path, "--mapping", tmp_path / "m.yaml", *options)
    assert ended.code == 0, ended.err
    assert [line for line in ended.err.splitlines() if line.startswith("moment") or " run " in line] == said


def test_pods_of_files_whose_samples_have_stopped_hold_the_gate_whatever_they_are(tmp_path: Path) -> None:
    """Nothing but the name of its workload would tell a machine that is gone from a job that is done."""
    there = [(minute, pod) for pod, last in ((0, 60), (1, 50)) for minute in range(last)]
    lines = [f"2026-01-01T00:{minute:02}:00Z,web-{pod},1\n" for minute, pod in there]
    (tmp_path / "m.csv").write_text("at,pod,cpu\n" + "".join(lines))
    (tmp_path / "m.yaml").write_text(MEASURED.replace("{pod: pod}", "{pod: pod, workloadKind: pod}"))
    files = ("--data", tmp_path, "--mapping", tmp_path / "m.yaml")
    ended = CommandLine(tmp_path)("predict", *files, "--fail-on-alarm", "-o", "json")
    assert (ended.code, [each["target"] for each in ended.json["silent"]]) == (4, ["pod/web-1"])


def test_a_namespace_that_is_not_there_is_said_before_its_signals_are_asked_for(
    chaoskit: CommandLine,
) -> None:
    ended = chaoskit("predict", "-n", "nowhere", "--prometheus", "http://127.0.0.1:1")
    assert (ended.code, "there is no namespace nowhere" in ended.err) == (4, True), ended.err


def test_a_cluster_that_is_not_there_is_said_before_what_learns_is_loaded(stranger: CommandLine) -> None:
    loaded = (
        "import sys; from chaoskit.cli.app import main; code = main(['train', '-n', 'shop'])\n"
        "print(code, 'sklearn' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", loaded], env=stranger.environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "4 False\n", done.stderr
