"""SIGINT, SIGTERM, SIGHUP and the alarm of ``--timeout``: stop and undo what is under way, else the end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from chaoskit.clock import Stop
from chaoskit.errors import Interrupted

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
"""A closed terminal (SIGHUP) must not leave a fault behind any more than Ctrl-C."""

LEFT = "left without waiting for the undo: chaoskit rescue finishes it"


class Signalled(BaseException):
    """A signal ends the command here and now.

    No `Exception`: whoever tolerates errors on the way must not tolerate this one.
    """

    def __init__(self, number: int, words: str = "") -> None:
        super().__init__(words)
        self.error = Interrupted(words, signal=number)


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Inside, a signal raises `Signalled`: nothing is under way that would have to be undone."""

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        raise Signalled(number)

    with _handling(end):
        yield


@contextmanager
def stopping(left: str = LEFT) -> Iterator[Stop]:
    """Inside, the first signal sets `Stop`; the second raises `Signalled`, what is owed stays on record.

    `left` says what becomes of that.

    Whoever waits on it ends in order: abort, undo, confirm.
    """
    stop = Stop()

    def ask(number: int, frame: FrameType | None) -> None:
        del frame
        if stop.is_set():
            raise Signalled(number, left)
        stop.signal = number
        stop.set()

    with _handling(ask):
        yield stop


@contextmanager
def undisturbed() -> Iterator[None]:
    """Inside, signals change nothing: the work is done, and what tells of it must be whole."""

    def disregard(number: int, frame: FrameType | None) -> None:
        del number, frame

    with _handling(disregard):
        yield


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Inside, an alarm stops the command after so many seconds of the wall; None is no limit."""
    signal.setitimer(signal.ITIMER_REAL, seconds or 0.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in NUMBERS if not _is_ignored(number)}
    try:
        yield
    finally:
        for number, handled in before.items():
            signal.signal(number, handled)


def _is_ignored(number: int) -> bool:
    """Whoever began the process wants it to outlast this signal: ``nohup``, or a shell's background.

    The alarm is our own.
    """
    return number != signal.SIGALRM and signal.getsignal(number) is signal.SIG_IGN
