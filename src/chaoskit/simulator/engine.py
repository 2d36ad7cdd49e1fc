"""Simulated time, and the work that falls due in it: one thread does all of it, in order.

Actors (controllers, kubelet, Litmus, the shop) never sleep and never start threads. They ask the engine
to be called later, or hand it a generator that yields how many simulated seconds to wait. So the same
actor runs at real pace, sixty times faster, or as fast as the machine goes (history), and two runs from
one seed do the same things in the same order.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import random
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime

Work = Callable[[], None]
Script = Generator[float, None, None]
"""What an actor does over time: each ``yield`` is a number of simulated seconds to wait."""

_LONGEST_TURN = 0.02
_OTHERS_TURN = 0.001
"""Wall seconds: an engine that is behind its time works so long, then lets waiting requests at the lock."""


@dataclass(slots=True)
class Due:
    """Work that falls due at `at` (simulated Unix seconds); `cancel` takes it back."""

    at: float
    order: int
    work: Work | None

    def cancel(self) -> None:
        """The work is never done, if it has not begun."""
        self.work = None


class Task:
    """A script under way; `cancel` ends it at its present wait and runs its ``finally`` blocks."""

    def __init__(self, engine: Engine, script: Script) -> None:
        self._engine = engine
        self._script = script
        self._stepping = False
        self._due: Due | None = engine.call_later(0, self._advance)

    @property
    def done(self) -> bool:
        """True once the script has ended, failed or was cancelled."""
        return self._due is None

    def cancel(self) -> None:
        """The script is closed where it waits; one that asks so itself, at its next wait."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
            if not self._stepping:
                self._script.close()

    def _advance(self) -> None:
        self._stepping = True
        try:
            wait = next(self._script)
        except StopIteration:
            self._due = None
            return
        except BaseException:
            self._due = None
            raise
        finally:
            self._stepping = False
        if self._due is None:
            self._script.close()
        else:
            self._due = self._engine.call_later(wait, self._advance)


class Engine:
    """The clock and the queue of one simulated cluster.

    `lock` guards everything that actors and API requests share. The engine holds it while it works;
    whoever else touches the store (an HTTP handler) takes it, and gets it also from an engine that is late.
    """

    def __init__(self, *, start: datetime, seed: int = 7, rate: float = 1.0) -> None:
        self.lock = threading.RLock()
        self.random = random.Random(seed)
        self.seed = seed
        self.rate = rate
        self._now = start.timestamp()
        self._anchor: tuple[float, float] | None = None
        self._queue: list[tuple[float, int, Due]] = []
        self._order = itertools.count()
        self._changed = threading.Condition(self.lock)
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._working = False
        self.failures: list[Exception] = []

    def now(self) -> float:
        """Simulated Unix time in seconds; during a piece of work, the time at which it was due."""
        with self.lock:
            return self._now if self._working else self._flowing()

    def datetime(self) -> datetime:
        """The simulated time as an aware UTC datetime."""
        return datetime.fromtimestamp(self.now(), UTC)

    def call_at(self, at: float, work: Work) -> Due:
        """`work` is called once simulated time reaches `at` (seconds since the epoch)."""
        with self.lock:
            due = Due(at, next(self._order), work)
            heapq.heappush(self._queue, (at, due.order, due))
            self._changed.notify_all()
            return due

    def call_later(self, seconds: float, work: Work) -> Due:
        """`work` is called after so many simulated seconds; 0 means next, after what is due already."""
        return self.call_at(self.now() + seconds, work)

    def spawn(self, script: Script) -> Task:
        """`script` is under way; its first step is done next."""
        return Task(self, script)

    def run_until(self, at: float) -> None:
        """Everything due up to `at` is done, as fast as it goes; then it is `at`. Not while live."""
        with self.lock:
            while self._queue and self._queue[0][0] <= at:
                self._do(heapq.heappop(self._queue)[-1])
            self._now = max(self._now, at)

    def run_for(self, seconds: float) -> None:
        """`run_until` so many simulated seconds from now."""
        self.run_until(self.now() + seconds)

    def start(self) -> None:
        """Time flows, `rate` times as fast as on the wall, and a thread does what falls due."""
        with self.lock:
            self._anchor = (time.monotonic(), self._now)
            self._stopping = False
        self._thread = threading.Thread(target=self._live, name="simulator-engine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Time stands still and the thread has ended."""
        with self.lock:
            self._now = self._flowing()
            self._anchor = None
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._thread = None

    def pace(self, rate: float) -> None:
        """Time flows `rate` times as fast as on the wall from this moment."""
        with self.lock:
            self._now = self._flowing()
            if self._anchor is not None:
                self._anchor = (time.monotonic(), self._now)
            self.rate = rate
            self._changed.notify_all()

    def _flowing(self) -> float:
        if self._anchor is None:
            return self._now
        wall, base = self._anchor
        return max(self._now, base + (time.monotonic() - wall) * self.rate)

    def _live(self) -> None:
        with self.lock:
            taken = time.monotonic()
            while not self._stopping:
                now = self._flowing()
                due = bool(self._queue) and self._queue[0][0] <= now
                if due and time.monotonic() - taken < _LONGEST_TURN:
                    self._do(heapq.heappop(self._queue)[-1])
                    continue
                wait = (self._queue[0][0] - now) / self.rate if self._queue else None
                self._changed.wait(_OTHERS_TURN if due else wait)
                taken = time.monotonic()

    def _do(self, due: Due) -> None:
        """One piece of work, at the time it was due; a failing one is kept, and time goes on."""
        self._now = max(self._now, due.at)
        if due.work is None:
            return
        self._working = True
        try:
            due.work()
        except Exception as error:
            if self._anchor is None:
                raise
            self.failures.append(error)
            logging.getLogger(__name__).exception("an actor failed at %s", self.datetime())
        finally:
            self._working = False
