"""The DaemonSet controller: one pod on every node that takes it."""

from __future__ import annotations

from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.controllers import pods, rollout
from chaoskit.simulator.controllers.base import Informers, Key, Reconciler, key_of
from chaoskit.simulator.controllers.placement import fits_labels, tolerates_all
from chaoskit.simulator.controllers.podcontrol import PodControl, look_when_available
from chaoskit.simulator.controllers.revisions import HASH, Revisions
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.recorder import Recorder

KIND = "DaemonSet.apps"
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
        self._control = PodControl(api, Recorder(api, engine, "daemonset-controller"))
        self._pods.index("controller", pods.controller_uid)
        self._sets.on_change(lambda old, new: self._queue.enqueue(key_of(new or old or {})))
        self._pods.on_change(self._pod_changed)
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
        mine = self._pods.find("controller", daemon_set["metadata"]["uid"])
        wanted = {
            node["metadata"]["name"] for node in self._nodes.all() if _takes(node, _pod_spec(daemon_set))
        }
        if "deletionTimestamp" not in daemon_set["metadata"]:
            self._revisions.keep(daemon_set, digest, digest, mine)
            self._place(daemon_set, mine, wanted, digest)
            self._replace_outdated(daemon_set, mine, wanted, digest)
        now = self._engine.now()
        status = counted(daemon_set, mine, wanted, digest, now)
        if status != daemon_set.get("status"):
            self._api.update({**daemon_set, "status": status}, "status")
        look_when_available(self._queue, daemon_set, mine, now)

    def _place(self, daemon_set: Object, mine: list[Object], wanted: set[str], digest: str) -> None:
        placed = {_target(pod) for pod in mine if not pods.is_finished(pod)}
        for pod in mine:
            if not pods.is_terminating(pod) and (_target(pod) not in wanted or pods.is_finished(pod)):
                self._control.delete(daemon_set, pod)
        for node in sorted(wanted - placed):
            self._create(daemon_set, node, digest)

    def _replace_outdated(
        self, daemon_set: Object, mine: list[Object], wanted: set[str], digest: str
    ) -> None:
        strategy = daemon_set["spec"].get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return
        limit = (strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1)
        room = max(1, rollout.scaled(limit, len(wanted), up=True))
        now, least = self._engine.now(), daemon_set["spec"].get("minReadySeconds", 0)
        up = [p for p in mine if pods.is_available(p, least, now) and not pods.is_terminating(p)]
        room -= len(wanted) - len(up)
        old = [p for p in mine if pods.is_active(p) and p["metadata"]["labels"].get(HASH) != digest]
        broken = [pod for pod in old if not pods.is_ready(pod)]
        for pod in [*broken, *[p for p in old if p not in broken][: max(0, room)]]:
            self._control.delete(daemon_set, pod)

    def _create(self, daemon_set: Object, node: str, digest: str) -> None:
        template = daemon_set["spec"]["template"]
        labels = ((template.get("metadata") or {}).get("labels") or {}) | {HASH: digest}
        prefix = daemon_set["metadata"]["name"] + "-"
        pod = pods.from_template(daemon_set, template, generateName=prefix, labels=labels)
        pod["spec"] = _pod_spec(daemon_set) | {"affinity": _only_on(node)}
        self._control.create(daemon_set, pod)


def counted(daemon_set: Object, mine: list[Object], wanted: set[str], digest: str, now: float) -> Object:
    """The counts of a daemon set's status."""
    live = [pod for pod in mine if pods.is_active(pod)]
    there = [pod for pod in live if _target(pod) in wanted]
    min_ready = daemon_set["spec"].get("minReadySeconds", 0)
    available = sum(pods.is_available(pod, min_ready, now) for pod in there)
    found = {
        "currentNumberScheduled": len(there),
        "numberMisscheduled": len(live) - len(there),
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
