"""What a run costs without Litmus: one from plan to verdict, and a hundred at once in one process.

The simulator is another process: time and memory are the tool's own.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from typing import Any

import pytest

import chaoskit
from chaoskit import kube
from chaoskit.experiments import Trial
from chaoskit.experiments.spec import Experiment
from chaoskit.flows import simulation
from chaoskit.flows.world import World
from chaoskit.ports.cluster import Object

MANY = 100
PLACE = "many"


def workload(name: str) -> tuple[Object, ...]:
    meta = {"name": name, "namespace": PLACE}
    pod = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "main", "image": "busybox:1.36", "command": ["sleep", "9999"]}]},
    }
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": pod}
    return (
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"level": "1"}},
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("runs")
    simulator = simulation.up(folder / "sim")
    try:
        with chaoskit.connect(
            kubeconfig=str(simulator.kubeconfig), namespace=PLACE, home=folder / "home"
        ) as connected:
            cluster = connected.cluster
            cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLACE}})
            for body in (each for number in range(MANY) for each in workload(f"w{number}")):
                cluster.create(body)
            while sum(map(kube.is_ready, cluster.list(kube.POD, PLACE).items)) < MANY:
                connected.clock.sleep(0.5)
            yield connected
    finally:
        simulation.down(folder / "sim")


def trial(number: int, kind: str, **parameters: Any) -> Trial:
    spec = {
        "fault": {"kind": kind, "parameters": parameters},
        "targets": {"workloads": [f"deployment/w{number}"]},
        "engine": "direct",
        "duration": "1s",
        "blastRadius": {"maxPercent": 100},
    }
    meta = {"name": f"e{number}", "namespace": PLACE}
    return Trial("benchmark", experiment=Experiment.model_validate({"metadata": meta, "spec": spec}))


def rested(world: World) -> None:
    """What was run before keeps nobody waiting: guards have forgotten it."""
    for body in world.cluster.list(kube.LEASE, PLACE).items:
        world.cluster.delete(kube.ref_of(body))


def test_a_whole_run_of_one_second(benchmark: Any, world: World) -> None:
    engine = chaoskit.AIChaosEngine(world)

    def setup() -> tuple[tuple[Trial], dict[str, Any]]:
        rested(world)
        return (trial(0, "pod-delete"),), {}

    found = benchmark.pedantic(engine.run, setup=setup, rounds=3)
    assert found.outcome.exit_code == 0, found.reason


def test_a_hundred_runs_at_once(benchmark: Any, world: World) -> None:
    engine = chaoskit.AIChaosEngine(world)

    def setup() -> tuple[tuple[list[Trial]], dict[str, Any]]:
        rested(world)
        changes = {"key": "level", "value": "2", "restart": False}
        trials = [trial(n, "config-mutation", configMap=f"w{n}", **changes) for n in range(MANY)]
        return (trials,), {"parallel": MANY}

    found = benchmark.pedantic(engine.run_all, setup=setup, rounds=3)
    assert [each.reason for each in found if each.outcome.exit_code] == []
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    benchmark.extra_info["megabytes"] = round(megabytes)
