"""What many faults share: parameters, rights, words."""

from __future__ import annotations

from collections.abc import Mapping

from chaoskit.experiments.faults.model import SEVERITIES, Parameter, Rule, Severity, Value


def whole(
    name: str, env: str, default: int | str, meaning: str, unit: str = "", low: int = 0, high: int = 0
) -> Parameter:
    """A whole number."""
    return Parameter(name, env, "int", str(default), meaning, unit, low, high)


def span(
    name: str, env: str, default: int | str, meaning: str, unit: str = "", low: int = 0, high: int = 0
) -> Parameter:
    """A whole number, or two of which Litmus takes one between."""
    return Parameter(name, env, "range", str(default), meaning, unit, low, high)


def percent(name: str, env: str, default: int | str, meaning: str) -> Parameter:
    """A share of a hundred, or two."""
    return span(name, env, default, meaning, "percent", 0, 100)


def flag(name: str, env: str, default: str, meaning: str) -> Parameter:
    """Yes or no."""
    return Parameter(name, env, "bool", default, meaning)


def choice(name: str, env: str, default: str, meaning: str, *choices: str) -> Parameter:
    """One of these."""
    return Parameter(name, env, "choice", default, meaning, choices=choices)


def text(name: str, env: str, default: str, meaning: str, pattern: str = "", example: str = "") -> Parameter:
    """A text, of a form where there is one."""
    return Parameter(name, env, "text", default, meaning, pattern=pattern, example=example)


def lasting(seconds: int) -> Parameter:
    """How long; what Litmus reads as 0 injects nothing and passes."""
    return whole("duration", "TOTAL_CHAOS_DURATION", seconds, "how long the fault lasts", "seconds", 1)


def levels(name: str, *values: Value) -> dict[Severity, dict[str, Value]]:
    """Presets that differ in one parameter."""
    return {severity: {name: value} for severity, value in zip(SEVERITIES, values, strict=True)}


def graded(**columns: tuple[Value, ...]) -> Mapping[Severity, Mapping[str, Value]]:
    """Presets that differ in several parameters: each with its four values."""
    return {
        severity: {name: values[place] for name, values in columns.items()}
        for place, severity in enumerate(SEVERITIES)
    }


# -- forms ----------------------------------------------------------------------------------------------


def _joined(part: str) -> str:
    """One or more of them, joined by commas."""
    return rf"{part}(\s*,\s*{part})*"


_PORT = r"\d{1,5}"
_HOST = r"[A-Za-z0-9_][-A-Za-z0-9_.]*"
_ADDRESS = r"(\d{1,3}(\.\d{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+)(/\d{1,3})?"
_BYTE = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_LABEL = r"([a-z0-9.-]+/)?[A-Za-z0-9][-A-Za-z0-9_.]*"
_VALUE = r"[-A-Za-z0-9_.]*"
HOSTS = _joined(rf"{_HOST}(\|{_PORT})?")
HOSTS_WITH_PORTS = _joined(rf"{_HOST}\|{_PORT}")
ADDRESSES = _joined(rf"{_ADDRESS}(\|{_PORT})?")
NETWORKS = _joined(rf"{_BYTE}(\.{_BYTE}){{3}}(/([1-9]|[12]\d|3[0-2]))?")
PORTS = rf"!?{_joined(_PORT)}"
LABEL = rf"{_LABEL}={_VALUE}"
LABELS = _joined(rf"{_LABEL}={_VALUE}")
PROTOCOL_PORTS = _joined(rf"(tcp|udp|sctp|TCP|UDP|SCTP):\s*\[\s*{_joined(_PORT)}\s*\]")
RATE = r"\d+(\.\d+)?([kKmMgGtT]i?)?(bit|bps)"
SIZE = r"\d+(\.\d+)?([kKmMgG]?b|[kKmMgG]?bit|[kKmMgG])?"
TAINT = rf"{_LABEL}(={_VALUE})?(:(NoSchedule|PreferNoSchedule|NoExecute))?"
NAMES = _joined(_HOST)

# -- rights ---------------------------------------------------------------------------------------------

OWN = (
    Rule("", ("pods",), ("create", "delete", "get", "list", "patch", "update", "deletecollection")),
    Rule("", ("events",), ("create", "get", "list", "patch", "update")),
    Rule("", ("configmaps",), ("get", "list")),
    Rule("", ("pods/log",), ("get", "list", "watch")),
    Rule("", ("pods/exec",), ("get", "list", "create")),
    Rule("batch", ("jobs",), ("create", "list", "get", "delete", "deletecollection")),
    Rule(
        "litmuschaos.io",
        ("chaosengines", "chaosexperiments", "chaosresults"),
        ("create", "list", "get", "patch", "update", "delete"),
    ),
)
"""What runner, experiment and helpers do in their own namespace."""

ON_PODS = (
    *OWN,
    Rule("apps", ("deployments", "statefulsets", "replicasets", "daemonsets"), ("list", "get")),
    Rule("apps.openshift.io", ("deploymentconfigs",), ("list", "get")),
    Rule("", ("replicationcontrollers",), ("get", "list")),
    Rule("argoproj.io", ("rollouts",), ("list", "get")),
)
ISOLATING = (
    *OWN,
    Rule("apps", ("replicasets",), ("get", "list")),  # charts lack it: owners are found through them
    Rule("networking.k8s.io", ("networkpolicies",), ("create", "delete", "list", "get")),
)
SCALING = (*OWN, Rule("apps", ("deployments", "statefulsets"), ("get", "list", "patch", "update")))
WITH_SECRETS = (*OWN, Rule("", ("secrets",), ("get", "list")))

SEEING_NODES = (Rule("", ("nodes",), ("get", "list")),)
_EMPTYING = (
    Rule("", ("pods",), ("get", "list", "delete")),
    Rule("", ("pods/eviction",), ("get", "list", "create")),
    Rule("apps", ("daemonsets",), ("get", "list", "delete")),
)
DRAINING = (Rule("", ("nodes",), ("get", "list", "patch")), *_EMPTYING)
TAINTING = (Rule("", ("nodes",), ("get", "list", "patch", "update")), *_EMPTYING)

# -- parameters -----------------------------------------------------------------------------------------

RAMP = whole("rampTime", "RAMP_TIME", 0, "waited before and after the fault", "seconds")
SEQUENCE = choice(
    "sequence", "SEQUENCE", "parallel", "all targets at once or one by one", "parallel", "serial", "random"
)
NODE_LABEL = Parameter(
    "nodeLabel", "NODE_LABEL", "text", "", "only pods on nodes with this label",
    pattern=LABEL, example="disk=ssd", needs=SEEING_NODES,
)  # fmt: skip
ON_POD = (RAMP, SEQUENCE, NODE_LABEL)
IN_POD = (*ON_POD, text("container", "TARGET_CONTAINER", "", "which container; the first when empty"))
IN_PODS = (
    *ON_POD,
    text("container", "TARGET_CONTAINER", "", "which ones, or all; the first when empty"),
)
RUNTIME = (
    choice("runtime", "CONTAINER_RUNTIME", "containerd", "of the nodes", "containerd", "docker", "crio"),
    text(
        "socket", "SOCKET_PATH", "/run/containerd/containerd.sock", "the runtime's socket", r"/[^\s,]+",
        "/run/containerd/containerd.sock",
    ),
)  # fmt: skip
OF_THE_NODES = frozenset(parameter.env for parameter in RUNTIME)
"""Left to the installed ChaosExperiment, which knows its cluster, unless somebody writes it."""
INTERFACE = text("interface", "NETWORK_INTERFACE", "eth0", "network interface in the pod", r"\S+", "eth0")
NODES = (
    RAMP,
    SEQUENCE,
    text("nodes", "TARGET_NODES", "", "names, joined by commas", NAMES, "node-1,node-2"),
    text("nodeLabel", "NODE_LABEL", "", "only nodes with this label", LABEL, "disk=ssd"),
    percent("nodesPercent", "NODES_AFFECTED_PERC", 0, "share of nodes; 0 is one node"),
)
NODE = (
    RAMP,
    text("node", "TARGET_NODE", "", "name of the node", _HOST, "node-1"),
    text("nodeLabel", "NODE_LABEL", "", "only nodes with this label", LABEL, "disk=ssd"),
)

EVERYWHERE = (
    percent("podsPercent", "PODS_AFFECTED_PERC", "", "share of pods; 0 is one pod"),
    text("pods", "TARGET_PODS", "", "names of the pods, joined by commas", NAMES, "web-7c9-x2k"),
    text("instance", "INSTANCE_ID", "", "added to the name of the ChaosResult"),
    flag("healthCheck", "DEFAULT_HEALTH_CHECK", "false", "look at the targets' readiness before and after"),
    text("helperImage", "LIB_IMAGE", "", "image of the helper pods"),
    flag("helperData", "SET_HELPER_DATA", "true", "helpers inherit annotations, secrets and resources"),
)
"""What every fault understands beside its own parameters; chaoskit sets it where it is needed."""

# -- words ----------------------------------------------------------------------------------------------

STRESSING = "privileged, host PID, SYS_ADMIN, runtime socket and /sys of the node"
SHAPING = "privileged, host PID, NET_ADMIN and SYS_ADMIN, runtime socket"
RESOLVING = "privileged, host PID, runtime socket"
PLAIN_ON_NODE = "a plain pod on the node"
SELF_HEALING = "the workload's own controller puts it right"
LOAD_ENDS = "the helper ends its load"
DIES_WITH_IT = "none: the load dies with the helper"
