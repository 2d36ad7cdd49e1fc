"""Answers that go on: read line by line, and ended from another thread when their `stop` is set."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import urllib3

LOOK_EVERY = 0.1
"""Seconds (of the wall) within which a set `stop` ends a stream that waits for data."""


def lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Each line of a chunked answer as it comes in, without its newline; empty ones are left out."""
    rest = b""
    for chunk in response.stream(None, decode_content=False):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from filter(None, whole)
    if rest:
        yield rest


class Breaker:
    """Ends open streams from outside.

    A thread that blocks in a read cannot look at its `stop`, and a socket with a read timeout cannot
    be read on after it. So while any stream is open, one thread looks at all of their stops.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, tuple[threading.Event, urllib3.BaseHTTPResponse]] = {}
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def closed(self) -> bool:
        """Whether every stream was ended for good."""
        return self._closed.is_set()

    @contextmanager
    def watch_over(self, response: urllib3.BaseHTTPResponse, stop: threading.Event) -> Iterator[None]:
        """Inside, `response` ends when `stop` is set; on the way out it is closed."""
        with self._lock:
            self._open[id(response)] = (stop, response)
            if self.closed:
                self._break((response,))
            elif self._thread is None:
                self._thread = threading.Thread(target=self._look, name="kubernetes-streams", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._open[id(response)]
            response.close()

    def close(self) -> None:
        """Every open stream has ended and no other will last."""
        self._closed.set()
        with self._lock:
            thread = self._thread
            self._break(tuple(response for _, response in self._open.values()))
        if thread is not None:
            thread.join()

    def _look(self) -> None:
        while not self._closed.wait(LOOK_EVERY):
            with self._lock:
                self._break(tuple(response for stop, response in self._open.values() if stop.is_set()))
                if not self._open:
                    self._thread = None
                    return

    @staticmethod
    def _break(responses: tuple[urllib3.BaseHTTPResponse, ...]) -> None:
        # Called with the lock held: the socket cannot be closed, and its number reused, meanwhile.
        for response in responses:
            try:
                response.shutdown()
            except (ValueError, RuntimeError, OSError):
                continue  # it has ended by itself
