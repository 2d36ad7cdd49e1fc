"""Which pods leave a node when it is emptied, and how a pod leaves that serves."""

from __future__ import annotations

from collections.abc import Callable

from chaoskit import kube
from chaoskit.errors import NotFound, Refused
from chaoskit.ports.cluster import Cluster, Object, ObjectRef

_MIRROR = "kubernetes.io/config.mirror"


def leaves(pod: Object) -> bool:
    """Whether the pod goes when its node is emptied; it lives, and nobody ties it to the node."""
    owner = kube.owner(pod)
    stays = is_mirror(pod) or (owner is not None and owner.kind == kube.DAEMON_SET)
    return not stays and kube.is_alive(pod)


def is_mirror(pod: Object) -> bool:
    """Whether a kubelet runs the pod by itself: the object only shows it."""
    return _MIRROR in kube.annotations_of(pod)


def evict(cluster: Cluster, ref: ObjectRef, until: Callable[[Callable[[], bool]], bool]) -> None:
    """The pod is on its way out, as soon as its disruption budget let it go; one that is gone is no error.

    `until` asks what it is given again and again, and says whether the answer was yes in time.

    Raises:
        Refused: the budget did not let it go in that time (guard ``disruption budget``).
    """
    refusals: list[Refused] = []

    def gone() -> bool:
        try:
            cluster.evict(ref)
        except Refused as error:
            refusals.append(error)
            return False
        except NotFound:
            return True
        return True

    if not until(gone):
        raise refusals[-1]
