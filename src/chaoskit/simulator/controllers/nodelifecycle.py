"""The node controllers: taints that follow a node's state, and what becomes of pods on a lost node."""

from __future__ import annotations

from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.conditions import turned
from chaoskit.simulator.controllers import pods
from chaoskit.simulator.controllers.base import Informers, Key, Reconciler, key_of
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.objects import is_finished, parse_time, timestamp
from chaoskit.simulator.recorder import Recorder
from chaoskit.simulator.tolerations import tolerates

_CORDONED = "node.kubernetes.io/unschedulable"
_UNREACHABLE = "node.kubernetes.io/unreachable"
_SHORT = {
    "MemoryPressure": "node.kubernetes.io/memory-pressure",
    "DiskPressure": "node.kubernetes.io/disk-pressure",
    "PIDPressure": "node.kubernetes.io/pid-pressure",
}
"""The taint of each condition that says what a node is short of."""
_OURS = frozenset({_CORDONED, _UNREACHABLE, *_SHORT.values()})
_LEASE = "Lease.coordination.k8s.io"
_GRACE = 50.0
"""Seconds without a renewed lease after which a node is lost."""
_SILENT = "Kubelet stopped posting node status."


class NodeLifecycle:
    """Cordoned nodes are tainted; silent ones turn Unknown, and their pods are evicted in time."""

    def __init__(self, api: Api, engine: Engine, informers: Informers) -> None:
        self._api = api
        self._engine = engine
        self._nodes = informers.of("Node")
        self._pods = informers.of("Pod")
        self._leases = informers.of(_LEASE)
        self._queue = Reconciler(engine, self._reconcile)
        self._events = Recorder(api, engine, "node-controller")
        self._since: dict[tuple[str, str], float] = {}
        self._pods.index("node", _node_of)
        self._nodes.on_change(lambda old, new: self._queue.enqueue(key_of(new or old or {})))
        self._leases.on_change(self._renewed)

    def _renewed(self, old: Object | None, new: Object | None) -> None:
        lease = new or old
        if lease is not None and lease["metadata"]["namespace"] == "kube-node-lease":
            node = self._nodes.get(("", lease["metadata"]["name"]))
            if node is not None and (old is None or _is_lost(node)):
                self._queue.enqueue(key_of(node))

    def _reconcile(self, key: Key) -> None:
        node = self._nodes.get(key)
        if node is None:
            return
        silent = self._silent_for(node)
        if silent is not None and silent >= _GRACE:
            node = self._lose(node)
        elif silent is not None:
            node = self._find_again(node)
            self._queue.enqueue(key, _GRACE - silent + 1)
        self._taint(node)
        self._evict(node)

    def _silent_for(self, node: Object) -> float | None:
        """Seconds since the node's lease was renewed; None for a node that never had one."""
        lease = self._leases.get(("kube-node-lease", node["metadata"]["name"]))
        if lease is None or not lease["spec"].get("renewTime"):
            return None
        return self._engine.now() - parse_time(lease["spec"]["renewTime"]).timestamp()

    def _lose(self, node: Object) -> Object:
        if _is_lost(node):
            return node
        name = node["metadata"]["name"]
        told = f"Node {name} status is now: NodeNotReady"
        self._events.event(node, "Normal", "NodeNotReady", told)
        for pod in self._pods.find("node", name):
            self._unready(pod)
        return self._turn(node, "Unknown", "NodeStatusUnknown", _SILENT)

    def _find_again(self, node: Object) -> Object:
        if not _is_lost(node):
            return node
        return self._turn(node, "True", "KubeletReady", "kubelet is posting ready status")

    def _turn(self, node: Object, verdict: str, reason: str, message: str) -> Object:
        now = timestamp(self._engine.now())
        conditions = []
        for condition in node["status"]["conditions"]:
            if condition["type"] != "Ready" and verdict != "Unknown":
                conditions.append({**condition, "status": "False", "lastTransitionTime": now})
            else:
                kind = condition["type"]
                conditions.append(condition | turned(condition, kind, verdict, reason, message, now))
        status = {"conditions": conditions}
        return self._api.patch("Node", None, node["metadata"]["name"], {"status": status}, "status")

    def _unready(self, pod: Object) -> None:
        if not pods.is_ready(pod):
            return
        now = timestamp(self._engine.now())
        conditions = [
            {**c, "status": "False", "lastTransitionTime": now} if c["type"] == "Ready" else c
            for c in pod["status"]["conditions"]
        ]
        self._api.patch("Pod", *key_of(pod), {"status": {"conditions": conditions}}, "status")

    def _evict(self, node: Object) -> None:
        """Pods go once they no longer tolerate the taints that put them out."""
        taints = self._expelling(node)
        for pod in self._pods.find("node", node["metadata"]["name"]) if taints else ():
            until = [at for at in (_tolerated(pod, *taint) for taint in taints) if at is not None]
            if not until or pods.is_terminating(pod) or is_finished(pod):
                continue
            left = min(until) - self._engine.now()
            if left > 0:
                self._queue.enqueue(key_of(node), left)
                continue
            told = f"Marking for deletion Pod {'/'.join(key_of(pod))}"
            self._events.event(pod, "Normal", "TaintManagerEviction", told)
            self._api.delete("Pod", *key_of(pod), uid=pod["metadata"]["uid"])

    def _expelling(self, node: Object) -> list[tuple[Object, float]]:
        """The taints that put pods out, and since when (Unix seconds); that of a lost node included."""
        lost, name = pods.condition(node, "Ready"), node["metadata"]["name"]
        found: list[Object] = [t for t in node["spec"].get("taints") or () if t["effect"] == "NoExecute"]
        if _is_lost(node):
            found = [t for t in found if t["key"] != _UNREACHABLE]
            found.append({"key": _UNREACHABLE, "effect": "NoExecute"})
        keys = {taint["key"] for taint in found}
        self._since = {k: at for k, at in self._since.items() if k[0] != name or k[1] in keys}
        timed = []
        for taint in found:
            at = self._since.setdefault((name, taint["key"]), self._engine.now())
            if taint["key"] == _UNREACHABLE and lost:
                at = parse_time(lost["lastTransitionTime"]).timestamp()
            timed.append((taint, at))
        return timed

    def _taint(self, node: Object) -> None:
        present = node["spec"].get("taints") or []
        kept = [taint for taint in present if taint["key"] not in _OURS]
        for taint in _wanted(node):
            same = next((t for t in present if (t["key"], t["effect"]) == taint), None)
            key, effect = taint
            added = timestamp(self._engine.now())
            kept.append(same or {"key": key, "effect": effect, "timeAdded": added})
        if sorted(map(str, kept)) != sorted(map(str, present)):
            self._api.patch("Node", None, node["metadata"]["name"], {"spec": {"taints": kept or None}})


def _wanted(node: Object) -> list[tuple[str, str]]:
    """Key and effect of the taints that the node's state asks for."""
    found = []
    if node["spec"].get("unschedulable"):
        found.append((_CORDONED, "NoSchedule"))
    found += [(taint, "NoSchedule") for kind, taint in _SHORT.items() if pods.is_true(node, kind)]
    if _is_lost(node):
        found += [(_UNREACHABLE, "NoSchedule"), (_UNREACHABLE, "NoExecute")]
    return found


def _is_lost(node: Object) -> bool:
    ready = pods.condition(node, "Ready")
    return ready is not None and ready["status"] == "Unknown"


def _tolerated(pod: Object, taint: Object, since: float) -> float | None:
    """Until when (Unix seconds) a pod stays in spite of a taint that is there `since` then; None for ever."""
    for toleration in pod["spec"].get("tolerations") or ():
        if tolerates(toleration, taint):
            seconds = toleration.get("tolerationSeconds")
            return None if seconds is None else since + float(seconds)
    return since


def _node_of(pod: Object) -> tuple[str, ...]:
    node = pod["spec"].get("nodeName")
    return (node,) if node else ()
