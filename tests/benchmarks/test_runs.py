"""What a run costs without Litmus: one from plan to verdict, and a hundred at once in one process.

The simulator is another process: time and memory are the tool's own. ``--benchmark-enable`` measures.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.benchmarks import many
from tests.benchmarks.many import MANY, PLACE, rested, trial

import chaoskit
from chaoskit import kube
from chaoskit.experiments import Trial
from chaoskit.flows import simulation
from chaoskit.flows.world import World
from chaoskit.ports.cluster import Object


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
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("runs")
    try:
        yield simulation.up(folder / "sim").kubeconfig
    finally:
        simulation.down(folder / "sim")


@pytest.fixture(scope="module")
def world(kubeconfig: Path) -> Iterator[World]:
    home = kubeconfig.parent / "home"
    with chaoskit.connect(kubeconfig=str(kubeconfig), namespace=PLACE, home=home) as connected:
        cluster = connected.cluster
        cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLACE}})
        for body in (each for number in range(MANY) for each in workload(f"w{number}")):
            cluster.create(body)
        while sum(map(kube.is_ready, cluster.list(kube.POD, PLACE).items)) < MANY:
            connected.clock.sleep(0.5)
        yield connected


def test_a_whole_run_of_one_second(benchmark: Any, world: World) -> None:
    engine = chaoskit.AIChaosEngine(world)

    def setup() -> tuple[tuple[Trial], dict[str, Any]]:
        rested(world)
        return (trial(0, "pod-delete"),), {}

    found = benchmark.pedantic(engine.run, setup=setup, rounds=3)
    assert found.outcome.exit_code == 0, found.reason
    if benchmark.enabled:
        assert benchmark.stats.stats.median < 5.0


@pytest.mark.parametrize(("lasting", "most"), [("0.1s", 3.0), ("1s", 4.0)])
def test_a_hundred_runs_at_once(
    benchmark: Any, kubeconfig: Path, world: World, tmp_path: Path, lasting: str, most: float
) -> None:
    """Nearly no-ops, and of one second each: memory, requests and their worth are judged always.

    Seconds are where nothing else runs beside it.
    """
    script = Path(many.__file__)
    command = [sys.executable, str(script), str(kubeconfig), str(tmp_path), lasting]
    measured: list[dict[str, Any]] = []

    def run() -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        measured.append(json.loads(done.stdout))

    benchmark.pedantic(run, rounds=3 if benchmark.enabled else 1)
    assert [each["failed"] for each in measured] == [[]] * len(measured)
    worth = statistics.median(each["seconds"] / each["request"] for each in measured)
    found = {what: statistics.median(each[what] for each in measured) for what in _FIGURES}
    benchmark.extra_info |= {what: round(figure, 2) for what, figure in found.items()}
    benchmark.extra_info["bare requests"] = round(worth)
    assert found["megabytes"] < 200
    assert found["requests"] < EACH * MANY
    assert worth < REQUESTS
    if benchmark.enabled:
        assert found["seconds"] < most


REQUESTS = 25_000
"""So many bare requests may take as long as a hundred runs: half of that was measured, on a busy machine."""
EACH = 21
"""Fewer requests than that are made for each of them: what several look at before they begin is read once."""
_FIGURES = ("seconds", "cpu", "megabytes", "requests")
