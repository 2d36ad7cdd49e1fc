"""Keys that want work: each of them once, never twice at a time, later after a failure.

As client-go's work queue: whoever adds a key says that its level may have changed, not what changed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from math import inf
from typing import Generic, TypeVar

from chaoskit.clock import Clock

BASE = 5.0
"""Seconds until a key that failed comes again; twice as many each time."""

MOST = 300.0
"""Seconds that it waits at most."""

Key = TypeVar("Key", bound=Hashable)


class WorkQueue(Generic[Key]):
    """For one thread that takes, and any that add, finish or fail."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[Key, float] = {}
        self._taken: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._lock = threading.RLock()  # who fits may be asked of the queue itself

    def add(self, key: Key, *, after: float = 0.0) -> None:
        """The key is due in so many seconds, or sooner if it was already; while worked on, when that ends."""
        with self._lock:
            at = self._clock.monotonic() + after
            self._due[key] = min(at, self._due.get(key, inf))

    def take(self, fits: Callable[[Key], bool] = lambda _key: True) -> Key | None:
        """The key that has been due longest and `fits`, worked on until `done` or `failed`; None: none is."""
        with self._lock:
            key = min(filter(fits, self.ready), key=self._due.__getitem__, default=None)
            if key is None:
                return None
            del self._due[key]
            self._taken.add(key)
            return key

    def done(self, key: Key, *, again: float | None = None) -> None:
        """The work on the key succeeded; with `again` it comes back in so many seconds."""
        with self._lock:
            self._taken.discard(key)
            self._failures.pop(key, None)
        if again is not None:
            self.add(key, after=again)

    def failed(self, key: Key, *, least: float = 0.0) -> float:
        """The work on the key failed; it comes back in the seconds that are answered, `least` or more."""
        with self._lock:
            self._taken.discard(key)
            times = self._failures[key] = self._failures.get(key, 0) + 1
        wait = max(least, min(MOST, BASE * 2.0 ** min(times - 1, 16)))
        self.add(key, after=wait)
        return wait

    def holds(self, key: Key) -> bool:
        """Whether the key is worked on now, or will be."""
        with self._lock:
            return key in self._taken or key in self._due

    @property
    def taken(self) -> frozenset[Key]:
        """The keys that are worked on now."""
        with self._lock:
            return frozenset(self._taken)

    @property
    def ready(self) -> tuple[Key, ...]:
        """The keys that are due, and not worked on."""
        with self._lock:
            now = self._clock.monotonic()
            return tuple(key for key, at in self._due.items() if at <= now and key not in self._taken)

    def wait(self, fits: Callable[[Key], bool] = lambda _key: True) -> float:
        """Seconds until the next key that `fits` is due; infinite when none is."""
        with self._lock:
            due = [at for key, at in self._due.items() if key not in self._taken and fits(key)]
        return max(0.0, min(due, default=inf) - self._clock.monotonic())

    @property
    def depth(self) -> int:
        """How many keys are due or worked on."""
        with self._lock:
            now = self._clock.monotonic()
            return len(self._taken) + sum(at <= now for at in self._due.values())
