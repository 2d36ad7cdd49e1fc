from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
from tests.simulator.instant import InstantCluster

from chaoskit.simulator.api import Object
from chaoskit.simulator.effects import Effect, Kind
from chaoskit.simulator.shop import dns
from chaoskit.simulator.traffic import policies, queueing
from chaoskit.simulator.traffic.queueing import Part
from chaoskit.simulator.traffic.state import network_fault
from chaoskit.simulator.traffic.view import Service

SHOP = "shop"


@pytest.fixture
def cluster() -> InstantCluster:
    return InstantCluster(seed=3).run(300)


def disturb(cluster: InstantCluster, kind: Kind, app: str, amount: float, **more: object) -> Effect:
    effect = Effect(kind, SHOP, cluster.pod(app), amount, **more)  # type: ignore[arg-type]
    cluster.effects.start(effect)
    return effect


def latest(cluster: InstantCluster, signal: str, **labels: str) -> list[float]:
    found = cluster.shop.signals.latest(f"chaoskit:{signal}")
    return [
        series.at(cluster.shop.signals.step)
        for series in found
        if labels.items() <= dict(series.labels).items()
    ]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def test_a_quantile_of_a_log_normal_time_lies_in_the_bucket_of_its_median() -> None:
    shares = queueing.cumulative([Part(1.0, 0.07, 0.45)])
    middle = queueing.quantile(0.5, shares)
    assert middle is not None
    assert 0.05 < middle < 0.1
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_quantile_of_no_requests_is_none() -> None:
    assert queueing.quantile(0.5, [0.0] * 11) is None


def test_a_pool_follows_littles_law_while_it_has_room() -> None:
    pool = queueing.pool_state(rate=20, hold=0.1, size=10, held=0)
    assert pool.in_use == pytest.approx(2.0)
    assert pool.timed_out == 0
    assert pool.wait < 0.01


def test_a_pool_of_which_all_is_held_lets_every_request_time_out() -> None:
    pool = queueing.pool_state(rate=20, hold=0.01, size=10, held=10)
    assert (pool.in_use, pool.timed_out, pool.wait) == (10, 1.0, queueing.POOL_TIMEOUT)


def test_waiting_grows_without_a_jump_as_a_pool_fills() -> None:
    waits = [queueing.pool_state(50, 0.05, 10, held).wait for held in range(10)]
    assert waits == sorted(waits)
    assert waits[0] < 0.001
    assert waits[-1] > 0.5


def test_a_network_that_loses_everything_gives_no_answer() -> None:
    assert queueing.lossy(1.0)[0] == 1.0
    assert queueing.lossy(0.0) == (0.0, 0.0)
    assert 0 < queueing.lossy(0.2)[0] < 0.01


def test_each_service_serves_what_its_callers_ask(cluster: InstantCluster) -> None:
    frontend = sum(latest(cluster, "requests:rate", workload="frontend"))
    orders = sum(latest(cluster, "requests:rate", workload="orders"))
    payments = sum(latest(cluster, "requests:rate", workload="payments"))
    assert frontend > 30
    assert orders == pytest.approx(0.25 * frontend, rel=0.05)
    assert payments == pytest.approx(orders, rel=0.05)


def test_a_healthy_shop_fails_almost_nothing(cluster: InstantCluster) -> None:
    assert max(latest(cluster, "errors:ratio")) < 0.02
    assert max(latest(cluster, "latency_p95:seconds")) < 0.5


def test_a_pod_that_is_gone_leaves_its_load_to_the_others(cluster: InstantCluster) -> None:
    before = latest(cluster, "requests:rate", workload="payments")
    cluster.api.objects["Deployment.apps", SHOP, "payments"]["spec"]["replicas"] = 1
    cluster.shop.view.listeners.clear()
    name = cluster.pod("payments")
    cluster.start_pod = lambda deployment: None  # type: ignore[method-assign]
    cluster.api.delete("Pod", SHOP, name)
    cluster.run(120)
    after = latest(cluster, "requests:rate", workload="payments")
    assert len(after) == len(before) - 1
    assert after[0] == pytest.approx(sum(before), rel=0.25)


def test_a_busy_neighbour_in_the_container_slows_its_pod_alone(cluster: InstantCluster) -> None:
    sick = cluster.pod("search")
    before = latest(cluster, "latency_p95:seconds", pod=sick)
    disturb(cluster, "cpu", "search", 2.0)
    cluster.run(90)
    assert latest(cluster, "cpu_limit:ratio", pod=sick)[0] > 0.9
    assert latest(cluster, "cpu_throttled:ratio", pod=sick)[0] > 0.5
    assert latest(cluster, "latency_p95:seconds", pod=sick)[0] > before[0]
    others = [pod["metadata"]["name"] for pod in cluster.pods("search")[1:]]
    assert max(latest(cluster, "cpu_limit:ratio", pod=others[0])) < 0.6


def test_errors_of_a_callee_reach_its_callers_and_no_one_else(cluster: InstantCluster) -> None:
    for pod in cluster.pods("shipping"):
        cluster.effects.start(Effect("errors", SHOP, pod["metadata"]["name"], 50))
    cluster.run(120)
    assert mean(latest(cluster, "errors:ratio", workload="shipping")) == pytest.approx(0.5, abs=0.05)
    assert mean(latest(cluster, "errors:ratio", workload="orders")) == pytest.approx(0.35, abs=0.06)
    assert mean(latest(cluster, "errors:ratio", workload="cart")) < 0.02


def test_a_caller_that_retries_hides_some_errors(cluster: InstantCluster) -> None:
    disturb(cluster, "errors", "recommendations", 40)
    cluster.run(120)
    seen = mean(latest(cluster, "errors:ratio", workload="frontend"))
    assert 0 < seen < 0.6 * 0.5 * 0.4


def test_network_latency_is_seen_by_the_caller_and_not_by_the_callee(
    cluster: InstantCluster,
) -> None:
    before = mean(latest(cluster, "latency_p95:seconds", workload="shipping"))
    for pod in cluster.pods("shipping"):
        cluster.effects.start(Effect("network-latency", SHOP, pod["metadata"]["name"], 0.4))
    cluster.run(120)
    gap = latest(cluster, "edge_gap_p50:seconds", workload="shipping", source="orders")
    assert gap[0] > 0.5
    edges = latest(cluster, "edge_gap_p50:seconds", workload="payments", source="orders")
    assert edges[0] < 0.05
    assert mean(latest(cluster, "latency_p95:seconds", workload="orders")) > before + 0.3


def test_lost_packets_starve_the_pod_and_make_its_node_send_again(cluster: InstantCluster) -> None:
    sick = cluster.pod("cart")
    quiet = latest(cluster, "tcp_retransmits:ratio")
    rate = latest(cluster, "requests:rate", pod=sick)[0]
    disturb(cluster, "network-loss", "cart", 100)
    cluster.run(120)
    assert latest(cluster, "requests:rate", pod=sick)[0] < 0.05 * rate
    assert latest(cluster, "network_dropped:rate", pod=sick)[0] > 0
    assert max(latest(cluster, "tcp_retransmits:ratio")) >= max(quiet)
    assert mean(latest(cluster, "errors:ratio", workload="frontend")) > 0.1


def test_loss_towards_named_peers_leaves_other_calls_alone(cluster: InstantCluster) -> None:
    for pod in cluster.pods("orders"):
        name = pod["metadata"]["name"]
        peers = ("payments.shop.svc.cluster.local|80",)
        cluster.effects.start(Effect("network-latency", SHOP, name, 0.3, peers))
    cluster.run(120)
    edges = "edge_gap_p50:seconds"
    assert latest(cluster, edges, workload="payments", source="orders")[0] > 0.3
    assert latest(cluster, edges, workload="shipping", source="orders")[0] < 0.05


def test_an_effect_that_ends_is_no_longer_felt(cluster: InstantCluster) -> None:
    effect = disturb(cluster, "errors", "cart", 80)
    cluster.run(120)
    assert mean(latest(cluster, "errors:ratio", workload="cart")) > 0.3
    cluster.effects.end(effect)
    cluster.run(120)
    assert mean(latest(cluster, "errors:ratio", workload="cart")) < 0.02


def test_held_connections_fill_the_pool_and_then_fail_requests(cluster: InstantCluster) -> None:
    sick, (connected,) = cluster.pod("catalog"), latest(cluster, "db_connections:ratio")
    disturb(cluster, "hold-connections", "catalog", 10)
    cluster.run(120)
    assert latest(cluster, "db_connections:ratio") == [pytest.approx(connected + 7 / 160, abs=2 / 160)]
    assert latest(cluster, "db_pool_usage:ratio", pod=sick) == [1.0]
    assert latest(cluster, "db_pool_pending:count", pod=sick)[0] > 1
    assert latest(cluster, "db_pool_errors:rate", pod=sick)[0] > 1
    assert latest(cluster, "errors:ratio", pod=sick)[0] > 0.9


@pytest.mark.parametrize(
    ("kind", "amount", "resource", "left"),
    [
        ("disk-used", 56.0 * 2**30, "ephemeral-storage", 10 * 2.0**30),
        ("processes", 31000.0, "pids", 2000.0),
    ],
)
def test_the_kubelet_is_told_of_what_a_node_runs_short_of(
    cluster: InstantCluster, kind: Kind, amount: float, resource: str, left: float
) -> None:
    assert cluster.left == {}
    disturb(cluster, kind, "orders", amount)
    cluster.run(30)
    (short,) = (there for (_, name), there in cluster.left.items() if name == resource)
    assert 0 <= short < left


def test_memory_over_the_limit_is_killed_by_the_kubelet_and_starts_low(
    cluster: InstantCluster,
) -> None:
    sick = cluster.pod("payments")
    effect = disturb(cluster, "memory", "payments", 190 * 2**20)
    cluster.run(30)
    cluster.effects.end(effect)
    cluster.run(60)
    assert latest(cluster, "last_terminated_oom:bool", pod=sick) == [1.0]
    assert latest(cluster, "oom_events:increase5m", pod=sick)[0] >= 1
    assert latest(cluster, "memory_usage:ratio", pod=sick)[0] < 0.6


def test_garbage_is_collected_so_that_healthy_memory_stays_bounded() -> None:
    cluster = InstantCluster(seed=5).run(4 * 3600)
    for series in cluster.shop.signals.latest("chaoskit:memory_usage:ratio"):
        values = [value for value in series.values if not math.isnan(value)]
        assert max(values) < 0.8
        assert max(values) - min(values) > 0.005


@pytest.mark.no_cover  # hours of simulated time, which others cover
def test_two_runs_from_one_seed_record_the_same() -> None:
    def run(seed: int) -> list[float]:
        cluster = InstantCluster(seed=seed, story="training", hours=2).run(5400)
        return latest(cluster, "cpu_usage:cores")

    assert run(11) == run(11)
    assert run(11) != run(12)


def test_a_service_with_a_ready_pod_answers_200(cluster: InstantCluster) -> None:
    network = cluster.shop.network
    statuses = [network("http://frontend.shop.svc.cluster.local/") for _ in range(50)]
    assert statuses.count(200) >= 45
    assert network("http://cart.shop", 2.0) in {200, 500, 502, 503}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://nowhere.shop/", "no such host"),
        ("http://cart.shop:81/", "i/o timeout"),
        ("http://cart/", "no such host"),
    ],
)
def test_a_url_without_a_listener_says_why(cluster: InstantCluster, url: str, why: str) -> None:
    with pytest.raises(ConnectionError, match=why):
        cluster.shop.network(url)


def test_a_service_without_ready_pods_refuses_the_connection(cluster: InstantCluster) -> None:
    cluster.kill_container(SHOP, cluster.pod("cache"), "cache")
    cluster.run(2)
    with pytest.raises(ConnectionError, match="refused"):
        cluster.shop.network("http://cache.shop/")


def test_a_service_may_send_requests_to_pods_that_are_not_ready(cluster: InstantCluster) -> None:
    for pod in cluster.pods("payments"):
        pod["status"]["conditions"][0]["status"] = "False"
        cluster.api.put("Pod", pod)
    cluster.run(90)
    with pytest.raises(ConnectionError, match="refused"):
        cluster.shop.network("http://payments.shop/")
    assert mean(latest(cluster, "errors:ratio", workload="orders")) > 0.9
    cluster.api.patch("Service", SHOP, "payments", {"spec": {"publishNotReadyAddresses": True}})
    cluster.run(120)
    assert cluster.shop.network("http://payments.shop/", 2.0) in {200, 500, 502, 503}
    assert mean(latest(cluster, "errors:ratio", workload="orders")) < 0.05
    cluster.restarted = lambda namespace, pod: None  # type: ignore[method-assign]
    one, other = (pod["metadata"]["name"] for pod in cluster.pods("payments"))
    cluster.kill_container(SHOP, one, "payments")
    cluster.run(120)
    assert mean(latest(cluster, "errors:ratio", workload="orders")) == pytest.approx(0.5, abs=0.05)
    cluster.kill_container(SHOP, other, "payments")
    cluster.run(2)
    with pytest.raises(ConnectionError, match="refused"):  # nothing runs there that could answer
        cluster.shop.network("http://payments.shop/")


def test_services_over_the_same_pods_add_up(cluster: InstantCluster) -> None:
    told = {"catalog": "requests:rate", "cache": "requests:rate", "payments": "requests:rate"}
    told |= {"db": "db_connections:ratio"}

    def now() -> list[float]:
        return [sum(latest(cluster, signal, workload=app)) for app, signal in told.items()]

    before = now()
    for app, twin in (("catalog", "aa-catalog"), ("db", "db-headless"), ("orders", "callbacks")):
        service = cluster.api.get("Service", SHOP, app)
        assert service is not None
        service["metadata"]["name"] = twin
        cluster.api.put("Service", service)
    shares = "aa-catalog=0.5,cache=0.5"
    environment(cluster, "recommendations", UPSTREAMS="http://aa-catalog/,http://cache/", SHARES=shares)
    environment(cluster, "cart", DB="http://db-headless/")
    environment(cluster, "payments", UPSTREAMS="http://callbacks/")  # a cycle, through the callers' own pods
    cluster.run(150)
    assert now() == pytest.approx(before, rel=0.15)
    assert max(latest(cluster, "errors:ratio", workload="catalog")) < 0.02


def rates(cluster: InstantCluster) -> dict[str, float]:
    """Requests a second by workload."""
    apps = ("frontend", "catalog", "cart", "orders", "search", "payments", "shipping", "cache")
    return {app: sum(latest(cluster, "requests:rate", workload=app)) for app in apps}


def over(cluster: InstantCluster, name: str, apps: tuple[str, ...]) -> None:
    """A headless service selects the pods of all these workloads."""
    for pod in (pod for app in apps for pod in cluster.pods(app)):
        pod["metadata"]["labels"][name] = "yes"
        cluster.api.put("Pod", pod)
    spec = {"clusterIP": "None", "selector": {name: "yes"}, "ports": [{"port": 80, "targetPort": "http"}]}
    meta = {"name": name, "namespace": SHOP}
    cluster.api.put("Service", {"kind": "Service", "metadata": meta, "spec": spec})


EVERY = ("load", "frontend", "catalog", "cart", "orders", "search", "payments", "shipping", "cache", "db")


@pytest.mark.parametrize("apps", [EVERY, ("orders", "payments")])
def test_pods_of_one_service_call_one_another(cluster: InstantCluster, apps: tuple[str, ...]) -> None:
    before, late = rates(cluster), latest(cluster, "latency_p95:seconds", workload="orders")
    over(cluster, "aa", apps)
    cluster.run(150)
    assert rates(cluster) == pytest.approx(before, rel=0.15)
    assert mean(latest(cluster, "latency_p95:seconds", workload="orders")) == pytest.approx(
        mean(late), rel=0.3
    )
    assert min(latest(cluster, "db_pool_usage:ratio")) > 0
    assert max(latest(cluster, "errors:ratio")) < 0.02


def test_pods_of_several_workloads_share_what_their_service_gets(cluster: InstantCluster) -> None:
    before = rates(cluster)
    over(cluster, "backend", ("orders", "payments"))
    environment(cluster, "recommendations", UPSTREAMS="http://backend/", SHARES="")
    cluster.run(150)
    now, shared = rates(cluster), sum(latest(cluster, "requests:rate", workload="recommendations"))
    assert now["orders"] == pytest.approx(before["orders"] + shared * 3 / 5, rel=0.1)
    assert now["payments"] == pytest.approx(now["orders"] + shared * 2 / 5, rel=0.1)
    assert now["shipping"] == pytest.approx(now["orders"] * 0.7, rel=0.1)


def test_a_service_may_be_a_name_for_another(cluster: InstantCluster) -> None:
    before, zone = rates(cluster), "shop.svc.cluster.local"
    others = {"goods": f"catalog.{zone}.", "a": f"b.{zone}", "b": f"a.{zone}", "far": "db.example.org"}
    for name, other in others.items():
        spec = {"type": "ExternalName", "externalName": other}
        meta = {"name": name, "namespace": SHOP}
        cluster.api.put("Service", {"kind": "Service", "metadata": meta, "spec": spec})
    shares = "goods=0.5,cache=0.5"
    environment(cluster, "recommendations", UPSTREAMS="http://goods/,http://cache/", SHARES=shares)
    cluster.run(150)
    assert rates(cluster) == pytest.approx(before, rel=0.15)
    assert max(latest(cluster, "errors:ratio", workload="recommendations")) < 0.02
    assert cluster.shop.network("http://goods.shop/") in {200, 500, 502, 503}
    for name in ("a", "far"):
        with pytest.raises(ConnectionError, match="no such host"):
            cluster.shop.network(f"http://{name}.shop/")


def environment(cluster: InstantCluster, app: str, **variables: str) -> None:
    """The deployment's pods have these variables, too."""
    body = cluster.api.get("Deployment.apps", SHOP, app)
    assert body is not None
    container = body["spec"]["template"]["spec"]["containers"][0]
    kept = [variable for variable in container["env"] if variable["name"] not in variables]
    container["env"] = kept + [{"name": name, "value": value} for name, value in variables.items()]
    cluster.api.put("Deployment.apps", body)


def test_a_pod_cut_off_from_the_network_does_not_answer(cluster: InstantCluster) -> None:
    disturb(cluster, "network-loss", "cache", 100)
    with pytest.raises(ConnectionError, match="deadline exceeded"):
        cluster.shop.network("http://cache.shop/")


def test_a_service_without_any_pod_fails_its_callers(cluster: InstantCluster) -> None:
    cluster.api.delete("Deployment.apps", SHOP, "payments")
    for pod in cluster.pods("payments"):
        cluster.api.delete("Pod", SHOP, pod["metadata"]["name"])
    cluster.run(90)
    assert cluster.pods("payments") == []
    assert mean(latest(cluster, "errors:ratio", workload="orders")) > 0.9


def isolate(cluster: InstantCluster, app: str, **spec: object) -> None:
    body = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"only-{app}", "namespace": SHOP},
        "spec": {"podSelector": {"matchLabels": {"app": app}}, "policyTypes": ["Ingress"], **spec},
    }
    cluster.api.put("NetworkPolicy.networking.k8s.io", body)
    cluster.run(90)


def test_a_policy_that_lets_nobody_in_cuts_the_callers_off(cluster: InstantCluster) -> None:
    isolate(cluster, "payments")
    assert sum(latest(cluster, "requests:rate", workload="payments")) < 0.1
    assert mean(latest(cluster, "errors:ratio", workload="orders")) > 0.3
    cluster.api.delete("NetworkPolicy.networking.k8s.io", SHOP, "only-payments")
    cluster.run(120)
    assert mean(latest(cluster, "errors:ratio", workload="orders")) < 0.05


def test_a_port_that_no_pod_has_refuses_at_once_and_a_policy_about_nobody_changes_nothing(
    cluster: InstantCluster,
) -> None:
    ports = [{"name": "http", "port": 80, "targetPort": "nope"}]
    cluster.api.patch("Service", SHOP, "payments", {"spec": {"ports": ports}})
    for policies_ in (0, 1):
        if policies_:
            isolate(cluster, "payments", podSelector={"matchLabels": {"no": "such"}})
        cluster.run(90)
        assert sum(latest(cluster, "requests:rate", workload="payments")) == 0
        assert mean(latest(cluster, "errors:ratio", workload="orders")) > 0.3
        assert mean(latest(cluster, "latency_p95:seconds", workload="orders")) < 1
        with pytest.raises(ConnectionError, match="connection refused"):
            cluster.shop.network("http://payments.shop/", 0.0, (SHOP, cluster.pod("cart")))


def test_a_policy_about_one_pod_of_several_cuts_that_one_off(cluster: InstantCluster) -> None:
    """Its callers still send to all of them: what goes to that one is lost."""
    before = latest(cluster, "network_receive:bytes_rate", workload="cart")
    name = cluster.pod("cart")
    pod = copy.deepcopy(cluster.api.get("Pod", SHOP, name))
    assert pod is not None
    pod["metadata"]["labels"]["cut"] = "off"
    cluster.api.put("Pod", pod)
    isolate(cluster, "cart", podSelector={"matchLabels": {"cut": "off"}})
    received = sorted(latest(cluster, "network_receive:bytes_rate", workload="cart"))
    assert received[0] < 0.05 * min(before)
    assert received[1] > 0.3 * min(before)
    assert mean(latest(cluster, "errors:ratio", workload="frontend")) > 0.02


def test_a_policy_lets_in_whom_it_names(cluster: InstantCluster) -> None:
    peers = [{"podSelector": {"matchLabels": {"app": "orders"}}}]
    isolate(cluster, "payments", ingress=[{"from": peers}])
    assert mean(latest(cluster, "errors:ratio", workload="orders")) < 0.05


def test_a_policy_keeps_a_pod_from_what_it_does_not_let_out(cluster: InstantCluster) -> None:
    asking = (SHOP, cluster.pod("cart"))
    assert cluster.shop.network("http://cache.shop/", 0.0, asking) == 200
    isolate(cluster, "cart", policyTypes=["Egress"])
    with pytest.raises(ConnectionError, match="deadline exceeded"):
        cluster.shop.network("http://cache.shop/", 0.0, asking)


DNS = {"ports": [{"protocol": "UDP", "port": 53}]}
CALLS = {"ports": [{"port": 8080}]}


def name_server(cluster: InstantCluster) -> None:
    """The cluster has a DNS, with one pod."""
    deployment, service = dns.manifests()
    for body in (deployment, service):
        cluster.api.create({**body, "metadata": {**body["metadata"], "uid": "dns"}})
    template = deployment["spec"]["template"]
    meta = {**template["metadata"], "namespace": "kube-system", "name": "coredns-1"}
    owner = {"kind": "Deployment", "name": "coredns", "controller": True}
    ready = {"phase": "Running", "podIP": "10.244.9.1", "conditions": [{"type": "Ready", "status": "True"}]}
    pod = {"kind": "Pod", "metadata": {**meta, "ownerReferences": [owner]}, "spec": template["spec"]}
    cluster.api.create({**pod, "status": ready})
    cluster.run(30)


def test_calls_are_lost_where_policies_let_no_lookup_of_a_name_out(cluster: InstantCluster) -> None:
    name_server(cluster)
    isolate(cluster, "cart", policyTypes=["Egress"], egress=[CALLS])
    assert mean(latest(cluster, "errors:ratio", workload="cart")) > 0.9
    assert mean(latest(cluster, "latency_p95:seconds", workload="cart")) > 1
    asking = (SHOP, cluster.pod("cart"))
    with pytest.raises(ConnectionError, match=r"lookup cache\.shop: i/o timeout"):
        cluster.shop.network("http://cache.shop/", 0.0, asking)
    address = cluster.pods("cache")[0]["status"]["podIP"]
    assert cluster.shop.network(f"http://{address}:8080/", 0.0, asking) == 200


@pytest.mark.parametrize("to", [{}, {"to": [{"namespaceSelector": {}}]}])
def test_calls_arrive_where_policies_let_lookups_and_calls_out(cluster: InstantCluster, to: Object) -> None:
    name_server(cluster)
    isolate(cluster, "cart", policyTypes=["Egress"], egress=[{**DNS, **to}, CALLS])
    assert mean(latest(cluster, "errors:ratio", workload="cart")) < 0.05
    assert cluster.shop.network("http://cache.shop/", 0.0, (SHOP, cluster.pod("cart"))) == 200


def test_a_name_server_that_lets_nobody_in_answers_nobody(cluster: InstantCluster) -> None:
    name_server(cluster)
    meta = {"name": "closed", "namespace": "kube-system"}
    spec = {"podSelector": {}, "policyTypes": ["Ingress"]}
    cluster.api.put("NetworkPolicy.networking.k8s.io", {"metadata": meta, "spec": spec})
    cluster.run(90)
    assert sum(latest(cluster, "requests:rate", workload="cart")) < 0.1
    with pytest.raises(ConnectionError, match="i/o timeout"):
        cluster.shop.network("http://cache.shop/", 0.0, (SHOP, cluster.pod("cart")))


def test_a_policy_is_about_the_port_that_is_called(cluster: InstantCluster) -> None:
    """Not about another one of the same service."""
    ports = [
        {"name": "http", "port": 80, "targetPort": 8080},
        {"name": "metrics", "port": 9090, "targetPort": 9090},
    ]
    cluster.api.patch("Service", SHOP, "cache", {"spec": {"ports": ports}})
    isolate(cluster, "cache", ingress=[{"ports": [{"port": 9090}]}])
    assert mean(latest(cluster, "errors:ratio", workload="cart")) > 0.9
    with pytest.raises(ConnectionError, match="deadline exceeded"):
        cluster.shop.network("http://cache.shop/", 0.0, (SHOP, cluster.pod("cart")))
    assert cluster.shop.network("http://cache.shop:9090/", 0.0, (SHOP, cluster.pod("cart"))) == 200
    isolate(cluster, "cache", ingress=[{"ports": [{"port": "http"}]}])
    assert mean(latest(cluster, "errors:ratio", workload="cart")) < 0.05
    assert cluster.shop.network("http://cache.shop/", 0.0, (SHOP, cluster.pod("cart"))) == 200


@pytest.mark.parametrize(("port", "failing"), [("", False), (":80", False), (":81", True)])
def test_a_call_goes_to_the_port_in_its_url(cluster: InstantCluster, port: str, failing: bool) -> None:
    environment(cluster, "recommendations", UPSTREAMS=f"http://cache{port}/", SHARES="cache=1")
    cluster.run(150)
    assert (mean(latest(cluster, "errors:ratio", workload="recommendations")) > 0.9) is failing


def test_names_that_do_not_resolve_fail_calls_at_once(cluster: InstantCluster) -> None:
    disturb(cluster, "dns", "orders", 100, peers=("payments*",))
    cluster.run(90)
    pod = cluster.pod("orders")
    assert latest(cluster, "errors:ratio", pod=pod)[0] > 0.3
    assert latest(cluster, "latency_p95:seconds", pod=pod)[0] < 1


@pytest.mark.parametrize(
    ("kind", "amount", "failing", "late"),
    [
        ("http-latency", 2.0, False, True),
        ("http-status", 503, True, False),
        ("http-status", 204, False, False),
        ("http-reset", 0, True, False),
        ("http-content", 0, False, False),
    ],
)
def test_what_stands_before_a_pod_is_felt_by_its_callers(
    cluster: InstantCluster, kind: Kind, amount: float, failing: bool, late: bool
) -> None:
    for at in range(len(cluster.pods("payments"))):
        cluster.effects.start(Effect(kind, SHOP, cluster.pod("payments", at), amount))
    cluster.run(90)
    assert (mean(latest(cluster, "errors:ratio", workload="orders")) > 0.2) is failing
    assert (max(latest(cluster, "latency_p95:seconds", workload="orders")) > 1) is late
    assert max(latest(cluster, "latency_p95:seconds", workload="payments")) < 1


def test_what_stands_before_another_port_than_that_of_a_service_is_not_felt_through_it(
    cluster: InstantCluster,
) -> None:
    def stand_before(port: int) -> None:
        for at in range(len(cluster.pods("payments"))):
            effect = Effect("http-status", SHOP, cluster.pod("payments", at), 418, port=port)
            cluster.effects.start(effect)
        cluster.run(90)

    network, ip = cluster.shop.network, cluster.pods("payments")[0]["status"]["podIP"]
    stand_before(9090)
    assert mean(latest(cluster, "errors:ratio", workload="orders")) < 0.05
    assert network("http://payments.shop/") != 418
    assert network(f"http://{ip}:9090/") == 418
    stand_before(8080)
    assert mean(latest(cluster, "errors:ratio", workload="orders")) > 0.2
    assert network("http://payments.shop/") == 418


def test_a_narrow_line_lets_only_so_much_through(cluster: InstantCluster) -> None:
    pod = cluster.pod("catalog")
    before = latest(cluster, "network_transmit:bytes_rate", pod=pod)[0]
    disturb(cluster, "network-rate", "catalog", before / 4)
    cluster.run(90)
    assert latest(cluster, "network_transmit:bytes_rate", pod=pod)[0] < 0.5 * before
    assert mean(latest(cluster, "errors:ratio", workload="frontend")) > 0.05


def test_what_is_sent_twice_is_counted_twice(cluster: InstantCluster) -> None:
    pod = cluster.pod("catalog")
    before = latest(cluster, "network_transmit:bytes_rate", pod=pod)[0]
    disturb(cluster, "network-duplication", "catalog", 100)
    cluster.run(90)
    assert latest(cluster, "network_transmit:bytes_rate", pod=pod)[0] > 1.6 * before


def test_a_filled_disk_is_seen_and_a_busy_one_slows_its_node(cluster: InstantCluster) -> None:
    pod = cluster.pod("cart")
    before = latest(cluster, "latency_p95:seconds", pod=pod)[0]
    disturb(cluster, "disk-used", "cart", 1.5 * 2**30)
    disturb(cluster, "disk-writes", "cart", 100 * 2.0**20)
    cluster.run(90)
    assert latest(cluster, "fs_usage:ratio", pod=pod)[0] > 0.75
    assert latest(cluster, "fs_write:bytes_rate", pod=pod)[0] > 90 * 2.0**20
    assert latest(cluster, "latency_p95:seconds", pod=pod)[0] > before + 0.04


def test_a_node_whose_cpu_is_wanted_by_more_slows_all_its_pods(cluster: InstantCluster) -> None:
    node = cluster.pods("cart")[0]["spec"]["nodeName"]
    state = cluster.shop.traffic.states[SHOP, cluster.pod("cart")]
    assert cluster.shop.traffic.nodes.left(state) == 1.0
    cluster.api.put("Pod", hog(node))
    cluster.effects.start(Effect("cpu", SHOP, "hog", 4))
    cluster.run(120)
    assert latest(cluster, "node_cpu:ratio", node=node)[0] > 0.9
    assert cluster.shop.traffic.nodes.left(state) < 0.97


def hog(node: str) -> dict[str, object]:
    """A pod without limits that runs on the node."""
    state = {"name": "hog", "ready": True, "restartCount": 0, "state": {"running": {}}, "containerID": "x"}
    return {
        "kind": "Pod",
        "metadata": {"name": "hog", "namespace": SHOP, "uid": "hog", "labels": {}},
        "spec": {"nodeName": node, "containers": [{"name": "hog", "image": "stress"}]},
        "status": {"phase": "Running", "conditions": [], "containerStatuses": [state]},
    }


@pytest.mark.parametrize(
    ("peer", "hit"),
    [
        ("db", True),
        ("cart", False),
        ("db|5432", True),
        ("db|80", False),
        ("|5432", True),
        ("|80", False),
        ("|!80,443", True),
        ("|!5432,80", False),
        ("10.96.0.0/16", True),
        ("10.97.0.0/16|5432", False),
    ],
)
def test_a_network_fault_hits_the_peers_and_ports_that_it_names(peer: str, hit: bool) -> None:
    effect = Effect("network-loss", "shop", "cart-1", 100, (peer,))
    lost, _ = network_fault([effect], frozenset({"db", "10.96.0.7"}), 0.0, frozenset({5432}))
    assert lost == (1.0 if hit else 0.0)
    assert network_fault([effect], None)[0] == 0.0


@pytest.mark.parametrize(
    ("ports", "let"),
    [
        ([], True),
        ([{"port": 8080}], True),
        ([{"port": 8080, "protocol": "UDP"}], False),
        ([{"protocol": "UDP"}], False),
        ([{"protocol": "TCP"}], True),
        ([{"port": 8000, "endPort": 9000}], True),
        ([{"port": 8000, "endPort": 8079}], False),
        ([{"port": "http"}], True),
        ([{"port": "http", "protocol": "UDP"}], False),
        ([{"port": "metrics"}], False),
        ([{"port": 9090}, {"port": "http"}], True),
    ],
)
def test_a_policy_lets_through_the_ports_and_protocols_that_it_names(
    ports: list[dict[str, object]], let: bool
) -> None:
    port = policies.Port(8080, frozenset({"http"}))
    assert policies.allowed([let_in(*ports)], CART, CACHE, port) is let


CART, CACHE = (policies.End("shop", {}, {}, address) for address in ("10.0.0.1", "10.0.0.2"))


def let_in(*ports: Object) -> policies.Policy:
    """Whoever it is gets into the pods of the shop at these ports; at any where none is told."""
    ingress = [{"ports": [*ports]} if ports else {}]
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": ingress}
    return policies.read({"metadata": {"namespace": "shop"}, "spec": spec})


def test_no_policy_keeps_a_pod_from_itself() -> None:
    nothing = policies.Policy("shop", lambda _: True, (), ())
    assert policies.allowed([nothing], CART, CART, policies.Port(8080))
    assert not policies.allowed([nothing], CART, CACHE, policies.Port(8080))


def test_a_policy_selects_by_empty_values() -> None:
    peer = {"podSelector": {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["", "a"]}]}}
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [peer]}]}
    policy = policies.read({"metadata": {"namespace": "shop"}, "spec": spec})
    empty = replace(CART, labels={"tier": ""})
    assert policies.allowed([policy], empty, CACHE, policies.Port(8080))
    assert not policies.allowed([policy], CART, CACHE, policies.Port(8080))


@pytest.mark.parametrize(
    ("address", "called", "target", "reached"),
    [
        ("10.96.0.9", 80, 8080, policies.Port(8080, frozenset({"http"}))),
        ("10.96.0.9", 80, "http", policies.Port(8080, frozenset({"http"}))),
        ("10.96.0.9", 80, 9090, policies.Port(9090)),
        ("10.96.0.9", 80, "metrics", None),
        ("10.96.0.9", 81, 8080, None),
        ("None", 8080, 9090, policies.Port(8080, frozenset({"http"}))),
    ],
)
def test_a_port_of_a_pod_has_its_number_and_its_name_however_the_service_tells_it(
    cluster: InstantCluster, address: str, called: int, target: int | str, reached: policies.Port | None
) -> None:
    pod = cluster.shop.view.pods[SHOP, cluster.pod("cart")]
    assert Service(SHOP, "cart", address, {80: target}, {"app": "cart"}).reaches(pod, called) == reached
