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

FAULTS: Mapping[str, Mapping[str, str]] = {
    "pod-delete": {"TOTAL_CHAOS_DURATION": "15", "CHAOS_INTERVAL": "5", "FORCE": "true"},
    "container-kill": {"TOTAL_CHAOS_DURATION": "20", "CHAOS_INTERVAL": "10", "SIGNAL": "SIGKILL"}
    | _RUNTIME_ENV,
    "pod-cpu-hog": {"TOTAL_CHAOS_DURATION": "60", "CPU_CORES": "1", "CPU_LOAD": "100"} | _STRESS_ENV,
    "pod-memory-hog": {
        "TOTAL_CHAOS_DURATION": "60",
        "MEMORY_CONSUMPTION": "500",
        "NUMBER_OF_WORKERS": "1",
    }
    | _STRESS_ENV,
    "pod-network-loss": {"TOTAL_CHAOS_DURATION": "60", "NETWORK_PACKET_LOSS_PERCENTAGE": "100"}
    | _NETWORK_ENV,
}
"""The faults and the defaults of their charts; what counts in a run is the object installed."""


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
"""What the charts of the five faults say an experiment's account must be allowed."""


def chaos_experiment(fault: str, namespace: str) -> Object:
    """The ChaosExperiment of a fault, as its chart installs it."""
    labels = {"name": fault, "app.kubernetes.io/version": VERSION} | _PART
    inner = labels | {"app.kubernetes.io/component": "experiment-job"}
    inner |= {} if fault == "pod-delete" else _RUNTIME
    env = dict(FAULTS[fault]) | _COMMON
    definition = {
        "scope": "Namespaced",
        "permissions": list(PERMISSIONS),
        "image": f"{REGISTRY}/go-runner:{VERSION}",
        "imagePullPolicy": "IfNotPresent",
        "args": ["-c", f"./experiments -name {fault}"],
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


def account(namespace: str) -> tuple[Object, ...]:
    """The service account for chaos in a namespace, its role and their binding."""
    meta = {"name": ACCOUNT, "namespace": namespace, "labels": _PART | {"name": ACCOUNT}}
    rbac = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta}
    binding = {
        "apiVersion": f"{rbac}/v1",
        "kind": "RoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": rbac, "kind": "Role", "name": ACCOUNT},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}],
    }
    return (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        role | {"rules": list(PERMISSIONS)},
        binding,
    )


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


def chaos(namespace: str, faults: Iterable[str] = FAULTS) -> tuple[Object, ...]:
    """What chaos in a namespace needs: the ChaosExperiments of these faults, and an account for them."""
    return (*(chaos_experiment(fault, namespace) for fault in faults), *account(namespace))


def install(api: Api, namespaces: Iterable[str], *, operator_namespace: str = "litmus") -> None:
    """Litmus is there: definitions, operator, and in each namespace every fault and an account for them.

    What is there already is left as it is. The namespaces must exist.
    """
    wanted = [*DEFINITIONS, *operator(operator_namespace)]
    for namespace in namespaces:
        wanted += chaos(namespace)
    for body in wanted:
        put(api, body)


def put(api: Api, body: Object) -> None:
    """The object is there; one that was there already is left as it is."""
    try:
        api.create(body)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
