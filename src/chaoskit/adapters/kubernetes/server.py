"""An API server as it is asked: one request for each question, and where it has what kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from chaoskit.adapters.kubernetes import spelling
from chaoskit.adapters.kubernetes.discovery import Discovery, Resource, group_and_version
from chaoskit.adapters.kubernetes.retry import Repeat
from chaoskit.adapters.kubernetes.transport import Request, Transport
from chaoskit.errors import Conflict, InvalidInput, NotFound, after
from chaoskit.ports.cluster import Kind, Object, ObjectRef


class Server:
    """An API server; `namespace` is where objects go that name none."""

    def __init__(self, transport: Transport, namespace: str) -> None:
        self.transport = transport
        self.namespace = namespace
        self.discovery = Discovery(self._page)

    def ask(
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
        """The answer to one request; `attempted` is what it is for, in words."""
        return self.transport.json(Request(attempted, method, path, tuple(query), body, content_type, repeat))

    def _page(self, path: str) -> Any:
        return self.ask("ask what the server has", "GET", path)

    def path(self, ref: ObjectRef, subresource: str = "") -> str:
        """Where the object is, or a part of it; `NotFound` where the server lacks its kind."""
        found = self.discovery.of(ref.kind)
        if found is None:
            raise NotFound(f"the server has no {ref.kind.plural}.{ref.kind.group}".rstrip("."))
        return found.path(ref.namespace, ref.name, subresource)

    def addressed(self, body: Object) -> tuple[Object, Resource, str]:
        """The object as the server takes it, in its version of the kind; where it goes; its namespace."""
        group, version = group_and_version(body)
        resource = self.discovery.find(group, body["kind"], version)
        if resource is None:
            raise NotFound(f"the server has no {body['kind']} in {body.get('apiVersion')}")
        meta = body["metadata"]
        namespace = (meta.get("namespace") or self.namespace) if resource.namespaced else ""
        placed = {**meta, "namespace": namespace} if namespace else meta
        return {**body, "apiVersion": resource.api_version, "metadata": placed}, resource, namespace

    def served(self, kind: Kind) -> AbstractContextManager[None]:
        """Inside, it is noticed when the server has the kind no more."""
        return self.discovery.served(kind.group, kind.name)

    def get(self, ref: ObjectRef) -> Object:
        """The object as it is now; `NotFound` when there is none, or none with `ref.uid`."""
        path = self.path(ref)
        with self.served(ref.kind):
            found: Object = self.ask(f"get {spelling.place(ref)}", "GET", path)
        if ref.uid and found["metadata"].get("uid") != ref.uid:
            raise NotFound(f"cannot get {spelling.place(ref)}: another object has that name now")
        return found

    @contextmanager
    def that_very(self, ref: ObjectRef, verb: str) -> Iterator[None]:
        """What the server refuses because another object has the name now becomes `NotFound`."""
        try:
            with self.served(ref.kind):
                yield
        except (Conflict, InvalidInput) as error:  # which of them depends on the server's version
            with after(harmless=error.harmless):
                another = ref.uid and self._is_another(ref)
            if another:
                raise NotFound(
                    f"cannot {verb} {spelling.place(ref)}: another object has that name now"
                ) from error
            raise

    def _is_another(self, ref: ObjectRef) -> bool:
        try:
            self.get(ref)
        except NotFound:
            return True
        return False
