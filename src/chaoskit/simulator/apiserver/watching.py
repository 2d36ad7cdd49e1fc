"""A watch: what happened since a version and what happens next, as a client's selectors let it see."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from chaoskit.simulator.api import Change
from chaoskit.simulator.apiserver import apierrors
from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.apiserver.store import Changed, Forgotten, Store, Version, dumps
from chaoskit.simulator.objects import Object

_BOOKMARK_LEAD = 2.0
"""Seconds before its end at which a watch gets its last bookmark."""
_BOOKMARK_EVERY = 60.0
_LONGEST_QUEUE = 10_000
"""A client that is further behind is cut off, as a server cuts off a slow watcher."""
_BEAT = 0.5
"""Seconds after which a waiting watch looks whether it is still wanted."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a watch shall see: where, which objects, from when, for how long (seconds)."""

    resource: Resource
    namespace: str | None
    selects: Callable[[Object], bool]
    revision: int | None
    timeout: float
    bookmarks: bool = False
    initial_events: bool = False
    forgotten: bool = False
    """Whether the server is to say that it has forgotten what was since the revision."""


Render = Callable[[Version], bytes]


class Watch:
    """One watch, open from its making on: make it under the engine's lock, read it outside."""

    def __init__(self, store: Store, wanted: Wanted, render: Render) -> None:
        self._store = store
        self._wanted = wanted
        self._render = render
        self._changes: queue.Queue[Changed] = queue.Queue()
        self._first = list(self._backlog())
        self._cancel = store.listen(wanted.resource.key, self._changed)

    def close(self) -> None:
        """No further changes are collected."""
        self._cancel()

    def lines(
        self, stopping: Callable[[], bool], lock: AbstractContextManager[object]
    ) -> Iterator[bytes | None]:
        """Events as lines of JSON until the timeout; None now and then while nothing happens.

        `lock` is the engine's: a bookmark promises that nothing older is still to come.
        """
        ends = time.monotonic() + self._wanted.timeout
        yield from self._first
        if len(self._first) == 1 and self._first[0].startswith(b'{"type":"ERROR"'):
            return
        mark = min(ends - _BOOKMARK_LEAD, time.monotonic() + _BOOKMARK_EVERY)
        mark = mark if self._wanted.timeout > _BOOKMARK_LEAD else ends + 1
        while (now := time.monotonic()) < ends and not stopping():
            if self._changes.qsize() > _LONGEST_QUEUE:
                return
            if now >= mark and self._wanted.bookmarks:
                with lock:
                    line = self._bookmark() if self._changes.empty() else None
                if line:
                    yield line
                    mark = now + _BOOKMARK_EVERY
            try:
                change = self._changes.get(timeout=min(_BEAT, ends - now))
            except queue.Empty:
                yield None
            else:
                yield from self._event(change)

    def _changed(self, change: Changed) -> None:
        namespace = self._wanted.namespace
        if namespace is None or change.version.namespace == namespace:
            self._changes.put(change)

    def _backlog(self) -> Iterator[bytes]:
        wanted = self._wanted
        key = wanted.resource.key
        if wanted.revision is None:
            for version in self._store.list(key, wanted.namespace):
                if wanted.selects(version.object):
                    yield self._line("ADDED", version)
            if wanted.initial_events:
                yield self._bookmark(initial=True)
            return
        try:
            changes = self._since(wanted.revision)
        except Forgotten:
            oldest = self._store.horizon(key)
            gone = apierrors.expired(f"too old resource version: {wanted.revision} ({oldest})")
            yield _event_line("ERROR", dumps(apierrors.status_of(gone)))
            return
        for change in changes:
            if wanted.namespace is None or change.version.namespace == wanted.namespace:
                yield from self._event(change)

    def _since(self, revision: int) -> Sequence[Changed]:
        if self._wanted.forgotten:
            raise Forgotten
        return self._store.since(self._wanted.resource.key, revision)

    def _event(self, change: Changed) -> Iterator[bytes]:
        if self._wanted.revision is not None and change.revision <= self._wanted.revision:
            return
        selects = self._wanted.selects
        was = change.before is not None and selects(change.before.object)
        now = change.type != "DELETED" and selects(change.version.object)
        if now:
            yield self._line("MODIFIED" if was else "ADDED", change.version)
        elif was:
            yield self._line("DELETED", change.version)

    def _line(self, kind: Change, version: Version) -> bytes:
        return _event_line(kind, self._render(version))

    def _bookmark(self, *, initial: bool = False) -> bytes:
        resource = self._wanted.resource
        metadata: Object = {"resourceVersion": str(self._store.revision)}
        if initial:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        mark = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        return _event_line("BOOKMARK", dumps(mark))


def _event_line(kind: str, obj: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + obj + b"}\n"
