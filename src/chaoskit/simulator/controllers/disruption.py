"""The status of disruption budgets: how many pods may be evicted now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chaoskit.simulator import selectors
from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.conditions import turned
from chaoskit.simulator.controllers import pods
from chaoskit.simulator.controllers.base import Informers, Key, Reconciler, key_of
from chaoskit.simulator.controllers.rollout import scaled
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.objects import owner_of, parse_time, timestamp

KIND = "PodDisruptionBudget.policy"
_BELIEVED = 120.0
"""Seconds for which an evicted pod that does not go counts as going."""
_SCALED = {
    "Deployment": "Deployment.apps",
    "ReplicaSet": "ReplicaSet.apps",
    "StatefulSet": "StatefulSet.apps",
}


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget's numbers, in pods."""

    allowed: int
    healthy: int
    desired: int
    expected: int


class Disruption:
    """Keeps what evictions are judged by; the eviction itself is the API server's."""

    def __init__(self, api: Api, engine: Engine, informers: Informers) -> None:
        self._api = api
        self._engine = engine
        self._budgets = informers.of(KIND)
        self._pods = informers.of("Pod")
        self._workloads = {kind: informers.of(name) for kind, name in _SCALED.items()}
        self._queue = Reconciler(engine, self._reconcile)
        self._budgets.index("namespace", pods.namespace_of)
        self._pods.index("labels", pods.labelled)
        self._budgets.on_change(lambda old, new: self._queue.enqueue(key_of(new or old or {})))
        self._pods.on_change(self._pod_changed)
        for informer in self._workloads.values():
            informer.on_change(self._workload_changed)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if old is not None and new is not None and _counts(old) == _counts(new):
            return
        told = [pod["metadata"].get("labels") or {} for pod in (old, new) if pod is not None]
        for budget in self._budgets.find("namespace", (new or old or {})["metadata"]["namespace"]):
            selects = selectors.of(budget["spec"].get("selector"))
            if any(map(selects, told)):
                self._queue.enqueue(key_of(budget))

    def _workload_changed(self, old: Object | None, new: Object | None) -> None:
        if old and new and old["spec"].get("replicas") == new["spec"].get("replicas"):
            return
        for budget in self._budgets.find("namespace", (new or old or {})["metadata"]["namespace"]):
            self._queue.enqueue(key_of(budget))

    def _reconcile(self, key: Key) -> None:
        budget = self._budgets.get(key)
        if budget is None or "deletionTimestamp" in budget["metadata"]:
            return
        covered = pods.selected(self._pods, key[0], budget["spec"].get("selector"))
        now = self._engine.now()
        disrupted = self._still_going(budget, covered, now)
        numbers = judge(budget, covered, disrupted, self._expected(covered))
        status = _status(budget, numbers, disrupted, timestamp(now))
        if status != budget.get("status"):
            self._api.update({**budget, "status": status}, "status")
        if disrupted:
            self._queue.enqueue(key, _BELIEVED)

    def _still_going(self, budget: Object, covered: Sequence[Object], now: float) -> dict[str, str]:
        """Pods evicted a short time ago of which nothing is to be seen yet."""
        noted: dict[str, str] = (budget.get("status") or {}).get("disruptedPods") or {}
        waiting = {p["metadata"]["name"] for p in covered if not pods.is_terminating(p)}
        return {
            name: since
            for name, since in noted.items()
            if name in waiting and parse_time(since).timestamp() + _BELIEVED > now
        }

    def _expected(self, covered: Sequence[Object]) -> int:
        """How many pods the workloads of the covered ones want."""
        sizes: dict[str, int] = {}
        for pod in covered:
            top = self._top(pod)
            if top is None:
                sizes[pod["metadata"]["uid"]] = 1
            else:
                sizes[top["metadata"]["uid"]] = top["spec"].get("replicas", 1)
        return sum(sizes.values())

    def _top(self, pod: Object) -> Object | None:
        """The workload that says how many pods there are to be: the owner's owner, if it has one."""
        found: Object | None = None
        owner = owner_of(pod)
        while owner is not None and owner["kind"] in self._workloads:
            key = (pod["metadata"]["namespace"], owner["name"])
            above = self._workloads[owner["kind"]].get(key)
            if above is None:
                break
            found, owner = above, owner_of(above)
        return found


def judge(budget: Object, covered: Sequence[Object], disrupted: dict[str, str], wanted: int) -> Budget:
    """A budget's numbers over the pods it covers; `wanted` is how many their workloads want."""
    spec = budget["spec"]
    if spec.get("maxUnavailable") is not None:
        expected = wanted
        desired = max(0, expected - scaled(spec["maxUnavailable"], expected, up=True))
    elif isinstance(spec.get("minAvailable"), str):
        expected, desired = wanted, scaled(spec["minAvailable"], wanted, up=True)
    else:
        expected, desired = len(covered), int(spec.get("minAvailable") or 0)
    healthy = sum(
        pods.is_ready(pod) and not pods.is_terminating(pod) and pod["metadata"]["name"] not in disrupted
        for pod in covered
    )
    allowed = max(0, healthy - desired) if expected else 0
    return Budget(allowed, healthy, desired, expected)


def _status(budget: Object, numbers: Budget, disrupted: dict[str, str], now: str) -> Object:
    generation = budget["metadata"]["generation"]
    enough = numbers.allowed > 0
    kind, reason = "DisruptionAllowed", "SufficientPods" if enough else "InsufficientPods"
    old = pods.condition(budget, kind)
    condition = turned(old, kind, str(enough), reason, "", now, observedGeneration=generation)
    found: Object = {"observedGeneration": generation}
    if disrupted:
        found["disruptedPods"] = disrupted
    return found | {
        "disruptionsAllowed": numbers.allowed,
        "currentHealthy": numbers.healthy,
        "desiredHealthy": numbers.desired,
        "expectedPods": numbers.expected,
        "conditions": [condition],
    }


def _counts(pod: Object) -> tuple[object, ...]:
    return (pod["metadata"].get("labels"), pods.is_ready(pod), pods.is_terminating(pod))
