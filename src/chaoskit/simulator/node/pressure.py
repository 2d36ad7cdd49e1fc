"""Memory pressure: a node that runs out says so, takes no more pods, and evicts those that use too much."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.objects import timestamp
from chaoskit.simulator.quantities import parse
from chaoskit.simulator.recorder import Recorder

Key = tuple[str, str]
"""Namespace and name of a pod."""

_THRESHOLD = 100 * 2.0**20
"""Bytes that must stay available on a node."""
_BETWEEN_EVICTIONS = 10.0
_TRANSITION = 300.0
"""Seconds that a node goes on saying so after it had enough again."""
_SHORT = ("True", "KubeletHasInsufficientMemory", "kubelet has insufficient memory available")
_ENOUGH = ("False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available")


class Pressure:
    """One node's eviction manager; `told` gives it what the node's pods use."""

    def __init__(self, api: Api, engine: Engine, node: str, evict: Callable[[Key, str], None]) -> None:
        self._api = api
        self._engine = engine
        self._node = node
        self._evict = evict
        self._events = Recorder(api, engine, "kubelet", node)
        self._evicted_at = float("-inf")
        self._short_at: float | None = None

    @property
    def here(self) -> bool:
        """True while the node says that its memory is short."""
        return self._short_at is not None

    def told(self, available: float, used: Mapping[Key, float]) -> None:
        """`available` bytes are left on the node, whose pods use so much each."""
        now = self._engine.now()
        if available < _THRESHOLD:
            if not self.here:
                self._turn(*_SHORT)
            self._short_at = now
            if used and now - self._evicted_at >= _BETWEEN_EVICTIONS:
                self._evicted_at = now
                self._reclaim(used)
        elif self._short_at is not None and now - self._short_at >= _TRANSITION:
            self._short_at = None
            self._turn(*_ENOUGH)

    def _reclaim(self, used: Mapping[Key, float]) -> None:
        """The pod that is furthest above its request goes."""
        node = self._api.get("Node", None, self._node)
        if node is None:
            return
        self._events.event(node, "Warning", "EvictionThresholdMet", "Attempting to reclaim memory")
        above = {key: amount - self._requested(key) for key, amount in used.items()}
        victim = max(sorted(above), key=lambda key: above[key])
        wanted, usage = f"{int(self._requested(victim) / 1024)}Ki", f"{int(used[victim] / 1024)}Ki"
        self._evict(
            victim,
            "The node was low on resource: memory. Threshold quantity: 100Mi. "
            f"The pod was using {usage}, request is {wanted}, has larger consumption of memory. ",
        )

    def _requested(self, key: Key) -> float:
        pod = self._api.get("Pod", *key)
        containers = pod["spec"]["containers"] if pod else ()
        asked = (((c.get("resources") or {}).get("requests") or {}).get("memory", "0") for c in containers)
        return sum(parse(amount) for amount in asked)

    def _turn(self, verdict: str, reason: str, message: str) -> None:
        node = self._api.get("Node", None, self._node)
        if node is None:
            return
        now = timestamp(self._engine.now())
        self._events.event(node, "Normal", reason.replace("Kubelet", "Node"), _status_of(self._node, reason))
        turned: Object = {"status": verdict, "reason": reason, "message": message}
        turned |= {"lastTransitionTime": now, "lastHeartbeatTime": now}
        conditions = [
            c | turned if c["type"] == "MemoryPressure" else c for c in node["status"]["conditions"]
        ]
        self._api.patch("Node", None, self._node, {"status": {"conditions": conditions}}, "status")


def _status_of(node: str, reason: str) -> str:
    return f"Node {node} status is now: {reason.replace('Kubelet', 'Node')}"
