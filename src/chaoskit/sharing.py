"""One cluster for many runs of a process: what several ask at the same moment is asked once.

A read is shared with whoever asks while it is under way, and lists for a moment after it; watches of the same
things are one watch. Writes, and reads of one very object (by uid), go straight through.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, TypeVar

from chaoskit import kube
from chaoskit.clock import Clock
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

LISTS = 1.0
"""Seconds of the cluster for which a list is as good as new.

Leases are always read anew, runs are kept apart by them.
"""

RIGHTS = 10.0
"""Seconds for which an answer about rights is."""

_IDLE = 1.0

T = TypeVar("T")


class SharedCluster:
    """A `Cluster` over another one, for any number of threads that ask the same."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._lists, self._rights = clock.real(LISTS), clock.real(RIGHTS)
        self._reads = _Reads()
        self._lock = threading.Lock()
        self._hubs: dict[Hashable, _Hub] = {}

    @property
    def name(self) -> str:
        """The context's name."""
        return self._cluster.name

    def get(self, ref: ObjectRef) -> Object:
        """The object, no older than the question."""
        if ref.uid:
            return self._cluster.get(ref)
        return self._reads.read(("get", ref), lambda: self._cluster.get(ref), 0.0)

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        """All that match, at most a moment old."""

        def fetch() -> Listing:
            return self._cluster.list(kind, namespace, labels=labels, fields=fields)

        age = 0.0 if kind == kube.LEASE else self._lists
        return self._reads.read(("list", kind, namespace, labels, fields), fetch, age)

    def can_i(self, access: Access, *, user: str = "") -> Permission:
        """Whether the caller, or `user`, may."""

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
                hub = self._hubs[key] = _Hub(follow)
        yield from hub.changes(stop)

    def shared(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` makes of lists, or made of them a moment ago."""
        return self._reads.read(("made", key), make, self._lists)

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


@dataclass(slots=True)
class _Read:
    """One read: when it began (never, as long as it waits for the one before), and how it ended."""

    began: float = inf
    ended: threading.Event = field(default_factory=threading.Event)
    value: Any = None
    error: Exception | None = None


class _Reads:
    """The newest read of each thing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: dict[Hashable, _Read] = {}

    def read(self, key: Hashable, fetch: Callable[[], T], age: float) -> T:
        """What `fetch` answers; or what it answered somebody else who began `age` seconds ago or later.

        With an age of 0 that is whoever begins after this question. Errors are answers too.
        """
        asked = time.monotonic()
        with self._lock:
            before = self._newest.get(key)
            shared = before is not None and before.began >= asked - age
            mine = before if before is not None and shared else _Read()
            self._newest[key] = mine
        if not shared:
            if before is not None:
                before.ended.wait()
            _fetch(mine, fetch)
        mine.ended.wait()
        if mine.error is not None:
            raise mine.error
        found: T = mine.value
        return found


def _fetch(read: _Read, fetch: Callable[[], object]) -> None:
    read.began = time.monotonic()
    try:
        read.value = fetch()
    except Exception as error:  # noqa: BLE001 - raised by everybody who waits for it
        read.error = error
    finally:
        read.ended.set()


class _Hub:
    """One watch and everybody who follows it; it ends with the last of them."""

    def __init__(self, follow: Callable[[threading.Event], Iterator[Change]]) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Object] = {}
        self._synced = False
        self._error: Exception | None = None
        self._over = threading.Event()
        self._expected = 1
        self._followers: list[queue.Queue[Change | None]] = []
        threading.Thread(target=self._run, args=(follow,), daemon=True).start()

    def join(self) -> bool:
        """Whether one more may follow; not once it has ended."""
        with self._lock:
            if self._over.is_set() or self._error is not None:
                return False
            self._expected += 1
            return True

    def changes(self, stop: threading.Event) -> Iterator[Change]:
        """What is known, then what comes, until `stop`; raises what ended the watch."""
        mine: queue.Queue[Change | None] = queue.Queue()
        with self._lock:
            start = [Change("ADDED", body) for body in self._known.values()]
            start += [Change("SYNCED", {})] if self._synced else []
            self._followers.append(mine)
        try:
            yield from start
            while not stop.is_set():
                if self._error is not None:
                    raise self._error
                try:
                    change = mine.get(timeout=_IDLE)
                except queue.Empty:
                    continue
                if change is not None:
                    yield change
        finally:
            self._leave(mine)

    def _leave(self, mine: queue.Queue[Change | None]) -> None:
        with self._lock:
            self._followers.remove(mine)
            self._expected -= 1
            if not self._expected:
                self._over.set()

    def _run(self, follow: Callable[[threading.Event], Iterator[Change]]) -> None:
        try:
            for change in follow(self._over):
                self._tell(change)
        except Exception as error:  # noqa: BLE001 - raised by whoever follows: a watch never ends in silence
            self._error = error
            self._tell(None)

    def _tell(self, change: Change | None) -> None:
        with self._lock:
            if change is not None:
                self._remember(change)
            for each in self._followers:
                each.put(change)

    def _remember(self, change: Change) -> None:
        if change.type == "SYNCED":
            self._synced = True
        elif change.type == "LOST":
            self._synced = False
        else:
            uid = change.object["metadata"]["uid"]
            if change.type == "DELETED":
                self._known.pop(uid, None)
            else:
                self._known[uid] = change.object
