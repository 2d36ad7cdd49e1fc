"""Every recorded course of a real cluster is replayed through the terminal-state rules and the verdict."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from chaoskit import kube
from chaoskit.acts.leftovers import has_ended
from chaoskit.acts.trail import UID_LABEL, status
from chaoskit.experiments import litmus, terminal, verdict
from chaoskit.experiments.terminal import Ending, Observed
from chaoskit.outcome import Outcome

SHARED = Path(os.environ.get("CHAOSKIT_SHARED", Path(__file__).parents[2].parent / "shared"))
FOLDER = SHARED / "recordings" / "litmus"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no recordings in {FOLDER}")

ENDS = {
    "pod-delete-pass": Outcome.PASSED,
    "force-delete-pass": Outcome.PASSED,
    "container-kill-pass": Outcome.PASSED,
    "pod-cpu-hog-pass": Outcome.PASSED,
    "cleanup-delete": Outcome.PASSED,
    "two-experiments": Outcome.PASSED,
    "rerun-then-delete": Outcome.PASSED,
    "pod-delete-probe-fails": Outcome.WEAKNESS_FOUND,
    "probe-sot-fails": Outcome.NO_BASELINE,
    "probe-sot-stop-on-failure": Outcome.NO_BASELINE,
    "no-target-pods": Outcome.CANNOT_START,
    "missing-experiment": Outcome.CANNOT_START,
    "missing-serviceaccount": Outcome.CANNOT_START,
    "sa-without-rights": Outcome.CANNOT_START,
    "experiment-image-missing": Outcome.CANNOT_START,
    "created-stopped": Outcome.CANNOT_START,
    "invalid-tunable": Outcome.ERRORED,
    "abort-midway": Outcome.ERRORED,
    "delete-midway": Outcome.ERRORED,
    "delete-midway-operator-busy": Outcome.ERRORED,
}
"""What each course ends with when nothing was checked before it and another hand stopped it."""


NEVER_COMPLETED = {
    "abort-midway",
    "created-stopped",
    "delete-midway",
    "delete-midway-operator-busy",
    "experiment-image-missing",
    "missing-experiment",
    "missing-serviceaccount",
}


def lines(name: str) -> Iterator[dict[str, Any]]:
    with (FOLDER / f"{name}.jsonl").open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def replay(name: str, *, since: float = 0.0) -> tuple[Ending, Observed, float]:
    """The recording through the rules, asked again every half second; the first end that they tell."""
    document = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    every = list(lines(name))
    engine = next(each["object"] for each in every if each["kind"] == "ChaosEngine")
    old = {
        each["object"]["metadata"]["name"]: each["object"]["metadata"]["resourceVersion"]
        for each in every
        if each["kind"] == "ChaosResult" and each["t"] < since
    }
    observed = Observed(
        engine["metadata"]["name"],
        engine["metadata"]["uid"],
        since,
        litmus.names_of(document),
        old,
    )
    now = since
    for line in (each for each in every if each["t"] >= since):
        while now < line["t"]:
            ending = terminal.decide(observed, now)
            if ending is not None:
                return ending, observed, now
            now = min(now + 0.5, line["t"])
        observed = terminal.seen(observed, line["kind"], line["type"], line["object"], now)
    for waited in range(300):
        ending = terminal.decide(observed, now + waited)
        if ending is not None:
            return ending, observed, now + waited
    raise AssertionError(f"{name} never ends")


def judged(name: str, *, since: float = 0.0) -> verdict.Judged:
    ending, observed, _ = replay(name, since=since)
    document = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return verdict.of_litmus(litmus.experiments_of(document), observed, ending)


@pytest.mark.parametrize("name", sorted(ENDS))
def test_a_recorded_course_ends_with_its_outcome(name: str) -> None:
    assert judged(name).outcome is ENDS[name], judged(name)


def test_every_recording_has_an_expected_outcome() -> None:
    assert {path.stem for path in FOLDER.glob("*.jsonl")} == set(ENDS)


def test_a_verdict_is_read_when_the_result_settles_long_before_the_engine_completes() -> None:
    _, observed, at = replay("pod-delete-pass")
    assert 31 < at < 33
    assert observed.engine is not None
    assert observed.engine["status"]["engineStatus"] == "initialized"


@pytest.mark.parametrize(
    ("name", "strikes", "begun", "over"),
    [
        ("pod-cpu-hog-pass", {}, 21.2, 41.2),
        ("container-kill-pass", {"container-kill": 20.0}, 18.3, 38.3),
        ("pod-delete-pass", {"pod-delete": 15.0}, 10.5, 25.5),
        ("pod-delete-pass", {}, 10.5, 25.6),
        ("pod-delete-probe-fails", {"pod-delete": 15.0}, 16.5, 31.5),
        ("two-experiments", {"pod-delete": 15.0}, 11.8, 65.1),
        ("abort-midway", {"pod-delete": 30.0}, 11.1, 11.1),
        ("delete-midway-operator-busy", {"pod-delete": 60.0}, 10.9, 31.0),
    ],
)
def test_a_fault_is_over_with_its_time_long_before_its_verdict_settles(
    name: str, strikes: dict[str, float], begun: float, over: float
) -> None:
    _, observed, _ = replay(name)
    assert min(at for (told, _), at in observed.moments.items() if told == "first") == pytest.approx(
        begun, abs=0.1
    )
    assert terminal.over(observed, strikes) == pytest.approx(over, abs=0.1)


@pytest.mark.parametrize("name", sorted(name for name in ENDS if name not in NEVER_COMPLETED))
def test_when_litmus_completes_nothing_runs_in_its_pods_any_more(name: str) -> None:
    pods: dict[str, Any] = {}
    for line in lines(name):
        body = line["object"]
        if line["kind"] == "ChaosEngine" and status(body) == "completed":
            break
        if line["kind"] == "Pod" and UID_LABEL in kube.labels_of(body):
            pods[body["metadata"]["name"]] = None if line["type"] == "DELETED" else body
    left = [each for each in pods.values() if each is not None]
    assert left
    assert all(map(has_ended, left))


def test_the_result_of_the_run_before_is_never_read() -> None:
    ending, observed, at = replay("rerun-then-delete", since=44.0)
    assert ending.how == "settled"
    assert 81 < at < 82
    result = observed.result("pod-delete")
    assert result is not None
    assert result["status"]["history"]["passedRuns"] == 2


def test_an_image_that_cannot_be_pulled_ends_it_after_thirty_seconds_with_its_name() -> None:
    ending, _, at = replay("experiment-image-missing")
    assert "registry.invalid/litmuschaos/go-runner:none" in ending.reason
    assert 32 <= at <= 34


def test_a_missing_experiment_is_told_after_twenty_seconds_not_never() -> None:
    ending, _, at = replay("missing-experiment")
    assert ending.how == "cannot-start"
    assert at < 25


def test_a_broken_baseline_says_whether_litmus_injected_all_the_same() -> None:
    assert "injected the fault all the same" in judged("probe-sot-fails").reason
    assert "nothing was injected" in judged("probe-sot-stop-on-failure").reason


def test_a_weakness_names_the_probe_that_did_not_hold() -> None:
    assert "ghost-pods-present (EOT)" in judged("pod-delete-probe-fails").reason


def test_missing_targets_are_told_in_litmus_own_words() -> None:
    assert "TARGET_SELECTION_ERROR" in judged("no-target-pods").reason
