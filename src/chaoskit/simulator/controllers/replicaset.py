"""The ReplicaSet controller: as many pods as asked for, made, adopted, released or deleted."""

from __future__ import annotations

from collections import Counter

from chaoskit.simulator.api import Api, ApiError, Object
from chaoskit.simulator.conditions import turned
from chaoskit.simulator.controllers import pods
from chaoskit.simulator.controllers.base import Informers, Key, Reconciler, key_of
from chaoskit.simulator.controllers.podcontrol import Claims, PodControl, look_when_available
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.objects import is_finished, timestamp
from chaoskit.simulator.recorder import Recorder

KIND = "ReplicaSet.apps"


class ReplicaSets:
    """Keeps the pods of replica sets, and their status."""

    def __init__(self, api: Api, engine: Engine, informers: Informers) -> None:
        self._api = api
        self._engine = engine
        self._sets = informers.of(KIND)
        self._pods = informers.of("Pod")
        self._queue = Reconciler(engine, self._reconcile)
        self._events = Recorder(api, engine, "replicaset-controller")
        self._control = PodControl(api, self._events)
        self._claims = Claims(api, "Pod", self._pods)
        self._sets.on_change(lambda old, new: self._queue.enqueue(key_of(new or old or {})))
        self._pods.on_change(self._pod_changed)
        self._claims.wake(self._queue, self._sets)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        for pod in (old, new):
            if pod is not None:
                self._queue.owner("ReplicaSet", pod)

    def _reconcile(self, key: Key) -> None:
        replica_set = self._sets.get(key)
        if replica_set is None:
            return
        mine = self._claims.of(replica_set)
        failure = None
        if "deletionTimestamp" not in replica_set["metadata"]:
            failure = self._scale(replica_set, [pod for pod in mine if pods.is_active(pod)])
        self._publish(replica_set, mine, failure)
        if failure is not None:
            raise failure

    def _scale(self, replica_set: Object, active: list[Object]) -> ApiError | None:
        missing = replica_set["spec"].get("replicas", 1) - len(active)
        template, prefix = replica_set["spec"]["template"], replica_set["metadata"]["name"] + "-"
        try:
            for _ in range(missing):
                self._control.create(
                    replica_set, pods.from_template(replica_set, template, generateName=prefix)
                )
        except ApiError as error:
            self._events.event(replica_set, "Warning", "FailedCreate", f"Error creating: {error}")
            return error
        if missing < 0:
            nodes = Counter(pod["spec"].get("nodeName", "") for pod in active)
            active.sort(key=pods.scale_down_order(nodes, self._engine.now()))
            for pod in active[:-missing]:
                self._control.delete(replica_set, pod)
        return None

    def _publish(self, replica_set: Object, mine: list[Object], failure: ApiError | None) -> None:
        now = self._engine.now()
        status = counted(replica_set, mine, now)
        conditions = _conditions(replica_set, failure, timestamp(now))
        if conditions:
            status["conditions"] = conditions
        if status != replica_set.get("status"):
            self._api.update({**replica_set, "status": status}, "status")
        look_when_available(self._queue, replica_set, mine, now)


def counted(replica_set: Object, mine: list[Object], now: float) -> Object:
    """The counts of a replica set's status over its pods; what is zero is left out, as the server does."""
    active = [pod for pod in mine if pods.is_active(pod)]
    labels = (replica_set["spec"]["template"].get("metadata") or {}).get("labels") or {}
    min_ready = replica_set["spec"].get("minReadySeconds", 0)
    counts = {
        "fullyLabeledReplicas": sum(
            labels.items() <= (pod["metadata"].get("labels") or {}).items() for pod in active
        ),
        "readyReplicas": sum(map(pods.is_ready, active)),
        "availableReplicas": sum(pods.is_available(pod, min_ready, now) for pod in active),
    }
    going = sum(pods.is_terminating(pod) and not is_finished(pod) for pod in mine)
    return (
        {"replicas": len(active)}
        | {name: count for name, count in counts.items() if count}
        | {
            "terminatingReplicas": going,
            "observedGeneration": replica_set["metadata"].get("generation", 1),
        }
    )


def _conditions(replica_set: Object, failure: ApiError | None, now: str) -> list[Object]:
    """``ReplicaFailure`` while pods cannot be made."""
    if failure is None:
        return []
    old = pods.condition(replica_set, "ReplicaFailure")
    return [turned(old, "ReplicaFailure", "True", "FailedCreate", str(failure), now)]
