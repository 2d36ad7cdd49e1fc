"""SIGINT and SIGTERM as a request to stop and undo; a second one leaves at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from chaoskit.clock import Stop
from chaoskit.errors import Interrupted


@contextmanager
def stopping() -> Iterator[Stop]:
    """`Stop` is set by the first signal; the second raises `Interrupted`, what is owed stays on record.

    Whoever waits on it ends in order: abort, undo, confirm.
    """
    stop = Stop()

    def ask(number: int, frame: FrameType | None) -> None:
        del frame
        if stop.is_set():
            raise Interrupted("left without waiting for the undo: chaoskit rescue finishes it", signal=number)
        stop.signal = number
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
