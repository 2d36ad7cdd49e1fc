"""Several watches as one stream: who waits for a cluster waits for all of it, with a time limit."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from chaoskit.clock import Clock
from chaoskit.ports.cluster import Change, Cluster, Kind


@dataclass(frozen=True, slots=True)
class Interest:
    """What to watch: a kind, where, and which of them."""

    kind: Kind
    namespace: str = ""
    labels: str = ""
    fields: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A change, and the interest that it came in for."""

    interest: Interest
    change: Change


class Watching:
    """A context in which every interest is watched; one thread each, ended and joined on the way out.

    With `linger` they are told to end, and nobody waits until they have.
    """

    def __init__(
        self, cluster: Cluster, interests: Iterable[Interest], clock: Clock, *, linger: bool = False
    ) -> None:
        self._cluster = cluster
        self._clock = clock
        self._linger = linger
        # no SimpleQueue: its `get` never ends when the time is over before the wait begins (CPython 3.11)
        self._queue: queue.Queue[Sighting | Exception] = queue.Queue()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._follow, args=(each,), daemon=True) for each in interests
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        ends = time.monotonic() + 5
        for thread in () if self._linger else self._threads:
            thread.join(max(0.0, ends - time.monotonic()))

    def next(self, seconds: float) -> Sighting | None:
        """The next change, or None when `seconds` (of the clock) pass without one.

        Raises:
            Exception: why a watch ended for good.
        """
        try:
            found = self._queue.get(timeout=max(0.001, self._clock.real(seconds)))
        except queue.Empty:
            if not self._clock.real(1.0):
                self._clock.sleep(seconds)  # a clock turned by hand moves only so
            return None
        if isinstance(found, Exception):
            raise found
        return found

    def _follow(self, interest: Interest) -> None:
        try:
            for change in self._cluster.watch(
                interest.kind,
                interest.namespace,
                labels=interest.labels,
                fields=interest.fields,
                stop=self._stop,
            ):
                self._queue.put(Sighting(interest, change))
        except Exception as error:  # noqa: BLE001 - raised by `next`: a watch never ends in silence
            self._queue.put(error)
