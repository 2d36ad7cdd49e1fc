"""Small objects and hand-made courses of events for tests of experiments."""

from __future__ import annotations

from typing import Any

from chaoskit import kube
from chaoskit.experiments.terminal import Observed, seen
from chaoskit.ports.cluster import Object
from chaoskit.topology import Topology

UID = "uid-1"


def pod(name: str, *, app: str = "web", owner: str = "web-1", ready: bool = True, **labels: str) -> Object:
    meta: Object = {"name": name, "namespace": "lab", "uid": name, "labels": {"app": app, **labels}}
    if owner:
        reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "controller": True}
        meta["ownerReferences"] = [reference]
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {"nodeName": "node-1", "containers": [{"name": "web"}]},
        "status": {"phase": "Running", "conditions": [condition]},
    }


def deployment(name: str = "web", **annotations: str) -> Object:
    template = {
        "metadata": {"labels": {"app": name}, "annotations": annotations},
        "spec": {"containers": [{"name": name, "resources": {"limits": {"memory": "512Mi"}}}]},
    }
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "lab"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": template},
        "status": {"readyReplicas": 2},
    }


def replica_set(name: str = "web-1", owner: str = "web") -> Object:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": owner, "controller": True}
    return {"metadata": {"name": name, "namespace": "lab", "ownerReferences": [reference]}}


def topology(*pods: Object, **more: Any) -> Topology:
    given: dict[str, Any] = {
        "pods": pods or (pod("web-1-a"), pod("web-1-b")),
        "workload_bodies": ((kube.DEPLOYMENT, deployment()),),
        "replica_sets": (replica_set(),),
        "services": (),
        "budgets": (),
    }
    return Topology(**{**given, **more})


def engine(status: str = "initialized", state: str = "active", **more: Any) -> Object:
    meta = {"name": "web-chaos", "namespace": "lab", "uid": UID}
    inner = {"engineStatus": status, **more} if status else None
    return {"kind": "ChaosEngine", "metadata": meta, "spec": {"engineState": state}, "status": inner}


def result(verdict: str, *, uid: str = UID, version: str = "9", **status: Any) -> Object:
    meta = {
        "name": "web-chaos-pod-delete",
        "namespace": "lab",
        "resourceVersion": version,
        "labels": {"chaosUID": uid},
    }
    inner = {"experimentStatus": {"verdict": verdict}, **status}
    return {"metadata": meta, "spec": {"experiment": "pod-delete"}, "status": inner}


def event(reason: str, message: str = "", *, uid: str = UID) -> Object:
    name = f"{reason}pod-delete{uid}"
    return {
        "metadata": {"name": name},
        "involvedObject": {"uid": uid, "name": "web-chaos"},
        "reason": reason,
        "message": message,
        "count": 1,
    }


def observed(*changes: tuple[str, Object], at: float = 0.0, old: dict[str, str] | None = None) -> Observed:
    """What is known after these changes, all seen at one moment."""
    known = Observed("web-chaos", UID, 0.0, ("pod-delete",), old or {})
    for kind, body in changes:
        known = seen(known, kind, "ADDED", body, at)
    return known


INJECTED = ("Event", event("ChaosInject"))
RUNS = ("ChaosEngine", engine())
