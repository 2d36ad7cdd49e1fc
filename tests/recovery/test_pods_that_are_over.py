"""Pods that ended for good and lie about, as a node leaves them: they speak of what was, not of what is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.recovery import made
from tests.recovery.made import NOW

from chaoskit import kube
from chaoskit.ports.cluster import Kind, Object
from chaoskit.recovery import Plan, Refusal, classify, planner, runbook, verification
from chaoskit.recovery.detection import Sight, detect_in
from chaoskit.recovery.issues import PAST, PRECEDENCE
from chaoskit.recovery.planner import Decision
from chaoskit.recovery.standing import STANDING
from chaoskit.recovery.storms import gathering
from chaoskit.recovery.symptoms import Severity, Symptom
from chaoskit.recovery.weighing import weighed
from chaoskit.topology import Topology

DAY = 86400.0
ON_DISK = "The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 900Mi. "
ON_MEMORY = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 80Mi. "


def _over(name: str, ago: float, *, of: str = "cart-h1", ran: float = 3 * DAY, **more: Any) -> Object:
    """A pod as the kubelet leaves one that it evicted so many seconds ago."""
    said = {"code": 137, "reason": "Evicted", "message": ON_MEMORY, "phase": "Failed", **more}
    state = made.ended(said["code"], seconds_ago=ago, ran=ran)
    pod = made.pod(name, of=of, ready=False, age=ago + ran, unready_for=ago, phase=said["phase"], state=state)
    pod["status"].update(reason=said["reason"], message=said["message"], startTime=made.ago(ago + ran))
    return pod


def _without_times(pod: Object) -> Object:
    """As the kubelet leaves one whose container it lost sight of."""
    ended = {"exitCode": 137, "reason": "ContainerStatusUnknown", "startedAt": None, "finishedAt": None}
    pod["status"]["containerStatuses"][0]["state"] = {"terminated": ended}
    return pod


def _served(*over: Object, of: str = "cart-h1", name: str = "cart") -> list[Object]:
    """Three pods that serve, and others that are over."""
    return [*over, *(made.pod(f"{name}-{each}", of=of) for each in "abc")]


def _decided(seen: Topology, **sight: Any) -> tuple[Decision, ...]:
    symptoms = detect_in(Sight(NOW, seen, **sight))
    issues = classify(symptoms, topology=seen, now=NOW)
    return planner.plan_all(issues, runbook.defaults(), seen, now=NOW)


def _actions(decisions: Sequence[Decision]) -> list[str]:
    return [rung.action for each in decisions if isinstance(each, Plan) for rung in each.rungs]


@pytest.mark.parametrize(
    "over",
    [
        _over("old", 3 * 3600),
        _over("old", 2 * DAY, message=ON_DISK),
        _over("old", 12 * 60, code=143, reason="Terminated", message="Pod was terminated"),
        _over("old", 2 * DAY, code=0),
        _over("old", 90, code=0, reason="", phase="Succeeded"),
        _without_times(_over("old", 2 * DAY)),
    ],
    ids=["evicted", "evicted days ago", "node shut down", "exit 0", "succeeded", "no times"],
)
def test_what_is_over_and_replaced_is_no_issue(over: Object) -> None:
    seen = made.topology(*_served(over), deployments=[made.deployment("cart", replicas=3)])
    assert detect_in(Sight(NOW, seen)) == ()


@pytest.mark.parametrize("age", [9 * 60, 3 * DAY])
@pytest.mark.parametrize("message", [ON_MEMORY, ON_DISK])
def test_a_release_that_serves_is_not_rolled_back_for_a_pod_that_was_evicted(
    age: float, message: str
) -> None:
    seen = made.topology(
        *_served(_over("old", 5 * 60, of="cart-h8", ran=age - 5 * 60, message=message), of="cart-h8"),
        deployments=[made.deployment("cart", revision=8, replicas=3)],
        replica_sets=(
            made.replica_set("cart", 7, age=9 * DAY),
            made.replica_set("cart", 8, ready=3, age=age),
        ),
    )
    assert _actions(_decided(seen)) == ["notify"]


QUOTA = (
    'pods "cart-h1-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=3, limited: pods=3'
)


def _failing(since: float = 300, *, ready: int = 0, **more: Any) -> Object:
    """A deployment of three whose controller is not let make the pods that it lacks."""
    body = made.deployment("cart", replicas=3)
    said = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": QUOTA, **more}
    body["status"].update(
        replicas=ready, readyReplicas=ready, conditions=[{**said, "lastTransitionTime": made.ago(since)}]
    )
    return body


@pytest.mark.parametrize(
    "over",
    [[], [_over("old", 2 * 3600)], [_over("old", 600)], [_over("old", 90, code=143, reason="Terminated")]],
)
def test_pods_that_are_over_and_cannot_be_replaced_are_for_a_person(over: list[Object]) -> None:
    (plan,) = _decided(made.topology(*over, deployments=[_failing()]))
    assert plan.issue.kinds == {"failed-create"}
    assert (plan.issue.severity, NOW - plan.issue.since) == (Severity.CRITICAL, timedelta(minutes=5))
    assert plan.issue.evidence[0] == f"3 of 3 pods cannot be made for 5 min: {QUOTA}"
    assert _actions([plan]) == ["notify"]


def test_nothing_is_taken_away_that_could_not_be_made_anew() -> None:
    pods = made.pod("a"), made.crashing("b")
    (plan,) = _decided(made.topology(*pods, deployments=[_failing(ready=1)]))
    assert (plan.issue.severity, _actions([plan])) == (Severity.HIGH, ["notify"])
    assert plan.issue.kinds == {"failed-create", "crash-loop"}


@pytest.mark.parametrize(
    ("body", "pods"),
    [
        pytest.param(_failing(10), 1, id="its next try may do"),
        pytest.param(_failing(), 3, id="it lacks none"),
        pytest.param(_failing(status="False"), 1, id="no more"),
        pytest.param(_failing(reason="FailedDelete"), 1, id="it cannot delete"),
        pytest.param(made.deployment("cart", replicas=3), 1, id="nobody says so"),
    ],
)
def test_who_is_about_to_make_pods_lacks_none(body: Object, pods: int) -> None:
    assert detect_in(Sight(NOW, made.topology(*map(made.pod, "abc"[:pods]), deployments=[body]))) == ()


@pytest.mark.parametrize("kind", [kube.STATEFUL_SET, kube.DAEMON_SET])
@pytest.mark.parametrize(
    ("last", "age", "found"),
    [
        pytest.param(600, 3600, 1800, id="the next try is awaited"),
        pytest.param(600, 900, 900, id="it began after the last pod was made"),
        pytest.param(600, 300, None, id="a pod was made since"),
        pytest.param(1300, 3600, None, id="long ago"),
    ],
)
def test_of_sets_events_tell_that_pods_cannot_be_made(
    kind: Kind, last: float, age: float, found: float | None
) -> None:
    wanted = {"desiredNumberScheduled": 2} if kind is kube.DAEMON_SET else {}
    body = {**made.deployment("db"), "kind": kind.name, "status": wanted}
    pod = made.pod("db-0", age=age)
    pod["metadata"]["ownerReferences"][0].update(kind=kind.name, name="db")
    seen = replace(made.topology(pod), workload_bodies=((kind, body),))
    about = {"kind": kind.name, "namespace": "shop", "name": "db"}
    event = {
        "reason": "FailedCreate", "message": QUOTA, "involvedObject": about,
        "firstTimestamp": made.ago(1800), "lastTimestamp": made.ago(last),
    }  # fmt: skip
    others = (
        {**event, "involvedObject": {**about, **other}} for other in ({"name": "x"}, {"namespace": "x"})
    )
    for told in others:
        assert detect_in(Sight(NOW, seen, warnings=(told,))) == ()
    symptoms = detect_in(Sight(NOW, seen, warnings=(event,)))
    assert [(each.kind, NOW - each.since) for each in symptoms] == (
        [] if found is None else [("failed-create", timedelta(seconds=found))]
    )


@pytest.mark.parametrize("ran", [1800.0, 3 * DAY])
@pytest.mark.parametrize(("message", "kind"), [(ON_MEMORY, "pressure-evicted"), (ON_DISK, "disk-evicted")])
def test_an_eviction_is_as_old_as_the_end_of_its_pod(ran: float, message: str, kind: str) -> None:
    def found(ago: float) -> list[tuple[str, timedelta]]:
        seen = made.topology(*_served(_over("old", ago, ran=ran, message=message)))
        return [(each.kind, NOW - each.since) for each in detect_in(Sight(NOW, seen))]

    assert found(60) == [(kind, timedelta(minutes=1))]
    assert found(3601) == []


def test_an_eviction_whose_end_no_container_tells_is_as_old_as_its_unreadiness_or_its_start() -> None:
    def since(pod: Object) -> timedelta:
        (found,) = detect_in(Sight(NOW, made.topology(*_served(pod))))
        return NOW - found.since

    pod = _without_times(_over("old", 120))
    assert since(pod) == timedelta(seconds=120)
    del pod["status"]["conditions"]
    pod["status"]["startTime"] = made.ago(300)
    assert since(pod) == timedelta(seconds=300)


def test_the_event_of_an_eviction_tells_its_time_where_the_pod_does_not() -> None:
    pod = _without_times(_over("old", 60))
    del pod["status"]["conditions"]
    about = {"kind": "Pod", "namespace": "shop", "name": "old"}
    event = {"reason": "Evicted", "involvedObject": about, "lastTimestamp": made.ago(240)}
    seen = made.topology(*_served(pod))
    assert detect_in(Sight(NOW, seen)) == ()
    (found,) = detect_in(Sight(NOW, seen, warnings=(event,)))
    assert (found.kind, NOW - found.since) == ("pressure-evicted", timedelta(minutes=4))
    elsewhere = {**event, "involvedObject": {**about, "namespace": "other"}}
    assert detect_in(Sight(NOW, seen, warnings=(elsewhere,))) == ()


def test_only_what_runs_is_replaced_beside_what_is_over() -> None:
    seen = made.topology(
        made.crashing("ill"),
        *_served(_over("old", 300)),
        deployments=[made.deployment("cart", replicas=4)],
    )
    (plan,) = _decided(seen)
    assert isinstance(plan, Plan)
    assert [(rung.action, rung.pods) for rung in plan.rungs] == [("restart-pod", ("ill",)), ("notify", ())]
    assert plan.radius.hits[0].total == 4
    assert "1 of 4 pods" in plan.issue.symptoms[0].evidence
    assert plan.issue.kinds <= STANDING
    # once the others stand well, the eviction that is still told of is no reason to go on
    healed = made.topology(*_served(_over("old", 300)))
    assert not verification.shows(plan.issue, Sight(NOW, healed))
    assert verification.shows(plan.issue, Sight(NOW, seen))


def test_an_eviction_that_nothing_else_is_seen_of_is_there_until_it_is_no_news() -> None:
    (decision,) = _decided(made.topology(*_served(_over("old", 300))))
    assert verification.shows(decision.issue, Sight(NOW, made.topology(*_served(_over("old", 3000)))))
    assert not verification.shows(decision.issue, Sight(NOW, made.topology(*_served(_over("old", 4000)))))


def _essence(decision: Decision) -> tuple[Any, ...]:
    """All that a decision comes to, but what is told."""
    issue = decision.issue
    what = (issue.id, issue.since, issue.severity, issue.confidence, issue.kinds, issue.pods, issue.root)
    if isinstance(decision, Plan):
        return (*what, [(rung.action, rung.targets, rung.pods) for rung in decision.rungs])
    return (*what, decision.guard, decision.why)


@pytest.mark.parametrize("past", sorted(PAST))
def test_an_eviction_decides_nothing_beside_what_is_seen_now(past: str) -> None:
    seen = made.topology(*_served(_over("old", 2400)), deployments=[made.deployment("cart", replicas=3)])

    books = runbook.defaults()

    def decided(*symptoms: Symptom) -> Decision:
        issues = classify(symptoms, topology=seen, now=NOW)
        (found,) = planner.plan_all(issues, books, seen, now=NOW)
        return found

    over = replace(made.symptom(past, since=2400, severity=Severity.MEDIUM), pods=("old",))
    for kind in set(PRECEDENCE) - PAST:
        now = made.symptom(kind)
        beside = decided(over, now)
        assert _essence(beside) == _essence(decided(now)), kind
        assert beside.issue.evidence == (now.evidence, over.evidence)


@pytest.mark.parametrize("past", sorted(PAST))
def test_an_alert_is_as_old_as_what_is_seen_now_and_not_as_an_eviction(past: str) -> None:
    heard = replace(made.symptom("crash-loop", since=3 * 3600), heard=NOW)
    seen = (made.symptom(past, since=2400), made.symptom("crash-loop", since=60))
    (found,) = weighed([heard], seen, Sight(NOW, made.topology()))
    assert NOW - found.since == timedelta(seconds=60)


@pytest.mark.parametrize("message", [ON_MEMORY, ON_DISK])
def test_a_pod_that_hangs_is_replaced_though_another_was_evicted(message: str) -> None:
    hung = made.pod("hung", ready=False, age=DAY, unready_for=200)
    bodies = [made.deployment("cart", replicas=4)]
    seen = made.topology(*_served(_over("old", 2400, message=message), hung), deployments=bodies)
    (plan,) = _decided(seen)
    assert isinstance(plan, Plan)
    assert [(rung.action, rung.pods) for rung in plan.rungs] == [("restart-pod", ("hung",)), ("notify", ())]


def test_leftovers_of_a_node_that_was_shut_down_are_no_storm() -> None:
    names = [f"app{number}" for number in range(5)]
    pods = [
        pod
        for number, name in enumerate(names)
        for pod in _served(
            *([_over(f"{name}-old", 12 * 60, of=f"{name}-h1", code=143, reason="Terminated")] * (number < 3)),
            of=f"{name}-h1",
            name=name,
        )
    ]
    ill = made.crashing("app4-ill", of="app4-h1")
    bodies = [made.deployment(name, replicas=4 if name == "app4" else 3) for name in names]
    seen = made.topology(ill, *pods, deployments=bodies)
    assert _actions(_decided(seen)) == ["restart-pod", "notify"]


def test_no_storm_gathers_from_what_is_over() -> None:
    names = [f"app{number}" for number in range(4)]
    over = [_over(f"{name}-old", 30, of=f"{name}-h1", code=143, reason="Terminated") for name in names]
    serving = [made.pod(f"{name}-a", of=f"{name}-h1") for name in names]
    ill = made.crashing("app3-ill", of="app3-h1")
    seen = made.topology(ill, *over, *serving, deployments=list(map(made.deployment, names)))
    issues = classify(detect_in(Sight(NOW, seen)), topology=seen, now=NOW)
    assert (len(issues), gathering(issues, seen, now=NOW)) == (1, "")


def test_what_is_over_hides_no_other_issue() -> None:
    seen = made.topology(*_served(_over("old", 2 * DAY), _over("older", 1800, message=ON_DISK)))
    (decision,) = _decided(seen)
    assert decision.issue.kind == "disk-full"


def test_what_a_log_says_is_as_old_as_the_trouble_of_the_pod_that_says_it() -> None:
    ill = made.pod("ill", ready=False, age=600, unready_for=90)
    seen = made.topology(*_served(_over("old", 2 * DAY), ill))
    logs = {("shop", "ill"): 'FATAL: password authentication failed for user "shop"'}
    (found,) = (each for each in detect_in(Sight(NOW, seen, logs=logs)) if each.kind == "database-auth")
    assert NOW - found.since == timedelta(seconds=90)


def test_pods_that_fail_again_and_again_are_an_issue_beside_what_is_over() -> None:
    seen = made.topology(_over("old", 2 * DAY), made.crashing("a"), made.crashing("b"))
    (decision,) = _decided(seen)
    assert not isinstance(decision, Refusal)
    assert decision.issue.symptoms[0].evidence.startswith("2 of 2 pods: CrashLoopBackOff")


def test_a_job_whose_pod_failed_keeps_its_issue() -> None:
    said = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    job = {
        "metadata": made.meta("nightly"),
        "spec": {},
        "status": {"conditions": [{**said, "lastTransitionTime": made.ago(60)}]},
    }
    pod = _over("nightly-1", 60, code=1, reason="Error", message="")
    pod["metadata"]["ownerReferences"] = [
        {"apiVersion": "batch/v1", "kind": "Job", "name": "nightly", "uid": "uid-nightly", "controller": True}
    ]
    seen = replace(made.topology(pod), workload_bodies=())
    assert [each.kind for each in detect_in(Sight(NOW, seen, jobs=(job,)))] == ["job-failed"]
    assert kube.is_over(pod)
