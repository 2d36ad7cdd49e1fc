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


def patiently(
    ask: Callable[[], T],
    clock: Clock,
    stop: threading.Event,
    *,
    note: Callable[[str], None],
    keep: Callable[[], None] = lambda: None,
) -> T:
    """What the server answers; one that does not answer is waited for, and asked again.

    `note` is told of each try in vain; `keep` is called after it, and what it raises ends the waiting.

    Raises:
        Unavailable: it did not for a minute.
        Interrupted: `stop` was set meanwhile.
    """
    end = clock.monotonic() + OUTAGE
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
