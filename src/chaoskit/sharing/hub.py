"""One watch for everybody who follows the same things."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

from chaoskit.ports.cluster import Change, Object

LOOK_EVERY = 0.1
"""Seconds (of the wall) within which a set `stop` ends a watch in which nothing happens."""


class Hub:
    """One watch and everybody who follows it; it ends with the last of them."""

    def __init__(self, follow: Callable[[threading.Event], Iterator[Change]]) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Object] = {}
        self._synced = False
        self._error: Exception | None = None
        self._over = threading.Event()
        self._expected = 1
        self._followers: list[tuple[threading.Event, queue.Queue[Change | None]]] = []
        threading.Thread(target=self._run, args=(follow,), daemon=True).start()
        threading.Thread(target=self._look, daemon=True).start()

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

    def _look(self) -> None:
        """Who waits for a change cannot look at its `stop`: one thread looks at all of them."""
        while not self._over.wait(LOOK_EVERY):
            with self._lock:
                for stop, mine in self._followers:
                    if stop.is_set():
                        mine.put(None)

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
