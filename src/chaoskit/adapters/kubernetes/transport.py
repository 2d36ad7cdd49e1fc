"""One request to the API server: logged in, repeated where that is safe, its failure told in our words."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import urllib3
import urllib3.exceptions
from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import RESTClientObject

from chaoskit.adapters.kubernetes import errors, proxies, renewals, streams
from chaoskit.adapters.kubernetes.impersonation import NOBODY_ELSE, Impersonation
from chaoskit.adapters.kubernetes.retry import Failed, Policy, Repeat, Trouble, attempt
from chaoskit.clock import Clock
from chaoskit.credentials import of_address, without_login
from chaoskit.errors import Unavailable
from chaoskit.secretvalues import SHORTEST, without

CONNECTIONS = 128
"""Connections kept for reuse: a run has about ten watches and calls beside them, and many may run at once."""

UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, what it is for (``get pod/cart-0 in shop``), and when it may be sent again.

    `seconds` is how long the server may keep silent.
    """

    attempted: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    content_type: str = "application/json"
    repeat: Repeat = "always"
    seconds: float = 30.0


class Transport:
    """A pool of connections to one API server, for any number of threads.

    The official client makes the pool (TLS, proxies) and the credentials (tokens, plugins, their
    renewal). Requests go to the pool itself: the client would validate each answer into models.
    """

    def __init__(
        self,
        configuration: Configuration,
        clock: Clock,
        policy: Policy | None = None,
        acting: Impersonation = NOBODY_ELSE,
    ) -> None:
        configuration.connection_pool_maxsize = CONNECTIONS
        configuration.socket_options = _socket_options()
        self.configuration = configuration
        self.acting = acting
        self.clock = clock
        self.policy = policy or Policy()
        self._rest = RESTClientObject(proxies.settle(configuration))
        if self.unchecked:
            for each in filter(None, (configuration.proxy, configuration.host)):
                _warn_no_more_of(each)
        self._breaker = streams.Breaker()
        self._breaker.reach(self._rest.pool_manager)
        self.shown = renewals.Shown(configuration, clock)

    @property
    def address(self) -> str:
        """The server's URL, without user and password: for words, and to know it by."""
        return without_login(self.root)

    @property
    def root(self) -> str:
        """What the URL of each request begins with."""
        return str(self.configuration.host).rstrip("/")

    @property
    def secrets(self) -> frozenset[str]:
        """What logs in: the token, user and password of the kubeconfig, of the address and of a proxy."""
        known = self.configuration
        shown = {*map(str, known.api_key.values()), self.shown.header}
        tokens = frozenset(form for each in shown for form in _readings(each))
        return tokens.union(of_address(self.root), of_address(str(known.proxy or "")))

    @property
    def unchecked(self) -> bool:
        """Whether the kubeconfig has the server's certificate not looked at."""
        return self.address.startswith("https") and not self.configuration.verify_ssl

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._breaker.closed

    def close(self) -> None:
        """Open streams have ended, and idle connections are closed."""
        self._breaker.close()
        self._rest.pool_manager.clear()

    def json(self, request: Request, stop: threading.Event | None = None) -> Any:
        """The answer as JSON; failures as the tree of `chaoskit.errors`."""
        answer = self.send(request, stop)
        try:
            return json.loads(answer)
        except ValueError as error:
            raise Unavailable(
                f"cannot {request.attempted}: {self.address} does not answer like a Kubernetes API server",
                service=errors.SERVICE,
                address=self.address,
                hint="check the server's address in the kubeconfig",
            ) from error

    def send(self, request: Request, stop: threading.Event | None = None) -> bytes:
        """The answer's body, after as many attempts as policy and safety allow; `stop` ends waits for it."""
        with self._breaker.heeding(stop):
            return attempt(
                lambda: self._once(request),
                repeat=request.repeat,
                policy=self.policy,
                clock=self.clock,
                stop=stop,
            )

    @contextmanager
    def stream(self, request: Request, stop: threading.Event, seconds: float) -> Iterator[Iterator[bytes]]:
        """Inside, the answer's lines as they come, until the server or `stop` ends it; one attempt.

        `seconds` bounds the wait for the answer and for the next line. Raises `Unavailable` when it is
        cut, also while it is read (not when `stop` cut it then), and when `stop` ends it before it begins.
        """
        with self._breaker.heeding(stop), self._translated(request):
            response = self._ask(request, urllib3.Timeout(connect=5.0, read=seconds), preload=False)
        with self._breaker.watch_over(response, stop):
            if response.status >= 400:
                with self._translated(request):
                    failure = self.failure(request, response.status, response.read(), response.headers)
                raise errors.translate(failure)
            yield self._lines(request, response, stop)

    def caller(self) -> tuple[tuple[str, str], ...]:
        """The headers of every request that say who asks, and as whom."""
        authorization = self.authorization()
        return ((("Authorization", authorization),) if authorization else ()) + self.acting.headers

    def authorization(self) -> str:
        """The header that logs in, renewed when it was about to expire; "" when certificates do.

        Raises:
            CannotStart: the token cannot stand in a header.
        """
        return self.shown.now().header

    def url(self, request: Request) -> str:
        """Where the request goes."""
        query = "?" + urlencode(request.query, quote_via=quote) if request.query else ""
        return self.root + request.path + query

    def _once(self, request: Request) -> bytes:
        try:
            timeout = urllib3.Timeout(connect=5.0, read=request.seconds)
            response = self._ask(request, timeout, preload=True)
        except urllib3.exceptions.HTTPError as error:
            translated = self.lost(request, error)
            translated.__cause__ = error
            trouble = Trouble(
                unsent=errors.was_never_sent(error), hopeless=self.closed or errors.is_about_trust(error)
            )
            raise Failed(trouble, translated) from error
        if response.status < 400:
            return response.data
        failure = self.failure(request, response.status, response.data, response.headers)
        blocked = failure.caused_by("DisruptionBudget")
        trouble = Trouble(failure.code, hopeless=blocked, retry_after=failure.retry_after)
        raise Failed(trouble, errors.translate(failure))

    def _ask(
        self, request: Request, timeout: urllib3.Timeout, *, preload: bool, again: bool = True
    ) -> urllib3.BaseHTTPResponse:
        """The answer; where it is that nobody acts for this login, the one to a new login if there is any."""
        shown = self.shown.now()
        headers = urllib3.HTTPHeaderDict({"Accept": "application/json, */*", "User-Agent": "chaoskit"})
        for name, value in self.caller():
            headers.add(name, value.encode().decode("latin-1"))  # which is how it is sent
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        answer: urllib3.BaseHTTPResponse = self._pools().request(
            request.method,
            self.url(request),
            body=None if request.body is None else json.dumps(request.body),
            headers=headers,
            timeout=timeout,
            retries=False,
            preload_content=preload,
        )
        if answer.status == UNAUTHORIZED and again and self.shown.another(shown):
            answer.close()
            return self._ask(request, timeout, preload=preload, again=False)
        return answer

    def _pools(self) -> urllib3.PoolManager:
        """Connections, of which new ones show the certificate that there is now."""
        known, pools = self.configuration, self._rest.pool_manager
        pools.connection_pool_kw |= {"cert_file": known.cert_file, "key_file": known.key_file}
        return pools

    def failure(
        self, request: Request, code: int, body: bytes, headers: Mapping[str, str] | None = None
    ) -> errors.Failure:
        """What an answer tells that says no, without what logs in there: some quote what they were sent."""
        secrets = self.secrets
        said = without(body.decode(errors="replace"), secrets).encode()
        found = errors.read_failure(request.attempted, self.address, code, said, headers)
        if code == 404 and found.details.get("name") not in unquote(request.path).split("/"):
            found = replace(found, details={})  # somebody on the way misses something of its own
        return replace(found, unrenewed=without(self.shown.unrenewed, secrets))

    def lost(self, request: Request, error: Exception) -> Unavailable:
        """What it means that no answer came."""
        unrenewed = without(self.shown.unrenewed, self.secrets)
        return errors.translate_transport(request.attempted, self.address, error, unrenewed)

    def _lines(
        self, request: Request, response: urllib3.BaseHTTPResponse, stop: threading.Event
    ) -> Iterator[bytes]:
        try:
            yield from streams.lines(response)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            if not (stop.is_set() or self.closed):
                raise self.lost(request, error) from error

    @contextmanager
    def _translated(self, request: Request) -> Iterator[None]:
        try:
            yield
        except urllib3.exceptions.HTTPError as error:
            raise self.lost(request, error) from error


def _readings(shown: str) -> Iterator[str]:
    """What a header shows that logs in; of a user and a password each, and both as they were."""
    scheme, _, token = shown.rpartition(" ")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            yield from of_address(f"{base64.b64decode(token).decode()}@")
    if len(token) >= SHORTEST:
        yield token


def _warn_no_more_of(url: str) -> None:
    """The pool would warn at each request that nothing is checked: of the server, or of a proxy of HTTP."""
    host = re.escape(urlsplit(url).hostname or "")
    words = rf"Unverified HTTPS request is being made to host '\[?{host}\]?'"
    warnings.filterwarnings("ignore", words, urllib3.exceptions.InsecureRequestWarning)


def _socket_options() -> list[tuple[int, int, int]]:
    """Keep-alive probes: a watch whose other end vanished silently is known to be dead in half a minute."""
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    timings = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))  # names differ by system
    return options + [
        (socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in timings if hasattr(socket, name)
    ]
