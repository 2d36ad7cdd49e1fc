from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.acts.fake import FakeCluster

from chaoskit import kube
from chaoskit.acts import engine
from chaoskit.acts.courses import alone
from chaoskit.acts.entries import entry_from, plain_entry
from chaoskit.acts.leftovers import Leftover, leftovers
from chaoskit.acts.means import EVICTION, Means
from chaoskit.acts.trail import Struck, Trail
from chaoskit.clock import ManualClock
from chaoskit.errors import Forbidden, Refused, Unavailable
from chaoskit.ports.cluster import Kind, Listing, Object, ObjectRef

ENGINE = ObjectRef(kube.CHAOS_ENGINE, "shop", "web-chaos", "uid-engine")
TRAIL = Trail(ENGINE, "run1", ("shop",), ours=True)
THEIRS = Trail(ENGINE, "run1", ("shop",), ours=False)


def chaos_engine(
    status: str,
    *,
    state: str = "active",
    finalizers: tuple[str, ...] = ("chaosengine.litmuschaos.io/finalizer",),
) -> Object:
    meta = {
        "name": "web-chaos",
        "namespace": "shop",
        "uid": "uid-engine",
        "labels": {kube.RUN_LABEL: "run1"},
        "finalizers": list(finalizers),
    }
    body: Object = {"apiVersion": "litmuschaos.io/v1alpha1", "kind": "ChaosEngine", "metadata": meta}
    return {**body, "spec": {"engineState": state}, "status": {"engineStatus": status}}


def pod(name: str, phase: str = "Running", **meta: Any) -> Object:
    labels = {"chaosUID": "uid-engine"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": labels, **meta},
        "spec": {"containers": []},
        "status": {"phase": phase},
    }


def result(**annotations: str) -> Object:
    meta = {
        "name": "web-chaos-pod-network-loss",
        "namespace": "shop",
        "labels": {"chaosUID": "uid-engine"},
        "annotations": {key.replace("__", "/"): value for key, value in annotations.items()},
    }
    return {"apiVersion": "litmuschaos.io/v1alpha1", "kind": "ChaosResult", "metadata": meta, "spec": {}}


def operator(cluster: FakeCluster, clock: ManualClock, seconds: float) -> None:
    """Ends the engine and its pods so many seconds from now, as Litmus does."""

    def act() -> None:
        body = cluster.objects[(kube.CHAOS_ENGINE, "shop", "web-chaos")]
        body["status"] = {"engineStatus": "stopped"}
        for key in [key for key in cluster.objects if key[0] == kube.POD]:
            del cluster.objects[key]

    clock.call_at(seconds, act)


def test_an_engine_under_way_is_told_to_stop_and_waited_for() -> None:
    cluster, clock = FakeCluster(chaos_engine("initialized"), pod("helper")), ManualClock()
    operator(cluster, clock, 4)
    assert engine.end(cluster, clock, THEIRS) == ()
    assert clock.monotonic() >= 4
    body = cluster.get(ENGINE)
    assert body["spec"]["engineState"] == "stop"


def test_our_own_engine_is_removed_and_somebody_elses_stays() -> None:
    for trail, left in ((TRAIL, 0), (THEIRS, 1)):
        cluster = FakeCluster(chaos_engine("completed", state="stop"))
        assert engine.end(cluster, ManualClock(), trail) == ()
        assert len(cluster.list(kube.CHAOS_ENGINE).items) == left


def test_the_results_of_our_own_engine_go_with_it_and_those_of_others_stay() -> None:
    for trail, left in ((TRAIL, 0), (THEIRS, 1)):
        cluster = FakeCluster(chaos_engine("completed", state="stop"), result())
        assert engine.end(cluster, ManualClock(), trail) == ()
        assert len(cluster.list(kube.CHAOS_RESULT).items) == left


def test_results_that_may_not_be_deleted_are_told_of_and_keep_no_undo_open() -> None:
    told: list[str] = []
    cluster = FakeCluster(chaos_engine("completed", state="stop"), result())

    def forbid(ref: ObjectRef, _options: Any) -> None:
        if ref.kind == kube.CHAOS_RESULT:
            raise Forbidden("you may not delete chaosresults")

    cluster.before_delete = forbid
    assert engine.end(cluster, ManualClock(), TRAIL, tell=told.append) == ()
    assert told == [
        "chaosresult.litmuschaos.io/web-chaos-pod-network-loss stays: you may not delete chaosresults"
    ]


def test_an_ended_engine_is_not_told_to_stop() -> None:
    cluster = FakeCluster(chaos_engine("completed"), pod("runner", "Succeeded"))
    assert engine.end(cluster, ManualClock(), THEIRS) == ()
    assert cluster.wrote == []


def held(*codes: int | None, policy: str = "Never", deleting: bool = False, phase: str = "Running") -> Object:
    """A pod whose containers ended with these codes; None runs."""
    ends: list[Object] = [
        {"running": {}} if code is None else {"terminated": {"exitCode": code}} for code in codes
    ]
    marked = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleting else {}
    body = pod("runner", phase, **marked)
    body["spec"] = {"restartPolicy": policy, "containers": [{"name": "c"}, {"name": "d"}]}
    body["status"]["containerStatuses"] = [{"name": "c", "state": each} for each in ends]
    return body


@pytest.mark.parametrize(
    "ended",
    [
        held(0, 0),
        held(0, 1),
        held(0, 0, policy="OnFailure"),
        held(0, 1, policy="OnFailure", deleting=True),
        held(0, 0, policy="Always", deleting=True),
        held(0, 0, deleting=True, phase="Succeeded"),
        held(phase="Failed"),
    ],
)
def test_a_pod_in_which_nothing_runs_any_more_is_not_waited_for(ended: Object) -> None:
    cluster, clock = FakeCluster(chaos_engine("completed"), ended), ManualClock()
    assert engine.end(cluster, clock, THEIRS) == ()
    assert (clock.monotonic(), cluster.wrote) == (0, [])


@pytest.mark.parametrize(
    "working",
    [
        held(0, None),
        held(0),
        held(0, 1, policy="OnFailure"),
        held(0, 0, policy="Always"),
        held(0, None, deleting=True),
        held(phase="Succeeded", deleting=True),
        held(phase="Pending"),
        {
            **held(0, 0),
            "status": {**held(0, 0)["status"], "initContainerStatuses": [{"state": {"running": {}}}]},
        },
    ],
)
def test_a_pod_in_which_something_runs_or_will_again_is_left(working: Object) -> None:
    assert leftovers(FakeCluster(working), THEIRS) == (Leftover("pod", "runner"),)


def job(*ends: str, **status: Any) -> Object:
    """A job of the engine with this status, which has ended so."""
    meta = {"name": "pod-cpu-hog", "namespace": "shop", "labels": {"chaosUID": "uid-engine"}}
    conditions = [{"type": each, "status": "True"} for each in ends]
    body: Object = {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"backoffLimit": 6}}
    return {**body, "status": {**status, "conditions": conditions}}


BACKS_OFF = job(failed=1, ready=0)
"""The pod of this one failed; its controller makes the next one in ten seconds."""


@pytest.mark.parametrize(
    ("made", "ended"),
    [
        (job("SuccessCriteriaMet", "Complete", succeeded=1), True),
        (job("FailureTarget", "Failed", failed=7), True),
        (job(active=1), False),
        (BACKS_OFF, False),
        (job("SuccessCriteriaMet"), False),
        ({**job(), "status": {}}, False),
    ],
    ids=["complete", "failed", "active", "backs off", "about to end", "new"],
)
def test_a_job_is_over_when_it_makes_no_pod_any_more(made: Object, ended: bool) -> None:
    left = () if ended else (Leftover("job", "pod-cpu-hog"),)
    assert leftovers(FakeCluster(made), THEIRS) == left


def test_a_job_whose_pod_died_is_deleted_before_it_makes_another() -> None:
    cluster = FakeCluster(chaos_engine("completed"), pod("pod-cpu-hog-1", "Failed"), BACKS_OFF)
    clock = ManualClock()
    assert engine.end(cluster, clock, THEIRS) == ()
    assert cluster.wrote == ["delete job/pod-cpu-hog"]
    assert clock.monotonic() < 10


def test_no_undo_is_confirmed_while_a_job_that_may_not_be_deleted_makes_pods() -> None:
    cluster = FakeCluster(chaos_engine("completed"), BACKS_OFF)

    def forbid(_ref: ObjectRef, _options: Any) -> None:
        raise Forbidden("you may not delete jobs")

    cluster.before_delete = forbid
    assert engine.end(cluster, ManualClock(), THEIRS) == ("job pod-cpu-hog still runs",)


class Racing(FakeCluster):
    """Its job makes a pod and is gone between two lists, whichever comes first."""

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        found = super().list(kind, namespace, labels=labels, fields=fields)
        if self.objects.pop((kube.JOB, "shop", "pod-cpu-hog"), None):
            self.create(pod("pod-cpu-hog-2"))
        return found


def test_a_pod_that_a_job_makes_at_its_end_is_not_missed() -> None:
    assert Leftover("pod", "pod-cpu-hog-2") in leftovers(Racing(job(active=1)), THEIRS)


def test_with_a_busy_operator_pods_are_deleted_by_hand() -> None:
    cluster, clock = FakeCluster(chaos_engine("initialized"), pod("helper")), ManualClock()
    operator(cluster, clock, 30)
    deleted: list[float] = []
    cluster.before_delete = lambda _ref, _options: deleted.append(clock.monotonic())
    assert engine.end(cluster, clock, THEIRS) == ()
    assert "delete pod/helper" in cluster.wrote
    assert deleted[0] <= 2, "it strikes meanwhile"


def test_what_a_dying_experiment_still_makes_is_deleted_too() -> None:
    cluster, clock = FakeCluster(chaos_engine("initialized"), pod("experiment")), ManualClock()
    operator(cluster, clock, 30)
    late = pod("helper", resourceVersion="7")
    clock.call_at(5, lambda: cluster.objects.update({(kube.POD, "shop", "helper"): late}))
    assert engine.end(cluster, clock, THEIRS) == ()
    assert "delete pod/helper" in cluster.wrote
    assert clock.monotonic() < 60


def test_without_an_operator_the_undo_is_not_confirmed() -> None:
    cluster, clock = FakeCluster(chaos_engine("initialized")), ManualClock()
    left = engine.end(cluster, clock, THEIRS)
    assert left == (
        "engine web-chaos has not ended, though nothing of it works any more: its operator is busy",
    )
    assert clock.monotonic() >= engine.PATIENCE


def test_an_engine_that_no_operator_has_seen_is_removed() -> None:
    body = chaos_engine("")
    del body["metadata"]["finalizers"]
    cluster = FakeCluster(body)
    assert engine.end(cluster, ManualClock(), THEIRS) == ()
    assert cluster.list(kube.CHAOS_ENGINE).items == ()


def test_a_pod_that_litmus_calls_injected_is_replaced_when_it_has_an_owner() -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "cart-1", "controller": True}
    target = pod("cart-1", labels={}, ownerReferences=[owner])
    cluster = FakeCluster(
        chaos_engine("completed"), result(pod__x="y", **{"pod__cart-1": "injected"}), target
    )
    assert engine.end(cluster, ManualClock(), THEIRS) == ()
    assert "delete pod/cart-1" in cluster.wrote


def test_a_bare_pod_that_litmus_calls_injected_is_told_and_left() -> None:
    target = pod("cart-1", labels={})
    cluster = FakeCluster(chaos_engine("completed"), result(**{"pod__cart-1": "injected"}), target)
    assert engine.end(cluster, ManualClock(), THEIRS) == ("fault still on pod cart-1",)


def test_another_engine_of_the_same_name_is_not_touched() -> None:
    other = chaos_engine("initialized")
    other["metadata"] |= {"uid": "another", "labels": {}}
    cluster = FakeCluster(other)
    assert engine.end(cluster, ManualClock(), TRAIL) == ()
    assert cluster.wrote == []


def test_a_trail_survives_the_ledger() -> None:
    for trail in (TRAIL, replace(TRAIL, struck=(Struck("pod-cpu-hog-exec", "shop", "cart-a"),))):
        assert Trail.of(entry_from(json.loads(json.dumps(plain_entry(trail.entry()))))) == trail


def test_a_trail_of_a_ledger_that_is_older_than_this_version_knows_no_pods() -> None:
    entry = TRAIL.entry()
    before = {key: value for key, value in entry.before.items() if key != "struck"}
    assert Trail.of(replace(entry, before=before)) == TRAIL


OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "cart-1", "uid": "rs", "controller": True}


def replica_set(ready: int) -> Object:
    meta = {"name": "cart-1", "namespace": "shop", "uid": "rs"}
    body: Object = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta}
    return {**body, "spec": {"replicas": 2}, "status": {"readyReplicas": ready}}


def serving(name: str) -> Object:
    body = pod(name, labels={}, ownerReferences=[OWNER])
    body["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    return body


def disturbed() -> FakeCluster:
    """Two pods that serve and still carry the fault of an engine that has ended."""
    marks = {"pod__cart-a": "injected", "pod__cart-b": "injected"}
    return FakeCluster(
        chaos_engine("completed"), result(**marks), serving("cart-a"), serving("cart-b"), replica_set(2)
    )


def replaced(cluster: FakeCluster, clock: ManualClock) -> list[str]:
    told: list[str] = []
    assert engine.end(cluster, clock, THEIRS, tell=told.append) == ()
    return told


@pytest.mark.parametrize(("own", "sent"), [(None, 30), (0, 30), (120, 120)])
def test_a_stopped_engine_gives_its_helpers_time_to_take_the_fault_back(own: int | None, sent: int) -> None:
    body = chaos_engine("initialized")
    if own is not None:
        body["spec"]["terminationGracePeriodSeconds"] = own
    cluster, clock = FakeCluster(body), ManualClock()
    operator(cluster, clock, 2)
    engine.end(cluster, clock, THEIRS)
    assert cluster.wrote == ["patch chaosengine.litmuschaos.io/web-chaos"]
    assert cluster.get(ENGINE)["spec"] == {"engineState": "stop", "terminationGracePeriodSeconds": sent}


@pytest.mark.parametrize(("own", "given"), [(0, 30), (None, 30), (60, 60)])
def test_a_helper_deleted_by_hand_gets_its_time_too(own: int | None, given: int) -> None:
    helper = pod("helper")
    if own is not None:
        helper["spec"]["terminationGracePeriodSeconds"] = own
    cluster, clock = FakeCluster(chaos_engine("initialized"), helper), ManualClock()
    operator(cluster, clock, 30)
    graces: list[object] = []
    cluster.before_delete = lambda _ref, options: graces.append(options["grace"])
    engine.end(cluster, clock, THEIRS)
    assert graces == [given]


def test_serving_pods_that_carry_the_fault_are_evicted_one_at_a_time() -> None:
    cluster, clock = disturbed(), ManualClock()
    key = (kube.REPLICA_SET, "shop", "cart-1")
    went: list[float] = []

    def evict(ref: ObjectRef) -> None:
        went.append(clock.monotonic())
        del cluster.objects[(kube.POD, "shop", ref.name)]
        cluster.objects[key] = replica_set(1)
        clock.call_at(20, lambda: cluster.objects.update({key: replica_set(2)}))

    cluster.evicting = evict
    assert replaced(cluster, clock) == [
        "pod/cart-a still carried the fault: evicted",
        "pod/cart-b still carried the fault: evicted",
    ]
    assert went[1] - went[0] >= 20
    assert not [each for each in cluster.wrote if each.startswith("delete")]


def test_a_pod_is_deleted_when_its_budget_never_lets_it_go() -> None:
    cluster, clock = disturbed(), ManualClock()

    def refuse(ref: ObjectRef) -> None:
        raise Refused("no", guard="disruption budget")

    cluster.evicting = refuse
    assert replaced(cluster, clock)[0].endswith("deleted, its disruption budget did not let it go")
    assert clock.monotonic() >= EVICTION


def test_a_pod_is_deleted_where_eviction_is_forbidden() -> None:
    cluster, clock = disturbed(), ManualClock()

    def forbid(ref: ObjectRef) -> None:
        raise Forbidden("no")

    cluster.evicting = forbid
    assert replaced(cluster, clock)[0].endswith("deleted, eviction is forbidden here")


def test_a_successor_of_the_same_name_carries_no_fault() -> None:
    marks = {"pod__cart-0": "injected"}
    cluster = FakeCluster(chaos_engine("completed"), result(**marks), serving("cart-0"), replica_set(1))

    def evict(ref: ObjectRef) -> None:
        cluster.delete(ref)
        cluster.create(serving("cart-0"))

    cluster.evicting = evict
    assert replaced(cluster, ManualClock()) == ["pod/cart-0 still carried the fault: evicted"]


def test_a_pod_of_that_name_in_another_namespace_is_not_taken_for_a_successor() -> None:
    """One pod of each namespace carries the fault; the first one does not go."""

    def beside(body: Object) -> Object:
        return {**body, "metadata": {**body["metadata"], "namespace": "annex"}}

    cluster = FakeCluster(
        chaos_engine("completed"), result(**{"pod__cart-0": "injected"}), replica_set(1), serving("cart-0"),
        beside(replica_set(1)), beside(serving("cart-0")),
    )  # fmt: skip

    def evict(ref: ObjectRef) -> None:
        if ref.namespace == "annex":
            cluster.delete(ref)
            cluster.create(beside(serving("cart-0")))

    cluster.evicting = evict
    left = engine.end(cluster, ManualClock(), replace(TRAIL, namespaces=("shop", "annex")))
    assert left == ("fault still on pod cart-0",)


@pytest.mark.parametrize("cut", ["pod/cart-0", str(ENGINE)])
def test_a_successor_is_not_replaced_when_the_undo_is_begun_again(cut: str) -> None:
    """The answer is lost when the pod is told to go, or when the engine is to be removed."""
    marks = {"pod__cart-0": "injected"}
    cluster = FakeCluster(chaos_engine("completed"), result(**marks), serving("cart-0"), replica_set(1))
    clock, once = ManualClock(), iter((cut,))

    def lose(ref: ObjectRef) -> None:
        if str(ref) == cut and next(once, ""):
            raise Unavailable("the connection was cut", service="kubernetes")

    def evict(ref: ObjectRef) -> None:
        cluster.delete(ref)
        cluster.create(serving("cart-0"))
        lose(ref)

    cluster.evicting = evict
    cluster.before_delete = lambda ref, _options: lose(ref) if ref.kind == kube.CHAOS_ENGINE else None
    means = Means(cluster, clock)
    with pytest.raises(Unavailable):
        alone(engine.ending(means, TRAIL), clock)
    assert alone(engine.ending(means, TRAIL), clock) == ()
    assert cluster.wrote.count("evict pod/cart-0") == 1


def by_command(verdict: str, message: str) -> FakeCluster:
    """An engine that has ended, whose fault was a command in a pod, as the event of its beginning says."""
    ended = result()
    ended["spec"] = {"experiment": "pod-cpu-hog-exec"}
    ended["status"] = {"experimentStatus": {"verdict": verdict}}
    event = {
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": "shop"},
        "involvedObject": {"uid": "uid-engine"}, "reason": "ChaosInject", "message": message,
    }  # fmt: skip
    return FakeCluster(chaos_engine("completed"), ended, event, serving("cart-a"), replica_set(1))


def test_a_command_whose_killer_died_goes_with_the_pod_that_its_event_names() -> None:
    told = "Injecting pod-cpu-hog-exec chaos on cart-a pod"
    cluster, clock = by_command("Awaited", told), ManualClock()
    assert replaced(cluster, clock) == ["pod/cart-a still carried the fault: evicted"]


@pytest.mark.parametrize(
    ("verdict", "message"),
    [
        ("Pass", "Injecting pod-cpu-hog-exec chaos on cart-a pod"),
        ("Stopped", "Injecting pod-cpu-hog-exec chaos on cart-a pod"),
    ],
)
def test_a_command_that_litmus_has_killed_costs_no_pod(verdict: str, message: str) -> None:
    for trail in (THEIRS, in_pods("cart-a")):
        cluster = by_command(verdict, message)
        assert engine.end(cluster, ManualClock(), trail) == ()
        assert len(cluster.list(kube.POD).items) == 1
        assert len(cluster.list(kube.CHAOS_RESULT).items) == 1


def in_pods(*names: str) -> Trail:
    return replace(THEIRS, struck=tuple(Struck("pod-cpu-hog-exec", "shop", each) for each in names))


def without_events(*more: Object) -> FakeCluster:
    """The commands of an engine that died, an hour ago: three pods serve, in each of them one may run."""
    cluster = by_command("Awaited", "")
    cluster.delete(ObjectRef(kube.EVENT, "shop", "e"))
    for body in (serving("cart-b"), serving("cart-c"), *more):
        cluster.create(body)
    cluster.wrote.clear()
    return cluster


def test_commands_go_with_all_pods_of_the_trail_though_no_event_tells_of_them() -> None:
    cluster, told = without_events(serving("cart-d")), list[str]()
    trail = in_pods("cart-a", "cart-b", "cart-c", "cart-gone")
    assert engine.end(cluster, ManualClock(), trail, tell=told.append) == ()
    assert told == [f"pod/cart-{each} still carried the fault: evicted" for each in "abc"]
    assert [each["metadata"]["name"] for each in cluster.list(kube.POD).items] == ["cart-d"]


def test_a_pod_that_only_the_event_names_goes_with_those_of_the_trail() -> None:
    cluster = by_command("Awaited", "Injecting pod-cpu-hog-exec chaos on cart-a pod")
    cluster.create(serving("cart-b"))
    assert engine.end(cluster, ManualClock(), in_pods("cart-b")) == ()
    assert cluster.list(kube.POD).items == ()


def test_no_undo_is_confirmed_while_a_command_may_run_in_pods_that_nobody_knows() -> None:
    for forbidden in (False, True):
        cluster = without_events()
        if forbidden:
            cluster.hidden.add(("events", "shop"))
        (left,) = engine.end(cluster, ManualClock(), TRAIL)
        assert left.startswith("chaosresult web-chaos-pod-network-loss was never settled")
        assert len(cluster.list(kube.POD).items) == 3
        cluster.delete(ObjectRef(kube.CHAOS_RESULT, "shop", "web-chaos-pod-network-loss"))
        assert engine.end(cluster, ManualClock(), TRAIL) == ()


@pytest.mark.parametrize(
    "message",
    ["Injecting pod-cpu-hog-exec chaos on application pod", "Injecting other-fault chaos on cart-a pod"],
)
def test_an_event_that_names_no_pod_of_the_fault_costs_none_and_confirms_nothing(message: str) -> None:
    cluster = by_command("Awaited", message)
    assert "in which pods is not known" in engine.end(cluster, ManualClock(), THEIRS)[0]
    assert len(cluster.list(kube.POD).items) == 1


def test_an_event_that_was_counted_up_names_only_the_last_of_its_pods() -> None:
    cluster = by_command("Awaited", "Injecting pod-cpu-hog-exec chaos on cart-a pod")
    cluster.patch(ObjectRef(kube.EVENT, "shop", "e"), {"count": 3})
    (left,) = engine.end(cluster, ManualClock(), THEIRS)
    assert "in which pods is not known" in left
    assert "evict pod/cart-a" in cluster.wrote


def test_what_an_earlier_run_of_the_same_name_took_back_is_in_doubt_again() -> None:
    cluster = without_events()
    before = {"targets": [{"name": "cart-a", "kind": "pod", "chaosStatus": "reverted"}]}
    cluster.patch(
        ObjectRef(kube.CHAOS_RESULT, "shop", "web-chaos-pod-network-loss"), {"status": {"history": before}}
    )
    assert engine.end(cluster, ManualClock(), in_pods("cart-a")) == ()
    assert "evict pod/cart-a" in cluster.wrote


def test_a_result_that_nobody_will_settle_goes_when_its_commands_were_ended() -> None:
    cluster = without_events()
    assert engine.end(cluster, ManualClock(), in_pods("cart-a", "cart-b", "cart-c")) == ()
    assert cluster.list(kube.CHAOS_RESULT).items == ()


def test_a_disturbed_pod_that_does_not_go_is_told_and_left() -> None:
    cluster = disturbed()
    cluster.evicting = lambda _ref: None
    left = engine.end(cluster, ManualClock(), THEIRS)
    assert left == ("fault still on pod cart-a", "fault still on pod cart-b")
