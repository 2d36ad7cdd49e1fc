"""A simulated cluster for whole runs: twenty times as fast as the wall, reached as any other."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.servers import pace

from chaoskit import kube
from chaoskit.acts.leftovers import has_ended
from chaoskit.adapters import kubernetes
from chaoskit.clock import Clock, ScaledClock, WallClock
from chaoskit.events import Event
from chaoskit.experiments import Trial, run
from chaoskit.governor import Governor, Limits
from chaoskit.ports.cluster import Cluster, Object, ObjectRef
from chaoskit.records import RunRecord
from chaoskit.simulator.cluster import SimulatedCluster

SHARED = Path(os.environ.get("CHAOSKIT_SHARED", Path(__file__).parents[2].parent / "shared"))
RECORDINGS = SHARED / "recordings"
RATE = pace(20)


@dataclass
class World:
    """The simulated cluster as a run sees it."""

    cluster: Cluster
    clock: Clock
    simulated: SimulatedCluster | None = None
    """The one behind it, which knows what is wrong inside pods; a real cluster does not tell."""

    def run(self, trial: Trial, *, limits: Limits | None = None, **options: Any) -> RunRecord:
        governor = Governor(self.cluster, self.clock, limits or Limits())
        return run(trial, cluster=self.cluster, clock=self.clock, governor=governor, **options)

    def furnish(self, name: str, namespace: str) -> None:
        """What stood in a recorded scenario's namespace before its engine; its two pods are ready."""
        text = (RECORDINGS / "before.yaml").read_text(encoding="utf-8").replace("NAMESPACE", namespace)
        for body in yaml.safe_load_all(text):
            left_out = (name, body["kind"]) in {
                ("missing-experiment", "ChaosExperiment"),
                ("missing-serviceaccount", "ServiceAccount"),
                ("sa-without-rights", "RoleBinding"),
            }
            if name == "experiment-image-missing" and body["kind"] == "ChaosExperiment":
                body["spec"]["definition"]["image"] = "registry.invalid/litmuschaos/go-runner:none"
            if not left_out:
                self.cluster.create(body)
        self.until_ready(namespace, "web")

    def until_ready(self, namespace: str, name: str) -> None:
        ref = ObjectRef(kube.DEPLOYMENT, namespace, name)
        for _ in range(600):
            body = self.cluster.get(ref)
            if kube.ready_replicas(body) == kube.desired_replicas(body):
                return
            self.clock.sleep(0.5)
        raise AssertionError(f"{name} never gets ready")

    def ours(self, namespace: str) -> list[str]:
        """Names of everything in the namespace that chaoskit made, engines that people gave left out."""
        kinds = (kube.LEASE, kube.SECRET, kube.CHAOS_EXPERIMENT, kube.SERVICE_ACCOUNT, kube.ROLE)
        found = [
            body
            for kind in kinds
            for body in self.cluster.list(kind, namespace, labels=f"{kube.MANAGED_BY}=chaoskit").items
        ]
        return [body["metadata"]["name"] for body in found]

    def at_work(self, namespace: str) -> list[str]:
        """Names of Litmus' pods that have not ended there, as the undo sees them."""
        pods = self.cluster.list(kube.POD, namespace, labels="chaosUID").items
        return [pod["metadata"]["name"] for pod in pods if not has_ended(pod)]

    def disturbed(self, namespace: str) -> dict[str, list[str]]:
        """What is wrong inside pods of the namespace that are there now, by their names."""
        assert self.simulated is not None
        names = [body["metadata"]["name"] for body in self.cluster.list(kube.POD, namespace).items]
        found = {
            name: [str(each.kind) for each in self.simulated.effects.on(namespace, name)] for name in names
        }
        return {name: kinds for name, kinds in found.items() if kinds}

    def engine(self, namespace: str, name: str = "web-chaos") -> Object:
        return self.cluster.get(ObjectRef(kube.CHAOS_ENGINE, namespace, name))


class Until:
    """A listener that acts once, when a step of this name is told."""

    def __init__(self, name: str, act: Any) -> None:
        self.name = name
        self.act = act
        self.done = False

    def __call__(self, event: Event) -> None:
        if getattr(event, "name", "") == self.name and not self.done:
            self.done = True
            self.act()


def side_by_side(work: Callable[[str], None], names: Iterable[str]) -> None:
    """The work about each name, all at once: what waits for a cluster does not compute.

    Raises:
        BaseExceptionGroup: what failed, each with its name as a note.
    """
    asked = tuple(names)
    with ThreadPoolExecutor(len(asked)) as pool:
        futures = {name: pool.submit(work, name) for name in asked}
    failed = {name: error for name, each in futures.items() if (error := each.exception()) is not None}
    for name, error in failed.items():
        error.add_note(f"about {name}")
    if failed:
        raise BaseExceptionGroup("side by side", list(failed.values()))


def stopping(stop: threading.Event, name: str) -> Until:
    return Until(name, stop.set)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with SimulatedCluster(rate=RATE, shop=False) as simulated:
        path = simulated.kubeconfig(tmp_path_factory.mktemp("kube") / "config")
        cluster = kubernetes.connect(path, clock=WallClock())
        data = cluster.get(ObjectRef(kube.CONFIG_MAP, "kube-system", "simulator"))["data"]
        clock = ScaledClock(
            rate=float(data["rate"]),
            anchor_wall=float(data["anchorWall"]),
            anchor_simulated=float(data["anchorSimulated"]),
        )
        yield World(cluster, clock, simulated)
        cluster.close()
