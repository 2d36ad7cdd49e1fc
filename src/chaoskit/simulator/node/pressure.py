"""Node pressure: a node short of memory, disk or processes says so, takes no more pods, and evicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.node import eviction, nodes
from chaoskit.simulator.node.eviction import Key
from chaoskit.simulator.quantities import parse
from chaoskit.simulator.recorder import Recorder
from chaoskit.simulator.tolerations import tolerated

_BETWEEN_EVICTIONS = 10.0
_TRANSITION = 300.0
"""Seconds that a node goes on saying so after it had enough again."""
_SHORT_OF_MEMORY: Mapping[str, str] = {"key": "node.kubernetes.io/memory-pressure", "effect": "NoSchedule"}


@dataclass(frozen=True, slots=True)
class Threshold:
    """What must stay available of a resource: `share` of what the node has, or `least`."""

    condition: str
    least: float = 0.0
    share: float = 0.0

    def of(self, capacity: float) -> float:
        """The amount, on a node that has so much."""
        return self.least or float(int(self.share * capacity))


THRESHOLDS: Mapping[str, Threshold] = {
    "memory": Threshold("MemoryPressure", least=100 * 2.0**20),
    "ephemeral-storage": Threshold("DiskPressure", share=0.1),
    "pids": Threshold("PIDPressure", share=0.1),
}
"""A kubelet's defaults; for processes, where it has none, what managed clusters set as ``pid.available``.

In the order in which a kubelet reclaims them.
"""


class Pressure:
    """One node's eviction manager; `told` gives it what the node's pods use."""

    def __init__(self, api: Api, engine: Engine, node: str, evict: Callable[[Key, str], None]) -> None:
        self._api = api
        self._engine = engine
        self._node = node
        self._evict = evict
        self._events = Recorder(api, engine, "kubelet", node)
        self._evicted_at = float("-inf")
        self._short_at: dict[str, float] = {}

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions that say what the node is short of now."""
        return tuple(one.condition for name, one in THRESHOLDS.items() if name in self._short_at)

    def told(self, resource: str, available: float, used: Mapping[Key, float]) -> None:
        """So much of a resource is left on the node, whose pods use so much each."""
        node, now = self._api.get("Node", None, self._node), self._engine.now()
        if node is None:
            return
        threshold = THRESHOLDS[resource].of(_capacity(node, resource))
        since = self._short_at.get(resource)
        if available < threshold:
            self._short_at[resource] = now
            if since is None:
                self._tell(node, THRESHOLDS[resource].condition)
            if used and now - self._evicted_at >= _BETWEEN_EVICTIONS:
                self._evicted_at = now
                self._reclaim(node, resource, used, threshold, available)
        elif since is not None and now - since >= _TRANSITION:
            del self._short_at[resource]
            self._tell(node, THRESHOLDS[resource].condition)

    def refusal(self, pod: Object) -> str:
        """Why the node takes no such pod now; empty when it does."""
        if not self.conditions or eviction.is_critical(pod):
            return ""
        modest = pod["status"].get("qosClass") != "BestEffort" or tolerated(pod["spec"], _SHORT_OF_MEMORY)
        if self.conditions == ("MemoryPressure",) and modest:
            return ""
        return f"The node had condition: [{' '.join(self.conditions)}]. "

    def _reclaim(
        self, node: Object, resource: str, used: Mapping[Key, float], threshold: float, available: float
    ) -> None:
        told = f"Attempting to reclaim {resource}"
        self._events.event(node, "Warning", "EvictionThresholdMet", told)
        pods = {key: pod for key in used if (pod := self._api.get("Pod", *key)) is not None}
        chosen = eviction.victim(resource, pods, {key: used[key] for key in pods})
        if chosen is not None:
            why = eviction.message(resource, pods[chosen], used[chosen], threshold, available)
            self._evict(chosen, why)

    def _tell(self, node: Object, condition: str) -> None:
        """The node's conditions and an event say what has turned."""
        nodes.report(self._api, node, self._engine.now(), self.conditions)
        reason = nodes.reason(condition, short=condition in self.conditions).replace("Kubelet", "Node")
        self._events.event(node, "Normal", reason, f"Node {self._node} status is now: {reason}")


def _capacity(node: Object, resource: str) -> float:
    if resource == "pids":
        return float(nodes.MOST_PROCESSES)
    return parse(node["status"]["capacity"].get(resource, "0"))
