"""What is kept, taken and counted when an object is written again. Pure."""

from __future__ import annotations

from chaoskit.simulator.apiserver import apply
from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.objects import Object, without

_KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")


def merged(resource: Resource, old: Object, wanted: Object, subresource: str) -> Object:
    """`wanted` with what only the server sets; of the object or of its status, as the path says."""
    if subresource == "status":
        metadata = dict(old["metadata"])
        if resource.schema is None and wanted["metadata"].get("annotations"):
            metadata["annotations"] = wanted["metadata"]["annotations"]  # as built-in kinds let it
        return {**old, "metadata": metadata, "status": wanted.get("status") or {}}
    new = {**wanted, "apiVersion": resource.api_version, "kind": resource.kind}
    metadata = dict(wanted["metadata"])
    for key in (*_KEPT, "namespace", "resourceVersion"):
        metadata.pop(key, None)
        if key in old["metadata"]:
            metadata[key] = old["metadata"][key]
    if "generateName" in old["metadata"]:
        metadata["generateName"] = old["metadata"]["generateName"]
    if subresource == "finalize":
        return {**old, "metadata": metadata, "spec": wanted.get("spec") or {}}
    new["metadata"] = metadata
    if "managedFields" not in metadata and "managedFields" in old["metadata"]:
        metadata["managedFields"] = old["metadata"]["managedFields"]
    if resource.has_status:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    return new


def same(old: Object, new: Object) -> bool:
    """True when nothing but the time of a managed field would be written."""
    ignored = ("resourceVersion", "managedFields")
    if without(old, "metadata") != without(new, "metadata"):
        return False
    if without(old["metadata"], *ignored) != without(new["metadata"], *ignored):
        return False
    return apply.same_owners(old["metadata"], new["metadata"])


def count_generation(resource: Resource, old: Object, new: Object) -> None:
    """The generation of `new` is one more where its spec is another."""
    if not resource.counts_generation:
        return
    ignored = ("metadata", "status") if resource.has_status or not resource.schema else ("metadata",)
    if without(old, *ignored) != without(new, *ignored):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1


def drop_empty(mapping: Object, *keys: str) -> None:
    """Empty values of these keys are gone."""
    for key in keys:
        if key in mapping and not mapping[key]:
            del mapping[key]
