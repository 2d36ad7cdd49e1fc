"""One watch for everybody who follows the same things, and one look-out for all such watches."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Hashable, Iterator

from chaoskit.ports.cluster import Change, Object

LOOK_EVERY = 0.1
"""Seconds (of the wall) within which a set `stop` ends a watch in which nothing happens."""

Follow = Callable[[threading.Event], Iterator[Change]]
"""A watch of its own, until the event is set."""


class Watches:
    """The watches that are under way, each with all who follow it; one thread looks for those who leave.

    What has ended is forgotten, and the thread ends with the last watch.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hubs: dict[Hashable, Hub] = {}
        self._looking = False

    def changes(self, key: Hashable, follow: Follow, stop: threading.Event) -> Iterator[Change]:
        """What is known of these things, then what comes, until `stop`; raises what ended the watch."""
        yield from self._joined(key, follow).changes(stop)

    def _joined(self, key: Hashable, follow: Follow) -> Hub:
        with self._lock:
            hub = self._hubs.get(key)
            if hub is None or not hub.join():
                hub = self._hubs[key] = Hub(follow)
            if not self._looking:
                self._looking = True
                threading.Thread(target=self._look, daemon=True).start()
            return hub

    def _look(self) -> None:
        """Who waits for a change cannot look at its `stop`: one thread looks at all of them."""
        while hubs := self._alive():
            for hub in hubs:
                hub.look()
            time.sleep(LOOK_EVERY)

    def _alive(self) -> list[Hub]:
        with self._lock:
            self._hubs = {key: hub for key, hub in self._hubs.items() if not hub.ended}
            self._looking = bool(self._hubs)
            return list(self._hubs.values())


class Hub:
    """One watch and everybody who follows it; it ends with the last of them."""

    def __init__(self, follow: Follow) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Object] = {}
        self._synced = False
        self._error: Exception | None = None
        self._over = threading.Event()
        self._expected = 1
        self._followers: list[tuple[threading.Event, queue.Queue[Change | None]]] = []
        threading.Thread(target=self._run, args=(follow,), daemon=True).start()

    @property
    def ended(self) -> bool:
        """Whether nobody follows it any more, or it failed: then it tells nothing new."""
        return self._over.is_set() or self._error is not None

    def join(self) -> bool:
        """Whether one more may follow; not once it has ended."""
        with self._lock:
            if self.ended:
                return False
            self._expected += 1
            return True

    def changes(self, stop: threading.Event) -> Iterator[Change]:
        """What is known, then what comes, until `stop`; raises what ended the watch."""
        mine: queue.Queue[Change | None] = queue.Queue()
        with self._lock:
            start = [Change("ADDED", body) for body in self._known.values()]
            start += [Change("SYNCED", {})] if self._synced else []
            self._followers.append((stop, mine))
        try:
            yield from start
            while not stop.is_set():
                if self._error is not None:
                    raise self._error
                if (change := mine.get()) is not None:
                    yield change
        finally:
            self._leave(stop, mine)

    def _leave(self, stop: threading.Event, mine: queue.Queue[Change | None]) -> None:
        with self._lock:
            self._followers.remove((stop, mine))
            self._expected -= 1
            if not self._expected:
                self._over.set()

    def look(self) -> None:
        """Whoever waits and was told to stop has left, or is about to."""
        with self._lock:
            for stop, mine in self._followers:
                if stop.is_set():
                    mine.put(None)

    def _run(self, follow: Follow) -> None:
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
            for _, mine in self._followers:
                mine.put(change)

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
