"""The recorded requests, made on a simulated cluster, lead to the recorded states and events, in time.

Every state of every Deployment, ReplicaSet and Pod is compared whole: phase, conditions with reasons and
messages, container states, counts, annotations. The differences permitted are listed with their reasons.
"""

from __future__ import annotations

import difflib
import functools
import json
import os
from pathlib import Path

import pytest
from tests.simulator import recorded
from tests.simulator.recorded import History
from tests.simulator.world import World, pod_spec

from chaoskit.simulator.api import Object

_SHARED = Path(os.environ.get("CHAOSKIT_SHARED") or Path(__file__).parents[2].parent / "shared")
FOLDER = _SHARED / "recordings" / "kubernetes"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the recordings are not there: {FOLDER}")

SCENARIOS = (
    "crash-loop",
    "deployment-pod-replace",
    "image-pull-error",
    "oom-killed",
    "readiness-flap",
    "rollout-stuck",
    "unschedulable",
)
OBJECTS = [
    (scenario, kind, number)
    for scenario in SCENARIOS
    for kind, number in (("Deployment", 0), ("ReplicaSet", 0), ("Pod", 0))
] + [
    ("deployment-pod-replace", "Pod", 1),
    ("deployment-pod-replace", "Pod", 2),
    ("deployment-pod-replace", "Pod", 3),
    ("rollout-stuck", "Pod", 1),
    ("rollout-stuck", "Pod", 2),
    ("rollout-stuck", "ReplicaSet", 1),
]
PERMITTED = {
    ("deployment-pod-replace", "Deployment", 0): (
        1,
        1,
        "a pod deleted by force is terminating for the few milliseconds between two watch events",
    ),
    ("deployment-pod-replace", "ReplicaSet", 0): (1, 1, "the same"),
    ("deployment-pod-replace", "Pod", 2): (
        0,
        2,
        "the recorded node was busy, and wrote one status where it usually writes three",
    ),
}
"""How many recorded states may be missing, how many others may be there, and why."""

LATE = {"readiness-flap": 2.0}
"""Seconds that a state may come early or late, where not one: a probe's period begins anywhere in two."""
BACKED_OFF = {"crash-loop": 0.25, "image-pull-error": 0.25, "oom-killed": 0.25}
"""The share of its time beside: recorded back-offs are jittered by up to half, and so are simulated ones."""


@functools.cache
def histories(scenario: str) -> tuple[History, History]:
    """The recorded history of a scenario, and the simulated one, for a third longer."""
    real = recorded.recording(FOLDER, scenario)
    end = max(step.at for steps in real.steps.values() for step in steps)
    return real, recorded.replay(FOLDER, scenario, end * 1.3)


@pytest.mark.parametrize(("scenario", "kind", "number"), OBJECTS)
def test_an_object_goes_through_the_recorded_states(scenario: str, kind: str, number: int) -> None:
    real, simulated = (history.of(kind, number) for history in histories(scenario))
    before, after = ([repr(step.state) for step in steps] for steps in (real, simulated))
    absent, added = 0, 0
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for _, a, b, c, d in (op for op in matcher.get_opcodes() if op[0] != "equal"):
        absent += b - a
        added += 0 if a == b == len(before) else d - c  # it goes on after the recording's end
    most_absent, most_added, _ = PERMITTED.get((scenario, kind, number), (0, 0, ""))
    assert absent <= most_absent
    assert added <= most_added


@pytest.mark.parametrize(("scenario", "kind", "number"), OBJECTS)
def test_recorded_states_come_when_they_came(scenario: str, kind: str, number: int) -> None:
    real, simulated = (history.of(kind, number) for history in histories(scenario))
    matcher = difflib.SequenceMatcher(
        None, [repr(s.state) for s in real], [repr(s.state) for s in simulated], autojunk=False
    )
    for a, b, size in matcher.get_matching_blocks():
        for i in range(size):
            late = simulated[b + i].at - real[a + i].at
            assert abs(late) < LATE.get(scenario, 1.0) + BACKED_OFF.get(scenario, 0.0) * real[a + i].at


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_events_tell_the_recorded_story(scenario: str) -> None:
    real, simulated = histories(scenario)
    for kind, names in real.names.items():
        for name, other in zip(names, simulated.names[kind], strict=True):
            assert _told(simulated, other) == _told(real, name)


@pytest.mark.parametrize("scenario", ["crash-loop", "oom-killed", "image-pull-error"])
def test_what_happens_again_is_counted(scenario: str) -> None:
    real, simulated = histories(scenario)
    name, other = real.names["Pod"][0], simulated.names["Pod"][0]
    for (about, *told), count in real.counts.items():
        if about == name:
            assert abs(simulated.counts[other, *told] - count) <= 1, told


def _told(history: History, name: str) -> list[tuple[str, ...]]:
    """Each different event once. A probe that meets the end of its container is chance."""
    found = dict.fromkeys(history.events.get(name, ()))
    return [told for told in found if "connection refused" not in told[-1]]


def _job_state(job: Object) -> tuple[object, ...]:
    status = dict(job["status"])
    uncounted = status.pop("uncountedTerminatedPods", {})
    times = {"startTime", "completionTime"}
    told = [(c["type"], c["reason"], c["message"]) for c in status.pop("conditions", [])]
    counts = {name: value for name, value in status.items() if name not in times}
    present = sorted(times & set(status))
    return counts, present, {name: len(uids) for name, uids in uncounted.items()}, told


def _pod_end(pod: Object) -> tuple[object, ...]:
    conditions = [(c["type"], c["status"], c.get("reason")) for c in pod["status"]["conditions"]]
    return pod["status"]["phase"], conditions, pod["metadata"].get("finalizers")


def test_a_job_and_its_pod_go_through_the_recorded_states() -> None:
    jobs: list[tuple[object, ...]] = []
    ends: list[tuple[object, ...]] = []
    with (_SHARED / "recordings" / "litmus" / "pod-delete-pass.jsonl").open() as lines:
        for line in map(json.loads, lines):
            body = line["object"]
            if line["kind"] == "Job":
                _append(jobs, _job_state(body))
            elif line["kind"] == "Pod" and "job-name" in body["metadata"]["labels"] and line["t"] > 30:
                _append(ends, _pod_end(body))
    world = World()
    simulated: list[tuple[object, ...]] = []
    ended: list[tuple[object, ...]] = []
    world.api.watch("Job.batch", lambda _, body: _append(simulated, _job_state(body)))
    template = {"spec": pod_spec(["sleep", "32"]) | {"restartPolicy": "Never"}}
    world.make("Job", "pod-delete", {"template": template})
    world.run(20)
    world.api.watch("Pod", lambda _, body: _append(ended, _pod_end(body)))
    world.run(40)
    assert simulated == jobs
    assert ended[1:] == ends


def _append(states: list[tuple[object, ...]], state: tuple[object, ...]) -> None:
    if not states or states[-1] != state:
        states.append(state)
