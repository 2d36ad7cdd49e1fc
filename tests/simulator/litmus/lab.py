"""A simulated cluster in discrete-event time with the workload that the recordings were made on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chaoskit.simulator import controllers
from chaoskit.simulator.api import Object
from chaoskit.simulator.apiserver.local import LocalApi
from chaoskit.simulator.controllers.scheduler import Scheduler
from chaoskit.simulator.effects import Effects
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.litmus import Knobs, simulated
from chaoskit.simulator.litmus.definitions import DEFINITIONS
from chaoskit.simulator.node import nodes
from chaoskit.simulator.node.kubelet import Kubelet
from chaoskit.simulator.traffic.flow import Traffic
from chaoskit.simulator.traffic.network import Network
from chaoskit.simulator.traffic.view import ClusterView

START = datetime(2026, 11, 23, 5, 40, tzinfo=UTC)
KINDS = ("ChaosEngine.litmuschaos.io", "ChaosResult.litmuschaos.io", "Pod", "Job.batch", "Event")
ENGINE, RESULT = KINDS[:2]


@dataclass(frozen=True, slots=True)
class Seen:
    """One change, as in a line of a recording; `t` in seconds since the engine was created."""

    t: float
    kind: str
    type: str
    object: Object


def network(api: LocalApi, engine: Engine, effects: Effects) -> Network:
    """Services answer by their pods; none of them takes part in traffic."""
    view = ClusterView(api)
    view.start()
    return Network(view, Traffic(view, effects, seed=7, now=engine.now()), seed=7)


class Lab:
    """One cluster; `watch` notes what happens in a namespace."""

    def __init__(self, knobs: Knobs | None = None, *, count: int = 1) -> None:
        self.engine = Engine(start=START)
        self.api = LocalApi(self.engine)
        self.effects = Effects()
        self.kubelet = Kubelet(self.api, self.engine, self.effects)
        for name in ("default", "kube-node-lease", "kube-system"):
            self._namespace(name)
        nodes.create(self.api, self.engine.now(), count=count)
        for body in DEFINITIONS:  # the operator cannot watch what is not defined
            self.api.create(body)
        controllers.start_all(self.api, self.engine)
        Scheduler(self.api, self.engine).start()
        self.kubelet.start()
        http = network(self.api, self.engine, self.effects)
        self.operator = simulated.operator(
            self.api, self.engine, self.effects, self.kubelet, http=http, knobs=knobs
        )
        self.operator.start()

    def _namespace(self, name: str) -> None:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self.api.create(body)

    def put(self, *bodies: Object) -> None:
        """The objects are there, and five seconds have passed for what follows from each namespace."""
        for body in bodies:
            self.api.create(body)
            if body["kind"] == "Namespace":
                self.engine.run_for(1)

    def watch(self, namespace: str) -> Recording:
        """What happens in `namespace` from now on, with time zero now."""
        recording = Recording(self.engine, namespace)
        for kind in KINDS:
            self.api.watch(kind, recording.noting(kind))
        self.engine.run_for(0)
        recording.seen.clear()
        return recording

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object as it is now."""
        return self.api.get(kind, namespace, name)

    def read(self, kind: str, namespace: str, name: str) -> Object:
        """The object as it is now; it must be there."""
        found = self.api.get(kind, namespace, name)
        assert found is not None
        return found

    def at(self, seconds: float, work: Callable[[], Any]) -> None:
        """`work` is done so many seconds from now."""
        self.engine.call_later(seconds, lambda: void(work()))


def void(_: Any) -> None:
    """Nothing: the engine wants work that returns nothing."""


class Recording:
    """What was seen in one namespace, in order."""

    def __init__(self, engine: Engine, namespace: str) -> None:
        self._engine = engine
        self._namespace = namespace
        self._start = engine.now()
        self.seen: list[Seen] = []

    def noting(self, kind: str) -> Callable[[str, Object], None]:
        """A watch's callback for one kind."""

        def note(change: str, body: Object) -> None:
            if body["metadata"].get("namespace") == self._namespace:
                t = self._engine.now() - self._start
                self.seen.append(Seen(t, kind.partition(".")[0], change, body))

        return note
