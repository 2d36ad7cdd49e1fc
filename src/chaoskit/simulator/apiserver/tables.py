"""The columns that ``kubectl get`` shows for each kind, and the cells of an object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chaoskit.simulator import selectors
from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.objects import Object, dig, parse_time

Cell = str | int
Read = Callable[[Object, float], Cell]
"""The cell of an object, at a time in Unix seconds."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; those of priority 1 are shown by ``-o wide`` alone."""

    name: str
    read: Read
    priority: int = 0
    type: str = "string"

    def definition(self) -> Object:
        """As a Table lists it."""
        return {
            "name": self.name,
            "type": self.type,
            "format": "name" if self.name == "Name" else "",
            "description": self.name,
            "priority": self.priority,
        }


def columns_of(resource: Resource) -> Sequence[Column]:
    """The columns of a kind: name and age where nothing more is known about it."""
    if resource.columns:
        return (_NAME, *(_custom(*column) for column in resource.columns))
    return (_NAME, *_COLUMNS.get(resource.key, (_AGE,)))


def age(stamp: str | None, now: float) -> str:
    """The time since `stamp` as kubectl shows it, such as ``5m3s`` or ``2d``."""
    if not stamp:
        return "<unknown>"
    return duration(now - parse_time(stamp).timestamp())


def duration(seconds: float) -> str:
    """Seconds in kubectl's short form: two units below ten of the larger one."""
    total = max(int(seconds), 0)
    for limit, unit, letter, smaller, small_letter in _AGES:
        if total < limit:
            rest = total % unit // smaller if smaller else 0
            return f"{total // unit}{letter}" + (f"{rest}{small_letter}" if rest else "")
    return f"{total // _YEAR}y"


_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 365 * 86_400
_AGES = (
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
)
"""Below so many seconds an age is shown in this unit, with the rest in that smaller one."""


def _at(*path: str, default: Cell = "<none>") -> Read:
    def read(obj: Object, _: float) -> Cell:
        value = dig(obj, *path)
        return default if value is None else value if isinstance(value, int) else str(value)

    return read


def _count(*path: str) -> Read:
    return lambda obj, _: len(dig(obj, *path) or ())


def _number(name: str, *path: str) -> Column:
    return Column(name, _at(*path, default=0), type="integer")


def _custom(name: str, path: str, priority: int) -> Column:
    steps = [step for step in path.strip(".").split(".") if step]
    if name == "Age" or path == ".metadata.creationTimestamp":
        return Column(name, _AGE.read, priority)
    return Column(name, _at(*steps, default=""), priority)


_NAME = Column("Name", _at("metadata", "name"))
_AGE = Column("Age", lambda obj, now: age(dig(obj, "metadata", "creationTimestamp"), now))


def _statuses(pod: Object) -> list[Object]:
    return dig(pod, "status", "containerStatuses") or []


def _pod_ready(pod: Object, _: float) -> Cell:
    ready = sum(bool(status.get("ready")) for status in _statuses(pod))
    return f"{ready}/{len(pod['spec']['containers'])}"


def _pod_status(pod: Object, _: float) -> Cell:
    status = pod.get("status") or {}
    reason = str(status.get("reason") or status.get("phase") or "Unknown")
    for container in reversed(_statuses(pod)):
        waiting, ended = dig(container, "state", "waiting"), dig(container, "state", "terminated")
        if waiting and waiting.get("reason"):
            reason = waiting["reason"]
        elif ended:
            reason = ended.get("reason") or f"ExitCode:{ended.get('exitCode')}"
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return reason


def _pod_restarts(pod: Object, now: float) -> Cell:
    count = sum(status.get("restartCount", 0) for status in _statuses(pod))
    ends = [dig(status, "lastState", "terminated", "finishedAt") for status in _statuses(pod)]
    last = max((end for end in ends if end), default=None)
    return f"{count} ({age(last, now)} ago)" if count and last else str(count)


def _ready_of(obj: Object, _: float) -> Cell:
    ready, wanted = dig(obj, "status", "readyReplicas") or 0, dig(obj, "spec", "replicas")
    return f"{ready}/{0 if wanted is None else wanted}"


def _containers(field: str) -> Read:
    def read(obj: Object, _: float) -> Cell:
        spec = dig(obj, "spec", "template", "spec") or {}
        return ",".join(c[field] for c in spec.get("containers") or ())

    return read


def _selector(obj: Object, _: float) -> Cell:
    return selectors.text_of(dig(obj, "spec", "selector") or {}) or "<none>"


def _service_selector(obj: Object, _: float) -> Cell:
    chosen = dig(obj, "spec", "selector") or {}
    return ",".join(f"{k}={v}" for k, v in sorted(chosen.items())) or "<none>"


def _service_ports(obj: Object, _: float) -> Cell:
    ports = dig(obj, "spec", "ports") or ()
    return ",".join(f"{port['port']}/{port['protocol']}" for port in ports) or "<none>"


def _node_status(node: Object, _: float) -> Cell:
    conditions = dig(node, "status", "conditions") or ()
    ready = next((c["status"] for c in conditions if c["type"] == "Ready"), "Unknown")
    words = ["Ready" if ready == "True" else "NotReady"]
    if dig(node, "spec", "unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _address(kind: str) -> Read:
    def read(node: Object, _: float) -> Cell:
        found = [a["address"] for a in dig(node, "status", "addresses") or () if a["type"] == kind]
        return found[0] if found else "<none>"

    return read


def _roles(node: Object, _: float) -> Cell:
    prefix = "node-role.kubernetes.io/"
    labels = node["metadata"].get("labels") or {}
    return ",".join(k.removeprefix(prefix) for k in labels if k.startswith(prefix)) or "<none>"


def _job_status(job: Object, _: float) -> Cell:
    true = {c["type"] for c in dig(job, "status", "conditions") or () if c["status"] == "True"}
    for kind in ("Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if kind in true:
            return kind
    return "Running"


def _job_completions(job: Object, _: float) -> Cell:
    return f"{dig(job, 'status', 'succeeded') or 0}/{dig(job, 'spec', 'completions') or 1}"


def _job_duration(job: Object, now: float) -> Cell:
    begun, ended = dig(job, "status", "startTime"), dig(job, "status", "completionTime")
    if not begun:
        return ""
    return age(begun, parse_time(ended).timestamp() if ended else now)


def _event_age(event: Object, now: float) -> Cell:
    return age(event.get("lastTimestamp") or event.get("eventTime"), now)


def _event_object(event: Object, _: float) -> Cell:
    about = event.get("involvedObject") or {}
    return f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"


def _budget_field(name: str) -> Read:
    return _at("spec", name, default="N/A")


def _endpoints(obj: Object, _: float) -> Cell:
    found = [
        f"{address['ip']}:{port['port']}"
        for subset in obj.get("subsets") or ()
        for port in subset.get("ports") or ()
        for address in subset.get("addresses") or ()
    ]
    more = f" + {len(found) - 3} more..." if len(found) > 3 else ""
    return ",".join(found[:3]) + more if found else "<none>"


def _slice_ports(obj: Object, _: float) -> Cell:
    return ",".join(str(port.get("port")) for port in obj.get("ports") or ()) or "<unset>"


def _slice_endpoints(obj: Object, _: float) -> Cell:
    found = [address for end in obj.get("endpoints") or () for address in end.get("addresses") or ()]
    return ",".join(found[:3]) or "<unset>"


def _role(obj: Object, _: float) -> Cell:
    reference: Any = obj.get("roleRef") or {}
    return f"{reference.get('kind')}/{reference.get('name')}"


_CREATED = Column("Created At", _at("metadata", "creationTimestamp"))
_IMAGES = (
    Column("Containers", _containers("name"), 1),
    Column("Images", _containers("image"), 1),
    Column("Selector", _selector, 1),
)
_COLUMNS: dict[str, tuple[Column, ...]] = {
    "Pod": (
        Column("Ready", _pod_ready),
        Column("Status", _pod_status),
        Column("Restarts", _pod_restarts),
        _AGE,
        Column("IP", _at("status", "podIP"), 1),
        Column("Node", _at("spec", "nodeName"), 1),
        Column("Nominated Node", _at("status", "nominatedNodeName"), 1),
        Column("Readiness Gates", lambda _, __: "<none>", 1),
    ),
    "ConfigMap": (Column("Data", _count("data"), type="integer"), _AGE),
    "Secret": (Column("Type", _at("type")), Column("Data", _count("data"), type="integer"), _AGE),
    "ServiceAccount": (Column("Secrets", _count("secrets"), type="integer"), _AGE),
    "Namespace": (Column("Status", _at("status", "phase")), _AGE),
    "Node": (
        Column("Status", _node_status),
        Column("Roles", _roles),
        _AGE,
        Column("Version", _at("status", "nodeInfo", "kubeletVersion")),
        Column("Internal-IP", _address("InternalIP"), 1),
        Column("External-IP", _address("ExternalIP"), 1),
        Column("OS-Image", _at("status", "nodeInfo", "osImage"), 1),
        Column("Kernel-Version", _at("status", "nodeInfo", "kernelVersion"), 1),
        Column("Container-Runtime", _at("status", "nodeInfo", "containerRuntimeVersion"), 1),
    ),
    "Service": (
        Column("Type", _at("spec", "type")),
        Column("Cluster-IP", _at("spec", "clusterIP")),
        Column("External-IP", lambda _, __: "<none>"),
        Column("Port(s)", _service_ports),
        _AGE,
        Column("Selector", _service_selector, 1),
    ),
    "Endpoints": (Column("Endpoints", _endpoints), _AGE),
    "EndpointSlice.discovery.k8s.io": (
        Column("AddressType", _at("addressType")),
        Column("Ports", _slice_ports),
        Column("Endpoints", _slice_endpoints),
        _AGE,
    ),
    "Event": (
        Column("Last Seen", _event_age),
        Column("Type", _at("type")),
        Column("Reason", _at("reason")),
        Column("Object", _event_object),
        Column("Subobject", _at("involvedObject", "fieldPath", default=""), 1),
        Column("Source", _at("source", "component", default=""), 1),
        Column("Message", _at("message", default="")),
        Column("Count", _at("count", default=1), 1, "integer"),
    ),
    "Deployment.apps": (
        Column("Ready", _ready_of),
        _number("Up-to-date", "status", "updatedReplicas"),
        _number("Available", "status", "availableReplicas"),
        _AGE,
        *_IMAGES,
    ),
    "ReplicaSet.apps": (
        _number("Desired", "spec", "replicas"),
        _number("Current", "status", "replicas"),
        _number("Ready", "status", "readyReplicas"),
        _AGE,
        *_IMAGES,
    ),
    "StatefulSet.apps": (Column("Ready", _ready_of), _AGE, *_IMAGES[:2]),
    "DaemonSet.apps": (
        _number("Desired", "status", "desiredNumberScheduled"),
        _number("Current", "status", "currentNumberScheduled"),
        _number("Ready", "status", "numberReady"),
        _number("Up-to-date", "status", "updatedNumberScheduled"),
        _number("Available", "status", "numberAvailable"),
        Column("Node Selector", lambda _, __: "<none>"),
        _AGE,
        *_IMAGES,
    ),
    "Job.batch": (
        Column("Status", _job_status),
        Column("Completions", _job_completions),
        Column("Duration", _job_duration),
        _AGE,
        *_IMAGES,
    ),
    "PodDisruptionBudget.policy": (
        Column("Min Available", _budget_field("minAvailable")),
        Column("Max Unavailable", _budget_field("maxUnavailable")),
        _number("Allowed Disruptions", "status", "disruptionsAllowed"),
        _AGE,
    ),
    "Lease.coordination.k8s.io": (
        Column("Holder", _at("spec", "holderIdentity", default="")),
        _AGE,
    ),
    "NetworkPolicy.networking.k8s.io": (
        Column(
            "Pod-Selector",
            lambda o, _: selectors.text_of(dig(o, "spec", "podSelector") or {}) or "<none>",
        ),
        _AGE,
    ),
    "RoleBinding.rbac.authorization.k8s.io": (Column("Role", _role), _AGE),
    "ClusterRoleBinding.rbac.authorization.k8s.io": (Column("Role", _role), _AGE),
    "Role.rbac.authorization.k8s.io": (_CREATED,),
    "ClusterRole.rbac.authorization.k8s.io": (_CREATED,),
    "CustomResourceDefinition.apiextensions.k8s.io": (_CREATED,),
}
