"""When a workload stands well: rolled out, all ready, nobody with a complaint, and seen for long enough."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from tests.recovery import made
from tests.recovery.made import NOW
from tests.recovery.staged import LOST, SYNCED, Watched, cart

from chaoskit import kube
from chaoskit.clock import ManualClock
from chaoskit.errors import Refused
from chaoskit.ports.cluster import Change, ObjectRef
from chaoskit.recovery import holding
from chaoskit.recovery.patience import Deadline
from chaoskit.recovery.standing import Answer, Verdict, standing

CART = made.ref("cart")


def _standing(*pods: dict[str, Any], status: dict[str, Any] | None = None, **body: Any) -> Verdict:
    workload = made.deployment("cart", **body)
    workload["status"].update(status or {})
    return standing(workload, pods, NOW)


def test_all_ready_and_rolled_out_is_well() -> None:
    assert _standing(made.pod("a"), made.pod("b")) == Verdict(Answer.YES, "2 of 2 ready")


@pytest.mark.parametrize(
    "status",
    [{"observedGeneration": 0}, {"updatedReplicas": 1}, {"replicas": 3}],
    ids=["the controller has not seen it", "an old pod is left", "one pod too many"],
)
def test_a_rollout_under_way_is_not_well(status: dict[str, Any]) -> None:
    assert _standing(made.pod("a"), made.pod("b"), status=status) == Verdict(
        Answer.NO, "2 of 2 ready, rolling out"
    )


def test_an_unready_pod_is_not_well_although_it_is_no_symptom_yet() -> None:
    assert _standing(made.pod("a"), made.pod("b", ready=False, unready_for=1)).answer is Answer.NO


def test_a_pod_with_a_complaint_is_named() -> None:
    found = _standing(made.pod("a"), made.crashing("b"))
    assert found.answer is Answer.NO
    assert found.words.startswith("1 of 2 ready; b: CrashLoopBackOff")


def test_a_worker_that_ended_well_stands_well_though_it_has_a_probe() -> None:
    last = made.ended(0, seconds_ago=6, ran=900, reason="Completed")
    runs = {"running": {"startedAt": made.ago(5)}}
    worker = made.pod("b", state=runs, last=last, restarts=9)
    worker["spec"]["containers"][0]["livenessProbe"] = {"tcpSocket": {"port": 80}}
    assert _standing(made.pod("a"), worker) == Verdict(Answer.YES, "2 of 2 ready")


def test_a_pod_on_its_way_out_is_not_counted() -> None:
    leaving = made.pod("c")
    leaving["metadata"]["deletionTimestamp"] = made.ago(1)
    assert _standing(made.pod("a"), made.pod("b"), leaving).answer is Answer.YES


def test_a_workload_scaled_to_nothing_is_well_without_pods() -> None:
    assert _standing(replicas=0).answer is Answer.YES


@pytest.mark.parametrize(
    ("ready", "cordoned", "well"), [("True", False, True), ("True", True, False), ("Unknown", False, False)]
)
def test_a_node_is_well_when_it_is_ready_and_takes_pods(ready: str, cordoned: bool, well: bool) -> None:
    body = {"kind": "Node", **made.node("node-1", ready=ready, cordoned=cordoned)}
    assert standing(body, (), NOW).answer is Answer.of(well)


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
    assert _standing(made.pod("a"), made.pod("b"), status=status).answer is Answer.of(well)


# ---------------------------------------------------------------- watched for some seconds


YES, NO, UNKNOWN = (Verdict(each, each.value) for each in Answer)


def _fed(*looks: tuple[float, Verdict], within: float = 10) -> list[tuple[float, Verdict]]:
    """What these looks at these times prove of five seconds without a break that begin in time."""
    clock = ManualClock(NOW)
    stand = holding.Stand(5, Deadline(clock, within), clock.monotonic())
    found = []
    for at, verdict in looks:
        clock.turn(at - clock.monotonic())
        proven = stand.feed(verdict, clock.monotonic(), clock.now())
        if proven is not None:
            found.append((at, proven))
    return found


def test_a_stand_is_proven_from_when_it_began() -> None:
    since = NOW + timedelta(seconds=2)
    looks = [(1.0, NO), (2.0, YES), (6.9, YES), (7.0, YES)]
    assert _fed(*looks) == [(7.0, Verdict(Answer.YES, "yes for 5 s", since))]


def test_a_break_has_the_seconds_counted_anew() -> None:
    assert _fed((1, YES), (5, NO), (6, YES), (10, YES)) == []
    assert [at for at, _ in _fed((1, YES), (5, NO), (6, YES), (11, YES))] == [11]


def test_when_the_time_is_up_the_last_look_is_the_answer() -> None:
    assert _fed((9, NO), (10, NO)) == [(10, Verdict(Answer.NO, "no after 10 s"))]
    assert _fed((9, YES), (11, NO)) == [(11, Verdict(Answer.NO, "no after 11 s"))]


def test_time_in_which_nothing_was_seen_puts_the_deadline_off() -> None:
    assert _fed((1, NO), (9, UNKNOWN), (12, NO), (17, NO)) == []
    assert _fed((1, NO), (9, UNKNOWN), (12, NO), (18, NO)) == [(18, Verdict(Answer.NO, "no after 18 s"))]
    ((at, never),) = _fed(*((float(at), UNKNOWN) for at in range(1, 71)))
    assert (at, never.answer) == (70, Answer.UNKNOWN)  # a minute more at most


def _hold(
    cluster: Watched,
    keep: Callable[[], None] = lambda: None,
    seconds: float = 5,
    target: ObjectRef = CART,
) -> Verdict:
    """Whether the target, cart, stood well for so many seconds within thirty."""
    return holding.hold(
        cluster, cluster.clock, (target,),
        seconds=seconds, deadline=Deadline(cluster.clock, 30), stop=threading.Event(), keep=keep,
    )  # fmt: skip


@pytest.fixture
def watched() -> Watched:
    return cart("a", "b")


def test_what_stands_well_for_long_enough_is_proven(watched: Watched) -> None:
    found = _hold(watched)
    assert (found.answer, found.words) == (Answer.YES, "2 of 2 ready for 5 s")


def test_it_is_proven_at_the_very_moment_at_which_it_has_held_for_long_enough(watched: Watched) -> None:
    found = _hold(watched, seconds=5.2)
    assert found.at is not None
    assert watched.clock.now() == found.at + timedelta(seconds=5.2)


def test_what_began_to_hold_in_time_may_hold_on_after_it(watched: Watched) -> None:
    watched.puts(made.pod("a", ready=False, unready_for=1))
    watched.at(28, partial(watched.puts, made.pod("a")))
    found = _hold(watched)
    assert (found.answer, found.words) == (Answer.YES, "2 of 2 ready for 5 s")
    assert watched.clock.monotonic() >= 33


def test_what_breaks_after_the_time_is_up_has_no_other_try(watched: Watched) -> None:
    watched.puts(made.pod("a", ready=False, unready_for=1))
    watched.at(28, partial(watched.puts, made.pod("a")))
    watched.at(31, partial(watched.puts, made.crashing("a")))
    watched.at(32, partial(watched.puts, made.pod("a")))
    found = _hold(watched)
    assert found.answer is Answer.NO
    assert found.words.startswith("1 of 2 ready; a: CrashLoopBackOff")


def test_readiness_that_nobody_saw_is_not_proven(watched: Watched) -> None:
    watched.at(1, partial(watched.say, kube.POD, LOST))
    found = _hold(watched)
    assert found.answer is Answer.UNKNOWN
    assert found.words == "the server does not say how it stands after 90 s"


@pytest.mark.parametrize("target", [CART, ObjectRef(kube.NODE, "", "node-1")], ids=str)
def test_watches_that_could_not_begin_do_so_once_the_server_answers(
    watched: Watched, target: ObjectRef
) -> None:
    watched.puts({"apiVersion": "v1", "kind": "Node", **made.node("node-1")})
    watched.goes_before_a_watch(20)
    found = _hold(watched, target=target)
    assert found.answer is Answer.YES
    assert found.at is not None
    assert found.at >= NOW + timedelta(seconds=20)


def test_a_server_that_lets_no_watch_begin_says_neither_yes_nor_no(watched: Watched) -> None:
    watched.goes_before_a_watch(200)
    found = _hold(watched)
    assert (found.answer, found.words) == (
        Answer.UNKNOWN,
        "the server does not say how it stands after 90 s",
    )


def test_the_seconds_count_anew_from_when_it_is_seen_again(watched: Watched) -> None:
    watched.at(3, partial(watched.say, kube.DEPLOYMENT, LOST))
    watched.at(12, partial(watched.say, kube.DEPLOYMENT, SYNCED))
    found = _hold(watched)
    assert found.answer is Answer.YES
    assert found.at is not None
    assert found.at >= NOW + timedelta(seconds=12)


def test_pods_that_crashed_while_the_watch_was_dead_are_not_well(watched: Watched) -> None:
    watched.at(1, partial(watched.say, kube.POD, LOST))
    watched.at(20, partial(watched.say, kube.POD, Change("MODIFIED", made.crashing("a")), SYNCED))
    found = _hold(watched)
    assert found.answer is Answer.NO
    assert found.words.startswith("1 of 2 ready; a: CrashLoopBackOff")


def test_when_time_is_over_it_is_looked_at_once_all_the_same(watched: Watched) -> None:
    watched.puts(made.crashing("a"))
    for seconds in (10, 0):
        over = Deadline(watched.clock, seconds)
        watched.clock.turn(10)
        found = holding.hold(
            watched, watched.clock, (made.ref("cart"),), seconds=5, deadline=over, stop=threading.Event()
        )
        assert found.answer is Answer.NO
        assert found.words.startswith("1 of 2 ready; a: CrashLoopBackOff")


def test_a_halt_is_heard_while_nothing_is_seen(watched: Watched) -> None:
    watched.at(1, partial(watched.say, kube.POD, LOST))

    def keep() -> None:
        if watched.clock.monotonic() > 10:
            raise Refused("halted", guard="halt")

    with pytest.raises(Refused, match="halted"):
        _hold(watched, keep)
