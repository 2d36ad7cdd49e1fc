"""What the simulator costs: calls with 1,000 pods in it, history, many watchers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chaoskit import kube
from chaoskit.adapters import kubernetes
from chaoskit.adapters.kubernetes import KubernetesCluster
from chaoskit.clock import WallClock
from chaoskit.ports.cluster import ObjectRef
from chaoskit.simulator.apiserver.local import LocalApi
from chaoskit.simulator.apiserver.machinery import Machinery
from chaoskit.simulator.apiserver.watching import Wanted, Watch
from chaoskit.simulator.cluster import SimulatedCluster
from chaoskit.simulator.engine import Engine

Benchmark = Callable[..., Any]
PODS = 1000


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubernetesCluster]:
    """A cluster of a thousand pods that no node takes."""
    with SimulatedCluster(start=datetime(2026, 1, 1, tzinfo=UTC), shop=False) as cluster:
        for number in range(PODS):
            spec = {"containers": [{"name": "main", "image": "x"}], "nodeSelector": {"no": "node"}}
            meta = {"name": f"p{number}", "namespace": "default", "labels": {"app": f"a{number % 10}"}}
            cluster.api.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
        path = tmp_path_factory.mktemp("crowded") / "kubeconfig"
        cluster.kubeconfig(Path(path))
        with kubernetes.connect(path, clock=WallClock()) as connected:
            yield connected


def test_one_pod_of_a_thousand(benchmark: Benchmark, crowded: KubernetesCluster) -> None:
    found = benchmark(crowded.get, ObjectRef(kube.POD, "default", "p500"))
    assert found["metadata"]["name"] == "p500"


def test_a_thousand_pods(benchmark: Benchmark, crowded: KubernetesCluster) -> None:
    assert len(benchmark(crowded.list, kube.POD, "default").items) == PODS


def test_an_hour_of_history_for_thirty_pods(benchmark: Benchmark) -> None:
    def live() -> int:
        start, hour = datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=1)
        with SimulatedCluster(start=start, history=hour, pods=30) as cluster:
            return len(cluster.api.list("Pod", "shop"))

    assert benchmark(live) == 30


def test_a_change_that_a_hundred_watchers_see(benchmark: Benchmark) -> None:
    machinery = Machinery(Engine(start=datetime(2026, 1, 1, tzinfo=UTC)))
    api = LocalApi(machinery.engine, machinery)
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})
    resource = machinery.registry.named("ConfigMap")
    assert resource is not None
    wanted = Wanted(resource, "default", lambda _: True, None, timeout=600.0)
    streams = [
        Watch(machinery.store, wanted, lambda version: version.json).lines(
            lambda: False, machinery.engine.lock
        )
        for _ in range(100)
    ]
    count = itertools.count()

    def change() -> int:
        meta = {"name": f"cm-{next(count)}", "namespace": "default"}
        api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
        return sum(next(stream) is not None for stream in streams)

    assert benchmark(change) == 100
