"""The Cluster port on a real API server: each call becomes one request, raw JSON in and out."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chaoskit.adapters.kubernetes import config, execution
from chaoskit.adapters.kubernetes.collection import Collection
from chaoskit.adapters.kubernetes.discovery import Discovery, Resource, group_and_version
from chaoskit.adapters.kubernetes.retry import Policy, Repeat
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

MANAGER = "chaoskit"
_LOG = 5.0
"""Seconds for a log: it is asked for on the way to an undo, which must not wait for a node that is gone."""

_CONTENT_TYPES: dict[PatchType, str] = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
}


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
        self._discovery = Discovery(self._page)
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
        path = self._resource(ref.kind).path(ref.namespace, ref.name)
        with self._served(ref.kind):
            found: Object = self._ask(f"get {_place(ref)}", "GET", path)
        if ref.uid and found["metadata"].get("uid") != ref.uid:
            raise NotFound(f"cannot get {_place(ref)}: another object has that name now")
        return found

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
        body, resource, namespace = self._addressed(body)
        with self._discovery.served(resource.group, resource.kind):
            created: Object = self._ask(
                f"create {_what(body, namespace)}",
                "POST",
                resource.path(namespace),
                _writing(dry_run),
                body,
                repeat=_repeat(dry_run),
            )
        return created

    def apply(self, body: Object, *, force: bool = False, dry_run: bool = False) -> Object:
        """The fields of `body` hold (server-side apply); `Conflict` names other owners, unless `force`."""
        body, resource, namespace = self._addressed(body)
        with self._discovery.served(resource.group, resource.kind):
            applied: Object = self._ask(
                f"apply {_what(body, namespace)}",
                "PATCH",
                resource.path(namespace, body["metadata"]["name"]),
                (*_writing(dry_run), ("force", "true" if force else "false")),
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
        path = self._resource(ref.kind).path(ref.namespace, ref.name, subresource)
        try:
            with self._that_very(ref, "patch"):
                patched: Object = self._ask(
                    f"patch {_place(ref)}",
                    "PATCH",
                    path,
                    _writing(dry_run),
                    patch,
                    content_type=_CONTENT_TYPES[type],
                    repeat=_repeat(dry_run or _conditional(patch)),
                )
        except Conflict as error:
            if error.harmless or type != "merge":
                raise
            with after(harmless=False):
                patched = self.get(ref)
            if not _has(patched, patch):
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
        how = _delete_options(ref, grace, version, dry_run=dry_run) | {"propagationPolicy": propagation}
        path = self._resource(ref.kind).path(ref.namespace, ref.name)
        # A controller may have put another object in its place: only who names one may try a second time.
        repeat = _repeat(dry_run or bool(ref.uid or version))
        try:
            with self._that_very(ref, "delete"):
                self._ask(f"delete {_place(ref)}", "DELETE", path, body=how, repeat=repeat)
        except NotFound:
            return

    def evict(self, ref: ObjectRef, *, grace: int | None = None, dry_run: bool = False) -> None:
        """The pod is evicted; `Refused` when a disruption budget forbids it now."""
        body = {
            "apiVersion": self._discovery.eviction(),
            "kind": "Eviction",
            "metadata": {"name": ref.name, "namespace": ref.namespace},
            "deleteOptions": _delete_options(ref, grace, dry_run=dry_run),
        }
        path = self._resource(ref.kind).path(ref.namespace, ref.name, "eviction")
        with self._that_very(ref, "evict"):
            self._ask(f"evict {_place(ref)}", "POST", path, body=body, repeat=_repeat(dry_run))

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
        path = self._resource(ref.kind).path(ref.namespace, ref.name, "log")
        attempted = f"read the log of {_place(ref)}"
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
        path = self._resource(ref.kind).path(ref.namespace, ref.name, "exec")
        attempted = f"run {command[0]} in {_place(ref)}"
        request = Request(attempted, "GET", path, execution.query(command, container))
        return execution.execute(self._transport, request, timeout)

    # ------------------------------------------------------------------ the server

    def can_i(self, access: Access, *, user: str = "") -> Permission:
        """Whether the caller, or `user`, may; ``unknown`` when the caller may not ask."""
        kind = "SubjectAccessReview" if user else "SelfSubjectAccessReview"
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": kind,
            "spec": {"resourceAttributes": _attributes(access), **(_subject(user) if user else {})},
        }
        path = f"/apis/authorization.k8s.io/v1/{kind.lower()}s"
        try:
            answer = self._ask(f"ask whether {user or 'the caller'} may {access}", "POST", path, (), body)
        except Forbidden:
            return "unknown"
        return "allowed" if answer["status"].get("allowed") else "denied"

    def server_version(self) -> str:
        """As in ``v1.34.1``."""
        return str(self._ask("ask for the version", "GET", "/version")["gitVersion"])

    def identity(self) -> Identity:
        """Which cluster it is; asked at most once in a connection's life."""
        if self._identity is None:
            self._identity = Identity(self.name, self._uid(), self.address)
        return self._identity

    def _uid(self) -> str:
        try:
            found = self._ask("ask which cluster it is", "GET", f"/api/v1/namespaces/{SYSTEM}")
        except (Forbidden, NotFound):
            return ""
        return str(found["metadata"]["uid"])

    # ------------------------------------------------------------------ requests

    def _ask(
        self,
        attempted: str,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: Any = None,
        *,
        content_type: str = "application/json",
        repeat: Repeat = "always",
    ) -> Any:
        return self._transport.json(
            Request(attempted, method, path, tuple(query), body, content_type, repeat)
        )

    def _page(self, path: str) -> Any:
        return self._ask("ask what the server has", "GET", path)

    def _resource(self, kind: Kind) -> Resource:
        found = self._discovery.of(kind)
        if found is None:
            raise NotFound(f"the server has no {kind.plural}.{kind.group}".rstrip("."))
        return found

    def _addressed(self, body: Object) -> tuple[Object, Resource, str]:
        group, version = group_and_version(body)
        resource = self._discovery.find(group, body["kind"], version)
        if resource is None:
            raise NotFound(f"the server has no {body['kind']} in {body.get('apiVersion')}")
        meta = body["metadata"]
        namespace = (meta.get("namespace") or self.namespace) if resource.namespaced else ""
        placed = {**meta, "namespace": namespace} if namespace else meta
        return {**body, "apiVersion": resource.api_version, "metadata": placed}, resource, namespace

    def _collection(
        self, kind: Kind, namespace: str, labels: str, fields: str, stop: threading.Event
    ) -> Collection:
        return Collection(self._transport, self._discovery, kind, namespace, labels, fields, stop)

    def _served(self, kind: Kind) -> AbstractContextManager[None]:
        return self._discovery.served(kind.group, kind.name)

    @contextmanager
    def _that_very(self, ref: ObjectRef, verb: str) -> Iterator[None]:
        """What the server refuses because another object has the name now becomes `NotFound`."""
        try:
            with self._served(ref.kind):
                yield
        except (Conflict, InvalidInput) as error:  # which of them depends on the server's version
            with after(harmless=error.harmless):
                another = ref.uid and self._is_another(ref)
            if another:
                raise NotFound(f"cannot {verb} {_place(ref)}: another object has that name now") from error
            raise

    def _is_another(self, ref: ObjectRef) -> bool:
        try:
            self.get(ref)
        except NotFound:
            return True
        return False


def _place(ref: ObjectRef) -> str:
    return f"{ref} in {ref.namespace}" if ref.namespace else str(ref)


def _what(body: Object, namespace: str) -> str:
    meta = body["metadata"]
    name = meta.get("name") or f"{meta.get('generateName', '')}*"
    return f"{body['kind'].lower()}/{name}" + (f" in {namespace}" if namespace else "")


def _writing(dry_run: bool) -> tuple[tuple[str, str], ...]:
    return (("fieldManager", MANAGER), *((("dryRun", "All"),) if dry_run else ()))


def _repeat(harmless: bool) -> Repeat:
    return "always" if harmless else "unsent"


def _conditional(patch: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bool:
    """Whether the patch is for the very version that it names."""
    if isinstance(patch, Mapping):
        return "resourceVersion" in (patch.get("metadata") or {})
    return any(step.get("path") == "/metadata/resourceVersion" for step in patch)


def _has(present: Any, patch: Any) -> bool:
    """Whether a merge patch would change nothing there, whatever version it is for."""
    if not isinstance(patch, Mapping):
        return bool(present == patch)
    there = present if isinstance(present, Mapping) else {}
    return all(_has(there.get(key), value) for key, value in patch.items() if key != "resourceVersion")


def _delete_options(ref: ObjectRef, grace: int | None, version: str = "", *, dry_run: bool) -> dict[str, Any]:
    options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
    if dry_run:
        options["dryRun"] = ["All"]  # here alone: next to a body, the server ignores the query
    if grace is not None:
        options["gracePeriodSeconds"] = grace
    named = {"uid": ref.uid, "resourceVersion": version}
    if conditions := {key: each for key, each in named.items() if each}:
        options["preconditions"] = conditions
    return options


def _attributes(access: Access) -> dict[str, str]:
    asked = {
        "verb": access.verb,
        "group": access.group,
        "resource": access.resource,
        "subresource": access.subresource,
        "namespace": access.namespace,
        "name": access.name,
    }
    return {key: value for key, value in asked.items() if value}


def _subject(user: str) -> dict[str, Any]:
    """The user with the groups that the server would give it: rights are often bound to those."""
    groups = ["system:authenticated"]
    if user.startswith("system:serviceaccount:"):
        groups += ["system:serviceaccounts", f"system:serviceaccounts:{user.split(':')[2]}"]
    return {"user": user, "groups": groups}
