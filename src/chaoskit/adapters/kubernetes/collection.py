"""All objects of one kind, in one namespace or everywhere, that match selectors: listed, or followed."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from chaoskit.adapters.kubernetes import errors
from chaoskit.adapters.kubernetes.discovery import Discovery, Resource
from chaoskit.adapters.kubernetes.transport import Request, Transport
from chaoskit.errors import NotFound
from chaoskit.ports.cluster import Kind, Listing

PAGE = 500
WATCH_SECONDS = 290
"""How long the server is asked to keep one watch connection; the watch goes on over a new one."""
SILENCE = WATCH_SECONDS + 30
"""Seconds without a line after which a watch connection that should have ended counts as dead."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A kind, a namespace ("" is all) and selectors, on one server; `stop` ends waits and streams."""

    transport: Transport
    discovery: Discovery
    kind: Kind
    namespace: str
    labels: str
    fields: str
    stop: threading.Event

    def list(self) -> Listing:
        """What is there, each with ``apiVersion`` and ``kind``; version "" when the server lacks the kind."""
        resource = self.discovery.of(self.kind)
        if resource is None:
            return Listing((), "")
        try:
            with self.discovery.served(self.kind.group, self.kind.name):
                pages = self._pages(self._request("list", resource))
        except NotFound:  # never for the namespace's sake: the kind itself was removed
            return Listing((), "")
        named = {"apiVersion": resource.api_version, "kind": resource.kind}
        items = tuple({**named, **item} for page in pages for item in page.get("items") or ())
        return Listing(items, pages[-1]["metadata"]["resourceVersion"])

    @contextmanager
    def follow(self, version: str) -> Iterator[Iterator[bytes]]:
        """Inside, the lines of a watch from `version`; connected once entered."""
        resource = self.discovery.of(self.kind)
        if resource is None:
            raise NotFound(f"the server has no {self.kind.plural}")
        request = self._request(
            "watch", resource,
            ("watch", "true"), ("resourceVersion", version),
            ("allowWatchBookmarks", "true"), ("timeoutSeconds", str(WATCH_SECONDS)),
        )  # fmt: skip
        with (
            self.discovery.served(self.kind.group, self.kind.name),
            self.transport.stream(request, self.stop, SILENCE) as lines,
        ):
            yield lines

    def _request(self, verb: str, resource: Resource, *query: tuple[str, str]) -> Request:
        selectors = (("labelSelector", self.labels), ("fieldSelector", self.fields))
        where = f" in {self.namespace}" if self.namespace else ""
        return Request(
            attempted=f"{verb} {self.kind.plural}{where}",
            method="GET",
            path=resource.path(self.namespace),
            query=(*(each for each in selectors if each[1]), *query),
        )

    def _pages(self, request: Request) -> Sequence[dict[str, Any]]:
        try:
            return tuple(self._in_pages(request))
        except errors.Expired:  # the version of the first page was forgotten meanwhile
            return (self.transport.json(request, self.stop),)

    def _in_pages(self, request: Request) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            more = (("continue", token),) if token else ()
            paging = (*request.query, ("limit", str(PAGE)), *more)
            page = self.transport.json(replace(request, query=paging), self.stop)
            yield page
            token = page["metadata"].get("continue") or ""
            if not token:
                return
