"""What is ready between two crashes is not back: the recorded crash loop, and pods that a fault ended."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path

import pytest
from tests.acts.fake import FakeCluster

from chaoskit import crashes, kube
from chaoskit.clock import ManualClock
from chaoskit.events import Event, Warned
from chaoskit.ports.cluster import Kind, Listing, Object, ObjectRef
from chaoskit.sharing import Ages, SharedCluster
from chaoskit.steadystate.conditions import Condition, WorkloadElsewhere
from chaoskit.steadystate.looks import Stage
from chaoskit.steadystate.monitor import Monitor
from chaoskit.steadystate.readers import Sources, measure

SHARED = Path(os.environ.get("CHAOSKIT_SHARED", Path(__file__).parents[2].parent / "shared"))
RECORDED = SHARED / "recordings" / "kubernetes" / "pod-lifecycle.jsonl"
needs_recordings = pytest.mark.skipif(not RECORDED.exists(), reason=f"no recordings at {RECORDED}")

BEGAN = datetime(2026, 11, 23, 5, 41, 46, tzinfo=UTC)
"""When the recording of the crash loop began, to the second."""

PLACE = "lab-crash-loop"
READY = Condition.model_validate({"kubernetes": {"workload": "deployment/crash"}, "interval": "1s"})


class Replay(FakeCluster):
    """The recorded crash loop as it stood at each moment of the clock; it counts the lists of pods."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.clock, self.lists = clock, 0
        with RECORDED.open(encoding="utf-8") as lines:
            rows = [row for row in map(json.loads, lines) if row["scenario"] == "crash-loop"]
        self.rows = [row for row in rows if row["type"] != "DELETED" and row["kind"] in {"Deployment", "Pod"}]

    def as_of_now(self) -> None:
        for row in self.rows:
            if row["t"] <= (self.clock.now() - BEGAN).total_seconds():
                ref = kube.ref_of(row["object"])
                self.objects[ref.kind, ref.namespace, ref.name] = row["object"]

    def get(self, ref: ObjectRef) -> Object:
        self.as_of_now()
        return super().get(ref)

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        self.as_of_now()
        self.lists += 1
        return super().list(kind, namespace, labels=labels, fields=fields)


def replayed(at: float, condition: Condition = READY) -> tuple[Monitor, Replay]:
    clock = ManualClock(BEGAN + timedelta(seconds=at))
    cluster = Replay(clock)
    return Monitor([condition], PLACE, Sources(cluster, clock)), cluster


@needs_recordings
@pytest.mark.parametrize("at", [3.1, 16.9, 43.6, 86.7])
@pytest.mark.parametrize("stage", ["after", "after undo"])
def test_a_recorded_crash_loop_is_not_back_when_a_look_falls_on_a_ready_moment(
    at: float, stage: Stage
) -> None:
    monitor, _ = replayed(at, READY.model_copy(update={"recovers_within": 0.0}))
    (seen,) = monitor.after(stage)
    assert seen.held is False, seen.words()
    assert seen.words() == (
        f"deployment/crash ready 1 ready, but pod crash-59f799c5c-mvztp crashed {'' if at < 4 else 'again '}"
        "1 s after it began, expected 1 ready"
    )


@needs_recordings
def test_a_recorded_crash_loop_is_not_back_within_a_minute_of_looks() -> None:
    monitor, _ = replayed(16.0)
    assert monitor.after()[0].held is False


@needs_recordings
def test_what_crashed_is_back_when_its_present_run_has_lasted() -> None:
    monitor, cluster = replayed(87.0)
    del cluster.rows[next(n for n, row in enumerate(cluster.rows) if row["t"] > 87) :]
    (seen,) = monitor.after()
    assert (seen.held, cluster.clock.monotonic()) == (True, 10.0)  # it began at 5:43:13, as late as that


@needs_recordings
def test_pods_are_asked_for_only_by_looks_that_would_be_the_last_word() -> None:
    monitor, cluster = replayed(16.9)
    assert monitor.before()[0].held is True
    assert monitor.during(injected=True)[0].held is True
    assert cluster.lists == 0
    cluster.clock.turn(2)
    monitor.after("after undo")
    assert cluster.lists == 61  # by one look a second for a minute


NOW = datetime(2026, 11, 23, 6, 0, 0, tzinfo=UTC)


def ended(code: int, ran: float, *, ago: float, reason: str = "Error") -> Object:
    over = NOW - timedelta(seconds=ago)
    began = over - timedelta(seconds=ran)
    times = {"startedAt": kube.timestamp(began), "finishedAt": kube.timestamp(over)}
    return {"terminated": {"exitCode": code, "reason": reason, **times}}


def running(since: float) -> Object:
    return {"running": {"startedAt": kube.timestamp(NOW - timedelta(seconds=since))}}


def pod(
    name: str = "cart-1",
    *,
    state: Object | None = None,
    last: Object | None = None,
    restarts: int = 1,
    init: bool = False,
    policy: str = "",
) -> Object:
    """Its one container, an init container if `init`; `policy` is when it is started again, if it says so."""
    state = state or running(1)
    status = {"name": "app", "state": state, "lastState": last or {}, "restartCount": restarts}
    ready = "True" if "running" in state else "False"
    says = {"restartPolicy": policy} if policy else {}
    spec: Object = {"containers": [{"name": "app"}], **says}
    if init:
        spec = {"containers": [{"name": "main"}], "initContainers": [{"name": "app", **says}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": "cart"}},
        "spec": spec,
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": ready}],
            "initContainerStatuses" if init else "containerStatuses": [status],
        },
    }


CRASHED = ended(3, 1, ago=2)
DONE = ended(0, 1, ago=2, reason="Completed")
IN_TURN = pod(last=CRASHED, restarts=4)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (IN_TURN, "pod cart-1 crashed again 1 s after it began"),
        (pod(last=CRASHED), "pod cart-1 crashed 1 s after it began"),
        (pod(last=CRASHED, restarts=4, init=True), "pod cart-1 crashed again 1 s after it began"),
        (pod(state=CRASHED, restarts=0), "pod cart-1 crashed 1 s after it began"),
        (pod(state={"waiting": {}}, last=CRASHED, restarts=4), "pod cart-1 crashed again 1 s after it began"),
        (pod(last=ended(137, 4, ago=2, reason="OOMKilled")), "pod cart-1 crashed 4 s after it began"),
        (pod(last=ended(134, 4, ago=2)), "pod cart-1 crashed 4 s after it began"),
        (pod(last=DONE, restarts=4), "pod cart-1 ended again 1 s after it began"),
        (pod(last=DONE, policy="Always"), "pod cart-1 ended 1 s after it began"),
        (pod(last=DONE, policy="Always", init=True), "pod cart-1 ended 1 s after it began"),
    ],
)
def test_what_crashed_of_late_may_do_so_again(body: Object, words: str) -> None:
    assert crashes.unsteady(body, NOW) == words


@pytest.mark.parametrize(
    "body",
    [
        pod(restarts=0),
        pod(last=ended(137, 3600, ago=2)),
        pod(last=ended(137, 9, ago=2), restarts=3),
        pod(last=ended(143, 9, ago=2), restarts=3),
        pod(last=DONE, restarts=3, policy="OnFailure"),
        pod(state=DONE, restarts=3, init=True),
        pod(last=ended(3, 10, ago=2), restarts=3),
        pod(last=ended(3, 1, ago=22), state=running(20), restarts=3),
        {**IN_TURN, "metadata": {**IN_TURN["metadata"], "deletionTimestamp": "2026-11-23T05:59:59Z"}},
        pod(last={"terminated": {"exitCode": 3}}),
    ],
    ids=[
        "never",
        "killed",
        "often",
        "told to end",
        "done",
        "prepared",
        "after long",
        "over",
        "leaves",
        "untold",
    ],
)
def test_what_was_ended_by_others_or_runs_for_long_is_back_at_once(body: Object) -> None:
    assert crashes.unsteady(body, NOW) == ""


def cart(ready: int, replicas: int = 3) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "cart"}}},
        "status": {"readyReplicas": ready},
    }


STEADY = (pod("cart-2", state=running(99), restarts=0), pod("cart-3", state=running(99), restarts=0))
HELD_BACK = pod(state={"waiting": {"reason": "CrashLoopBackOff"}}, last=CRASHED, restarts=4)
OTHER = {**IN_TURN, "metadata": {"name": "other-1", "namespace": "shop", "labels": {"app": "other"}}}


def looked(condition: Condition, *objects: Object, place: str = "shop") -> tuple[bool | None, str]:
    found = measure(condition, place, Sources(FakeCluster(*objects), ManualClock(NOW)), settles=True)
    return found.held, found.observed


def ready(**more: object) -> Condition:
    return Condition.model_validate({"kubernetes": {"workload": "cart", **more}})


def test_enough_steady_pods_are_enough() -> None:
    again = "but pod cart-1 crashed again 1 s after it began"
    assert looked(ready(), cart(3), IN_TURN, *STEADY) == (False, f"3 ready, {again}")
    assert looked(ready(ready=2), cart(3), IN_TURN, *STEADY) == (True, "3 ready")
    assert looked(ready(ready=2), cart(2), HELD_BACK, *STEADY) == (True, "2 ready")
    assert looked(ready(ready=2), cart(2), HELD_BACK, STEADY[0]) == (False, f"2 ready, {again}")
    assert looked(ready(), cart(2, 2), OTHER, *STEADY) == (True, "2 ready")


def back(clock: ManualClock, sources: Sources) -> list[bool | None]:
    """Whether the workload is back at looks 9 s, 1 s and 5 s after one another."""
    found = []
    for wait in (0, 9, 1, 5):
        clock.turn(wait)
        found.append(measure(ready(), "shop", sources, settles=True).held)
    return found


@pytest.mark.parametrize("ahead", [9, 0, -60, -3600])
def test_how_long_a_container_runs_is_seen_and_not_told_by_another_clock(ahead: float) -> None:
    """This clock is as many seconds ahead of the node's, or behind it: one crash, and then it runs."""
    clock = ManualClock(NOW + timedelta(seconds=ahead))
    runs = pod(last=ended(3, 1, ago=2), state=running(1))
    assert back(clock, Sources(FakeCluster(cart(1, 1), runs), clock))[:3] == [False, False, True]


@pytest.mark.parametrize("last", [ended(3, 2, ago=2), ended(0, 4, ago=2, reason="Completed")])
@pytest.mark.parametrize(("within", "since", "after", "at"), [(15, 0, 6, 10), (10, 0, 1, 10), (10, 9, 1, 10)])
def test_how_long_a_container_runs_is_seen_before_its_workload_is_ready(
    last: Object, within: float, since: float, after: float, at: float
) -> None:
    """It has run for so long when the fault is over, and its workload is ready so long after that."""
    clock = ManualClock(NOW)
    cluster = FakeCluster(cart(0, 1), pod(last=last, state=running(since)))
    clock.call_at(after, lambda: cluster.objects.update({(kube.DEPLOYMENT, "shop", "cart"): cart(1, 1)}))
    condition = ready().model_copy(update={"recovers_within": within})
    monitor = Monitor([condition], "shop", Sources(cluster, clock))
    (seen,) = monitor.after()
    assert (seen.held, clock.monotonic()) == (True, at), seen.words()


def test_what_was_started_again_between_two_looks_is_watched_anew() -> None:
    clock, cluster = ManualClock(NOW), FakeCluster(cart(1, 1), IN_TURN)
    again = pod(last=ended(3, 1, ago=-4), state=running(-5), restarts=5)
    again["metadata"]["uid"] = cluster.get(kube.ref_of(IN_TURN))["metadata"]["uid"]
    clock.call_at(5, lambda: cluster.objects.update({(kube.POD, "shop", "cart-1"): again}))
    assert back(clock, Sources(cluster, clock)) == [False, False, False, False]


def test_a_workload_elsewhere_is_no_more_back_between_two_crashes() -> None:
    there = Condition(kubernetes=WorkloadElsewhere(workload="cart", namespace="shop", ready=1))
    assert looked(there, cart(1, 1), IN_TURN, place="lab")[0] is False
    assert looked(there, place="lab") == (True, "removed by somebody")


def test_where_pods_may_not_be_read_it_is_as_before_and_said_once() -> None:
    cluster, heard = FakeCluster(cart(1, 1), IN_TURN), list[Event]()
    cluster.hidden.add(("pods", "shop"))
    sources = Sources(cluster, ManualClock(NOW))
    monitor = Monitor([ready(), ready()], "shop", sources, run="r", listen=heard.append)
    assert [each.held for stage in STAGES for each in monitor.after(stage)] == [True] * 4
    assert [each.message for each in heard if isinstance(each, Warned)] == [
        "pods in shop may not be read: one that is ready between two crashes counts as ready"
    ]


def test_what_is_not_ready_is_not_back_whether_its_pods_may_be_read_or_not() -> None:
    cluster = FakeCluster(cart(0, 1), IN_TURN)
    sources = Sources(cluster, ManualClock(NOW))
    for hidden in (set[tuple[str, str]](), {("pods", "shop")}):
        cluster.hidden = hidden
        found = measure(ready(), "shop", sources, settles=True)
        assert (found.held, found.observed, found.lacks) == (False, "0 ready", "")


STAGES: tuple[Stage, ...] = ("after", "after undo")


class Counted(FakeCluster):
    """It counts the lists of pods: of all, and of one workload's own."""

    def __init__(self, *objects: Object) -> None:
        super().__init__(*objects)
        self.asked: list[str] = []

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        self.asked.append(labels)
        return super().list(kind, namespace, labels=labels, fields=fields)


def shared(*objects: Object) -> tuple[Counted, Sources]:
    cluster = Counted(*objects)
    return cluster, Sources(SharedCluster(cluster, Ages(lists=inf)), ManualClock(NOW))


def test_many_runs_ask_once_for_the_pods_that_have_run_for_long() -> None:
    cluster, sources = shared(cart(2, 2), *STEADY)
    found = [measure(ready(), "shop", sources, settles=True) for _ in range(5)]
    assert ([each.held for each in found], cluster.asked) == ([True] * 5, [""])


def test_many_runs_watch_together_the_pods_that_are_not_ready() -> None:
    cluster, sources = shared(cart(0, 1), IN_TURN)
    for _ in range(5):
        assert measure(ready(), "shop", sources, settles=True).held is False
    assert cluster.asked == [""]


def test_what_has_not_run_for_long_is_looked_at_as_it_is_now() -> None:
    """What was read together is a moment old: a pod may have begun, crashed and begun again since."""
    cluster, sources = shared(cart(1, 1), pod(restarts=0))
    assert measure(ready(), "shop", sources, settles=True).held is True
    cluster.objects[kube.POD, "shop", "cart-1"] = IN_TURN
    assert measure(ready(), "shop", sources, settles=True).held is False
    assert cluster.asked == ["", "app=cart", "app=cart"]
