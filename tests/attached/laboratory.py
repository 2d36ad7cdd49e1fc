"""Real Kubernetes 1.20 with Litmus' actor attached: recorded scenarios are furnished and run there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.commandline import CommandLine, Ended
from tests.servers import cluster_home, until
from tests.simulator.litmus.lab import KINDS, Recording, Seen
from tests.simulator.litmus.test_recordings import LITMUS, before, engine_of

from chaoskit import kube
from chaoskit.adapters import kubernetes
from chaoskit.adapters.kubernetes import KubernetesCluster
from chaoskit.clock import WallClock
from chaoskit.errors import NotFound
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.remote import RemoteApi

WEB = "mkdir /www && echo web >/www/index.html && exec httpd -f -p 8080 -h /www"
"""The recorded image had pages in it; Debian's busybox is given one."""
GRACE = 2
"""Seconds that the recorded pods had: in longer ones Litmus finds pods to hit that are on their way out."""
PATIENCE = 90.0


@dataclass(frozen=True)
class Laboratory:
    """The cluster, and a client that looks at it behind chaoskit's back."""

    kubeconfig: Path
    cluster: KubernetesCluster

    def furnish(self, *scenarios: str) -> None:
        """What stood in these scenarios' namespaces before their engines; all pods there are ready."""
        self.clear(*map(namespace_of, scenarios))
        until(lambda: not any(map(self.there, map(namespace_of, scenarios))), PATIENCE, "old ones do not go")
        for scenario in scenarios:
            for body in before(scenario, namespace_of(scenario)):
                self.cluster.create(fitted(body))
        until(lambda: all(map(self.ready, map(namespace_of, scenarios))), PATIENCE, "not everything is ready")

    def clear(self, *namespaces: str) -> None:
        """The namespaces are on their way out; what runs in them had no time to end."""
        for kind in (kube.DEPLOYMENT, kube.JOB, kube.POD):
            for body in (each for name in namespaces for each in self.cluster.list(kind, name).items):
                with contextlib.suppress(NotFound):
                    self.cluster.delete(kube.ref_of(body, kind), grace=0)
        for name in namespaces:
            with contextlib.suppress(NotFound):
                self.cluster.delete(ObjectRef(kube.NAMESPACE, "", name))

    def there(self, namespace: str) -> bool:
        try:
            self.cluster.get(ObjectRef(kube.NAMESPACE, "", namespace))
        except NotFound:
            return False
        return True

    def ready(self, namespace: str) -> bool:
        """Its deployment is whole, and every account has its token, without which 1.20 takes no pod."""
        web = self.cluster.get(ObjectRef(kube.DEPLOYMENT, namespace, "web"))
        accounts = self.cluster.list(kube.SERVICE_ACCOUNT, namespace).items
        return kube.ready_replicas(web) == 2 and all(each.get("secrets") for each in accounts)

    def web_pods(self, namespace: str) -> dict[str, Object]:
        """The workload's pods by uid, those on their way out left out."""
        pods = self.cluster.list(kube.POD, namespace, labels="app=web").items
        return {p["metadata"]["uid"]: p for p in pods if not kube.is_deleting(p)}

    def left(self, namespace: str) -> list[str]:
        """Everything that a run which is over must not leave behind."""
        pods = self.cluster.list(kube.POD, namespace, labels="chaosUID").items
        leases = self.cluster.list(kube.LEASE, namespace, labels="chaoskit.io/state=active").items
        engines = self.cluster.list(kube.CHAOS_ENGINE, namespace).items
        return [
            *(p["metadata"]["name"] for p in pods if kube.phase(p) in {"Pending", "Running"}),
            *(lease["metadata"]["name"] for lease in leases),
            *(e["metadata"]["name"] for e in engines if e["status"]["engineStatus"] == "initialized"),
        ]


def namespace_of(scenario: str) -> str:
    """The namespace that the scenario's engine names."""
    return str(engine_of(scenario)["metadata"]["namespace"])


def document(scenario: str) -> Path:
    """The recorded engine, unchanged."""
    return LITMUS / f"{scenario}.yaml"


def fitted(body: Object) -> Object:
    """An object of the recorded cluster as this one can run it: the page of the web, containerd's socket."""
    if body["kind"] == "Deployment":
        pod = body["spec"]["template"]["spec"]
        pod["terminationGracePeriodSeconds"] = GRACE
        (container,) = pod["containers"]
        container["command"] = ["sh", "-c", WEB]
    if body["kind"] == "ChaosExperiment":
        for entry in body["spec"]["definition"]["env"]:
            if entry["name"] == "SOCKET_PATH":
                entry["value"] = str(cluster_home() / "run" / "containerd.sock")
    return body


@contextlib.contextmanager
def opened(kubeconfig: Path) -> Iterator[Laboratory]:
    """The laboratory of a kubeconfig."""
    cluster = kubernetes.connect(kubeconfig, clock=WallClock())
    try:
        yield Laboratory(kubeconfig, cluster)
    finally:
        cluster.close()


@contextlib.contextmanager
def recorded(kubeconfig: Path, namespace: str) -> Iterator[list[Seen]]:
    """What happens in a namespace meanwhile, timed from its engine's creation when the block is left."""
    engine = Engine(start=datetime.now(UTC))
    api = RemoteApi(engine, kubeconfig)
    recording = Recording(engine, namespace)
    engine.start()
    try:
        for kind in KINDS:
            api.watch(kind, recording.noting(kind))
        time.sleep(2)  # what there was before is told, and forgotten
        recording.seen.clear()
        yield recording.seen
    finally:
        api.close()
        engine.stop()
    zero = next(s.t for s in recording.seen if s.kind == "ChaosEngine")
    recording.seen[:] = [Seen(s.t - zero, s.kind, s.type, s.object) for s in recording.seen]


def run(home: Path, kubeconfig: Path, *arguments: object) -> Ended:
    """chaoskit was called by a new user, as a process of its own."""
    home.mkdir()
    with CommandLine(home, kubeconfig).start(*arguments) as process:
        out, err = process.communicate(timeout=280)
    return Ended(process.returncode, out, err)
