"""A simulated cluster over HTTP, shared by the tests of one module, and ways to talk to it."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from chaoskit.simulator.cluster import SimulatedCluster


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; `body` is parsed where it is JSON."""

    status: int
    body: Any
    headers: list[tuple[str, str]] = field(default_factory=list)

    def header(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Client:
    """Plain HTTP with a token (None: without)."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self.token = token

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """The answer to one request; header names with underscores for hyphens."""
        connection = self.connect()
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            if self.token is not None:
                sent["Authorization"] = f"Bearer {self.token}"
            data = body if isinstance(body, bytes | str | None) else json.dumps(body)
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            text = answer.read().decode()
            return Reply(answer.status, _parsed(path, answer, text), answer.getheaders())
        finally:
            connection.close()

    def connect(self) -> http.client.HTTPConnection:
        """A connection to the server."""
        parts = urlsplit(self.url)
        if parts.scheme == "https":
            context = ssl._create_unverified_context()
            return http.client.HTTPSConnection(str(parts.hostname), parts.port, context=context, timeout=30)
        return http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)


def _parsed(path: str, answer: http.client.HTTPResponse, text: str) -> Any:
    """An object, the events of a watch, or text."""
    if "json" not in (answer.headers["Content-Type"] or ""):
        return text
    if "watch=true" in path and answer.status == 200:
        return [json.loads(line) for line in text.splitlines()]
    return json.loads(text)


@pytest.fixture(scope="module")
def cluster() -> Iterator[SimulatedCluster]:
    """A cluster without a shop, four times as fast as the wall."""
    with SimulatedCluster(shop=False, rate=4.0) as running:
        yield running
        assert running.engine.failures == []


@pytest.fixture
def call(cluster: SimulatedCluster) -> Client:
    """The administrator over plain HTTP."""
    return Client(cluster.url, cluster.token)


@pytest.fixture
def kubeconfig(cluster: SimulatedCluster, tmp_path: Path) -> Path:
    """The administrator's kubeconfig."""
    return cluster.kubeconfig(tmp_path / "kubeconfig")
