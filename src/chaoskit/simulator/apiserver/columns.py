"""The columns that kubectl shows of each built-in kind."""

from __future__ import annotations

from typing import Any

from chaoskit.simulator import selectors
from chaoskit.simulator.apiserver.tables import AGE, Cell, Column, Read, age, at, count, number
from chaoskit.simulator.objects import Object, dig, parse_time


def _statuses(pod: Object) -> list[Object]:
    """Of all that is to go on running: sidecars, and the containers they serve."""
    init = dig(pod, "status", "initContainerStatuses") or []
    sidecars = {container["name"] for container in _sidecars(pod)}
    stay = [status for status in init if status["name"] in sidecars]
    return stay + (dig(pod, "status", "containerStatuses") or [])


def _sidecars(pod: Object) -> list[Object]:
    init = pod["spec"].get("initContainers") or ()
    return [container for container in init if container.get("restartPolicy") == "Always"]


def _pod_ready(pod: Object, _: float) -> Cell:
    ready = sum(bool(status.get("ready")) for status in _statuses(pod))
    return f"{ready}/{len(_sidecars(pod)) + len(pod['spec']['containers'])}"


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


def _short(mode: str) -> str:
    """An access mode by its initials: ``RWO``, ``RWOP``."""
    return "".join(letter for letter in mode if letter.isupper())


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
    return at("spec", name, default="N/A")


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


def _scaled(obj: Object, _: float) -> Cell:
    reference = obj["spec"]["scaleTargetRef"]
    return f"{reference['kind']}/{reference['name']}"


def _targets(obj: Object, _: float) -> Cell:
    return ", ".join(_wanted(metric["resource"]) for metric in obj["spec"].get("metrics") or ()) or "<none>"


def _wanted(resource: Object) -> str:
    target = resource["target"]
    if target["type"] == "Utilization":
        return f"{resource['name']}: <unknown>/{target.get('averageUtilization')}%"
    return f"{resource['name']}: <unknown>/{target.get('averageValue') or target.get('value')}"


def _role(obj: Object, _: float) -> Cell:
    reference: Any = obj.get("roleRef") or {}
    return f"{reference.get('kind')}/{reference.get('name')}"


_IMAGES = (
    Column("Containers", _containers("name"), 1),
    Column("Images", _containers("image"), 1),
    Column("Selector", _selector, 1),
)
POD = (
    Column("Ready", _pod_ready),
    Column("Status", _pod_status),
    Column("Restarts", _pod_restarts),
    AGE,
    Column("IP", at("status", "podIP"), 1),
    Column("Node", at("spec", "nodeName"), 1),
    Column("Nominated Node", at("status", "nominatedNodeName"), 1),
    Column("Readiness Gates", lambda _, __: "<none>", 1),
)
CONFIG_MAP = (Column("Data", count("data"), type="integer"), AGE)
SECRET = (Column("Type", at("type")), Column("Data", count("data"), type="integer"), AGE)
SERVICE_ACCOUNT = (Column("Secrets", count("secrets"), type="integer"), AGE)
NAMESPACE = (Column("Status", at("status", "phase")), AGE)
NODE = (
    Column("Status", _node_status),
    Column("Roles", _roles),
    AGE,
    Column("Version", at("status", "nodeInfo", "kubeletVersion")),
    Column("Internal-IP", _address("InternalIP"), 1),
    Column("External-IP", _address("ExternalIP"), 1),
    Column("OS-Image", at("status", "nodeInfo", "osImage"), 1),
    Column("Kernel-Version", at("status", "nodeInfo", "kernelVersion"), 1),
    Column("Container-Runtime", at("status", "nodeInfo", "containerRuntimeVersion"), 1),
)
SERVICE = (
    Column("Type", at("spec", "type")),
    Column("Cluster-IP", at("spec", "clusterIP")),
    Column("External-IP", lambda _, __: "<none>"),
    Column("Port(s)", _service_ports),
    AGE,
    Column("Selector", _service_selector, 1),
)
ENDPOINTS = (Column("Endpoints", _endpoints), AGE)
ENDPOINT_SLICE = (
    Column("AddressType", at("addressType")),
    Column("Ports", _slice_ports),
    Column("Endpoints", _slice_endpoints),
    AGE,
)
CLAIM = (
    Column("Status", at("status", "phase")),
    Column("Volume", at("spec", "volumeName", default="")),
    Column("Capacity", at("status", "capacity", "storage", default="")),
    Column("Access Modes", lambda o, _: ",".join(map(_short, dig(o, "status", "accessModes") or ()))),
    Column("StorageClass", at("spec", "storageClassName", default="")),
    Column("VolumeAttributesClass", lambda _, __: "<unset>"),
    AGE,
    Column("VolumeMode", at("spec", "volumeMode"), 1),
)
EVENT = (
    Column("Last Seen", _event_age),
    Column("Type", at("type")),
    Column("Reason", at("reason")),
    Column("Object", _event_object),
    Column("Subobject", at("involvedObject", "fieldPath", default=""), 1),
    Column("Source", at("source", "component", default=""), 1),
    Column("Message", at("message", default="")),
    Column("Count", at("count", default=1), 1, "integer"),
)
DEPLOYMENT = (
    Column("Ready", _ready_of),
    number("Up-to-date", "status", "updatedReplicas"),
    number("Available", "status", "availableReplicas"),
    AGE,
    *_IMAGES,
)
REPLICA_SET = (
    number("Desired", "spec", "replicas"),
    number("Current", "status", "replicas"),
    number("Ready", "status", "readyReplicas"),
    AGE,
    *_IMAGES,
)
STATEFUL_SET = (Column("Ready", _ready_of), AGE, *_IMAGES[:2])
DAEMON_SET = (
    number("Desired", "status", "desiredNumberScheduled"),
    number("Current", "status", "currentNumberScheduled"),
    number("Ready", "status", "numberReady"),
    number("Up-to-date", "status", "updatedNumberScheduled"),
    number("Available", "status", "numberAvailable"),
    Column("Node Selector", lambda _, __: "<none>"),
    AGE,
    *_IMAGES,
)
JOB = (
    Column("Status", _job_status),
    Column("Completions", _job_completions),
    Column("Duration", _job_duration),
    AGE,
    *_IMAGES,
)
BUDGET = (
    Column("Min Available", _budget_field("minAvailable")),
    Column("Max Unavailable", _budget_field("maxUnavailable")),
    number("Allowed Disruptions", "status", "disruptionsAllowed"),
    AGE,
)
LEASE = (
    Column("Holder", at("spec", "holderIdentity", default="")),
    AGE,
)
NETWORK_POLICY = (
    Column(
        "Pod-Selector",
        lambda o, _: selectors.text_of(dig(o, "spec", "podSelector") or {}) or "<none>",
    ),
    AGE,
)
AUTOSCALER = (
    Column("Reference", _scaled),
    Column("Targets", _targets),
    number("MinPods", "spec", "minReplicas"),
    number("MaxPods", "spec", "maxReplicas"),
    number("Replicas", "status", "currentReplicas"),
    AGE,
)
BINDING = (Column("Role", _role), AGE)
CREATED = (Column("Created At", at("metadata", "creationTimestamp")),)
