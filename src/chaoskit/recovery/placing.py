"""Which object an alert is about, by its labels; pure.

A series carries the labels of what it was read from as well: `pod`, `namespace` and `instance` may be those
of kube-state-metrics or of a kubelet. So what the alert is about says which of its labels count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
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

AUTOSCALER, BUDGET, CRON_JOB = "horizontalpodautoscaler", "poddisruptionbudget", "cronjob"
VOLUME = "persistentvolume"

_STRANGERS = (VOLUME, "resourcequota")
"""What leads to no object that can be recovered: the pod beside it is that of who told of it."""


def volume(alert: Alert) -> str:
    """The volume that it names without saying whose it is; "" when it names none, or the claim as well."""
    return "" if alert.place.get(CLAIM) else alert.place.get(VOLUME, "")


def claimed(volume: Object) -> Mapping[str, str]:
    """The labels of an alert that say whose the volume is: its claim, and where that is."""
    claim = volume["spec"].get("claimRef") or {}
    return {CLAIM: claim["name"], "namespace": claim["namespace"]} if claim else {}


def is_clusterwide(kind: str, alert: Alert) -> bool:
    """Whether it is about something that is in no namespace, wherever that was measured."""
    return bool(volume(alert)) or _is_of_nodes(kind, alert)


def _is_of_nodes(kind: str, alert: Alert) -> bool:
    labels = alert.place
    if kind in OF_NODES or not labels.get("namespace"):
        return True
    return bool(_NODE.match(alert.name)) and not any(_named(labels))


def target(kind: str, alert: Alert, seen: Sight) -> ObjectRef | None:
    """The workload, job or node that is there and that it is about; None when there is none such."""
    labels, whole = alert.place, seen.topology
    namespace = labels.get("namespace", "")
    if _is_of_nodes(kind, alert):
        return _node(labels, whole)
    for label, leads in _LEADS.items():
        if name := labels.get(label):
            return leads(name, namespace, seen)
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
    name = alert.place.get("pod", "")
    mine = workload is not None and any(each["metadata"]["name"] == name for each in workload.pods)
    return name if mine else ""


def concerned(alert: Alert, seen: Sight) -> ObjectRef | None:
    """The workload or job whose claim, autoscaler, budget or cron job it names; None when it names none."""
    named = ((label, alert.place[label]) for label in _LEADS if alert.place.get(label))
    found = (_LEADS[label](name, alert.place.get("namespace", ""), seen) for label, name in named)
    return next(filter(None, found), None)


def nowhere(alert: Alert) -> str:
    """Why it has no target, in words."""
    for label, words in _NOBODY.items():
        if name := alert.place.get(label):
            return f"{words} {name}"
    return "its labels name no workload, job or node that is there"


_NOBODY = {
    CLAIM: "no workload that is there mounts the claim",
    AUTOSCALER: "no workload that is there is scaled by the autoscaler",
    BUDGET: "no workload that is there is meant by the budget",
    CRON_JOB: "no job is there of the cron job",
    VOLUME: "nothing here mends the volume",
}


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


def _mounting(claim: str, namespace: str, seen: Sight) -> ObjectRef | None:
    """The workload whose pods mount the claim, or would."""
    whole = seen.topology
    mounting = (p for p in whole.pods if p["metadata"]["namespace"] == namespace and claim in _claims(p))
    owners = map(whole.workload_of, mounting)
    if (owner := next(filter(None, owners), None)) is not None:
        return owner.ref
    for kind, body in whole.workload_bodies:
        if body["metadata"]["namespace"] == namespace and _would_mount(body, claim):
            return kube.ref_of(body, kind)
    return None


def _scaled(name: str, namespace: str, seen: Sight) -> ObjectRef | None:
    """The workload that the autoscaler scales."""
    scaler = next((each for each in seen.autoscalers if _is(each, namespace, name)), None)
    wanted = {} if scaler is None else scaler["spec"].get("scaleTargetRef") or {}
    key = f"{str(wanted.get('kind', '')).lower()}/{wanted.get('name', '')}"
    found = seen.topology.workloads.get((namespace, key))
    return None if found is None else found.ref


def _budgeted(name: str, namespace: str, seen: Sight) -> ObjectRef | None:
    """The workload whose pods the budget is about; of several the first that has too few ready."""
    about = [
        each
        for each in seen.topology.workloads.values()
        if any(_is(budget, namespace, name) for budget in each.budgets)
    ]
    short = (each for each in about if each.ready < kube.desired_replicas(each.body))
    found = next(short, about[0] if about else None)
    return None if found is None else found.ref


def _last_job(name: str, namespace: str, seen: Sight) -> ObjectRef | None:
    """The newest job that the cron job has made."""
    mine = [
        each
        for each in seen.jobs
        if each["metadata"]["namespace"] == namespace
        and (owner := kube.owner(each)) is not None
        and (owner.kind.name, owner.name) == ("CronJob", name)
    ]
    newest = max(mine, key=lambda each: str(each["metadata"].get("creationTimestamp", "")), default=None)
    return None if newest is None else kube.ref_of(newest, kube.JOB)


_LEADS: Mapping[str, Callable[[str, str, Sight], ObjectRef | None]] = {
    CLAIM: _mounting, AUTOSCALER: _scaled, BUDGET: _budgeted, CRON_JOB: _last_job,
}  # fmt: skip
"""Labels that name what leads to a workload or job."""


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
