"""The kubelets of all nodes: they run the pods bound to them and tell of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from chaoskit.simulator.api import Api, Change, Object
from chaoskit.simulator.effects import Effect, Effects
from chaoskit.simulator.engine import Engine, Task
from chaoskit.simulator.node import nodes, probes
from chaoskit.simulator.node.addresses import Addresses
from chaoskit.simulator.node.container import Line, Node, Runner
from chaoskit.simulator.node.eviction import Key
from chaoskit.simulator.node.heartbeat import heartbeat
from chaoskit.simulator.node.podworker import PodWorker
from chaoskit.simulator.node.pressure import Pressure
from chaoskit.simulator.node.programs import Executed, Programs, execute
from chaoskit.simulator.objects import Reason, is_finished
from chaoskit.simulator.quantities import parse
from chaoskit.simulator.recorder import Recorder

_HOUSEKEEPING = 10.0
"""Seconds after which a kubelet sees what a container has written."""


class Kubelet:
    """What runs on the nodes. `programs` says what containers do; other actors register theirs."""

    def __init__(self, api: Api, engine: Engine, effects: Effects) -> None:
        self.programs = Programs()
        self._api = api
        self._engine = engine
        self._effects = effects
        self._nodes: dict[str, Node] = {}
        self._beats: dict[str, Task] = {}
        self._addresses: dict[str, Addresses] = {}
        self._workers: dict[Key, PodWorker] = {}
        self._early: dict[str, dict[Key, Object]] = {}
        self._muted: dict[str, list[Effect]] = {}
        self._pressures: dict[str, Pressure] = {}

    def start(self) -> None:
        """Every node there is, or will be, runs the pods bound to it and sends heartbeats."""
        self._effects.listen(self._affected)
        self._api.watch("Node", self._node_changed)
        self._api.watch("Pod", self._pod_changed)

    # ------------------------------------------------------------------ for other actors

    def kill_container(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        reason: Reason = "Error",
        exit_code: int = 137,
    ) -> bool:
        """The container's process is over; restart policy and back-off take their course.

        False when it was not running; LookupError when there is no such container on any node.
        """
        runner = self._runner(namespace, pod, container)
        if runner.process is None or runner.process.over:
            return False
        runner.process.exit(exit_code, reason)
        return True

    def usage(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        memory_bytes: float | None = None,
    ) -> None:
        """The container uses so much now; above its memory limit it is killed (OOMKilled, 137).

        Does nothing when it is not running.
        """
        if not self.running(namespace, pod, container):
            return
        runner = self._runner(namespace, pod, container)
        limit = (runner.container.resources.get("limits") or {}).get("memory")
        if limit is not None and memory_bytes is not None and memory_bytes > parse(limit):
            self.kill_container(namespace, pod, container, reason="OOMKilled")

    def log(self, namespace: str, pod: str, container: str, line: str) -> None:
        """`line` is the last one of the container's log; LookupError when there is no such container."""
        self._runner(namespace, pod, container).write(line)

    def logs(self, namespace: str, pod: str, container: str, *, previous: bool = False) -> Sequence[Line]:
        """The log of the container's present or last run, or of the run before (`previous`).

        LookupError when there is no such container, or no such run.
        """
        runner = self._runner(namespace, pod, container)
        if previous and not runner.container.restarts:
            raise LookupError(f'previous terminated container "{container}" in pod "{pod}" not found')
        return tuple(runner.previous_log if previous else runner.log)

    def running(self, namespace: str, pod: str, container: str) -> bool:
        """True while the container's process lives."""
        worker = self._workers.get((namespace, pod))
        return worker is not None and worker.runner(container).running

    def node_usage(self, node: str, resource: str, available: float, used: Mapping[Key, float]) -> None:
        """So much of a resource (``memory``, ``ephemeral-storage``, ``pids``) is left on the node.

        Its pods use so much of it each.
        """
        if node in self._beats:
            here = {key: amount for key, amount in used.items() if key in self._workers}
            self._pressures[node].told(resource, available, here)

    def _evict(self, key: Key, why: str) -> None:
        """The pod goes for want of what its node has."""
        worker = self._workers.get(key)
        if worker is not None:
            worker.evict(why, disrupted=True)

    def execute(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        read: Callable[[], str | None] = lambda: None,
    ) -> Executed:
        """`command` was run in the container; `read` gives it lines of input, None at their end.

        LookupError when the container is not running.
        """
        runner = self._runner(namespace, pod, container)
        if runner.process is None or runner.process.over:
            raise LookupError(f'container not found ("{container}")')
        done = execute(runner.process, list(command), read)
        runner.poke()
        return done

    def pause(self, node: str) -> None:
        """The kubelet of the node is away: no heartbeat, and nothing is told or begun, but all runs on."""
        if node in self._beats:
            self._beats.pop(node).cancel()
            self._nodes[node].away = True

    def silence(self, node: str) -> None:
        """The node is lost: no heartbeat, nothing runs, answers or is told of until `revive`."""
        if node in self._beats:
            self._beats.pop(node).cancel()
        for key in [k for k, w in self._workers.items() if _node_of(w.object) == node]:
            self._workers.pop(key).vanish()
            self._mute(node, *key)

    def revive(self, node: str) -> None:
        """A node that was paused is heard again; one that was lost starts the pods still bound to it anew."""
        for effect in self._muted.pop(node, ()):
            self._effects.end(effect)
        if node in self._nodes and node not in self._beats:
            self._nodes[node].away = False
            self._beats[node] = self._beating(node)
            for pod in self._api.list("Pod"):
                self._pod_changed("MODIFIED", pod)
            for worker in self._workers.values():
                worker.publish()

    def _mute(self, node: str, namespace: str, pod: str) -> None:
        """Nobody gets an answer from the pod, though the API does not know yet that it is gone."""
        effect = Effect("network-loss", namespace, pod, 100)
        self._muted.setdefault(node, []).append(effect)
        self._effects.start(effect)

    # ------------------------------------------------------------------ what the API tells

    def _node_changed(self, change: Change, body: Object) -> None:
        name = body["metadata"]["name"]
        if change == "DELETED":
            self.silence(name)
            self._nodes.pop(name, None)
        elif name not in self._nodes:
            self._join(name, body)

    def _join(self, name: str, body: Object) -> None:
        self._nodes[name] = Node(
            name=name,
            ip=nodes.internal_ip(body),
            api=self._api,
            engine=self._engine,
            effects=self._effects,
            programs=self.programs,
            recorder=Recorder(self._api, self._engine, "kubelet", name),
        )
        self._addresses[name] = Addresses(body["spec"].get("podCIDR", "10.244.255.0/24"))
        self._pressures[name] = Pressure(self._api, self._engine, name, self._evict)
        self._beats[name] = self._beating(name)
        for pod in self._early.pop(name, {}).values():
            self._pod_changed("ADDED", pod)

    def _beating(self, node: str) -> Task:
        pressure = self._pressures[node]
        return self._engine.spawn(heartbeat(self._api, self._engine, node, lambda: pressure.conditions))

    def _pod_changed(self, change: Change, pod: Object) -> None:
        key = (pod["metadata"]["namespace"], pod["metadata"]["name"])
        node, worker = _node_of(pod), self._workers.get(key)
        if worker is not None and worker.object["metadata"]["uid"] != pod["metadata"]["uid"]:
            self._forget(key)
            worker = None
        if change == "DELETED":
            self._early.get(node, {}).pop(key, None)
            self._forget(key)
        elif node in self._nodes and self._nodes[node].away:
            return
        elif worker is not None:
            worker.changed(pod)
        elif node and node not in self._nodes:
            self._early.setdefault(node, {})[key] = pod
        elif node in self._beats:
            self._accept(key, pod, node)

    def _accept(self, key: Key, pod: Object, node: str) -> None:
        if is_finished(pod):
            return
        refusal = self._pressures[node].refusal(pod)
        if refusal:
            self._reject(key, pod, node, refusal)
            return
        addresses = self._addresses[node]
        host_network = pod["spec"].get("hostNetwork", False)
        ip = self._nodes[node].ip
        worker = PodWorker(self._nodes[node], pod, lambda: ip if host_network else addresses.take())
        self._workers[key] = worker
        worker.start()
        worker.changed(pod)

    def _reject(self, key: Key, pod: Object, node: str, why: str) -> None:
        """The pod has failed before anything of it ran."""
        self._nodes[node].recorder.event(pod, "Warning", "Evicted", why)
        failed = {"phase": "Failed", "reason": "Evicted", "message": f"Pod was rejected: {why}"}
        self._api.patch("Pod", *key, {"status": failed}, "status")

    def _forget(self, key: Key) -> None:
        worker = self._workers.pop(key, None)
        if worker is not None:
            worker.removed()
            if _node_of(worker.object) in self._addresses:
                self._addresses[_node_of(worker.object)].give_back(worker.ip)
        self._effects.forget(*key)

    def _affected(self, effect: Effect) -> None:
        worker = self._workers.get((effect.namespace, effect.pod))
        if worker is not None and effect.kind in probes.FELT:
            for runner in worker.runners:
                runner.poke()
        elif worker is not None and effect.kind == "disk-used":
            self._engine.call_later(_HOUSEKEEPING, lambda: self._check_storage(effect))

    def _check_storage(self, effect: Effect) -> None:
        """The pod is evicted if a container of it has written more than its limit of ephemeral storage."""
        key = (effect.namespace, effect.pod)
        worker = self._workers.get(key)
        written = sum(e.amount for e in self._effects.on(*key) if e.kind == "disk-used")
        if worker is None:
            return
        for runner in worker.main:
            limits = (runner.container.spec.get("resources") or {}).get("limits") or {}
            limit = limits.get("ephemeral-storage")
            if runner.container.name == effect.container and limit is not None and written > parse(limit):
                why = f'Container {effect.container} exceeded its local ephemeral storage limit "{limit}". '
                worker.evict(why)

    def _runner(self, namespace: str, pod: str, container: str) -> Runner:
        worker = self._workers.get((namespace, pod))
        if worker is None:
            raise LookupError(f'pod "{pod}" is on no node')
        return worker.runner(container)


def _node_of(pod: Object) -> str:
    node: str = pod["spec"].get("nodeName", "")
    return node
