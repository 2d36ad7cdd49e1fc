"""What is done to an object through a path below it: scale, eviction, binding, a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaoskit.simulator import selectors
from chaoskit.simulator.apiserver import apierrors
from chaoskit.simulator.apiserver.deletion import Deletion
from chaoskit.simulator.apiserver.machinery import Machinery, Options
from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.apiserver.store import Version
from chaoskit.simulator.conditions import turned
from chaoskit.simulator.objects import Object, clone, dig, is_finished, timestamp


def scale_of(workload: Object) -> Object:
    """The Scale of a workload."""
    metadata, spec = workload["metadata"], workload.get("spec") or {}
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status = {"replicas": dig(workload, "status", "replicas") or 0}
    if spec.get("selector") is not None:
        status["selector"] = selectors.text_of(spec["selector"])
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": {"replicas": spec["replicas"]} if spec.get("replicas") else {},
        "status": status,
    }


def rescale(workload: Object, scale: Mapping[str, Any]) -> Object:
    """`workload` with the replicas that a Scale asks for."""
    replicas = dig(scale, "spec", "replicas") or 0
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise apierrors.bad_request(
            'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal '
            "string into Go struct field ScaleSpec.spec.replicas of type int32"
        )
    if replicas < 0:
        cause = apierrors.wrong("spec.replicas", str(replicas), "must be greater than or equal to 0")
        raise apierrors.invalid("Scale", "autoscaling", workload["metadata"]["name"], [cause])
    changed: Object = clone(workload)
    changed["spec"]["replicas"] = replicas
    changed["metadata"]["resourceVersion"] = dig(scale, "metadata", "resourceVersion")
    return changed


def bind(machinery: Machinery, namespace: str, name: str, body: Object, options: Options) -> None:
    """The pod is on the node that a Binding names; 409 when it is on one already."""
    pods = _served(machinery, "Pod")
    pod = machinery.get(pods, namespace, name)
    if pod.object["spec"].get("nodeName"):
        why = f'pod {name} is already assigned to node "{pod.object["spec"]["nodeName"]}"'
        message = f'Operation cannot be fulfilled on pods/binding "{name}": {why}'
        details = {"name": name, "kind": "pods/binding"}
        raise apierrors.Refusal(409, "Conflict", message, details)
    bound: Object = clone(pod.object)
    bound["spec"]["nodeName"] = body["target"]["name"]
    scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None}
    scheduled["lastTransitionTime"] = machinery.now()
    conditions = [c for c in dig(bound, "status", "conditions") or [] if c["type"] != "PodScheduled"]
    bound["status"]["conditions"] = [*conditions, scheduled]
    bound["status"].pop("nominatedNodeName", None)
    if not options.dry_run:
        machinery.store.put(pods.key, bound)


def evict(machinery: Machinery, namespace: str, name: str, body: Object, options: Options) -> None:
    """The pod is being deleted; 429 when its disruption budget does not allow that now."""
    pods = _served(machinery, "Pod")
    pod = machinery.get(pods, namespace, name)
    asked = body.get("deleteOptions") or {}
    dry_run = options.dry_run or "All" in (asked.get("dryRun") or ())
    if pod.object["metadata"].get("deletionTimestamp") is None:
        _spend_budget(machinery, pod, dry_run=dry_run)
        if not dry_run:
            _announce(machinery, pods, pod)
    preconditions = asked.get("preconditions") or {}
    how = Deletion(
        grace=asked.get("gracePeriodSeconds"),
        uid=preconditions.get("uid"),
        version=preconditions.get("resourceVersion"),
        dry_run=dry_run,
    )
    machinery.delete(pods, namespace, name, how)


def _spend_budget(machinery: Machinery, pod: Version, *, dry_run: bool) -> None:
    if is_finished(pod.object) or pod.object["status"].get("phase") == "Pending":
        return
    budgets = _budgets(machinery, pod)
    if len(budgets) > 1:
        message = (
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
        raise apierrors.internal(message)
    for budget in budgets:
        status = budget.object.get("status") or {}
        generation = budget.object["metadata"].get("generation")
        if status.get("observedGeneration", 0) < generation:
            raise apierrors.budget_not_counted(budget.name)
        healthy, desired = status.get("currentHealthy", 0), status.get("desiredHealthy", 0)
        if not _ready(pod.object) and healthy >= desired > 0:
            continue
        if status.get("disruptionsAllowed", 0) <= 0:
            raise apierrors.disruption_refused(budget.name, desired, healthy)
        if not dry_run:
            _note_disruption(machinery, budget, pod.name)


def _announce(machinery: Machinery, pods: Resource, pod: Version) -> None:
    """The pod's conditions say that it goes because it was evicted."""
    said = ("DisruptionTarget", "True", "EvictionByEvictionAPI", "Eviction API: evicting")
    condition = turned(None, *said, machinery.now(), lastProbeTime=None)
    told: Object = clone(pod.object)
    told["status"]["conditions"] = [condition, *(dig(told, "status", "conditions") or ())]
    machinery.store.put(pods.key, told)


def _budgets(machinery: Machinery, pod: Version) -> list[Version]:
    labels = pod.object["metadata"].get("labels") or {}
    found = machinery.store.list(_BUDGET, pod.namespace)
    return [b for b in found if selectors.of(dig(b.object, "spec", "selector"))(labels)]


_BUDGET = "PodDisruptionBudget.policy"


def _note_disruption(machinery: Machinery, budget: Version, pod: str) -> None:
    changed: Object = clone(budget.object)
    status = changed["status"]
    status["disruptionsAllowed"] -= 1
    status["disruptedPods"] = {**(status.get("disruptedPods") or {}), pod: machinery.now()}
    machinery.store.put(_BUDGET, changed)


def _ready(pod: Object) -> bool:
    conditions = dig(pod, "status", "conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def token_request(machinery: Machinery, account: Version, body: Object, token: str) -> Object:
    """The TokenRequest that answers one, with its token and the time it expires."""
    seconds = dig(body, "spec", "expirationSeconds") or 3600
    metadata = account.object["metadata"]
    kept = ("name", "namespace", "uid")
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {
            **{key: metadata[key] for key in kept},
            "creationTimestamp": machinery.now(),
        },
        "spec": {
            "audiences": dig(body, "spec", "audiences") or ["https://kubernetes.default.svc"],
            "expirationSeconds": seconds,
            "boundObjectRef": None,
        },
        "status": {
            "token": token,
            "expirationTimestamp": timestamp(machinery.engine.now() + seconds),
        },
    }


def _served(machinery: Machinery, key: str) -> Resource:
    found = machinery.registry.named(key)
    if found is None:
        raise apierrors.no_such_resource()
    return found
