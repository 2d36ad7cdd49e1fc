"""Small objects in the shape that a real API server gives them, for pure tests of the recovery."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chaoskit import kube
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.ports.metrics import Sample, Series
from chaoskit.ports.store import Document
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import Plan, Refusal, classify, plain, planner, runbook
from chaoskit.recovery.symptoms import Severity, Symptom
from chaoskit.topology import Topology

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def ref(name: str) -> ObjectRef:
    return ObjectRef(kube.DEPLOYMENT, "shop", name)


def meta(name: str, owner: tuple[str, str] | None = None, **more: Any) -> Object:
    found = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "resourceVersion": "1", **more}
    if owner is not None:
        kind, by = owner
        found["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": kind, "name": by, "uid": f"uid-{by}", "controller": True}
        ]
    return found


def template(name: str, env: dict[str, str] | None = None, **container: Any) -> Object:
    pairs = [{"name": key, "value": value} for key, value in (env or {}).items()]
    main = {"name": name, "image": f"registry.example/{name}:1", "env": pairs, **container}
    return {"metadata": {"labels": {"app": name}}, "spec": {"containers": [main]}}


def deployment(
    name: str,
    *,
    revision: int = 1,
    replicas: int = 2,
    reason: str = "",
    env: dict[str, str] | None = None,
    **more: Any,
) -> Object:
    conditions = [{"type": "Progressing", "status": "False", "reason": reason}] if reason else []
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta(
            name, generation=1, annotations={"deployment.kubernetes.io/revision": str(revision)}, **more
        ),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, {**(env or {}), "REVISION": str(revision)}),
        },
        "status": {
            "observedGeneration": 1,
            "replicas": replicas,
            "updatedReplicas": replicas,
            "readyReplicas": replicas,
            "conditions": conditions,
        },
    }


def set_by(manager: str, field: str) -> list[Object]:
    """What the server records of who set this field of the spec last, after whoever made the object."""
    fields: Object = {"f:spec": {f"f:{field}": {}}}
    made = {"manager": "helm", "operation": "Update", "time": ago(9e4), "fieldsV1": fields}
    return [made, {**made, "manager": manager, "time": ago(60)}]


def replica_set(
    name: str, revision: int, *, ready: int = 0, age: float = 3600.0, env: dict[str, str] | None = None
) -> Object:
    made = template(name, {**(env or {}), "REVISION": str(revision)})
    made["metadata"]["labels"]["pod-template-hash"] = f"h{revision}"
    return {
        "metadata": meta(
            f"{name}-h{revision}",
            ("Deployment", name),
            annotations={"deployment.kubernetes.io/revision": str(revision)},
            creationTimestamp=ago(age),
        ),
        "spec": {"replicas": ready, "template": made},
        "status": {"replicas": ready, "readyReplicas": ready},
    }


def pod(
    name: str,
    *,
    of: str = "cart-h1",
    ready: bool = True,
    state: Object | None = None,
    last: Object | None = None,
    restarts: int = 0,
    age: float = 3600.0,
    unready_for: float = 0.0,
    phase: str = "Running",
    node: str = "node-1",
) -> Object:
    app = of.rpartition("-")[0]
    changed = ago(unready_for if not ready else age)
    status = {
        "name": app,
        "image": f"registry.example/{app}:1",
        "ready": ready,
        "restartCount": restarts,
        "state": state or {"running": {"startedAt": ago(age)}},
        "lastState": last or {},
    }
    return {
        "metadata": meta(name, ("ReplicaSet", of), labels={"app": app}, creationTimestamp=ago(age)),
        "spec": {"nodeName": node, "containers": [{"name": app}]},
        "status": {
            "phase": phase,
            "conditions": [
                {"type": "Ready", "status": str(ready), "lastTransitionTime": changed},
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": ago(age)},
            ],
            "containerStatuses": [status],
        },
    }


def ended(code: int, *, seconds_ago: float, ran: float = 2.0, reason: str = "Error") -> Object:
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason,
            "startedAt": ago(seconds_ago + ran),
            "finishedAt": ago(seconds_ago),
        }
    }


def waiting(reason: str, message: str = "") -> Object:
    return {"waiting": {"reason": reason, "message": message}}


def crashing(name: str, *, of: str = "cart-h1", restarts: int = 4, age: float = 240.0) -> Object:
    return pod(
        name,
        of=of,
        ready=False,
        restarts=restarts,
        age=age,
        state=waiting("CrashLoopBackOff", "back-off 40s restarting failed container"),
        last=ended(1, seconds_ago=20),
    )


def topology(
    *pods: Object,
    deployments: Sequence[Object] = (),
    replica_sets: Sequence[Object] = (),
    nodes: Sequence[Object] = (),
    services: Sequence[Object] = (),
) -> Topology:
    bodies = deployments or (deployment("cart"),)
    return Topology(
        pods=pods,
        workload_bodies=tuple((kube.DEPLOYMENT, body) for body in bodies),
        replica_sets=tuple(replica_sets)
        or tuple(replica_set(b["metadata"]["name"], 1, ready=2) for b in bodies),
        services=tuple(services),
        budgets=(),
        nodes=tuple(nodes),
    )


def chain(*names: str) -> Topology:
    """Deployments each of which calls the next; two ready pods each."""
    bodies = []
    for name, callee in zip(names, (*names[1:], ""), strict=True):
        env = {"UPSTREAM": f"http://{callee}/"} if callee else {}
        bodies.append(deployment(name, env=env))
    pods = [pod(f"{name}-h1-{i}", of=f"{name}-h1") for name in names for i in "ab"]
    return topology(*pods, deployments=bodies)


def node(name: str, *, ready: str = "True", cordoned: bool = False, labels: Any = None) -> Object:
    ready_condition = {
        "type": "Ready",
        "status": ready,
        "lastTransitionTime": ago(60),
        "reason": "NodeStatusUnknown",
    }
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"unschedulable": True} if cordoned else {},
        "status": {"conditions": [ready_condition]},
    }


def labels(pod_name: str, workload: str = "cart", **more: str) -> dict[str, str]:
    return {
        "namespace": "shop",
        "pod": pod_name,
        "workload": workload,
        "workload_kind": "deployment",
        **more,
    }


def sample(pod_name: str, value: float, workload: str = "cart", *, age: float = 5.0, **more: str) -> Sample:
    return Sample(labels(pod_name, workload, **more), value, NOW - timedelta(seconds=age))


def series(pod_name: str, values: Sequence[float], workload: str = "cart", **more: str) -> Series:
    """Values every 15 seconds, the last of them now."""
    start = NOW - timedelta(seconds=15 * (len(values) - 1))
    return Series(labels(pod_name, workload, **more), start, 15, array("d", values))


def symptom(
    kind: str, name: str = "cart", *, since: float = 60.0, severity: Severity = Severity.HIGH, **facts: Any
) -> Symptom:
    began = NOW - timedelta(seconds=since)
    return Symptom(kind, ref(name), began, severity, f"{kind} of {name}", (), facts)


RESTARTS = runbook.Runbook.model_validate(
    {
        "apiVersion": "chaoskit.io/v1",
        "kind": "Runbook",
        "metadata": {"name": "mine"},
        "spec": {"matches": {"issue": "pod-crash"}, "remediations": [{"action": "restart-pod"}]},
    }
)


def recorded(refused: str = "", **more: Any) -> Document:
    """A crash of cart that the shipped runbooks planned for, or that a guard refused."""
    (issue,) = classify([symptom("crash-loop")], now=NOW)
    seen = topology(crashing("cart-0"))
    decision = planner.plan(issue, runbook.defaults(), seen, now=NOW)
    assert isinstance(decision, Plan)
    found = Refusal(issue, refused, "", "") if refused else decision
    record = RecoveryRecord(
        id="r1", at=NOW, trace_id="t", issue=issue.kind, target=str(issue.target), namespace="shop",
        cluster="x", outcome=Outcome.RECOVERED, reason="", ended_at=NOW, plan=plain.decision(found),
        snapshot={} if refused else plain.snapshot(seen, issue.target),
    )  # fmt: skip
    return replace(record, **more).document()
