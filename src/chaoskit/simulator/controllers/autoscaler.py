"""The horizontal autoscaler of a cluster without a metrics server: it keeps limits, and tells why no more."""

from __future__ import annotations

from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.conditions import turned
from chaoskit.simulator.controllers.base import Informers, Key, Reconciler, key_of
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.objects import timestamp
from chaoskit.simulator.recorder import Recorder

KIND = "HorizontalPodAutoscaler.autoscaling"
_EVERY = 15.0
_SCALABLE = {"Deployment": "deployments", "ReplicaSet": "replicasets", "StatefulSet": "statefulsets"}
_NO_METRICS = (
    "unable to fetch metrics from resource metrics API: the server could not find the requested resource "
    "(get pods.metrics.k8s.io)"
)
_FOUND = ("True", "SucceededGetScale", "the HPA controller was able to get the target's current scale")
_AT_ZERO = ("False", "ScalingDisabled", "scaling is disabled since the replica count of the target is zero")

Told = tuple[str, str, str]
"""Status, reason and message of a condition."""


class Autoscalers:
    """Looks at the target of every autoscaler each 15 seconds."""

    def __init__(self, api: Api, engine: Engine, informers: Informers) -> None:
        self._api = api
        self._engine = engine
        self._known = informers.of(KIND)
        self._queue = Reconciler(engine, self._reconcile)
        self._events = Recorder(api, engine, "horizontal-pod-autoscaler")
        self._known.on_change(self._changed)

    def _changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None and (old is None or old["spec"] != new["spec"]):
            self._queue.enqueue(key_of(new))

    def _reconcile(self, key: Key) -> None:
        autoscaler = self._known.get(key)
        if autoscaler is None:
            return
        self._queue.enqueue(key, _EVERY)
        reference = autoscaler["spec"]["scaleTargetRef"]
        target = self._target(key[0], reference)
        if target is None:
            plural = _SCALABLE.get(reference["kind"], reference["kind"].lower())
            missing = f'{plural}.apps "{reference["name"]}" not found'
            self._events.event(autoscaler, "Warning", "FailedGetScale", missing)
            told = f"the HPA controller was unable to get the target's current scale: {missing}"
            self._write(autoscaler, {"AbleToScale": ("False", "FailedGetScale", told)}, {})
        else:
            self._judge(autoscaler, target)

    def _target(self, namespace: str, reference: Object) -> Object | None:
        if reference["kind"] not in _SCALABLE:
            return None
        return self._api.get(f"{reference['kind']}.apps", namespace, reference["name"])

    def _judge(self, autoscaler: Object, target: Object) -> None:
        spec, now = autoscaler["spec"], target["spec"].get("replicas", 1)
        least, most = spec.get("minReplicas", 1), spec["maxReplicas"]
        if now == 0 and least:
            told = {"AbleToScale": _FOUND, "ScalingActive": _AT_ZERO}
            self._write(autoscaler, told, {"currentReplicas": 0, "desiredReplicas": 0})
        elif now > most:
            self._scale(autoscaler, target, most, "Current number of replicas above Spec.MaxReplicas")
        elif now < least:
            self._scale(autoscaler, target, least, "Current number of replicas below Spec.MinReplicas")
        else:
            why = self._unmeasured(autoscaler)
            active = (
                "False",
                "FailedGetResourceMetric",
                f"the HPA was unable to compute the replica count: {why}",
            )
            self._write(
                autoscaler, {"AbleToScale": _FOUND, "ScalingActive": active}, {"currentReplicas": now}
            )

    def _scale(self, autoscaler: Object, target: Object, wanted: int, why: str) -> None:
        before = target["spec"].get("replicas", 1)
        group = f"{target['kind']}.apps"
        self._api.patch(group, *key_of(target), {"spec": {"replicas": wanted}})
        self._events.event(autoscaler, "Normal", "SuccessfulRescale", f"New size: {wanted}; reason: {why}")
        told = f"the HPA controller was able to update the target scale to {wanted}"
        counts = {"currentReplicas": before, "desiredReplicas": wanted}
        counts |= {"lastScaleTime": timestamp(self._engine.now())}
        self._write(autoscaler, {"AbleToScale": ("True", "SucceededRescale", told)}, counts)

    def _unmeasured(self, autoscaler: Object) -> str:
        """Why nothing is known of the first metric; events tell of all of them."""
        failures = []
        for metric in autoscaler["spec"]["metrics"]:
            name, target = metric["resource"]["name"], metric["resource"]["target"]
            what = "utilization" if target["type"] == "Utilization" else "usage"
            why = f"failed to get {name} {what}: unable to get metrics for resource {name}: {_NO_METRICS}"
            self._events.event(autoscaler, "Warning", "FailedGetResourceMetric", why)
            failures.append((name, why))
        name, why = failures[0]
        count = f"{len(failures)} invalid out of {len(failures)}"
        told = f"invalid metrics ({count}), first error is: failed to get {name} resource metric value: {why}"
        self._events.event(autoscaler, "Warning", "FailedComputeMetricsReplicas", told)
        return why

    def _write(self, autoscaler: Object, told: dict[str, Told], counts: Object) -> None:
        before = autoscaler.get("status") or {}
        status = before | counts | {"conditions": self._conditions(before.get("conditions") or [], told)}
        if status != before:
            self._api.update({**autoscaler, "status": status}, "status")

    def _conditions(self, before: list[Object], told: dict[str, Told]) -> list[Object]:
        found = {condition["type"]: condition for condition in before}
        now = timestamp(self._engine.now())
        for kind, said in told.items():
            found[kind] = turned(found.get(kind), kind, *said, now)
        return list(found.values())
