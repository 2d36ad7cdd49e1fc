"""The resilience score is ChaosCenter's: probe success weighted by fault, truncated to two decimals."""

from __future__ import annotations

import pytest
from tests.reports.made import look, probe, probed, run, several, weak

from chaoskit.outcome import Outcome
from chaoskit.reports.reading import scored
from chaoskit.reports.score import gated, of_run, of_runs, shares


def _weighing(weight: str, document: dict[str, object]) -> dict[str, object]:
    return {**document, "experiment": {"metadata": {"labels": {"weight": weight}}, "spec": {}}}


def test_a_pass_without_any_probe_is_100_and_what_has_no_verdict_0() -> None:
    assert of_run(run()) == 100.0
    assert of_run(run("errored")) == 0.0
    assert of_run(run("timed-out")) == 0.0


def test_a_score_that_tells_of_nothing_says_so() -> None:
    assert scored(run()) == "100 of 100 (nothing was looked at)"
    assert scored(weak()) == "0 of 100"
    assert scored(probed("passed", probe("a", "Passed"), score=66.66)) == "66.66 of 100"
    assert scored(run("refused")) == ""


def test_litmus_own_percentage_counts() -> None:
    assert of_run(probed("weakness-found", probe("a", "Failed"), percentage="66")) == 66.0


def test_where_nothing_was_tried_there_is_no_score() -> None:
    assert of_run(run("refused")) is None
    assert of_runs([run("refused"), run("cannot-start")]) is None
    assert of_runs([]) is None


def test_faults_of_one_engine_weigh_the_same() -> None:
    assert [(each.fault, each.weight, each.success) for each in shares(several())] == [
        ("pod-delete", 10, 0),
        ("pod-cpu-hog", 10, 100),
    ]
    assert of_run(several()) == 50.0


def test_runs_are_weighted_by_their_label_and_the_score_is_truncated() -> None:
    heavy, light = _weighing("10", run()), _weighing("5", run("errored"))
    assert of_runs([heavy, light]) == 66.66


def test_a_run_that_tried_nothing_counts_0_beside_others() -> None:
    assert of_runs([run(), run("refused")]) == 50.0


@pytest.mark.parametrize("text", ["", "much", "-3"])
def test_a_weight_that_is_no_whole_number_is_the_usual_one(text: str) -> None:
    assert shares(_weighing(text, run()))[0].weight == 10


def test_conditions_count_like_probes() -> None:
    held = [look(25, True, 0.0, condition="b"), look(45, True, 0.0, condition="b")]
    made = probed("weakness-found", probe("a", "Passed"), percentage="100")
    made["steady_state"] = [*weak()["steady_state"], *held]
    assert of_run(made) == 66.0


def test_a_result_is_found_by_its_faults_whole_name() -> None:
    made = run("weakness-found", fault="pod-cpu-hog,pod-cpu-hog-exec")
    made["litmus"]["results"] = {
        "e-pod-cpu-hog-exec": {"experimentStatus": {"probeSuccessPercentage": "20"}},
        "e-pod-cpu-hog": {"experimentStatus": {"probeSuccessPercentage": "80"}},
    }
    assert [each.success for each in shares(made)] == [80, 20]


def test_a_fault_without_litmus_counts_by_its_verdict() -> None:
    assert of_run(run(litmus={})) == 100.0
    assert of_run(run("weakness-found", litmus={})) == 0.0


@pytest.mark.parametrize(
    ("outcomes", "score", "least", "ends"),
    [
        ([Outcome.PASSED], 100, 80, Outcome.PASSED),
        ([Outcome.WEAKNESS_FOUND], 75, 80, Outcome.SCORE_TOO_LOW),
        ([Outcome.WEAKNESS_FOUND], 80, 80, Outcome.SCORE_REACHED),
        ([Outcome.WEAKNESS_FOUND, Outcome.PASSED], 80, 80, Outcome.SCORE_REACHED),
        ([Outcome.WEAKNESS_FOUND, Outcome.ERRORED], 90, 80, Outcome.ERRORED),
        ([Outcome.ERRORED], 0, 80, Outcome.SCORE_TOO_LOW),
        ([Outcome.UNDO_UNCONFIRMED], 0, 80, Outcome.UNDO_UNCONFIRMED),
        ([Outcome.INTERRUPTED, Outcome.WEAKNESS_FOUND], 0, 80, Outcome.INTERRUPTED),
        ([Outcome.REFUSED], None, 80, Outcome.REFUSED),
    ],
)
def test_a_score_asked_for_decides_about_weaknesses_and_nothing_graver(
    outcomes: list[Outcome], score: float | None, least: float, ends: Outcome
) -> None:
    assert gated(outcomes, score, least) is ends
