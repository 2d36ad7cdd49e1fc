"""The cluster-wide halt: a ConfigMap that every process looks at before and while it acts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from chaoskit import kube
from chaoskit.clock import Clock
from chaoskit.errors import Conflict, Forbidden, NotFound
from chaoskit.ports.cluster import Cluster, Object, ObjectRef

Act = Literal["chaos", "recovery"]

NAME = "chaoskit-halt"
HOME = "default"
"""The namespace that always exists; the halt is found wherever it was put."""


@dataclass(frozen=True, slots=True)
class Halt:
    """What is halted, why, since when (ISO 8601), and the ConfigMap that says so."""

    act: Act
    reason: str
    since: str
    ref: ObjectRef


def halted(cluster: Cluster, act: Act, *, namespace: str = HOME) -> Halt | None:
    """The halt of this kind of act, or None. `namespace` is looked at where listing all is forbidden.

    A halt that the caller may not read is not seen: `unseen` says whether there is such a place.
    """
    for body in _maps(cluster, namespace):
        reason = (body.get("data") or {}).get(act)
        if reason is not None:
            since = kube.annotations_of(body).get("chaoskit.io/since", "")
            return Halt(act, reason, since, kube.ref_of(body, kube.CONFIG_MAP))
    return None


def unseen(cluster: Cluster, *, namespace: str = HOME) -> tuple[str, ...]:
    """Where a halt could stand that the caller may not read, in words; empty when it would be seen."""
    try:
        cluster.list(kube.CONFIG_MAP, fields=f"metadata.name={NAME}")
    except Forbidden:
        return tuple(_unreadable(cluster, (HOME, namespace)))
    return ()


def _unreadable(cluster: Cluster, places: Sequence[str]) -> Iterator[str]:
    for place in dict.fromkeys(places):
        try:
            cluster.get(ObjectRef(kube.CONFIG_MAP, place, NAME))
        except NotFound:
            continue
        except Forbidden as error:
            yield f"a halt in namespace {place} would not be seen: {error.message}"


def halt(cluster: Cluster, clock: Clock, acts: Sequence[Act], reason: str, *, namespace: str = HOME) -> None:
    """No process of chaoskit starts these acts any more, and those under way stop and undo."""
    data: dict[str, str] = dict.fromkeys(acts, reason)
    since = kube.timestamp(clock.now())
    meta = {
        "name": NAME,
        "namespace": namespace,
        "labels": {kube.MANAGED_BY: "chaoskit"},
        "annotations": {"chaoskit.io/since": since},
    }
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
    try:
        cluster.create(body)
    except Conflict:
        patch = {"metadata": {"annotations": meta["annotations"]}, "data": data}
        cluster.patch(ObjectRef(kube.CONFIG_MAP, namespace, NAME), patch)


def resume(cluster: Cluster, acts: Sequence[Act], *, namespace: str = HOME) -> tuple[Act, ...]:
    """These acts may start again; answers those that had been halted."""
    lifted: list[Act] = []
    for body in _maps(cluster, namespace):
        data = body.get("data") or {}
        here = [act for act in acts if act in data]
        ref = kube.ref_of(body, kube.CONFIG_MAP)
        if here and set(data) <= set(acts):
            cluster.delete(ref)
        elif here:
            cluster.patch(ref, {"data": dict.fromkeys(here)})
        lifted += here
    return tuple(dict.fromkeys(lifted))


def _maps(cluster: Cluster, namespace: str) -> tuple[Object, ...]:
    try:
        return cluster.list(kube.CONFIG_MAP, fields=f"metadata.name={NAME}").items
    except Forbidden:
        places = dict.fromkeys((HOME, namespace))
        return tuple(body for place in places if (body := _one(cluster, place)) is not None)


def _one(cluster: Cluster, namespace: str) -> Object | None:
    try:
        return cluster.get(ObjectRef(kube.CONFIG_MAP, namespace, NAME))
    except (NotFound, Forbidden):
        return None
