"""The Deployment controller: one replica set for each template, rolled from the old to the new."""

from __future__ import annotations

from collections.abc import Sequence

from chaoskit.simulator.api import Api, ApiError, Object
from chaoskit.simulator.controllers import pods, progress, rollout
from chaoskit.simulator.controllers.base import Informers, Key, Reconciler, key_of
from chaoskit.simulator.controllers.podcontrol import Claims
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.objects import clone, owned_by, timestamp
from chaoskit.simulator.recorder import Recorder

KIND = "Deployment.apps"
HASH = "pod-template-hash"
_PREFIX = "deployment.kubernetes.io/"
REVISION = _PREFIX + "revision"
HISTORY = _PREFIX + "revision-history"
_DESIRED = _PREFIX + "desired-replicas"
_MOST = _PREFIX + "max-replicas"
_NOT_COPIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        HISTORY,
        _DESIRED,
        _MOST,
        "deprecated.deployment.rollback.to",
    }
)


class Deployments:
    """Rolls deployments out, and keeps their revisions and conditions."""

    def __init__(self, api: Api, engine: Engine, informers: Informers) -> None:
        self._api = api
        self._engine = engine
        self._deployments = informers.of(KIND)
        self._sets = informers.of("ReplicaSet.apps")
        self._queue = Reconciler(engine, self._reconcile)
        self._events = Recorder(api, engine, "deployment-controller")
        self._claims = Claims(api, "ReplicaSet.apps", self._sets, pods.stays)
        self._deployments.on_change(lambda old, new: self._queue.enqueue(key_of(new or old or {})))
        self._sets.on_change(self._set_changed)
        self._claims.wake(self._queue, self._deployments)

    def _set_changed(self, old: Object | None, new: Object | None) -> None:
        for replica_set in (old, new):
            if replica_set is not None:
                self._queue.owner("Deployment", replica_set)

    def _reconcile(self, key: Key) -> None:
        deployment = self._deployments.get(key)
        if deployment is None:
            return
        sets = self._claims.of(deployment)
        sets.sort(key=lambda item: (item["metadata"]["creationTimestamp"], _revision(item)))
        new = _newest_matching(deployment, sets)
        if "deletionTimestamp" in deployment["metadata"]:
            self._publish(deployment, new, sets)
            return
        old = [item for item in sets if item is not new]
        if deployment["spec"].get("paused"):
            self._sync_paused(deployment, new, sets)
        elif new is not None and self._resized(deployment, new, sets):
            self._rescale(deployment, new, sets)
        elif (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
            self._recreate(deployment, new, old)
        else:
            self._roll(deployment, new, old)

    # ------------------------------------------------------------------ strategies

    def _roll(self, deployment: Object, found: Object | None, old: list[Object]) -> None:
        deployment, new = self._with_new(deployment, found, old)
        limits = rollout.bounds(deployment)
        wanted, size = deployment["spec"]["replicas"], new["spec"]["replicas"]
        every = size + sum(item["spec"]["replicas"] for item in old)
        grown = rollout.new_replicas(wanted, limits, size, every)
        if grown != size:
            new = self._resize(deployment, new, grown)
        else:
            shrunk = rollout.old_replicas(wanted, limits, _set(new), [_set(item) for item in old])
            for name, replicas in shrunk:
                at = next(i for i, item in enumerate(old) if item["metadata"]["name"] == name)
                old[at] = self._resize(deployment, old[at], replicas)
        self._settle(deployment, new, old)

    def _recreate(self, deployment: Object, found: Object | None, old: list[Object]) -> None:
        live = [item for item in old if item["spec"]["replicas"]]
        if live:
            sized = {key_of(item): self._resize(deployment, item, 0) for item in live}
            every = [sized.get(key_of(item), item) for item in old]
            self._publish(deployment, found, [*every, *([found] if found else [])])
            return
        going = [item for item in old if _still_running(item)]
        if going:
            self._publish(deployment, found, [*old, *([found] if found else [])])
            return
        deployment, new = self._with_new(deployment, found, old)
        if new["spec"]["replicas"] != deployment["spec"]["replicas"]:
            new = self._resize(deployment, new, deployment["spec"]["replicas"])
        self._settle(deployment, new, old)

    def _sync_paused(self, deployment: Object, new: Object | None, sets: list[Object]) -> None:
        """A paused deployment is scaled, but starts no rollout."""
        if self._resized(deployment, new, sets):
            self._rescale(deployment, new, sets)
        else:
            self._publish(deployment, new, sets)

    def _resized(self, deployment: Object, new: Object | None, sets: Sequence[Object]) -> bool:
        """True when the deployment's size was changed since its live sets were sized."""
        sized = {_annotations(item).get(_DESIRED) for item in _live(new, sets)}
        return not sized <= {None, str(deployment["spec"]["replicas"])}

    def _rescale(self, deployment: Object, new: Object | None, sets: list[Object]) -> None:
        """Only the size changed: the one live set takes it all, several share it."""
        live = _live(new, sets)
        wanted, limits = deployment["spec"]["replicas"], rollout.bounds(deployment)
        if len(live) == 1:
            sizes = {live[0]["metadata"]["name"]: wanted}
        else:
            before = max(int(_annotations(item).get(_MOST, 0)) for item in live)
            shares = [_set(item) for item in reversed(live)]
            sizes = rollout.proportional(wanted, before, limits, shares)
        sized = {
            key_of(item): self._resize(deployment, item, sizes[item["metadata"]["name"]]) for item in live
        }
        every = [sized.get(key_of(item), item) for item in sets]
        self._publish(deployment, None if new is None else sized.get(key_of(new), new), every)

    def _settle(self, deployment: Object, new: Object, old: list[Object]) -> None:
        if progress.is_complete(deployment, deployment.get("status") or {}):
            self._clean_up(deployment, old)
        self._publish(deployment, new, [*old, new])

    # ------------------------------------------------------------------ replica sets

    def _with_new(self, deployment: Object, found: Object | None, old: list[Object]) -> tuple[Object, Object]:
        """The deployment and the replica set of its present template, both at the newest revision."""
        last = max((_revision(item) for item in old), default=0)
        if found is not None:
            revision = max(_revision(found), last + 1)
            new = self._adjusted(deployment, found, revision)
            return self._at_revision(
                deployment,
                revision,
                f'Found new replica set "{new["metadata"]["name"]}"',
                "FoundNewReplicaSet",
            ), new
        new = self._create(deployment, old, last + 1)
        name = new["metadata"]["name"]
        if new["spec"]["replicas"]:
            size = new["spec"]["replicas"]
            self._scaled_event(deployment, f"Scaled up replica set {name} from 0 to {size}")
        told = f'Created new replica set "{name}"'
        return self._at_revision(deployment, last + 1, told, "NewReplicaSetCreated"), new

    def _create(self, deployment: Object, old: list[Object], revision: int) -> Object:
        spec, meta = deployment["spec"], deployment["metadata"]
        limits = rollout.bounds(deployment)
        every = sum(item["spec"]["replicas"] for item in old)
        recreate = (spec.get("strategy") or {}).get("type") == "Recreate"
        size = spec["replicas"] if recreate else rollout.new_replicas(spec["replicas"], limits, 0, every)
        digest = pods.template_hash(
            spec["template"], (deployment.get("status") or {}).get("collisionCount", 0)
        )
        template = clone(spec["template"])
        labels = template.setdefault("metadata", {}).setdefault("labels", {})
        labels[HASH] = digest
        selector = clone(spec["selector"])
        selector.setdefault("matchLabels", {})[HASH] = digest
        body: Object = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{meta['name']}-{digest}",
                "namespace": meta["namespace"],
                "labels": dict(labels),
                "annotations": _annotated(deployment, {REVISION: str(revision)}),
                "ownerReferences": [owned_by(deployment)],
            },
            "spec": {"replicas": size, "selector": selector, "template": template},
        }
        if spec.get("minReadySeconds"):
            body["spec"]["minReadySeconds"] = spec["minReadySeconds"]
        try:
            return self._api.create(body)
        except ApiError as error:
            if error.reason == "AlreadyExists":
                self._collided(deployment, body)
            raise

    def _collided(self, deployment: Object, body: Object) -> None:
        """Another replica set's name was met: the next try, after the refusal, is made under another one."""
        there = self._api.get("ReplicaSet.apps", *key_of(body))
        if there is None or pods.controller_uid(there) == (deployment["metadata"]["uid"],):
            return  # it is gone, or our own, of which the informer has not heard yet
        status = clone(deployment.get("status") or {})
        status["collisionCount"] = status.get("collisionCount", 0) + 1
        self._api.update({**deployment, "status": status}, "status")

    def _adjusted(self, deployment: Object, new: Object, revision: int) -> Object:
        """The replica set found for the template bears the newest revision, and remembers its older ones."""
        before = _annotations(new)
        kept = {key: value for key, value in before.items() if key in {HISTORY, REVISION}}
        if _revision(new) < revision:
            if REVISION in before:
                past = [*filter(None, before.get(HISTORY, "").split(",")), before[REVISION]]
                kept[HISTORY] = ",".join(past)
            kept[REVISION] = str(revision)
        wanted = before | _annotated(deployment, kept)
        if wanted == before:
            return new
        return self._api.patch("ReplicaSet.apps", *key_of(new), {"metadata": {"annotations": wanted}})

    def _at_revision(self, deployment: Object, revision: int, told: str, reason: str) -> Object:
        """The deployment's own annotation says the revision, and its condition how it got there."""
        annotations = _annotations(deployment)
        status = clone(deployment.get("status") or {})
        now = timestamp(self._engine.now())
        made = reason == "NewReplicaSetCreated"
        if deployment["spec"].get("progressDeadlineSeconds") is not None and (
            made or pods.condition(deployment, "Progressing") is None
        ):
            progress.set_condition(status, "Progressing", "True", reason, told, now)
        if annotations.get(REVISION) == str(revision) and status == (deployment.get("status") or {}):
            return deployment
        meta = deployment["metadata"] | {"annotations": annotations | {REVISION: str(revision)}}
        return self._api.update({**deployment, "metadata": meta, "status": status}, "status")

    def _resize(self, deployment: Object, replica_set: Object, replicas: int) -> Object:
        before = replica_set["spec"]["replicas"]
        annotations = _sizes(deployment)
        patch: Object = {"metadata": {"annotations": annotations}}
        if before == replicas and annotations.items() <= _annotations(replica_set).items():
            return replica_set
        patch["spec"] = {"replicas": replicas}
        changed = self._api.patch("ReplicaSet.apps", *key_of(replica_set), patch)
        if before != replicas:
            direction = "up" if replicas > before else "down"
            name = replica_set["metadata"]["name"]
            told = f"Scaled {direction} replica set {name} from {before} to {replicas}"
            self._scaled_event(deployment, told)
        return changed

    def _scaled_event(self, deployment: Object, told: str) -> None:
        self._events.event(deployment, "Normal", "ScalingReplicaSet", told)

    def _clean_up(self, deployment: Object, old: list[Object]) -> None:
        """Only as many empty old replica sets are kept as ``revisionHistoryLimit`` says."""
        limit = deployment["spec"].get("revisionHistoryLimit", 10)
        surplus = sorted(old, key=_revision)[: max(0, len(old) - limit)]
        for item in surplus:
            if not item["spec"]["replicas"] and not (item.get("status") or {}).get("replicas"):
                self._api.delete("ReplicaSet.apps", *key_of(item), uid=item["metadata"]["uid"])

    # ------------------------------------------------------------------ status

    def _publish(self, deployment: Object, new: Object | None, sets: Sequence[Object]) -> None:
        now = self._engine.now()
        status, look_again = progress.status(deployment, new, sets, now)
        if status != (deployment.get("status") or {}):
            self._api.update({**deployment, "status": status}, "status")
        if look_again is not None:
            self._queue.enqueue(key_of(deployment), look_again)


def _newest_matching(deployment: Object, sets: Sequence[Object]) -> Object | None:
    """The replica set whose template is the deployment's, the oldest when there are several."""
    wanted = deployment["spec"]["template"]
    return next((item for item in sets if _without_hash(item["spec"]["template"]) == wanted), None)


def _live(new: Object | None, sets: Sequence[Object]) -> list[Object]:
    """The sets that have pods; when none has, the one that is to have them."""
    live = [item for item in sets if item["spec"]["replicas"]]
    return live or ([new] if new is not None else list(sets[-1:]))


def _without_hash(template: Object) -> Object:
    meta = template.get("metadata") or {}
    labels = {key: value for key, value in (meta.get("labels") or {}).items() if key != HASH}
    return {**template, "metadata": {**meta, "labels": labels}}


def _annotations(body: Object) -> dict[str, str]:
    annotations: dict[str, str] = body["metadata"].get("annotations") or {}
    return annotations


def _annotated(deployment: Object, own: dict[str, str]) -> dict[str, str]:
    """What a replica set's annotations are to be: the deployment's, the sizes, and its `own`."""
    copied = {k: v for k, v in _annotations(deployment).items() if k not in _NOT_COPIED}
    return copied | _sizes(deployment) | own


def _sizes(deployment: Object) -> dict[str, str]:
    wanted = deployment["spec"]["replicas"]
    return {_DESIRED: str(wanted), _MOST: str(wanted + rollout.bounds(deployment).surge)}


def _revision(replica_set: Object) -> int:
    return int(_annotations(replica_set).get(REVISION, 0))


def _set(replica_set: Object) -> rollout.Set:
    available = (replica_set.get("status") or {}).get("availableReplicas", 0)
    spec, name = replica_set["spec"], replica_set["metadata"]["name"]
    return rollout.Set(name, spec["replicas"], min(available, spec["replicas"]))


def _still_running(replica_set: Object) -> bool:
    status = replica_set.get("status") or {}
    return bool(status.get("replicas") or status.get("terminatingReplicas"))
