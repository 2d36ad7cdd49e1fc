"""Reading of Kubernetes objects: is it there, which kind, who owns it, is it ready, its restarts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from chaoskit.errors import NotFound
from chaoskit.ports.cluster import Cluster, Kind, Object, ObjectRef

POD = Kind("", "Pod", "pods")
NODE = Kind("", "Node", "nodes", namespaced=False)
NAMESPACE = Kind("", "Namespace", "namespaces", namespaced=False)
SERVICE = Kind("", "Service", "services")
CONFIG_MAP = Kind("", "ConfigMap", "configmaps")
SECRET = Kind("", "Secret", "secrets")
SERVICE_ACCOUNT = Kind("", "ServiceAccount", "serviceaccounts")
EVENT = Kind("", "Event", "events")
PERSISTENT_VOLUME = Kind("", "PersistentVolume", "persistentvolumes", namespaced=False)
DEPLOYMENT = Kind("apps", "Deployment", "deployments")
REPLICA_SET = Kind("apps", "ReplicaSet", "replicasets")
STATEFUL_SET = Kind("apps", "StatefulSet", "statefulsets")
DAEMON_SET = Kind("apps", "DaemonSet", "daemonsets")
JOB = Kind("batch", "Job", "jobs")
CRON_JOB = Kind("batch", "CronJob", "cronjobs")
LEASE = Kind("coordination.k8s.io", "Lease", "leases")
PDB = Kind("policy", "PodDisruptionBudget", "poddisruptionbudgets")
HPA = Kind("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
NETWORK_POLICY = Kind("networking.k8s.io", "NetworkPolicy", "networkpolicies")
ENDPOINTS = Kind("", "Endpoints", "endpoints")
ENDPOINT_SLICE = Kind("discovery.k8s.io", "EndpointSlice", "endpointslices")
ROLE = Kind("rbac.authorization.k8s.io", "Role", "roles")
ROLE_BINDING = Kind("rbac.authorization.k8s.io", "RoleBinding", "rolebindings")
CLUSTER_ROLE = Kind("rbac.authorization.k8s.io", "ClusterRole", "clusterroles", namespaced=False)
CLUSTER_ROLE_BINDING = Kind(
    "rbac.authorization.k8s.io", "ClusterRoleBinding", "clusterrolebindings", namespaced=False
)
CRD = Kind(
    "apiextensions.k8s.io",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    namespaced=False,
)
CHAOS_ENGINE = Kind("litmuschaos.io", "ChaosEngine", "chaosengines")
CHAOS_EXPERIMENT = Kind("litmuschaos.io", "ChaosExperiment", "chaosexperiments")
CHAOS_RESULT = Kind("litmuschaos.io", "ChaosResult", "chaosresults")

KINDS: dict[str, Kind] = {kind.name: kind for kind in list(globals().values()) if isinstance(kind, Kind)}
"""Every kind that chaoskit touches, by the name that stands in an object's ``kind``."""

WORKLOADS = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)
"""Kinds that own pods for good and can be targets of faults and recoveries."""

IMAGE_HELD_BACK = "ImagePullBackOff"
"""Why a container waits whose image is pulled again later, or at this moment: the kubelet tells no more."""

UNPULLED_REASONS = frozenset({"InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
"""Why a container waits whose image is not even asked for."""

IMAGE_REASONS = UNPULLED_REASONS | {
    "ErrImagePull", "RegistryUnavailable", "SignatureValidationFailed", IMAGE_HELD_BACK,
}  # fmt: skip
"""Why a container waits whose image cannot be had; the kubelet goes from one of them to another.

What the runtime calls a failed pull (CRI-O) stands in the place of ``ErrImagePull``.
"""

CONFIG_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
"""Why a container waits that cannot be made or started as its pod wants it."""

MANAGED_BY = "app.kubernetes.io/managed-by"
RUN_LABEL = "chaoskit.io/run"


def kind_of(body: Object) -> Kind:
    """The kind of an object; one that chaoskit does not know gets a guessed plural."""
    group = api_group(body)
    known = KINDS.get(body["kind"])
    if known is not None and known.group == group:
        return known
    return Kind(group, body["kind"], body["kind"].lower() + "s")


def api_group(body: Object) -> str:
    """``apps`` of ``apps/v1``, "" of ``v1``."""
    group, slash, _ = str(body.get("apiVersion", "v1")).rpartition("/")
    return group if slash else ""


def ref_of(body: Object, kind: Kind | None = None) -> ObjectRef:
    """Which object it is, its uid included; `kind` for items of lists, which lack their own."""
    meta = body["metadata"]
    return ObjectRef(kind or kind_of(body), meta.get("namespace", ""), meta["name"], meta.get("uid", ""))


def found(cluster: Cluster, ref: ObjectRef) -> Object | None:
    """The object as it is now; None when it is not there."""
    try:
        return cluster.get(ref)
    except NotFound:
        return None


def labels_of(body: Object) -> Mapping[str, str]:
    """The object's labels; empty when it has none."""
    found: Mapping[str, str] = body["metadata"].get("labels") or {}
    return found


def annotations_of(body: Object) -> Mapping[str, str]:
    """The object's annotations; empty when it has none."""
    found: Mapping[str, str] = body["metadata"].get("annotations") or {}
    return found


def owner(body: Object) -> ObjectRef | None:
    """The controlling owner, or None."""
    for reference in body["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            kind = kind_of(reference)
            namespace = body["metadata"].get("namespace", "") if kind.namespaced else ""
            return ObjectRef(kind, namespace, reference["name"], reference.get("uid", ""))
    return None


def condition(body: Object, type_: str) -> Mapping[str, Any] | None:
    """The status condition of that type, or None."""
    conditions = (body.get("status") or {}).get("conditions") or ()
    return next((found for found in conditions if found.get("type") == type_), None)


def is_true(body: Object, type_: str) -> bool:
    """Whether the condition of that type stands at True."""
    found = condition(body, type_)
    return found is not None and found.get("status") == "True"


def is_deleting(body: Object) -> bool:
    """Whether the object is marked for deletion."""
    return bool(body["metadata"].get("deletionTimestamp"))


def phase(pod: Object) -> str:
    """The pod's phase; Pending when the kubelet has not said yet."""
    return str((pod.get("status") or {}).get("phase") or "Pending")


def is_over(pod: Object) -> bool:
    """Whether all of the pod has ended for good: it was evicted, its node was shut down, or its work is done.

    It may lie about for days, with its containers' last words, when its owner has long replaced it.
    """
    return phase(pod) in {"Succeeded", "Failed"}


def is_alive(pod: Object) -> bool:
    """Whether the pod runs, or is on its way to it: neither over nor being deleted."""
    return not is_deleting(pod) and not is_over(pod)


def is_ready(pod: Object) -> bool:
    """Whether the pod runs, is Ready and is not being deleted."""
    return phase(pod) == "Running" and is_true(pod, "Ready") and not is_deleting(pod)


def unready_since(pod: Object) -> datetime | None:
    """Since when the pod has not been Ready: from its start, when it never was; None while it is."""
    found = condition(pod, "Ready") or {}
    if found.get("status") == "True":
        return None
    return time_of(found.get("lastTransitionTime") or pod["metadata"].get("creationTimestamp"))


def start_budget(pod: Object) -> timedelta:
    """How long the pod's own spec lets it start, from when its containers run; 0 where it names nothing."""
    containers = pod["spec"].get("containers") or ()
    return timedelta(seconds=max(map(_start_budget, containers), default=0.0))


def _start_budget(container: Mapping[str, Any]) -> float:
    """Until the kubelet would kill a container that does not come up, or first asks whether it is ready."""
    ready = container.get("readinessProbe") or {}
    fatal = container.get("startupProbe") or container.get("livenessProbe")
    alive = 0.0 if fatal is None else _delay(fatal) + _seconds(fatal, "failureThreshold", 3)
    return max(alive, _delay(ready)) + (_seconds(ready, "successThreshold", 1) if ready else 0.0)


def probed_for(pod: Object) -> timedelta:
    """How long a readiness probe of the pod fails until the kubelet calls it unready; 0 where it has none."""
    probes = [
        each["readinessProbe"] for each in pod["spec"].get("containers") or () if "readinessProbe" in each
    ]
    longest = (
        _seconds(probe, "failureThreshold", 3) + float(probe.get("timeoutSeconds") or 1) for probe in probes
    )
    return timedelta(seconds=max(longest, default=0.0))


def _delay(probe: Mapping[str, Any]) -> float:
    return float(probe.get("initialDelaySeconds") or 0)


def _seconds(probe: Mapping[str, Any], threshold: str, default: int) -> float:
    return float(probe.get("periodSeconds") or 10) * float(probe.get(threshold) or default)


def container_statuses(pod: Object) -> tuple[Mapping[str, Any], ...]:
    """What the kubelet says of each container; `init_container_statuses` has the others."""
    return tuple((pod.get("status") or {}).get("containerStatuses") or ())


def init_container_statuses(pod: Object) -> tuple[Mapping[str, Any], ...]:
    """What the kubelet says of each init container."""
    return tuple((pod.get("status") or {}).get("initContainerStatuses") or ())


def lasting(pod: Object) -> tuple[str, ...]:
    """Names of the containers that run as long as the pod: its own, then sidecars among the init ones."""
    spec = pod.get("spec") or {}
    sidecars = (each for each in spec.get("initContainers") or () if each.get("restartPolicy") == "Always")
    return tuple(each["name"] for each in (*(spec.get("containers") or ()), *sidecars))


def _lasting_statuses(pod: Object) -> Iterator[Mapping[str, Any]]:
    yield from container_statuses(pod)
    names = lasting(pod)
    yield from (each for each in init_container_statuses(pod) if each["name"] in names)


def restarts(pod: Object) -> int:
    """How often containers of the pod were restarted, in all, sidecars among them."""
    return sum(int(status.get("restartCount", 0)) for status in _lasting_statuses(pod))


def waiting(pod: Object) -> Iterator[tuple[str, str, str]]:
    """(container, reason, message) of each container that waits for a reason, init containers first."""
    for status in (*init_container_statuses(pod), *container_statuses(pod)):
        state = (status.get("state") or {}).get("waiting")
        if state and state.get("reason"):
            yield status["name"], state["reason"], state.get("message", "")


def last_terminations(pod: Object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(container, terminated state) of each container's newest end: the present state's or the last one's."""
    for status in _lasting_statuses(pod):
        for place in ("state", "lastState"):
            ended = (status.get(place) or {}).get("terminated")
            if ended:
                yield status["name"], ended
                break


def desired_replicas(workload: Object) -> int:
    """How many pods the workload should have; a daemon set asks for one on each fitting node."""
    status = workload.get("status") or {}
    if workload.get("kind") == "DaemonSet" or "desiredNumberScheduled" in status:
        return int(status.get("desiredNumberScheduled", 0))
    return int((workload.get("spec") or {}).get("replicas", 1))


def ready_replicas(workload: Object) -> int:
    """How many pods of the workload are ready."""
    status = workload.get("status") or {}
    return int(status.get("readyReplicas", status.get("numberReady", 0)) or 0)


def selector_of(workload: Object) -> str:
    """The workload's label selector as text, for list calls."""
    selector = (workload.get("spec") or {}).get("selector") or {}
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    parts = [f"{k}={v}" for k, v in sorted((selector.get("matchLabels") or {}).items())]
    parts += [_expression(each) for each in selector.get("matchExpressions") or ()]
    return ",".join(parts)


def _expression(expression: Mapping[str, Any]) -> str:
    key, operator = expression["key"], expression["operator"]
    values = ",".join(expression.get("values") or ())
    words: dict[str, str] = {"Exists": key, "DoesNotExist": f"!{key}"}
    return words.get(operator) or f"{key} {'in' if operator == 'In' else 'notin'} ({values})"


def selects(selector: Mapping[str, Any] | None, have: Mapping[str, str]) -> bool:
    """Whether a label selector (matchLabels, matchExpressions) takes these labels; None takes nothing."""
    if selector is None:
        return False
    pairs = selector.get("matchLabels") or {}
    if any(have.get(key) != value for key, value in pairs.items()):
        return False
    return all(_holds(each, have) for each in selector.get("matchExpressions") or ())


def _holds(expression: Mapping[str, Any], have: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return have.get(key) in values
        case "NotIn":
            return have.get(key) not in values
        case "Exists":
            return key in have
        case _:
            return key not in have


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def time_of(text: str | None) -> datetime | None:
    """A Kubernetes timestamp as an aware datetime; None stays None, and the epoch is none.

    The kubelet writes it as the start of a container that never ran (``StartError``).
    """
    found = datetime.fromisoformat(text).astimezone(UTC) if text else None
    return None if found is None or found == _NEVER else found


def timestamp(at: datetime) -> str:
    """A time as Kubernetes' MicroTime: always six decimals, which Leases insist on."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_QUANTITY = re.compile(r"^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)$")
_SUFFIX = {
    "": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip


def quantity(text: str | float) -> float:
    """A Kubernetes quantity as a number in base units: ``250m`` is 0.25, ``64Mi`` is 67108864.

    Raises:
        ValueError: it is no quantity.
    """
    found = _QUANTITY.match(str(text))
    if found is None or found[2] not in _SUFFIX:
        raise ValueError(f"{text!r} is no Kubernetes quantity")
    return float(found[1]) * _SUFFIX[found[2]]


def limit(container: Mapping[str, Any], resource: str) -> float | None:
    """The container's limit of ``cpu`` (cores) or ``memory`` (bytes); None when it has none."""
    value = ((container.get("resources") or {}).get("limits") or {}).get(resource)
    return None if value is None else quantity(value)


def managed(body: Object, run: str, names: Iterable[tuple[str, str]] = ()) -> Object:
    """A copy that says chaoskit made it for `run`; more labels can be given as pairs."""
    meta = dict(body["metadata"])
    meta["labels"] = {
        **(meta.get("labels") or {}),
        MANAGED_BY: "chaoskit",
        RUN_LABEL: run,
        **dict(names),
    }
    return {**body, "metadata": meta}
