"""A real Alertmanager: what it posts is taken, what it answers is read, what ends there ends here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from tests.servers import AlertmanagerServer, until

from chaoskit.adapters.alertmanager import AlertmanagerAlerts
from chaoskit.adapters.endpoints import Endpoints, Hook
from chaoskit.adapters.http import RequestsHttp
from chaoskit.adapters.notify import Alertmanager
from chaoskit.alertmanager import posted
from chaoskit.ports.alerts import AlertSource
from chaoskit.ports.metrics import Alert
from chaoskit.ports.notifier import Notice

TOKEN = "a-token-of-sixteen"
NOTICE = Notice("cart is ill", "look", "warning", {"namespace": "shop", "target": "deployment/cart"})


class Book:
    """What was posted, in order."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self._lock = threading.Lock()

    def __call__(self, payload: object) -> str:
        with self._lock:
            self.alerts += posted(payload)
        return "heard"

    def states(self, name: str) -> list[str]:
        with self._lock:
            return [each.state for each in self.alerts if each.name == name]


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def hook(book: Book) -> Iterator[str]:
    pages = {"/alerts": Hook(book, TOKEN, "alerts_token")}
    with Endpoints("127.0.0.1:0", pages, health=str, readiness=str) as served:
        yield f"{served.url}/alerts"


def test_what_fires_there_is_posted_and_read_and_its_end_as_well(
    real_alertmanager: Callable[[str, str], AlertmanagerServer], book: Book, hook: str
) -> None:
    address = real_alertmanager(hook, TOKEN).url
    server = Alertmanager(address, RequestsHttp())
    source: AlertSource = AlertmanagerAlerts(address)
    assert source.firing() == ()
    server.send(NOTICE)
    (read,) = until(source.firing, 20, "nothing fires")
    assert (read.name, read.state, read.labels["target"]) == ("ChaoskitNeedsYou", "firing", "deployment/cart")
    assert abs((datetime.now(UTC) - read.since).total_seconds()) < 60
    until(lambda: "firing" in book.states("ChaoskitNeedsYou"), 20, "nothing is posted")
    assert book.alerts[0].labels == read.labels
    server.send(Notice(NOTICE.title, "", "info", NOTICE.labels, resolved=True))
    until(lambda: "resolved" in book.states("ChaoskitNeedsYou"), 20, "no end is posted")
    assert source.firing() == ()
