"""Symptoms from objects: what is wrong, since when, and what is not wrong although it looks odd."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from tests.acts.fake import FakeCluster
from tests.flows.watched import of
from tests.recovery import made
from tests.recovery.made import NOW
from tests.simulator.world import World

from chaoskit import kube
from chaoskit.clock import ManualClock
from chaoskit.ports.cluster import Kind, Listing, Object
from chaoskit.recovery import detection, nodesymptoms, podsymptoms
from chaoskit.recovery.kills import IGNORED, UNSEEN, Kills
from chaoskit.recovery.symptoms import Severity, Symptom
from chaoskit.topology import Topology


def _found(topology: Topology) -> dict[str, Symptom]:
    found = (*podsymptoms.detect(topology, IGNORED, now=NOW), *nodesymptoms.detect(topology, now=NOW))
    return {symptom.kind: symptom for symptom in found}


def test_healthy_pods_have_no_symptom() -> None:
    assert not _found(made.topology(made.pod("a"), made.pod("b")))


def test_a_crash_loop_is_told_with_restarts_exit_code_and_beginning() -> None:
    found = _found(made.topology(made.crashing("a", restarts=4), made.pod("b")))["crash-loop"]
    assert found.evidence == "1 of 2 pods: CrashLoopBackOff for 90 s, 4 restarts, exit code 1"
    assert found.since == NOW - timedelta(seconds=90)
    assert found.pods == ("a",)
    assert found.severity is Severity.HIGH


@pytest.mark.parametrize("ago", [1, 90])
def test_a_container_that_never_began_crashes_and_has_not_run_since_the_epoch(ago: float) -> None:
    last = made.ended(128, seconds_ago=ago, reason="StartError")
    last["terminated"]["startedAt"] = "1970-01-01T00:00:00Z"
    ill = made.pod("a", ready=False, state=last, restarts=4)
    found = _found(made.topology(ill, made.pod("b")))["crash-loop"]
    assert found.evidence.endswith("4 restarts, exit code 128")
    assert found.evidence.startswith("1 of 2 pods: CrashLoopBackOff for ")
    assert found.since == NOW - timedelta(seconds=70 + ago)


def test_without_any_ready_pod_it_is_critical() -> None:
    found = _found(made.topology(made.crashing("a"), made.crashing("b")))["crash-loop"]
    assert found.severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("state", "last", "restarts", "kind"),
    [
        (made.ended(3, seconds_ago=12), None, 0, "error-exit"),
        (made.ended(3, seconds_ago=8), made.ended(3, seconds_ago=30), 2, "crash-loop"),
        ({"running": {"startedAt": made.ago(5)}}, made.ended(3, seconds_ago=15), 3, "crash-loop"),
        (made.ended(137, seconds_ago=2, reason="OOMKilled"), None, 1, "oom-killed"),
        (
            made.waiting("CrashLoopBackOff"),
            made.ended(137, seconds_ago=9, reason="OOMKilled"),
            2,
            "oom-killed",
        ),
        (made.waiting("ImagePullBackOff"), None, 0, "image-pull"),
        (made.waiting("ErrImagePull"), None, 0, "image-pull"),
        (made.waiting("CreateContainerConfigError", 'configmap "x" not found'), None, 0, "config-error"),
    ],
)
def test_a_container_state_means_what_the_kubelet_means(
    state: Object, last: Object | None, restarts: int, kind: str
) -> None:
    ill = made.pod("a", ready=False, state=state, last=last, restarts=restarts, unready_for=5)
    assert set(_found(made.topology(ill, made.pod("b")))) == {kind}


@pytest.mark.parametrize(
    ("state", "last", "restarts"),
    [
        (made.ended(3, seconds_ago=1), None, 0),
        ({"running": {"startedAt": made.ago(30)}}, made.ended(137, seconds_ago=40, reason="OOMKilled"), 1),
        ({"running": {"startedAt": made.ago(90)}}, made.ended(1, seconds_ago=100), 7),
        ({"running": {"startedAt": made.ago(20)}}, made.ended(1, seconds_ago=3600), 7),
    ],
)
def test_what_the_kubelet_mends_or_has_mended_is_left_to_it(
    state: Object, last: Object | None, restarts: int
) -> None:
    assert not _found(made.topology(made.pod("a", state=state, last=last, restarts=restarts), made.pod("b")))


HELD_BACK, RUNS = made.waiting("CrashLoopBackOff"), {"running": {"startedAt": made.ago(5)}}
WEEKS = 1e6


@pytest.mark.parametrize(
    ("state", "restarts", "ago", "ran", "kinds"),
    [
        (HELD_BACK, 1, 8, 162, set()),
        (HELD_BACK, 1, 25, 162, {"crash-loop"}),
        (HELD_BACK, 1, 8, 20, {"crash-loop"}),
        (HELD_BACK, 2, 8, 162, {"crash-loop"}),
        (RUNS, 2, 16, 162, set()),
        (RUNS, 3, 16, 162, {"crash-loop"}),
        (RUNS, 7, 6, WEEKS, set()),
        (HELD_BACK, 7, 6, WEEKS, set()),
        (HELD_BACK, 7, 11, WEEKS, {"crash-loop"}),
        (RUNS, 2, 6, 660, set()),
        (RUNS, 3, 6, 660, {"crash-loop"}),
        (RUNS, 50, 6, 660, {"crash-loop"}),
        (RUNS, 50, 6, 3590, {"crash-loop"}),
        (RUNS, 50, 6, 3610, set()),
        (HELD_BACK, 2, 6, 660, {"crash-loop"}),
    ],
)
def test_what_was_well_for_a_while_and_ends_once_or_twice_is_the_kubelets_to_start_again(
    state: Object, restarts: int, ago: float, ran: float, kinds: set[str]
) -> None:
    last = made.ended(1, seconds_ago=ago, ran=ran)
    ill = made.pod("a", ready=False, state=state, last=last, restarts=restarts, unready_for=ago)
    assert set(_found(made.topology(ill, made.pod("b")))) == kinds


@pytest.mark.parametrize(
    ("state", "restarts", "ago", "ran", "kinds"),
    [
        (RUNS, 9, 6, 900, set()),
        (HELD_BACK, 9, 6, 900, set()),
        (RUNS, 9, 6, 590, {"crash-loop"}),
        (HELD_BACK, 4, 30, 3, {"crash-loop"}),
        (RUNS, 4, 6, 3, {"crash-loop"}),
    ],
)
def test_what_ends_well_is_a_crash_only_if_the_kubelet_holds_it_back_for_it(
    state: Object, restarts: int, ago: float, ran: float, kinds: set[str]
) -> None:
    last = made.ended(0, seconds_ago=ago, ran=ran, reason="Completed")
    worker = made.pod("a", ready=state is RUNS, state=state, last=last, restarts=restarts, unready_for=ago)
    assert set(_found(made.topology(worker, made.pod("b")))) == kinds


def _probed(code: int, *, ready: bool = True, probe: str = "livenessProbe") -> Object:
    """A pod with such a probe, whose container ended with the code 6 s ago, after a quarter of an hour."""
    last = made.ended(code, seconds_ago=6, ran=900, reason="Completed")
    pod = made.pod("a", ready=ready, state=RUNS, last=last, restarts=9, unready_for=45)
    pod["spec"]["containers"][0][probe] = {"tcpSocket": {"port": 80}}
    return pod


def _killed(
    last: float, *, pod: str = "a", why: str = "Container cart failed liveness probe, will be restarted"
) -> Object:
    """The kubelet's event of a kill, so many seconds ago; it counts on from one of an hour ago."""
    return {
        "reason": "Killing", "type": "Normal", "message": why, "count": 9,
        "involvedObject": {"kind": "Pod", "name": pod, "namespace": "shop"},
        "firstTimestamp": made.ago(3600), "lastTimestamp": made.ago(last),
    }  # fmt: skip


def _seen(*events: Object) -> Kills:
    return Kills(events)


@pytest.mark.parametrize("code", [0, 137, 143])
@pytest.mark.parametrize("ready", [True, False])
def test_what_its_probe_kills_again_and_again_is_a_crash_loop_however_it_ends(
    code: int, *, ready: bool
) -> None:
    seen = made.topology(_probed(code, ready=ready), made.pod("b"))
    found = detection.detect_in(detection.Sight(NOW, seen, kills=_seen(_killed(10))))
    assert {each.kind for each in found} == {"crash-loop"}


@pytest.mark.parametrize(
    ("kills", "kinds"),
    [
        pytest.param(_seen(), set(), id="nobody killed it"),
        pytest.param(_seen(_killed(920)), set(), id="the run before was killed"),
        pytest.param(_seen(_killed(36)), {"crash-loop"}, id="it used its grace"),
        pytest.param(_seen(_killed(6)), {"crash-loop"}, id="it went at once"),
        pytest.param(_seen(_killed(2)), set(), id="the next run was killed"),
        pytest.param(_seen(_killed(10, pod="b")), set(), id="another was killed"),
        pytest.param(
            _seen(_killed(10, why="Container sidecar failed liveness probe, will be restarted")),
            set(),
            id="another of its containers was killed",
        ),
        pytest.param(
            _seen(_killed(10, why="Container cart failed startup probe, will be restarted")),
            {"crash-loop"},
            id="for its startup probe",
        ),
        pytest.param(
            _seen(_killed(10, why="Init container cart failed liveness probe")),
            {"crash-loop"},
            id="a sidecar",
        ),
        pytest.param(_seen(_killed(10, why="Stopping container cart")), set(), id="for no probe"),
        pytest.param(UNSEEN, {"crash-loop"}, id="nobody can tell"),
        pytest.param(IGNORED, set(), id="nobody asks"),
    ],
)
def test_a_worker_that_ends_well_was_not_killed_only_since_it_has_a_probe(
    kills: Kills, kinds: set[str]
) -> None:
    seen = made.topology(_probed(0), made.pod("b"))
    assert {each.kind for each in podsymptoms.detect(seen, kills, now=NOW)} == kinds


@pytest.mark.parametrize(
    ("first", "last"),
    [pytest.param(2700, 2, id="at each start"), pytest.param(40, 15, id="in its last minute")],
)
def test_a_worker_whose_probe_fails_but_that_nobody_killed_ended_well(first: float, last: float) -> None:
    failed = {
        "reason": "Unhealthy", "message": "Liveness probe failed: connection refused", "count": 3,
        "involvedObject": {"kind": "Pod", "name": "a", "namespace": "shop"},
        "firstTimestamp": made.ago(first), "lastTimestamp": made.ago(last),
    }  # fmt: skip
    seen = made.topology(_probed(0), made.pod("b"))
    assert detection.detect_in(detection.Sight(NOW, seen, warnings=(failed,), kills=_seen())) == ()


def test_a_kill_that_a_kubelet_tells_of_lies_within_the_run_that_it_ended() -> None:
    world = World()
    probe = {"exec": {"command": ["test", "-f", "/alive"]}, "periodSeconds": 2, "failureThreshold": 2}
    world.pod("cart", ["sh", "-c", "touch /alive; sleep 700; rm /alive; sleep 90"], livenessProbe=probe)
    world.run(2160)  # the third run has just been killed
    (pod,) = world.all("Pod")
    (status,) = pod["status"]["containerStatuses"]
    ended = status["lastState"]["terminated"]
    ended.update(exitCode=0, reason="Completed")  # as a server ends that heeds its kill
    now = kube.time_of(status["state"]["running"]["startedAt"])
    assert now is not None
    told = Kills(tuple(world.all("Event")))
    found = podsymptoms.complaint(pod, now, told)
    assert found is not None
    assert (found.kind, status["restartCount"]) == ("crash-loop", 3)
    assert podsymptoms.complaint(pod, now, Kills()) is None


def test_where_nobody_can_tell_only_what_has_such_a_probe_may_have_been_killed() -> None:
    seen = made.topology(_probed(0, probe="readinessProbe"), made.pod("b"))
    assert podsymptoms.detect(seen, UNSEEN, now=NOW) == ()


class Asked(FakeCluster):
    """Notes where events of kills were asked for."""

    def __init__(self, *objects: Object) -> None:
        super().__init__(*objects)
        self.places: list[str] = []

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        if fields == "reason=Killing":
            self.places.append(namespace)
        return super().list(kind, namespace, labels=labels, fields=fields)


def _town(ill: Object, *events: Object) -> Asked:
    named = ({**each, "metadata": {"name": f"e{n}", "namespace": "shop"}} for n, each in enumerate(events))
    members = (ill, made.pod("b"))
    return Asked(
        of(kube.DEPLOYMENT, made.deployment("cart", replicas=2)),
        of(kube.REPLICA_SET, made.replica_set("cart", 1, ready=2)),
        *(of(kube.POD, each) for each in members),
        *(of(kube.EVENT, each) for each in named),
    )


@pytest.mark.parametrize(
    ("events", "readable", "kinds"),
    [
        ([_killed(10)], True, {"crash-loop"}),
        ([], True, set()),
        ([_killed(10)], False, set()),
        ([], False, set()),
    ],
)
def test_who_may_not_read_events_takes_nobody_for_killed(
    events: Sequence[Object], *, readable: bool, kinds: set[str]
) -> None:
    town = _town(_probed(0), *events)
    if not readable:
        town.hidden.add(("events", "shop"))
    seen = detection.observe(town, None, ManualClock(NOW), "shop")
    assert {each.kind for each in detection.detect_in(seen)} == kinds
    assert town.places == ["shop"]


@pytest.mark.parametrize(
    "pod", [made.pod("a"), made.crashing("a"), _probed(1), _probed(0, probe="readinessProbe")]
)
def test_kills_are_asked_for_only_where_something_turns_on_them(pod: Object) -> None:
    town = _town(pod)
    detection.observe(town, None, ManualClock(NOW), "shop")
    assert town.places == []


def test_memory_that_is_full_is_told_however_its_container_ended() -> None:
    last = made.ended(0, seconds_ago=6, ran=900, reason="OOMKilled")
    found = _found(made.topology(made.pod("a", state=RUNS, last=last, restarts=3), made.pod("b")))
    assert set(found) == {"oom-killed"}


def test_what_the_kubelet_never_held_back_is_not_said_to_be() -> None:
    last = made.ended(1, seconds_ago=6, ran=900)
    found = _found(made.topology(made.pod("a", state=RUNS, last=last, restarts=9), made.pod("b")))
    words = "1 of 2 pods: ended 6 s ago after 15 min, 9 restarts, exit code 1"
    assert found["crash-loop"].evidence == words


def test_a_pod_may_start_for_a_minute_but_not_lose_readiness_for_long() -> None:
    starting = made.pod("a", ready=False, age=40, unready_for=40)
    lost = made.pod("b", ready=False, age=4000, unready_for=25)
    found = _found(made.topology(starting, lost))
    assert found["not-ready"].pods == ("b",)


def test_a_pod_that_no_node_takes_is_unschedulable_after_the_scheduler_had_its_time() -> None:
    big = made.pod("a", ready=False, phase="Pending", age=30, unready_for=30, node="")
    big["status"]["conditions"] = [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "lastTransitionTime": made.ago(30),
            "message": "0/3 nodes are available: 3 Insufficient cpu.",
        }
    ]
    big["status"]["containerStatuses"] = []
    found = _found(made.topology(big, made.pod("b")))
    assert set(found) == {"unschedulable"}
    assert "Insufficient cpu" in found["unschedulable"].evidence


def _rollout(*pods: Object, ready: int, age: float = 100.0, env: dict[str, str] | None = None) -> Topology:
    sets = (made.replica_set("cart", 7, ready=ready, age=9e4), made.replica_set("cart", 8, age=age, env=env))
    return made.topology(*pods, deployments=(made.deployment("cart", revision=8),), replica_sets=sets)


def test_a_new_revision_that_fails_beside_the_healthy_old_one_is_a_bad_rollout() -> None:
    seen = _rollout(made.crashing("new", of="cart-h8"), made.pod("old", of="cart-h7"), ready=1)
    found = _found(seen)["bad-rollout"]
    assert found.facts["revision"] == 8
    assert found.facts["healthy"] == 7
    assert "revision 7 still serves" in found.evidence


def test_crashes_soon_after_a_complete_rollout_are_blamed_on_it() -> None:
    assert "bad-rollout" in _found(_rollout(made.crashing("new", of="cart-h8", age=100), ready=0, age=120))


def test_crashes_long_after_a_rollout_are_not_blamed_on_it() -> None:
    found = _found(_rollout(made.crashing("new", of="cart-h8", age=80000), ready=0, age=80000))
    assert set(found) == {"crash-loop"}


def test_a_rollout_that_ran_out_of_time_is_bad_even_without_crashes() -> None:
    seen = made.topology(
        made.pod("new", of="cart-h8", ready=False, age=30, unready_for=30),
        made.pod("old", of="cart-h7"),
        deployments=(made.deployment("cart", revision=8, reason="ProgressDeadlineExceeded"),),
        replica_sets=(made.replica_set("cart", 7, ready=1), made.replica_set("cart", 8)),
    )
    assert "ran out of time" in _found(seen)["bad-rollout"].evidence


def test_a_restart_is_no_rollout_to_blame() -> None:
    restarted = made.replica_set("cart", 8, age=60)
    before = made.replica_set("cart", 7, age=9000)
    before["spec"]["template"] = {
        **restarted["spec"]["template"],
        "metadata": {"labels": {"app": "cart", "pod-template-hash": "h7"}},
    }
    body = made.deployment("cart", revision=8)
    stamp = {"kubectl.kubernetes.io/restartedAt": "2026-11-23T11:59:00Z"}
    body["spec"]["template"]["metadata"]["annotations"] = stamp
    restarted["spec"]["template"]["metadata"]["annotations"] = stamp
    seen = made.topology(
        made.crashing("new", of="cart-h8", age=50), deployments=(body,), replica_sets=(before, restarted)
    )
    assert set(_found(seen)) == {"crash-loop"}


def test_a_lost_node_is_a_symptom_of_the_node_and_of_the_workloads_on_it() -> None:
    seen = made.topology(
        made.pod("a"), made.pod("b", node="node-2"), nodes=(made.node("node-2", ready="Unknown"),)
    )
    found = _found(seen)
    assert str(found["node-lost"].target) == "node/node-2"
    assert found["on-lost-node"].pods == ("b",)


def test_a_cordoned_node_matters_only_while_pods_wait_for_one() -> None:
    assert not _found(made.topology(made.pod("a"), nodes=(made.node("node-1", cordoned=True),)))


def test_a_pod_that_is_being_deleted_is_no_symptom() -> None:
    leaving = made.crashing("a")
    leaving["metadata"]["deletionTimestamp"] = made.ago(1)
    assert not _found(made.topology(leaving, made.pod("b")))


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "CreateContainerConfigError"])
def test_what_keeps_an_old_pod_from_starting_again_began_when_it_stopped_serving(reason: str) -> None:
    ill = made.pod("cart-a", ready=False, age=86400, unready_for=120, state=made.waiting(reason))
    found = podsymptoms.complaint(ill, NOW, IGNORED)
    assert found is not None
    assert NOW - found.since == timedelta(minutes=2)


@pytest.mark.parametrize(("ran", "minutes"), [(5, 36), (86400, 1)])
def test_what_ran_for_long_before_its_last_end_was_held_back_for_nothing(ran: float, minutes: float) -> None:
    last = made.ended(1, seconds_ago=60, ran=ran)
    ill = made.pod("cart-a", ready=False, state=made.waiting("CrashLoopBackOff"), last=last, restarts=12)
    found = podsymptoms.complaint(ill, NOW, IGNORED)
    assert found is not None
    assert (NOW - found.since).total_seconds() // 60 == minutes
