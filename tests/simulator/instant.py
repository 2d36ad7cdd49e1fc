"""A cluster in which everything is done at once: the fake under the tests of shop, traffic and signals."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

from chaoskit.simulator.api import ApiError, Object, Seen
from chaoskit.simulator.effects import Effect, Effects, Kind
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.shop.shop import Shop

LACKING = {
    "cpu_request_ratio", "memory_major_faults", "fs_volume_usage", "target_up", "sample_age",
    "db_pool_waits", "db_refused", "db_up", "node_load", "node_pressure",
}  # fmt: skip
"""Signals of the catalogue that the shop cannot tell: it has no page faults, volumes or exporters."""

DISTURBED: tuple[tuple[str, Kind, float], ...] = (
    ("search", "cpu", 1.0), ("shipping", "errors", 30),
    ("payments", "network-latency", 0.2), ("catalog", "hold-connections", 9),
)  # fmt: skip
"""What may be wrong with a pod of these workloads, so that every kind of signal has something to tell."""

KINDS = {"Deployment": "Deployment.apps", "ReplicaSet": "ReplicaSet.apps"}


def kind_of(body: Object) -> str:
    kind: str = body["kind"]
    return KINDS.get(kind, kind)


START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
Key = tuple[str, str, str]


def merged(old: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    base = dict(old) if isinstance(old, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            base.pop(key, None)
        else:
            base[key] = merged(base.get(key), value)
    return base


class InstantApi:
    """Objects in a dict; watchers hear of changes next."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.objects: dict[Key, Object] = {}
        self.seen: list[tuple[str, Seen]] = []

    def tell(self, kind: str, change: Any, body: Object) -> None:
        for wanted, seen in self.seen:
            if wanted == kind:
                self.engine.call_later(0, lambda s=seen: s(change, copy.deepcopy(body)))  # type: ignore[misc]

    def get(self, kind: str, namespace: str | None, name: str) -> Object | None:
        return copy.deepcopy(self.objects.get((kind, namespace or "", name)))

    def list(self, kind: str, namespace: str | None = None, labels: str = "") -> tuple[Object, ...]:
        found = (v for k, v in self.objects.items() if k[0] == kind and namespace in {None, k[1]})
        return tuple(copy.deepcopy(list(found)))

    def put(self, kind: str, body: Object) -> Object:
        key = (kind, body["metadata"].get("namespace", ""), body["metadata"]["name"])
        change = "MODIFIED" if key in self.objects else "ADDED"
        self.objects[key] = copy.deepcopy(body)
        self.tell(kind, change, body)
        return body

    def create(self, body: Object) -> Object:
        kind = kind_of(body)
        name, namespace = body["metadata"]["name"], body["metadata"].get("namespace", "")
        if (kind, namespace, name) in self.objects:
            raise ApiError(409, "AlreadyExists", f"{name} already exists")
        return self.put(kind, body)

    def update(self, body: Object, subresource: str = "") -> Object:
        return self.put(kind_of(body), body)

    def patch(
        self,
        kind: str,
        namespace: str | None,
        name: str,
        patch: Mapping[str, Any],
        subresource: str = "",
    ) -> Object:
        body: Object = merged(self.get(kind, namespace, name), patch)
        return self.put(kind, body)

    def delete(self, kind: str, namespace: str | None, name: str, **_: Any) -> None:
        body = self.objects.pop((kind, namespace or "", name), None)
        if body is not None:
            self.tell(kind, "DELETED", body)

    def watch(self, kind: str, seen: Seen) -> None:
        self.seen.append((kind, seen))
        for body in self.list(kind):
            self.engine.call_later(0, lambda b=body: seen("ADDED", b))  # type: ignore[misc]


class InstantCluster:
    """Deployments have their pods at once; the kubelet restarts what dies after ten seconds."""

    def __init__(self, *, seed: int = 7, story: str | None = None, hours: float = 0.0) -> None:
        self.engine = Engine(start=START, seed=seed)
        self.api = InstantApi(self.engine)
        self.effects = Effects()
        self.numbers = count(1)
        self.left: dict[tuple[str, str], float] = {}
        present = START.timestamp() + hours * 3600
        for number in (1, 2, 3):
            capacity = {"cpu": "4", "memory": "8Gi"}
            body = {"kind": "Node", "metadata": {"name": f"node-{number}"}}
            self.api.create({**body, "status": {"capacity": capacity}})
        self.shop = Shop(self.api, self.engine, self.effects, self, seed=seed, story=story, present=present)
        self.api.watch("Deployment.apps", lambda change, body: self.deployed(body))
        self.api.watch("Pod", self.pod_changed)
        self.shop.start()
        self.run(1)

    def run(self, seconds: float) -> InstantCluster:
        self.engine.run_for(seconds)
        return self

    def now(self) -> str:
        return self.engine.datetime().strftime("%Y-%m-%dT%H:%M:%SZ")

    def pods(self, app: str) -> list[Object]:
        every = self.api.list("Pod", "shop")
        return [pod for pod in every if pod["metadata"]["labels"]["app"] == app]

    def pod(self, app: str, at: int = 0) -> str:
        name: str = self.pods(app)[at]["metadata"]["name"]
        return name

    def kill_container(self, namespace: str, pod: str, container: str, **how: Any) -> bool:
        body = self.api.get("Pod", namespace, pod)
        assert body is not None
        status = body["status"]["containerStatuses"][0]
        status["ready"] = False
        status["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
        ended = {"reason": how.get("reason", "Error"), "exitCode": how.get("exit_code", 137)}
        status["lastState"] = {"terminated": ended}
        body["status"]["conditions"][0]["status"] = "False"
        self.api.put("Pod", body)
        self.engine.call_later(10, lambda: self.restarted(namespace, pod))
        return True

    def restarted(self, namespace: str, pod: str) -> None:
        body = self.api.get("Pod", namespace, pod)
        if body is not None:
            status = body["status"]["containerStatuses"][0]
            status["restartCount"] += 1
            status["ready"], status["state"] = True, {"running": {"startedAt": self.now()}}
            body["status"]["conditions"][0]["status"] = "True"
            self.api.put("Pod", body)
            self.maybe_crash(body)

    def log(self, namespace: str, pod: str, container: str, line: str) -> None:
        """Nobody reads logs here."""

    def usage(self, namespace: str, pod: str, container: str, *, memory_bytes: float | None = None) -> None:
        state = self.shop.view.pods[namespace, pod]
        assert state.main is not None
        if memory_bytes and memory_bytes > (state.main.memory_limit or 0) and state.main.running:
            self.kill_container(namespace, pod, container, reason="OOMKilled")

    def silence(self, node: str) -> None:
        for pod in self.api.list("Pod"):
            if pod["spec"].get("nodeName") == node:
                self.effects.start(Effect("network-loss", "shop", pod["metadata"]["name"], 100))

    def revive(self, node: str) -> None:
        for pod in self.api.list("Pod"):
            for effect in self.effects.on("shop", pod["metadata"]["name"]):
                if pod["spec"].get("nodeName") == node and effect.kind == "network-loss":
                    self.effects.end(effect)

    def node_usage(
        self, node: str, resource: str, available: float, used: Mapping[tuple[str, str], float]
    ) -> None:
        self.left[node, resource] = available

    def deployed(self, body: Object) -> None:
        meta, spec = body["metadata"], body["spec"]
        revision = str(spec["template"])
        if body.get("revision") == revision:
            return
        self.api.objects["Deployment.apps", meta["namespace"], meta["name"]]["revision"] = revision
        wanted = spec["replicas"]
        counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), wanted)
        self.api.patch("Deployment.apps", meta["namespace"], meta["name"], {"status": counts})
        for pod in self.pods(meta["name"]):
            self.api.delete("Pod", "shop", pod["metadata"]["name"])
        if body.get("revision") is None:
            for _ in range(wanted):
                self.start_pod(meta["name"])

    def start_pod(self, deployment: str) -> None:
        body = self.api.get("Deployment.apps", "shop", deployment)
        if body is None:
            return
        number = next(self.numbers)
        template, name = body["spec"]["template"], f"{deployment}-5d4f8c7b9-{number:05d}"
        owner = {"kind": "Deployment", "name": deployment, "controller": True}
        container = {
            "name": deployment,
            "containerID": f"containerd://{number}",
            "ready": True,
            "restartCount": 0,
            "state": {"running": {"startedAt": self.now()}},
        }
        pod = {
            "kind": "Pod",
            "metadata": {
                **copy.deepcopy(template["metadata"]),
                "name": name,
                "namespace": "shop",
                "uid": str(number),
                "ownerReferences": [owner],
            },
            "spec": {**copy.deepcopy(template["spec"]), "nodeName": f"node-{number % 3 + 1}"},
            "status": {
                "phase": "Running",
                "podIP": f"10.244.0.{number}",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [container],
            },
        }
        self.maybe_crash(self.api.create(pod))

    def maybe_crash(self, pod: Object) -> None:
        container = pod["spec"]["containers"][0]
        if any(env["name"] == "FAULT" for env in container["env"]):
            name = pod["metadata"]["name"]
            self.engine.call_later(3, lambda: self.crash(name, container["name"]))

    def crash(self, pod: str, container: str) -> None:
        if self.api.get("Pod", "shop", pod) is not None:
            self.kill_container("shop", pod, container, exit_code=1)

    def pod_changed(self, change: str, body: Object) -> None:
        if change == "DELETED":
            self.engine.call_later(2, lambda: self.start_pod(body["metadata"]["labels"]["app"]))
