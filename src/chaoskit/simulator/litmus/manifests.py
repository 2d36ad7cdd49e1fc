"""What an installed Litmus leaves in a cluster: definitions, operator, ChaosExperiments, accounts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chaoskit.simulator.api import Api, ApiError, Object
from chaoskit.simulator.litmus.definitions import DEFINITIONS
from chaoskit.simulator.litmus.kinds import API_VERSION, REGISTRY, VERSION

ACCOUNT = "litmus-admin"
"""The service account made beside the experiments, with the rights that their charts ask for."""

_PART = {"app.kubernetes.io/part-of": "litmus"}
_RUNTIME = {"app.kubernetes.io/runtime-api-usage": "true"}

_COMMON = {
    "RAMP_TIME": "",
    "TARGET_CONTAINER": "",
    "TARGET_PODS": "",
    "NODE_LABEL": "",
    "PODS_AFFECTED_PERC": "",
    "SEQUENCE": "parallel",
    "DEFAULT_HEALTH_CHECK": "false",
}
_RUNTIME_ENV = {
    "LIB_IMAGE": f"{REGISTRY}/go-runner:{VERSION}",
    "CONTAINER_RUNTIME": "containerd",
    "SOCKET_PATH": "/run/containerd/containerd.sock",
}
_STRESS_ENV = {"STRESS_IMAGE": "alexeiled/stress-ng:latest-ubuntu"} | _RUNTIME_ENV
_NETWORK_ENV = {
    "NETWORK_INTERFACE": "eth0",
    "TC_IMAGE": "gaiadocker/iproute2",
    "DESTINATION_IPS": "",
    "DESTINATION_HOSTS": "",
    "SOURCE_PORTS": "",
    "DESTINATION_PORTS": "",
} | _RUNTIME_ENV

_HTTP_ENV = {
    "TARGET_SERVICE_PORT": "80",
    "PROXY_PORT": "20000",
    "TOXICITY": "100",
    "NETWORK_INTERFACE": "eth0",
} | _RUNTIME_ENV
_MINUTE = {"TOTAL_CHAOS_DURATION": "60"}
_NODES_ENV = {"TARGET_NODES": "", "NODES_AFFECTED_PERC": "", "LIB_IMAGE": _RUNTIME_ENV["LIB_IMAGE"]}
_NODE_ENV = {"TARGET_NODE": ""}
_SSH_ENV = {"SSH_USER": "root", "TARGET_NODE_IP": "", "LIB_IMAGE": _RUNTIME_ENV["LIB_IMAGE"]} | _NODE_ENV
_KILL = "kill $(find /proc -name exe -lname '*/{}' 2>/dev/null | awk -F/ '{{print $(NF-1)}}')"

FAULTS: Mapping[str, Mapping[str, str]] = {
    "pod-delete": {"TOTAL_CHAOS_DURATION": "15", "CHAOS_INTERVAL": "5", "FORCE": "true"},
    "container-kill": {"TOTAL_CHAOS_DURATION": "20", "CHAOS_INTERVAL": "10", "SIGNAL": "SIGKILL"}
    | _RUNTIME_ENV,
    "pod-cpu-hog": _MINUTE | {"CPU_CORES": "1", "CPU_LOAD": "100"} | _STRESS_ENV,
    "pod-memory-hog": _MINUTE | {"MEMORY_CONSUMPTION": "500", "NUMBER_OF_WORKERS": "1"} | _STRESS_ENV,
    "pod-io-stress": {
        "TOTAL_CHAOS_DURATION": "120",
        "FILESYSTEM_UTILIZATION_PERCENTAGE": "10",
        "FILESYSTEM_UTILIZATION_BYTES": "",
        "NUMBER_OF_WORKERS": "4",
        "VOLUME_MOUNT_PATH": "",
    }
    | _STRESS_ENV,
    "pod-network-latency": _MINUTE | {"NETWORK_LATENCY": "2000", "JITTER": "0"} | _NETWORK_ENV,
    "pod-network-loss": _MINUTE | {"NETWORK_PACKET_LOSS_PERCENTAGE": "100"} | _NETWORK_ENV,
    "pod-network-corruption": _MINUTE | {"NETWORK_PACKET_CORRUPTION_PERCENTAGE": "100"} | _NETWORK_ENV,
    "pod-network-duplication": _MINUTE | {"NETWORK_PACKET_DUPLICATION_PERCENTAGE": "100"} | _NETWORK_ENV,
    "pod-network-rate-limit": _MINUTE
    | {"NETWORK_BANDWIDTH": "1mbit", "BURST": "32kb", "LIMIT": "2mb", "MIN_BURST": "", "PEAK_RATE": ""}
    | _NETWORK_ENV,
    "pod-network-partition": _MINUTE
    | {
        "POLICY_TYPES": "all",
        "PORTS": "",
        "POD_SELECTOR": "",
        "NAMESPACE_SELECTOR": "",
        "DESTINATION_IPS": "",
        "DESTINATION_HOSTS": "",
    },
    "pod-dns-error": _MINUTE | {"TARGET_HOSTNAMES": "", "MATCH_SCHEME": "exact"} | _RUNTIME_ENV,
    "pod-dns-spoof": _MINUTE | {"SPOOF_MAP": ""} | _RUNTIME_ENV,
    "pod-http-latency": _MINUTE | {"LATENCY": "2000"} | _HTTP_ENV,
    "pod-http-status-code": _MINUTE
    | {
        "STATUS_CODE": "",
        "MODIFY_RESPONSE_BODY": "true",
        "RESPONSE_BODY": "",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_ENCODING": "",
    }
    | _HTTP_ENV,
    "pod-http-modify-body": _MINUTE
    | {"RESPONSE_BODY": "", "CONTENT_TYPE": "text/plain", "CONTENT_ENCODING": ""}
    | _HTTP_ENV,
    "pod-http-modify-header": _MINUTE | {"HEADERS_MAP": "{}", "HEADER_MODE": "response"} | _HTTP_ENV,
    "pod-http-reset-peer": _MINUTE | {"RESET_TIMEOUT": "0"} | _HTTP_ENV,
    "disk-fill": _MINUTE
    | {"FILL_PERCENTAGE": "80", "EPHEMERAL_STORAGE_MEBIBYTES": "", "DATA_BLOCK_SIZE": "256"}
    | _RUNTIME_ENV,
    "pod-autoscaler": _MINUTE | {"REPLICA_COUNT": "5", "APP_AFFECT_PERC": "100"},
    "pod-cpu-hog-exec": _MINUTE
    | {
        "CPU_CORES": "1",
        "CHAOS_INJECT_COMMAND": "md5sum /dev/zero",
        "CHAOS_KILL_COMMAND": _KILL.format("md5sum"),
    },
    "pod-memory-hog-exec": _MINUTE | {"MEMORY_CONSUMPTION": "500", "CHAOS_KILL_COMMAND": _KILL.format("dd")},
    "pod-fio-stress": _MINUTE
    | {
        "IO_ENGINE": "psync",
        "IO_DEPTH": "1",
        "READ_WRITE_MODE": "randwrite",
        "BLOCK_SIZE": "4k",
        "SIZE": "100M",
        "NUMBER_OF_JOBS": "1",
        "CHAOS_KILL_COMMAND": "killall fio",
    },
    "node-cpu-hog": _MINUTE | {"NODE_CPU_CORE": "", "CPU_LOAD": "100"} | _NODES_ENV,
    "node-memory-hog": {
        "TOTAL_CHAOS_DURATION": "120",
        "MEMORY_CONSUMPTION_PERCENTAGE": "",
        "MEMORY_CONSUMPTION_MEBIBYTES": "",
        "NUMBER_OF_WORKERS": "1",
    }
    | _NODES_ENV,
    "node-io-stress": {
        "TOTAL_CHAOS_DURATION": "120",
        "FILESYSTEM_UTILIZATION_PERCENTAGE": "10",
        "FILESYSTEM_UTILIZATION_BYTES": "",
        "CPU": "1",
        "NUMBER_OF_WORKERS": "4",
        "VM_WORKERS": "1",
    }
    | _NODES_ENV,
    "node-drain": _MINUTE | _NODE_ENV,
    "node-taint": _MINUTE | {"TAINTS": ""} | _NODE_ENV,
    "node-restart": _MINUTE | {"REBOOT_COMMAND": "sudo systemctl reboot"} | _SSH_ENV,
    "node-poweroff": _MINUTE | {"REBOOT_COMMAND": "sudo systemctl poweroff --force --force"} | _SSH_ENV,
    "kubelet-service-kill": _MINUTE | {"LIB_IMAGE": "ubuntu:16.04"} | _NODE_ENV,
    "docker-service-kill": {"TOTAL_CHAOS_DURATION": "90", "LIB_IMAGE": "ubuntu:16.04"} | _NODE_ENV,
}
"""The faults and the defaults of their charts; what counts in a run is the object installed."""

ON_NODES = frozenset(fault for fault in FAULTS if fault.startswith(("node-", "kubelet-", "docker-")))
"""Those that befall nodes, and so need rights in the whole cluster."""
BY_STUBS = ("pod-delete", "container-kill", "pod-cpu-hog", "pod-memory-hog", "pod-network-loss")
"""Those that can be done to a real cluster by stubs, or end there in an error that says why not."""


def _rule(groups: str, resources: str, verbs: str) -> Object:
    return {
        "apiGroups": groups.split(",") if groups else [""],
        "resources": resources.split(),
        "verbs": verbs.split(),
    }


PERMISSIONS = (
    _rule("", "pods", "create delete get list patch update deletecollection"),
    _rule("", "events", "create get list patch update"),
    _rule("", "configmaps", "get list"),
    _rule("", "pods/log", "get list watch"),
    _rule("", "pods/exec", "get list create"),
    _rule("apps", "deployments statefulsets replicasets daemonsets", "list get"),
    _rule("apps.openshift.io", "deploymentconfigs", "list get"),
    _rule("", "replicationcontrollers", "get list"),
    _rule("argoproj.io", "rollouts", "list get"),
    _rule("batch", "jobs", "create list get delete deletecollection"),
    _rule(
        "litmuschaos.io",
        "chaosengines chaosexperiments chaosresults",
        "create list get patch update delete",
    ),
)
"""What the charts of all faults on pods say an experiment's account must be allowed."""
_CLUSTER_PERMISSIONS = (
    _rule("", "nodes", "get list patch update"),
    _rule("", "pods", "get list"),
    _rule("", "pods/eviction", "get list create"),
    _rule("apps", "daemonsets", "get list delete"),
)
"""What faults on nodes need everywhere; what they do in their own namespace is as for all faults."""
_SECRETS = _rule("", "secrets", "get list")
_NODE_PERMISSIONS = (
    *(rule for rule in PERMISSIONS if rule["apiGroups"][0] in {"", "batch", "litmuschaos.io"}),
    *_CLUSTER_PERMISSIONS,
)
_MORE_PERMISSIONS: Mapping[str, tuple[Object, ...]] = {
    "pod-network-partition": (_rule("networking.k8s.io", "networkpolicies", "create delete list get"),),
    "pod-autoscaler": (_rule("apps", "deployments statefulsets", "get list patch update"),),
    "node-restart": (_SECRETS,),
    "node-poweroff": (_SECRETS,),
}
"""What some faults need beside."""


def permissions(fault: str) -> tuple[Object, ...]:
    """What a fault's chart says its account must be allowed."""
    return (*(_NODE_PERMISSIONS if fault in ON_NODES else PERMISSIONS), *_MORE_PERMISSIONS.get(fault, ()))


def chaos_experiment(fault: str, namespace: str) -> Object:
    """The ChaosExperiment of a fault, as its chart installs it."""
    labels = {"name": fault, "app.kubernetes.io/version": VERSION} | _PART
    inner = labels | {"app.kubernetes.io/component": "experiment-job"}
    inner |= _RUNTIME if "CONTAINER_RUNTIME" in FAULTS[fault] else {}
    env = dict(FAULTS[fault]) | _COMMON
    definition = {
        "scope": "Cluster" if fault in ON_NODES else "Namespaced",
        "permissions": list(permissions(fault)),
        "image": f"{REGISTRY}/go-runner:{VERSION}",
        "imagePullPolicy": "IfNotPresent",
        "args": ["-c", f"./experiments -name {'node-restart' if fault == 'node-poweroff' else fault}"],
        "command": ["/bin/bash"],
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "labels": inner,
    }
    component = {"app.kubernetes.io/component": "chaosexperiment"}
    return {
        "apiVersion": API_VERSION,
        "kind": "ChaosExperiment",
        "metadata": {"name": fault, "namespace": namespace, "labels": labels | component},
        "spec": {"definition": definition},
    }


def account(namespace: str, faults: Iterable[str] = BY_STUBS) -> tuple[Object, ...]:
    """The service account for chaos in a namespace, with the rights that these faults need there."""
    wanted, rbac = list(faults), "rbac.authorization.k8s.io"
    meta = {"name": ACCOUNT, "namespace": namespace, "labels": _PART | {"name": ACCOUNT}}
    rules = [*PERMISSIONS, *(rule for fault in wanted for rule in _MORE_PERMISSIONS.get(fault, ()))]
    role = {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta, "rules": rules}
    found: tuple[Object, ...] = (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        role,
        _binding("Role", ACCOUNT, namespace) | {"metadata": meta},
    )
    if not ON_NODES & set(wanted):
        return found
    above = {"name": f"{ACCOUNT}-{namespace}", "labels": meta["labels"]}
    nodes = {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": above}
    binding = _binding("ClusterRole", f"{ACCOUNT}-{namespace}", namespace) | {"metadata": above}
    return (*found, nodes | {"rules": list(_CLUSTER_PERMISSIONS)}, binding)


def _binding(kind: str, role: str, namespace: str) -> Object:
    rbac = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{rbac}/v1",
        "kind": f"{kind}Binding",
        "roleRef": {"apiGroup": rbac, "kind": kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}],
    }


def operator(namespace: str) -> tuple[Object, ...]:
    """The operator's service account and Deployment, whose image tag tells clients the version."""
    meta = {"name": "litmus", "namespace": namespace, "labels": {"name": "litmus"} | _PART}
    labels = {
        "name": "chaos-operator",
        "app.kubernetes.io/component": "operator",
        "app.kubernetes.io/name": "litmus",
        "app.kubernetes.io/version": VERSION,
    } | _PART
    env = {
        "CHAOS_RUNNER_IMAGE": f"{REGISTRY}/chaos-runner:{VERSION}",
        "WATCH_NAMESPACE": "",
        "OPERATOR_NAME": "chaos-operator",
    }
    container = {
        "name": "chaos-operator",
        "image": f"{REGISTRY}/chaos-operator:{VERSION}",
        "command": ["chaos-operator"],
        "args": ["-leader-elect=true"],
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": k, "value": v} if v else {"name": k} for k, v in env.items()],
        "resources": {"requests": {"cpu": "125m", "memory": "300Mi"}},
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "chaos-operator-ce", "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"name": "chaos-operator"}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"serviceAccountName": "litmus", "containers": [container]},
            },
        },
    }
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}, deployment


def chaos(namespace: str, faults: Iterable[str] = BY_STUBS) -> tuple[Object, ...]:
    """What chaos in a namespace needs: the ChaosExperiments of these faults, and an account for them."""
    wanted = tuple(faults)
    return (*(chaos_experiment(fault, namespace) for fault in wanted), *account(namespace, wanted))


def install(
    api: Api,
    namespaces: Iterable[str],
    *,
    operator_namespace: str = "litmus",
    faults: Iterable[str] = FAULTS,
) -> None:
    """Litmus is there: definitions, operator, and in each namespace the faults and an account for them.

    What is there already is left as it is. The namespaces must exist.
    """
    wanted = [*DEFINITIONS, *operator(operator_namespace)]
    for namespace in namespaces:
        wanted += chaos(namespace, faults)
    for body in wanted:
        put(api, body)


def put(api: Api, body: Object) -> None:
    """The object is there; one that was there already is left as it is."""
    try:
        api.create(body)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
