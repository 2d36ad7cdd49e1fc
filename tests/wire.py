"""Servers on loopback for tests: one that says what it is told to, one that spoils connections."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    all_headers: tuple[tuple[str, str], ...] = ()
    """With each value of those that were sent several times."""


@dataclass(frozen=True)
class Answer:
    """An answer: JSON or text; with `lines`, one chunk each; `cut` resets the connection after them."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    lines: Iterable[Any] | None = None
    cut: bool = False
    hold: threading.Event | None = None

    @property
    def payload(self) -> bytes:
        return _bytes(self.body)


def _bytes(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return b"" if body is None else json.dumps(body).encode()


class Scripted:
    """An HTTP server that answers from a queue, and when that is empty by a function of the request."""

    def __init__(self, otherwise: Callable[[Asked], Answer], tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.queue: deque[Answer] = deque()
        self._otherwise = otherwise
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                with suppress(ConnectionError):
                    super().handle_one_request()

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length).decode()
                scripted._serve(
                    self,
                    Asked(self.command, self.path, dict(self.headers), body, tuple(self.headers.items())),
                )

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the base class's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def will(self, *answers: Answer) -> None:
        """These are the next answers, whatever is asked."""
        self.queue.extend(answers)

    def paths(self) -> list[str]:
        """What was asked for: method and path without query."""
        return [f"{each.method} {each.path.partition('?')[0]}" for each in self.asked]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        self.asked.append(asked)
        answer = self.queue.popleft() if self.queue else self._otherwise(asked)
        if answer.cut and answer.lines is None:
            _reset(handler.connection)
            handler.close_connection = True
            return
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if answer.lines is None:
            handler.send_header("Content-Length", str(len(answer.payload)))
            handler.end_headers()
            handler.wfile.write(answer.payload)
        else:
            self._stream(handler, answer)

    @staticmethod
    def _stream(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for line in answer.lines or ():
            data = line if isinstance(line, bytes) else _bytes(line) + b"\n"
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            handler.wfile.flush()
        handler.wfile.flush()
        if answer.hold is not None:
            answer.hold.wait(20)
        if answer.cut:
            _reset(handler.connection)
            handler.close_connection = True
        else:
            handler.wfile.write(b"0\r\n\r\n")


def _reset(connection: socket.socket) -> None:
    """The peer gets a reset, not an orderly end."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)
        connection.close()


@contextmanager
def scripted(
    otherwise: Callable[[Asked], Answer], *, tls: ssl.SSLContext | None = None
) -> Iterator[Scripted]:
    """Inside, a scripted server listens."""
    server = Scripted(otherwise, tls)
    try:
        yield server
    finally:
        server.close()


class Proxy:
    """A TCP proxy that passes bytes on, unless told to cut, to refuse, or to answer by itself."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._answers: deque[bytes] = deque()
        self._live: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._refusing = threading.Event()
        self._closed = threading.Event()
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        """Every connection that is open now is reset."""
        with self._lock:
            for each in tuple(self._live):
                with suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    each.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def down(self) -> Iterator[None]:
        """Inside, every connection is cut and new ones are reset at once."""
        self._refusing.set()
        self.cut()
        try:
            yield
        finally:
            self._refusing.clear()

    def answer_next(self, status: str, body: Any, headers: dict[str, str] | None = None) -> None:
        """Open connections are cut, and the next request is answered like this, not by the server."""
        payload = _bytes(body)
        lines = [f"HTTP/1.1 {status}", "Connection: close", f"Content-Length: {len(payload)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._answers.append("\r\n".join([*lines, "", ""]).encode() + payload)
        self.cut()

    def close(self) -> None:
        """It does not listen any more, and its connections are closed."""
        self._closed.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self.cut()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if self._refusing.is_set():
                _reset(client)
                return
            if self._answers:
                self._answer(client, self._answers.popleft())
                return
            with socket.create_connection(self._target) as server:
                self._pass_on(client, server)

    @staticmethod
    def _answer(client: socket.socket, answer: bytes) -> None:
        client.recv(65536)
        client.sendall(answer)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with self._lock:
            self._live |= {client, server}
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server)
        back.join()
        with self._lock:
            self._live -= {client, server}


def kubeconfig_of(
    path: Path, cluster: str | Mapping[str, Any], user: Mapping[str, Any] | None = None
) -> Path:
    """A file with one context: of a server at that URL, or of a cluster of which so much is said."""
    document = {
        "current-context": "one",
        "clusters": [
            {"name": "one", "cluster": {"server": cluster} if isinstance(cluster, str) else cluster}
        ],
        "users": [{"name": "one", "user": {"token": "s3cret"} if user is None else user}],
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for each in (source, sink):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
