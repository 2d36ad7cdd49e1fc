"""Reads what fires from an Alertmanager's API (v2)."""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.parse import urljoin

import requests
import requests.auth
import urllib3.exceptions
from urllib3.util import parse_url

from chaoskit import alertmanager
from chaoskit.errors import InvalidInput, Unavailable, cause
from chaoskit.ports.metrics import Alert
from chaoskit.redaction import host_of

TIMEOUT = 10.0
"""Seconds of the wall that it has to answer."""

MOST = 32 * 1024 * 1024
"""Bytes of an answer that are read: some ten thousand alerts."""

_WANTED = {"active": "true", "silenced": "false", "inhibited": "false", "unprocessed": "false"}


class AlertmanagerAlerts:
    """The alerts of the Alertmanager at this address, whose certificate the CA bundle `ca` vouches for.

    The token is read from its file for each question: those of a pod's service account change by the hour.

    Raises:
        InvalidInput: a file that is named cannot be read, or holds no token.
    """

    def __init__(self, url: str, *, ca: str = "", token_file: str = "") -> None:
        self._url = url.rstrip("/") + "/api/v2/alerts"
        self._verify: bool | str = ca or True
        self._token_file = token_file
        if ca:
            _text(ca, "alerts_from_ca")
        if token_file:
            _token(token_file)

    def firing(self) -> tuple[Alert, ...]:
        """All alerts that fire there, neither silenced nor inhibited.

        Raises:
            Unavailable: it does not answer in time, or with something else than alerts.
        """
        try:
            with requests.get(
                self._url,
                params=_WANTED,
                timeout=TIMEOUT,
                stream=True,
                verify=self._verify,
                auth=self._auth(),
                allow_redirects=False,  # whoever is elsewhere would be shown a login of the user's .netrc
            ) as answer:
                if answer.status_code != 200:
                    raise self._refused(answer)
                return alertmanager.answered(json.loads(self._body(answer)))
        except InvalidInput as error:
            raise self._away(f"answered otherwise: {error.message}") from error
        except requests.exceptions.SSLError as error:
            raise self._away("has a certificate that nobody vouches for", "alerts_from_ca") from error
        except (OSError, urllib3.exceptions.HTTPError, ValueError, RecursionError) as error:
            raise self._away(f"gave no answer ({type(error).__name__})") from error

    def _auth(self) -> _Bearer | None:
        """How the token is shown; None: as the address says.

        Raises:
            Unavailable: its file cannot be read now.
        """
        if not self._token_file:
            return None
        try:
            return _Bearer(_token(self._token_file))
        except InvalidInput as error:
            raise self._away(f"was not asked: {error.message}", "alerts_from_token_file") from error

    def _body(self, answer: requests.Response) -> bytes:
        """The whole body; a server that drips it, or has no end, is cut off."""
        body, deadline = bytearray(), time.monotonic() + TIMEOUT
        while chunk := answer.raw.read1(65536, decode_content=True):
            body += chunk
            if len(body) > MOST or time.monotonic() > deadline:
                raise self._away(f"had no end of its answer after {len(body)} bytes")
        return bytes(body)

    def _refused(self, answer: requests.Response) -> Unavailable:
        status = answer.status_code
        if answer.is_redirect:
            there = _origin(urljoin(self._url, answer.headers["Location"]))
            where = "{}://{}:{}".format(*there) if there else "no address"
            words = f"sends elsewhere ({status}, to {where}), where nobody was asked"
            return self._away(words, hint="name the address that it sends to, if you trust it")
        if status in {401, 403}:
            hint = "look at the setting alerts_from_token_file: its token is shown to alerts_from alone"
            return self._away(f"answered with {status}", hint=hint)
        return self._away(f"answered with {status}")

    def _away(self, what: str, about: str = "", *, hint: str = "") -> Unavailable:
        """It says no alerts, for this reason; `about` is the setting to look at."""
        host = host_of(self._url)
        usual = f"look at the setting {about}" if about else "an address is like http://localhost:9093"
        return Unavailable(
            f"Alertmanager at {host} {what}", service="Alertmanager", address=host, hint=hint or usual
        )


def same_origin(one: str, other: str) -> bool:
    """Whether both addresses are of one scheme, host and port, as whoever asks there reads them."""
    origin = _origin(one)
    return origin is not None and origin == _origin(other)


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = parse_url(url)
    except urllib3.exceptions.LocationParseError:
        return None
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme or "")
    if not (parts.scheme and parts.host and port):
        return None
    return parts.scheme, parts.host, port


class _Bearer(requests.auth.AuthBase):
    """Shows a token, whatever the user's ``.netrc`` says of the host."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _token(path: str) -> str:
    """The token in the file.

    Raises:
        InvalidInput: it cannot be read, or holds something else.
    """
    token = _text(path, "alerts_from_token_file").strip()
    if not (token and token.isascii() and token.isprintable()):
        raise InvalidInput(f"{path} holds no token", hint="look at the setting alerts_from_token_file")
    return token


def _text(path: str, setting: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        words = f"{path} cannot be read: {cause(error)}"
        raise InvalidInput(words, hint=f"look at the setting {setting}") from error
