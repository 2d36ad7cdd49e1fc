"""A small cluster in discrete-event time: store, controllers, scheduler, kubelets; no threads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from chaoskit.simulator import controllers
from chaoskit.simulator.api import Object
from chaoskit.simulator.apiserver.local import LocalApi
from chaoskit.simulator.controllers.scheduler import Scheduler
from chaoskit.simulator.effects import Effects
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.node import nodes
from chaoskit.simulator.node.kubelet import Kubelet

NAMESPACE = "shop"
RUN = ["sh", "-c", "trap 'exit 0' TERM; echo ready; sleep 3600 & wait"]
SERVE = ["httpd", "-f"]
KINDS = {
    "Deployment": "apps/v1",
    "ReplicaSet": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "Job": "batch/v1",
    "PodDisruptionBudget": "policy/v1",
}


class World:
    """A running cluster with a namespace ``shop``; `run` lets time pass."""

    def __init__(self, *, count: int = 3, cpu: str = "4", seed: int = 7, namespace: str = NAMESPACE) -> None:
        self.engine = Engine(start=datetime(2026, 11, 23, 5, 41, 43, tzinfo=UTC), seed=seed)
        self.api = LocalApi(self.engine)
        self.effects = Effects()
        for name in (nodes.LEASES, namespace):
            self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        nodes.create(self.api, self.engine.now(), count=count, cpu=cpu)
        controllers.start_all(self.api, self.engine)
        Scheduler(self.api, self.engine).start()
        self.kubelet = Kubelet(self.api, self.engine, self.effects)
        self.kubelet.start()
        self.run(5)

    def run(self, seconds: float) -> None:
        """So many simulated seconds have passed."""
        self.engine.run_for(seconds)

    def create(self, body: Object) -> Object:
        """The object exists."""
        return self.api.create(body)

    def make(self, kind: str, name: str, spec: Object, **metadata: Any) -> Object:
        """An object of a built-in kind exists in the namespace."""
        meta = {"name": name, "namespace": NAMESPACE, **metadata}
        version = KINDS.get(kind, "v1")
        return self.create({"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec})

    def pod(self, name: str, command: list[str] | None = None, **container: Any) -> Object:
        """A pod with one container ``main`` exists."""
        return self.make("Pod", name, pod_spec(command, **container), labels={"app": name})

    def deployment(self, name: str, replicas: int, **spec: Any) -> Object:
        """A deployment of servers exists; ``spec`` adds to its own."""
        return self.make("Deployment", name, workload(name, replicas) | spec)

    def get(self, kind: str, name: str) -> Object:
        """The object there; AssertionError when it is gone."""
        found = self.api.get(kind, NAMESPACE, name)
        assert found is not None, f"{kind} {name} is gone"
        return found

    def gone(self, kind: str, name: str) -> bool:
        """True when there is no such object."""
        return self.api.get(kind, NAMESPACE, name) is None

    def all(self, kind: str) -> tuple[Object, ...]:
        """Everything of a kind in the namespace."""
        return self.api.list(kind, NAMESPACE)

    def patch(self, kind: str, name: str, **change: Any) -> Object:
        """The object after a merge patch."""
        return self.api.patch(kind, NAMESPACE, name, change)

    def container(self, pod: str) -> Object:
        """The status of a pod's only container."""
        status: Object = self.get("Pod", pod)["status"]["containerStatuses"][0]
        return status

    def ready(self) -> list[str]:
        """The names of the pods that are ready and not being deleted."""
        return [
            pod["metadata"]["name"]
            for pod in self.all("Pod")
            if "deletionTimestamp" not in pod["metadata"]
            and any(
                c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ()
            )
        ]

    def reasons(self, about: str) -> list[str]:
        """The reasons of the events about an object, in the order they first came."""
        events = [e for e in self.all("Event") if e["involvedObject"]["name"] == about]
        events.sort(key=lambda event: int(event["metadata"]["name"].rpartition(".")[2], 16))
        return [event["reason"] for event in events]

    def messages(self, about: str, reason: str) -> list[str]:
        """The messages of the events with one reason about an object."""
        return [
            e["message"]
            for e in self.all("Event")
            if e["involvedObject"]["name"] == about and e["reason"] == reason
        ]

    def until(self, holds: Callable[[], bool], seconds: float = 60) -> float:
        """Simulated seconds until `holds`, looked at ten times a second; AssertionError after `seconds`."""
        start = self.engine.now()
        while not holds():
            assert self.engine.now() - start < seconds, "it did not come true in time"
            self.run(0.1)
        return self.engine.now() - start


def pod_spec(command: list[str] | None = None, **container: Any) -> Object:
    """A pod's spec with one container ``main``."""
    main = {"name": "main", "image": "busybox:1.35", "command": command or RUN} | container
    return {"containers": [main], "terminationGracePeriodSeconds": 5}


def workload(name: str, replicas: int, command: list[str] | None = None, **container: Any) -> Object:
    """The spec of a deployment or replica set."""
    probe = {"readinessProbe": {"httpGet": {"port": 8080}, "periodSeconds": 1}}
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": pod_spec(command or SERVE, **(probe | container)),
    }
    template["spec"]["terminationGracePeriodSeconds"] = 2
    return {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": template,
    }


def conditions(body: Object) -> dict[str, tuple[str, str]]:
    """Status and reason of each condition."""
    found = body["status"].get("conditions") or ()
    return {c["type"]: (c["status"], c.get("reason", "")) for c in found}
