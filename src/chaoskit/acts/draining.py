"""Which pods leave a node when it is emptied."""

from __future__ import annotations

from collections.abc import Iterator

from chaoskit import kube
from chaoskit.ports.cluster import Cluster, Object

_MIRROR = "kubernetes.io/config.mirror"


def evictable(cluster: Cluster, node: str) -> Iterator[Object]:
    """The pods on the node but those of daemon sets, and those that the kubelet runs by itself."""
    for pod in cluster.list(kube.POD, fields=f"spec.nodeName={node}").items:
        if leaves(pod):
            yield pod


def leaves(pod: Object) -> bool:
    """Whether the pod goes when its node is emptied; it lives, and nobody ties it to the node."""
    owner = kube.owner(pod)
    stays = _MIRROR in kube.annotations_of(pod) or (owner and owner.kind == kube.DAEMON_SET)
    return not stays and kube.phase(pod) not in {"Succeeded", "Failed"} and not kube.is_deleting(pod)
