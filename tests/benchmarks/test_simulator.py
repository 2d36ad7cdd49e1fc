"""What the simulator costs at its full size, held to what is promised of it.

``pytest tests/benchmarks/test_simulator.py --benchmark-enable`` measures: a thousand live pods in their own
process, a day of history, ten thousand requests, a hundred watchers over HTTP. Without it each runs once in
a small cluster, and no figure is judged: they are times, and memory as the system counts it. That nothing is
kept of what has gone is judged always, in ``tests/simulator/test_forgetting.py``.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from chaoskit.simulator.cluster import SimulatedCluster

Benchmark = Any
_TICKS = os.sysconf("SC_CLK_TCK")
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done; `judged` where the figures are held to their promises."""

    judged: bool
    pods: int
    history: timedelta
    requests: int
    watchers: int
    changes: int
    pause: float
    """Seconds between two changes: they are spread over more than one step of the shop's traffic."""
    seconds: float
    churned: int
    rounds: int


FULL = Size(True, 1000, timedelta(days=1), 10_000, 100, 300, 0.06, 20.0, 100, 6)
SMALL = Size(False, 30, timedelta(minutes=10), 20, 5, 3, 0.0, 0.2, 5, 1)
MAY_STAY = 10_000
"""Bytes of each pod that ran: its series, until their retention ends."""


@pytest.fixture(scope="module")
def size(request: pytest.FixtureRequest) -> Size:
    return FULL if request.config.getoption("benchmark_enable") else SMALL


@dataclass(frozen=True, slots=True)
class Living:
    """A simulated cluster in a process of its own, at real pace."""

    pid: int
    host: str
    port: int
    token: str

    @property
    def cpu(self) -> float:
        """Seconds of CPU that it has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def memory(self) -> int:
        """Bytes that it has in memory."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found is not None
        return int(found[1]) * 1024

    @property
    def authorized(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def connect(self) -> closing[http.client.HTTPConnection]:
        """A connection for a while."""
        return closing(http.client.HTTPConnection(self.host, self.port, timeout=60))

    def ask(self, connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> Any:
        """The object that is answered."""
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, self.authorized | _JSON)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status < 300, text
        return json.loads(text)


@pytest.fixture(scope="module")
def living(size: Size, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    state = tmp_path_factory.mktemp("living")
    command = [sys.executable, "-m", "chaoskit.simulator", "--state", str(state)]
    with subprocess.Popen([*command, "--pods", str(size.pods), "--history", "0.1"]) as process:
        try:
            deadline = time.monotonic() + 300
            while not (state / "status.json").exists():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            where = urlsplit(json.loads((state / "status.json").read_text())["url"])
            user = yaml.safe_load((state / "kubeconfig").read_text())["users"][0]["user"]
            cluster = Living(process.pid, str(where.hostname), int(where.port or 0), user["token"])
            with cluster.connect() as opened:
                _until_run(cluster, opened, "/api/v1/namespaces/shop/pods", size.pods)
            yield cluster
        finally:
            process.send_signal(signal.SIGTERM)


@pytest.fixture
def connection(living: Living) -> Iterator[http.client.HTTPConnection]:
    with living.connect() as opened:
        yield opened


def once(benchmark: Benchmark, work: Callable[[], Any]) -> Any:
    """What one turn gives; its time is the figure."""
    return benchmark.pedantic(work, rounds=1)


def test_a_day_of_history_for_thirty_pods(benchmark: Benchmark, size: Size) -> None:
    def live() -> int:
        start = datetime(2026, 1, 1, tzinfo=UTC)
        with SimulatedCluster(start=start, history=size.history, pods=30) as cluster:
            return len(cluster.api.list("Pod", "shop"))

    begun = time.process_time()
    assert once(benchmark, live) == 30
    benchmark.extra_info["cpu s"] = used = round(time.process_time() - begun, 1)
    if size.judged:
        assert used < 20  # one thread does it all: on a machine with a core to spare, the time it takes


def test_a_thousand_live_pods_leave_most_of_a_core(benchmark: Benchmark, size: Size, living: Living) -> None:
    def share() -> float:
        before, begun = living.cpu, time.monotonic()
        time.sleep(size.seconds)
        return (living.cpu - before) / (time.monotonic() - begun)

    found = once(benchmark, share)
    benchmark.extra_info["share of a core"] = round(found, 3)
    assert found >= 0
    if size.judged:
        assert found < 0.25


def test_one_pod_after_ten_thousand_requests(
    benchmark: Benchmark, size: Size, living: Living, connection: http.client.HTTPConnection
) -> None:
    pods = living.ask(connection, "GET", "/api/v1/namespaces/shop/pods")["items"]
    paths = [f"/api/v1/namespaces/shop/pods/{pod['metadata']['name']}" for pod in pods]
    for number in range(size.requests):
        living.ask(connection, "GET", paths[number % len(paths)])
    found = benchmark(living.ask, connection, "GET", paths[0])
    assert found["metadata"]["name"] == pods[0]["metadata"]["name"]
    if size.judged:
        assert benchmark.stats.stats.median < 0.002


def test_all_pods_in_one_list(
    benchmark: Benchmark, size: Size, living: Living, connection: http.client.HTTPConnection
) -> None:

    def read() -> bytes:
        connection.request("GET", "/api/v1/namespaces/shop/pods", headers=living.authorized)
        return connection.getresponse().read()

    assert len(json.loads(benchmark(read))["items"]) >= size.pods
    if size.judged:
        assert benchmark.stats.stats.median < 0.040


def test_a_hundred_watchers_hear_of_a_change_soon(
    benchmark: Benchmark, size: Size, living: Living, connection: http.client.HTTPConnection
) -> None:
    with selectors.DefaultSelector() as watchers, ExitStack() as opened:
        for _ in range(size.watchers):
            watchers.register(opened.enter_context(_watching(living)), selectors.EVENT_READ)
        lags = once(benchmark, lambda: _lags(living, connection, watchers, size))
    assert len(lags) == size.watchers * size.changes
    p99 = sorted(lags)[int(0.99 * (len(lags) - 1))]
    benchmark.extra_info |= {"lag p50 s": round(statistics.median(lags), 4), "lag p99 s": round(p99, 4)}
    if size.judged:
        assert p99 < 0.100


def _watching(living: Living) -> socket.socket:
    """A connection on which changes of config maps in ``default`` come, from now on."""
    path = "/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=0&sendInitialEvents=false"
    head = f"GET {path} HTTP/1.1\r\nHost: {living.host}\r\nAuthorization: Bearer {living.token}\r\n\r\n"
    connection = socket.create_connection((living.host, living.port), timeout=30)
    connection.sendall(head.encode())
    return connection


def _lags(
    living: Living, connection: http.client.HTTPConnection, watchers: selectors.BaseSelector, size: Size
) -> list[float]:
    """Seconds from each answered write until each watcher has read of it."""
    path, lags = "/api/v1/namespaces/default/configmaps", []
    for number in range(size.changes):
        time.sleep(size.pause)
        name = f"watched-{time.monotonic_ns()}-{number}"
        begun = time.monotonic()
        living.ask(connection, "POST", path, {"metadata": {"name": name}})
        waiting = {key.fd for key in watchers.get_map().values()}
        heard: dict[int, bytes] = dict.fromkeys(waiting, b"")
        while waiting:
            ready = watchers.select(timeout=30)
            assert ready, "a watcher heard nothing"
            now = time.monotonic()
            for key, _ in ready:
                heard[key.fd] += os.read(key.fd, 65536)
                if key.fd in waiting and name.encode() in heard[key.fd]:
                    waiting.remove(key.fd)
                    lags.append(now - begun)
    return lags


def test_memory_stays_flat_while_pods_run_and_go(
    benchmark: Benchmark, size: Size, living: Living, connection: http.client.HTTPConnection
) -> None:
    for _ in range(size.rounds // 2):
        _churn(living, connection, size.churned)
    before = living.memory

    def churn() -> int:
        for _ in range(size.rounds):
            _churn(living, connection, size.churned)
        return living.memory

    grown = once(benchmark, churn) - before
    benchmark.extra_info |= {"megabytes": round(before / 2**20), "grown": round(grown / before, 4)}
    assert grown > -before
    if size.judged:
        assert grown < 0.05 * before + MAY_STAY * size.rounds * size.churned


def _churn(living: Living, connection: http.client.HTTPConnection, count: int) -> None:
    """So many pods came, ran on nodes, and went with what was told of them."""
    path = "/api/v1/namespaces/default"
    container = {"name": "main", "image": "busybox:1.35", "command": ["sleep", "3600"]}
    for number in range(count):
        pod = {"metadata": {"name": f"p{number}"}, "spec": {"containers": [container]}}
        living.ask(connection, "POST", f"{path}/pods", pod)
    _until_run(living, connection, f"{path}/pods", count)
    living.ask(connection, "DELETE", f"{path}/pods?gracePeriodSeconds=0")
    living.ask(connection, "DELETE", f"{path}/events")


def _until_run(living: Living, connection: http.client.HTTPConnection, path: str, count: int) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        pods = living.ask(connection, "GET", path)["items"]
        if sum(pod["status"].get("phase") == "Running" for pod in pods) >= count:
            return
        time.sleep(0.5)
    pytest.fail("the pods did not run in time")
