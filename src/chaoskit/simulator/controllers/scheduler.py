"""The scheduler: it binds each waiting pod to a node, or says why it cannot."""

from __future__ import annotations

from chaoskit.simulator.api import Api, ApiError, Change, Object
from chaoskit.simulator.conditions import turned
from chaoskit.simulator.controllers import neighbours, placement, preemption
from chaoskit.simulator.controllers.base import Key, Reconciler, key_of
from chaoskit.simulator.controllers.neighbours import Neighbour
from chaoskit.simulator.controllers.placement import Refusal, Used
from chaoskit.simulator.controllers.pods import condition
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.objects import is_finished, owner_of, timestamp
from chaoskit.simulator.recorder import SchedulerRecorder

_NAME = "default-scheduler"
_AGAIN = 300.0
"""Seconds after which a pod that fits nowhere is tried again though nothing changed."""


class Scheduler:
    """Follows nodes and pods, and keeps count of what is asked for on each node."""

    def __init__(self, api: Api, engine: Engine) -> None:
        self._api = api
        self._engine = engine
        self._nodes: dict[str, Object] = {}
        self._used: dict[str, Used] = {}
        self._placed: dict[Key, _Placed] = {}
        self._siblings: dict[tuple[str, str], int] = {}
        self._waiting: dict[Key, Object] = {}
        self._nominated: dict[Key, _Placed] = {}
        """Those that wait for others to make room, with the node where that is kept for them."""
        self._picky = 0
        """How many pods that have a node mind which others are near."""
        self._queue = Reconciler(engine, self._schedule)
        self._events = SchedulerRecorder(api, engine)

    def start(self) -> None:
        """Every pod without a node, now and later, gets one as soon as one suits."""
        self._api.watch("Node", self._node_changed)
        self._api.watch("Pod", self._pod_changed)
        self._api.watch("PersistentVolumeClaim", self._claim_changed)

    def _node_changed(self, change: Change, node: Object) -> None:
        name = node["metadata"]["name"]
        old = self._nodes.pop(name, None)
        if change != "DELETED":
            self._nodes[name] = node
            if old is not None and _offers(old) == _offers(node):
                return
        self._retry()

    def _claim_changed(self, change: Change, _: Object) -> None:
        if change == "ADDED":
            self._retry()

    def _pod_changed(self, change: Change, pod: Object) -> None:
        key = key_of(pod)
        gone = change == "DELETED" or is_finished(pod)
        if gone or not pod["spec"].get("nodeName"):
            freed = self._forget(key)
            if freed:
                self._retry()
        if gone:
            self._waits_no_more(key)
        elif pod["spec"].get("nodeName"):
            self._count(key, pod, pod["spec"]["nodeName"])
            self._waits_no_more(key, pod["spec"]["nodeName"])
        elif "deletionTimestamp" not in pod["metadata"] and _is_ours(pod["spec"]):
            self._wait(key, pod)

    def _wait(self, key: Key, pod: Object) -> None:
        before = self._waiting.get(key)
        self._waiting[key] = pod
        if before is None or before["spec"] != pod["spec"]:
            self._queue.enqueue(key)

    def _waits_no_more(self, key: Key, node: str = "") -> None:
        """The pod is on a node, or gone."""
        self._waiting.pop(key, None)
        self._release(key, node)
        self._nominated.pop(key, None)

    def _release(self, key: Key, node: str) -> None:
        """Room that was kept for the pod anywhere but on `node` is there for others again."""
        kept = self._nominated.get(key)
        if kept is not None and kept.node != node:
            del self._nominated[key]
            self._retry()

    def _retry(self) -> None:
        """Those that wait are tried again, the most important ones first."""
        for key in sorted(self._waiting, key=lambda key: -preemption.priority(self._waiting[key])):
            self._queue.enqueue(key)

    def _count(self, key: Key, pod: Object, node: str) -> None:
        if key in self._placed:
            self._placed[key].pod = pod
            return
        placed = _Placed(node, _owner(pod), placement.requests(pod["spec"]), pod)
        self._placed[key] = placed
        self._picky += neighbours.concerned(pod["spec"])
        self._used.setdefault(node, Used()).add(placed.asked)
        where = (placed.owner, node)
        self._siblings[where] = self._siblings.get(where, 0) + 1

    def _forget(self, key: Key) -> bool:
        placed = self._placed.pop(key, None)
        if placed is None:
            return False
        self._picky -= neighbours.concerned(placed.pod["spec"])
        self._used[placed.node].add(placed.asked, -1)
        where = (placed.owner, placed.node)
        self._siblings[where] -= 1
        if not self._siblings[where]:
            del self._siblings[where]
        return True

    def _schedule(self, key: Key) -> None:
        pod = self._waiting.get(key)
        if pod is None:
            return
        missing = self._missing_claim(pod)
        if missing is not None and self._nodes:
            self._refuse(key, pod, placement.without_claim(missing, len(self._nodes)))
            return
        refusals = {
            name: placement.refusal(pod["spec"], node, self._taken(name, key, pod))
            for name, node in sorted(self._nodes.items())
        }
        beside = self._beside(pod)
        for name, reason in beside.items():
            refusals[name] = refusals[name] or Refusal((reason,), final=reason != neighbours.ANTI_AFFINITY)
        fitting = [name for name, refused in refusals.items() if refused is None]
        if fitting:
            self._bind(key, pod, self._best(pod, fitting))
        else:
            why = {name: refused for name, refused in refusals.items() if refused is not None}
            full = [name for name, refused in why.items() if not refused.final and name not in beside]
            node = self._preempt(key, pod, full)
            self._refuse(key, pod, placement.explain(list(why.values()), preempts=bool(node)), node)

    def _taken(self, node: str, key: Key, pod: Object) -> Used:
        """What is asked for on a node, that included which is kept there for others as important."""
        used = self._used.setdefault(node, Used())
        kept = [place.asked for place in self._kept(key, pod) if place.node == node]
        return used.and_with(kept) if kept else used

    def _kept(self, key: Key, pod: Object) -> list[_Placed]:
        others = (place for other, place in self._nominated.items() if other != key)
        return [one for one in others if preemption.priority(one.pod) >= preemption.priority(pod)]

    def _missing_claim(self, pod: Object) -> str | None:
        for claim in placement.claims(pod["spec"]):
            if self._api.get("PersistentVolumeClaim", pod["metadata"]["namespace"], claim) is None:
                return claim
        return None

    def _beside(self, pod: Object) -> dict[str, str]:
        """Why the pods that are there keep this one from some nodes."""
        if not self._picky and not neighbours.concerned(pod["spec"]):
            return {}
        there = (Neighbour(placed.pod, placed.node) for placed in self._placed.values())
        return neighbours.refusals(pod, self._nodes, there)

    def _best(self, pod: Object, fitting: list[str]) -> str:
        owner = _owner(pod)

        def score(name: str) -> tuple[float, float]:
            beside = self._siblings.get((owner, name), 0) if owner else 0
            return placement.score(pod["spec"], self._nodes[name], self._used[name], beside)

        return max(fitting, key=score)

    def _bind(self, key: Key, pod: Object, node: str) -> None:
        namespace, name = key
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name, "namespace": namespace},
            "target": target,
        }
        try:
            self._api.create(binding)
        except ApiError as error:
            if error.code not in {404, 409}:  # gone or bound by another hand: nothing left to do
                raise
            self._waits_no_more(key)
            return
        self._count(key, pod, node)
        self._waits_no_more(key, node)
        told = f"Successfully assigned {namespace}/{name} to {node}"
        self._events.event(pod, "Normal", "Scheduled", "Binding", told)

    def _preempt(self, key: Key, pod: Object, full: list[str]) -> str:
        """The node of those that are full where others end, and room is kept for the pod; empty without."""
        node, victims = self._victims(key, pod, full)
        for victim in victims:
            if not preemption.ends(victim):
                self._end(victim, pod, node)
        self._release(key, node)
        if node:
            self._nominated[key] = _Placed(node, _owner(pod), placement.requests(pod["spec"]), pod)
        return node

    def _victims(self, key: Key, pod: Object, full: list[str]) -> tuple[str, list[Object]]:
        if not any(preemption.priority(pod) > preemption.priority(one.pod) for one in self._placed.values()):
            return "", []
        there: dict[str, list[Object]] = {}
        for placed in (*self._kept(key, pod), *self._placed.values()):
            there.setdefault(placed.node, []).append(placed.pod)
        return preemption.choose(pod, [self._nodes[name] for name in full], there)

    def _end(self, victim: Object, pod: Object, node: str) -> None:
        namespace, name = key_of(victim)
        uid = pod["metadata"]["uid"]
        why = "default-scheduler: preempting to accommodate a higher priority pod"
        now = timestamp(self._engine.now())
        made = turned(None, "DisruptionTarget", "True", "PreemptionByScheduler", why, now)
        there = self._api.get("Pod", namespace, name) or victim
        others = there["status"].get("conditions") or ()
        try:
            self._api.patch("Pod", namespace, name, {"status": {"conditions": [*others, made]}}, "status")
        except ApiError as error:
            if error.code != 404:
                raise
            return  # it has ended by itself
        self._api.delete("Pod", namespace, name)
        told = f"Preempted by pod {uid} on node {node}"
        self._events.event(victim, "Normal", "Preempted", "Preempting", told)

    def _refuse(self, key: Key, pod: Object, message: str, nominated: str = "") -> None:
        self._queue.enqueue(key, _AGAIN)
        self._events.event(pod, "Warning", "FailedScheduling", "Scheduling", message)
        old, before = condition(pod, "PodScheduled"), pod["status"].get("nominatedNodeName", "")
        if old is not None and (before, old.get("message")) == (nominated, message):
            return
        now = timestamp(self._engine.now())
        others = [c for c in pod["status"].get("conditions") or () if c["type"] != "PodScheduled"]
        more = {"observedGeneration": pod["metadata"].get("generation", 1), "lastProbeTime": None}
        made = turned(old, "PodScheduled", "False", "Unschedulable", message, now, **more)
        status = {"conditions": [*others, made], "nominatedNodeName": nominated or None}
        self._api.patch("Pod", *key, {"status": status}, "status")


class _Placed:
    """A pod that a node's resources are taken by."""

    __slots__ = ("asked", "node", "owner", "pod")

    def __init__(self, node: str, owner: str, asked: dict[str, float], pod: Object) -> None:
        self.node = node
        self.owner = owner
        self.asked = asked
        self.pod = pod


def _is_ours(spec: Object) -> bool:
    """True when nothing holds the pod back, and no other scheduler is asked for: there is none."""
    return not spec.get("schedulingGates") and spec.get("schedulerName", _NAME) == _NAME


def _owner(pod: Object) -> str:
    reference = owner_of(pod)
    return str(reference["uid"]) if reference is not None else ""


def _offers(node: Object) -> tuple[object, ...]:
    """What of a node matters to pods that wait."""
    return (node["spec"], node["metadata"].get("labels"), node["status"].get("allocatable"))
