"""The DaemonSet controller: one pod on every node that takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.controllers import daemonplan, pods
from chaoskit.simulator.controllers.base import Informers, Key, Reconciler, key_of
from chaoskit.simulator.controllers.daemonplan import Places
from chaoskit.simulator.controllers.placement import fits_labels, tolerates_all
from chaoskit.simulator.controllers.podcontrol import Claims, PodControl, look_when_available
from chaoskit.simulator.controllers.revisions import HASH, Revisions
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.objects import is_finished
from chaoskit.simulator.recorder import Recorder
from chaoskit.simulator.tolerations import tolerated

KIND = "DaemonSet.apps"
_FIRST_PATIENCE = 1.0
_LONGEST_PATIENCE = 900.0
_TOLERATED = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)


class DaemonSets:
    """Keeps the pods of daemon sets, and their status."""

    def __init__(self, api: Api, engine: Engine, informers: Informers) -> None:
        self._api = api
        self._engine = engine
        self._sets = informers.of(KIND)
        self._pods = informers.of("Pod")
        self._nodes = informers.of("Node")
        self._queue = Reconciler(engine, self._reconcile)
        self._revisions = Revisions(api, informers)
        self._events = Recorder(api, engine, "daemonset-controller")
        self._control = PodControl(api, self._events)
        self._patience: dict[tuple[str, str], Patience] = {}
        self._claims = Claims(api, "Pod", self._pods)
        self._sets.on_change(lambda old, new: self._queue.enqueue(key_of(new or old or {})))
        self._pods.on_change(self._pod_changed)
        self._claims.wake(self._queue, self._sets)
        self._nodes.on_change(self._node_changed)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        pod = new or old
        if pod is not None:
            self._queue.owner("DaemonSet", pod)

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if old and new and _matters(old) == _matters(new):
            return
        for daemon_set in self._sets.all():
            self._queue.enqueue(key_of(daemon_set))

    def _reconcile(self, key: Key) -> None:
        daemon_set = self._sets.get(key)
        if daemon_set is None:
            return
        digest = pods.template_hash(daemon_set["spec"]["template"])
        mine = self._claims.of(daemon_set)
        places, spec = daemonplan.by_node(mine, _target), _pod_spec(daemon_set)
        nodes = {node["metadata"]["name"]: node for node in self._nodes.all()}
        wanted = {name for name, node in nodes.items() if _takes(node, spec)}
        if "deletionTimestamp" not in daemon_set["metadata"]:
            self._revisions.keep(daemon_set, digest, digest, mine)
            kept = wanted | {name for name in places if name in nodes and _keeps(nodes[name], spec)}
            self._sync(daemon_set, places, wanted, kept, digest)
        now = self._engine.now()
        status = counted(daemon_set, places, wanted, digest, now)
        if status != daemon_set.get("status"):
            self._api.update({**daemon_set, "status": status}, "status")
        look_when_available(self._queue, daemon_set, mine, now)

    def _sync(
        self, daemon_set: Object, places: Places, wanted: set[str], kept: set[str], digest: str
    ) -> None:
        """What is missing is made, and what has ended, is too much or outdated goes."""
        least, now = daemon_set["spec"].get("minReadySeconds", 0), self._engine.now()
        limits = daemonplan.limits(daemon_set, len(wanted))

        def available(pod: Object) -> bool:
            return pods.is_available(pod, least, now)

        surging = limits.surge > 0
        plan = daemonplan.manage(places, wanted, kept, digest, surging=surging, available=available)
        if _rolls(daemon_set) and not plan.delete:
            there = {node: places.get(node, ()) for node in wanted}
            more = daemonplan.update(there, digest, limits, available)
            plan.create += more.create
            plan.delete += more.delete
        for node in sorted(kept & places.keys()):
            self._remove_ended(daemon_set, node, places[node])
        for pod in plan.delete:
            self._control.delete(daemon_set, pod)
        for node in plan.create:
            self._create(daemon_set, node, digest)

    def _remove_ended(self, daemon_set: Object, node: str, here: Sequence[Object]) -> None:
        """Pods that have ended go: those that succeeded at once, those that failed later and later."""
        for pod in here:
            if not is_finished(pod) or pods.is_terminating(pod):
                continue
            where = f"{'/'.join(key_of(pod))} on node {node}"
            if pod["status"]["phase"] == "Succeeded":
                told = f"Found succeeded daemon pod {where}, will try to delete it"
                self._events.event(daemon_set, "Normal", "SucceededDaemonPod", told)
            elif not self._waits(daemon_set, node):
                told = f"Found failed daemon pod {where}, will try to kill it"
                self._events.event(daemon_set, "Warning", "FailedDaemonPod", told)
            else:
                continue
            self._control.delete(daemon_set, pod)

    def _waits(self, daemon_set: Object, node: str) -> bool:
        """True while it is too early for the next failed pod there to go; the set is then looked at again."""
        patience = self._patience.setdefault((daemon_set["metadata"]["uid"], node), Patience())
        left = patience.wait(self._engine.now())
        if left > 0:
            self._queue.enqueue(key_of(daemon_set), left)
        return left > 0

    def _create(self, daemon_set: Object, node: str, digest: str) -> None:
        template = daemon_set["spec"]["template"]
        labels = ((template.get("metadata") or {}).get("labels") or {}) | {HASH: digest}
        prefix = daemon_set["metadata"]["name"] + "-"
        pod = pods.from_template(daemon_set, template, generateName=prefix, labels=labels)
        pod["spec"] = _pod_spec(daemon_set) | {"affinity": _only_on(node)}
        self._control.create(daemon_set, pod)


@dataclass(slots=True)
class Patience:
    """How long failed pods of one daemon set stay on one node: not at all, then a second, doubling."""

    seconds: float = 0.0
    since: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next one may go; 0 for now, and it is reckoned as gone."""
        if now - self.since > 2 * _LONGEST_PATIENCE:
            self.seconds = 0.0
        left = self.since + self.seconds - now
        if self.seconds and left > 0:
            return left
        self.seconds = min(2 * self.seconds, _LONGEST_PATIENCE) or _FIRST_PATIENCE
        self.since = now
        return 0.0


def counted(daemon_set: Object, places: Places, wanted: set[str], digest: str, now: float) -> Object:
    """The counts of a daemon set's status: of nodes, each judged by its oldest pod."""
    there = [here[0] for node, here in places.items() if node in wanted]
    misplaced = [here for node, here in places.items() if node not in wanted]
    min_ready = daemon_set["spec"].get("minReadySeconds", 0)
    available = sum(pods.is_available(pod, min_ready, now) for pod in there)
    found = {
        "currentNumberScheduled": len(there),
        "numberMisscheduled": len(misplaced),
        "desiredNumberScheduled": len(wanted),
        "numberReady": sum(map(pods.is_ready, there)),
        "observedGeneration": daemon_set["metadata"]["generation"],
        "updatedNumberScheduled": sum(pod["metadata"]["labels"].get(HASH) == digest for pod in there),
        "numberAvailable": available,
        "numberUnavailable": len(wanted) - available,
    }
    optional = {"updatedNumberScheduled", "numberAvailable", "numberUnavailable"}
    return {name: count for name, count in found.items() if count or name not in optional}


def _matters(node: Object) -> tuple[object, ...]:
    """What of a node decides whether daemons run there."""
    return node["spec"], node["metadata"].get("labels")


def _pod_spec(daemon_set: Object) -> Object:
    spec: Object = daemon_set["spec"]["template"]["spec"]
    own = [{"key": key, "operator": "Exists", "effect": effect} for key, effect in _TOLERATED]
    return spec | {"tolerations": [*(spec.get("tolerations") or ()), *own]}


def _takes(node: Object, spec: Object) -> bool:
    return fits_labels(spec, node) and tolerates_all(spec, node)


def _keeps(node: Object, spec: Object) -> bool:
    """True when a daemon that runs there may stay, though none would be made there."""
    taints = [taint for taint in node["spec"].get("taints") or () if taint["effect"] == "NoExecute"]
    return fits_labels(spec, node) and all(tolerated(spec, taint) for taint in taints)


def _rolls(daemon_set: Object) -> bool:
    strategy = daemon_set["spec"].get("updateStrategy") or {}
    return bool(strategy.get("type", "RollingUpdate") == "RollingUpdate")


def _only_on(node: str) -> Object:
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    required = {"nodeSelectorTerms": [term]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def _target(pod: Object) -> str:
    """The node that a daemon's pod is on, or is made for."""
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            return str(field["values"][0])
    return ""
