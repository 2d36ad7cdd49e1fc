"""The demo shop at work: its manifests applied, traffic flowing, signals recorded, stories played."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress

from chaoskit.simulator.api import Api, ApiError
from chaoskit.simulator.effects import Effect, Effects
from chaoskit.simulator.engine import Due, Engine
from chaoskit.simulator.prometheus.signals import STEP, Signals
from chaoskit.simulator.shop import manifests
from chaoskit.simulator.shop.director import Director
from chaoskit.simulator.shop.stage import Incident, Kubelet, Stage
from chaoskit.simulator.traffic import exposition
from chaoskit.simulator.traffic.flow import Traffic
from chaoskit.simulator.traffic.measurement import Measurement
from chaoskit.simulator.traffic.network import Network
from chaoskit.simulator.traffic.nodeload import NodeLoad
from chaoskit.simulator.traffic.state import PodState
from chaoskit.simulator.traffic.view import ClusterView

_SOON = 1.0
"""Seconds after a change of pods or effects until traffic has found its new balance."""
_NEAR_LIMIT = 0.9
_NODE_NEAR_LIMIT = 0.85
_SLOW = frozenset({"leak", "hold-connections"})
"""Effects that take minutes to be felt: the next step is soon enough."""


class Shop:
    """An actor: the shop's workloads, and traffic and signals of every pod in the cluster.

    `present` is the Unix time up to which time runs fast to make history; stories are placed by it.
    With `deploy` false no workloads are created, and traffic flows through those that are there.
    """

    def __init__(
        self,
        api: Api,
        engine: Engine,
        effects: Effects,
        kubelet: Kubelet,
        *,
        seed: int = 7,
        story: str | None = None,
        present: float | None = None,
        deploy: bool = True,
        services: Sequence[manifests.Service] = manifests.SHOP,
    ) -> None:
        now = engine.now()
        self._api = api
        self._engine = engine
        self._kubelet = kubelet
        self._services = services if deploy else ()
        self._refresh: Due | None = None
        self.effects = effects
        self.view = ClusterView(api)
        self.traffic = Traffic(self.view, effects, seed=seed, now=now)
        self.signals = Signals(now)
        self.network = Network(self.view, self.traffic, seed=seed)
        self._measurement = Measurement(self.signals, self.view, self.traffic)
        choices = random.Random(f"stories {seed}")
        stage = Stage(api, engine, effects, kubelet, self.view, self.traffic, choices)
        self._director = Director(stage, story, present=now if present is None else present)

    def start(self) -> None:
        """The shop is deployed, and every 15 simulated seconds its signals are recorded."""
        for manifest in manifests.manifests(self._services) if self._services else ():
            self._create(manifest)
        self.view.listeners.append(self._changed)
        self.effects.listen(self._affected)
        self.view.start()
        self._engine.call_later(0, self._step)
        self._director.start()

    def begin(
        self,
        kind: str,
        workload: str,
        *,
        namespace: str = "shop",
        tended: bool = False,
        seconds: float | None = None,
    ) -> Incident:
        """The story `kind` has begun on `workload`, to fail after `seconds` where it grows.

        Unless it is tended, nobody but a recovery from outside ends it.
        """
        return self._director.begin(kind, workload, namespace=namespace, tended=tended, seconds=seconds)

    def metrics(self) -> str:
        """The text of ``/metrics`` at this moment."""
        with self._engine.lock:
            return exposition.render(self.view, self.traffic, self._engine.now())

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """The truth: every incident so far, those under way included, oldest first."""
        return tuple(self._director.incidents)

    def _create(self, manifest: manifests.Manifest) -> None:
        try:
            self._api.create(manifest)
        except ApiError as refusal:
            if refusal.reason != "AlreadyExists":
                raise

    def _step(self) -> None:
        now = self._engine.now()
        self._engine.call_at(now + STEP, self._step)
        self._advance()
        self._measurement.record(now)

    def _affected(self, effect: Effect) -> None:
        if effect.kind not in _SLOW:
            self._changed()

    def _changed(self) -> None:
        if self._refresh is None:
            self._refresh = self._engine.call_later(_SOON, self._advance)

    def _advance(self) -> None:
        if self._refresh is not None:
            self._refresh.cancel()
            self._refresh = None
        self.traffic.advance(self._engine.now())
        for state in self.traffic.states.values():
            self._report(state)
        for name, load in self.traffic.nodes.by_name.items():
            self._report_node(name, load)

    def _report_node(self, name: str, load: NodeLoad) -> None:
        """The kubelet knows of a node that runs short of something, and from then on how it goes on."""
        uses = load.uses
        if load.reported or any(use.taken > _NODE_NEAR_LIMIT * use.whole for use in uses):
            load.reported = True
            there = [s for s in self.traffic.states.values() if s.pod.node == name and s.running]
            for use in uses:
                used = {state.pod.key: use.of(state) for state in there}
                self._kubelet.node_usage(name, use.resource, use.whole - use.taken, used)

    def _report(self, state: PodState) -> None:
        """The kubelet knows of memory near the limit, and once more when it is no longer near it."""
        main = state.pod.main
        if main is None or not main.memory_limit or not state.running:
            return
        near = state.memory > _NEAR_LIMIT * main.memory_limit
        if near or state.reported:
            state.reported = near
            with suppress(LookupError):  # the pod has just left its node
                self._kubelet.usage(*state.pod.key, main.name, memory_bytes=state.memory)
