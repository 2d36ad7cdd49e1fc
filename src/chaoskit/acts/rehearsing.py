"""A cluster on which nothing is done: reads are real, each write is tried on the server and not kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaoskit.errors import CannotStart
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


class Rehearsing:
    """The cluster, every write of which is a dry run; a command in a container cannot be rehearsed."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.name = cluster.name

    def get(self, ref: ObjectRef) -> Object:
        """As the cluster has it."""
        return self._cluster.get(ref)

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        """As the cluster has it."""
        return self._cluster.list(kind, namespace, labels=labels, fields=fields)

    def watch(
        self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "", stop: threading.Event
    ) -> Iterator[Change]:
        """As the cluster has it."""
        return self._cluster.watch(kind, namespace, labels=labels, fields=fields, stop=stop)

    def create(self, body: Object, *, dry_run: bool = True) -> Object:  # noqa: ARG002 - always a dry run
        """What would be stored."""
        return self._cluster.create(body, dry_run=True)

    def apply(self, body: Object, *, force: bool = False, dry_run: bool = True) -> Object:  # noqa: ARG002
        """What would be stored."""
        return self._cluster.apply(body, force=force, dry_run=True)

    def patch(
        self,
        ref: ObjectRef,
        patch: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        type: PatchType = "merge",  # noqa: A002 - the field's own word
        subresource: str = "",
        dry_run: bool = True,  # noqa: ARG002 - always a dry run
    ) -> Object:
        """What would be stored."""
        return self._cluster.patch(ref, patch, type=type, subresource=subresource, dry_run=True)

    def delete(
        self,
        ref: ObjectRef,
        *,
        grace: int | None = None,
        propagation: Propagation = "Background",
        version: str = "",
        dry_run: bool = True,  # noqa: ARG002 - always a dry run
    ) -> None:
        """The server would delete it."""
        self._cluster.delete(ref, grace=grace, propagation=propagation, version=version, dry_run=True)

    def evict(self, ref: ObjectRef, *, grace: int | None = None, dry_run: bool = True) -> None:  # noqa: ARG002
        """The server would let it go now."""
        self._cluster.evict(ref, grace=grace, dry_run=True)

    def logs(
        self,
        ref: ObjectRef,
        *,
        container: str = "",
        tail: int = 200,
        previous: bool = False,
        within: float = 0,
    ) -> str:
        """As the cluster has it."""
        return self._cluster.logs(ref, container=container, tail=tail, previous=previous, within=within)

    def exec(
        self,
        ref: ObjectRef,
        command: Sequence[str],  # noqa: ARG002 - the port's
        *,
        container: str = "",  # noqa: ARG002 - the port's
        timeout: float = 30.0,  # noqa: ARG002 - the port's
    ) -> ExecResult:
        """Nothing: it would be done."""
        raise CannotStart(f"a command in {ref} cannot be rehearsed")

    def can_i(self, access: Access, *, user: str = "") -> Permission:
        """As the cluster says."""
        return self._cluster.can_i(access, user=user)

    def server_version(self) -> str:
        """As the cluster says."""
        return self._cluster.server_version()

    def identity(self) -> Identity:
        """As the cluster has it."""
        return self._cluster.identity()
