"""A hook takes JSON from whoever shows the token, and says what is wrong with everything else; by HTTP."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from chaoskit.adapters.endpoints import LARGEST, Endpoints, Hook
from chaoskit.alertmanager import posted
from chaoskit.errors import CannotStart

TOKEN = "a-token-of-sixteen"
ALERT = {"status": "firing", "labels": {"alertname": "A"}, "startsAt": "2026-01-01T00:00:00Z"}
GOOD = json.dumps({"version": "4", "alerts": [ALERT]}).encode()


class Taken:
    """What was posted; it may be no time for it."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.away = False

    def __call__(self, payload: object) -> str:
        alerts = posted(payload)
        if self.away:
            raise CannotStart("this one does not lead")
        self.names += [each.name for each in alerts]
        return f"heard {len(alerts)}"


@pytest.fixture
def taken() -> Taken:
    return Taken()


@pytest.fixture
def url(taken: Taken) -> Iterator[str]:
    pages = {"/alerts": Hook(taken, TOKEN, "alerts_token"), "/open": Hook(taken, "", "alerts_token")}
    with Endpoints("127.0.0.1:0", pages, health=str, readiness=str) as served:
        yield served.url


def ask(
    url: str, body: bytes = GOOD, *, path: str = "/alerts", method: str = "POST", token: str = TOKEN
) -> tuple[int, str]:
    at = urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port or 0, timeout=20)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    words = answer.read().decode()
    connection.close()
    return answer.status, words


def test_what_is_posted_with_the_token_is_taken(url: str, taken: Taken) -> None:
    assert ask(url) == (200, "heard 1\n")
    assert taken.names == ["A"]


@pytest.mark.parametrize("token", ["", "wrong", f"{TOKEN}x", "ä"])
def test_without_the_token_nothing_is_taken(url: str, taken: Taken, token: str) -> None:
    status, words = ask(url, token=token)
    assert (status, taken.names) == (401, [])
    assert "alerts_token" in words
    assert TOKEN not in words


def test_where_no_token_is_set_nobody_may_post(url: str, taken: Taken) -> None:
    status, words = ask(url, path="/open", token="")
    assert (status, taken.names) == (403, [])
    assert "until the setting alerts_token is set" in words


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "this is no JSON: Expecting property name"),
        (b"\xff", "this is no JSON"),
        (b"", "this is no JSON"),
        (b"[" * 100_000, "this is no JSON"),
        (b"[]", "this is no payload of Alertmanager's webhook"),
    ],
)
def test_what_is_no_payload_is_told_with_its_field(url: str, taken: Taken, body: bytes, words: str) -> None:
    status, told = ask(url, body)
    assert (status, taken.names) == (400, [])
    assert words in told


def test_a_mass_failure_fits_into_one_post(url: str, taken: Taken) -> None:
    labels = {"namespace": "shop", "pod": "cart-7d9f6c5b8-x2x9z", "uid": "u" * 36, "severity": "critical"}
    about = {"description": "d" * 800, "runbook_url": "r" * 100, "summary": "s" * 100}
    alerts = [
        {**ALERT, "labels": {"alertname": f"A{i}", **labels}, "annotations": about} for i in range(2000)
    ]
    assert ask(url, json.dumps({"version": "4", "alerts": alerts}).encode()) == (200, "heard 2000\n")
    assert len(taken.names) == 2000


def test_what_is_too_large_is_refused_and_hears_why(url: str) -> None:
    status, words = ask(url, b" " * (LARGEST + 1))
    assert (status, words) == (413, f"{LARGEST + 1} bytes are more than {LARGEST}\n")


def test_only_posts_are_for_it(url: str) -> None:
    assert ask(url, b"", method="GET")[0] == 405
    status, words = ask(url, path="/elsewhere")
    assert (status, words) == (404, "here are healthz, readyz, alerts, open\n")


def test_what_cannot_be_taken_now_is_to_be_posted_again(url: str, taken: Taken) -> None:
    taken.away = True
    assert ask(url) == (503, "this one does not lead\n")


def _raw(url: str, *lines: str) -> str:
    at = urlsplit(url)
    with socket.create_connection((at.hostname or "", at.port or 0), timeout=20) as peer:
        peer.sendall("\r\n".join((*lines, "", "")).encode())
        return peer.makefile().readline()


def test_a_body_of_unknown_length_is_refused(url: str) -> None:
    said = _raw(url, "POST /alerts HTTP/1.1", "Host: x", f"Authorization: Bearer {TOKEN}")
    assert " 411 " in said


def test_who_does_not_go_on_is_not_waited_for(taken: Taken) -> None:
    pages = {"/alerts": Hook(taken, TOKEN, "alerts_token")}
    line = f"Authorization: Bearer {TOKEN}"
    with Endpoints("127.0.0.1:0", pages, health=str, readiness=str, patience=0.1) as served:
        assert " 408 " in _raw(served.url, "POST /alerts HTTP/1.1", "Host: x", line, "Content-Length: 9")
