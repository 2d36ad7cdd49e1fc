"""What a story may do: choose pods, start and grow effects, roll out, replace pods, as people and bugs do."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from chaoskit.simulator.api import Api, ApiError
from chaoskit.simulator.effects import Effect, Effects, Kind
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.objects import Reason
from chaoskit.simulator.traffic.flow import Traffic
from chaoskit.simulator.traffic.state import PodState
from chaoskit.simulator.traffic.view import ClusterView, Pod


class Kubelet(Protocol):
    """The part of the kubelet that the shop needs."""

    def kill_container(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        reason: Reason = ...,
        exit_code: int = ...,
    ) -> bool:
        """The container's process has ended so; the restart policy applies. False if it did not run."""
        ...

    def log(self, namespace: str, pod: str, container: str, line: str) -> None:
        """`line` is the last one of the container's log; LookupError when there is no such container."""
        ...

    def silence(self, node: str) -> None:
        """The node is lost: no heartbeat, nothing runs or is told of."""
        ...

    def usage(self, namespace: str, pod: str, container: str, *, memory_bytes: float | None = ...) -> None:
        """The container uses so much; over its limit it is killed. LookupError when it is not there."""
        ...

    def revive(self, node: str) -> None:
        """A node that was lost is back."""
        ...

    def node_usage(
        self, node: str, resource: str, available: float, used: Mapping[tuple[str, str], float]
    ) -> None:
        """So much of a resource is left on the node, of which its pods use so much each."""
        ...


@dataclass(slots=True)
class Incident:
    """The truth about one thing that goes wrong; times in Unix seconds, None while not yet so."""

    number: int
    kind: str
    fault_class: str
    namespace: str
    workload: str
    start: float
    tended: bool
    """Whether somebody ends it in the end; otherwise it lasts until it is repaired from outside."""
    seconds: float | None = None
    """The time from start to failure that is wished for; drawn when None."""
    failure_time: float | None = None
    end: float | None = None
    pods: list[str] = field(default_factory=list)

    def note(self, now: float, *, failed: bool) -> None:
        """The failure has its time, if it is one and had none."""
        if failed and self.failure_time is None:
            self.failure_time = now

    def tired(self, now: float, patience: float) -> bool:
        """Whether the people on call have looked at the failure for so many seconds, and act."""
        failed = self.failure_time
        return self.tended and failed is not None and now > failed + patience


class Growing:
    """One effect on one pod whose amount changes over time."""

    def __init__(self, stage: Stage, kind: Kind, pod: Pod) -> None:
        self._stage = stage
        self._kind = kind
        self.pod = pod
        self._effect: Effect | None = None

    def set(self, amount: float) -> None:
        """The effect is in force with this amount, instead of an earlier one; on no pod but this very one."""
        if self._effect is not None and self._effect.amount == amount:
            return
        self.end()
        if self._stage.there(self.pod):
            self._effect = Effect(self._kind, self.pod.namespace, self.pod.name, amount)
            self._stage.effects.start(self._effect)

    def end(self) -> None:
        """The effect is no longer in force."""
        if self._effect is not None:
            self._stage.effects.end(self._effect)
            self._effect = None


@dataclass(slots=True)
class Stage:
    """The cluster as stories see and change it."""

    api: Api
    engine: Engine
    effects: Effects
    kubelet: Kubelet
    view: ClusterView
    traffic: Traffic
    random: random.Random

    def pods(self, namespace: str, workload: str) -> list[Pod]:
        """The workload's running pods that are not being deleted, by name."""
        return [
            pod
            for key, pod in sorted(self.view.pods.items())
            if key[0] == namespace and pod.workload == workload and not pod.deleting and pod.main
        ]

    def some(self, incident: Incident) -> list[Pod]:
        """One pod of the workload, or now and then all of them; rather such as nothing else troubles."""
        ready = [pod for pod in self.pods(incident.namespace, incident.workload) if pod.ready]
        pods = [pod for pod in ready if not self.effects.on(*pod.key)] or ready
        if pods and self.random.random() < 0.65:
            pods = [self.random.choice(pods)]
        incident.pods = [pod.name for pod in pods]
        return pods

    def out_of_memory(self, pod: Pod) -> bool:
        """Whether the kernel has killed the pod's process since `pod` was looked at."""
        now = self.view.pods.get(pod.key)
        if now is None or now.main is None or pod.main is None:
            return False
        return now.main.last_reason == "OOMKilled" and now.main.restarts > pod.main.restarts

    def state(self, pod: Pod) -> PodState | None:
        """What traffic knows of the pod; None once it is gone or another has its name."""
        state = self.traffic.states.get(pod.key)
        return state if state is not None and state.pod.uid == pod.uid else None

    def there(self, pod: Pod) -> bool:
        """Whether this very pod is still there."""
        now = self.view.pods.get(pod.key)
        return now is not None and now.uid == pod.uid

    def present(self, pod: Pod) -> bool:
        """Whether this very pod is still there and not being deleted."""
        return self.there(pod) and not self.view.pods[pod.key].deleting

    def same_process(self, pod: Pod) -> bool:
        """Whether this very pod is still there, and its process is the one that it had."""
        now = self.view.pods.get(pod.key)
        if now is None or now.main is None or pod.main is None:
            return False
        return now.uid == pod.uid and now.main.run == pod.main.run

    def growing(self, kind: Kind, pod: Pod) -> Growing:
        """An effect on `pod` that can be set to an amount."""
        return Growing(self, kind, pod)

    def minutes(self, low: float, high: float) -> float:
        """A random time in seconds, between so many minutes."""
        return self.random.uniform(low, high) * 60

    def replace(self, pod: Pod) -> None:
        """The pod is being deleted; its replica set makes another."""
        if self.present(pod):
            self.api.delete("Pod", pod.namespace, pod.name)

    def batch_pod(self, namespace: str, node: str) -> str:
        """The name of a new pod of somebody's batch job on the node."""
        name = f"batch-{self.random.randrange(10_000, 99_999)}"
        container = {"name": "batch", "image": "busybox:1.35", "command": ["sleep", "infinity"]}
        spec = {"nodeName": node, "containers": [container], "terminationGracePeriodSeconds": 1}
        meta = {"name": name, "namespace": namespace, "labels": {"app": "batch"}}
        self.api.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
        return name

    def available(self, namespace: str, workload: str) -> bool:
        """Whether the deployment's present revision is fully rolled out and available."""
        body = self.view.deployments.get((namespace, workload), {})
        status, wanted = body.get("status", {}), body.get("spec", {}).get("replicas", 1)
        seen = status.get("observedGeneration", 0) >= body.get("metadata", {}).get("generation", 0)
        counts = (status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas"))
        return seen and all(count == wanted for count in counts)

    def environment(self, namespace: str, workload: str) -> dict[str, str]:
        """The first container's variables in the deployment's present template."""
        containers = self._containers(namespace, workload)
        return {e["name"]: e.get("value", "") for e in containers[0].get("env") or ()}

    def roll_out(self, namespace: str, workload: str, cause: str, **changes: str | None) -> bool:
        """The deployment's first container has these variables (None: not); false if that was refused."""
        container = self._containers(namespace, workload)[0]
        kept = [e for e in container.get("env") or () if e["name"] not in changes]
        added = [{"name": n, "value": value} for n, value in changes.items() if value is not None]
        return self.change_container(namespace, workload, cause, {"env": kept + added})

    def change_container(self, namespace: str, workload: str, cause: str, change: Mapping[str, Any]) -> bool:
        """The deployment's first container has these fields; false if that was refused."""
        containers = copy.deepcopy(self._containers(namespace, workload))
        containers[0].update(change)
        patch = {
            "metadata": {"annotations": {"kubernetes.io/change-cause": cause}},
            "spec": {"template": {"spec": {"containers": containers}}},
        }
        try:
            self.api.patch("Deployment.apps", namespace, workload, patch)
        except ApiError:  # deleted meanwhile, or a policy of the cluster forbids it
            return False
        return True

    def container(self, namespace: str, workload: str) -> dict[str, Any]:
        """The first container of the deployment's present template."""
        return copy.deepcopy(self._containers(namespace, workload)[0])

    def scale(self, namespace: str, workload: str, replicas: int) -> None:
        """The deployment is to have so many pods."""
        with suppress(ApiError):
            self.api.patch("Deployment.apps", namespace, workload, {"spec": {"replicas": replicas}})

    def replicas(self, namespace: str, workload: str) -> int:
        """How many pods the deployment is to have."""
        body = self.api.get("Deployment.apps", namespace, workload) or {}
        return int(body.get("spec", {}).get("replicas", 0))

    def _containers(self, namespace: str, workload: str) -> list[dict[str, Any]]:
        body = self.api.get("Deployment.apps", namespace, workload) or {}
        template = body.get("spec", {}).get("template", {}).get("spec", {})
        return template.get("containers") or [{"name": workload}]
