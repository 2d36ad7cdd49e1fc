"""Pods made and deleted in the name of the workload that owns them, with the event that tells of it."""

from __future__ import annotations

from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.controllers import pods
from chaoskit.simulator.controllers.base import Reconciler, key_of
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
