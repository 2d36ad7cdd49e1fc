from __future__ import annotations

import itertools
import json
import math
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.simulator.instant import DISTURBED, LACKING, InstantCluster

from chaoskit.ports.metrics import Signal
from chaoskit.signals import CATALOGUE
from chaoskit.simulator.effects import Effect
from chaoskit.simulator.prometheus.signals import Signals

SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)\{((?:[\w]+="(?:[^"\\]|\\.)*",?)*)\} (\S+)$')
ANY = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
Labels = frozenset[tuple[str, str]]


def parsed(text: str) -> dict[tuple[str, Labels], float]:
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            sample = SAMPLE.match(line)
            assert sample, line
            key = (sample[1], frozenset(ANY.findall(sample[2])))
            assert key not in found, line
            found[key] = float(sample[3])
    return found


def one(page: Mapping[tuple[str, Labels], float], name: str, **labels: str) -> float:
    (value,) = [v for (n, have), v in page.items() if n == name and labels.items() <= have]
    return value


def test_every_line_is_a_sample_of_a_typed_family_and_none_comes_twice() -> None:
    text = InstantCluster().run(300).shop.metrics()
    page = parsed(text)
    families = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    for name, _ in page:
        family = re.sub("_(bucket|sum|count)$", "", name)
        assert families.get(name) or families[family] == "histogram"
    assert len(page) > 1000


def test_counters_grow_smoothly_between_two_steps() -> None:
    cluster = InstantCluster().run(300)
    pod = cluster.pod("cart")
    seen = []
    for _ in range(6):
        page = parsed(cluster.shop.metrics())
        seen.append(one(page, "http_requests_total", pod=pod, code="200"))
        cluster.run(2)
    steps = [b - a for a, b in itertools.pairwise(seen)]
    assert min(steps) > 0.5 * max(steps) > 0


def test_a_histogram_counts_what_the_request_counter_counts() -> None:
    cluster = InstantCluster().run(300)
    page, pod = parsed(cluster.shop.metrics()), cluster.pod("orders")
    requests = sum(
        value
        for (name, labels), value in page.items()
        if name == "http_requests_total" and ("pod", pod) in labels
    )
    assert one(page, "http_request_duration_seconds_count", pod=pod) == pytest.approx(requests)
    buckets = [
        one(page, "http_request_duration_seconds_bucket", pod=pod, le=bound)
        for bound in ("0.005", "0.05", "0.5", "5", "+Inf")
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1] == pytest.approx(requests)


def test_a_label_with_a_quote_is_escaped() -> None:
    cluster = InstantCluster().run(60)
    name = cluster.pod("cart")
    body = cluster.api.get("Pod", "shop", name)
    assert body is not None
    body["spec"]["containers"][0]["image"] = 'odd"image\\n'
    cluster.api.put("Pod", body)
    cluster.run(30)
    assert 'image="odd\\"image\\\\n"' in cluster.shop.metrics()


def test_a_container_that_waits_has_a_state_but_no_use() -> None:
    cluster = InstantCluster().run(300)
    sick = cluster.pod("cart")
    cluster.kill_container("shop", sick, "cart", reason="OOMKilled")
    cluster.run(5)
    page = parsed(cluster.shop.metrics())
    named = {name for name, labels in page if ("pod", sick) in labels}
    assert "container_memory_working_set_bytes" not in named
    assert one(page, "kube_pod_container_status_waiting_reason", pod=sick) == 1
    reason = "kube_pod_container_status_last_terminated_reason"
    assert one(page, reason, pod=sick, reason="OOMKilled") == 1


# ---------------------------------------------------------------- a real Prometheus reads the page

PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")


@pytest.fixture(scope="module")
def story() -> tuple[str, Signals]:
    """Scrapes of 20 minutes in which something of everything happens, and what was recorded meanwhile."""
    cluster = InstantCluster(seed=8).run(300)
    lines: list[str] = []
    for minute in range(20):
        if minute == 6:
            for app, kind, amount in DISTURBED:
                cluster.effects.start(Effect(kind, "shop", cluster.pod(app), amount))
        if minute == 12:
            cluster.kill_container("shop", cluster.pod("cart"), "cart", reason="OOMKilled")
        for _ in range(4):
            at = cluster.engine.now()
            page = cluster.shop.metrics().splitlines()
            lines += [f"{line} {at:.3f}" for line in page if not line.startswith("#")]
            cluster.run(15)
    return "\n".join([*lines, "# EOF", ""]), cluster.shop.signals


@pytest.fixture(scope="module")
def prometheus(story: tuple[str, Signals], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not PROMETHEUS or not PROMTOOL:
        pytest.skip("prometheus and promtool are not installed")
    folder: Path = tmp_path_factory.mktemp("prometheus")
    (folder / "scrapes.om").write_text(story[0])
    (folder / "prometheus.yml").write_text("global: {}\n")
    blocks = ["tsdb", "create-blocks-from", "openmetrics", "scrapes.om", "data"]
    subprocess.run([PROMTOOL, *blocks], cwd=folder, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([PROMETHEUS, *arguments], cwd=folder, stdout=log, stderr=log)
        try:
            yield ready(f"http://127.0.0.1:{port}", process)
        finally:
            process.terminate()
            process.wait(20)


def ready(url: str, process: subprocess.Popen[bytes]) -> str:
    for _ in range(100):
        assert process.poll() is None, "prometheus ended"
        try:
            with urllib.request.urlopen(f"{url}/-/ready"):
                return url
        except OSError:
            time.sleep(0.1)
    raise AssertionError("prometheus is not ready after 10 s")


def evaluated(url: str, signal: Signal, at: float) -> list[dict[str, Any]]:
    # The shop's applications are scraped every 15 s as all else is: rates of a minute hold four scrapes.
    promql = signal.promql.replace("[2m]", "[1m]")
    form = urllib.parse.urlencode({"query": promql, "time": at}).encode()
    with urllib.request.urlopen(f"{url}/api/v1/query", data=form) as answer:
        found: list[dict[str, Any]] = json.loads(answer.read())["data"]["result"]
    return found


def key_of(signal: Signal, labels: Mapping[str, str]) -> tuple[str, ...]:
    """What tells one series of a signal from another, in the rule's labels or in the recorded ones."""
    if signal.scope == "node":
        return (labels["node"],)
    if signal.scope == "workload":
        return (labels["workload"],)
    if signal.scope == "edge":
        callee = labels.get("destination") or labels.get("workload", "")
        return (labels.get("app") or labels.get("source", ""), callee)
    return (labels["pod"],)


FLAGS = {"waiting_bad", "last_oom", "last_error"}
"""Without the reason there is no series in kube-state-metrics: absent and 0 are the same there."""


@pytest.mark.real
@pytest.mark.parametrize(
    "signal", [one for one in CATALOGUE if one.name not in LACKING], ids=lambda one: one.name
)
def test_a_real_prometheus_gets_the_recorded_signals_from_the_page(
    signal: Signal, prometheus: str, story: tuple[str, Signals]
) -> None:
    signals, floor = story[1], 0.01 if signal.unit == "1/s" else 1e-4
    for step in (20 + 20, 20 + 36, 20 + 70, 20 + 75):
        at = signals.time_of(step)
        theirs = {
            key_of(signal, one["metric"]): float(one["value"][1])
            for one in evaluated(prometheus, signal, at + 1.5)
            if one["value"][1] != "NaN"
        }
        ours = {}
        for name, series in signals.select(()):
            if name == signal.record and not math.isnan(series.at(step)):
                ours[key_of(signal, dict(series.labels))] = series.at(step)
        if signal.name in FLAGS:
            ours = {key: value for key, value in ours.items() if value}
            theirs = {key: value for key, value in theirs.items() if value}
        assert theirs.keys() == ours.keys(), (signal.name, step)
        scale = max(map(abs, ours.values()), default=0.0)
        for key, value in ours.items():
            near = pytest.approx(value, rel=0.12, abs=0.03 * scale + floor)
            assert theirs[key] == near, (signal.name, step, key)
