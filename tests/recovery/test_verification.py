"""When a workload stands well: rolled out, all ready, nobody with a complaint, and seen for long enough."""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from tests.acts.fake import FakeCluster
from tests.recovery import made
from tests.recovery.made import NOW

from chaoskit import kube
from chaoskit.clock import ManualClock
from chaoskit.errors import Refused
from chaoskit.ports.cluster import Change, Kind, Object
from chaoskit.recovery import verification
from chaoskit.recovery.verification import Verdict


def _standing(*pods: dict[str, Any], status: dict[str, Any] | None = None, **body: Any) -> Verdict:
    workload = made.deployment("cart", **body)
    workload["status"].update(status or {})
    return verification.standing(workload, pods, NOW)


def test_all_ready_and_rolled_out_is_well() -> None:
    assert _standing(made.pod("a"), made.pod("b")) == Verdict(True, "2 of 2 ready")


@pytest.mark.parametrize(
    "status",
    [{"observedGeneration": 0}, {"updatedReplicas": 1}, {"replicas": 3}],
    ids=["the controller has not seen it", "an old pod is left", "one pod too many"],
)
def test_a_rollout_under_way_is_not_well(status: dict[str, Any]) -> None:
    assert _standing(made.pod("a"), made.pod("b"), status=status) == Verdict(
        False, "2 of 2 ready, rolling out"
    )


def test_an_unready_pod_is_not_well_although_it_is_no_symptom_yet() -> None:
    assert not _standing(made.pod("a"), made.pod("b", ready=False, unready_for=1)).holds


def test_a_pod_with_a_complaint_is_named() -> None:
    found = _standing(made.pod("a"), made.crashing("b"))
    assert not found.holds
    assert found.words.startswith("1 of 2 ready; b: CrashLoopBackOff")


def test_a_pod_on_its_way_out_is_not_counted() -> None:
    leaving = made.pod("c")
    leaving["metadata"]["deletionTimestamp"] = made.ago(1)
    assert _standing(made.pod("a"), made.pod("b"), leaving).holds


def test_a_workload_scaled_to_nothing_is_well_without_pods() -> None:
    assert _standing(replicas=0).holds


@pytest.mark.parametrize(
    ("ready", "cordoned", "well"), [("True", False, True), ("True", True, False), ("Unknown", False, False)]
)
def test_a_node_is_well_when_it_is_ready_and_takes_pods(ready: str, cordoned: bool, well: bool) -> None:
    body = {"kind": "Node", **made.node("node-1", ready=ready, cordoned=cordoned)}
    assert verification.standing(body, (), NOW).holds is well


@pytest.mark.parametrize(
    ("status", "well"),
    [
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 2}, True),
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 1}, False),
        ({"currentRevision": "r1", "updateRevision": "r2", "updatedReplicas": 1}, False),
        ({"currentRevision": "r2", "updateRevision": "r2", "updatedReplicas": 2}, True),
    ],
    ids=["daemon set", "daemon set under way", "stateful set under way", "stateful set"],
)
def test_other_workloads_roll_out_by_their_own_counts(status: dict[str, Any], well: bool) -> None:
    assert _standing(made.pod("a"), made.pod("b"), status=status).holds is well


# ---------------------------------------------------------------- watched for some seconds


class Watched(FakeCluster):
    """Its watches tell of what is there; `say` has those of a kind say more, and returns when it is heard."""

    def __init__(self, *objects: Object) -> None:
        super().__init__(*objects)
        self.clock = ManualClock(NOW)
        self._said: dict[Kind, queue.Queue[Change]] = defaultdict(queue.Queue)

    def watch(
        self, kind: Kind, namespace: str = "", *, stop: threading.Event, **more: Any
    ) -> Iterator[Change]:
        yield from (Change("ADDED", body) for body in self.list(kind, namespace, **more).items)
        yield Change("SYNCED", {})
        while not stop.is_set():
            with suppress(queue.Empty):
                yield self._said[kind].get(timeout=0.01)
                self._said[kind].task_done()

    def say(self, kind: Kind, *changes: Change) -> None:
        for change in changes:
            self._said[kind].put(change)
        self._said[kind].join()

    def at(self, seconds: float, kind: Kind, *changes: Change) -> None:
        self.clock.call_at(seconds, partial(self.say, kind, *changes))

    def hold(self, seconds: float = 5.0, within: float = 30.0) -> Verdict:
        cart = (made.ref("cart"),)
        return verification.hold(
            self, self.clock, cart, seconds=seconds, within=within, stop=threading.Event()
        )


LOST, SYNCED = Change("LOST", {}), Change("SYNCED", {})


@pytest.fixture
def watched() -> Watched:
    pods = ({"apiVersion": "v1", "kind": "Pod", **made.pod(name)} for name in ("a", "b"))
    return Watched(made.deployment("cart"), *pods)


def test_what_stands_well_for_long_enough_is_proven(watched: Watched) -> None:
    found = watched.hold()
    assert (found.holds, found.words) == (True, "2 of 2 ready for 5 s")


def test_readiness_that_nobody_saw_is_not_proven(watched: Watched) -> None:
    watched.at(1, kube.POD, LOST)
    found = watched.hold()
    assert (found.holds, found.known) == (False, False)
    assert found.words == "the server does not say how it stands after 30 s"


def test_the_seconds_count_anew_from_when_it_is_seen_again(watched: Watched) -> None:
    watched.at(3, kube.DEPLOYMENT, LOST)
    watched.at(12, kube.DEPLOYMENT, SYNCED)
    found = watched.hold()
    assert found.holds
    assert found.at is not None
    assert found.at >= NOW + timedelta(seconds=12)


def test_pods_that_crashed_while_the_watch_was_dead_are_not_well(watched: Watched) -> None:
    watched.at(1, kube.POD, LOST)
    watched.at(20, kube.POD, Change("MODIFIED", made.crashing("a")), SYNCED)
    found = watched.hold()
    assert not found.holds
    assert found.words.startswith("1 of 2 ready; a: CrashLoopBackOff")


def test_a_halt_is_heard_while_nothing_is_seen(watched: Watched) -> None:
    watched.at(1, kube.POD, LOST)

    def keep() -> None:
        if watched.clock.monotonic() > 10:
            raise Refused("halted", guard="halt")

    with pytest.raises(Refused, match="halted"):
        verification.hold(
            watched, watched.clock, (made.ref("cart"),), seconds=5, within=30, stop=threading.Event(),
            keep=keep,
        )  # fmt: skip
