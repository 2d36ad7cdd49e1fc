"""A watch that misses nothing: list, follow from there, resume after cuts, list again when told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

from chaoskit.adapters.kubernetes import errors
from chaoskit.adapters.kubernetes.retry import Policy
from chaoskit.clock import Clock
from chaoskit.errors import NotFound, Unavailable
from chaoskit.ports.cluster import Change, Listing, Object

SYNCED = Change("SYNCED", {})
LOST = Change("LOST", {})

ABSENT_AGAIN = 5.0
"""Seconds after which a kind that the server lacks is looked for again."""

GIVE_UP_VERSION = 5
"""Failures in a row after which the version itself is suspected, and everything listed anew."""


class Source(Protocol):
    """Where a watch gets its objects: two requests, each made once."""

    def list(self) -> Listing:
        """What is there now; its version is "" when the server lacks the kind."""
        ...

    def follow(self, version: str) -> AbstractContextManager[Iterator[bytes]]:
        """Inside, the lines of a watch from `version`; connected once entered."""
        ...


class Waiting(Protocol):
    """What times a watch: it is the transport."""

    clock: Clock
    policy: Policy

    @property
    def closed(self) -> bool:
        """Whether nothing can be asked any more."""
        ...


class Known:
    """What a watch has told of so far, and the changes that bring it up to date."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str], Object] = {}

    def replace(self, present: Iterable[Object]) -> Iterator[Change]:
        """Now `present` is what is there: what vanished, what is new, what is different."""
        now = {_key(each): each for each in present}
        for key in self._objects.keys() - now.keys():
            yield Change("DELETED", self._objects.pop(key))
        for each in now.values():
            yield from self.seen(each)

    def seen(self, body: Object) -> Iterator[Change]:
        """The object is there like this; nothing when that was known, two changes when it is another one."""
        before = self._objects.get(_key(body))
        self._objects[_key(body)] = body
        if before is None:
            yield Change("ADDED", body)
        elif _meta(before, "uid") != _meta(body, "uid"):
            yield Change("DELETED", before)
            yield Change("ADDED", body)
        elif _meta(before, "resourceVersion") != _meta(body, "resourceVersion"):
            yield Change("MODIFIED", body)

    def gone(self, body: Object) -> Iterator[Change]:
        """The object is not there any more."""
        if self._objects.pop(_key(body), None) is not None:
            yield Change("DELETED", body)


class Follower:
    """One watch: its place in the history, and what it has told of."""

    def __init__(self, source: Source, waiting: Waiting, stop: threading.Event) -> None:
        self._source = source
        self._waiting = waiting
        self._stop = stop
        self._known = Known()
        self._version = ""  # "": list first
        self._synced = False
        self._lost = False
        self._failures = 0
        self._refused = False

    def changes(self) -> Iterator[Change]:
        """All changes until `stop`, or until connections are closed.

        Raises:
            Unavailable: even the first list failed; later ones are tried until they succeed.
            Forbidden: the caller may not list or watch (any more).
            InvalidInput: a selector is wrong.
        """
        while not self._ended():
            try:
                yield from self._step()
            except (errors.Expired, NotFound):
                self._version = ""
                if self._refused:  # it sheds history as it is overloaded, and each list is work, too
                    self._wait()
                self._refused = True
            except Unavailable:
                if self._ended():
                    return
                if not self._synced:
                    raise
                yield from self._cut()
                self._wait()

    def _ended(self) -> bool:
        return self._stop.is_set() or self._waiting.closed

    def _step(self) -> Iterator[Change]:
        if not self._version:
            yield from self._list()
        if self._version:
            yield from self._follow()

    def _list(self) -> Iterator[Change]:
        listing = self._source.list()
        yield from self._known.replace(listing.items)
        self._version = listing.resource_version
        if self._version or self._lost or not self._synced:
            yield from self._there()
        if not self._version:
            self._waiting.clock.sleep(ABSENT_AGAIN, self._stop)

    def _follow(self) -> Iterator[Change]:
        told = False
        with self._source.follow(self._version) as lines:
            if self._lost:
                yield from self._there()
            for line in lines:
                yield from self._apply(_parse(line))
                self._failures, self._refused, told = 0, False, True
        if not told:  # a server that ends each watch at once must not be asked in a tight loop
            self._wait()

    def _apply(self, event: dict[str, Any]) -> Iterator[Change]:
        body = event["object"]
        if event["type"] == "ERROR":
            raise _refused(body)
        self._version = _meta(body, "resourceVersion")
        if event["type"] in {"ADDED", "MODIFIED"}:
            yield from self._known.seen(body)
        elif event["type"] == "DELETED":
            yield from self._known.gone(body)

    def _there(self) -> Iterator[Change]:
        self._synced = True
        self._lost = False
        yield SYNCED

    def _cut(self) -> Iterator[Change]:
        if not (self._lost or self._ended()):
            self._lost = True
            yield LOST

    def _wait(self) -> None:
        self._failures += 1
        if self._failures % GIVE_UP_VERSION == 0:
            self._version = ""
        self._waiting.clock.sleep(self._waiting.policy.wait(self._failures), self._stop)


def _parse(line: bytes) -> dict[str, Any]:
    try:
        event: dict[str, Any] = json.loads(line)
    except ValueError as error:  # the connection was cut within it
        raise Unavailable("a watch was cut within a line", service=errors.SERVICE) from error
    return event


def _refused(status: Object) -> Exception:
    body = json.dumps(status).encode()
    return errors.translate(errors.read_failure("watch", "the server", int(status.get("code") or 500), body))


def _key(body: Object) -> tuple[str, str]:
    meta = body["metadata"]
    return meta.get("namespace", ""), meta["name"]


def _meta(body: Object, field: str) -> str:
    return str(body["metadata"].get(field, ""))
