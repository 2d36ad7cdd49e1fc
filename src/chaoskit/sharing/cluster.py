"""One cluster for many runs of a process: what several ask at the same moment is asked once.

A read is shared with whoever asks while it is under way, and lists for a moment after it; watches of the same
things are one watch. Writes, and reads of one very object (by uid), go straight through.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any, TypeVar

from chaoskit import kube
from chaoskit.clock import Clock, WallClock
from chaoskit.ports.cluster import (
    Access,
    Change,
    Cluster,
    ExecResult,
    Kind,
    Listing,
    Object,
    ObjectRef,
    PatchType,
    Permission,
    Propagation,
)
from chaoskit.sharing.hub import Hub
from chaoskit.sharing.reads import Reads

LISTS = 1.0
"""Seconds of the cluster for which a list is as good as new.

Leases are always read anew, runs are kept apart by them.
"""

RIGHTS = 10.0
"""Seconds for which an answer about rights is."""

T = TypeVar("T")


class SharedCluster:
    """A `Cluster` over another one, for any number of threads that ask the same."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._gets, self._lists, self._rights = 0.0, clock.real(LISTS), clock.real(RIGHTS)
        self._reads = Reads()
        self._lock = threading.Lock()
        self._hubs: dict[Hashable, Hub] = {}

    @property
    def name(self) -> str:
        """The context's name."""
        return self._cluster.name

    def get(self, ref: ObjectRef) -> Object:
        """The object, no older than the question."""
        if ref.uid:
            return self._cluster.get(ref)
        return self._reads.read(("get", ref), lambda: self._cluster.get(ref), self._gets)

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        """All that match, at most a moment old."""

        def fetch() -> Listing:
            return self._cluster.list(kind, namespace, labels=labels, fields=fields)

        age = self._gets if kind == kube.LEASE else self._lists
        return self._reads.read(("list", kind, namespace, labels, fields), fetch, age)

    def can_i(self, access: Access, *, user: str = "") -> Permission:
        """Whether the caller, or `user`, may; who may do it to all of a kind may do it to each by name."""
        if access.name and self.can_i(replace(access, name=""), user=user) == "allowed":
            return "allowed"

        def ask() -> Permission:
            return self._cluster.can_i(access, user=user)

        return self._reads.read(("can", access, user), ask, self._rights)

    def watch(
        self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "", stop: threading.Event
    ) -> Iterator[Change]:
        """What is there now, then every change until `stop`; one watch for all who watch the same."""
        key = (kind, namespace, labels, fields)

        def follow(over: threading.Event) -> Iterator[Change]:
            return self._cluster.watch(kind, namespace, labels=labels, fields=fields, stop=over)

        with self._lock:
            hub = self._hubs.get(key)
            if hub is None or not hub.join():
                hub = self._hubs[key] = Hub(follow)
        yield from hub.changes(stop)

    def made(self, key: Hashable, make: Callable[[], T], *, fresh: bool = False) -> T:
        """What `make` makes of lists, or made of them a moment ago; if `fresh`, since it was asked for."""
        return self._reads.read(("made", key), make, self._gets if fresh else self._lists)

    # ------------------------------------------------------------------ straight through

    def create(self, body: Object, *, dry_run: bool = False) -> Object:
        """As the cluster does."""
        return self._cluster.create(body, dry_run=dry_run)

    def apply(self, body: Object, *, force: bool = False, dry_run: bool = False) -> Object:
        """As the cluster does."""
        return self._cluster.apply(body, force=force, dry_run=dry_run)

    def patch(
        self,
        ref: ObjectRef,
        patch: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        type: PatchType = "merge",  # noqa: A002 - the field's own word
        subresource: str = "",
        dry_run: bool = False,
    ) -> Object:
        """As the cluster does."""
        return self._cluster.patch(ref, patch, type=type, subresource=subresource, dry_run=dry_run)

    def delete(
        self,
        ref: ObjectRef,
        *,
        grace: int | None = None,
        propagation: Propagation = "Background",
        dry_run: bool = False,
    ) -> None:
        """As the cluster does."""
        self._cluster.delete(ref, grace=grace, propagation=propagation, dry_run=dry_run)

    def evict(self, ref: ObjectRef, *, grace: int | None = None, dry_run: bool = False) -> None:
        """As the cluster does."""
        self._cluster.evict(ref, grace=grace, dry_run=dry_run)

    def logs(
        self,
        ref: ObjectRef,
        *,
        container: str = "",
        tail: int = 200,
        previous: bool = False,
        within: float = 0,
    ) -> str:
        """As the cluster does."""
        return self._cluster.logs(ref, container=container, tail=tail, previous=previous, within=within)

    def exec(
        self, ref: ObjectRef, command: Sequence[str], *, container: str = "", timeout: float = 30.0
    ) -> ExecResult:
        """As the cluster does."""
        return self._cluster.exec(ref, command, container=container, timeout=timeout)

    def server_version(self) -> str:
        """As the cluster does."""
        return self._cluster.server_version()


class Moment(SharedCluster):
    """A `Cluster` while one decision is made: what was read for it once is not read again."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster, WallClock())
        self._gets = self._lists = self._rights = inf

    def made(self, key: Hashable, make: Callable[[], T], *, fresh: bool = False) -> T:
        """What `make` makes of lists, once; where runs share the cluster beneath, together with them."""
        return super().made(key, lambda: made(self._cluster, key, make, fresh=fresh))


def made(cluster: Cluster, key: Hashable, make: Callable[[], T], *, fresh: bool = False) -> T:
    """What `make` makes of the cluster's lists; where runs share it, they have it together."""
    return cluster.made(key, make, fresh=fresh) if isinstance(cluster, SharedCluster) else make()
