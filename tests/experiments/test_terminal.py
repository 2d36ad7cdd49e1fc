from __future__ import annotations

import dataclasses
from typing import Any

from tests.experiments.made import INJECTED, RUNS, UID, engine, event, observed, result

from chaoskit.experiments import terminal
from chaoskit.experiments.terminal import decide, seen
from chaoskit.ports.cluster import Object


def chaos_pod(name: str, reason: str = "", phase: str = "Pending") -> Object:
    waiting: Any = {"waiting": {"reason": reason}} if reason else {"running": {}}
    status = {"phase": phase, "containerStatuses": [{"name": "c", "state": waiting, "restartCount": 0}]}
    meta = {"name": name, "labels": {"chaosUID": UID}}
    return {
        "metadata": meta,
        "spec": {"containers": [{"name": "c", "image": "an/image:1"}]},
        "status": status,
    }


def test_a_run_goes_on_while_its_result_is_awaited() -> None:
    assert decide(observed(RUNS, ("ChaosResult", result("Awaited"))), 5000) is None


def test_a_settled_result_ends_it_before_the_engine_says_so() -> None:
    ending = decide(observed(RUNS, ("ChaosResult", result("Pass"))), 1)
    assert ending is not None
    assert ending.how == "settled"


def test_a_result_of_another_engine_or_from_before_is_not_read() -> None:
    assert decide(observed(RUNS, ("ChaosResult", result("Pass", uid="other"))), 1) is None
    old = {"web-chaos-pod-delete": "9"}
    assert decide(observed(RUNS, ("ChaosResult", result("Pass")), old=old), 1) is None
    assert decide(observed(RUNS, ("ChaosResult", result("Pass", version="10")), old=old), 1) is not None


def test_a_completed_engine_without_a_result_gets_ten_seconds() -> None:
    known = observed(("ChaosEngine", engine("completed", "stop")))
    assert decide(known, 9) is None
    ending = decide(known, 10)
    assert ending is not None
    assert ending.how == "no-result"


def test_a_completed_engine_with_an_awaited_result_has_lost_its_experiment() -> None:
    known = observed(("ChaosEngine", engine("completed")), ("ChaosResult", result("Awaited")))
    ending = decide(known, 10)
    assert ending is not None
    assert ending.how == "died"


def test_a_foreign_engine_of_the_same_name_changes_nothing() -> None:
    other = engine("stopped")
    other["metadata"]["uid"] = "other"
    assert observed(("ChaosEngine", other)).engine is None


def test_an_engine_that_is_never_taken_up_is_told_after_half_a_minute() -> None:
    known = observed(("ChaosEngine", engine("")))
    assert decide(known, 29) is None
    ending = decide(known, 30)
    assert ending is not None
    assert "no Litmus operator" in ending.reason


def test_pull_errors_count_from_the_first_through_all_their_names() -> None:
    known = observed(RUNS)
    for at, reason in ((0.0, "ErrImagePull"), (10.0, "ImagePullBackOff"), (25.0, "ErrImagePull")):
        known = seen(known, "Pod", "MODIFIED", chaos_pod("job-1", reason), at)
    assert decide(known, 29) is None
    ending = decide(known, 30)
    assert ending is not None
    assert "an/image:1" in ending.reason


def test_a_pull_that_works_at_last_starts_the_count_anew() -> None:
    known = seen(observed(RUNS), "Pod", "ADDED", chaos_pod("job-1", "ErrImagePull"), 0.0)
    known = seen(known, "Pod", "MODIFIED", chaos_pod("job-1", phase="Running"), 20.0)
    known = seen(known, "Pod", "MODIFIED", chaos_pod("job-1", "ErrImagePull"), 25.0)
    assert decide(known, 40) is None


def test_a_pending_pod_is_told_with_the_schedulers_reason() -> None:
    body = chaos_pod("job-1")
    unschedulable = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes fit"}
    body["status"] = {"phase": "Pending", "conditions": [unschedulable]}
    ending = decide(seen(observed(RUNS), "Pod", "ADDED", body, 0.0), 120)
    assert ending is not None
    assert "0/3 nodes fit" in ending.reason


def test_a_start_that_fails_is_forgotten_once_a_runner_is_there() -> None:
    complaint = event("ChaosResourcesOperationFailed", "(chaos start) Unable to get chaos resources")
    known = observed(RUNS, ("Event", complaint))
    assert decide(known, 20) is not None
    runner = chaos_pod("web-chaos-runner", phase="Running")
    assert decide(seen(known, "Pod", "ADDED", runner, 1.0), 20) is None


def test_a_skipped_experiment_ends_it_at_once() -> None:
    entry = {"name": "pod-delete", "status": "ChaosExperiment Not Found"}
    ending = decide(observed(("ChaosEngine", engine(experiments=[entry]))), 1)
    assert ending is not None
    assert ending.how == "cannot-start"


def test_an_engine_that_is_stopped_or_gone_has_ended() -> None:
    stopped = decide(observed(("ChaosEngine", engine("stopped", "stop"))), 1)
    gone = decide(seen(observed(RUNS), "ChaosEngine", "DELETED", engine(), 1.0), 1)
    assert stopped is not None
    assert gone is not None
    assert (stopped.how, gone.how) == ("stopped", "deleted")


def test_an_operator_that_ignores_a_stop_is_not_waited_for_for_ever() -> None:
    known = observed(("ChaosEngine", engine("initialized", "stop")))
    assert decide(known, terminal.STOP_LAGS - 1) is None
    assert decide(known, terminal.STOP_LAGS) is not None


def test_injections_are_known_by_experiment() -> None:
    known = observed(RUNS, INJECTED)
    assert terminal.injected_of(known, "pod-delete")
    assert not terminal.injected_of(known, "pod-cpu-hog")
    assert not observed(RUNS, ("Event", event("ChaosInject", uid="other"))).injected


def test_an_injection_is_not_that_of_an_experiment_whose_name_begins_alike() -> None:
    known = dataclasses.replace(
        observed(RUNS),
        experiments=("pod-cpu-hog", "pod-cpu-hog-exec"),
        injections={"ChaosInjectpod-cpu-hog-exec0f1e": 1},
    )
    assert terminal.injected_of(known, "pod-cpu-hog-exec")
    assert not terminal.injected_of(known, "pod-cpu-hog")


def marked(verdict: str = "Awaited", **marks: str) -> Object:
    body = result(verdict)
    body["metadata"]["annotations"] = {f"pod/{name}": word for name, word in marks.items()}
    return body


def course(*changes: tuple[float, str, Object]) -> terminal.Observed:
    known = observed(RUNS)
    for at, kind, body in changes:
        known = seen(known, kind, "MODIFIED", body, at)
    return known


HOG = (
    (21.2, "ChaosResult", marked(a="injected")),
    (21.2, "Event", event("ChaosInject")),
    (41.2, "ChaosResult", marked(a="reverted")),
    (45.1, "Event", event("PostChaosCheck")),
    (51.1, "ChaosResult", result("Pass")),
)
"""The moments of a recorded hog of 20 s."""


def test_a_fault_is_over_when_litmus_reverted_it_not_when_its_verdict_settles() -> None:
    assert terminal.over(course(*HOG), {}) == 41.2


def test_pods_one_after_the_other_are_over_with_the_last() -> None:
    later = ((46.0, marked(a="reverted", b="injected")), (66.0, marked(a="reverted", b="reverted")))
    known = course(*HOG[:3], *((at, "ChaosResult", body) for at, body in later))
    assert terminal.over(known, {}) == 66.0


def test_a_mark_that_was_never_taken_back_leaves_it_to_the_checks_afterwards_or_to_the_undo() -> None:
    left = course(*HOG[:2], (30.0, "ChaosResult", marked(a="injected", b="reverted")))
    assert terminal.over(left, {}) is None
    told = seen(left, "Event", "ADDED", event("PostChaosCheck"), 45.1)
    assert terminal.over(told, {}) == 45.1


def test_what_strikes_is_over_with_its_time_however_long_litmus_waits_for_whole_targets() -> None:
    again = {**event("ChaosInject"), "count": 2}
    kills = course((18.3, *INJECTED), (37.2, "Event", again), (60.0, "Event", event("PostChaosCheck")))
    assert terminal.over(kills, {"pod-delete": 20.0}) == 38.3
    assert terminal.over(kills, {"pod-delete": 15.0}) == 37.2
    assert terminal.over(kills, {"pod-delete": 90.0}) == 60.0
    assert terminal.over(course((18.3, *INJECTED)), {"pod-delete": 20.0}) is None


def test_a_fault_that_was_stopped_is_over_when_it_is_taken_back_before_its_verdict_or_after_it() -> None:
    reverted, stopped = marked(a="reverted"), result("Stopped")
    assert terminal.over(course(*HOG[:2], (31.9, "ChaosResult", reverted)), {}) == 31.9
    assert (
        terminal.over(course(*HOG[:2], (31.9, "ChaosResult", reverted), (33.2, "ChaosResult", stopped)), {})
        == 31.9
    )
    early = course(*HOG[:2], (33.2, "ChaosResult", marked("Stopped", a="injected")))
    assert terminal.over(early, {}) is None
    assert (
        terminal.over(seen(early, "ChaosResult", "MODIFIED", marked("Stopped", a="reverted"), 34.0), {})
        == 34.0
    )


def test_a_mark_that_is_only_in_the_history_any_more_was_not_taken_back() -> None:
    history = {"targets": [{"name": "a", "kind": "pod", "chaosStatus": "injected"}]}
    died = course(*HOG[:2], (35.0, "ChaosResult", result("Stopped", history=history)))
    assert terminal.over(died, {}) is None


def test_what_is_stopped_strikes_no_more_after_its_last_strike() -> None:
    again = {**event("ChaosInject"), "count": 2}
    kills = course((10.9, *INJECTED), (31.0, "Event", again), (31.8, "ChaosResult", result("Stopped")))
    assert terminal.over(kills, {"pod-delete": 60.0}) == 31.0
