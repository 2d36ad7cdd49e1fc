"""The demo: the whole story, everything it made in one folder, nothing left anywhere else."""

from __future__ import annotations

import json
import signal

from tests.commandline import CommandLine, read_until, simulators

from chaoskit.experiments import load


def test_the_story_is_told_to_its_end(stranger: CommandLine) -> None:
    with stranger.start("demo", "-o", "json") as process:
        out, err = process.communicate(timeout=280)
    assert process.returncode == 0, err
    told = json.loads(out)
    folder = stranger.home / "chaoskit-demo"
    first = told["predictions"][0]
    assert "memory-leak" in {each["issue"] for each in told["predictions"][:3]}
    assert first["model"] == told["model"]
    assert first["probability"] > max(each["probability"] for each in told["predictions"][1:])
    assert told["run"]["outcome"] in {"passed", "weakness-found"}, told["run"]["reason"]
    assert told["run"]["undo"]["state"] == "confirmed"
    assert told["run"]["trace_id"] == first["trace_id"]
    assert told["run"]["injected_at"]
    recovered = {each["target"]: each["outcome"] for each in told["recoveries"]}
    assert recovered["deployment/orders"] == "recovered"
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert told["run"]["id"] in report
    assert told["recoveries"][0]["id"] in report
    assert len(load([str(folder / "experiments")])) == len(told["experiments"])
    trace = stranger("show", told["run"]["id"], "--trace", "--store", folder / "store.db", "-o", "json").json
    assert {each["kind"] for each in trace["records"]} >= {"prediction", "run"}
    assert simulators(stranger.home) == []
    again = stranger("demo")
    assert again.code == 4
    assert "not empty" in again.err


def test_a_story_that_is_interrupted_leaves_nothing(stranger: CommandLine) -> None:
    before = set(stranger.home.iterdir())
    with stranger.start("demo") as process:
        read_until(process, "a cluster")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 143
    assert set(stranger.home.iterdir()) == before
    assert simulators(stranger.home) == []
