"""Node objects as a kubelet registers them."""

from __future__ import annotations

from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.objects import timestamp

LEASES = "kube-node-lease"
_READY = ("Ready", "True", "KubeletReady", "kubelet is posting ready status")
_PRESSURES = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
)


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


def conditions(now: float) -> list[Object]:
    """The four conditions of a healthy node, all since `now`."""
    stamp = timestamp(now)
    return [
        {
            "type": kind,
            "status": status,
            "lastHeartbeatTime": stamp,
            "lastTransitionTime": stamp,
            "reason": reason,
            "message": message,
        }
        for kind, status, reason, message in (*_PRESSURES, _READY)
    ]


def internal_ip(body: Object) -> str:
    """The node's address, empty when it has none."""
    addresses = body.get("status", {}).get("addresses") or ()
    return next((a["address"] for a in addresses if a["type"] == "InternalIP"), "")
