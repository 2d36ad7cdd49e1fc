"""What a call to the simulated API server costs with 1,000 pods in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chaoskit import kube
from chaoskit.adapters import kubernetes
from chaoskit.adapters.kubernetes import KubernetesCluster
from chaoskit.clock import WallClock
from chaoskit.ports.cluster import ObjectRef
from chaoskit.simulator.cluster import SimulatedCluster

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
