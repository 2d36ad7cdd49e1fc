"""The catalogue of faults: purpose, parameters with units and ranges, rights, undo and what may be left.

Defaults are written into every engine: what a ChaosExperiment in the cluster says differs from chart to
chart. Effective ranges are those of litmus-go 3.31.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
Type = Literal["int", "range", "bool", "text", "choice"]
Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """A tunable: its name here, Litmus' ENV, unit, type, range and default ("" leaves it to the fault).

    A ``range`` is a whole number, or two joined by ``-`` of which Litmus picks one at random.
    """

    name: str
    env: str
    type: Type
    default: str
    meaning: str
    unit: str = ""
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()
    mandatory: bool = False

    @property
    def expected(self) -> str:
        """What may stand there, in words: ``a whole number 0 to 100 (percent)``."""
        unit = f" ({self.unit})" if self.unit else ""
        match self.type:
            case "int" | "range":
                limits = f" {self.low} to {self.high}" if self.high else f", {self.low} or more"
                return f"a whole number{limits}{unit}"
            case "bool":
                return "true or false"
            case "choice":
                return "one of " + ", ".join(self.choices)
            case _:
                return "text" + unit

    def accepts(self, value: Value) -> bool:
        """Whether Litmus would understand the value; digits only, since it reads ``60s`` as 0."""
        text = self.text(value)
        match self.type:
            case "int":
                return self._whole(text)
            case "range":
                return all(self._whole(part) for part in text.split("-", 1))
            case "bool":
                return text in {"true", "false"}
            case "choice":
                return text in self.choices
            case _:
                return True

    def _whole(self, text: str) -> bool:
        return text.isascii() and text.isdigit() and self.low <= int(text) <= (self.high or int(text))

    @staticmethod
    def text(value: Value) -> str:
        """The value as an ENV holds it: ``true``, ``60``, text as it is."""
        return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Rule:
    """One RBAC rule."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault. `overhead` is the seconds that Litmus needs beside the chaos itself.

    `recorded` says whether its course was recorded on a real cluster, or is known from source alone.
    `deletes` says that the targets themselves go: what comes in their place has other names. `hides` says
    that they stay as they are, but out of their services' sight.
    """

    kind: str
    purpose: str
    failure: str
    parameters: tuple[Parameter, ...]
    rules: tuple[Rule, ...]
    undo: str
    leftovers: str = "none"
    helper: str = "none"
    presets: Mapping[str, Mapping[str, Value]] | None = None
    scope: Literal["pod", "node"] = "pod"
    disrupts: bool = False
    deletes: bool = False
    hides: bool = False
    overhead: float = 30.0
    since: str = "2.0"
    recorded: bool = False

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of this name or ENV."""
        return next((p for p in self.parameters if name in {p.name, p.env}), None)

    def preset(self, severity: Severity) -> Mapping[str, Value]:
        """The parameters that this severity stands for."""
        return (self.presets or {}).get(severity, {})

    @property
    def duration(self) -> int:
        """Seconds of chaos when nothing else is asked for."""
        found = self.parameter("duration")
        return int(found.default) if found is not None and found.default else 60


def _int(
    name: str, env: str, default: int | str, meaning: str, unit: str = "", low: int = 0, high: int = 0
) -> Parameter:
    return Parameter(name, env, "int", str(default), meaning, unit, low, high)


def _range(
    name: str, env: str, default: int | str, meaning: str, unit: str = "", low: int = 0, high: int = 0
) -> Parameter:
    return Parameter(name, env, "range", str(default), meaning, unit, low, high)


def _text(name: str, env: str, default: str, meaning: str, *, mandatory: bool = False) -> Parameter:
    return Parameter(name, env, "text", default, meaning, mandatory=mandatory)


def _bool(name: str, env: str, default: str, meaning: str) -> Parameter:
    return Parameter(name, env, "bool", default, meaning)


def _choice(name: str, env: str, default: str, meaning: str, *choices: str) -> Parameter:
    return Parameter(name, env, "choice", default, meaning, choices=choices)


def _percent(name: str, env: str, default: int, meaning: str) -> Parameter:
    return _range(name, env, default, meaning, "percent", 0, 100)


def _lasting(seconds: int) -> Parameter:
    return _int("duration", "TOTAL_CHAOS_DURATION", seconds, "how long the fault lasts", "seconds", 1)


_COMMON = (
    _int("rampTime", "RAMP_TIME", 0, "waited before and after the fault", "seconds"),
    _choice("sequence", "SEQUENCE", "parallel", "all targets at once or one by one", "parallel", "serial"),
)
_POD = (
    *_COMMON,
    _text("container", "TARGET_CONTAINER", "", "which container; the first when empty"),
    _text("nodeLabel", "NODE_LABEL", "", "only pods on nodes with this key=value"),
)
_RUNTIME = (
    _choice("runtime", "CONTAINER_RUNTIME", "containerd", "of the nodes", "containerd", "docker", "crio"),
    _text("socket", "SOCKET_PATH", "/run/containerd/containerd.sock", "the runtime's socket"),
)
OF_THE_NODES = frozenset(parameter.env for parameter in _RUNTIME)
"""Left to the installed ChaosExperiment, which knows its cluster, unless somebody writes it."""

_NETWORK = (
    *_POD,
    *_RUNTIME,
    _text("interface", "NETWORK_INTERFACE", "eth0", "network interface in the pod"),
    _text("hosts", "DESTINATION_HOSTS", "", "only to these, comma-separated: host or host|port"),
    _text("addresses", "DESTINATION_IPS", "", "only to these, comma-separated: ip, cidr or ip|port"),
    _text("destinationPorts", "DESTINATION_PORTS", "", "only to these ports; ! before means all but"),
    _text("sourcePorts", "SOURCE_PORTS", "", "only from these ports; ! before means all but"),
)
_HTTP = (
    *_POD,
    *_RUNTIME,
    _int("port", "TARGET_SERVICE_PORT", 80, "container port of the pod", "", 1, 65535),
    _int("proxyPort", "PROXY_PORT", 20000, "free port for the proxy", "", 1, 65535),
    _percent("toxicity", "TOXICITY", 100, "share of requests that are hit"),
    _text("interface", "NETWORK_INTERFACE", "eth0", "network interface in the pod"),
)
_NODES = (
    *_COMMON,
    _text("nodes", "TARGET_NODES", "", "names, comma-separated"),
    _text("nodeLabel", "NODE_LABEL", "", "only nodes with this key=value"),
    _percent("nodesPercent", "NODES_AFFECTED_PERC", 0, "share of nodes; 0 is one node"),
)
_NODE = (
    _int("rampTime", "RAMP_TIME", 0, "waited before and after the fault", "seconds"),
    _text("node", "TARGET_NODE", "", "name of the node"),
    _text("nodeLabel", "NODE_LABEL", "", "only nodes with this key=value"),
)

_LITMUS = Rule(
    "litmuschaos.io",
    ("chaosengines", "chaosexperiments", "chaosresults"),
    ("create", "list", "get", "patch", "update", "delete"),
)
_OWN = (
    Rule("", ("pods",), ("create", "delete", "get", "list", "patch", "update", "deletecollection")),
    Rule("", ("events",), ("create", "get", "list", "patch", "update")),
    Rule("", ("configmaps",), ("get", "list")),
    Rule("", ("pods/log",), ("get", "list", "watch")),
    Rule("", ("pods/exec",), ("get", "list", "create")),
    Rule("batch", ("jobs",), ("create", "list", "get", "delete", "deletecollection")),
    _LITMUS,
)
_OWNERS = Rule("apps", ("deployments", "statefulsets", "replicasets", "daemonsets"), ("list", "get"))
_ON_PODS = (*_OWN, _OWNERS)
_ON_NODES = (*_OWN, Rule("", ("nodes",), ("get", "list")))
_EVICTING = (
    *_OWN,
    Rule("", ("nodes",), ("get", "list", "patch", "update")),
    Rule("", ("pods/eviction",), ("get", "list", "create")),
    Rule("apps", ("daemonsets",), ("get", "list", "delete")),
)
_ISOLATING = (
    *_ON_PODS,
    Rule("networking.k8s.io", ("networkpolicies",), ("create", "delete", "list", "get")),
)
_SCALING = (
    *_OWN,
    Rule("apps", ("deployments", "statefulsets"), ("get", "list", "patch", "update")),
)
_WITH_SECRETS = (*_ON_NODES, Rule("", ("secrets",), ("get", "list")))

_STRESSING = "privileged, host PID, SYS_ADMIN, runtime socket and /sys of the node"
_SHAPING = "privileged, host PID, NET_ADMIN and SYS_ADMIN, runtime socket"
_RESOLVING = "privileged, host PID, runtime socket"
_PLAIN_ON_NODE = "a plain pod on the node"
_SELF_HEALING = "the workload's own controller puts it right"
_QDISC = "a queueing discipline in the pod's sandbox until the pod is replaced"


def _levels(name: str, *values: Value) -> dict[str, dict[str, Value]]:
    return {severity: {name: value} for severity, value in zip(SEVERITIES, values, strict=True)}


def _netem(
    kind: str, purpose: str, failure: str, *own: Parameter, values: tuple[Value, ...], since: str = "2.0"
) -> Fault:
    return Fault(
        kind, purpose, failure, (_lasting(60), *own, *_NETWORK), _ON_PODS,
        "the helper removes the queueing discipline", _QDISC, _SHAPING,
        _levels(own[0].name, *values), overhead=40, since=since,
    )  # fmt: skip


def _http(kind: str, purpose: str, failure: str, *own: Parameter) -> Fault:
    return Fault(
        kind, purpose, failure, (_lasting(60), *own, *_HTTP), _ON_PODS,
        "the helper removes its redirect and ends the proxy",
        "a redirect rule and a proxy in the pod's network until it is replaced", _SHAPING,
        _levels("toxicity", 25, 50, 100, 100), overhead=40, since="2.13",
    )  # fmt: skip


def _service_kill(kind: str, purpose: str) -> Fault:
    return Fault(
        kind, purpose, "node failure", (_lasting(90), *_NODE), _ON_NODES,
        "the helper starts the service again", "the service stays stopped; the node stays NotReady",
        "privileged, host path / and /var/run", scope="node", disrupts=True, overhead=45,
    )  # fmt: skip


_FAULTS = (
    Fault(
        "pod-delete", "pods vanish and must be replaced", "pod crash",
        (
            _lasting(15),
            _range("interval", "CHAOS_INTERVAL", 5, "between deletions", "seconds", 1),
            _bool("force", "FORCE", "false", "delete without grace"),
            _bool("random", "RANDOMNESS", "false", "a random interval (written l-u)"),
            *_POD,
        ),
        _ON_PODS, _SELF_HEALING, presets=_levels("force", False, False, True, True),
        disrupts=True, deletes=True, overhead=26, recorded=True,
    ),
    Fault(
        "container-kill", "a container dies and is started again", "pod crash",
        (
            _lasting(20),
            _int("interval", "CHAOS_INTERVAL", 10, "between kills", "seconds", 1),
            _choice("signal", "SIGNAL", "SIGKILL", "what is sent", "SIGKILL", "SIGTERM"),
            *_POD, *_RUNTIME,
        ),
        _ON_PODS, _SELF_HEALING, helper="runtime socket; privileged with crio",
        presets=_levels("signal", "SIGTERM", "SIGKILL", "SIGKILL", "SIGKILL"),
        disrupts=True, overhead=58, recorded=True,
    ),
    Fault(
        "pod-cpu-hog", "a pod's CPU is saturated", "cpu saturation",
        (
            _lasting(60),
            _range("cores", "CPU_CORES", 1, "cores kept busy; 0 is all", "cores"),
            _percent("load", "CPU_LOAD", 100, "of each of these cores"),
            *_POD, *_RUNTIME,
        ),
        _ON_PODS, "the helper ends its load", "none: the load dies with the helper", _STRESSING,
        _levels("load", 40, 70, 100, 100), overhead=40, recorded=True,
    ),
    Fault(
        "pod-memory-hog", "a pod's memory fills up", "memory leak",
        (
            _lasting(60),
            _range("megabytes", "MEMORY_CONSUMPTION", 500, "taken", "MB", 1),
            _int("workers", "NUMBER_OF_WORKERS", 1, "processes that take it", "", 1),
            *_POD, *_RUNTIME,
        ),
        _ON_PODS, "the helper ends its load", "none: the load dies with the helper", _STRESSING,
        _levels("megabytes", 100, 250, 500, 1000), overhead=40,
    ),
    Fault(
        "pod-io-stress", "a pod's disk is kept busy", "disk pressure",
        (
            _lasting(120),
            _percent("percent", "FILESYSTEM_UTILIZATION_PERCENTAGE", 10, "of the free space written"),
            _range("gigabytes", "FILESYSTEM_UTILIZATION_BYTES", "", "written instead of a share", "GB"),
            _int("workers", "NUMBER_OF_WORKERS", 4, "processes that write", "", 1),
            _text("mountPath", "VOLUME_MOUNT_PATH", "", "where"),
            *_POD, *_RUNTIME,
        ),
        _ON_PODS, "the helper ends its load", "none: the load dies with the helper", _STRESSING,
        _levels("percent", 10, 25, 50, 90), overhead=40,
    ),
    _netem(
        "pod-network-latency", "everything a pod sends is late", "network",
        _int("latency", "NETWORK_LATENCY", 2000, "added", "ms", 1),
        _int("jitter", "JITTER", 0, "more or less", "ms"),
        values=(100, 500, 2000, 10000),
    ),
    _netem(
        "pod-network-loss", "what a pod sends is lost", "network",
        _percent("percent", "NETWORK_PACKET_LOSS_PERCENTAGE", 100, "of packets lost"),
        values=(5, 30, 100, 100),
    ),
    _netem(
        "pod-network-corruption", "what a pod sends is damaged", "network",
        _percent("percent", "NETWORK_PACKET_CORRUPTION_PERCENTAGE", 100, "of packets damaged"),
        values=(5, 30, 100, 100),
    ),
    _netem(
        "pod-network-duplication", "what a pod sends comes twice", "network",
        _percent("percent", "NETWORK_PACKET_DUPLICATION_PERCENTAGE", 100, "of packets sent twice"),
        values=(5, 30, 100, 100),
    ),
    _netem(
        "pod-network-rate-limit", "a pod's bandwidth is small", "network",
        _text("bandwidth", "NETWORK_BANDWIDTH", "1mbit", "in tc's units"),
        _text("burst", "BURST", "32kb", "in tc's units"),
        _text("limit", "LIMIT", "2mb", "in tc's units"),
        values=("100mbit", "10mbit", "1mbit", "100kbit"), since="3.20",
    ),
    Fault(
        "pod-network-partition", "a pod is cut off from the network", "network",
        (
            _lasting(60),
            _choice("direction", "POLICY_TYPES", "all", "which way", "ingress", "egress", "all"),
            _text("ports", "PORTS", "", "still allowed, as YAML: tcp: [5432]"),
            _text("podSelector", "POD_SELECTOR", "", "peers still allowed, k=v"),
            _text("namespaceSelector", "NAMESPACE_SELECTOR", "", "namespaces still allowed, k=v"),
            _text("addresses", "DESTINATION_IPS", "", "except these"),
            _text("hosts", "DESTINATION_HOSTS", "", "except these"),
            *_COMMON,
        ),
        _ISOLATING, "the network policy is deleted", "a NetworkPolicy with the label chaosUID",
        disrupts=True, overhead=30, since="2.2",
    ),
    Fault(
        "pod-dns-error", "names do not resolve", "network",
        (
            _lasting(60),
            _text("hosts", "TARGET_HOSTNAMES", "", "JSON list of names; all when empty"),
            _choice("match", "MATCH_SCHEME", "exact", "how names match", "exact", "substring"),
            *_POD, *_RUNTIME,
        ),
        _ON_PODS, "the helper ends its interceptor", "an interceptor in the pod's network",
        _RESOLVING, overhead=40,
    ),
    Fault(
        "pod-dns-spoof", "names resolve to something else", "network",
        (
            _lasting(60),
            _text("map", "SPOOF_MAP", "", 'JSON: {"a.com": "b.com"}', mandatory=True),
            *_POD, *_RUNTIME,
        ),
        _ON_PODS, "the helper ends its interceptor", "an interceptor in the pod's network",
        _RESOLVING, overhead=40,
    ),
    _http(
        "pod-http-latency", "answers are late", "slow upstream",
        _int("latency", "LATENCY", 2000, "added", "ms", 1),
    ),
    _http(
        "pod-http-status-code", "answers are errors", "failing upstream",
        _text("status", "STATUS_CODE", "503", "comma-separated codes; a random one is sent"),
        _bool("replaceBody", "MODIFY_RESPONSE_BODY", "true", "send a matching body"),
    ),
    _http(
        "pod-http-modify-body", "answers say something else", "failing upstream",
        _text("body", "RESPONSE_BODY", "", "what is answered"),
        _text("contentType", "CONTENT_TYPE", "text/plain", "of the answer"),
    ),
    _http(
        "pod-http-modify-header", "headers are changed", "failing upstream",
        _text("headers", "HEADERS_MAP", "{}", "JSON: names to values"),
        _choice("where", "HEADER_MODE", "response", "which headers", "request", "response"),
    ),
    _http(
        "pod-http-reset-peer", "connections are reset", "failing upstream",
        _int("after", "RESET_TIMEOUT", 0, "until the reset", "ms"),
    ),
    Fault(
        "disk-fill", "a pod's ephemeral storage fills up", "disk pressure",
        (
            _lasting(60),
            _int("percent", "FILL_PERCENTAGE", 80, "of the ephemeral-storage limit", "percent", 1),
            _int("mebibytes", "EPHEMERAL_STORAGE_MEBIBYTES", "", "written where there is no limit", "MiB"),
            _int("block", "DATA_BLOCK_SIZE", 256, "written at a time", "KB", 1),
            *_POD, *_RUNTIME,
        ),
        _ON_PODS, "the helper removes the file", "the file /home/diskfill until the container is made anew",
        _RESOLVING, _levels("percent", 50, 80, 95, 110), disrupts=True, overhead=40,
    ),
    Fault(
        "pod-autoscaler", "many replicas are asked for at once", "capacity",
        (_lasting(60), _int("replicas", "REPLICA_COUNT", 5, "asked for", "", 1), _COMMON[0]),
        _SCALING, "the number of replicas is restored", "the number of replicas stays",
        overhead=30,
    ),
    Fault(
        "pod-cpu-hog-exec", "a pod's CPU is saturated, without privileges", "cpu saturation",
        (
            _lasting(60),
            _int("cores", "CPU_CORES", 1, "cores kept busy", "cores", 1),
            _text("command", "CHAOS_INJECT_COMMAND", "md5sum /dev/zero", "run in the container"),
            _text("kill", "CHAOS_KILL_COMMAND", "", "ends it"),
            *_POD,
        ),
        _ON_PODS, "the processes are killed", "md5sum keeps running in the target", overhead=30,
    ),
    Fault(
        "pod-memory-hog-exec", "a pod's memory fills up, without privileges", "memory leak",
        (
            _lasting(60),
            _int("megabytes", "MEMORY_CONSUMPTION", 500, "taken", "MB", 1),
            _text("kill", "CHAOS_KILL_COMMAND", "", "ends it"),
            *_POD,
        ),
        _ON_PODS, "the processes are killed", "dd keeps running in the target", overhead=30,
    ),
    Fault(
        "pod-fio-stress", "a pod's disk is kept busy with fio", "disk pressure",
        (
            _lasting(60),
            _text("engine", "IO_ENGINE", "psync", "of fio"),
            _int("depth", "IO_DEPTH", 1, "of fio", "", 1),
            _text("mode", "READ_WRITE_MODE", "randwrite", "of fio"),
            _text("block", "BLOCK_SIZE", "4k", "of fio"),
            _text("size", "SIZE", "100M", "of fio"),
            _int("jobs", "NUMBER_OF_JOBS", 1, "of fio", "", 1),
            *_POD,
        ),
        _ON_PODS, "the processes are killed", "fio keeps running in the target", overhead=30,
    ),
    Fault(
        "node-cpu-hog", "a node's CPU is saturated", "node failure",
        (
            _lasting(60),
            _range("cores", "NODE_CPU_CORE", 0, "cores kept busy; 0 is all", "cores"),
            _percent("load", "CPU_LOAD", 100, "of each of these cores"),
            *_NODES,
        ),
        _ON_NODES, "the helper ends its load", helper=_PLAIN_ON_NODE, scope="node",
        presets=_levels("load", 40, 70, 100, 100), overhead=40,
    ),
    Fault(
        "node-memory-hog", "a node's memory fills up", "node failure",
        (
            _lasting(120),
            _percent("percent", "MEMORY_CONSUMPTION_PERCENTAGE", 30, "of the node's memory taken"),
            _range("mebibytes", "MEMORY_CONSUMPTION_MEBIBYTES", "", "taken instead", "MiB"),
            _int("workers", "NUMBER_OF_WORKERS", 1, "processes that take it", "", 1),
            *_NODES,
        ),
        _ON_NODES, "the helper ends its load", "pods evicted meanwhile", _PLAIN_ON_NODE,
        _levels("percent", 20, 50, 80, 95), scope="node", overhead=40,
    ),
    Fault(
        "node-io-stress", "a node's disk is kept busy", "disk pressure",
        (
            _lasting(120),
            _percent("percent", "FILESYSTEM_UTILIZATION_PERCENTAGE", 10, "of the free space written"),
            _int("workers", "NUMBER_OF_WORKERS", 4, "processes that write", "", 1),
            _int("cores", "CPU", 1, "cores used", "cores", 1),
            *_NODES,
        ),
        _ON_NODES, "the helper ends its load", helper=_PLAIN_ON_NODE, scope="node",
        presets=_levels("percent", 10, 25, 50, 90), overhead=40,
    ),
    Fault(
        "node-drain", "a node is emptied", "node failure", (_lasting(60), *_NODE), _EVICTING,
        "the node is uncordoned", "the node stays cordoned", scope="node", disrupts=True, overhead=35,
    ),
    Fault(
        "node-taint", "a node refuses or evicts pods", "node failure",
        (
            _lasting(60),
            _text("taints", "TAINTS", "", "key=value:Effect", mandatory=True),
            *_NODE,
        ),
        _EVICTING, "the taint is removed", "the taint stays", scope="node", disrupts=True, overhead=35,
    ),
    Fault(
        "node-restart", "a node is started again", "node failure",
        (
            _lasting(60),
            _text("user", "SSH_USER", "root", "who logs in"),
            _text("command", "REBOOT_COMMAND", "sudo systemctl reboot", "what is run"),
            _text("address", "TARGET_NODE_IP", "", "of the node"),
            *_NODE,
        ),
        _WITH_SECRETS, "the node comes back by itself", "the node may stay down",
        "a plain pod with ssh", scope="node", disrupts=True, overhead=60,
    ),
    Fault(
        "node-poweroff", "a node is switched off", "node failure",
        (
            _lasting(60),
            _text("user", "SSH_USER", "root", "who logs in"),
            _text("address", "TARGET_NODE_IP", "", "of the node"),
            *_NODE,
        ),
        _WITH_SECRETS, "none: somebody must switch it on", "the node is down",
        "a plain pod with ssh", scope="node", disrupts=True, overhead=60,
    ),
    _service_kill("kubelet-service-kill", "a node's kubelet stops"),
    _service_kill("docker-service-kill", "a node's Docker stops"),
)  # fmt: skip

CATALOGUE: Mapping[str, Fault] = {fault.kind: fault for fault in _FAULTS}
"""Every fault by its kind."""
