from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

import pytest
from tests.acts.fake import FakeCluster
from tests.acts.test_engine import ENGINE, serving
from tests.experiments.made import INJECTED, UID, engine, event, observed, pod, result

from chaoskit import kube
from chaoskit.acts.trail import BY_COMMAND, Struck, Trail
from chaoskit.clock import Clock, ManualClock, WallClock
from chaoskit.errors import Interrupted, TimedOut
from chaoskit.events import ignore
from chaoskit.experiments.course import Course
from chaoskit.experiments.engine_watch import TICK, EngineWatch, trail_of
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.planning import Plan
from chaoskit.experiments.preparing import Prepared
from chaoskit.experiments.selection import Selection
from chaoskit.experiments.spec import Experiment
from chaoskit.experiments.terminal import Ending
from chaoskit.experiments.trials import Trial
from chaoskit.journal import Journal
from chaoskit.ports.cluster import Change, ChangeType, Kind, Object, ObjectRef
from chaoskit.watching import Interest, Sighting, Watching


def planned(fault: str) -> Plan:
    """Somebody's own engine, of which Litmus takes one of these pods."""
    pods = (serving("cart-a"), serving("cart-b"))
    prepared = Prepared("litmus", {fault: Selection(pods, 1, (), 2, ("shop",))}, {}, (), 30.0, 60.0, {}, ())
    return Plan(Trial("t.yaml"), prepared, (), "hash", (), FakeCluster().identity())


def test_a_run_is_not_late_before_what_litmus_waits_for_twice() -> None:
    made = planned("pod-delete")
    parts = {"components": {"statusCheckTimeouts": {"timeout": 600}}}
    own = {"kind": "ChaosEngine", "spec": {"experiments": [{"name": "pod-delete", "spec": parts}]}}
    slow = replace(made, trial=replace(made.trial, engine=own))
    expected = made.prepared.expected_seconds
    assert (made.timeout - expected, slow.timeout - expected) == (480, 1320)


def test_a_trail_has_every_pod_that_litmus_may_choose_for_its_commands() -> None:
    for fault in BY_COMMAND:
        trail = trail_of(ENGINE, planned(fault), "run1")
        assert trail.struck == (Struck(fault, "shop", "cart-a"), Struck(fault, "shop", "cart-b"))


def test_of_other_faults_litmus_notes_the_pods_itself() -> None:
    assert trail_of(ENGINE, planned("pod-network-loss"), "run1").struck == ()


def test_the_faults_by_command_are_those_of_the_catalogue() -> None:
    assert {each.litmus for each in CATALOGUE.values() if each.execs} == BY_COMMAND


class Silent:
    """Watches that tell of these changes, one a second, and of nothing more."""

    def __init__(self, clock: Clock, told: Iterable[tuple[Kind, ChangeType, Object]]) -> None:
        self._clock = clock
        self._told = list(told)

    def next(self, seconds: float) -> Sighting | None:
        self._clock.sleep(seconds)
        if not self._told:
            return None
        kind, type_, body = self._told.pop(0)
        return Sighting(Interest(kind, "lab"), Change(type_, body))


API: Object = {"apiVersion": "litmuschaos.io/v1alpha1"}
COMPLETED = API | engine("completed", "stop")
HANGS = API | engine()
FAILED = API | {"kind": "ChaosResult"} | result("Fail")
AWAITED = API | {"kind": "ChaosResult"} | result("Awaited")
INJECTION: Object = {"apiVersion": "v1", "kind": "Event"} | event("ChaosInject")
INJECTION["metadata"] |= {"namespace": "lab"}


def ended(
    standing: Sequence[Object], *told: tuple[Kind, ChangeType, Object], timeout: float = 600.0
) -> tuple[EngineWatch, Ending]:
    """How a run ended whose watches told that, while this stands in the cluster."""
    clock, cluster = ManualClock(), FakeCluster(*standing)
    document = {
        "metadata": {"name": "web", "namespace": "lab"},
        "spec": {"fault": {"kind": "pod-delete"}, "targets": {"workloads": ["deployment/web"]}},
    }
    trial = Trial("t.yaml", experiment=Experiment.model_validate(document))
    plan, journal = replace(planned("pod-delete"), trial=trial), Journal(clock, ignore)
    begun = observed(("ChaosEngine", engine("")))
    silent = cast("Watching", Silent(clock, told))
    watch = EngineWatch(begun, plan, Course(), cluster, clock, journal, silent)
    return watch, watch.ending(timeout, lambda: None)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param((), id="nothing: no operator seems to be there"),
        pytest.param(((kube.CHAOS_ENGINE, "MODIFIED", COMPLETED),), id="no result"),
        pytest.param(
            ((kube.CHAOS_RESULT, "ADDED", AWAITED), (kube.CHAOS_ENGINE, "MODIFIED", COMPLETED)),
            id="the pod seems to have died",
        ),
        pytest.param(((kube.CHAOS_ENGINE, "MODIFIED", HANGS),), id="it seems to be late"),
    ],
)
def test_a_verdict_that_stands_in_the_cluster_is_found_though_its_watch_went_silent(
    told: tuple[tuple[Kind, ChangeType, Object], ...],
) -> None:
    watch, ending = ended((COMPLETED, FAILED, INJECTION), *told)
    assert ending == Ending("settled")
    assert watch.seen.verdict("pod-delete") == "Fail"
    assert watch.seen.injected


def test_an_operator_that_works_is_not_missed_though_the_watch_of_its_engine_is_silent() -> None:
    with pytest.raises(TimedOut):
        ended((HANGS,), timeout=120.0)


def test_an_engine_that_is_gone_was_deleted_though_nobody_told_of_it() -> None:
    _, ending = ended((), (kube.CHAOS_ENGINE, "MODIFIED", HANGS), timeout=60.0)
    assert ending.how == "deleted"


HELPER: Object = {"apiVersion": "v1", "kind": "Pod"} | pod("helper", owner="", chaosUID=UID)


def stopped(cluster: FakeCluster, clock: Clock, *told: tuple[str, Object]) -> None:
    """The run was interrupted at its first look; its operator is busy, and nobody else ends its helper."""
    begun = replace(observed(("ChaosEngine", HANGS), ("Pod", HELPER), *told), began=clock.monotonic())
    trail = Trail(ObjectRef(kube.CHAOS_ENGINE, "lab", "web-chaos", UID), "r", ("lab",), ours=True)
    silent, journal = cast("Watching", Silent(clock, ())), Journal(clock, ignore)
    plan, course = planned("pod-network-loss"), Course(trail=trail)
    watch = EngineWatch(begun, plan, course, cluster, clock, journal, silent)

    def interrupted() -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        watch.ending(600.0, interrupted)
    assert cluster.wrote == ["patch chaosengine.litmuschaos.io/web-chaos", "delete pod/helper"]


def test_a_run_that_ends_itself_ends_its_pods_by_hand_after_a_second() -> None:
    clock, cluster, ended_at = ManualClock(), FakeCluster(HANGS, HELPER), list[float]()
    cluster.before_delete = lambda *_: ended_at.append(clock.monotonic())
    stopped(cluster, clock, INJECTED)
    assert ended_at == [TICK + 1.0]


def test_no_pod_of_a_run_that_ends_itself_waits_for_its_log() -> None:
    cluster = SlowLogs(HANGS, HELPER)
    cluster.before_delete = lambda *_: cluster.let_go.set()
    stopped(cluster, WallClock())
    assert cluster.in_time


class SlowLogs(FakeCluster):
    """Its logs are there once they are let go."""

    def __init__(self, *objects: Object) -> None:
        super().__init__(*objects)
        self.let_go = threading.Event()
        self.in_time = True

    def logs(self, ref: ObjectRef, **_: object) -> str:
        self.in_time &= self.let_go.wait(timeout=15)
        return f"log of {ref.name}"
