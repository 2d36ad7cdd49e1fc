"""Litmus' faults that leave something where whoever would put it back dies, each ready to be run."""

from __future__ import annotations

from typing import Any

from tests.experiments.conftest import World
from tests.experiments.directly import furnish, unprotected

from chaoskit import kube
from chaoskit.experiments import Trial
from chaoskit.experiments.litmus import manifests
from chaoskit.experiments.spec import Experiment
from chaoskit.ports.cluster import ObjectRef

LASTING: dict[str, dict[str, Any]] = {
    "node-drain": {},
    "node-taint": {"taints": "chaos=yes:NoSchedule"},
    "pod-autoscaler": {"replicas": 5},
}
"""Litmus' faults that change what is no pod, so that something stays when whoever would put it back dies."""

IN_PODS: dict[str, dict[str, Any]] = {
    "pod-network-loss": {},
    "pod-dns-error": {},
    "pod-http-latency": {},
    "disk-fill": {"mebibytes": 10},
    "pod-cpu-hog-exec": {},
    "pod-memory-hog-exec": {"megabytes": 1},
    "pod-network-partition": {},
}
"""Litmus' faults that leave something in pods, or beside them, when whoever would take it away dies."""

NODE_DOWN = "kubelet-service-kill"
"""Litmus' fault that nobody takes back from afar: docker-service-kill is the same with another service."""


def lasting(
    world: World, namespace: str, kind: str, duration: str = "60s", pods: int = 1, **parameters: Any
) -> Trial:
    """The fault by Litmus, which brings what it needs, and whose own pods run on another node.

    It lasts long enough for a drain to empty a node of what other tests left there.
    """
    furnish(world, namespace)
    own = {"metadata": {"labels": {"app": "web"}}}  # Litmus finds workloads by it
    world.cluster.patch(ObjectRef(kube.DEPLOYMENT, namespace, "web"), own)
    spec = {
        "fault": {"kind": kind, "parameters": {**LASTING, **IN_PODS}.get(kind, {}) | parameters},
        "targets": {"workloads": ["deployment/web"], "pods": pods},
        "engine": "litmus",
        "duration": duration,
        "blastRadius": {"maxPods": 0},
    }
    if kind.startswith("node-") or kind == NODE_DOWN:
        found = unprotected(world, namespace)
        (node,) = found["targets"]["nodes"]
        spec |= found | {"litmus": {"nodeSelector": {"kubernetes.io/hostname": other_than(world, node)}}}
    made = {"metadata": {"name": "web-lasting", "namespace": namespace}, "spec": spec}
    return Trial("t.yaml", experiment=Experiment.model_validate(made), beside=manifests(kind, namespace))


def other_than(world: World, node: str) -> str:
    names = [str(body["metadata"]["name"]) for body in world.cluster.list(kube.NODE).items]
    return next(name for name in names if name != node)
