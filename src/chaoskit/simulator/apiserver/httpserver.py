"""HTTP on loopback, plain and over TLS on one port: connections, streams, WebSockets. No meaning."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, cast

from chaoskit.simulator.api import ApiError
from chaoskit.simulator.apiserver import apierrors, certificates, websocket
from chaoskit.simulator.apiserver.rbac import User
from chaoskit.simulator.apiserver.requests import (
    NO_SUCH_PAGE,
    PageNotFoundError,
    Request,
    Response,
    Route,
    Stream,
    route_of,
)
from chaoskit.simulator.apiserver.store import dumps


class Api(Protocol):
    """What answers."""

    def authenticate(self, authorization: str | None) -> User:
        """Who sends that header; refused with an `ApiError`."""
        ...

    def impersonate(self, user: User, headers: Mapping[str, str], groups: Sequence[str]) -> User:
        """Whose rights count; refused with an `ApiError` when `user` may not be somebody else."""
        ...

    def answer(self, request: Request) -> Response | Stream:
        """The answer to a request, a refusal included."""
        ...

    def prepare_exec(self, request: Request, route: Route) -> Callable[[websocket.Channels], None]:
        """What runs a command once its WebSocket is open; refusals are raised."""
        ...


_FAREWELL = 2.0
"""Seconds that a client has to answer the end of a WebSocket."""
_CLIENT_HELLO = b"\x16"
"""The first byte of TLS."""


def tls_context(certificate: certificates.Certificate) -> ssl.SSLContext:
    """What lets a server speak TLS with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # it can only be read from a file
        file.write(certificate.certificate + certificate.key)
        file.flush()
        context.load_cert_chain(file.name)
    return context


class Server(ThreadingHTTPServer):
    """Listens from its making on; a thread for each connection asks `api` and sends what it answers."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], api: Api, tls: ssl.SSLContext) -> None:
        self.api = api
        self.tls = tls
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread serves the connection, which is remembered until it ends."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Both are spoken on one port: TLS to whom begins with it, plain HTTP to all others."""
        if request.recv(1, socket.MSG_PEEK) != _CLIENT_HELLO:
            super().finish_request(request, client_address)
            return
        with self.tls.wrap_socket(request, server_side=True, suppress_ragged_eofs=True) as secure:
            self._connections.add(secure)
            try:
                super().finish_request(cast("Any", secure), client_address)
            finally:
                self._connections.discard(secure)

    def shutdown_request(self, request: Any) -> None:
        """The connection has ended."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        """Idle connections are closed, so that their threads end."""
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of the server's."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        self._handle()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the base class names them

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Requests are not logged."""

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        api = self.server.api
        headers = cast("Any", self.headers)
        try:
            user = api.authenticate(self.headers.get("Authorization"))
            user = api.impersonate(user, headers, self.headers.get_all("Impersonate-Group") or ())
        except ApiError as error:
            self._send(Response.of(error.code, apierrors.status_of(error)))
            return
        request = Request.of(self.command, self.path, headers, body, user)
        route = route_of(request.path)
        if route and route.subresource == "exec" and websocket.asked_for(headers):
            self._exec(request, route)
            return
        answer = api.answer(request)
        if isinstance(answer, Stream):
            self._stream(answer)
        else:
            self._send(answer)

    def _send(self, response: Response) -> None:
        self.send_response_only(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Cache-Control", "no-cache, private")
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)
        self.wfile.flush()

    def _stream(self, stream: Stream) -> None:
        try:
            self.send_response_only(200)
            self.send_header("Content-Type", stream.content_type)
            self.send_header("Cache-Control", "no-cache, private")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.flush()
            for chunk in stream.chunks:
                if chunk:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                    self.wfile.flush()
                elif chunk is None and self._client_left():
                    self.close_connection = True
                    return
            self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()
        finally:
            stream.close()

    def _client_left(self) -> bool:
        """True when the client has closed its side: a watch that nobody reads is to end."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        if not readable:
            return False
        if isinstance(self.connection, ssl.SSLSocket):
            return not self.connection.recv(1)  # nothing but a close may come while it watches
        return not self.connection.recv(1, socket.MSG_PEEK)

    def _exec(self, request: Request, route: Route) -> None:
        protocol = websocket.protocol_of(cast("Any", self.headers))
        try:
            run = self.server.api.prepare_exec(request, route)
        except PageNotFoundError:
            self._send(NO_SUCH_PAGE)
            return
        except ApiError as error:
            self._send(Response.of(error.code, apierrors.status_of(error)))
            return
        self.send_response_only(101)
        for name, value in websocket.handshake(cast("Any", self.headers), protocol).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        channels = websocket.Channels(cast("Any", self.rfile), self._write_now)
        try:
            run(channels)
        except LookupError as error:
            failed = apierrors.status_of(apierrors.internal(str(error)))
            channels.send(websocket.ERROR, dumps(failed))
        self.connection.settimeout(_FAREWELL)
        with contextlib.suppress(OSError):
            channels.close()

    def _write_now(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()
