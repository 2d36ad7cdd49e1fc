"""The halt: a ConfigMap that every process looks at before and while it acts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from chaoskit import kube
from chaoskit.clock import Clock
from chaoskit.errors import Conflict, Forbidden, NotFound, Refused
from chaoskit.ports.cluster import Cluster, Object, ObjectRef

Act = Literal["chaos", "recovery"]

NAME = "chaoskit-halt"
HOME = "default"
"""Where a halt of the whole cluster stands; one that stands elsewhere is for that namespace alone."""


@dataclass(frozen=True, slots=True)
class Halt:
    """What is halted, why, since when (ISO 8601), and the ConfigMap that says so."""

    act: Act
    reason: str
    since: str
    ref: ObjectRef

    def __str__(self) -> str:
        """``chaos is halted in this cluster since 2026-01-01T00:00:00Z: incident 42``."""
        where = "in this cluster" if self.ref.namespace == HOME else f"in namespace {self.ref.namespace}"
        since = f" since {self.since}" if self.since else ""
        return f"{self.act} is halted {where}{since}: {self.reason or 'no reason given'}"

    def refusal(self) -> Refused:
        """What who asks is told."""
        elsewhere = "" if self.ref.namespace == HOME else f" -n {self.ref.namespace}"
        return Refused(str(self), guard="halt", limit="none", hint=f"chaoskit resume{elsewhere} lifts it")


def halted(cluster: Cluster, act: Act, *namespaces: str) -> Halt | None:
    """The halt of this kind of act in the cluster or in one of these namespaces, or None.

    A halt that the caller may not read is not seen: `unseen` says whether there is such a place.
    """
    for body in _maps(cluster, (HOME, *namespaces)):
        reason = (body.get("data") or {}).get(act)
        if reason is not None:
            since = kube.annotations_of(body).get("chaoskit.io/since", "")
            return Halt(act, reason, since, kube.ref_of(body, kube.CONFIG_MAP))
    return None


def refuse_when_halted(cluster: Cluster, act: Act, *namespaces: str) -> None:
    """Acts of this kind may go on in these namespaces.

    Raises:
        Refused: they are halted (guard ``halt``).
    """
    found = halted(cluster, act, *namespaces)
    if found is not None:
        raise found.refusal()


def unseen(cluster: Cluster, *namespaces: str) -> tuple[str, ...]:
    """Where a halt could stand that the caller may not read, in words; empty when it would be seen."""
    return tuple(_unreadable(cluster, (HOME, *namespaces)))


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
    """These acts may start again; answers those that had been halted in the cluster, or in `namespace`."""
    body = next(_maps(cluster, (namespace,)), None)
    data = {} if body is None else body.get("data") or {}
    here = tuple(act for act in acts if act in data)
    ref = ObjectRef(kube.CONFIG_MAP, namespace, NAME)
    if here and set(data) <= set(acts):
        cluster.delete(ref)
    elif here:
        cluster.patch(ref, {"data": dict.fromkeys(here)})
    return here


def _maps(cluster: Cluster, places: Sequence[str]) -> Iterator[Object]:
    """The ConfigMaps that may say so; two cheap reads, since every act under way looks each second."""
    for place in dict.fromkeys(places):
        try:
            yield cluster.get(ObjectRef(kube.CONFIG_MAP, place, NAME))
        except (NotFound, Forbidden):
            continue
