"""What Litmus tells of by no event and no pod shows: other replicas, a network policy of the engine's own."""

from __future__ import annotations

from contextlib import suppress

from chaoskit import kube
from chaoskit.acts.trail import UID_LABEL
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError
from chaoskit.experiments.planning import Plan
from chaoskit.ports.cluster import Cluster, ObjectRef

SPACING = 1.0
"""Seconds between two looks."""

UNANNOUNCED = ("pod-autoscaler", "pod-network-partition")
"""Faults of which Litmus (3.x) sends no ChaosInject event."""


class Signs:
    """Looked for while the engine `uid` runs; whoever may not read the objects sees none."""

    def __init__(self, cluster: Cluster, clock: Clock, plan: Plan, uid: str) -> None:
        self._cluster = cluster
        self._clock = clock
        self._own = f"{UID_LABEL}={uid}"
        self.told: tuple[str, ...] = ()
        """The faults that no event announces, once one of them has shown itself."""
        scaled, cut = (plan.selections.get(each) for each in UNANNOUNCED)
        self._places = () if cut is None else cut.places
        self._workloads = () if scaled is None else scaled.workloads
        self._replicas = {ref: found for ref in self._workloads if (found := self._asked(ref)) is not None}
        self._looked = clock.monotonic()

    def look(self) -> str:
        """The first sign that is there now, in words; "" for none, or when the last look was just now."""
        if self._clock.monotonic() - self._looked < SPACING:
            return ""
        self._looked = self._clock.monotonic()
        if found := self._found():
            self.told = UNANNOUNCED
        return found

    def _found(self) -> str:
        for ref, before in self._replicas.items():
            if (now := self._asked(ref)) not in {None, before}:
                return f"{ref} is asked for {now} replicas instead of {before}"
        for place in self._places:
            with suppress(ChaoskitError):
                for each in self._cluster.list(kube.NETWORK_POLICY, place, labels=self._own).items:
                    return f"{kube.ref_of(each, kube.NETWORK_POLICY)} cuts its pods off"
        return ""

    def _asked(self, ref: ObjectRef) -> int | None:
        with suppress(ChaoskitError):
            return kube.desired_replicas(self._cluster.get(ref))
        return None
