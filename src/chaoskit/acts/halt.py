"""The halt: a ConfigMap that every process looks at before and while it acts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Literal

from chaoskit import kube
from chaoskit.clock import Clock
from chaoskit.errors import Conflict, Forbidden, NotFound, Refused
from chaoskit.ports.cluster import Cluster, Object, ObjectRef
from chaoskit.redaction import scrubbed

Act = Literal["chaos", "recovery"]

ACTS: tuple[Act, ...] = ("chaos", "recovery")

NAME = "chaoskit-halt"
HOME = "default"
"""Where a halt of the whole cluster stands, beside that of this namespace, which has keys of its own."""

CLUSTER = ""
"""In place of a namespace: the whole cluster."""


@dataclass(frozen=True, slots=True)
class Halt:
    """What is halted, why, since when (ISO 8601), where ("": in the cluster), and what says so."""

    act: Act
    reason: str
    since: str
    namespace: str
    ref: ObjectRef

    def __str__(self) -> str:
        """``chaos is halted in this cluster since 2026-01-01T00:00:00Z: incident 42``."""
        where = f"in namespace {self.namespace}" if self.namespace else "in this cluster"
        since = f" since {self.since}" if self.since else ""
        return f"{self.act} is halted {where}{since}: {self.reason or 'no reason given'}"

    def refusal(self) -> Refused:
        """What who asks is told."""
        return Refused(str(self), guard="halt", limit="none", hint=f"{self.lifting} lifts it")

    @property
    def lifting(self) -> str:
        """The command that lifts the halts of its place."""
        return f"chaoskit resume -n {self.namespace}" if self.namespace else "chaoskit resume"


def halted(cluster: Cluster, act: Act, *namespaces: str) -> Halt | None:
    """The halt of this kind of act in the cluster or in one of these namespaces, or None.

    A halt that the caller may not read is not seen: `unseen` says whether there is such a place.
    """
    for body in _maps(cluster, (HOME, *namespaces)):
        for found in _said(body):
            if found.act == act and found.namespace in {CLUSTER, *namespaces}:
                return found
    return None


def standing(cluster: Cluster, *namespaces: str) -> tuple[Halt, ...]:
    """Every halt in the cluster; where that may not be asked, those of it all and of these namespaces."""
    try:
        bodies = cluster.list(kube.CONFIG_MAP, fields=f"metadata.name={NAME}").items
    except Forbidden:
        bodies = tuple(_maps(cluster, (HOME, *filter(None, namespaces))))
    return tuple(each for body in bodies for each in _said(body))


def _said(body: Object) -> Iterator[Halt]:
    """Every halt that the ConfigMap tells of."""
    ref, data, notes = kube.ref_of(body, kube.CONFIG_MAP), body.get("data") or {}, kube.annotations_of(body)
    for place in (CLUSTER, HOME) if ref.namespace == HOME else (ref.namespace,):
        for act in ACTS:
            reason = data.get(_key(act, place))
            if reason is not None:
                since = notes.get(_since(act, place)) or notes.get(_once(place), "")
                yield Halt(act, scrubbed(reason), since, place, ref)


def _key(act: Act, place: str) -> str:
    """The act's key in the ConfigMap: at home, that of the cluster is the plain one."""
    return f"{act}.{HOME}" if place == HOME else act


def _since(act: Act, place: str) -> str:
    return f"chaoskit.io/{_key(act, place)}-since"


def _once(place: str) -> str:
    """Where older versions said it, of both acts in one."""
    return f"chaoskit.io/since-{HOME}" if place == HOME else "chaoskit.io/since"


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


def halt(
    cluster: Cluster, clock: Clock, acts: Sequence[Act], reason: str, *, namespace: str = CLUSTER
) -> tuple[Halt, ...]:
    """No process of chaoskit starts these acts any more, and those under way stop and undo.

    Answers the halts of them that stood already: they have stood since then, and keep their reason unless
    one is given: without what looks secret in it.
    """
    ref = ObjectRef(kube.CONFIG_MAP, namespace or HOME, NAME)
    now = f"{clock.now().astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    meta = {"name": NAME, "namespace": ref.namespace, "labels": {kube.MANAGED_BY: "chaoskit"}}
    whole = _changes((), acts, reason, now, namespace)
    whole["metadata"] |= meta
    try:
        cluster.create({"apiVersion": "v1", "kind": "ConfigMap", **whole})
    except Conflict:
        said = _said(cluster.get(ref))
        stood = tuple(each for each in said if each.namespace == namespace and each.act in acts)
        cluster.patch(ref, _changes(stood, acts, reason, now, namespace))
        return stood
    return ()


def _changes(stood: Sequence[Halt], acts: Sequence[Act], reason: str, now: str, place: str) -> Object:
    """What is written where these halts stand already; where they began is written anew, as it was."""
    before = {each.act: each for each in stood}
    given = scrubbed(reason)
    reasons = {act: given or (before[act].reason if act in before else "") for act in acts}
    begins = {act: before[act].since if act in before else now for act in acts}
    return {
        "metadata": {"annotations": {_since(act, place): at for act, at in begins.items()}},
        "data": {_key(act, place): why for act, why in reasons.items()},
    }


def resume(cluster: Cluster, acts: Sequence[Act], *, namespace: str = CLUSTER) -> tuple[Act, ...]:
    """These acts may start again; answers those that had been halted in the cluster, or in `namespace`."""
    body = next(_maps(cluster, (namespace or HOME,)), None)
    data = {} if body is None else body.get("data") or {}
    here = {_key(act, namespace): act for act in acts if _key(act, namespace) in data}
    ref = ObjectRef(kube.CONFIG_MAP, namespace or HOME, NAME)
    if here and set(data) <= set(here):
        cluster.delete(ref)
    elif here:
        notes = {_since(act, namespace): None for act in here.values()}
        cluster.patch(ref, {"metadata": {"annotations": notes}, "data": dict.fromkeys(here)})
    return tuple(here.values())


def _maps(cluster: Cluster, places: Sequence[str]) -> Iterator[Object]:
    """The ConfigMaps that may say so; two cheap reads, since every act under way looks each second."""
    for place in dict.fromkeys(places):
        try:
            yield cluster.get(ObjectRef(kube.CONFIG_MAP, place, NAME))
        except (NotFound, Forbidden):
            continue
