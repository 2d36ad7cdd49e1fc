"""Each engine that was recorded on a real cluster is run unchanged and ends with the asked exit code."""

from __future__ import annotations

import copy
import threading
from dataclasses import replace

import pytest
from tests.experiments.conftest import RECORDINGS, Until, World, side_by_side, stopping

from chaoskit import kube
from chaoskit.clock import Stop
from chaoskit.errors import InvalidInput, NotFound
from chaoskit.experiments import Trial, load
from chaoskit.ports.cluster import ObjectRef

pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"no recordings in {RECORDINGS}")

PASSES = [
    "pod-delete-pass",
    "force-delete-pass",
    "container-kill-pass",
    "pod-cpu-hog-pass",
    "cleanup-delete",
    "two-experiments",
]
CANNOT_START = {
    "no-target-pods": "no pod is selected",
    "missing-experiment": "ChaosExperiment",
    "missing-serviceaccount": "service account",
    "sa-without-rights": "service account",
    "created-stopped": "engineState",
}


def trial(name: str) -> Trial:
    return load([str(RECORDINGS / "litmus" / f"{name}.yaml")])[0]


def prepared(world: World, name: str) -> Trial:
    made = trial(name)
    try:
        world.cluster.get(ObjectRef(kube.NAMESPACE, "", made.namespace))
    except NotFound:
        world.furnish(name, made.namespace)
    return made


def lasting(given: Trial) -> Trial:
    """The same with ten minutes of chaos: whoever acts in its middle need not be quick."""
    engine = copy.deepcopy(given.engine)
    assert engine is not None
    for each in engine["spec"]["experiments"]:
        tunables = each["spec"]["components"]["env"]
        (duration,) = [env for env in tunables if env["name"] == "TOTAL_CHAOS_DURATION"]
        duration["value"] = "600"
    return replace(given, engine=engine)


def test_a_fault_that_was_survived_passes_and_leaves_nothing(world: World) -> None:
    def passes(name: str) -> None:
        made = prepared(world, name)
        record = world.run(made)
        assert record.outcome.exit_code == 0, record.reason
        assert record.undo.state == "confirmed"
        assert record.injected_at is not None
        assert world.ours(made.namespace) == []
        assert world.at_work(made.namespace) == []
        assert world.engine(made.namespace)["status"]["engineStatus"] == "completed"

    side_by_side(passes, PASSES)


def test_a_probe_that_fails_after_the_fault_is_a_weakness(world: World) -> None:
    record = world.run(prepared(world, "pod-delete-probe-fails"))
    assert record.outcome.exit_code == 1
    assert "ghost-pods-present" in record.reason


@pytest.mark.parametrize("name", ["probe-sot-fails", "probe-sot-stop-on-failure"])
def test_a_probe_that_fails_before_the_fault_is_no_baseline(world: World, name: str) -> None:
    assert world.run(prepared(world, name)).outcome.exit_code == 8


@pytest.mark.parametrize("name", sorted(CANNOT_START))
def test_what_is_missing_is_told_before_anything_is_made(world: World, name: str) -> None:
    made = prepared(world, name)
    record = world.run(made)
    assert record.outcome.exit_code == 4
    assert CANNOT_START[name] in record.reason
    assert record.evidence["hint"]
    assert world.cluster.list(kube.CHAOS_ENGINE, made.namespace).items == ()


@pytest.mark.parametrize("name", sorted(CANNOT_START))
def test_without_checks_the_recorded_course_ends_the_same(world: World, name: str) -> None:
    made = prepared(world, name)
    record = world.run(made, preflight=False)
    assert record.outcome.exit_code == 4
    assert record.undo.left == ()
    assert world.ours(made.namespace) == []


def test_an_image_that_cannot_be_pulled_ends_it_with_its_name(world: World) -> None:
    record = world.run(prepared(world, "experiment-image-missing"))
    assert record.outcome.exit_code == 4
    assert [step.mark for step in record.timeline if step.name == "pod-delete"] == ["begun", "failed"]
    assert "registry.invalid/litmuschaos/go-runner:none" in record.reason
    assert record.undo.state == "confirmed"


def test_a_duration_with_a_unit_is_invalid_at_its_line() -> None:
    with pytest.raises(InvalidInput) as caught:
        trial("invalid-tunable")
    problem = caught.value.problems[0]
    assert (problem.rule, problem.found) == ("tunable", '"60s"')
    assert problem.line > 1


@pytest.mark.parametrize(("name", "signal", "code"), [("abort-midway", 2, 130), ("delete-midway", 15, 143)])
def test_the_user_stops_it_midway_and_nothing_is_left(
    world: World, name: str, signal: int, code: int
) -> None:
    made = prepared(world, name)
    stop = Stop()
    stop.signal = signal
    record = world.run(made, stop=stop, listen=stopping(stop, "injected"))
    assert record.outcome.exit_code == code
    assert record.undo.state == "confirmed"
    assert world.at_work(made.namespace) == []
    assert world.ours(made.namespace) == []
    assert world.engine(made.namespace)["status"]["engineStatus"] == "stopped"


@pytest.mark.parametrize("moment", ["undo written", "pod-delete", "injected", "litmus"])
def test_whenever_the_user_stops_it_nothing_is_left(world: World, moment: str) -> None:
    made = prepared(world, "pod-delete-pass")
    stop = threading.Event()
    record = world.run(made, stop=stop, listen=stopping(stop, moment))
    assert record.outcome.exit_code in ({130, 0} if moment == "litmus" else {130})
    assert record.undo.left == ()
    assert world.at_work(made.namespace) == []
    assert world.ours(made.namespace) == []


def test_another_hand_that_stops_the_engine_makes_it_an_error(world: World) -> None:
    made = lasting(prepared(world, "abort-midway"))
    ref = ObjectRef(kube.CHAOS_ENGINE, made.namespace, made.name)
    act = Until("injected", lambda: world.cluster.patch(ref, {"spec": {"engineState": "stop"}}))
    record = world.run(made, listen=act)
    assert record.outcome.exit_code == 7
    assert "another hand" in record.reason
    assert record.undo.state == "confirmed"


def test_another_hand_that_deletes_the_engine_makes_it_an_error(world: World) -> None:
    made = lasting(prepared(world, "delete-midway"))
    ref = ObjectRef(kube.CHAOS_ENGINE, made.namespace, made.name)
    record = world.run(made, listen=Until("injected", lambda: world.cluster.delete(ref)))
    assert record.outcome.exit_code == 7
    assert record.undo.state == "confirmed"
    assert world.at_work(made.namespace) == []


def test_a_second_run_of_the_same_engine_makes_it_anew(world: World) -> None:
    made = prepared(world, "rerun-then-delete")
    first = world.run(made)
    second = world.run(made)
    assert (first.outcome.exit_code, second.outcome.exit_code) == (0, 0)
    assert first.litmus["uid"] != second.litmus["uid"]


def test_an_engine_that_runs_already_is_not_touched(world: World) -> None:
    made = prepared(world, "delete-midway-operator-busy")
    assert made.engine is not None
    theirs = world.cluster.create(made.engine)
    record = world.run(made)
    assert record.outcome.exit_code == 4
    assert "runs already" in record.reason
    assert world.engine(made.namespace)["metadata"]["uid"] == theirs["metadata"]["uid"]
    world.cluster.delete(ObjectRef(kube.CHAOS_ENGINE, made.namespace, made.name))
