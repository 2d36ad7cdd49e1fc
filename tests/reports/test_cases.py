"""A failure is a weakness and nothing else; what went wrong is an error, what was refused is skipped."""

from __future__ import annotations

import pytest
from tests.reports.made import ENDS, look, probe, probed, recovery, run, several, weak

from chaoskit.outcome import Outcome
from chaoskit.reports.cases import cases


@pytest.mark.parametrize("outcome", ENDS)
def test_a_single_fault_stands_as_its_run_does(outcome: str) -> None:
    (case,) = cases(run(outcome))
    assert case.state == Outcome(outcome).row.junit
    assert case.seconds == 100.0


def test_of_several_faults_those_that_litmus_passed_are_no_weakness() -> None:
    broke, held = cases(several())
    assert (broke.state, held.state) == ("failure", "pass")
    assert [part.state for part in (*broke.parts, *held.parts)] == ["failure", "pass"]
    assert (broke.seconds, held.seconds) == (None, None)


def test_with_an_undo_that_is_not_confirmed_no_fault_passes() -> None:
    made = several() | {"outcome": "undo-not-confirmed"}
    assert [case.state for case in cases(made)] == ["error", "error"]


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("weakness-found", "failure"),
        ("no-baseline", "error"),
        ("errored", "error"),
        ("interrupted", "failure"),
    ],
)
def test_a_probe_that_failed_is_a_failure_only_where_the_run_can_tell(outcome: str, state: str) -> None:
    made = probed(outcome, probe("a", "Failed"), probe("b", "Passed"), probe("c", "N/A"))
    made["injected_at"] = made["injected_at"] or made["at"]
    (case,) = cases(made)
    assert [part.state for part in case.parts] == [state, "pass", "skipped"]


def test_a_condition_that_broke_under_the_fault_says_when_and_for_how_long() -> None:
    ((part,),) = (case.parts for case in cases(weak()))
    assert part.state == "failure"
    assert (
        part.words == "0.2 at cart-1, expected below 0.05; broken 0:05 after the injection, back after 20 s"
    )


@pytest.mark.parametrize(
    ("outcome", "looks", "state"),
    [
        ("passed", [look(1, True, 0.0, stage="before"), look(25, True, 0.0)], "pass"),
        ("passed", [look(1, True, 0.0, stage="before")], "pass"),
        ("no-baseline", [look(1, False, 0.2, stage="before")], "error"),
        ("no-baseline", [look(1, None, stage="before")], "error"),
        ("cannot-start", [look(1, True, 0.0, stage="before")], "skipped"),
        ("weakness-found", [look(25, True, 0.0), look(60, False, 0.2, stage="after")], "failure"),
        ("errored", [look(25, None), look(30, None)], "error"),
        ("no-baseline", [look(15, False, 0.2, injected=False), look(25, True, 0.0)], "error"),
    ],
)
def test_a_condition_is_judged_by_its_looks(outcome: str, looks: list[dict[str, object]], state: str) -> None:
    ((part,),) = (case.parts for case in cases(run(outcome, steady_state=looks)))
    assert part.state == state


def test_steps_that_did_not_help_are_failures_only_where_nothing_did() -> None:
    assert [part.state for part in cases(recovery())[0].parts] == ["skipped", "pass"]
    assert [part.state for part in cases(recovery("not-recovered"))[0].parts] == ["failure", "failure"]
