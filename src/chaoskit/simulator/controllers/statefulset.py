"""The StatefulSet controller: pods with names that stay, made and removed one after the other."""

from __future__ import annotations

import re

from chaoskit.simulator.api import Api, ApiError, Object
from chaoskit.simulator.controllers import pods
from chaoskit.simulator.controllers.base import Informers, Key, Reconciler, key_of
from chaoskit.simulator.controllers.podcontrol import Claims, look_when_available
from chaoskit.simulator.controllers.revisions import HASH, Revisions
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.objects import clone, is_finished
from chaoskit.simulator.recorder import Recorder

KIND = "StatefulSet.apps"


class StatefulSets:
    """Keeps the pods of stateful sets in order, and their status."""

    def __init__(self, api: Api, engine: Engine, informers: Informers) -> None:
        self._api = api
        self._engine = engine
        self._sets = informers.of(KIND)
        self._pods = informers.of("Pod")
        self._queue = Reconciler(engine, self._reconcile)
        self._events = Recorder(api, engine, "statefulset-controller")
        self._revisions = Revisions(api, informers)
        self._claims = Claims(api, "Pod", self._pods, _is_member)
        self._sets.on_change(lambda old, new: self._queue.enqueue(key_of(new or old or {})))
        self._pods.on_change(self._pod_changed)
        self._claims.wake(self._queue, self._sets)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        pod = new or old
        if pod is not None:
            self._queue.owner("StatefulSet", pod)

    def _reconcile(self, key: Key) -> None:
        stateful_set = self._sets.get(key)
        if stateful_set is None:
            return
        meta = stateful_set["metadata"]
        digest = pods.template_hash(stateful_set["spec"]["template"])
        newest = f"{meta['name']}-{digest}"
        mine = {_ordinal(pod): pod for pod in self._claims.of(stateful_set)}
        if "deletionTimestamp" not in meta:
            self._revisions.keep(stateful_set, digest, newest, mine.values())
            self._step(stateful_set, mine, newest)
        self._publish(stateful_set, list(mine.values()), newest)

    def _step(self, stateful_set: Object, mine: dict[int, Object], newest: str) -> None:
        """Does the one thing that is next in order; with ``Parallel``, all that is missing or too much."""
        replicas = stateful_set["spec"]["replicas"]
        parallel = stateful_set["spec"].get("podManagementPolicy") == "Parallel"
        for ordinal in range(replicas):
            pod = mine.get(ordinal)
            if pod is None:
                self._create(stateful_set, ordinal, newest)
            elif is_finished(pod) and not pods.is_terminating(pod):
                self._delete(stateful_set, pod)
            elif self._available(stateful_set, pod) and not pods.is_terminating(pod):
                continue
            if not parallel:
                return
        for ordinal in sorted((o for o in mine if o >= replicas), reverse=True):
            if not pods.is_terminating(mine[ordinal]):
                self._delete(stateful_set, mine[ordinal])
            if not parallel:
                return
        self._update(stateful_set, mine, newest)

    def _update(self, stateful_set: Object, mine: dict[int, Object], newest: str) -> None:
        """The highest pod of an older template is replaced, when all above it are up."""
        strategy = stateful_set["spec"].get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return
        first = (strategy.get("rollingUpdate") or {}).get("partition", 0)
        for ordinal in range(stateful_set["spec"]["replicas"] - 1, first - 1, -1):
            pod = mine.get(ordinal)
            if pod is None or pods.is_terminating(pod):
                return
            if pod["metadata"]["labels"].get(HASH) != newest:
                self._delete(stateful_set, pod)
                return
            if not self._available(stateful_set, pod):
                return

    def _create(self, stateful_set: Object, ordinal: int, newest: str) -> None:
        meta, spec = stateful_set["metadata"], stateful_set["spec"]
        name = f"{meta['name']}-{ordinal}"
        revision, template = self._made_from(stateful_set, ordinal, newest)
        labels = ((template.get("metadata") or {}).get("labels") or {}) | {
            HASH: revision,
            "apps.kubernetes.io/pod-index": str(ordinal),
            "statefulset.kubernetes.io/pod-name": name,
        }
        pod = pods.from_template(stateful_set, template, name=name, labels=labels)
        pod["spec"]["hostname"] = name
        if spec.get("serviceName"):
            pod["spec"]["subdomain"] = spec["serviceName"]
        self._claim(stateful_set, pod, name)
        try:
            self._api.create(pod)
        except ApiError as error:
            if error.code == 409:
                return
            told = f"create Pod {name} in StatefulSet {meta['name']} failed error: {error}"
            self._events.event(stateful_set, "Warning", "FailedCreate", told)
            raise
        told = f"create Pod {name} in StatefulSet {meta['name']} successful"
        self._events.event(stateful_set, "Normal", "SuccessfulCreate", told)

    def _made_from(self, stateful_set: Object, ordinal: int, newest: str) -> tuple[str, Object]:
        """The revision that the pod is made from, and its template."""
        if _keeps(stateful_set, ordinal):
            current = (stateful_set.get("status") or {}).get("currentRevision", newest)
            template = self._revisions.template(stateful_set, current)
            if template is not None:
                return current, template
        return newest, stateful_set["spec"]["template"]

    def _claim(self, stateful_set: Object, pod: Object, name: str) -> None:
        """The pod's volumes are its own claims, which outlive it."""
        for template in stateful_set["spec"].get("volumeClaimTemplates") or ():
            claim = f"{template['metadata']['name']}-{name}"
            namespace = stateful_set["metadata"]["namespace"]
            if self._api.get("PersistentVolumeClaim", namespace, claim) is None:
                body = clone(template) | {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
                body["metadata"] = {
                    **(body.get("metadata") or {}),
                    "name": claim,
                    "namespace": namespace,
                }
                self._api.create(body)
            volume = {
                "name": template["metadata"]["name"],
                "persistentVolumeClaim": {"claimName": claim},
            }
            pod["spec"].setdefault("volumes", []).append(volume)

    def _delete(self, stateful_set: Object, pod: Object) -> None:
        self._api.delete("Pod", *key_of(pod), uid=pod["metadata"]["uid"])
        name = pod["metadata"]["name"]
        told = f"delete Pod {name} in StatefulSet {stateful_set['metadata']['name']} successful"
        self._events.event(stateful_set, "Normal", "SuccessfulDelete", told)

    def _publish(self, stateful_set: Object, mine: list[Object], newest: str) -> None:
        now = self._engine.now()
        status = counted(stateful_set, mine, newest, now)
        if status != stateful_set.get("status"):
            self._api.update({**stateful_set, "status": status}, "status")
        look_when_available(self._queue, stateful_set, mine, now)

    def _available(self, stateful_set: Object, pod: Object) -> bool:
        return pods.is_available(pod, stateful_set["spec"].get("minReadySeconds", 0), self._engine.now())


def counted(stateful_set: Object, mine: list[Object], newest: str, now: float) -> Object:
    """The counts and revisions of a stateful set's status."""
    live = [pod for pod in mine if not is_finished(pod)]
    min_ready = stateful_set["spec"].get("minReadySeconds", 0)
    updated = [pod for pod in live if pod["metadata"]["labels"].get(HASH) == newest]
    before = (stateful_set.get("status") or {}).get("currentRevision", newest)
    done = len(updated) == stateful_set["spec"]["replicas"] and all(map(pods.is_ready, updated))
    current = newest if done else before
    found = {
        "observedGeneration": stateful_set["metadata"]["generation"],
        "replicas": len(live),
        "readyReplicas": sum(map(pods.is_ready, live)),
        "currentReplicas": sum(p["metadata"]["labels"].get(HASH) == current for p in live),
        "updatedReplicas": len(updated),
        "currentRevision": current,
        "updateRevision": newest,
        "collisionCount": 0,
        "availableReplicas": sum(pods.is_available(pod, min_ready, now) for pod in live),
    }
    optional = {"readyReplicas", "currentReplicas", "updatedReplicas"}
    return {name: value for name, value in found.items() if value or name not in optional}


def _keeps(stateful_set: Object, ordinal: int) -> bool:
    """True for a pod that comes back as it was before an update: below the partition.

    Where none is written, not even as a default, below the number of those that the update did not reach.
    """
    strategy = stateful_set["spec"].get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return False
    rolling = strategy.get("rollingUpdate")
    if rolling is None:
        return bool(ordinal < (stateful_set.get("status") or {}).get("currentReplicas", 0))
    return bool(ordinal < rolling.get("partition", 0))


def _is_member(stateful_set: Object, pod: Object) -> bool:
    """True for a pod that stays, under a name that the set gives."""
    name = f"{stateful_set['metadata']['name']}-{_ordinal(pod)}"
    return pod["metadata"]["name"] == name and pods.stays(stateful_set, pod)


def _ordinal(pod: Object) -> int:
    found = re.search(r"-(\d+)$", pod["metadata"]["name"])
    return int(found[1]) if found else -1
