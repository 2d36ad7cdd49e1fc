"""A server that does not answer: how long it is waited for, before an act and for its undo."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from chaoskit.clock import Clock, interruption
from chaoskit.errors import Unavailable

T = TypeVar("T")

OUTAGE = 60.0
"""Seconds for which such a server is waited for."""

PAUSE = 2.0
"""Seconds between two tries on it."""


class Deadline:
    """Until when something may take: `seconds` from now.

    It is put off by as long as the server does not answer meanwhile, a minute at most in all.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.seconds = seconds
        self._clock = clock
        self._at = clock.monotonic() + seconds
        self._grace = OUTAGE

    @property
    def left(self) -> float:
        """Seconds that are left; 0 when it is over."""
        return max(0.0, self._at - self._clock.monotonic())

    def put_off(self, seconds: float) -> None:
        """Nobody answered for so long: that counts for nobody."""
        more = min(seconds, self._grace)
        self._grace -= more
        self._at += more


def patiently(
    ask: Callable[[], T],
    clock: Clock,
    stop: threading.Event,
    *,
    note: Callable[[str], None] = lambda _words: None,
    keep: Callable[[], None] = lambda: None,
    deadline: Deadline | None = None,
) -> T:
    """What the server answers; one that does not answer is waited for, and asked again.

    `note` is told of each try in vain; `keep` is called after it, and what it raises ends the waiting. The
    `deadline` of what is done meanwhile is put off.

    Raises:
        Unavailable: it did not for a minute.
        Interrupted: `stop` was set meanwhile.
    """
    away = clock.monotonic()
    end = away + OUTAGE
    while True:
        try:
            return ask()
        except Unavailable as error:
            if clock.monotonic() >= end:
                raise
            note(f"{error.message}; trying again")
            keep()
            if clock.sleep(PAUSE, stop):
                raise interruption(stop) from error
            if deadline is not None:
                deadline.put_off(clock.monotonic() - away)
            away = clock.monotonic()


def outlasting(act: Callable[[], bool], clock: Clock) -> None:
    """The act was done whatever stops: it is begun again until it says so, or a minute is over.

    Raises:
        Unavailable: the server did not answer for that minute.
    """
    end = clock.monotonic() + OUTAGE
    while True:
        try:
            if act() or clock.monotonic() >= end:
                return
        except Unavailable:
            if clock.monotonic() >= end:
                raise
        clock.sleep(PAUSE)
