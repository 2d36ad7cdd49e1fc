"""A cluster in a dictionary whose watches tell of what is written, and whose clock is turned by hand."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from tests.acts.fake import FakeCluster
from tests.recovery import made
from tests.recovery.made import NOW

from chaoskit import kube
from chaoskit.clock import ManualClock
from chaoskit.errors import Unavailable
from chaoskit.ports.cluster import Change, Kind, Listing, Object, ObjectRef

LOST, SYNCED = Change("LOST", {}), Change("SYNCED", {})


class Jumping(ManualClock):
    """A clock whose `now` somebody sets, while spans are measured as before."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


class Watched(FakeCluster):
    """Whatever changes is heard by whoever watches it before the clock goes on; `away` answers nobody.

    An evicted or deleted pod is gone at once; nobody makes another one but the test. `before_watch` is called
    in the thread of the watch.
    """

    def __init__(self, *objects: Object) -> None:
        self.clock = Jumping()
        self.away = False
        self.after_patch: Callable[[ObjectRef], None] = lambda _ref: None
        self.before_watch: Callable[[Kind], None] = lambda _kind: None
        self._watches: list[tuple[Kind, str, str, queue.Queue[Change]]] = []
        super().__init__(*map(_whole, objects))
        self.evicting = self.gone

    def watch(
        self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "", stop: threading.Event
    ) -> Iterator[Change]:
        self.before_watch(kind)
        mine: queue.Queue[Change] = queue.Queue()
        watch = (kind, labels, fields, mine)
        self._watches.append(watch)
        try:
            there = self.list(kind, namespace, labels=labels, fields=fields).items
            yield from (Change("ADDED", body) for body in there)
            yield SYNCED
            while not stop.is_set():
                with suppress(queue.Empty):
                    yield mine.get(timeout=0.01)
                    mine.task_done()
        finally:
            self._watches.remove(watch)

    def say(self, kind: Kind, *changes: Change) -> None:
        """Those who watch the kind have heard it."""
        for change in changes:
            for watch in [each for each in self._watches if each[0] == kind and _concerns(each, change)]:
                watch[3].put(change)
                while watch[3].unfinished_tasks and watch in self._watches:
                    time.sleep(0.001)

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        """It happens so many seconds after the beginning."""
        self.clock.call_at(seconds - self.clock.monotonic(), act)

    def puts(self, body: Object) -> None:
        """The object is as given, whoever had it before."""
        body = _whole(body)
        ref = kube.ref_of(body)
        known = (ref.kind, ref.namespace, ref.name) in self.objects
        self.store("put", ref, body)
        self.say(ref.kind, Change("MODIFIED" if known else "ADDED", body))

    def goes(self, seconds: float) -> None:
        """Nobody gets an answer from now on for so long."""
        self._go(away=True)
        self.clock.call_at(seconds, partial(self._go, away=False))

    def goes_before_a_watch(self, seconds: float) -> None:
        """Nobody gets an answer for so long from when something is watched next: that cannot begin."""
        left = [seconds]

        def go(_kind: Kind) -> None:
            if left:
                self.goes(left.pop())

        self.before_watch = go

    def _go(self, *, away: bool) -> None:
        self.away = away
        for kind in {each[0] for each in self._watches}:
            self.say(kind, LOST if away else SYNCED)

    # ------------------------------------------------------------------ as clients see it

    def get(self, ref: ObjectRef) -> Object:
        self._answer()
        return super().get(ref)

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        self._answer()
        return super().list(kind, namespace, labels=labels, fields=fields)

    def create(self, body: Object, *, dry_run: bool = False) -> Object:
        self._answer()
        return self._told("ADDED", super().create(body, dry_run=dry_run))

    def patch(self, ref: ObjectRef, patch: Any, *, dry_run: bool = False, **options: Any) -> Object:
        self._answer()
        before = dict(self.objects), list(self.wrote)
        stored = super().patch(ref, patch, **options)
        if dry_run:
            self.objects, self.wrote = before
            return stored
        self._told("MODIFIED", stored)
        self.after_patch(ref)
        return stored

    def delete(self, ref: ObjectRef, **options: Any) -> None:
        self._answer()
        self.before_delete(ref, options)
        self.wrote.append(f"delete {ref}")
        self.gone(ref)

    def evict(self, ref: ObjectRef, **options: Any) -> None:
        self._answer()
        super().evict(ref, **options)

    def gone(self, ref: ObjectRef) -> None:
        body = self.objects.pop((ref.kind, ref.namespace, ref.name), None)
        if body is not None:
            self.say(ref.kind, Change("DELETED", body))

    def _told(self, how: Any, body: Object) -> Object:
        self.say(kube.kind_of(body), Change(how, body))
        return body

    def _answer(self) -> None:
        if self.away:
            raise Unavailable("the server does not answer", service="kubernetes")


def _concerns(watch: tuple[Kind, str, str, Any], change: Change) -> bool:
    _, labels, fields, _ = watch
    if not change.object:
        return True
    wanted = [pair.split("=") for pair in labels.split(",") if pair]
    mine = kube.labels_of(change.object)
    name = fields.removeprefix("metadata.name=")
    return name in {"", change.object["metadata"]["name"]} and all(mine.get(k) == v for k, v in wanted)


def _whole(body: Object) -> Object:
    """The object with its kind, which items of lists lack: made pods and replica sets do."""
    if "kind" in body:
        return body
    kind, version = ("Pod", "v1") if "containers" in body["spec"] else ("ReplicaSet", "apps/v1")
    return {"apiVersion": version, "kind": kind, **body}


def cart(*pods: str, **more: Any) -> Watched:
    """A deployment whose pods all serve."""
    return Watched(made.deployment("cart", replicas=len(pods), **more), *(made.pod(name) for name in pods))
