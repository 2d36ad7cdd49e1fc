"""Recoveries of a shop that really runs: on Kubernetes 1.20, its signals read from a real Prometheus.

Made here: a rollout that crashes, memory that leaks, a pod that no longer gets ready, connection pools that
are used up, a database without pods. Left to the simulator, as this server has one node, no netem and no
policies in force: packets lost, a network that is cut, a node that is lost, a disk that fills.
What signals alone show takes three minutes more, and is asked for (`LONG`).
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.servers import PrometheusServer, cluster_home, shared_folder, until

from chaoskit import kube, recovery
from chaoskit.adapters import kubernetes
from chaoskit.adapters.kubernetes import KubernetesCluster
from chaoskit.adapters.prometheus import PrometheusMetrics
from chaoskit.clock import WallClock
from chaoskit.governor import Governor, Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import Issue, Reach

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

LONG = pytest.mark.skipif(
    "CHAOSKIT_TEST_SHOP" not in os.environ, reason="three minutes more: set CHAOSKIT_TEST_SHOP=1"
)

SCRAPED = """\
global: {{scrape_interval: 5s}}
scrape_configs:
  - job_name: cadvisor
    metrics_path: /metrics/cadvisor
    scheme: https
    tls_config: {{ca_file: {pki}/ca.crt, cert_file: {pki}/admin.crt, key_file: {pki}/admin.key}}
    static_configs: [{{targets: ["10.244.0.1:16250"]}}]
  - job_name: pods
    file_sd_configs: [{{files: [{targets}]}}]
  - job_name: state
    honor_labels: true
    static_configs: [{{targets: ["{state}"]}}]
"""


class Shop:
    """The shop in a namespace of its own, what is measured of it, and the way to break it."""

    def __init__(self, cluster: KubernetesCluster, metrics: PrometheusMetrics, namespace: str) -> None:
        self.cluster, self.metrics, self.namespace = cluster, metrics, namespace
        self.clock = WallClock()

    def deployment(self, name: str) -> ObjectRef:
        return ObjectRef(kube.DEPLOYMENT, self.namespace, name)

    def pods(self, app: str) -> tuple[Object, ...]:
        found = self.cluster.list(kube.POD, self.namespace, labels=f"app={app}").items
        return tuple(each for each in found if not kube.is_deleting(each))

    def fault(self, pods: Iterable[Object], query: str) -> None:
        """Each of the pods has this fault from now on."""
        for pod in pods:
            url = f"http://{pod['status']['podIP']}:8080/admin/fault?{query}"
            urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=5).close()

    def is_whole(self) -> bool:
        found = self.cluster.list(kube.DEPLOYMENT, self.namespace).items
        return all(kube.ready_replicas(each) == kube.desired_replicas(each) for each in found)

    def has_its_database(self) -> bool:
        return any(kube.is_ready(pod) for pod in self.pods("db"))

    def issues(self) -> tuple[Issue, ...]:
        return recovery.detect_issues(self.cluster, self.metrics, self.clock, self.namespace)

    def wait_for(self, kind: str, app: str) -> Issue:
        """The app's issue of this kind, once it is likely."""
        looks: list[tuple[Issue, ...]] = [()]

        def seen() -> Issue | None:
            looks.append(self.issues())
            likely = (i for i in looks[-1] if i.target.name == app and i.kind == kind and i.confidence >= 0.7)
            return next(likely, None)

        return until(seen, 240, lambda: f"no {kind} of {app}, last seen {looks[-1]}")

    def recover(self, issue: Issue) -> RecoveryRecord:
        governor = Governor(self.cluster, self.clock, Limits())
        reach = Reach(self.cluster, self.metrics, self.clock, governor)
        (decision,) = recovery.plan_for((issue,), reach)
        return recovery.recover(decision, reach)


def acted(record: RecoveryRecord) -> tuple[Outcome, str]:
    """How it ended, and what was done first."""
    return record.outcome, next((step["action"] for step in record.steps), "")


def _uids(pods: Iterable[Object]) -> set[str]:
    return {pod["metadata"]["uid"] for pod in pods}


def _state(cluster: KubernetesCluster, namespace: str) -> str:
    """The limits of the pods there, under the name that kube-state-metrics gives them."""
    lines = []
    for pod in cluster.list(kube.POD, namespace).items:
        for container in pod["spec"]["containers"]:
            limit = container.get("resources", {}).get("limits", {}).get("memory")
            if limit:
                labels = (
                    f'namespace="{namespace}",pod="{pod["metadata"]["name"]}",container="{container["name"]}"'
                )
                value = int(limit.removesuffix("Mi")) * 2**20
                lines.append(f'kube_pod_container_resource_limits{{{labels},resource="memory"}} {value}\n')
    return "".join(lines)


def _bodies(file: Path, namespace: str) -> Iterator[Object]:
    """The shop's objects in that namespace; payments has room to leak for minutes."""
    for body in yaml.safe_load_all(file.read_text().replace("namespace: shop", f"namespace: {namespace}")):
        if body["kind"] == "Namespace":
            body["metadata"]["name"] = namespace
        if (body["kind"], body["metadata"]["name"]) == ("Deployment", "payments"):
            body["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] = "192Mi"
        yield body


def _after_the_database(body: Object) -> bool:
    """Clients that are there before it would say so in their logs, and be believed for a minute."""
    return bool(body["kind"] == "Deployment")


@pytest.fixture(scope="module")
def state() -> Iterator[tuple[str, list[Callable[[], str]]]]:
    """The address of a page for Prometheus, and who writes it."""
    writers: list[Callable[[], str]] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write("".join(write() for write in writers).encode())

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", writers
        server.shutdown()


@pytest.fixture(scope="module")
def shop(
    real_kubeconfig: Path,
    state: tuple[str, list[Callable[[], str]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shop]:
    """The shop, every pod ready and under traffic."""
    source = shared_folder() / "cluster" / "shop"
    if shutil.which("prometheus") is None:
        pytest.skip("no real Prometheus: prometheus is not installed")
    subprocess.run([source / "build.sh"], check=True, capture_output=True, timeout=240)
    name = f"shop-{secrets.token_hex(3)}"
    page, writers = state
    home = cluster_home()
    written = SCRAPED.format(pki=home / "pki", targets=home / "targets.json", state=page)
    prometheus = PrometheusServer(tmp_path_factory.mktemp("prometheus"), written)
    cluster = kubernetes.connect(real_kubeconfig, None, clock=WallClock())
    writers.append(lambda: _state(cluster, name))
    try:
        prometheus.wait()
        found = Shop(cluster, PrometheusMetrics(prometheus.url, clock=WallClock()), name)
        for body in sorted(_bodies(source / "shop.yaml", name), key=_after_the_database):
            if _after_the_database(body):
                until(found.has_its_database, 120, "the database is not ready")
            cluster.create(body)
        until(found.is_whole, 120, "the shop is not ready")
        yield found
    finally:
        cluster.delete(ObjectRef(kube.NAMESPACE, "", name))
        cluster.close()
        prometheus.stop()


@pytest.fixture(scope="module")
def calm_shop(shop: Shop) -> Shop:
    """The shop when its signals, too, show nothing."""
    until(lambda: shop.issues() == (), 300, "something is wrong from the start")
    return shop


@pytest.fixture(autouse=True)
def rested(shop: Shop) -> None:
    """Nobody remembers the stories before: guards would refuse so many recoveries in ten minutes.

    What a story that failed left behind is put right here: it shall not fail those after it.
    """
    for pod in shop.cluster.list(kube.POD, shop.namespace).items:
        if not kube.is_ready(pod):
            shop.cluster.delete(kube.ref_of(pod, kube.POD))
    until(shop.is_whole, 120, "the shop is not whole again")
    for lease in shop.cluster.list(kube.LEASE, shop.namespace).items:
        shop.cluster.delete(ObjectRef(kube.LEASE, shop.namespace, lease["metadata"]["name"]))


@LONG
def test_memory_that_leaks_is_given_back(calm_shop: Shop) -> None:
    leaking = calm_shop.pods("payments")
    calm_shop.fault(leaking, "leak=1")
    record = calm_shop.recover(calm_shop.wait_for("memory-leak", "payments"))
    assert (record.outcome, record.steps[0]["action"]) == (Outcome.RECOVERED, "rolling-restart"), (
        record.reason
    )
    assert _uids(leaking).isdisjoint(_uids(calm_shop.pods("payments")))


@LONG
def test_connections_that_are_used_up_are_recycled(calm_shop: Shop) -> None:
    calm_shop.fault(calm_shop.pods("orders"), "hold=10")
    record = calm_shop.recover(calm_shop.wait_for("database-connection", "orders"))
    assert acted(record) == (Outcome.RECOVERED, "recycle-connections"), record.reason


def test_a_revision_that_crashes_is_rolled_back(shop: Shop) -> None:
    ref = shop.deployment("cart")
    before = shop.cluster.get(ref)["spec"]["template"]
    container = {"name": "cart", "env": [{"name": "FAULT", "value": "exit=3"}]}
    shop.cluster.patch(ref, {"spec": {"template": {"spec": {"containers": [container]}}}}, type="strategic")
    record = shop.recover(shop.wait_for("pod-crash", "cart"))
    assert acted(record) == (Outcome.RECOVERED, "roll-back"), record.reason
    assert shop.cluster.get(ref)["spec"]["template"] == before


def test_a_pod_that_does_not_get_ready_is_replaced(shop: Shop) -> None:
    bad = shop.pods("catalog")[:1]
    shop.fault(bad, "unready=1")
    record = shop.recover(shop.wait_for("pod-crash", "catalog"))
    assert record.outcome is Outcome.RECOVERED, record.reason
    assert _uids(bad).isdisjoint(_uids(shop.pods("catalog")))


def test_a_database_without_pods_gets_its_replica_back(shop: Shop) -> None:
    ref = ObjectRef(kube.STATEFUL_SET, shop.namespace, "db")
    shop.cluster.patch(ref, {"spec": {"replicas": 0}}, type="merge")
    record = shop.recover(shop.wait_for("database-connection", "db"))
    assert acted(record) == (Outcome.RECOVERED, "scale"), record.reason
    assert shop.cluster.get(ref)["spec"]["replicas"] == 1


def test_after_all_that_the_objects_show_nothing_to_do(shop: Shop) -> None:
    """Signals look back for minutes: they may still tell of requests that failed before."""
    assert recovery.detect_issues(shop.cluster, None, shop.clock, shop.namespace) == ()
