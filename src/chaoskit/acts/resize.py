"""A pod's resources changed while it runs (its ``resize`` subresource, Kubernetes 1.33 and later)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from chaoskit import kube
from chaoskit.acts.changes import Change
from chaoskit.acts.entries import Entry, Undone
from chaoskit.errors import ChaoskitError
from chaoskit.ports.cluster import Cluster, Object, ObjectRef

KIND = "resize"

Resources = Mapping[str, Mapping[str, Any]]
"""By container: its ``limits`` and ``requests``."""


def change(cluster: Cluster, pod: Object, after: Resources) -> Change:
    """These containers of the running pod get other resources; the rest of it stays as it is."""
    ref = kube.ref_of(pod, kube.POD)
    entry = Entry(KIND, ref, before={name: _resources(pod).get(name) for name in after}, after=dict(after))
    words = f"{ref} " + ", ".join(f"{name} gets {_shown(each)}" for name, each in after.items())
    return Change(ref, words, partial(_patch, cluster, ref, after), (entry,))


def refusal(cluster: Cluster, pod: Object, after: Resources) -> str:
    """Why the server would not do that, in words; "" when it would (a dry run)."""
    try:
        _patch(cluster, kube.ref_of(pod, kube.POD), after, dry_run=True)
    except ChaoskitError as error:
        return error.message
    return ""


def undo(cluster: Cluster, entry: Entry) -> Undone:
    """Containers that still have our resources have their old ones.

    Raises:
        NotFound: the pod is gone.
    """
    present = _resources(cluster.get(entry.target))
    back = {name: entry.before[name] for name, ours in entry.after.items() if same(present.get(name), ours)}
    if back:
        _patch(cluster, entry.target, back)
    others = [name for name in entry.after if name not in back and present.get(name) != entry.before[name]]
    if others:
        names = ", ".join(others)
        return Undone("not ours", f"{names} of {entry.target} got others since: they stay")
    return Undone("restored" if back else "as before", f"{entry.target} has its own resources again")


def _patch(cluster: Cluster, ref: ObjectRef, resources: Resources, *, dry_run: bool = False) -> None:
    containers = [{"name": name, "resources": each} for name, each in resources.items()]
    patch = {"spec": {"containers": containers}}
    cluster.patch(ref, patch, type="strategic", subresource="resize", dry_run=dry_run)


def _resources(pod: Object) -> dict[str, Mapping[str, Any]]:
    return {each["name"]: each.get("resources") or {} for each in pod["spec"]["containers"]}


def stands(pod: Object, after: Resources) -> bool:
    """Whether all these containers of the pod have such limits."""
    present = _resources(pod)
    return all(same(present.get(name), each) for name, each in after.items())


def same(present: Mapping[str, Any] | None, ours: Mapping[str, Any]) -> bool:
    """Whether the limits are the same amounts; the server may write them differently."""
    limits = (present or {}).get("limits") or {}
    return all(
        name in limits and kube.quantity(limits[name]) == kube.quantity(value)
        for name, value in ours["limits"].items()
    )


def _shown(resources: Mapping[str, Any]) -> str:
    return " ".join(f"{name} {value}" for name, value in resources["limits"].items())
