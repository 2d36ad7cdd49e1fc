from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from tests.experiments.made import INJECTED, RUNS, event, observed, result

from chaoskit.experiments import verdict
from chaoskit.experiments.terminal import Ending, Observed, seen
from chaoskit.experiments.verdict import (
    Judged,
    final,
    held_words,
    of_baseline,
    of_litmus,
    of_steady_state,
    once_undone,
)
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Object
from chaoskit.records import Undo
from chaoskit.reports.conditions import courses
from chaoskit.steadystate.comparing import Judgement
from chaoskit.steadystate.conditions import AlertCondition, Condition
from chaoskit.steadystate.looks import Look, Observation, Stage

SETTLED = Ending("settled")


def experiment(*modes: str, stops: bool = False) -> dict[str, Any]:
    probes = [{"name": mode, "mode": mode, "runProperties": {"stopOnFailure": stops}} for mode in modes]
    return {"name": "pod-delete", "spec": {"probe": probes}}


def statuses(**verdicts: str) -> list[dict[str, Any]]:
    return [{"name": name, "status": {"verdict": each}} for name, each in verdicts.items()]


def judged(body: Object, spec: dict[str, Any] | None = None, *, injected: bool = True, **more: Any) -> Judged:
    changes = [RUNS, ("ChaosResult", body)] + ([INJECTED] if injected else [])
    return of_litmus([spec or experiment()], observed(*changes), SETTLED, **more)


def test_a_pass_needs_an_injection_or_an_effect() -> None:
    assert judged(result("Pass")).outcome is Outcome.PASSED
    assert judged(result("Pass"), injected=False).outcome is Outcome.ERRORED
    assert judged(result("Pass"), injected=False, affected=True).outcome is Outcome.PASSED


def filling(*marks: str) -> Observed:
    """A disk-fill that Litmus announced and calls passed, whose result had these marks before."""

    def of_filling(body: Object) -> Object:
        body["spec"] = {"experiment": "disk-fill"}
        body["metadata"]["name"] = "web-chaos-disk-fill"
        return body

    known = dataclasses.replace(observed(RUNS), experiments=("disk-fill",))
    told = event("ChaosInject")
    told["metadata"]["name"] = "ChaosInjectdisk-fill0f1e"
    bodies = [of_filling(result("Awaited")) for _ in marks]
    for body, mark in zip(bodies, marks, strict=True):
        body["metadata"]["annotations"] = {"pod/web-1-a": mark}
    history = {"targets": [{"name": "web-1-a", "kind": "pod", "chaosStatus": "reverted"}]}
    bodies.append(of_filling(result("Pass", history=history)))
    known = seen(known, "Event", "ADDED", told, 0.0)
    for body in bodies:
        known = seen(known, "ChaosResult", "MODIFIED", body, 0.0)
    return known


@pytest.mark.parametrize(
    ("marks", "affected", "outcome"),
    [
        ((), False, Outcome.ERRORED),
        (("reverted",), False, Outcome.ERRORED),
        (("reverted",), True, Outcome.PASSED),
        (("injected",), False, Outcome.PASSED),
        (("injected", "reverted"), False, Outcome.PASSED),
    ],
)
def test_a_disk_is_filled_only_when_its_helper_says_so(
    marks: tuple[str, ...], affected: bool, outcome: Outcome
) -> None:
    """Litmus announces it before it finds that there is no room, and marks the target as reverted then."""
    found = of_litmus([{"name": "disk-fill"}], filling(*marks), SETTLED, affected=affected)
    assert found.outcome is outcome
    assert outcome is Outcome.PASSED or "nothing left to fill" in found.reason


@pytest.mark.parametrize("mode", ["EOT", "Continuous", "OnChaos"])
def test_a_probe_that_fails_after_or_during_the_fault_is_a_weakness(mode: str) -> None:
    body = result("Fail", probeStatuses=statuses(**{mode: "Failed"}))
    assert judged(body, experiment(mode)).outcome is Outcome.WEAKNESS_FOUND


def test_a_probe_that_fails_before_is_no_baseline_whatever_fails_later() -> None:
    body = result("Fail", probeStatuses=statuses(SOT="Failed", EOT="Failed"))
    assert judged(body, experiment("SOT", "EOT")).outcome is Outcome.NO_BASELINE


def test_an_edge_probe_that_failed_the_first_check_is_no_baseline() -> None:
    body = result("Stopped", probeStatuses=statuses(Edge="Failed"))
    checked = ("Event", event("PreChaosCheck", "Probes: Unsuccessful"))
    known = observed(RUNS, ("ChaosResult", body), checked)
    found = of_litmus([experiment("Edge", stops=True)], known, SETTLED)
    assert found.outcome is Outcome.NO_BASELINE


def test_an_edge_probe_without_a_gate_that_failed_is_not_judged_unless_another_failed_as_well() -> None:
    """As recorded, ``PreChaosCheck`` says Successful of a probe that failed without stopping the run."""
    checked = ("Event", event("PreChaosCheck", "Probes: Successful"))
    body = result("Fail", probeStatuses=statuses(Edge="Failed", EOT="Passed"))
    known = observed(RUNS, INJECTED, checked, ("ChaosResult", body))
    found = of_litmus([experiment("Edge", "EOT")], known, SETTLED)
    assert found.outcome is Outcome.ERRORED
    assert "before the fault or after it" in found.reason
    stopped = of_litmus([experiment("Edge", "EOT", stops=True)], known, SETTLED)
    assert stopped.outcome is Outcome.WEAKNESS_FOUND
    body = result("Fail", probeStatuses=statuses(Edge="Failed", EOT="Failed"))
    assert judged(body, experiment("Edge", "EOT")).outcome is Outcome.WEAKNESS_FOUND


def test_a_probe_that_stops_the_run_under_the_fault_is_a_weakness() -> None:
    body = result("Stopped", probeStatuses=statuses(Continuous="Failed"))
    assert judged(body, experiment("Continuous", stops=True)).outcome is Outcome.WEAKNESS_FOUND


def test_a_stop_without_a_failed_probe_is_another_hand() -> None:
    assert judged(result("Stopped")).outcome is Outcome.ERRORED
    assert judged(result("Stopped"), injected=False).outcome is Outcome.CANNOT_START


def test_a_failure_without_an_injection_is_not_judged() -> None:
    body = result("Fail", probeStatuses=statuses(EOT="Failed"))
    assert judged(body, experiment("EOT"), injected=False).outcome is Outcome.ERRORED


def test_an_error_tells_code_and_reason_and_whether_anything_was_injected() -> None:
    reason = json.dumps({"errorCode": "HELPER_ERROR", "reason": "no socket"})
    output = {"errorCode": "HELPER_ERROR", "reason": reason}
    body = result("Error")
    body["status"]["experimentStatus"]["errorOutput"] = output
    assert judged(body).outcome is Outcome.ERRORED
    assert judged(body, injected=False) == Judged(Outcome.CANNOT_START, "pod-delete: HELPER_ERROR no socket")


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        ({"failStep": "could not delete"}, "could not delete"),
        ({"errorOutput": {"errorCode": "X", "reason": '[{"reason":"a"},{"reason":"b"}]'}}, "X a; b"),
        ({}, "Litmus reports an error without a reason"),
    ],
)
def test_reasons_are_read_in_all_spellings(inner: dict[str, Any], words: str) -> None:
    assert verdict.error_of({"status": {"experimentStatus": inner}}) == words


def test_an_effect_that_was_seen_but_never_announced_counts_as_an_injection() -> None:
    failed = result("Fail", probeStatuses=statuses(EOT="Failed"))
    seen = judged(failed, experiment("EOT"), injected=False, affected=True)
    assert seen.outcome is Outcome.WEAKNESS_FOUND
    assert judged(result("Error"), injected=False, affected=True).outcome is Outcome.ERRORED
    cannot = Ending("cannot-start", "the pod does not start")
    known = observed(RUNS)
    assert of_litmus([experiment()], known, cannot, affected=True).outcome is Outcome.ERRORED
    assert of_litmus([experiment()], known, cannot).outcome is Outcome.CANNOT_START


def test_several_experiments_end_with_the_gravest() -> None:
    second = {"name": "pod-cpu-hog"}
    known = observed(RUNS, ("ChaosResult", result("Pass")), INJECTED)
    found = of_litmus([experiment(), second], known, Ending("no-result", "no result"))
    assert found.outcome is Outcome.CANNOT_START


def test_a_weakness_that_was_found_stands_though_another_experiment_never_starts() -> None:
    failed = result("Fail", probeStatuses=statuses(EOT="Failed"))
    known = observed(RUNS, ("ChaosResult", failed), INJECTED)
    stuck = Ending("cannot-start", "ChaosExperiment pod-cpu-hog is missing")
    found = of_litmus([experiment("EOT"), {"name": "pod-cpu-hog"}], known, stuck)
    assert found.outcome is Outcome.WEAKNESS_FOUND


def condition() -> Condition:
    return Condition(name="errors", alert=AlertCondition(name="Down"))


def look(
    stage: Stage, *, held: bool | None, injected: bool = True, tolerated: bool = False,
    of: Condition | None = None, second: int = 0, late: bool = False,
) -> Observation:  # fmt: skip
    """One at a condition of its own, unless it is `of` another's."""
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    begun = Look(0, of or condition(), stage, at, 0.0, injected, tolerated, late=late)
    return Observation(begun, Judgement(held, "7", "below 5"), at)


def test_what_is_tolerated_is_not_judged() -> None:
    seen = [look("during", held=False, tolerated=True), look("after", held=None, tolerated=True)]
    assert of_steady_state([*seen, look("after undo", held=True)], injected=True) is None
    lost = of_steady_state([*seen, look("after undo", held=False)], injected=True)
    assert lost is not None
    assert lost.outcome is Outcome.WEAKNESS_FOUND


def test_a_baseline_that_is_broken_or_unknown_forbids_the_fault() -> None:
    assert of_baseline([look("before", held=True)]) is None
    for held, words in ((False, "is not there"), (None, "cannot be known")):
        found = of_baseline([look("before", held=held)])
        assert found is not None
        assert found.outcome is Outcome.NO_BASELINE
        assert words in found.reason


@pytest.mark.parametrize(
    ("stage", "held", "injected", "outcome"),
    [
        ("during", False, True, Outcome.WEAKNESS_FOUND),
        ("during", False, False, Outcome.NO_BASELINE),
        ("after", False, True, Outcome.WEAKNESS_FOUND),
        ("after undo", False, True, Outcome.WEAKNESS_FOUND),
        ("after undo", None, True, Outcome.ERRORED),
        ("during", None, True, Outcome.ERRORED),
        ("after", True, True, None),
    ],
)
def test_the_steady_state_is_judged_by_stage(
    stage: Stage, outcome: Outcome | None, *, held: bool | None, injected: bool
) -> None:
    found = of_steady_state([look(stage, held=held, injected=injected)], injected=injected)
    assert (found.outcome if found is not None else None) is outcome


def test_a_look_before_the_injection_is_never_under_the_fault() -> None:
    early = look("during", held=False, injected=False)
    found = of_steady_state([early, look("during", held=True)], injected=True)
    assert found is not None
    assert found.outcome is Outcome.NO_BASELINE


def astride(like: Observation, *, held: bool) -> Observation:
    return dataclasses.replace(look("during", held=held, injected=False, of=like.condition), astride=True)


def test_what_broke_astride_of_the_injection_is_neither_baseline_nor_weakness() -> None:
    after, during = look("after", held=True), look("during", held=True)
    found = of_steady_state([astride(after, held=False), after], injected=True)
    assert found is not None
    assert found.outcome is Outcome.ERRORED
    under = [astride(during, held=False), during]
    assert of_steady_state(under, injected=True) is None
    assert of_steady_state([astride(after, held=True), after], injected=True) is None


def test_what_breaks_under_the_fault_as_well_as_astride_of_it_is_a_weakness() -> None:
    broken = look("during", held=False)
    found = of_steady_state([astride(broken, held=False), broken], injected=True)
    assert found is not None
    assert found.outcome is Outcome.WEAKNESS_FOUND


def test_a_condition_that_is_regained_in_its_time_is_no_weakness() -> None:
    lost = look("after", held=False)
    again = [lost, look("after", held=True, of=lost.condition)]
    assert of_steady_state(again, injected=True) is None
    assert of_steady_state(again[::-1], injected=True) is not None


def test_one_look_that_fails_to_measure_is_no_gap_when_others_measured() -> None:
    missed = look("during", held=None)
    both = [missed, look("during", held=True, of=missed.condition)]
    assert of_steady_state(both, injected=True) is None


def test_a_condition_that_goes_dark_under_the_fault_is_not_known_though_it_held_before() -> None:
    same = condition()

    def looks(*held: bool | None) -> list[Observation]:
        return [look("during", held=each, of=same) for each in held]

    assert of_steady_state(looks(True, None, None, True), injected=True) is None
    dark = of_steady_state(looks(True, None, None, None, True), injected=True)
    assert dark is not None
    assert dark.outcome is Outcome.ERRORED


@pytest.mark.parametrize(
    ("held", "known"),
    [([None, True], True), ([None, None, True], False), ([None, True, None, True, None], False)],
)
def test_what_was_not_known_for_most_of_the_fault_is_not_known(
    held: list[bool | None], *, known: bool
) -> None:
    same = condition()
    looks = [look("during", held=each, of=same) for each in held]
    assert (of_steady_state(looks, injected=True) is None) is known


@pytest.mark.parametrize(
    ("late", "known"), [((True,), True), ((None, True), True), ((True, None), False), ((None, None), False)]
)
def test_what_was_not_known_at_the_end_of_its_lag_is_not_known(
    late: tuple[bool | None, ...], *, known: bool
) -> None:
    same = condition()
    looks = [look("during", held=True, of=same) for _ in range(6)]
    looks += [look("during", held=held, of=same, late=True) for held in late]
    assert (of_steady_state(looks, injected=True) is None) is known


@pytest.mark.parametrize("after", [True, None])
@pytest.mark.parametrize("late", range(3))
@pytest.mark.parametrize("during", [held for n in range(6) for held in product([True, None], repeat=n)])
def test_reports_call_dark_what_the_verdict_calls_unknown(
    during: tuple[bool | None, ...], late: int, *, after: bool | None
) -> None:
    same, over = condition(), len(during)
    seen = [
        look("during", held=held, of=same, second=second, late=second >= over - late)
        for second, held in enumerate(during)
    ]
    seen.append(look("after", held=after, of=same, second=over))
    (course,) = courses({"steady_state": [each.document() for each in seen], "injected_at": None})
    assert (of_steady_state(seen, injected=True) is None) == (course.dark is None)


@pytest.mark.parametrize(
    ("probes", "steady", "words"),
    [
        (True, True, "pod-delete was injected and every probe held"),
        (False, True, "pod-delete was injected, and the steady state held"),
        (False, False, "pod-delete was injected; there was no steady state to hold"),
    ],
)
def test_a_pass_says_of_nothing_that_it_held_but_of_what_was_declared(
    *, probes: bool, steady: bool, words: str
) -> None:
    declared = experiment("Edge") if probes else experiment()
    assert judged(result("Pass"), declared, unprobed=held_words(steady=steady)).reason == words


def test_an_unconfirmed_undo_goes_before_everything() -> None:
    weakness = Judged(Outcome.WEAKNESS_FOUND, "weak")
    assert final([weakness], Undo("confirmed")).outcome is Outcome.WEAKNESS_FOUND
    found = final([weakness], Undo("not confirmed", ("helper left",)))
    assert found.outcome is Outcome.UNDO_UNCONFIRMED
    assert found.reason == "the undo is not confirmed: helper left; weakness found: weak"


def test_what_is_graver_does_not_hide_the_rest() -> None:
    found = final(
        [
            Judged(Outcome.PASSED, "fine"),
            Judged(Outcome.INTERRUPTED, "stopped by the user"),
            Judged(Outcome.WEAKNESS_FOUND, "weak"),
            Judged(Outcome.WEAKNESS_FOUND, "weak"),
        ],
        Undo("confirmed"),
    )
    assert found == Judged(Outcome.INTERRUPTED, "stopped by the user; weakness found: weak")


@pytest.mark.parametrize(
    ("judged", "left", "once"),
    [
        (Outcome.WEAKNESS_FOUND, ("helper left",), Outcome.WEAKNESS_FOUND),
        (Outcome.PASSED, ("helper left",), Outcome.UNDO_UNCONFIRMED),
        (Outcome.PASSED, (), Outcome.PASSED),
    ],
)
def test_a_weakness_outlasts_an_undo_that_is_done_by_another(
    judged: Outcome, left: tuple[str, ...], once: Outcome
) -> None:
    assert once_undone([Judged(judged, "seen")], Undo("confirmed", left)) is once
