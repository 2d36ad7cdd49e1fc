"""Node objects as a kubelet registers them."""

from __future__ import annotations

from collections.abc import Collection

from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.objects import timestamp

LEASES = "kube-node-lease"
MOST_PROCESSES = 32768
"""How many processes a node can have."""
_READY = ("Ready", "True", "KubeletReady", "kubelet is posting ready status")
_PRESSURES = {
    "MemoryPressure": (
        ("False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("True", "KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
    ),
    "DiskPressure": (
        ("False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("True", "KubeletHasDiskPressure", "kubelet has disk pressure"),
    ),
    "PIDPressure": (
        ("False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("True", "KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
    ),
}
"""What a node says of what it can run short of: while it has enough, and while it is short."""


def create(
    api: Api,
    now: float,
    *,
    count: int = 3,
    cpu: str = "4",
    memory: str = "8Gi",
    pods: int = 110,
) -> tuple[Object, ...]:
    """``node-1`` to ``node-<count>`` are in the cluster and Ready since `now` (Unix seconds)."""
    return tuple(
        _create(api, node(number, now, cpu=cpu, memory=memory, pods=pods)) for number in range(1, count + 1)
    )


def _create(api: Api, body: Object) -> Object:
    api.create({key: value for key, value in body.items() if key != "status"})
    return api.patch("Node", None, body["metadata"]["name"], {"status": body["status"]}, "status")


def node(number: int, now: float, *, cpu: str, memory: str, pods: int) -> Object:
    """The object of one node; its pods' addresses are in 10.244.<number - 1>.0/24."""
    name, block = f"node-{number}", f"10.244.{number - 1}.0/24"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "beta.kubernetes.io/arch": "amd64",
                "beta.kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
            },
            "annotations": {
                "node.alpha.kubernetes.io/ttl": "0",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
            },
        },
        "spec": {"podCIDR": block, "podCIDRs": [block]},
        "status": _status(number, now, {"cpu": cpu, "memory": memory, "pods": str(pods)}),
    }


def _status(number: int, now: float, resources: dict[str, str]) -> Object:
    storage = {"ephemeral-storage": "104857600Ki", "hugepages-1Gi": "0", "hugepages-2Mi": "0"}
    zeroes = "00000000-0000-0000-0000-" + f"{number:012d}"
    return {
        "capacity": resources | storage,
        "allocatable": resources | storage,
        "conditions": conditions(now),
        "addresses": [
            {"type": "InternalIP", "address": f"192.168.0.{10 + number}"},
            {"type": "Hostname", "address": f"node-{number}"},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "machineID": zeroes.replace("-", ""),
            "systemUUID": zeroes,
            "bootID": zeroes,
            "kernelVersion": "6.18.0",
            "osImage": "Debian GNU/Linux 12 (bookworm)",
            "containerRuntimeVersion": "containerd://1.6.20",
            "kubeletVersion": "v1.36.2",
            "kubeProxyVersion": "",
            "operatingSystem": "linux",
            "architecture": "amd64",
        },
    }


def report(api: Api, body: Object, now: float, short: Collection[str]) -> None:
    """The node's conditions are true as of `now`; what did not turn keeps the time at which it last did."""
    before = {c["type"]: c for c in body.get("status", {}).get("conditions") or ()}
    found = conditions(now, short)
    for condition in found:
        old = before.pop(condition["type"], None)
        if old is not None and old["status"] == condition["status"]:
            condition["lastTransitionTime"] = old["lastTransitionTime"]
    status = {"conditions": found + list(before.values())}
    api.patch("Node", None, body["metadata"]["name"], {"status": status}, "status")


def reason(condition: str, *, short: bool) -> str:
    """The reason of a condition about what a node can run short of."""
    return _PRESSURES[condition][short][1]


def conditions(now: float, short: Collection[str] = ()) -> list[Object]:
    """The conditions of a node that is ready, and under the pressures of `short`, all since `now`."""
    stamp = timestamp(now)
    pressures = [(kind, *told[kind in short]) for kind, told in _PRESSURES.items()]
    return [
        {
            "type": kind,
            "status": status,
            "lastHeartbeatTime": stamp,
            "lastTransitionTime": stamp,
            "reason": reason,
            "message": message,
        }
        for kind, status, reason, message in (*pressures, _READY)
    ]


def internal_ip(body: Object) -> str:
    """The node's address, empty when it has none."""
    addresses = body.get("status", {}).get("addresses") or ()
    return next((a["address"] for a in addresses if a["type"] == "InternalIP"), "")
