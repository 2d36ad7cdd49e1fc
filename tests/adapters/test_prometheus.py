"""Signals from Prometheus: scripted, from made history, and from a real one that scrapes the simulator."""

from __future__ import annotations

import json
import math
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.servers import PrometheusServer, free_port, until
from tests.wire import Answer, Asked, Scripted, scripted

from chaoskit.adapters.prometheus import PrometheusMetrics
from chaoskit.clock import ManualClock, Pace, WallClock
from chaoskit.errors import CannotStart, Forbidden, Unavailable
from chaoskit.outcome import Outcome, of_error
from chaoskit.ports.metrics import QueryRefused, Sample, Series
from chaoskit.signals import BY_NAME, CATALOGUE, selector
from chaoskit.signals.lint import Finding, lint
from chaoskit.signals.rules import groups
from chaoskit.simulator.cluster import SimulatedCluster

MEMORY, READY, ERRORS = BY_NAME["memory_usage"], BY_NAME["ready"], BY_NAME["error_ratio"]
T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT = T0.timestamp()


class Metrics:
    """Answers to queries, by a part of their text; the longest that fits wins."""

    def __init__(self) -> None:
        self.vectors: dict[str, list[tuple[dict[str, str], float, float]]] = {"vector(1)": [({}, AT, 1)]}
        self.failures: dict[str, Answer] = {}
        self.began: dict[str, float] = {}
        self.queries: list[str] = []

    def __call__(self, asked: Asked) -> Answer:
        given = parse_qs(urlsplit(asked.path).query)
        query = given["query"][0]
        self.queries.append(query)
        if failing := [part for part in self.failures if part in query]:
            return self.failures[failing[0]]
        fits = sorted((part for part in self.vectors if part in query), key=len)
        found = self.vectors[fits[-1]] if fits else []
        if "step" in given:
            began = next((at for part, at in self.began.items() if part in query), 0.0)
            ranges = [(m, [each for each in grid(given, value) if each[0] >= began]) for m, _, value in found]
            return success([{"metric": m, "values": values} for m, values in ranges if values])
        return success([{"metric": m, "value": [at, str(value)]} for m, at, value in found])


def grid(given: dict[str, list[str]], value: float) -> list[list[Any]]:
    start, end, step = (float(given[name][0]) for name in ("start", "end", "step"))
    return [[start + step * n, str(value)] for n in range(int((end - start) / step) + 1)]


def success(result: list[Any]) -> Answer:
    return Answer(body={"status": "success", "data": {"resultType": "vector", "result": result}})


def error(code: int, kind: str, text: str) -> Answer:
    return Answer(code, {"status": "error", "errorType": kind, "error": text})


CART = {"namespace": "shop", "pod": "cart-1", "workload": "cart"}


@pytest.fixture
def script() -> Metrics:
    return Metrics()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(T0)


@pytest.fixture
def wire(script: Metrics) -> Iterator[Scripted]:
    with scripted(script) as server:
        yield server


@pytest.fixture
def metrics(wire: Scripted, clock: ManualClock) -> Iterator[PrometheusMetrics]:
    with PrometheusMetrics(wire.url + "/", clock=clock, token="s3cret") as opened:
        yield opened


def test_a_recorded_sample_carries_its_own_time(metrics: PrometheusMetrics, script: Metrics) -> None:
    script.vectors[MEMORY.record] = [({"__name__": MEMORY.record, **CART}, AT, 0.5)]
    script.vectors["timestamp("] = []
    script.vectors[f"timestamp({MEMORY.record})"] = [(CART, AT, AT - 7)]
    script.vectors["unless"] = script.vectors[MEMORY.record]
    script.vectors[f"{MEMORY.record} unless (time() - timestamp({MEMORY.record}) > 75)"] = script.vectors[
        "unless"
    ]
    assert metrics.instant(MEMORY) == (Sample(CART, 0.5, T0 - timedelta(seconds=7)),)


def test_labels_become_matchers(metrics: PrometheusMetrics, script: Metrics) -> None:
    script.vectors[MEMORY.record] = [(CART, AT, 0.5)]
    metrics.instant(MEMORY, {"workload": 'a"b\\c', "namespace": "shop"})
    quoted = 'chaoskit:memory_usage:ratio{namespace="shop",workload="a\\"b\\\\c"}'
    assert selector(MEMORY.record, {"namespace": "shop", "workload": 'a"b\\c'}) == quoted
    assert quoted in script.queries[-1]


def test_what_was_never_recorded_is_computed_and_filtered(
    metrics: PrometheusMetrics, script: Metrics
) -> None:
    script.vectors["kube_pod_owner"] = [(CART, AT, 0.7), ({"namespace": "shop", "pod": "x"}, AT, 0.1)]
    assert metrics.instant(MEMORY, {"workload": "cart"}) == (Sample(CART, 0.7, T0),)
    assert len(metrics.instant(MEMORY)) == 2


def test_a_series_that_is_not_among_the_recorded_is_not_computed(
    metrics: PrometheusMetrics, script: Metrics
) -> None:
    script.vectors["kube_pod_owner"] = [(CART, AT, 0.7)]
    script.failures['{workload="cart"}'] = success([])
    script.vectors[MEMORY.record] = [({"workload": "other"}, AT, 0.2)]
    assert metrics.instant(MEMORY, {"workload": "cart"}) == ()


def test_that_a_signal_is_not_recorded_is_remembered_for_a_while(
    metrics: PrometheusMetrics, script: Metrics, clock: ManualClock
) -> None:
    script.vectors["kube_pod_owner"] = [(CART, AT, 0.7)]
    metrics.instant(MEMORY)
    script.queries.clear()
    metrics.instant(MEMORY)
    assert len(script.queries) == 1
    clock.turn(301)
    script.queries.clear()
    metrics.instant(MEMORY)
    assert script.queries[0].startswith(MEMORY.record)


def test_what_is_recorded_today_says_nothing_of_last_month(
    metrics: PrometheusMetrics, script: Metrics
) -> None:
    script.vectors["kube_pod_owner"] = [(CART, AT, 0.7)]
    metrics.instant(MEMORY)
    script.queries.clear()
    metrics.instant(MEMORY, at=T0 - timedelta(days=30))
    assert script.queries[0].startswith(MEMORY.record)


def test_a_source_of_recorded_names_alone_is_asked_for_nothing_else(
    metrics: PrometheusMetrics, script: Metrics
) -> None:
    for foreign in ("vector(1)", "timestamp(", "kube_pod_owner"):
        script.failures[foreign] = error(422, "execution", "names only")
    script.vectors[MEMORY.record] = [(CART, AT, 0.5)]
    assert metrics.instant(MEMORY) == (Sample(CART, 0.5, T0),)
    assert metrics.instant(ERRORS) == ()
    assert script.queries == ["vector(1)", MEMORY.record, ERRORS.record]


def test_a_signal_that_is_known_from_files_alone_is_asked_of_nobody(
    metrics: PrometheusMetrics, script: Metrics
) -> None:
    signal = replace(MEMORY, record="", promql="")
    assert metrics.instant(signal) == ()
    assert script.queries == []


def test_no_series_is_an_empty_answer_never_zero(metrics: PrometheusMetrics) -> None:
    assert metrics.instant(MEMORY) == ()
    assert metrics.range(MEMORY, T0, T0 + timedelta(minutes=1)) == ()


@pytest.mark.parametrize("text", ["NaN", "+Inf", "-Inf"])
def test_what_is_no_number_is_no_sample(metrics: PrometheusMetrics, script: Metrics, text: str) -> None:
    script.vectors[MEMORY.record] = [(CART, AT, float(text)), ({"pod": "b"}, AT, 1.0)]
    assert [sample.value for sample in metrics.instant(MEMORY)] == [1.0]
    (broken,) = (each for each in metrics.range(MEMORY, T0, T0) if each.labels == CART)
    assert math.isnan(broken.values[0])


def test_the_past_before_the_rules_is_computed_and_joined(
    metrics: PrometheusMetrics, script: Metrics
) -> None:
    other = {"namespace": "shop", "pod": "gone", "workload": "gone"}
    script.vectors["kube_pod_owner"] = [(CART, AT, 0.7), (other, AT, 0.1)]
    script.vectors[MEMORY.record] = [({"__name__": MEMORY.record, **CART}, AT, 0.5)]
    script.began[MEMORY.record] = AT + 30
    found = metrics.range(MEMORY, T0, T0 + timedelta(seconds=60), step=15)
    values = {each.labels["pod"]: list(each.values) for each in found}
    assert values["cart-1"] == [0.7, 0.7, 0.5, 0.5, 0.5]
    assert values["gone"][:2] == [0.1, 0.1]
    assert all(map(math.isnan, values["gone"][2:]))
    (only,) = metrics.range(MEMORY, T0, T0 + timedelta(seconds=60), step=15, where={"workload": "cart"})
    assert list(only.values) == values["cart-1"]


def test_a_range_that_is_recorded_from_its_begin_is_computed_nowhere(
    metrics: PrometheusMetrics, script: Metrics
) -> None:
    script.vectors[MEMORY.record] = [({"__name__": MEMORY.record, **CART}, AT, 0.5)]
    metrics.range(MEMORY, T0, T0 + timedelta(seconds=60), step=15)
    assert not [query for query in script.queries if "kube_pod_owner" in query]


def test_a_long_range_is_read_in_parts_and_joined(metrics: PrometheusMetrics, script: Metrics) -> None:
    script.vectors[MEMORY.record] = [(CART, AT, 0.5)]
    end = T0 + timedelta(seconds=15 * 25_000)
    (series,) = metrics.range(MEMORY, T0, end)
    assert (series.start, series.step, len(series.values)) == (T0, 15, 25_001)
    assert not any(math.isnan(value) for value in series.values)
    assert sum(MEMORY.record in query for query in script.queries) == 3


def test_a_grid_that_does_not_begin_at_a_whole_second_is_kept(
    metrics: PrometheusMetrics, script: Metrics
) -> None:
    script.vectors[MEMORY.record] = [(CART, AT, 0.5)]
    start = T0 + timedelta(milliseconds=400)
    (series,) = metrics.range(MEMORY, start, start + timedelta(seconds=44), step=15)
    assert list(series.values) == [0.5, 0.5, 0.5]


def test_a_query_that_prometheus_refuses_tells_its_own_words(
    metrics: PrometheusMetrics, script: Metrics
) -> None:
    script.failures["kube_pod_owner"] = error(422, "execution", "many-to-many matching not allowed")
    with pytest.raises(QueryRefused, match="HTTP 422: many-to-many matching not allowed"):
        metrics.instant(MEMORY)


def test_a_denied_query_is_forbidden(metrics: PrometheusMetrics, wire: Scripted) -> None:
    wire.will(Answer(403, b"go away"))
    with pytest.raises(Forbidden, match="go away") as raised:
        metrics.instant(MEMORY)
    assert of_error(raised.value) is Outcome.REFUSED


def test_who_is_not_known_cannot_start_no_guard_refused_anything(
    metrics: PrometheusMetrics, wire: Scripted
) -> None:
    wire.will(Answer(401, b"who are you"))
    with pytest.raises(CannotStart, match="who are you") as raised:
        metrics.instant(MEMORY)
    assert of_error(raised.value) is Outcome.CANNOT_START
    assert "prometheus_token" in raised.value.hint


def test_a_busy_prometheus_is_asked_again(
    metrics: PrometheusMetrics, wire: Scripted, script: Metrics
) -> None:
    script.vectors[MEMORY.record] = [(CART, AT, 0.5)]
    wire.will(error(503, "unavailable", "starting"))
    assert len(metrics.instant(MEMORY)) == 1


def test_a_prometheus_that_stays_busy_is_unavailable_in_its_own_words(
    metrics: PrometheusMetrics, wire: Scripted
) -> None:
    wire.will(*[error(503, "unavailable", "starting up")] * 3)
    with pytest.raises(Unavailable, match="HTTP 503: starting up"):
        metrics.instant(MEMORY)


def test_a_prometheus_that_is_not_there_is_unavailable(clock: ManualClock) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with PrometheusMetrics(url, clock=clock) as metrics, pytest.raises(Unavailable) as raised:
        metrics.instant(MEMORY)
    assert (raised.value.service, raised.value.address) == ("Prometheus", url)


@pytest.mark.parametrize("login", ["me:hunter22", "me:hunt/er22", "me:hunter@22"])
def test_a_prometheus_is_told_without_its_login(clock: ManualClock, login: str) -> None:
    place = f"127.0.0.1:{free_port()}"
    address = f"http://{login}@{place}"
    with PrometheusMetrics(address, clock=clock) as metrics, pytest.raises(Unavailable) as raised:
        metrics.instant(MEMORY)
    assert raised.value.address == f"http://(hidden)@{place}"
    assert raised.value.message.startswith(f"http://(hidden)@{place} cannot be reached: ")
    assert "22" not in raised.value.message.replace(place, "")


def test_a_prometheus_that_does_not_answer_in_time_is_asked_once(clock: ManualClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with PrometheusMetrics(url, clock=clock, timeout=0.3) as metrics:
            with pytest.raises(Unavailable, match="in time"):
                metrics.instant(MEMORY)
            with pytest.raises(Unavailable, match="in time"):
                metrics.alerts()
        silent.setblocking(False)
        assert len(list(_waiting(silent))) == 2


def _waiting(server: socket.socket) -> Iterator[object]:
    """Connections that nobody has accepted yet."""
    with suppress(BlockingIOError):
        while True:
            connection, _ = server.accept()
            connection.close()
            yield connection


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"status": "ok"}', b"[]"])
def test_another_server_is_recognised(metrics: PrometheusMetrics, wire: Scripted, body: bytes) -> None:
    wire.will(Answer(body=body))
    with pytest.raises(Unavailable):
        metrics.instant(MEMORY)


def test_of_another_servers_page_no_more_than_a_line_is_told(
    metrics: PrometheusMetrics, wire: Scripted
) -> None:
    wire.will(Answer(404, b"<!DOCTYPE html>" + b"x" * 500 + b"\n<p>" * 100))
    with pytest.raises(Unavailable) as caught:
        metrics.instant(MEMORY)
    assert caught.value.message.endswith("x (is that Prometheus?)")
    assert len(caught.value.message) < 170


def test_the_token_is_sent(metrics: PrometheusMetrics, wire: Scripted) -> None:
    metrics.instant(MEMORY)
    assert {asked.headers["Authorization"] for asked in wire.asked} == {"Bearer s3cret"}


def test_every_question_waits_for_its_turn(wire: Scripted, script: Metrics, clock: ManualClock) -> None:
    script.vectors[MEMORY.record] = [(CART, AT, 0.5)]
    with PrometheusMetrics(wire.url, clock=clock, pace=Pace(2, clock)) as slowed:
        slowed.range(MEMORY, T0, T0 + timedelta(seconds=15 * 25_000))
    assert clock.monotonic() == pytest.approx((len(script.queries) - 1) / 2)


def test_the_samples_of_the_best_measured_series_are_told(metrics: PrometheusMetrics, wire: Scripted) -> None:
    rows = [{"metric": CART, "values": [[AT - 15, "1"], [AT, "1"]]}, {"metric": {}, "values": [[AT, "2"]]}]
    wire.will(success(rows))
    assert metrics.sampled("up", 60) == (T0 - timedelta(seconds=15), T0)
    assert metrics.sampled("up", 60) == ()


def test_alerts_are_listed_with_state_and_time(metrics: PrometheusMetrics, wire: Scripted) -> None:
    labels = {"alertname": "HighErrors", "namespace": "shop"}
    firing = {"labels": labels, "state": "firing", "activeAt": "2026-03-01T12:00:00.123456789Z", "value": "1"}
    wire.will(Answer(body={"status": "success", "data": {"alerts": [firing]}}))
    (alert,) = metrics.alerts()
    assert (alert.name, alert.labels, alert.state) == ("HighErrors", {"namespace": "shop"}, "firing")
    assert alert.since == T0 + timedelta(microseconds=123456)


# ---------------------------------------------------------------------- history in a real Prometheus

STEPS = 12_000
"""More points than Prometheus gives at once."""


@pytest.fixture
def history(real_prometheus: Callable[..., PrometheusServer], tmp_path: Path) -> PrometheusServer:
    """A Prometheus with two days of made history: recorded memory with gaps, readiness only raw."""
    folder = tmp_path / "history"
    folder.mkdir()
    (folder / "history.om").write_text("\n".join([*openmetrics(), "# EOF", ""]))
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "history.om", folder / "data"],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return real_prometheus(folder=folder)


def openmetrics() -> Iterator[str]:
    """Cart has a gap of two minutes at step 100, mail ends at step 50; both are owned. Lone dies at 10."""
    yield f"# TYPE {MEMORY.record} gauge"
    cart = f'{MEMORY.record}{{namespace="shop",pod="cart-1",workload="cart"}}'
    yield from (f"{cart} {step} {AT + 15 * step + 2:.0f}" for step in range(STEPS) if not 100 <= step < 108)
    mail = f'{MEMORY.record}{{namespace="shop",pod="mail-1",workload="mail"}}'
    yield from (f"{mail} 1 {AT + 15 * step + 2:.0f}" for step in range(50))
    yield "# TYPE kube_pod_status_ready gauge"
    for step in range(60):
        for name in ("cart-5c8d-x1", "lone"):
            labels = f'namespace="shop",pod="{name}",condition="true"'
            yield f"kube_pod_status_ready{{{labels}}} 1 {AT + 15 * step:.0f}"
    yield "# TYPE container_memory_working_set_bytes gauge"
    for container, steps in {"killed": range(10), "running": range(11, 60)}.items():
        labels = f'namespace="shop",pod="lone",container="app",image="app:1",id="/{container}"'
        for step in steps:
            yield f"container_memory_working_set_bytes{{{labels}}} {900 - 10 * step} {AT + 15 * step:.0f}"
    yield "# TYPE kube_pod_owner gauge"
    for step in range(60):
        labels = 'namespace="shop",pod="cart-5c8d-x1",owner_kind="ReplicaSet",owner_name="cart-5c8d"'
        yield f"kube_pod_owner{{{labels}}} 1 {AT + 15 * step:.0f}"


@pytest.mark.real
def test_history_is_read_as_it_was_made(history: PrometheusServer) -> None:
    with PrometheusMetrics(history.url, clock=WallClock()) as metrics:
        start = T0 + timedelta(seconds=15)
        series = metrics.range(MEMORY, start, start + timedelta(seconds=15 * (STEPS - 2)))
        cart = next(each for each in series if each.labels["workload"] == "cart")
        mail = next(each for each in series if each.labels["workload"] == "mail")
        check_history(cart, mail)
        check_moments(metrics)
        check_raw(metrics)
        check_killed(metrics)


def check_history(cart: Series, mail: Series) -> None:
    """Point i lies at step i + 1, two seconds before that step's sample: it still shows the one before."""
    held = 5  # points that a value of at most 75 s lasts for
    assert len(cart.values) == STEPS - 1
    assert list(cart.values[:3]) == [0, 1, 2]
    gap = [index for index, value in enumerate(cart.values) if math.isnan(value)]
    assert gap == list(range(99 + held, 108))
    assert cart.values[-1] == STEPS - 2
    present = [index for index, value in enumerate(mail.values) if not math.isnan(value)]
    assert present == list(range(49 + held))


def check_moments(metrics: PrometheusMetrics) -> None:
    """A sample says when it was taken; one that is too old is none."""
    moment = T0 + timedelta(seconds=15 * 40 + 10)
    (sample,) = metrics.instant(MEMORY, {"workload": "cart"}, at=moment)
    assert (sample.value, sample.at) == (40, T0 + timedelta(seconds=15 * 40 + 2))
    assert len(metrics.instant(MEMORY, at=moment)) == 2
    assert metrics.instant(MEMORY, {"workload": "mail"}, at=T0 + timedelta(seconds=15 * 49 + 60))
    assert not metrics.instant(MEMORY, {"workload": "mail"}, at=T0 + timedelta(seconds=15 * 49 + 80))


def check_raw(metrics: PrometheusMetrics) -> None:
    """What no rule recorded comes from the raw series, with its workload where the owner is known."""
    moment = T0 + timedelta(seconds=100)
    owned = {"namespace": "shop", "pod": "cart-5c8d-x1", "workload": "cart", "workload_kind": "deployment"}
    found = {sample.labels["pod"]: sample for sample in metrics.instant(READY, at=moment)}
    assert found["cart-5c8d-x1"].labels == owned
    assert found["lone"].labels == {"namespace": "shop", "pod": "lone"}
    assert [each.labels for each in metrics.instant(READY, {"workload": "cart"}, at=moment)] == [owned]
    (series,) = metrics.range(READY, T0, moment, where={"workload": "cart"})
    assert list(series.values) == [1.0] * 7


def check_killed(metrics: PrometheusMetrics) -> None:
    """Prometheus still serves the memory of a container that is gone, but it is no pod's any more."""
    moment = T0 + timedelta(seconds=15 * 20)
    (sample,) = metrics.instant(BY_NAME["memory_bytes"], at=moment)
    assert sample.value == 900 - 10 * 20


@pytest.mark.real
def test_a_real_prometheus_refuses_in_its_own_words(real_prometheus: Callable[..., PrometheusServer]) -> None:
    server = real_prometheus()
    broken = replace(MEMORY, promql="sum(", record="chaoskit:never:recorded")
    with PrometheusMetrics(server.url, clock=WallClock()) as metrics:
        with pytest.raises(QueryRefused, match="parse error"):
            metrics.instant(broken)
        assert metrics.alerts() == ()


# ---------------------------------------------------------------------- a real one scrapes the simulator


def rules() -> str:
    """Every signal of the catalogue as a recording rule, once a second; and an alert that fires at once."""
    found = groups(CATALOGUE)["groups"]
    found[0]["rules"].append({"alert": "Always", "expr": "vector(1)", "labels": {"severity": "info"}})
    return json.dumps({"groups": [{**group, "interval": "1s"} for group in found]})


@pytest.mark.real
def test_the_rules_get_from_the_exposition_what_the_simulator_records(
    real_prometheus: Callable[..., PrometheusServer],
) -> None:
    with SimulatedCluster(rate=1.0, history=timedelta(minutes=5)) as simulated:
        target = simulated.prometheus_url.removeprefix("http://")
        job = {"job_name": "simulator", "honor_labels": True, "static_configs": [{"targets": [target]}]}
        scraping = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "scrape_configs": [job]}
        server = real_prometheus(
            "\n".join(f"{key}: {json.dumps(value)}" for key, value in scraping.items()), rules()
        )
        with (
            PrometheusMetrics(server.url, clock=WallClock()) as real,
            PrometheusMetrics(simulated.prometheus_url, clock=WallClock()) as own,
        ):
            expected = {signal.name: owners(own.instant(signal)) for signal in CATALOGUE}
            found: dict[str, set[tuple[str, ...]]] = {}

            def all_there() -> bool:
                found.update({signal.name: owners(real.instant(signal)) for signal in CATALOGUE})
                return all(found[name] >= series for name, series in expected.items())

            until(all_there, 45, "the rules do not get every series")
            assert sum(bool(series) for series in expected.values()) > 20
            compare(own, real)
            assert [alert.name for alert in real.alerts()] == ["Always"]
            until(lambda: linted(real, "ready").interval == 1, 10, "nothing is recorded once a second")
            assert linted(real, "ready").state == "recorded"
            assert linted(real, "db_up").metrics["pg_up"] is False


def linted(metrics: PrometheusMetrics, name: str) -> Finding:
    """What there is of one signal in the shop."""
    (found,) = lint(metrics, [BY_NAME[name]], "shop")
    return found


def owners(samples: tuple[Sample, ...]) -> set[tuple[str, ...]]:
    """Which things the samples are of: by the labels that both sides promise."""
    names = ("namespace", "pod", "workload", "source", "node")
    return {tuple(sample.labels.get(name, "") for name in names) for sample in samples}


def compare(own: PrometheusMetrics, real: PrometheusMetrics) -> None:
    """What does not jump has the same value on both sides."""
    for name in ("memory_usage", "memory_bytes", "ready", "restarts", "fs_usage", "db_connections"):
        mine, theirs = values(own, name), values(real, name)
        for pod, value in mine.items():
            assert theirs[pod] == pytest.approx(value, rel=0.1, abs=0.05), (name, pod)


def values(metrics: PrometheusMetrics, name: str) -> dict[str, float]:
    return {sample.labels["pod"]: sample.value for sample in metrics.instant(BY_NAME[name])}


def test_the_simulators_signals_are_read_over_a_range_too() -> None:
    with (
        SimulatedCluster(rate=1.0, history=timedelta(minutes=10)) as simulated,
        PrometheusMetrics(simulated.prometheus_url, clock=WallClock()) as metrics,
    ):
        end = datetime.now(UTC)
        series = metrics.range(MEMORY, end - timedelta(minutes=5), end, where={"namespace": "shop"})
        assert {each.labels["workload_kind"] for each in series} >= {"deployment"}
        assert all(len(each.values) == 21 for each in series)
        assert all(math.isfinite(each.values[-1]) for each in series)


def test_a_proxy_that_quotes_what_it_was_sent_is_not_quoted(
    metrics: PrometheusMetrics, wire: Scripted
) -> None:
    wire.will(Answer(400, {"error": "who is s3cret"}))
    with pytest.raises(QueryRefused, match=r"who is \(hidden\)"):
        metrics.query("up")
