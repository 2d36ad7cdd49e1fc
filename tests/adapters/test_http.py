"""One GET: whatever the server answers is an answer, and no answer in time is none."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from tests.servers import free_port
from tests.wire import Answer, Scripted, scripted

from chaoskit.adapters.http import KEEP, RequestsHttp
from chaoskit.errors import Unavailable


@pytest.fixture
def wire() -> Iterator[Scripted]:
    with scripted(lambda _: Answer(200, b"hello")) as server:
        yield server


def test_an_answer_has_status_text_and_duration(wire: Scripted) -> None:
    answer = RequestsHttp().get(wire.url, headers={"X-Probe": "yes"})
    assert (answer.status, answer.text) == (200, "hello")
    assert answer.seconds > 0
    assert wire.asked[0].headers["X-Probe"] == "yes"


@pytest.mark.parametrize("status", [204, 404, 500, 503])
def test_a_bad_status_is_an_answer_and_is_asked_for_once(wire: Scripted, status: int) -> None:
    wire.will(Answer(status))
    assert RequestsHttp().get(wire.url).status == status
    assert len(wire.asked) == 1


def test_a_redirect_is_followed(wire: Scripted) -> None:
    wire.will(Answer(302, headers={"Location": "/there"}))
    assert RequestsHttp().get(wire.url).text == "hello"
    assert wire.paths()[-1] == "GET /there"


def test_of_a_long_body_the_beginning_is_kept(wire: Scripted) -> None:
    wire.will(Answer(200, b"x" * 200_000))
    assert RequestsHttp().get(wire.url).text == "x" * KEEP


def test_a_server_that_does_not_answer_in_time_gave_no_answer(wire: Scripted) -> None:
    hold = threading.Event()
    wire.will(Answer(lines=(), hold=hold))
    with pytest.raises(Unavailable, match="got no answer"):
        RequestsHttp().get(wire.url, timeout=0.3)
    hold.set()


def test_a_server_that_drips_is_cut_off(wire: Scripted) -> None:
    stop = threading.Event()

    def drops() -> Iterator[bytes]:
        while not stop.wait(0.05):
            yield b"x"

    wire.will(Answer(lines=drops()))
    with pytest.raises(Unavailable, match="not complete"):
        RequestsHttp().get(wire.url, timeout=0.5)
    stop.set()


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/", "http://no-such-host.invalid/", "nonsense"])
def test_no_server_is_no_answer(url: str) -> None:
    asked = url.format(port=free_port())
    with pytest.raises(Unavailable) as raised:
        RequestsHttp().get(asked)
    assert raised.value.address == asked


def test_a_cut_connection_is_no_answer(wire: Scripted) -> None:
    wire.will(Answer(cut=True))
    with pytest.raises(Unavailable):
        RequestsHttp().get(wire.url)
