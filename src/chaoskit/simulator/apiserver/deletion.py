"""What decides how an object is deleted: preconditions, grace, and who must still act before it is gone."""

from __future__ import annotations

from dataclasses import dataclass

from chaoskit.simulator.apiserver import apierrors
from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.apiserver.store import Version
from chaoskit.simulator.objects import Object, dig, is_finished, timestamp

_FINALIZERS = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}


@dataclass(frozen=True, slots=True)
class Deletion:
    """How an object is to be deleted: grace in seconds (None: as the object says) and preconditions."""

    grace: int | None = None
    propagation: str = "Background"
    uid: str | None = None
    version: str | None = None
    dry_run: bool = False


def check_preconditions(resource: Resource, current: Version, how: Deletion) -> None:
    """Returns when the object is the one that is meant; a conflict otherwise."""
    uid = current.object["metadata"]["uid"]
    if how.uid is not None and how.uid != uid:
        raise apierrors.precondition_failed(resource, current.name, "UID", how.uid, uid)
    if how.version is not None and how.version != str(current.revision):
        raise apierrors.precondition_failed(
            resource, current.name, "ResourceVersion", how.version, str(current.revision)
        )


def grace(resource: Resource, obj: Object, how: Deletion) -> int:
    """Seconds until the object may vanish; only a pod on a node that still runs has any."""
    if resource.key != "Pod":
        return 0
    if not obj["spec"].get("nodeName") or is_finished(obj):
        return 0
    if how.grace is not None:
        return max(how.grace, 0)
    return int(obj["spec"].get("terminationGracePeriodSeconds") or 0)


def held(resource: Resource, obj: Object) -> bool:
    """True while a finalizer keeps the object."""
    if resource.key == "Namespace" and dig(obj, "spec", "finalizers"):
        return True
    return bool(obj["metadata"].get("finalizers"))


def mark(resource: Resource, obj: Object, how: Deletion, now: float) -> bool:
    """True when nothing holds `obj`; else it is marked as being deleted, if it is not or goes sooner now."""
    metadata, seconds = obj["metadata"], grace(resource, obj, how)
    marked = metadata.get("deletionTimestamp") is not None
    if resource.key == "Namespace":
        obj["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}
    _add_finalizer(metadata, how.propagation)
    if not held(resource, obj) and seconds <= 0:
        return True
    if not marked or seconds < int(metadata.get("deletionGracePeriodSeconds") or 0):
        metadata["deletionTimestamp"] = timestamp(now + seconds)
        if resource.key != "Namespace":
            metadata["deletionGracePeriodSeconds"] = seconds
        if resource.counts_generation:
            metadata["generation"] = metadata.get("generation", 0) + 1
    return False


def _add_finalizer(metadata: Object, propagation: str) -> None:
    finalizer = _FINALIZERS.get(propagation)
    present = metadata.get("finalizers") or []
    if finalizer and finalizer not in present and not metadata.get("deletionTimestamp"):
        metadata["finalizers"] = [*present, finalizer]
