"""Containers that ended once and run again: what every detector says of their pods, down to the plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.recovery import made
from tests.recovery.made import NOW

from chaoskit import kube
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Object
from chaoskit.recovery import (
    Issue,
    Plan,
    Refusal,
    classify,
    databasesymptoms,
    eventsymptoms,
    planner,
    podsymptoms,
    runbook,
    starts,
)
from chaoskit.recovery.kills import IGNORED
from chaoskit.recovery.starts import Start
from chaoskit.topology import Topology

FOUR_MINUTES: dict[str, Any] = {"startupProbe": {"periodSeconds": 10, "failureThreshold": 24}}


def _again(name: str, runs: float, *, lost: float = 2, **more: Any) -> Object:
    """A pod of old whose container has run again for so long; it was unready since `lost` seconds before."""
    return made.pod(
        name,
        ready=False,
        age=9000,
        unready_for=runs + lost,
        **{
            "restarts": 1,
            "state": {"running": {"startedAt": made.ago(runs)}},
            "last": made.ended(137, ran=8000, seconds_ago=runs + 1),
            **more,
        },
    )


def _sibling(name: str, took: float) -> Object:
    pod = made.pod(name, age=9000)
    pod["status"]["conditions"][0]["lastTransitionTime"] = made.ago(9000 - took)
    return pod


def _workload(name: str, *pods: Object, kind: str = "StatefulSet") -> Topology:
    """The pods as those of a stateful set, or of a deployment that was rolled out long ago."""
    body = made.deployment(name, replicas=len(pods))
    is_set = kind == "StatefulSet"
    for pod in pods:
        (owner,) = pod["metadata"]["ownerReferences"]
        owner.update(kind=kind if is_set else "ReplicaSet", name=name if is_set else f"{name}-h1")
    sets = () if is_set else (made.replica_set(name, 1, ready=2),)
    return Topology(pods, ((kube.STATEFUL_SET if is_set else kube.DEPLOYMENT, body),), sets, (), ())


def _unhealthy(pod: str, probe: str) -> Object:
    subject = {"kind": "Pod", "name": pod, "namespace": "shop"}
    times = {"firstTimestamp": made.ago(60), "lastTimestamp": made.ago(8)}
    message = f"{probe} probe failed: connection refused"
    return {"reason": "Unhealthy", "message": message, "count": 20, "involvedObject": subject, **times}


def _issues(seen: Topology) -> tuple[Issue, ...]:
    """What all detectors find, with every probe of every pod that is not ready failing."""
    ill = [pod["metadata"]["name"] for pod in seen.pods if not kube.is_ready(pod)]
    events = [_unhealthy(name, probe) for name in ill for probe in ("Liveness", "Readiness")]
    found = (
        *podsymptoms.detect(seen, IGNORED, now=NOW),
        *eventsymptoms.detect(seen, events, IGNORED, now=NOW),
        *databasesymptoms.detect(seen, {}, IGNORED, now=NOW),
    )
    return classify(found, topology=seen, now=NOW)


def _does(seen: Topology) -> list[str]:
    """What is planned; nothing where there is no issue, or where it is only watched."""
    actions = []
    for issue in _issues(seen):
        decided = planner.plan(issue, runbook.defaults(), seen, now=NOW)
        if isinstance(decided, Refusal):
            assert (decided.guard, decided.outcome) == ("confidence", Outcome.NOTHING_TO_DO)
        else:
            actions += [" ".join((rung.action, *rung.pods)) for rung in decided.rungs]
    return actions


def _kinds(seen: Topology) -> set[str]:
    return {kind for issue in _issues(seen) for kind in issue.kinds}


# ---------------------------------------------------------------- a database that recovers its data


@pytest.mark.parametrize("kind", ["StatefulSet", "Deployment"])
@pytest.mark.parametrize("runs", [3, 60, 240])
def test_a_database_that_ended_once_is_starting_while_it_recovers_its_data(kind: str, runs: float) -> None:
    seen = _workload("postgres", _again("postgres-0", runs), kind=kind)
    assert _kinds(seen) - {"stuck-starting"} == {"database-starting"}
    assert _does(seen) == []


def test_a_database_that_ended_just_now_is_the_kubelets_to_begin_anew() -> None:
    def seen(ago: float) -> Topology:
        ended = made.ended(137, ran=8000, seconds_ago=ago)
        return _workload("postgres", made.pod("postgres-0", ready=False, unready_for=ago, state=ended))

    assert (_kinds(seen(2)), _does(seen(2))) == ({"database-starting"}, [])
    assert {"database-down", "error-exit"} <= _kinds(seen(11))
    assert "restart-pod postgres-0" in _does(seen(11))


def test_nobody_replaces_it_where_something_else_makes_sure() -> None:
    seen = _workload("postgres", _again("postgres-0", 30))
    (issue,) = classify([made.symptom("database-down", "postgres")], topology=seen, now=NOW)
    ref = seen.workloads["shop", "statefulset/postgres"].ref
    decided = planner.plan(replace(issue, target=ref), runbook.defaults(), seen, now=NOW)
    assert isinstance(decided, Plan)
    assert "restart-pod" not in [rung.action for rung in decided.rungs]


def test_a_database_that_is_far_beyond_is_replaced() -> None:
    seen = _workload("postgres", _again("postgres-0", 610))
    assert "database-down" in _kinds(seen)
    assert "restart-pod postgres-0" in _does(seen)


def test_a_database_that_ends_once_more_after_hours_is_starting_as_at_the_first_time() -> None:
    seen = _workload("postgres", _again("postgres-0", 3, restarts=2))
    assert (_kinds(seen), _does(seen)) == ({"database-starting"}, [])


def test_a_database_that_crashes_again_is_down_at_once() -> None:
    soon = made.ended(137, ran=20, seconds_ago=4)
    seen = _workload("postgres", _again("postgres-0", 3, restarts=2, last=soon))
    assert {"database-down", "crash-loop"} <= _kinds(seen)
    assert "restart-pod postgres-0" in _does(seen)


# ---------------------------------------------------------------- killed by its liveness probe


@pytest.mark.parametrize("more", [{}, FOUR_MINUTES], ids=["a sibling took as long", "startupProbe"])
def test_a_pod_that_was_killed_for_its_probe_has_the_time_of_every_start(more: dict[str, Any]) -> None:
    again = _again("kafka-0", 6, lost=40)
    again["spec"]["containers"][0].update(more)
    again["status"]["containerStatuses"][0]["started"] = not more
    seen = _workload("kafka", again, _sibling("kafka-1", took=90))
    assert (_kinds(seen), _does(seen)) == (set(), [])


def test_a_startup_probe_gives_a_container_that_runs_again_all_its_time() -> None:
    def seen(runs: float) -> Topology:
        again = _again("kafka-0", runs, lost=100)
        again["spec"]["containers"][0].update(FOUR_MINUTES)
        again["status"]["containerStatuses"][0]["started"] = False
        return _workload("kafka", again, _sibling("kafka-1", took=5))

    assert _does(seen(230)) == []
    assert _does(seen(250))[0] == "fail-over kafka-0"


@pytest.mark.parametrize("probe", ["readinessProbe", "livenessProbe"])
def test_a_probe_that_waits_gives_a_container_that_runs_again_as_long(probe: str) -> None:
    def seen(runs: float) -> Topology:
        again = _again("kafka-0", runs)
        again["spec"]["containers"][0][probe] = {"initialDelaySeconds": 120}
        return _workload("kafka", again, _sibling("kafka-1", took=5))

    assert _does(seen(115)) == []
    assert _does(seen(155))[0] == "fail-over kafka-0"


def test_a_pod_that_was_killed_and_is_late_shows_it_even_while_its_rollout_goes_on() -> None:
    seen = _workload("cart", _again("new", 80), _sibling("old", took=5), kind="Deployment")
    ((_, body),) = seen.workload_bodies
    body["status"]["conditions"] = [{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}]
    assert _kinds(seen) == {"probe-failed"}


@pytest.mark.parametrize(("runs", "kinds"), [(10, set()), (20, {"not-ready", "probe-failed"})])
def test_who_is_late_beside_those_that_are_quick_is_replaced(runs: float, kinds: set[str]) -> None:
    seen = _workload("cart", _again("a", runs), _sibling("b", took=5), kind="Deployment")
    assert _kinds(seen) == kinds
    assert _does(seen)[:1] == ["restart-pod a"] * bool(kinds)


# ---------------------------------------------------------------- what hangs


def test_what_is_only_watched_is_told_once_nothing_has_served_for_long() -> None:
    def seen(runs: float) -> Topology:
        return _workload("vault", _again("vault-0", runs))

    assert _kinds(seen(290)) == {"stuck-starting"}
    assert _does(seen(290)) == []
    assert _does(seen(310)) == ["notify"]
    assert _does(_workload("vault", _again("vault-0", 310), made.pod("vault-1"))) == []
    assert _does(_workload("postgres", _again("postgres-0", 310))) == ["notify"]
    assert _does(seen(610))[0] == "restart-pod vault-0"


def test_a_plan_that_tells_says_why_it_does_no_more() -> None:
    seen = _workload("vault", made.pod("vault-0", ready=False, phase="Pending", age=310, unready_for=310))
    (issue,) = classify(podsymptoms.detect(seen, IGNORED, now=NOW), topology=seen, now=NOW)
    decided = planner.plan(issue, runbook.defaults(), seen, now=NOW)
    assert isinstance(decided, Plan)
    assert not decided.acts
    assert "restart-pod: pod-crash is only 40% certain: watched, not acted on" in decided.left_out


@pytest.mark.parametrize("ready", [True, False])
def test_a_sidecar_that_began_anew_hides_no_container_that_hangs(*, ready: bool) -> None:
    hangs = made.pod("vault-0", ready=False, age=9000, unready_for=30, restarts=1)
    sidecar = _again("vault-0", 28)["status"]["containerStatuses"][0]
    hangs["status"]["containerStatuses"].append({**sidecar, "name": "proxy", "ready": ready})
    seen = _workload("vault", hangs, made.pod("vault-1"))
    assert _kinds(seen) == {"not-ready", "probe-failed"}
    assert _does(seen)[0] == "fail-over vault-0"


# ---------------------------------------------------------------- one judgement


@pytest.mark.parametrize(
    ("pod", "took", "start"),
    [
        (made.pod("a"), None, Start.NONE),
        (made.pod("a", ready=False, unready_for=10), None, Start.BLINKS),
        (made.pod("a", ready=False, unready_for=30), None, Start.NONE),
        (_again("a", 3), None, Start.WAITED),
        (_again("a", 30), 90, Start.WAITED),
        (_again("a", 30), None, Start.WATCHED),
        (_again("a", 70), 90, Start.WATCHED),
        (_again("a", 30), 5, Start.LATE),
        (_again("a", 610), 540, Start.LATE),
        (_again("a", 610), None, Start.LATE),
        (made.pod("a", ready=False, age=50, unready_for=50), 5, Start.WAITED),
        (made.pod("a", ready=False, phase="Pending", age=200, unready_for=200), 5, Start.WAITED),
        (made.pod("a", ready=False, phase="Pending", age=310, unready_for=310), 5, Start.LATE),
    ],
)
def test_what_a_start_comes_to(pod: Object, took: float | None, start: Start) -> None:
    beside = [] if took is None else [_sibling("b", took)]
    leaving = _sibling("c", 1)
    leaving["metadata"]["deletionTimestamp"] = made.ago(1)
    assert starts.starts_of([pod, *beside, leaving], NOW)["a"] is start
