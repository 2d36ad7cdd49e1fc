"""Pods made and deleted in the name of the workload that owns them, with the event that tells of it."""

from __future__ import annotations

from collections.abc import Callable

from chaoskit.simulator import selectors
from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.controllers import pods
from chaoskit.simulator.controllers.base import Informer, Reconciler, key_of
from chaoskit.simulator.objects import owned_by
from chaoskit.simulator.recorder import Recorder


def look_when_available(queue: Reconciler, workload: Object, mine: list[Object], now: float) -> None:
    """The workload is reconciled when the next of its ready pods has been ready for ``minReadySeconds``."""
    wait = pods.next_available(mine, workload["spec"].get("minReadySeconds", 0), now)
    if wait is not None:
        queue.enqueue(key_of(workload), wait)


class PodControl:
    """The hands of the controllers of replica sets, daemon sets and jobs."""

    def __init__(self, api: Api, events: Recorder) -> None:
        self._api = api
        self._events = events

    def create(self, owner: Object, pod: Object) -> None:
        """`pod` is there."""
        name = self._api.create(pod)["metadata"]["name"]
        self._events.event(owner, "Normal", "SuccessfulCreate", f"Created pod: {name}")

    def delete(self, owner: Object, pod: Object) -> None:
        """This very pod is being deleted."""
        self._api.delete("Pod", *key_of(pod), uid=pod["metadata"]["uid"])
        self._events.event(owner, "Normal", "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")


class Claims:
    """What of one kind belongs to workloads of another, by owner references and selectors.

    A workload adopts the orphans that it selects and for which `fits(workload, orphan)` holds.
    """

    def __init__(
        self,
        api: Api,
        kind: str,
        dependents: Informer,
        fits: Callable[[Object, Object], bool] = lambda _, orphan: pods.is_active(orphan),
    ) -> None:
        self._api = api
        self._kind = kind
        self._dependents = dependents
        self._fits = fits
        dependents.index("controller", pods.controller_uid)
        dependents.index("orphans", pods.orphan_namespace)

    def wake(self, queue: Reconciler, workloads: Informer) -> None:
        """From now on a workload that may adopt an orphan is reconciled when there is one; before `start`."""
        workloads.index("namespace", pods.namespace_of)

        def offer(_: Object | None, new: Object | None) -> None:
            if new is None or not pods.orphan_namespace(new):
                return
            for workload in workloads.find("namespace", new["metadata"]["namespace"]):
                if _selector(workload)(new) and self._fits(workload, new):
                    queue.enqueue(key_of(workload))

        self._dependents.on_change(offer)

    def of(self, workload: Object) -> list[Object]:
        """All that is the workload's, what it adopts now included; what it no longer selects is let go."""
        selects = _selector(workload)
        mine = self._dependents.find("controller", workload["metadata"]["uid"])
        kept = [one for one in mine if selects(one)]
        if "deletionTimestamp" in workload["metadata"]:
            return kept
        for one in mine:
            if one not in kept and not pods.is_terminating(one):
                self._own(one, None)
        orphans = self._dependents.find("orphans", workload["metadata"]["namespace"])
        fitting = [one for one in orphans if selects(one) and self._fits(workload, one)]
        return kept + [self._own(one, [owned_by(workload)]) for one in fitting]

    def _own(self, one: Object, owners: list[Object] | None) -> Object:
        return self._api.patch(self._kind, *key_of(one), {"metadata": {"ownerReferences": owners}})


def _selector(workload: Object) -> Callable[[Object], bool]:
    selects = selectors.of(workload["spec"]["selector"])
    return lambda one: selects(one["metadata"].get("labels") or {})
