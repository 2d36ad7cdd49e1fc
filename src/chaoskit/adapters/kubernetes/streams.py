"""Answers that are waited for or go on: read line by line, and ended from another thread by their `stop`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.response import HTTPResponse

LOOK_EVERY = 0.1
"""Seconds (of the wall) within which a set `stop` ends what waits for data."""


def lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Each line of a chunked answer as it comes in, without its newline; empty ones are left out."""
    rest = b""
    for chunk in response.stream(None, decode_content=False):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from filter(None, whole)
    if rest:
        yield rest


class Breaker:
    """Ends requests and open streams from outside.

    A thread that blocks in a read cannot look at its `stop`, and a socket with a read timeout cannot
    be read on after it. So while anything is open, one thread looks at all of their stops.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[object, tuple[threading.Event, Callable[[], None]]] = {}
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._here = threading.local()

    @property
    def closed(self) -> bool:
        """Whether everything was ended for good."""
        return self._closed.is_set()

    def reach(self, manager: urllib3.PoolManager) -> None:
        """Connections that it makes can be ended while an answer is waited for."""
        pools: dict[str, type[HTTPConnectionPool]] = manager.pool_classes_by_scheme
        manager.pool_classes_by_scheme = {name: self._reachable(each) for name, each in pools.items()}

    def _reachable(self, pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
        made: Any = type(pool.ConnectionCls.__name__, (_Reachable, pool.ConnectionCls), {"breaker": self})
        return type(pool.__name__, (pool,), {"ConnectionCls": made})

    @contextmanager
    def heeding(self, stop: threading.Event | None) -> Iterator[None]:
        """Inside, what this thread asks for ends when `stop` is set, also before its answer has begun."""
        self._here.stop = stop
        try:
            yield
        finally:
            self._here.stop = None

    @contextmanager
    def waiting(self, connection: HTTPConnection) -> Iterator[None]:
        """Inside, the wait for an answer ends when the `stop` that this thread heeds is set."""
        stop: threading.Event | None = getattr(self._here, "stop", None)
        if stop is None:
            yield
            return
        with self._reached(stop, partial(_shut, connection.sock)):
            yield

    @contextmanager
    def watch_over(self, response: urllib3.BaseHTTPResponse, stop: threading.Event) -> Iterator[None]:
        """Inside, `response` ends when `stop` is set; on the way out it is closed."""
        try:
            with self._reached(stop, response.shutdown):
                yield
        finally:
            response.close()

    @contextmanager
    def _reached(self, stop: threading.Event, shut: Callable[[], None]) -> Iterator[None]:
        entry = object()
        with self._lock:
            self._open[entry] = (stop, shut)
            if self.closed:
                self._break((shut,))
            elif self._thread is None:
                self._thread = threading.Thread(target=self._look, name="kubernetes-streams", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._open[entry]

    def close(self) -> None:
        """Everything that was open has ended and nothing else will last."""
        self._closed.set()
        with self._lock:
            thread = self._thread
            self._break(tuple(shut for _, shut in self._open.values()))
        if thread is not None:
            thread.join()

    def _look(self) -> None:
        while not self._closed.wait(LOOK_EVERY):
            with self._lock:
                self._break(tuple(shut for stop, shut in self._open.values() if stop.is_set()))
                if not self._open:
                    self._thread = None
                    return

    @staticmethod
    def _break(each: tuple[Callable[[], None], ...]) -> None:
        # Called with the lock held: the socket cannot be closed, and its number reused, meanwhile.
        for shut in each:
            try:
                shut()
            except (ValueError, RuntimeError, OSError):
                continue  # it has ended by itself


class _Reachable(HTTPConnection):
    breaker: ClassVar[Breaker]

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        with self.breaker.waiting(self):
            return super().getresponse()


def _shut(sock: Any) -> None:
    """Whoever reads from it reads its end."""
    while not isinstance(sock, socket.socket):  # TLS within that of a proxy is none
        sock = sock.socket
    socket.socket.shutdown(sock, socket.SHUT_RD)  # not TLS' own: that pulls itself from under who reads
