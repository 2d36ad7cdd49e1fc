"""Slow starts are no failures: who starts has the time that its own spec and its rollout give it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.recovery import made
from tests.recovery.made import NOW, symptom
from tests.simulator.world import World

from chaoskit import kube
from chaoskit.ports.cluster import Object
from chaoskit.recovery import (
    Decision,
    Issue,
    Plan,
    classify,
    databasesymptoms,
    eventsymptoms,
    planner,
    podsymptoms,
    runbook,
    storms,
)
from chaoskit.recovery.kills import IGNORED
from chaoskit.topology import Topology

FOUR_MINUTES: dict[str, Any] = {"startupProbe": {"periodSeconds": 10, "failureThreshold": 24}}
"""What the spec of an application says that may need four minutes to start."""
UNDER_WAY = {
    "type": "Progressing",
    "status": "True",
    "reason": "ReplicaSetUpdated",
    "lastUpdateTime": made.ago(5),
}
COMPLETE = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
TOO_LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}


def _starting(name: str, age: float, *, of: str = "cart-h8", **container: Any) -> Object:
    """A pod that runs and never was ready."""
    pod = made.pod(name, of=of, ready=False, age=age, unready_for=age)
    pod["spec"]["containers"][0].update(container)
    return pod


def _release(*new: Object, progress: Object = UNDER_WAY, old: Object | None = None) -> Topology:
    """Revision 8 is rolled out beside 7, which serves still."""
    old = old or made.pod("old", of="cart-h7")
    body = made.deployment("cart", revision=8)
    body["status"]["conditions"] = [progress]
    sets = (made.replica_set("cart", 7, ready=1, age=9e4), made.replica_set("cart", 8, age=300))
    return made.topology(*new, old, deployments=(body,), replica_sets=sets)


def _set(*pods: Object, **spec: Any) -> Topology:
    """A stateful set of these pods."""
    body = made.deployment("kafka", replicas=len(pods))
    body["spec"].update(spec)
    for pod in pods:
        (owner,) = pod["metadata"]["ownerReferences"]
        owner.update(kind="StatefulSet", name="kafka")
    return Topology(pods, ((kube.STATEFUL_SET, body),), (), (), ())


def _issues(seen: Topology, *events: Object) -> tuple[Issue, ...]:
    found = (
        *podsymptoms.detect(seen, IGNORED, now=NOW),
        *eventsymptoms.detect(seen, events, IGNORED, now=NOW),
        *databasesymptoms.detect(seen, {}, IGNORED, now=NOW),
    )
    return classify(found, topology=seen, now=NOW)


def _unhealthy(pod: str) -> Object:
    subject = {"kind": "Pod", "name": pod, "namespace": "shop"}
    times = {"firstTimestamp": made.ago(60), "lastTimestamp": made.ago(2)}
    message = "Readiness probe failed: connection refused"
    return {"reason": "Unhealthy", "message": message, "count": 20, "involvedObject": subject, **times}


def _decided(seen: Topology) -> Decision:
    return planner.plan(_issues(seen)[0], runbook.defaults(), seen, now=NOW)


def _actions(seen: Topology) -> list[str]:
    found = _decided(seen)
    assert isinstance(found, Plan), found
    return [rung.action for rung in found.rungs]


# ---------------------------------------------------------------- releases


@pytest.mark.parametrize("age", [75, 235])
@pytest.mark.parametrize("probes", [FOUR_MINUTES, {}], ids=["startupProbe", "no probe"])
def test_a_release_whose_pods_are_slow_to_start_is_left_alone(age: float, probes: dict[str, Any]) -> None:
    seen = _release(_starting("new", age, **probes))
    assert _issues(seen, _unhealthy("new")) == ()


def test_a_release_whose_image_is_large_is_left_alone() -> None:
    pulling = made.pod("new", of="cart-h8", ready=False, phase="Pending", age=200, unready_for=200)
    assert _issues(_release(pulling)) == ()


@pytest.mark.parametrize("age", [75, 235])
def test_a_revision_is_not_blamed_for_a_pod_that_takes_long_after_the_rollout(age: float) -> None:
    (found,) = _issues(_release(_starting("new", age), progress=COMPLETE))
    assert found.kinds == {"not-ready"}
    assert _issues(_release(_starting("new", age, **FOUR_MINUTES), progress=COMPLETE)) == ()


def test_a_release_that_hangs_for_longer_than_its_deployment_allows_is_rolled_back() -> None:
    seen = _release(_starting("new", 630, **FOUR_MINUTES), progress=TOO_LATE)
    assert _actions(seen)[0] == "roll-back"
    (issue,) = _issues(seen, _unhealthy("new"))
    assert {"bad-rollout", "not-ready", "probe-failed"} == issue.kinds


@pytest.mark.parametrize(
    "state", ["CrashLoopBackOff", "ImagePullBackOff", "CreateContainerConfigError"], ids=str
)
def test_a_release_that_is_broken_is_rolled_back_however_long_it_may_start(state: str) -> None:
    broken = _starting("new", 30, **FOUR_MINUTES)
    (status,) = broken["status"]["containerStatuses"]
    status.update(state=made.waiting(state), lastState=made.ended(1, seconds_ago=20), restartCount=2)
    assert _actions(_release(broken))[0] == "roll-back"


# ---------------------------------------------------------------- sets, storms


@pytest.mark.parametrize(
    "probes",
    [
        FOUR_MINUTES,
        {"livenessProbe": {"initialDelaySeconds": 210}},
        {"readinessProbe": {"initialDelaySeconds": 235}},
    ],
    ids=lambda probes: next(iter(probes)),
)
def test_a_pod_of_a_stateful_set_has_the_time_that_its_probes_give_it(probes: dict[str, Any]) -> None:
    ready = made.pod("kafka-1")
    assert _issues(_set(_starting("kafka-0", 235, **probes), ready)) == ()
    assert _actions(_set(_starting("kafka-0", 260, **probes), ready))[0] == "fail-over"


def test_min_ready_seconds_are_time_to_start_too() -> None:
    assert _issues(_set(_starting("kafka-0", 110), made.pod("kafka-1"), minReadySeconds=120)) == ()
    assert _issues(_set(_starting("kafka-0", 130), made.pod("kafka-1"), minReadySeconds=120))


def test_what_a_pod_waited_for_before_its_containers_ran_is_not_its_start() -> None:
    waited = _starting("kafka-0", 300)
    waited["status"]["containerStatuses"][0]["state"] = {"running": {"startedAt": made.ago(50)}}
    assert _issues(_set(waited, made.pod("kafka-1"))) == ()
    placed_late = made.pod("kafka-0", ready=False, age=900, unready_for=50)
    placed_late["status"]["conditions"][1]["lastTransitionTime"] = made.ago(52)
    assert _issues(_set(placed_late, made.pod("kafka-1"))) == ()


def test_a_database_that_starts_explains_its_callers_and_is_neither_replaced_nor_paged_about() -> None:
    body = made.deployment("db", replicas=1)
    body["status"]["readyReplicas"] = 0
    caller = made.deployment("cart", env={"DB": "postgres://db:5432/x"})
    young = _starting("db-h1-a", 75, of="db-h1", **FOUR_MINUTES)
    seen = made.topology(made.pod("a"), young, deployments=(caller, body))
    (issue,) = _issues(seen)
    assert issue.kinds == {"database-starting"}
    assert not isinstance(_decided(seen), Plan)
    found = classify((*issue.symptoms, symptom("pool-errors", since=30)), topology=seen, now=NOW)
    assert {(each.target.name, each.root) for each in found} == {("db", ""), ("cart", issue.id)}
    late = _starting("db-h1-a", 300, of="db-h1", **FOUR_MINUTES)
    (down,) = _issues(made.topology(made.pod("a"), late, deployments=(caller, body)))
    assert "database-down" in down.kinds


def _three(pods: list[Object]) -> Topology:
    bodies = [made.deployment(name) for name in ("a", "b", "c", "d")]
    return made.topology(*pods, deployments=bodies)


def test_three_workloads_that_start_slowly_are_no_storm() -> None:
    slow = [_starting(f"{name}-h1-a", 75, of=f"{name}-h1", **FOUR_MINUTES) for name in "abc"]
    seen = _three(slow)
    assert storms.storm(_issues(seen), seen, now=NOW) is None
    assert storms.gathering(_issues(seen), seen, now=NOW) == ""
    broken = _three([made.crashing(f"{name}-h1-a", of=f"{name}-h1") for name in "abc"])
    assert storms.storm(_issues(broken), broken, now=NOW) is not None


@pytest.mark.parametrize("kind", ["stuck-starting", "memory-rising", "database-starting", "disk-full"])
def test_what_is_merely_watched_is_no_part_of_a_storm(kind: str) -> None:
    assert not storms.roots(classify([symptom(kind)], now=NOW))
    assert storms.roots(classify([symptom(kind), symptom("crash-loop")], now=NOW))


# ---------------------------------------------------------------- specs that name no time


def _sibling(name: str, took: float, **more: Any) -> Object:
    """A pod that serves, and was ready so many seconds after its containers ran."""
    pod = made.pod(name, age=9000, **more)
    pod["status"]["conditions"][0]["lastTransitionTime"] = made.ago(9000 - took)
    return pod


def _kinds(seen: Topology, *events: Object) -> list[set[str]]:
    return [set(each.kinds) for each in _issues(seen, *events)]


@pytest.mark.parametrize("age", [75, 590])
def test_a_pod_of_a_set_that_names_no_time_is_watched_and_not_replaced(age: float) -> None:
    seen = _set(_starting("kafka-0", age), _sibling("kafka-1", took=5))
    assert _kinds(seen, _unhealthy("kafka-0")) == [{"stuck-starting"}]
    decided = _decided(seen)
    assert not isinstance(decided, Plan)
    assert decided.guard == "confidence"


def test_a_pod_of_a_set_that_is_far_beyond_is_replaced() -> None:
    seen = _set(_starting("kafka-0", 610), _sibling("kafka-1", took=5))
    assert _kinds(seen, _unhealthy("kafka-0")) == [{"not-ready", "probe-failed"}]
    assert _actions(seen)[0] == "fail-over"


def test_what_is_replaced_beside_a_pod_that_starts_leaves_that_alone() -> None:
    crashing = made.crashing("kafka-1")
    (issue,) = _issues(_set(_starting("kafka-0", 75), crashing, _sibling("kafka-2", took=5)))
    assert {"crash-loop", "stuck-starting"} == issue.kinds
    assert issue.pods == ("kafka-1",)


def _after_release(*pods: Object) -> Topology:
    """Pods of a deployment that was rolled out long ago."""
    sets = (made.replica_set("cart", 8, ready=1, age=9e4),)
    return made.topology(*pods, deployments=(made.deployment("cart", revision=8),), replica_sets=sets)


@pytest.mark.parametrize(
    ("took", "age", "kinds"),
    [
        (90, 50, []),
        (90, 260, [{"stuck-starting"}]),
        (90, 280, [{"not-ready"}]),
        (5, 75, [{"not-ready"}]),
        (8000, 590, [{"stuck-starting"}]),  # it was unready meanwhile: how long it took to start is not known
        (8000, 610, [{"not-ready"}]),
    ],
)
def test_a_pod_may_take_a_few_times_as_long_as_one_beside_it_took(
    took: float, age: float, kinds: list[set[str]]
) -> None:
    beside = (_sibling("old", took, of="cart-h8"), _sibling("flapped", 8500, of="cart-h8"))
    assert _kinds(_after_release(_starting("new", age), *beside)) == kinds


@pytest.mark.parametrize(("age", "kinds"), [(590, {"stuck-starting"}), (610, {"not-ready"})])
def test_a_few_times_as_long_is_never_longer_than_far_beyond(age: float, kinds: set[str]) -> None:
    beside = _sibling("old", 540, of="cart-h8")
    assert _kinds(_after_release(_starting("new", age), beside)) == [kinds]


def test_a_set_whose_others_took_as_long_is_left_alone() -> None:
    assert _kinds(_set(_starting("kafka-0", 50), _sibling("kafka-1", took=90))) == []
    seen = _set(_starting("kafka-0", 260), _sibling("kafka-1", took=90))
    assert (_kinds(seen), _issues(seen)[0].pods) == ([{"stuck-starting"}], ())


def test_a_rollout_that_ran_out_of_time_names_no_pod_that_is_only_watched() -> None:
    watched, late = _starting("watched", 260), _starting("late", 280)
    old = _sibling("old", took=90, of="cart-h7")
    (found,) = _issues(_release(watched, progress=TOO_LATE, old=old))
    assert {"bad-rollout", "stuck-starting"} == found.kinds
    assert found.pods == ()
    (found,) = _issues(_release(watched, late, progress=TOO_LATE, old=old))
    assert found.pods == ("late",)


def test_who_has_none_beside_it_is_watched_until_it_is_far_beyond() -> None:
    assert _kinds(_after_release(_starting("new", 590))) == [{"stuck-starting"}]
    assert _kinds(_after_release(_starting("new", 610))) == [{"not-ready"}]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_a_container_that_ended_once_has_the_time_to_start_again_that_others_took(kind: str) -> None:
    def again(unready: float) -> list[set[str]]:
        pod = made.pod("kafka-0", of="cart-h8", ready=False, age=9000, unready_for=unready, restarts=1)
        (status,) = pod["status"]["containerStatuses"]
        running = {"running": {"startedAt": made.ago(unready - 2)}}
        status.update(state=running, lastState=made.ended(137, ran=8000, seconds_ago=unready))
        beside = _sibling("kafka-1", took=90, of="cart-h8")
        return _kinds((_after_release if kind == "Deployment" else _set)(pod, beside))

    assert again(50) == []
    assert again(80) == [{"stuck-starting"}]
    assert again(280) == [{"not-ready" if kind == "Deployment" else "stuck-starting"}]


def test_a_database_that_names_no_time_is_starting_until_it_is_far_beyond() -> None:
    body = made.deployment("db", replicas=1)
    body["status"]["readyReplicas"] = 0
    caller = made.deployment("cart", env={"DB": "postgres://db:5432/x"})

    def kinds(age: float) -> set[str]:
        pods = (made.pod("a"), _starting("db-h1-a", age, of="db-h1"))
        (found,) = _kinds(made.topology(*pods, deployments=(caller, body)))
        return found

    assert kinds(590) == {"stuck-starting", "database-starting"}
    assert "database-down" in kinds(610)


def _database(*pods: Object, progress: Object = COMPLETE) -> Topology:
    """A database of one pod, and who calls it."""
    body = made.deployment("db", replicas=1)
    body["status"].update(readyReplicas=0, conditions=[progress])
    caller = made.deployment("cart", env={"DB": "postgres://db:5432/x"})
    return made.topology(made.pod("a"), *pods, deployments=(caller, body))


def _came_on(ago: float) -> Object:
    """The condition of a rollout that came on last so many seconds ago."""
    return {**UNDER_WAY, "lastUpdateTime": made.ago(ago)}


def _served(unready_for: float) -> Object:
    """A pod of the database that served for an hour until then."""
    return made.pod("db-h1-a", of="db-h1", ready=False, unready_for=unready_for)


def _leaving(seconds: float) -> Object:
    """A pod of the database that must be gone in so many seconds."""
    pod = _served(5)
    pod["metadata"]["deletionTimestamp"] = made.ago(-seconds)
    return pod


@pytest.mark.parametrize(
    ("seen", "waited"),
    [
        pytest.param(_database(_served(1)), True, id="blinks"),
        pytest.param(_database(_served(19)), True, id="blinks for long"),
        pytest.param(_database(_served(21)), False, id="hangs"),
        pytest.param(_database(_leaving(25)), True, id="leaves"),
        pytest.param(_database(_leaving(-1)), False, id="should have left"),
        pytest.param(_database(progress=UNDER_WAY), True, id="is rolled out"),
        pytest.param(_database(progress=_came_on(59)), True, id="is rolled out for a minute"),
        pytest.param(_database(progress=_came_on(61)), False, id="makes no pod for too long"),
        pytest.param(_database(), False, id="is not there"),
    ],
)
def test_a_database_that_may_serve_in_a_moment_is_waited_for_like_any_other(
    seen: Topology, waited: bool
) -> None:
    (issue,) = _issues(seen)
    assert ("database-starting" in issue.kinds, "database-down" in issue.kinds) == (waited, not waited)
    decided = _decided(seen)
    assert isinstance(decided, Plan) is not waited
    assert isinstance(decided, Plan) or decided.guard == "confidence"


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize(("told", "does"), [(200, None), (400, ["notify"]), (1500, ["notify"])])
def test_a_database_that_takes_half_an_hour_to_leave_is_told_and_explains_what_its_callers_feel(
    told: float, does: list[str] | None, *, ready: bool
) -> None:
    pod = made.pod("postgres-0", of="postgres-h1", ready=ready, age=9000, unready_for=told - 20)
    meta = pod["metadata"]
    meta["ownerReferences"][0].update(kind="StatefulSet", name="postgres")
    meta.update(deletionTimestamp=made.ago(told - 1800), deletionGracePeriodSeconds=1800)
    body = made.deployment("postgres", replicas=1)
    body["status"].update(readyReplicas=0, conditions=[])
    caller = made.deployment("cart", env={"DB": "postgres://postgres:5432/x"})
    bodies = ((kube.STATEFUL_SET, body), (kube.DEPLOYMENT, caller))
    seen = Topology(
        (pod, made.pod("a"), made.pod("b")), bodies, (made.replica_set("cart", 1, ready=2),), (), ()
    )
    felt = made.symptom("pool-errors", "cart", since=told)
    (cause,) = databasesymptoms.detect(seen, {}, IGNORED, now=NOW)
    assert (cause.kind, NOW - cause.since) == ("database-starting", timedelta(seconds=told))
    issues = {each.target.name: each for each in classify([cause, felt], topology=seen, now=NOW)}
    assert issues["cart"].root == issues["postgres"].id
    decided = planner.plan(issues["postgres"], runbook.defaults(), seen, now=NOW)
    assert ([each.action for each in decided.rungs] if isinstance(decided, Plan) else None) == does


@pytest.mark.parametrize("available", [True, False])
@pytest.mark.parametrize(
    ("age", "kinds", "does"),
    [
        (280, {"database-starting"}, None),
        (360, {"database-starting"}, ["notify"]),
        (3000, {"database-down"}, ["restart-pod", "notify"]),
    ],
)
def test_a_database_whose_rollout_goes_on_is_told_once_it_served_nobody_for_long_and_mended_after_its_time(
    age: float, kinds: set[str], does: list[str] | None, *, available: bool
) -> None:
    pod = made.pod("db-h1-a", of="db-h1", ready=False, age=age, unready_for=age)
    seen = _database(pod, progress=_came_on(age))
    state = {"type": "Available", "status": str(available), "lastTransitionTime": made.ago(age)}
    seen.workload_bodies[1][1]["status"]["conditions"].append(state)
    (issue,) = _issues(seen)
    assert issue.kinds == kinds
    decided = _decided(seen)
    assert ([r.action for r in decided.rungs] if isinstance(decided, Plan) else None) == does


def test_a_set_that_may_start_for_half_an_hour_is_told_of_when_it_is_a_database() -> None:
    def decided(age: float) -> Decision:
        long: dict[str, Any] = {"startupProbe": {"periodSeconds": 10, "failureThreshold": 180}}
        body = made.deployment("postgres", replicas=1)
        body["status"].update(readyReplicas=0, conditions=[])
        pod = _starting("postgres-0", age, **long)
        pod["metadata"]["ownerReferences"][0].update(kind="StatefulSet", name="postgres")
        return _decided(Topology((pod,), ((kube.STATEFUL_SET, body),), (), (), ()))

    early, late = decided(280), decided(310)
    assert not isinstance(early, Plan)
    assert isinstance(late, Plan)
    assert [rung.action for rung in late.rungs] == ["notify"]


def test_a_pod_that_blinks_is_not_replaced_with_the_ones_that_hang() -> None:
    hangs = made.pod("db-h1-b", of="db-h1", ready=False, unready_for=40)
    seen = _database(_served(2), hangs)
    (issue,) = classify([symptom("database-down", "db")], topology=seen, now=NOW)
    decided = planner.plan(issue, runbook.defaults(), seen, now=NOW)
    assert isinstance(decided, Plan)
    assert [rung.pods for rung in decided.rungs if rung.action == "restart-pod"] == [("db-h1-b",)]


# ---------------------------------------------------------------- a cluster in which pods start slowly


def _run(world: World, kind: str) -> None:
    """A workload of three pods that need ninety seconds each, and say nothing of it."""
    labels = {"app": "slow"}
    container = {
        "name": "app",
        "image": "registry.example/app:1",
        "env": [{"name": "STARTS_IN", "value": "90"}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 2},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    world.make(kind, "slow", {"replicas": 3, "selector": {"matchLabels": labels}, "template": template})


def _shown(world: World, seconds: int) -> tuple[set[str], float]:
    """The kinds of symptoms that are seen meanwhile, and for how long a pod was unready at most."""
    kinds: set[str] = set()
    longest = 0.0
    for _ in range(0, seconds, 5):
        world.run(5)
        now = datetime.fromtimestamp(world.engine.now(), UTC)
        pods = world.api.list("Pod", "shop")
        bodies = [
            (each, body)
            for each, name in ((kube.DEPLOYMENT, "Deployment.apps"), (kube.STATEFUL_SET, "StatefulSet.apps"))
            for body in world.api.list(name, "shop")
        ]
        seen = Topology(pods, tuple(bodies), world.api.list("ReplicaSet.apps", "shop"), (), ())
        kinds |= {each.kind for each in podsymptoms.detect(seen, IGNORED, now=now)}
        unready = [now - since for pod in pods if (since := kube.unready_since(pod)) is not None]
        longest = max(longest, *(each.total_seconds() for each in unready), 0.0)
    return kinds, longest


@pytest.mark.parametrize(("kind", "first"), [("Deployment", set()), ("StatefulSet", {"stuck-starting"})])
def test_pods_that_start_slowly_come_up_untouched_and_one_made_anew_as_well(
    kind: str, first: set[str]
) -> None:
    world = World()
    _run(world, kind)
    kinds, longest = _shown(world, 300)
    assert (kinds, longest > 80) == (first, True)  # of the first pod of a set nobody knows how long it takes
    pod = world.api.list("Pod", "shop")[0]
    world.api.delete("Pod", "shop", pod["metadata"]["name"])
    kinds, longest = _shown(world, 150)
    assert (kinds, longest > 80) == ({"stuck-starting"}, True)  # it is seen to take its time, and no more
    assert all(map(kube.is_ready, world.api.list("Pod", "shop")))


# ---------------------------------------------------------------- what was ready


@pytest.mark.parametrize("progress", [UNDER_WAY, COMPLETE])
def test_a_pod_that_was_ready_and_lost_readiness_is_found_in_time_whatever_its_start_may_take(
    progress: Object,
) -> None:
    lost = made.pod("new", of="cart-h8", ready=False, age=250, unready_for=21)
    lost["spec"]["containers"][0].update(FOUR_MINUTES)
    (issue,) = _issues(_release(lost, progress=progress))
    assert (set(issue.kinds), issue.pods) == ({"not-ready"}, ("new",))
    assert issue.since == NOW - timedelta(seconds=21)


def test_a_container_that_was_restarted_has_the_time_of_its_startup_probe_again() -> None:
    again = made.pod("kafka-0", ready=False, age=9000, unready_for=90, restarts=1)
    again["spec"]["containers"][0].update(FOUR_MINUTES)
    (status,) = again["status"]["containerStatuses"]
    status.update(state={"running": {"startedAt": made.ago(88)}}, lastState=made.ended(137, seconds_ago=90))
    assert _issues(_set({**again}, made.pod("kafka-1")))
    status["started"] = False
    assert _issues(_set({**again}, made.pod("kafka-1"))) == ()
