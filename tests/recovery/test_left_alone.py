"""Sets whose pods nobody makes anew by himself: what stands well then, what is planned, what is proven."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.recovery import made
from tests.recovery.made import NOW, symptom
from tests.recovery.staged import Watched

from chaoskit import kube, recovery
from chaoskit.governor import Governor, Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Kind, Object, ObjectRef
from chaoskit.recovery import Plan, Reach, planner, runbook
from chaoskit.recovery.classification import classify
from chaoskit.recovery.standing import standing
from chaoskit.recovery.symptoms import Severity, Symptom
from chaoskit.topology import Topology

ON_DELETE: Object = {"type": "OnDelete"}
PENDING: Object = {"currentRevision": "r1", "updateRevision": "r2", "replicas": 3, "readyReplicas": 3}
"""What a stateful set says whose template has changed, while all its pods are of the one before."""


def _partition(number: int) -> Object:
    return {"type": "RollingUpdate", "rollingUpdate": {"partition": number}}


def _set(kind: Kind, strategy: Object, status: Object, **more: Any) -> Object:
    body = made.deployment("vault", replicas=3, **more)
    body.update(kind=kind.name, status={"observedGeneration": 1, **status})
    body["spec"]["updateStrategy"] = strategy
    return body


def _pods(kind: Kind, *ill: int) -> list[Object]:
    found = []
    for number in range(3):
        pod = made.crashing(f"vault-{number}") if number in ill else made.pod(f"vault-{number}")
        pod["metadata"]["ownerReferences"][0].update(kind=kind.name, name="vault", uid="uid-vault")
        pod["metadata"]["labels"] = {"app": "vault"}
        found.append(pod)
    return found


@pytest.mark.parametrize(
    ("kind", "strategy", "status", "well"),
    [
        (kube.STATEFUL_SET, ON_DELETE, PENDING, True),
        (kube.STATEFUL_SET, {}, PENDING, False),
        (kube.STATEFUL_SET, _partition(3), PENDING, True),
        (kube.STATEFUL_SET, _partition(2), PENDING, False),
        (kube.STATEFUL_SET, _partition(2), {**PENDING, "updatedReplicas": 1}, True),
        (kube.STATEFUL_SET, _partition(9), PENDING, True),
        (kube.STATEFUL_SET, ON_DELETE, {**PENDING, "observedGeneration": 0}, False),
        (kube.DAEMON_SET, ON_DELETE, {"desiredNumberScheduled": 3}, True),
        (kube.DAEMON_SET, {"type": "RollingUpdate"}, {"desiredNumberScheduled": 3}, False),
    ],
)
def test_a_set_is_rolled_out_when_its_controller_has_done_what_its_strategy_promises(
    kind: Kind, strategy: Object, status: Object, *, well: bool
) -> None:
    found = standing(_set(kind, strategy, status), _pods(kind), NOW)
    assert found.words == ("3 of 3 ready" if well else "3 of 3 ready, rolling out")


# ---------------------------------------------------------------- planned


def _planned(action: str, seen: Topology, *symptoms: Symptom) -> recovery.Decision:
    (issue,) = classify(symptoms, now=NOW)
    spec = {"matches": {"issue": issue.kind}, "remediations": [{"action": action}]}
    book = runbook.Runbook.model_validate(
        {"apiVersion": "chaoskit.io/v1", "kind": "Runbook", "metadata": {"name": "mine"}, "spec": spec}
    )
    return planner.plan(issue, (book,), seen, now=NOW)


def _seen(kind: Kind, strategy: Object, *others: Object) -> Topology:
    bodies = ((kind, _set(kind, strategy, PENDING)), *((kube.DEPLOYMENT, each) for each in others))
    return Topology(tuple(_pods(kind)), bodies, (), (), ())


def _leak(kind: Kind, *pods: str) -> Symptom:
    return Symptom("memory-growth", ObjectRef(kind, "shop", "vault"), NOW, Severity.HIGH, "it grows", pods)


@pytest.mark.parametrize(
    ("kind", "strategy", "why"),
    [
        (kube.STATEFUL_SET, ON_DELETE, "nobody would replace the pods of {}: its strategy is OnDelete"),
        (kube.DAEMON_SET, ON_DELETE, "nobody would replace the pods of {}: its strategy is OnDelete"),
        (
            kube.STATEFUL_SET,
            _partition(3),
            "nobody would replace the pods of {}: its partition of 3 holds vault-1",
        ),
        (
            kube.STATEFUL_SET,
            _partition(2),
            "nobody would replace the pods of {}: its partition of 2 holds vault-1",
        ),
        (kube.STATEFUL_SET, _partition(1), ""),
        (kube.STATEFUL_SET, {}, ""),
    ],
)
def test_a_restart_that_replaces_no_ailing_pod_is_not_planned(kind: Kind, strategy: Object, why: str) -> None:
    decision = _planned("rolling-restart", _seen(kind, strategy), _leak(kind, "vault-1"))
    assert isinstance(decision, Plan) is not bool(why)
    assert why.format(f"{kind}/vault") in getattr(decision, "why", "")


def test_clients_that_nobody_would_restart_are_named_and_left_out() -> None:
    seen = _seen(kube.STATEFUL_SET, ON_DELETE, made.deployment("cart"), made.deployment("db"))
    for _, body in seen.workload_bodies[:2]:
        env = body["spec"]["template"]["spec"]["containers"][0]["env"]
        env.append({"name": "DB", "value": "postgres://db:5432/x"})
    decision = _planned("recycle-connections", seen, symptom("database-full", "db"))
    assert isinstance(decision, Plan), decision
    (rung,) = decision.rungs
    assert [str(target) for target in rung.targets] == ["deployment/cart"]
    assert rung.why.endswith("nobody would replace the pods of statefulset/vault: its strategy is OnDelete")


# ---------------------------------------------------------------- proven


def _vault(strategy: Object) -> Watched:
    """A stateful set whose second pod crashes, while a change of its template waits for a person."""
    body = _set(kube.STATEFUL_SET, strategy, {**PENDING, "readyReplicas": 2})
    cluster = Watched(body, *_pods(kube.STATEFUL_SET, 1))

    def remade(pod: ObjectRef, _options: object) -> None:
        if pod.kind == kube.POD:
            (new,) = (each for each in _pods(kube.STATEFUL_SET) if each["metadata"]["name"] == pod.name)
            new["metadata"]["uid"] = "its successor"
            cluster.clock.call_at(2, lambda: cluster.puts(copy.deepcopy(new)))

    cluster.before_delete = remade
    return cluster


@pytest.mark.parametrize("strategy", [ON_DELETE, _partition(3)])
def test_a_pod_that_is_replaced_though_an_old_change_is_pending_is_proven_to_be_well(
    strategy: Object,
) -> None:
    vault = _vault(strategy)
    reach = Reach(vault, None, vault.clock, Governor(vault, vault.clock, Limits()))
    issues = recovery.detect_issues(vault, None, vault.clock, "shop")
    (decision,) = recovery.plan_for(issues, reach, namespace="shop")
    assert isinstance(decision, Plan)
    rungs = tuple(each for each in decision.rungs if each.action == "restart-pod")
    record = recovery.recover(Plan(decision.issue, decision.runbook, rungs), reach)
    assert (record.outcome, record.reason.partition(":")[0]) == (Outcome.RECOVERED, "restart-pod"), (
        record.reason
    )
