"""The Cluster port on a real API server: each call becomes one request, raw JSON in and out."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chaoskit.adapters.kubernetes import config, execution, reviews, spelling
from chaoskit.adapters.kubernetes.collection import Collection
from chaoskit.adapters.kubernetes.retry import Policy
from chaoskit.adapters.kubernetes.server import Server
from chaoskit.adapters.kubernetes.transport import Request, Transport
from chaoskit.adapters.kubernetes.watch import Follower
from chaoskit.clock import Clock
from chaoskit.errors import Conflict, Forbidden, InvalidInput, NotFound, after
from chaoskit.ports.cluster import (
    SYSTEM,
    Access,
    Change,
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

_LOG = 5.0
"""Seconds for a log: it is asked for on the way to an undo, which must not wait for a node that is gone."""


def connect(
    kubeconfig: Path | None = None,
    context: str | None = None,
    *,
    clock: Clock,
    policy: Policy | None = None,
) -> KubernetesCluster:
    """The cluster of a kubeconfig and context, as kubectl chooses it; nothing was asked of it yet.

    Without `kubeconfig`: $KUBECONFIG (several paths), ~/.kube/config, the pod's own service account.
    `clock` times retries; the wall's is right for any server, however fast its own time runs.

    Raises:
        CannotStart: there is no kubeconfig, or it cannot be used.
    """
    login = config.log_in(kubeconfig, context)
    transport = Transport(login.configuration, clock, policy, login.acting)
    return KubernetesCluster(transport, name=login.name, namespace=login.namespace)


class KubernetesCluster:
    """A Kubernetes cluster; for any number of threads; a context manager that closes its connections."""

    def __init__(self, transport: Transport, *, name: str, namespace: str = "default") -> None:
        self._transport = transport
        self._name = name
        self.namespace = namespace
        self._server = Server(transport, namespace)
        self._identity: Identity | None = None

    @property
    def name(self) -> str:
        """The context's name; ``in-cluster`` inside a pod without kubeconfig."""
        return self._name

    @property
    def address(self) -> str:
        """The API server's URL."""
        return self._transport.address

    @property
    def secrets(self) -> frozenset[str]:
        """What it is logged into with, as far as that is known by now."""
        return self._transport.secrets

    @property
    def acting_as(self) -> str:
        """The user whom the kubeconfig's login acts as; "" where it acts as itself."""
        return self._transport.acting.name

    @property
    def unchecked(self) -> bool:
        """Whether the kubeconfig has the server's certificate not looked at."""
        return self._transport.unchecked

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Connections are closed; watches in other threads have come to their end."""
        self._transport.close()

    # ------------------------------------------------------------------ reading

    def get(self, ref: ObjectRef) -> Object:
        """The object as it is now; `NotFound` when there is none, or none with `ref.uid`."""
        return self._server.get(ref)

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        """All that match, read in pages of one version; each item carries ``apiVersion`` and ``kind``."""
        return self._collection(kind, namespace, labels, fields, threading.Event()).list()

    def watch(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        stop: threading.Event,
    ) -> Iterator[Change]:
        """What is there now (ADDED, then SYNCED), then every change until `stop`; survives 410 and cuts.

        A kind that the server lacks is looked for again every few seconds.
        """
        source = self._collection(kind, namespace, labels, fields, stop)
        return Follower(source, self._transport, stop).changes()

    # ------------------------------------------------------------------ writing

    def create(self, body: Object, *, dry_run: bool = False) -> Object:
        """The object as stored; `Conflict` when it exists.

        Where the server lacks the body's version of the kind, its newest stable one is sent.
        """
        body, resource, namespace = self._server.addressed(body)
        with self._server.discovery.served(resource.group, resource.kind):
            created: Object = self._server.ask(
                f"create {spelling.what(body, namespace)}",
                "POST",
                resource.path(namespace),
                spelling.writing(dry_run=dry_run),
                body,
                repeat=spelling.repeat(harmless=dry_run),
            )
        return created

    def apply(self, body: Object, *, force: bool = False, dry_run: bool = False) -> Object:
        """The fields of `body` hold (server-side apply); `Conflict` names other owners, unless `force`."""
        body, resource, namespace = self._server.addressed(body)
        with self._server.discovery.served(resource.group, resource.kind):
            applied: Object = self._server.ask(
                f"apply {spelling.what(body, namespace)}",
                "PATCH",
                resource.path(namespace, body["metadata"]["name"]),
                (*spelling.writing(dry_run=dry_run), ("force", "true" if force else "false")),
                body,
                content_type="application/apply-patch+yaml",
            )
        return applied

    def patch(
        self,
        ref: ObjectRef,
        patch: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        type: PatchType = "merge",  # noqa: A002 - the field's own word
        subresource: str = "",
        dry_run: bool = False,
    ) -> Object:
        """The object after the patch; a ``metadata.resourceVersion`` in it makes it conditional.

        Then it may be sent again when its answer was lost, and meet what it wrote: a merge patch is answered
        with that; any other is a `Conflict`, and not harmless.

        With `ref.uid`, a merge or strategic patch is for that very object: `NotFound` when it is gone.
        """
        whole = type != "json" and not subresource
        if ref.uid and whole and isinstance(patch, Mapping):
            patch = {**patch, "metadata": {"uid": ref.uid, **(patch.get("metadata") or {})}}
        path = self._server.path(ref, subresource)
        try:
            with self._server.that_very(ref, "patch"):
                patched: Object = self._server.ask(
                    f"patch {spelling.place(ref)}",
                    "PATCH",
                    path,
                    spelling.writing(dry_run=dry_run),
                    patch,
                    content_type=spelling.CONTENT_TYPES[type],
                    repeat=spelling.repeat(harmless=dry_run or spelling.conditional(patch)),
                )
        except Conflict as error:
            if error.harmless or type != "merge":
                raise
            with after(harmless=False):
                patched = self.get(ref)
            if not spelling.has(patched, patch):
                raise
        return patched

    def delete(
        self,
        ref: ObjectRef,
        *,
        grace: int | None = None,
        propagation: Propagation = "Background",
        version: str = "",
        dry_run: bool = False,
    ) -> None:
        """The object is deleted or marked so; gone already is no error, and so is another one of its name."""
        how = spelling.delete_options(ref, grace, version, dry_run=dry_run) | {
            "propagationPolicy": propagation
        }
        path = self._server.path(ref)
        # A controller may have put another object in its place: only who names one may try a second time.
        repeat = spelling.repeat(harmless=dry_run or bool(ref.uid or version))
        try:
            with self._server.that_very(ref, "delete"):
                self._server.ask(f"delete {spelling.place(ref)}", "DELETE", path, body=how, repeat=repeat)
        except NotFound:
            return

    def evict(self, ref: ObjectRef, *, grace: int | None = None, dry_run: bool = False) -> None:
        """The pod is evicted; `Refused` when a disruption budget forbids it now."""
        body = {
            "apiVersion": self._server.discovery.eviction(),
            "kind": "Eviction",
            "metadata": {"name": ref.name, "namespace": ref.namespace},
            "deleteOptions": spelling.delete_options(ref, grace, dry_run=dry_run),
        }
        path = self._server.path(ref, "eviction")
        with self._server.that_very(ref, "evict"):
            self._server.ask(
                f"evict {spelling.place(ref)}",
                "POST",
                path,
                body=body,
                repeat=spelling.repeat(harmless=dry_run),
            )

    # ------------------------------------------------------------------ containers

    def logs(
        self,
        ref: ObjectRef,
        *,
        container: str = "",
        tail: int = 200,
        previous: bool = False,
        within: float = 0,
    ) -> str:
        """The last `tail` lines of a container's log; `NotFound` when it has not started yet.

        With `within` only what was written in so many last seconds, as its node dates the lines.
        A node that does not hand it out in five seconds is not waited for.
        """
        query = [("tailLines", str(tail))]
        query += [("container", container)] if container else []
        query += [("previous", "true")] if previous else []
        query += [("sinceSeconds", str(math.ceil(within)))] if within else []
        path = self._server.path(ref, "log")
        attempted = f"read the log of {spelling.place(ref)}"
        request = Request(attempted, "GET", path, tuple(query), repeat="unsent", seconds=_LOG)
        try:
            return self._transport.send(request).decode("utf-8", "replace")
        except InvalidInput as error:
            # 400 is also how the server says that there is no log (yet): no fault of who asks.
            if "waiting to start" in error.message or "not found" in error.message:
                raise NotFound(error.message) from error
            raise

    def exec(
        self, ref: ObjectRef, command: Sequence[str], *, container: str = "", timeout: float = 30.0
    ) -> ExecResult:
        """What the command wrote and how it ended; `TimedOut` after so many seconds of the wall."""
        path = self._server.path(ref, "exec")
        attempted = f"run {command[0]} in {spelling.place(ref)}"
        request = Request(attempted, "GET", path, execution.query(command, container))
        return execution.execute(self._transport, request, timeout)

    # ------------------------------------------------------------------ the server

    def can_i(self, access: Access, *, user: str = "") -> Permission:
        """Whether the caller, or `user`, may; ``unknown`` when the caller may not ask."""
        asked = reviews.question(access, user)
        attempted = f"ask whether {user or 'the caller'} may {access}"
        try:
            answer = self._server.ask(attempted, "POST", reviews.path(asked), (), asked)
        except Forbidden:
            return "unknown"
        return "allowed" if answer["status"].get("allowed") else "denied"

    def server_version(self) -> str:
        """As in ``v1.34.1``."""
        return str(self._server.ask("ask for the version", "GET", "/version")["gitVersion"])

    def identity(self) -> Identity:
        """Which cluster it is; asked at most once in a connection's life."""
        if self._identity is None:
            self._identity = Identity(self.name, self._uid(), self.address)
        return self._identity

    def _uid(self) -> str:
        try:
            found = self._server.ask("ask which cluster it is", "GET", f"/api/v1/namespaces/{SYSTEM}")
        except (Forbidden, NotFound):
            return ""
        return str(found["metadata"]["uid"])

    def _collection(
        self, kind: Kind, namespace: str, labels: str, fields: str, stop: threading.Event
    ) -> Collection:
        return Collection(self._transport, self._server.discovery, kind, namespace, labels, fields, stop)
