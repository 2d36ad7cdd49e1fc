"""Reads that several threads have together: who asks the same at the same moment gets one answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from math import inf
from typing import Any, TypeVar

KEPT = 4096
"""Answers that are remembered at most."""

CROWD = 4
"""So many who have one read together are a crowd: more of them are about to ask."""

LONGEST = 0.3
"""Seconds that more of a crowd are waited for at most: no stop is heard meanwhile."""

T = TypeVar("T")


@dataclass(slots=True)
class _Read:
    """One read: when it began (never, as long as it waits for the one before), for how many, how it ended."""

    began: float = inf
    took: float = 0.0
    askers: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    value: Any = None
    error: Exception | None = None


class Reads:
    """The newest read of each thing; of more than `kept`, the one asked about first is forgotten."""

    def __init__(
        self,
        kept: int = KEPT,
        *,
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._kept = kept
        self._now = now
        self._pause = pause
        self._lock = threading.Lock()
        self._newest: dict[Hashable, _Read] = {}

    def read(self, key: Hashable, fetch: Callable[[], T], age: float, *, share: float = 1.0) -> T:
        """What `fetch` answers; or what it answered somebody else who began `age` seconds ago or later.

        With an age of 0 that is whoever begins after this question. Errors are answers too. Reads for a crowd
        take up this `share` of the time at most (1: all of it), unless they fail or the rest would be long:
        who asks in it has the next together.
        """
        asked = self._now()
        with self._lock:
            before = self._newest.get(key)
            shared = before is not None and before.began >= asked - age
            mine = before if before is not None and shared else _Read()
            mine.askers += 1
            self._newest[key] = mine
            if len(self._newest) > self._kept:
                del self._newest[next(iter(self._newest))]
        if not shared:
            if before is not None:
                before.ended.wait()
                self._rest(before, share)
            self._fetch(mine, fetch)
        mine.ended.wait()
        if mine.error is not None:
            raise mine.error
        found: T = mine.value
        return found

    def known(self, key: Hashable, age: float) -> Any:
        """What a read that began `age` seconds ago or later has answered already; None when none has."""
        with self._lock:
            newest = self._newest.get(key)
        young = newest is not None and newest.began >= self._now() - age
        return newest.value if newest is not None and young and newest.ended.is_set() else None

    def forget(self) -> None:
        """Nobody gets what was asked for before; what is under way is for those alone who wait for it."""
        with self._lock:
            self._newest.clear()

    def _rest(self, read: _Read, share: float) -> None:
        """A crowd whose read went well had time to ask for the next together."""
        over = read.began + read.took + min(read.took * (1 / share - 1), LONGEST) - self._now()
        if over > 0 and read.askers >= CROWD and read.error is None:
            self._pause(over)

    def _fetch(self, read: _Read, fetch: Callable[[], object]) -> None:
        read.began = self._now()
        try:
            read.value = fetch()
        except Exception as error:  # noqa: BLE001 - raised by everybody who waits for it
            read.error = error
        finally:
            read.took = self._now() - read.began
            read.ended.set()
