"""A long-running process's own door: ``/healthz``, ``/readyz``, pages (``/metrics``), hooks to post to."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from chaoskit.errors import CannotStart, ChaoskitError, InvalidInput, cause

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Trouble = Callable[[], str]
"""What is wrong in words; "" when nothing is."""

Take = Callable[[object], str]
"""Takes what was posted, as JSON, and says so in words; `InvalidInput` when it is not what is wanted."""

LARGEST = 8 * 1024 * 1024
"""Bytes that may be posted at a time: in a mass failure one group has some thousand alerts of 1 to 4 KiB."""

CHUNK = 64 * 1024
"""Bytes that are read at a time of what nobody takes."""


def listening(address: str) -> tuple[str, int]:
    """``host:port`` apart; loopback where no host is named.

    Raises:
        InvalidInput: it is no such address.
    """
    host, _, port = address.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= _HIGHEST) or (not host and ":" not in address):
        raise InvalidInput(
            f"--listen {address} is no HOST:PORT", hint="127.0.0.1:8080, or port 0 for any that is free"
        )
    return host.strip("[]") or "127.0.0.1", int(port)


_HIGHEST = 65535


class Hook:
    """A page that takes JSON from whoever shows the bearer token; without a token it takes none.

    Who posts tries again after a 5xx and only then: what is no such document (400), too large (413) or not
    let in (401, 403) never comes again; what cannot be taken now (503) does.
    """

    def __init__(self, take: Take, token: str, setting: str) -> None:
        self._take = take
        self._token = token.encode()
        self._setting = setting

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """The answer to one post."""
        try:
            return _text(start, "200 OK", self._take(self._posted(environ)))
        except _Refusal as refusal:
            return _text(start, refusal.status, refusal.words, refusal.headers)
        except InvalidInput as error:
            words = "\n".join((error.message, *map(str, error.problems)))
            return _text(start, "400 Bad Request", words)
        except ChaoskitError as error:
            return _text(start, "503 Service Unavailable", error.message)

    def _posted(self, environ: WSGIEnvironment) -> object:
        try:
            return json.loads(self._body(environ))
        except TimeoutError as error:
            raise _Refusal("408 Request Timeout", "the rest did not come in time") from error
        except (ValueError, RecursionError) as error:
            raise _Refusal("400 Bad Request", f"this is no JSON: {cause(error)}") from error

    def _body(self, environ: WSGIEnvironment) -> bytes:
        """What was posted, by somebody who may.

        Raises:
            _Refusal: nobody takes it; it was read away all the same, so that the answer is heard.
            TimeoutError: it did not come.
        """
        said, stream = environ.get("CONTENT_LENGTH") or "", environ["wsgi.input"]
        length = int(said) if said.isascii() and said.isdigit() else 0
        try:
            self._admit(environ, said, length)
        except _Refusal:
            left = min(length, 2 * LARGEST)
            while left > 0 and (chunk := stream.read(min(left, CHUNK))):
                left -= len(chunk)
            raise
        return bytes(stream.read(length))

    def _admit(self, environ: WSGIEnvironment, said: str, length: int) -> None:
        """It is a post, of somebody who may, and not too large."""
        if environ["REQUEST_METHOD"] != "POST":
            raise _Refusal("405 Method Not Allowed", "this is for POST", ("Allow", "POST"))
        self._let_in(environ.get("HTTP_AUTHORIZATION") or "")
        if not said:
            raise _Refusal("411 Length Required", "say with Content-Length how much it is")
        if length > LARGEST:
            raise _Refusal("413 Content Too Large", f"{length} bytes are more than {LARGEST}")

    def _let_in(self, shown: str) -> None:
        if not self._token:
            raise _Refusal("403 Forbidden", f"nobody may post here until the setting {self._setting} is set")
        scheme, _, token = shown.partition(" ")
        same = hmac.compare_digest(token.strip().encode("utf-8", "replace"), self._token)
        if scheme.lower() != "bearer" or not same:
            words = f"show the token of the setting {self._setting}: Authorization: Bearer TOKEN"
            raise _Refusal("401 Unauthorized", words, ("WWW-Authenticate", "Bearer"))


class _Refusal(Exception):
    """An answer that is no yes."""

    def __init__(self, status: str, words: str, *headers: tuple[str, str]) -> None:
        super().__init__(words)
        self.status, self.words, self.headers = status, words, headers


class Endpoints:
    """A context in which the endpoints are served on ``host:port``; port 0 takes any free one.

    `pages` answer for paths of their own. Who says nothing for `patience` seconds is not waited for.
    """

    def __init__(
        self,
        address: str,
        pages: Mapping[str, WSGIApplication],
        *,
        health: Trouble,
        readiness: Trouble,
        patience: float = 10.0,
    ) -> None:
        self._pages = dict(pages)
        self._probes = {"/healthz": health, "/readyz": readiness}
        host, port = listening(address)
        try:
            self._server = make_server(host, port, self._answer, _Server, _Quiet)
            self._server.patience = patience
        except (OSError, UnicodeError) as error:
            raise CannotStart(
                f"cannot listen on {address}: {cause(error)}", hint="--listen HOST:PORT"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="endpoints", daemon=True)

    @property
    def url(self) -> str:
        """Where they are."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def _answer(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if (page := self._pages.get(path)) is not None:
            return page(environ, start)
        if (ask := self._probes.get(path)) is None:
            here = ", ".join(each.strip("/") for each in (*self._probes, *self._pages))
            return _text(start, "404 Not Found", f"here are {here}")
        trouble = ask()
        return _text(start, "503 Service Unavailable" if trouble else "200 OK", trouble or "ok")


def _text(
    start: StartResponse, status: str, words: str, headers: Iterable[tuple[str, str]] = ()
) -> Iterable[bytes]:
    plain = ("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")
    start(status, [*plain, *headers])
    return [f"{words}\n".encode()]


class _Server(ThreadingMixIn, WSGIServer):
    """One slow client keeps no other waiting."""

    daemon_threads = True
    patience: float


class _Quiet(WSGIRequestHandler):
    """Requests are not logged: scrapes would drown what matters."""

    server: _Server

    def setup(self) -> None:
        """It waits as long as the server has patience."""
        super().setup()
        self.connection.settimeout(self.server.patience)

    def log_message(self, *_: Any) -> None:
        """Nothing."""
