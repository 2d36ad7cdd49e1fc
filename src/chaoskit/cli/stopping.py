"""SIGINT, SIGTERM, SIGHUP and the alarm of ``--timeout``: stop and undo what is under way, else the end."""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from chaoskit.clock import Clock, Stop, WallClock
from chaoskit.errors import Interrupted
from chaoskit.events import Listener, Step

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
"""A closed terminal (SIGHUP) must not leave a fault behind any more than Ctrl-C."""

MOMENT = 2.0
"""Seconds in which signals are one: ``timeout`` sends its own to the process and once more to its group."""

AGAIN = 0.001
"""Seconds after which a signal that came amid an import comes again."""

LEFT = "left without waiting for the undo: chaoskit rescue finishes it"
UNDOING = f"undoing what was done; a signal {MOMENT:g} s from now, or later, leaves that to chaoskit rescue"
FINISHING = (
    f"nothing more is begun, what is being undone is finished; a signal {MOMENT:g} s from now, or later, "
    "leaves that to the next chaoskit rescue"
)


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
    with _handling(_end):
        yield


def _end(number: int, frame: FrameType | None, words: str = "") -> None:
    """`Signalled` is raised, after an import that is under way: what is imported by half nobody can use."""
    if _imports(frame):
        again = threading.Timer(AGAIN, os.kill, (os.getpid(), number))
        again.daemon = True
        again.start()
    else:
        raise Signalled(number, words)


def _imports(frame: FrameType | None) -> bool:
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None


@contextmanager
def answering() -> Iterator[None]:
    """Inside, a signal raises `Interrupted`: a person is asked, and nothing is under way.

    Unlike `Signalled`, that loses nothing of what was done before.
    """
    try:
        with ending_on_signals():
            yield
    except Signalled as ended:
        raise ended.error from None


@contextmanager
def stopping(
    left: str = "", *, tell: Callable[[], None] = lambda: None, wall: Clock | None = None
) -> Iterator[Stop]:
    """Inside, the first signal sets `Stop`, for an end in order; `tell` is called at once, in a thread.

    One that comes `MOMENT` later, or still later, raises `Signalled`: what is owed stays on record, and
    `left` says what becomes of it. The alarm of ``--timeout`` wants an end in order, however late.
    """
    stop, clock, asked = Stop(), wall or WallClock(), list[float]()
    signalled: queue.SimpleQueue[bool] = queue.SimpleQueue()  # of all ways this is safe in a handler

    def ask(number: int, frame: FrameType | None) -> None:
        if not asked:
            asked.append(clock.monotonic())
            if not stop.is_set():
                stop.signal = number
                stop.set()
            signalled.put(True)
        elif number != signal.SIGALRM and clock.monotonic() - asked[0] >= MOMENT:
            _end(number, frame, left)

    def hear() -> None:
        if signalled.get():
            tell()

    teller = threading.Thread(target=hear, name="stopping", daemon=True)
    teller.start()
    try:
        with _handling(ask):
            yield stop
    finally:
        signalled.put(False)
        teller.join(MOMENT)


@contextmanager
def undoing(listen: Listener, clock: Clock, words: str = UNDOING) -> Iterator[Stop]:
    """As `stopping`, where something may have to be undone: that it is, is told at once, in these words."""

    def tell() -> None:
        listen(Step(clock.now(), "stopping", "note", words))

    with stopping(LEFT, tell=tell) as stop:
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
