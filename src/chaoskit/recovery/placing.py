"""Which object an alert is about, by its labels; pure.

A series carries the labels of what it was read from as well: `pod`, `namespace` and `instance` may be those
of kube-state-metrics or of a kubelet. So what the alert is about says which of its labels count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from chaoskit import kube
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.ports.metrics import Alert
from chaoskit.recovery.detection import Sight
from chaoskit.topology import Topology

OF_NODES = frozenset({"node-lost", "node-pressure", "disk-pressure", "node-tainted", "node-cordoned"})
"""Symptoms that nodes have."""

CLAIM = "persistentvolumeclaim"

_NODE = re.compile(r"(Kube|Kubernetes)?(Node|Host)(?![a-z]|J[sS])")
"""How names of alerts about nodes begin."""

_WORKLOADS = ("deployment", "statefulset", "daemonset")

_STRANGERS = (
    "persistentvolume", "horizontalpodautoscaler", "poddisruptionbudget", "resourcequota", "cronjob",
)  # fmt: skip
"""What is no object that can be recovered: the pod beside it is that of who told of it."""


def is_of_nodes(kind: str, alert: Alert) -> bool:
    """Whether it is about a node, in whatever namespace that was measured."""
    labels = alert.labels
    if kind in OF_NODES or not labels.get("namespace"):
        return True
    return bool(_NODE.match(alert.name)) and not any(_named(labels))


def target(kind: str, alert: Alert, seen: Sight) -> ObjectRef | None:
    """The workload, job or node that is there and that it is about; None when there is none such."""
    labels, whole = alert.labels, seen.topology
    namespace = labels.get("namespace", "")
    if is_of_nodes(kind, alert):
        return _node(labels, whole)
    if claim := labels.get(CLAIM):
        return _mounting(claim, namespace, whole)
    if any(labels.get(name) for name in _STRANGERS):
        return None
    if names := tuple(_named(labels)):
        found = (whole.workloads.get((namespace, name)) for name in names)
        return next((each.ref for each in found if each is not None), None)
    if name := labels.get("job_name"):
        job = next((each for each in seen.jobs if _is(each, namespace, name)), None)
        return None if job is None else kube.ref_of(job, kube.JOB)
    pod = next((each for each in whole.pods if _is(each, namespace, labels.get("pod", ""))), None)
    owner = None if pod is None else whole.workload_of(pod)
    return None if owner is None else owner.ref


def pod(alert: Alert, target: ObjectRef, seen: Sight) -> str:
    """The pod of the target that it is about; "" when it names none, or one of somebody else."""
    workload = seen.topology.workloads.get((target.namespace, str(target)))
    name = alert.labels.get("pod", "")
    mine = workload is not None and any(each["metadata"]["name"] == name for each in workload.pods)
    return name if mine else ""


def nowhere(alert: Alert) -> str:
    """Why it has no target, in words."""
    if claim := alert.labels.get(CLAIM):
        return f"no workload that is there mounts the claim {claim}"
    return "its labels name no workload, job or node that is there"


def _node(labels: Mapping[str, str], whole: Topology) -> ObjectRef | None:
    """The node by its name; where none is named, by the name or address of the instance."""
    instance = labels.get("instance", "")
    wanted = {labels["node"]} if labels.get("node") else {instance, instance.rpartition(":")[0].strip("[]")}
    found = next((each for each in whole.nodes if wanted & _names(each)), None)
    return None if found is None else kube.ref_of(found, kube.NODE)


def _names(node: Object) -> set[str]:
    addresses = (node.get("status") or {}).get("addresses") or ()
    return {node["metadata"]["name"], *(each["address"] for each in addresses)}


def _named(labels: Mapping[str, str]) -> Iterator[str]:
    """What they may call a workload, as in ``deployment/cart``."""
    yield from (f"{kind}/{labels[kind]}" for kind in _WORKLOADS if labels.get(kind))
    if name := labels.get("workload"):
        kind, _, short = name.rpartition("/")
        said = (kind or labels.get("workload_kind") or labels.get("workload_type") or "").lower()
        yield from (f"{each}/{short}" for each in ((said,) if said else _WORKLOADS))


def _mounting(claim: str, namespace: str, whole: Topology) -> ObjectRef | None:
    """The workload whose pods mount the claim, or would."""
    mounting = (p for p in whole.pods if p["metadata"]["namespace"] == namespace and claim in _claims(p))
    owners = map(whole.workload_of, mounting)
    if (owner := next(filter(None, owners), None)) is not None:
        return owner.ref
    for kind, body in whole.workload_bodies:
        if body["metadata"]["namespace"] == namespace and _would_mount(body, claim):
            return kube.ref_of(body, kind)
    return None


def _claims(pod: Object) -> Iterator[str]:
    """The claims that a pod, or a template of one, mounts."""
    for volume in pod["spec"].get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            yield volume["persistentVolumeClaim"]["claimName"]
        elif "ephemeral" in volume:
            yield f"{pod['metadata'].get('name', '')}-{volume['name']}"


def _would_mount(workload: Object, claim: str) -> bool:
    spec, name = workload["spec"], workload["metadata"]["name"]
    own = (each["metadata"]["name"] for each in spec.get("volumeClaimTemplates") or ())
    if any(re.fullmatch(rf"{re.escape(f'{each}-{name}')}-\d+", claim) for each in own):
        return True
    template = spec["template"]
    return claim in _claims({"metadata": {}, "spec": template.get("spec") or {}})


def _is(body: Mapping[str, Any], namespace: str, name: str) -> bool:
    return bool(name) and (body["metadata"]["namespace"], body["metadata"]["name"]) == (namespace, name)
