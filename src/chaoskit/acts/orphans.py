"""What Litmus runs left behind that no ledger owes: found by the uid of their engine, and taken back.

A live engine's things are its own, and what an active ledger owes is for a rescue.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from chaoskit import kube
from chaoskit.acts import engine
from chaoskit.acts.accounts import Account
from chaoskit.acts.aims import spec_of
from chaoskit.acts.leftovers import leftovers
from chaoskit.acts.trail import UID_LABEL, Trail, works
from chaoskit.clock import Clock, refuse_when_stopped
from chaoskit.errors import ChaoskitError, Forbidden
from chaoskit.ports.cluster import Cluster, Kind, Object, ObjectRef

STUCK = timedelta(minutes=5)
"""An engine that was to be deleted so long ago is held by an operator that is gone or hangs."""

_MADE = (kube.POD, kube.JOB, kube.NETWORK_POLICY, kube.CHAOS_RESULT)
"""Kinds that carry the uid of the engine that they were made for."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """What is left of one engine, in words; `stuck` is the engine itself when its deletion hangs."""

    trail: Trail
    left: tuple[str, ...]
    stuck: ObjectRef | None = None


def orphans(
    cluster: Cluster, clock: Clock, owed: Iterable[Account], namespace: str = ""
) -> tuple[Orphan, ...]:
    """What is left in a namespace ("" is all) of engines that are over or gone, and engines that hang."""
    homes = _homes(cluster, namespace)  # before the engines: one that is made meanwhile keeps its things
    engines = {body["metadata"]["uid"]: body for body in _listed(cluster, kube.CHAOS_ENGINE, namespace)}
    ours = {entry.target.uid for account in owed for entry in account.entries if entry.target.uid}
    alive = {uid for uid, body in engines.items() if works(body)} | ours
    found = [*_leftovers(cluster, alive, engines, homes), *_hanging(engines.values(), clock)]
    return tuple(each for each in found if each.left)


def _leftovers(
    cluster: Cluster, alive: set[str], engines: Mapping[str, Object], homes: Mapping[str, str]
) -> Iterator[Orphan]:
    for uid, home in sorted(homes.items()):
        if uid not in alive:
            body = engines.get(uid)
            gone = ObjectRef(kube.CHAOS_ENGINE, home, f"gone-{uid[:8]}", uid)
            ref = gone if body is None else kube.ref_of(body, kube.CHAOS_ENGINE)
            places = (home,) if body is None else (home, *_places(body))
            trail = Trail(ref, "", tuple(dict.fromkeys(places)), ours=False)
            yield Orphan(trail, _left(cluster, trail))


def _left(cluster: Cluster, trail: Trail) -> tuple[str, ...]:
    try:
        return tuple(map(str, leftovers(cluster, trail)))
    except Forbidden as error:
        return (f"what else there is cannot be seen: {error.message}",)


def _homes(cluster: Cluster, namespace: str) -> dict[str, str]:
    """The namespace in which something carries the uid, by uid."""
    return {
        kube.labels_of(body)[UID_LABEL]: body["metadata"]["namespace"]
        for kind in _MADE
        for body in _listed(cluster, kind, namespace, UID_LABEL)
    }


def _listed(cluster: Cluster, kind: Kind, namespace: str, labels: str = "") -> tuple[Object, ...]:
    try:
        return cluster.list(kind, namespace, labels=labels).items
    except Forbidden:
        return ()  # what the caller may not read is not for this caller to take back


def _places(body: Object) -> tuple[str, ...]:
    """The namespaces of an engine's targets."""
    spec = spec_of(body)
    selectors = spec.get("selectors") or {}
    named = [each.get("namespace") for part in ("workloads", "pods") for each in selectors.get(part) or ()]
    return tuple(place for place in ((spec.get("appinfo") or {}).get("appns"), *named) if place)


def _hanging(engines: Iterable[Object], clock: Clock) -> Iterator[Orphan]:
    for body in engines:
        marked = kube.time_of(body["metadata"].get("deletionTimestamp"))
        if marked is not None and clock.now() - marked >= STUCK:
            ref = kube.ref_of(body, kube.CHAOS_ENGINE)
            words = f"engine {ref.name} has been about to be deleted since {marked.isoformat()}"
            yield Orphan(Trail(ref, "", (ref.namespace,), ours=False), (words,), ref)


def adopt(
    cluster: Cluster,
    clock: Clock,
    orphan: Orphan,
    *,
    force: bool = False,
    tell: Callable[[str], None] = lambda _words: None,
    stop: threading.Event | None = None,
) -> tuple[str, ...]:
    """What is left after it was taken back, in words, whatever went wrong; once `stop` is set it is left so.

    A hanging engine is let go only by `force`.
    """
    stop = stop or threading.Event()
    try:
        refuse_when_stopped(stop)
        if orphan.stuck is not None:
            return _let_go(cluster, orphan.stuck) if force else (f"{orphan.left[0]}: --force lets it go",)
        return engine.end(cluster, clock, orphan.trail, keep=lambda: refuse_when_stopped(stop), tell=tell)
    except ChaoskitError as error:
        return (*orphan.left, error.message)


def _let_go(cluster: Cluster, ref: ObjectRef) -> tuple[str, ...]:
    """The engine is gone, its operator unasked; other finalizers than Litmus' own stay."""
    own = cluster.get(ref)["metadata"].get("finalizers") or ()
    others = [each for each in own if not each.endswith("litmuschaos.io/finalizer")]
    cluster.patch(ref, {"metadata": {"finalizers": others or None}})
    return tuple(f"{ref} is held by {each}" for each in others)
