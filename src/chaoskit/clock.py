"""Now and sleep as a port: the wall clock, one that tests turn by hand, one that follows a simulator."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from chaoskit.errors import Interrupted


class Stop(threading.Event):
    """Set when an end is wanted; `signal` is the one that asked for it (2 SIGINT, 15 SIGTERM, 14 SIGALRM).

    `words` say who wanted it, where that is no user.
    """

    signal = 2
    words = ""


def interruption(stop: threading.Event) -> Interrupted:
    """What a stop means to whoever heeds it: the signal that asked for it, SIGINT where none did."""
    known = stop if isinstance(stop, Stop) else Stop
    return Interrupted(known.words, signal=known.signal)


def refuse_when_stopped(stop: threading.Event) -> None:
    """Nobody wants an end; otherwise `Interrupted`."""
    if stop.is_set():
        raise interruption(stop)


class Clock(Protocol):
    """Time as the core sees it. `monotonic` measures spans; it never jumps."""

    def now(self) -> datetime:
        """The present, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; in the same (maybe scaled) seconds as `sleep`."""
        ...

    def sleep(self, seconds: float, stop: threading.Event | None = None) -> bool:
        """Wait so long or until `stop` is set; True when it was stopped."""
        ...

    def real(self, seconds: float) -> float:
        """How many wall seconds `seconds` take: for waits on sockets and queues."""
        ...


class WallClock:
    """The clock on the wall."""

    def now(self) -> datetime:
        """The present, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of `time.monotonic`."""
        return time.monotonic()

    def sleep(self, seconds: float, stop: threading.Event | None = None) -> bool:
        """Wait so long or until `stop` is set; True when it was stopped."""
        return (stop or threading.Event()).wait(max(0.0, seconds))

    def real(self, seconds: float) -> float:
        """The same seconds."""
        return seconds


class ScaledClock:
    """Follows a simulated cluster that runs `rate` times faster than the wall.

    `anchor_wall` and `anchor_simulated` (Unix seconds) are the same moment on both clocks, as the
    simulator publishes them.
    """

    def __init__(
        self,
        *,
        rate: float,
        anchor_wall: float,
        anchor_simulated: float,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.rate = rate
        self._offset = anchor_simulated - anchor_wall * rate
        self._wall = wall

    def now(self) -> datetime:
        """The simulated present, aware, UTC."""
        return datetime.fromtimestamp(self._offset + self._wall() * self.rate, UTC)

    def monotonic(self) -> float:
        """Simulated seconds since some fixed moment."""
        return time.monotonic() * self.rate

    def sleep(self, seconds: float, stop: threading.Event | None = None) -> bool:
        """Wait so many simulated seconds or until `stop` is set; True when it was stopped."""
        return (stop or threading.Event()).wait(max(0.0, seconds) / self.rate)

    def real(self, seconds: float) -> float:
        """Simulated seconds as wall seconds."""
        return seconds / self.rate


class ManualClock:
    """A clock that tests turn by hand; sleeping turns it too, and calls what was asked for on the way."""

    def __init__(self, at: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._at = at
        self._start = at
        self._hooks: list[tuple[datetime, Callable[[], None]]] = []

    def now(self) -> datetime:
        """Where the hands stand."""
        return self._at

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return (self._at - self._start).total_seconds()

    def sleep(self, seconds: float, stop: threading.Event | None = None) -> bool:
        """Turn the clock by so much at once; True (and not turned) when `stop` is set."""
        if stop is not None and stop.is_set():
            return True
        self.turn(seconds)
        return stop is not None and stop.is_set()

    def real(self, seconds: float) -> float:
        """Nothing: by hand, no wall time passes."""
        return 0.0 * seconds

    def turn(self, seconds: float) -> None:
        """The clock stands `seconds` later; what was due on the way has been called, in order."""
        until = self._at + timedelta(seconds=max(0.0, seconds))
        while due := sorted((h for h in self._hooks if h[0] <= until), key=lambda hook: hook[0])[:1]:
            self._hooks.remove(due[0])
            self._at = max(self._at, due[0][0])
            due[0][1]()
        self._at = until

    def call_at(self, seconds: float, action: Callable[[], None]) -> None:
        """`action` is called when the clock passes `seconds` from now."""
        self._hooks.append((self._at + timedelta(seconds=seconds), action))


class Pace:
    """Lets so many in a second, evenly, whichever thread they come from; each call waits for its turn."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._gap = 1 / per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._next = 0.0

    def __call__(self) -> None:
        """It is the caller's turn."""
        with self._lock:
            now = self._clock.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._gap
        if turn > now:
            self._clock.sleep(turn - now)
