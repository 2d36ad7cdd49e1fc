"""Replaces a pod that a fault was left in: evicted while it serves, deleted when that cannot be."""

from __future__ import annotations

from chaoskit import kube
from chaoskit.acts.courses import Course
from chaoskit.acts.means import Means
from chaoskit.errors import Forbidden, NotFound, Refused
from chaoskit.ports.cluster import Object, ObjectRef


def replace(means: Means, pod: Object) -> Course[bool]:
    """Whether the pod is gone; its successor had its time to serve."""
    ref, serving = kube.ref_of(pod, kube.POD), _serving(means, pod)
    how = yield from _replaced(means, pod, ref)
    means.tell(f"{ref} still carried the fault: {how}")
    if not (yield from means.until(lambda: kube.found(means.cluster, ref) is None)):
        return False
    yield from means.until(lambda: _serving(means, pod) >= serving)
    return True


def _replaced(means: Means, pod: Object, ref: ObjectRef) -> Course[str]:
    """How the pod was replaced, in words: within its disruption budget as long as it serves somebody."""
    if not kube.is_ready(pod):
        means.cluster.delete(ref)
        return "deleted, it served nobody"
    try:
        if (yield from means.until(lambda: _evicted(means, ref))):
            return "evicted"
        why = "its disruption budget did not let it go"
    except Forbidden:
        why = "eviction is forbidden here"
    means.cluster.delete(ref)
    return f"deleted, {why}"


def _evicted(means: Means, ref: ObjectRef) -> bool:
    try:
        means.cluster.evict(ref)
    except Refused:
        return False
    except NotFound:
        return True
    return True


def _serving(means: Means, pod: Object) -> int:
    """How many pods of the pod's owner are ready; none where the owner cannot be read."""
    owner = kube.owner(pod)
    try:
        return 0 if owner is None else kube.ready_replicas(means.cluster.get(owner))
    except (NotFound, Forbidden):
        return 0
