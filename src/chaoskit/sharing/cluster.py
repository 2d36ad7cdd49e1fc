"""One cluster for many runs of a process: what several ask at the same moment is asked once.

A read is shared with whoever asks while it is under way, and lists for a moment after it, until something is
written; watches of the same things are one watch. Writes, and reads of one very object (by uid), go straight
through.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from typing import Any, TypeVar

from chaoskit import kube
from chaoskit.clock import Clock
from chaoskit.ports.cluster import (
    Access,
    Change,
    Cluster,
    ExecResult,
    Identity,
    Kind,
    Listing,
    Object,
    ObjectRef,
    PatchType,
    Permission,
    Propagation,
)
from chaoskit.sharing.hub import Watches
from chaoskit.sharing.reads import Reads

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ages:
    """How many seconds of the wall an answer is as good as new: one object, a list, a right.

    A list is so no longer once anything was written but a Lease. Lists of Leases are as `gets` are: runs are
    kept apart by them. What is made of lists costs most: a crowd has it made anew for this `share` of the
    time at most.
    """

    gets: float = 0.0
    lists: float = 1.0
    rights: float = 10.0
    share: float = 0.5

    @classmethod
    def of(cls, clock: Clock) -> Ages:
        """The usual ones where the cluster's seconds are the clock's."""
        usual = cls()
        gets, lists, rights = map(clock.real, (usual.gets, usual.lists, usual.rights))
        return cls(gets, lists, rights, usual.share)


@dataclass(frozen=True, slots=True)
class _Common:
    """What all who look at one cluster have together, however new it must be to them."""

    reads: Reads = field(default_factory=Reads)
    lists: Reads = field(default_factory=Reads)
    watches: Watches = field(default_factory=Watches)


class SharedCluster:
    """A `Cluster` over another one, for any number of threads that ask the same."""

    def __init__(self, cluster: Cluster, ages: Ages, common: _Common | None = None) -> None:
        self._cluster = cluster
        self._ages = ages
        self._common = common or _Common()

    @property
    def name(self) -> str:
        """The context's name."""
        return self._cluster.name

    def get(self, ref: ObjectRef) -> Object:
        """The object, no older than the question."""
        if ref.uid:
            return self._cluster.get(ref)
        return self._common.reads.read(("get", ref), lambda: self._cluster.get(ref), self._ages.gets)

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        """All that match, at most a moment old, and no older than what was written here last."""

        def fetch() -> Listing:
            return self._cluster.list(kind, namespace, labels=labels, fields=fields)

        age = self._ages.gets if kind == kube.LEASE else self._ages.lists
        return self._common.lists.read((kind, namespace, labels, fields), fetch, age)

    def can_i(self, access: Access, *, user: str = "") -> Permission:
        """Whether the caller, or `user`, may; who may do it to all of a kind may do it to each by name."""
        if access.name and self.can_i(replace(access, name=""), user=user) == "allowed":
            return "allowed"

        def ask() -> Permission:
            return self._cluster.can_i(access, user=user)

        return self._common.reads.read(("can", access, user), ask, self._ages.rights)

    def right(self, access: Access, user: str = "") -> Permission | None:
        """What `can_i` would answer without asking anybody; None when it would ask."""
        known = partial(self._common.reads.known, age=self._ages.rights)
        if access.name and known(("can", replace(access, name=""), user)) == "allowed":
            return "allowed"
        found: Permission | None = known(("can", access, user))
        return found

    def watch(
        self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "", stop: threading.Event
    ) -> Iterator[Change]:
        """What is there now, then every change until `stop`; one watch for all who watch the same."""

        def follow(over: threading.Event) -> Iterator[Change]:
            return self._cluster.watch(kind, namespace, labels=labels, fields=fields, stop=over)

        return self._common.watches.changes((kind, namespace, labels, fields), follow, stop)

    def made(self, key: Hashable, make: Callable[[Cluster], T], *, fresh: bool = False) -> T:
        """What `make` makes of the cluster beneath, of which nothing is remembered.

        It is as old as a list may be at most, whatever was written since; if `fresh` no older than the
        question: those who ask at about the same moment have it together all the same.
        """
        age = self._ages.gets if fresh else self._ages.lists
        share = self._ages.share
        return self._common.reads.read(("made", key), lambda: make(self._cluster), age, share=share)

    def fresh(self) -> Cluster:
        """The same for whoever must know that something is gone: lists are no older than the question."""
        return SharedCluster(self._cluster, replace(self._ages, gets=0.0, lists=0.0), self._common)

    # ------------------------------------------------------------------ straight through

    @contextmanager
    def _writing(self, kind: str, *, dry_run: bool) -> Iterator[None]:
        """Lists from before are old, however the write ends; runs write their Leases all the time."""
        try:
            yield
        finally:
            if not dry_run and kind != kube.LEASE.name:
                self._common.lists.forget()

    def create(self, body: Object, *, dry_run: bool = False) -> Object:
        """As the cluster does."""
        with self._writing(str(body["kind"]), dry_run=dry_run):
            return self._cluster.create(body, dry_run=dry_run)

    def apply(self, body: Object, *, force: bool = False, dry_run: bool = False) -> Object:
        """As the cluster does."""
        with self._writing(str(body["kind"]), dry_run=dry_run):
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
        with self._writing(ref.kind.name, dry_run=dry_run):
            return self._cluster.patch(ref, patch, type=type, subresource=subresource, dry_run=dry_run)

    def delete(
        self,
        ref: ObjectRef,
        *,
        grace: int | None = None,
        propagation: Propagation = "Background",
        version: str = "",
        dry_run: bool = False,
    ) -> None:
        """As the cluster does."""
        with self._writing(ref.kind.name, dry_run=dry_run):
            self._cluster.delete(ref, grace=grace, propagation=propagation, version=version, dry_run=dry_run)

    def evict(self, ref: ObjectRef, *, grace: int | None = None, dry_run: bool = False) -> None:
        """As the cluster does."""
        with self._writing(ref.kind.name, dry_run=dry_run):
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

    def identity(self) -> Identity:
        """As the cluster does."""
        return self._cluster.identity()


class Moment(SharedCluster):
    """A `Cluster` while one decision is made: what was read for it once is not read again."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster, Ages(inf, inf, inf))

    def made(self, key: Hashable, make: Callable[[Cluster], T], *, fresh: bool = False) -> T:
        """What `make` makes of the cluster, once; where runs share the one beneath, together with them."""
        return super().made(key, lambda beneath: made(beneath, key, make, fresh=fresh))

    def fresh(self) -> Cluster:
        """The cluster beneath, for whoever decides nothing any more."""
        return fresh(self._cluster)


def made(cluster: Cluster, key: Hashable, make: Callable[[Cluster], T], *, fresh: bool = False) -> T:
    """What `make` makes of the cluster; runs that share it have it together, as `SharedCluster.made` says."""
    return cluster.made(key, make, fresh=fresh) if isinstance(cluster, SharedCluster) else make(cluster)


def right(cluster: Cluster, access: Access, user: str = "") -> Permission | None:
    """Whether the caller, or `user`, may, where one of those who share the cluster asked a moment ago."""
    return cluster.right(access, user) if isinstance(cluster, SharedCluster) else None


def fresh(cluster: Cluster) -> Cluster:
    """The cluster as it is; where runs share it, whatever one of them looked at a moment ago."""
    return cluster.fresh() if isinstance(cluster, SharedCluster) else cluster
