"""What keeps an engine's pods from their work is told in time, however briefly the kubelet shows it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.experiments.made import RUNS, UID, engine, observed

from chaoskit.experiments import stuck
from chaoskit.experiments.terminal import Ending, Observed, decide, seen
from chaoskit.ports.cluster import Object

SHARED = Path(os.environ.get("CHAOSKIT_SHARED", Path(__file__).parents[2].parent / "shared"))
RECORDED = SHARED / "recordings" / "kubernetes" / "pod-lifecycle.jsonl"

State = dict[str, Any]
RUNNING: State = {"running": {}}
PANICKED: State = {"terminated": {"exitCode": 2, "reason": "Error"}}
DONE: State = {"terminated": {"exitCode": 0, "reason": "Completed"}}


def waiting(reason: str, message: str = "") -> State:
    return {"waiting": {"reason": reason, "message": message}}


HELD_BACK = waiting("CrashLoopBackOff")


def runner(state: State, restarts: int, *, phase: str = "Running", init: bool = False) -> Object:
    status = {"name": "c", "state": state, "restartCount": restarts}
    place = "initContainerStatuses" if init else "containerStatuses"
    meta = {"name": "web-chaos-runner", "labels": {"chaosUID": UID}}
    containers = [{"name": "c", "image": "an/image:1"}]
    spec = {"initContainers": containers, "containers": []} if init else {"containers": containers}
    return {"metadata": meta, "spec": spec, "status": {"phase": phase, place: [status]}}


def known(*states: tuple[float, Object]) -> Observed:
    found = observed(RUNS)
    for at, body in states:
        found = seen(found, "Pod", "MODIFIED", body, at)
    return found


def loop(
    until: float, *, since: float = 0.0, ran: float = 2.0, held: float = 20.0
) -> list[tuple[float, Object]]:
    """A runner that panics after so long, ends, is told to be held back for a moment, and runs again."""
    found, at, count = [], since, 1
    while at < until:
        found += [(at, runner(PANICKED, count)), (at + held, runner(HELD_BACK, count))]
        at, count = at + held + 0.3, count + 1
        found.append((at, runner(RUNNING, count)))
        at += ran
    return found


def first(changes: list[tuple[float, Object]]) -> tuple[float, Ending] | None:
    """The first end that the rules tell, asked every half second, and when."""
    found, now = observed(RUNS), 0.0
    for at, body in changes:
        while now < at:
            now = min(now + 0.5, at)
            if (ending := decide(found, now)) is not None:
                return now, ending
        found = seen(found, "Pod", "MODIFIED", body, now)
    return None


def test_a_runner_that_crashes_again_and_again_is_told_after_a_minute_of_it() -> None:
    told = first(loop(200))
    assert told is not None
    at, ending = told
    assert ending.how == "cannot-start"
    assert 60 <= at < 64
    assert ending.reason == (
        "pod web-chaos-runner does not start: container c crashes again and again (exit code 2, Error)"
    )


def test_it_is_not_told_while_it_runs_again_for_that_may_be_the_time_that_it_holds() -> None:
    body = known((0.0, runner(PANICKED, 1)), (59.0, runner(RUNNING, 2)))
    assert decide(body, 3000) is None
    ends = seen(body, "Pod", "MODIFIED", runner(PANICKED, 2), 61.0)
    assert decide(ends, 61) is not None


def test_one_that_held_has_crashed_for_the_last_time_until_it_does_so_again() -> None:
    body = known((0.0, runner(PANICKED, 1)), (50.0, runner(RUNNING, 2)), (61.0, runner(PANICKED, 2)))
    assert decide(body, 120) is None
    held_back = seen(body, "Pod", "MODIFIED", runner(HELD_BACK, 2), 100.0)
    assert decide(held_back, 122) is not None


def test_a_restart_that_was_missed_is_none_that_did_not_hold() -> None:
    body = known((0.0, runner(PANICKED, 1)), (20.0, runner(RUNNING, 2)), (300.0, runner(PANICKED, 3)))
    assert decide(body, 301) is None
    again = known((0.0, runner(PANICKED, 1)), (20.0, runner(RUNNING, 2)), (300.0, runner(RUNNING, 3)))
    assert decide(seen(again, "Pod", "MODIFIED", runner(PANICKED, 3), 301.0), 302) is None


def test_what_ends_well_after_crashes_or_ends_for_good_does_not_crash() -> None:
    assert decide(known((0.0, runner(PANICKED, 1)), (5.0, runner(DONE, 1))), 500) is None
    assert decide(known((0.0, runner(PANICKED, 1, phase="Failed"))), 500) is None
    assert decide(known((0.0, runner(PANICKED, 0))), 500) is None


def test_a_container_that_cannot_be_made_is_told_in_the_kubelets_words() -> None:
    told = decide(known((0.0, runner(waiting("RunContainerError", "no such file"), 0))), 60)
    assert told is not None
    assert told.reason.endswith("does not start: RunContainerError no such file")
    assert told.hint == ""


def test_a_program_that_never_began_is_told_in_the_runtimes_words() -> None:
    ended = {"exitCode": 128, "reason": "StartError", "message": 'exec: "litmus": not found'}
    told = decide(known((0.0, runner({"terminated": ended}, 1))), 60)
    assert told is not None
    assert told.reason.endswith('does not start: StartError of container c: exec: "litmus": not found')
    assert told.hint == ""


def puller(reason: str, *, init: bool = False) -> Object:
    return runner(waiting(reason, "no such thing"), 0, phase="Pending", init=init)


@pytest.mark.parametrize("failed", ["ErrImagePull", "RegistryUnavailable", "SignatureValidationFailed"])
@pytest.mark.parametrize("init", [False, True])
def test_an_image_that_could_not_be_pulled_twice_is_told_by_its_name_after_half_a_minute(
    failed: str, *, init: bool
) -> None:
    fails, held = puller(failed, init=init), puller("ImagePullBackOff", init=init)
    body = known((0.0, fails), (11.0, held), (26.0, fails), (27.0, held))
    assert decide(body, stuck.PULL_FAILS - 1) is None
    told = decide(body, stuck.PULL_FAILS)
    assert told is not None
    assert told.reason == "image an/image:1 of pod web-chaos-runner cannot be pulled"


def test_an_image_that_is_not_asked_for_is_told_after_half_a_minute() -> None:
    for reason in ("InvalidImageName", "ErrImageNeverPull", "ImageInspectError"):
        body = known((0.0, puller(reason)))
        assert (decide(body, 29) is None, decide(body, 30) is None) == (True, False)


def test_a_pull_that_is_tried_again_is_waited_for_until_it_fails_as_well() -> None:
    body = known((0.0, puller("ErrImagePull")), (11.0, puller("ImagePullBackOff")))
    assert decide(body, 170) is None
    assert decide(seen(body, "Pod", "MODIFIED", runner(RUNNING, 0), 170.0), 500) is None
    assert decide(seen(body, "Pod", "MODIFIED", puller("ErrImagePull"), 170.0), 170) is not None


FAILS, HELD, MADE = (waiting(each) for each in ("ErrImagePull", "ImagePullBackOff", "ContainerCreating"))


def both(one: State, other: State) -> Object:
    """A runner of two containers with an image each."""
    body = runner(one, 0, phase="Pending")
    body["spec"]["containers"].append({"name": "d", "image": "another/image:1"})
    body["status"]["containerStatuses"].append({"name": "d", "state": other, "restartCount": 0})
    return body


def test_two_images_that_fail_for_the_first_time_in_turn_are_waited_for() -> None:
    turns = ((0.0, both(FAILS, MADE)), (12.0, both(HELD, FAILS)), (25.0, both(HELD, HELD)))
    body = known(*turns)
    assert decide(body, 179) is None
    again = seen(body, "Pod", "MODIFIED", both(HELD, FAILS), 40.0)
    assert decide(again, 41) is None
    told = decide(again, 42)
    assert told is not None
    assert told.reason == "image another/image:1 of pod web-chaos-runner cannot be pulled"


def test_a_pull_that_is_tried_again_has_as_long_as_a_first_one() -> None:
    for state in ("ErrImagePull", "ImagePullBackOff"):
        body = known((0.0, puller(state)))
        assert decide(body, 179) is None
        told = decide(body, 180)
        assert told is not None
        assert told.reason == "image an/image:1 of pod web-chaos-runner cannot be pulled"


def test_an_init_container_that_crashes_is_told_before_the_pod_was_pending_for_long() -> None:
    body = runner(HELD_BACK, 3, phase="Pending", init=True)
    told = decide(known((0.0, body)), stuck.CRASHES)
    assert told is not None
    assert "container c crashes" in told.reason


def pulling(**spec: Any) -> Observed:
    """A runner whose image is being pulled, of an engine whose experiment has this spec."""
    body = engine()
    body["spec"]["experiments"] = [{"name": "pod-delete", "spec": spec}]
    state = runner(waiting("ContainerCreating"), 0, phase="Pending")
    return seen(observed(("ChaosEngine", body)), "Pod", "MODIFIED", state, 0.0)


def checks(**timeouts: Any) -> dict[str, Any]:
    return {"components": {"statusCheckTimeouts": timeouts}}


@pytest.mark.parametrize(
    ("spec", "at"),
    [
        ({}, 180),
        (checks(), 180),
        (checks(delay=2), 180),
        (checks(timeout=60), 180),
        (checks(timeout=600), 600),
        (checks(timeout="600"), 180),
    ],
)
def test_a_pull_is_waited_for_as_long_as_litmus_waits_for_it(spec: dict[str, Any], at: float) -> None:
    body = pulling(**spec)
    assert decide(body, at - 1) is None
    told = decide(body, at)
    assert told is not None
    assert told.reason == (
        "pod web-chaos-runner is pending: "
        "its image is still being pulled, or a volume or an init container of it is not ready"
    )


def test_a_pod_whose_node_does_not_begin_with_it_is_told_after_two_minutes() -> None:
    body = pulling(**checks(timeout=600))
    unseen = runner(waiting(""), 0, phase="Pending")
    assert decide(seen(body, "Pod", "MODIFIED", unseen, 1.0), 119) is None
    told = decide(seen(body, "Pod", "MODIFIED", unseen, 1.0), 120)
    assert told is not None
    assert "no reason is known" in told.reason


# ------------------------------------------------------------------------------------------ recorded


def recorded(scenario: str) -> Iterator[tuple[float, Object]]:
    """The recorded pod as if it were the engine's runner; later it stays as it was last."""
    with RECORDED.open(encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if row["scenario"] == scenario]
    pods = [row for row in rows if row["kind"] == "Pod" and row["type"] != "DELETED"]
    for row in pods:
        meta = {**row["object"]["metadata"], "name": "web-chaos-runner", "labels": {"chaosUID": UID}}
        yield row["t"], {**row["object"], "metadata": meta}
    yield row["t"] + 200, row["object"]


@pytest.mark.skipif(not RECORDED.exists(), reason=f"no recordings at {RECORDED}")
@pytest.mark.parametrize(
    ("scenario", "at", "words"),
    [
        ("crash-loop", 64.5, "container crash crashes again and again (exit code 3, Error)"),
        ("oom-killed", 66.1, "container oom crashes again and again (exit code 137, OOMKilled)"),
        ("image-pull-error", 31.5, "image registry.invalid/team/none:1 of pod web-chaos-runner cannot"),
        ("unschedulable", 120.0, "is pending: 0/1 nodes are available: 1 Insufficient cpu"),
    ],
)
def test_a_recorded_pod_that_does_not_come_up_is_told_in_time(scenario: str, at: float, words: str) -> None:
    told = first(list(recorded(scenario)))
    assert told is not None
    assert words in told[1].reason
    assert told[0] == pytest.approx(at, abs=1)


@pytest.mark.skipif(not RECORDED.exists(), reason=f"no recordings at {RECORDED}")
@pytest.mark.parametrize("scenario", ["readiness-flap", "deployment-pod-replace"])
def test_recorded_pods_that_work_are_never_told(scenario: str) -> None:
    assert first(list(recorded(scenario))) is None
