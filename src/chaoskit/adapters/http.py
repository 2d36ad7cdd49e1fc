"""One GET for a steady-state probe, one POST for a webhook, each with its whole duration bounded."""

from __future__ import annotations

import time
from collections.abc import Mapping

import requests
import urllib3.exceptions

from chaoskit.errors import Unavailable, cause
from chaoskit.ports.http import WEBHOOK, Response
from chaoskit.redaction import host_of, scrubbed

KEEP = 64 * 1024
"""Bytes of the body that are read; the rest is left on the wire."""


class RequestsHttp:
    """An HTTP client; each request is over its own connection, as a new user's would be."""

    def get(self, url: str, *, timeout: float = 5.0, headers: Mapping[str, str] | None = None) -> Response:
        """The answer, whatever its status; `Unavailable` when there is none within `timeout` seconds.

        Seconds are those of the wall, whatever clock a cluster runs by: latency is felt there.
        """
        began = time.perf_counter()
        try:
            with requests.get(url, timeout=timeout, headers=dict(headers or {}), stream=True) as answer:
                body = _read(answer, began + timeout)
                text = body.decode(answer.encoding or "utf-8", "replace")  # LookupError: no such encoding
                return Response(answer.status_code, text, time.perf_counter() - began)
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, LookupError) as error:
            words = scrubbed(f"GET {url} got no answer: {cause(error)}")
            raise Unavailable(words, service="HTTP", address=scrubbed(url)) from error

    def post(self, url: str, body: str, *, timeout: float = 10.0) -> Response:
        """The answer, whatever its status; `Unavailable` when there is none within `timeout` seconds."""
        began = time.perf_counter()
        try:
            with requests.post(
                url, data=body.encode(), timeout=timeout, stream=True, allow_redirects=False,
                headers={"Content-Type": "application/json"},
            ) as answer:  # fmt: skip
                text = _read(answer, began + timeout).decode("utf-8", "replace")
                return Response(answer.status_code, text, time.perf_counter() - began)
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            message = f"the webhook at {host_of(url)} gave no answer ({type(error).__name__})"
            raise Unavailable(message, service=WEBHOOK, address=host_of(url)) from error


def _read(answer: requests.Response, deadline: float) -> bytes:
    """The first bytes of the body; a server that drips them for ever is cut off at the deadline."""
    body = b""
    while len(body) < KEEP and (chunk := answer.raw.read1(8192, decode_content=True)):
        body += chunk
        if time.perf_counter() > deadline:
            raise requests.exceptions.ReadTimeout(f"the body was not complete after {len(body)} bytes")
    return body[:KEEP]
