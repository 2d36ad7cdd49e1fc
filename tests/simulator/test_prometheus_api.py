from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from tests.simulator.instant import START, InstantCluster

from chaoskit.simulator.effects import Effect
from chaoskit.simulator.prometheus import alerts
from chaoskit.simulator.prometheus.server import INSIDE, PrometheusServer

NOW = START.timestamp() + 601


@pytest.fixture(scope="module")
def cluster() -> InstantCluster:
    return InstantCluster(seed=3).run(600)


@pytest.fixture(scope="module")
def url(cluster: InstantCluster) -> Iterator[str]:
    shop = cluster.shop
    server = PrometheusServer(cluster.engine, shop.signals, exposition=shop.metrics)
    server.start()
    yield server.url
    server.stop()


def ask(url: str, path: str, *, post: bool = False, **given: Any) -> tuple[int, Any]:
    form = urllib.parse.urlencode(given, doseq=True)
    request = urllib.request.Request(
        f"{url}{path}" if post or not form else f"{url}{path}?{form}",
        data=form.encode() if post else None,
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def data(url: str, path: str, **given: Any) -> Any:
    status, body = ask(url, path, **given)
    assert (status, body["status"]) == (200, "success"), body
    return body["data"]


def test_an_instant_query_gives_a_vector_of_text_values(url: str) -> None:
    found = data(url, "/api/v1/query", query='chaoskit:ready:bool{workload="cart"}', time=NOW)
    assert found["resultType"] == "vector"
    assert len(found["result"]) == 2
    one = found["result"][0]
    assert one["metric"]["__name__"] == "chaoskit:ready:bool"
    assert set(one["metric"]) == {"__name__", "namespace", "pod", "workload", "workload_kind"}
    assert one["value"] == [NOW, "1"]


def test_a_query_may_be_posted(url: str) -> None:
    status, body = ask(url, "/api/v1/query", post=True, query="chaoskit:ready:bool", time=NOW)
    assert status == 200
    assert len(body["data"]["result"]) == 23


def test_a_query_without_a_time_is_of_now(url: str) -> None:
    assert data(url, "/api/v1/query", query="chaoskit:node_cpu:ratio")["result"]


@pytest.mark.parametrize(
    ("selector", "workloads"),
    [
        ('{workload=~"cart|orders"}', {"cart", "orders"}),
        ('{workload!~"[^c].*", namespace="shop"}', {"cart", "catalog", "cache"}),
        ("{workload=~'c.t.+',}", {"catalog"}),
        ('{pod=~"cart-.*", workload!="x"}', {"cart"}),
        ('{workload="nobody"}', set()),
    ],
)
def test_selectors_choose_series(url: str, selector: str, workloads: set[str]) -> None:
    found = data(url, "/api/v1/query", query=f"chaoskit:requests:rate{selector}", time=NOW)
    assert {one["metric"]["workload"] for one in found["result"]} == workloads


def test_a_name_may_be_a_label(url: str) -> None:
    query = '{__name__=~"chaoskit:node_.*"}'
    found = data(url, "/api/v1/query", query=query, time=NOW)["result"]
    names = {one["metric"]["__name__"] for one in found}
    assert names == {"chaoskit:node_cpu:ratio", "chaoskit:node_memory:ratio"}


def test_a_range_query_keeps_the_grid_that_was_asked_for(url: str) -> None:
    query, start = 'chaoskit:requests:rate{workload="load"}', NOW - 120
    found = data(url, "/api/v1/query_range", query=query, start=start, end=NOW, step="30s")
    (series,) = found["result"]
    assert [at for at, _ in series["values"]] == [start + 30 * n for n in range(5)]
    assert all(float(value) > 10 for _, value in series["values"])


def test_a_range_is_empty_before_the_beginning(url: str) -> None:
    start = NOW - 7200
    given = {"start": start, "end": start + 60, "step": "15"}
    assert data(url, "/api/v1/query_range", query="chaoskit:ready:bool", **given)["result"] == []


def test_a_range_selector_gives_the_samples_themselves(url: str) -> None:
    query = 'chaoskit:ready:bool{workload="db"}[2m]'
    (series,) = data(url, "/api/v1/query", query=query, time=NOW)["result"]
    times = [at for at, _ in series["values"]]
    assert len(times) == 8
    assert all((at - START.timestamp()) % 15 == 0 for at in times)


def test_times_may_be_rfc3339(url: str) -> None:
    given = {"start": "2026-03-02T09:05:00Z", "end": "2026-03-02T09:06:00Z", "step": "1m"}
    found = data(url, "/api/v1/query_range", query='chaoskit:ready:bool{workload="db"}', **given)
    assert len(found["result"][0]["values"]) == 2


@pytest.mark.parametrize(
    "query",
    ["sum(chaoskit:requests:rate)", "rate(x[5m])", "up > 0", "1", 'a{b="c"} or d', "a offset 5m"],
)
def test_other_promql_is_refused_and_says_what_is_needed(url: str, query: str) -> None:
    status, body = ask(url, "/api/v1/query", query=query)
    assert status == 422
    assert body["status"] == "error"
    assert body["errorType"] == "execution"
    assert "real Prometheus" in body["error"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"query": ""}, "no expression found"),
        ({"query": "a{b=c}"}, "bad label matcher"),
        ({"query": 'a{b=~"("}'}, "parse error"),
        ({"query": "a", "time": "noon"}, "valid timestamp"),
        ({"query": "a", "time": "nan"}, "valid timestamp"),
        ({"query": '{a=""}'}, "non-empty matcher"),
    ],
)
def test_nonsense_is_a_bad_request(url: str, given: dict[str, Any], why: str) -> None:
    status, body = ask(url, "/api/v1/query", **given)
    assert (status, body["errorType"]) == (400, "bad_data")
    assert why in body["error"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"start": 10, "end": 5, "step": 15}, "before start"),
        ({"start": 0, "end": 10, "step": 0}, "zero or negative"),
        ({"start": 0, "end": 11_000, "step": 1}, "11,000 points"),
        ({"start": 0, "end": 10, "step": "soon"}, "valid duration"),
        ({"end": 10, "step": 1}, "valid timestamp"),
    ],
)
def test_bad_ranges_are_refused_as_prometheus_does(url: str, given: dict[str, Any], why: str) -> None:
    status, body = ask(url, "/api/v1/query_range", query="chaoskit:ready:bool", **given)
    assert status == 400
    assert why in body["error"]


def test_series_and_labels_can_be_listed(url: str) -> None:
    series = data(url, "/api/v1/series", **{"match[]": 'chaoskit:ready:bool{workload="db"}'})
    assert [one["workload"] for one in series] == ["db"]
    assert "workload" in data(url, "/api/v1/labels")
    names = data(url, "/api/v1/label/__name__/values")
    assert "chaoskit:memory_usage:ratio" in names
    nodes = data(url, "/api/v1/label/node/values")
    assert nodes == ["node-1", "node-2", "node-3"]
    status, body = ask(url, "/api/v1/series")
    assert status == 400
    assert "match[]" in body["error"]


def test_status_pages_answer(url: str) -> None:
    assert data(url, "/api/v1/status/buildinfo")["version"].startswith("2.")
    assert data(url, "/api/v1/targets")["activeTargets"][0]["health"] == "up"
    assert data(url, "/api/v1/metadata")["chaoskit:ready:bool"][0]["type"] == "gauge"
    (group,) = data(url, "/api/v1/rules")["groups"]
    assert {rule["name"] for rule in group["rules"]} >= {"HighErrorRatio", "PodCrashLooping"}
    with urllib.request.urlopen(f"{url}/-/ready") as answer:
        assert answer.status == 200


def test_an_unknown_page_is_not_found(url: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404") as failure:
        urllib.request.urlopen(f"{url}/api/v1/admin/tsdb/snapshot")
    failure.value.close()


def test_an_alert_is_pending_first_and_fires_when_it_holds() -> None:
    cluster = InstantCluster(seed=3).run(300)
    server = PrometheusServer(cluster.engine, cluster.shop.signals)
    server.start()
    for pod in cluster.pods("shipping"):
        cluster.effects.start(Effect("errors", "shop", pod["metadata"]["name"], 60))
    cluster.run(45)
    early = data(server.url, "/api/v1/alerts")["alerts"]
    cluster.run(90)
    late = data(server.url, "/api/v1/alerts")["alerts"]
    server.stop()
    assert {one["state"] for one in early if one["labels"]["workload"] == "shipping"} == {"pending"}
    fired = [one for one in late if one["labels"]["workload"] == "shipping"]
    assert {one["state"] for one in fired} == {"firing"}
    assert fired[0]["labels"]["alertname"] == "HighErrorRatio"
    assert fired[0]["activeAt"].startswith("2026-03-02T09:0")


def test_a_crash_loop_is_told_by_its_restarts() -> None:
    cluster = InstantCluster(seed=3).run(300)
    (rule,) = [one for one in alerts.RULES if one.name == "PodCrashLooping"]
    cluster.kill_container("shop", cluster.pod("cart"), "cart", exit_code=1)
    cluster.run(60)
    assert not alerts.active(cluster.shop.signals, rule)
    cluster.shop.begin("crash-loop", "orders")
    cluster.run(90)
    found = alerts.active(cluster.shop.signals, rule)
    assert {dict(one.labels)["workload"] for one in found} == {"orders"}
    assert all(one.firing and one.value >= 3 for one in found)
    assert "increase(" in rule.expression


def test_a_server_that_never_started_can_be_stopped(cluster: InstantCluster) -> None:
    PrometheusServer(cluster.engine, cluster.shop.signals).stop()


def test_a_pod_asks_at_the_clusters_address_or_where_the_server_listens(cluster: InstantCluster) -> None:
    server = PrometheusServer(cluster.engine, cluster.shop.signals, port=9091)
    query = f'chaoskit:memory_usage:ratio{{pod="{cluster.pod("cart")}"}}'
    addresses = (INSIDE, "http://prometheus.monitoring.svc.cluster.local:9090/", server.url)
    (value,) = server.values(INSIDE, query)
    assert [server.values(address, query) for address in addresses] == [[value]] * 3


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://no-such-host.nowhere:1",
        "http://prometheus.monitoring",
        "http://prometheus.monitoring:9090/prom",
        "https://prometheus.monitoring:9090",
        "",
    ],
)
def test_a_pod_that_asks_elsewhere_reaches_nothing(cluster: InstantCluster, endpoint: str) -> None:
    server = PrometheusServer(cluster.engine, cluster.shop.signals)
    with pytest.raises(ConnectionError):
        server.values(endpoint, "chaoskit:up:ratio")
