"""Reads what fires from an Alertmanager's API (v2)."""

from __future__ import annotations

import json
import time

import requests
import urllib3.exceptions

from chaoskit import alertmanager
from chaoskit.errors import InvalidInput, Unavailable
from chaoskit.ports.metrics import Alert
from chaoskit.redaction import host_of

TIMEOUT = 10.0
"""Seconds of the wall that it has to answer."""

MOST = 32 * 1024 * 1024
"""Bytes of an answer that are read: some ten thousand alerts."""

_WANTED = {"active": "true", "silenced": "false", "inhibited": "false", "unprocessed": "false"}


class AlertmanagerAlerts:
    """The alerts of the Alertmanager at this address."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + "/api/v2/alerts"

    def firing(self) -> tuple[Alert, ...]:
        """All alerts that fire there, neither silenced nor inhibited.

        Raises:
            Unavailable: it does not answer in time, or with something else than alerts.
        """
        try:
            with requests.get(self._url, params=_WANTED, timeout=TIMEOUT, stream=True) as answer:
                if answer.status_code != 200:
                    raise self._away(f"answered with {answer.status_code}")
                return alertmanager.answered(json.loads(self._body(answer)))
        except InvalidInput as error:
            raise self._away(f"answered otherwise: {error.message}") from error
        except (
            requests.exceptions.RequestException, urllib3.exceptions.HTTPError, ValueError, RecursionError
        ) as error:  # fmt: skip
            raise self._away(f"gave no answer ({type(error).__name__})") from error

    def _body(self, answer: requests.Response) -> bytes:
        """The whole body; a server that drips it, or has no end, is cut off."""
        body, deadline = bytearray(), time.monotonic() + TIMEOUT
        while chunk := answer.raw.read1(65536, decode_content=True):
            body += chunk
            if len(body) > MOST or time.monotonic() > deadline:
                raise self._away(f"had no end of its answer after {len(body)} bytes")
        return bytes(body)

    def _away(self, what: str) -> Unavailable:
        host = host_of(self._url)
        hint = "an address is like http://localhost:9093"
        return Unavailable(f"Alertmanager at {host} {what}", service="Alertmanager", address=host, hint=hint)
