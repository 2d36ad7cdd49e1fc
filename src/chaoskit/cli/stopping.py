"""SIGINT, SIGTERM and SIGHUP: a request to stop and undo where something is under way, else the end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from chaoskit.clock import Stop

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""A closed terminal (SIGHUP) must not leave a fault behind any more than Ctrl-C."""


class Signalled(BaseException):
    """A signal ends the command here and now.

    No `Exception`: whoever tolerates errors on the way must not tolerate this one.
    """

    def __init__(self, number: int, words: str = "stopped by the user") -> None:
        super().__init__(words)
        self.number = number
        self.words = words


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Inside, a signal raises `Signalled`: nothing is under way that would have to be undone."""

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        raise Signalled(number)

    with _handling(end):
        yield


@contextmanager
def stopping() -> Iterator[Stop]:
    """Inside, the first signal sets `Stop`; the second raises `Signalled`, what is owed stays on record.

    Whoever waits on it ends in order: abort, undo, confirm.
    """
    stop = Stop()

    def ask(number: int, frame: FrameType | None) -> None:
        del frame
        if stop.is_set():
            raise Signalled(number, "left without waiting for the undo: chaoskit rescue finishes it")
        stop.signal = signal.SIGTERM if number == signal.SIGTERM else signal.SIGINT
        stop.set()

    with _handling(ask):
        yield stop


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in NUMBERS}
    try:
        yield
    finally:
        for number, handled in before.items():
            signal.signal(number, handled)
