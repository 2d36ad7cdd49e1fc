"""What a server stores though it answered with a failure is taken back, also when it comes later."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from tests.experiments.conftest import World
from tests.experiments.directly import dump, furnish, trial, whole_again
from tests.experiments.test_killed_runs import furnished

from chaoskit import kube
from chaoskit.acts.trail import runs
from chaoskit.clock import Clock
from chaoskit.errors import Unavailable
from chaoskit.experiments import Trial
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster, Kind, Object, ObjectRef

LATE = 3.0


class StoresLate:
    """The cluster, but its answer to the making of a `kind` is a failure, and the object is there later."""

    def __init__(self, cluster: Cluster, clock: Clock, kind: Kind) -> None:
        self._cluster = cluster
        self._clock = clock
        self._kind = kind
        self.stored: list[ObjectRef] = []
        self.storing = threading.Thread()

    def create(self, body: Object, *, dry_run: bool = False) -> Object:
        if kube.kind_of(body) != self._kind or dry_run:
            return self._cluster.create(body, dry_run=dry_run)
        self.storing = threading.Thread(target=self._store, args=(body,))
        self.storing.start()
        raise Unavailable("etcdserver: request timed out", service="Kubernetes")

    def _store(self, body: Object) -> None:
        self._clock.sleep(LATE)
        self.stored.append(kube.ref_of(self._cluster.create(body)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)


def late(world: World, kind: Kind, made: Trial) -> None:
    """The undo of the run is confirmed when all is undone that its server did after its failure."""
    slow = StoresLate(world.cluster, world.clock, kind)
    record = replace(world, cluster=slow).run(made, preflight=False)
    slow.storing.join()
    (ref,) = slow.stored
    found = kube.found(world.cluster, ref)
    assert found is None or (kind == kube.CHAOS_ENGINE and not runs(found))  # somebody's own stays, stopped
    assert record.undo.state == "confirmed"
    assert world.ours(made.namespace) == []


def test_an_engine_that_is_stored_after_its_making_failed_does_not_run_unattended(world: World) -> None:
    made = furnished(world, "late-engine")
    before = dump(world, "late-engine")
    late(world, kube.CHAOS_ENGINE, made)
    assert world.at_work("late-engine") == []
    assert whole_again(world, "late-engine") == before


@pytest.mark.parametrize("kind", [kube.CHAOS_EXPERIMENT, kube.SERVICE_ACCOUNT, kube.ROLE])
def test_what_stands_beside_an_engine_and_is_stored_late_goes_with_the_run(world: World, kind: Kind) -> None:
    late(world, kind, furnished(world, f"late-{kind.plural}"))


def test_a_policy_that_is_stored_after_its_making_failed_cuts_nobody_off(world: World) -> None:
    furnish(world, "late-policy")
    before = dump(world, "late-policy")
    late(world, kube.NETWORK_POLICY, trial("late-policy", "network-partition"))
    assert whole_again(world, "late-policy") == before


def test_what_never_comes_is_waited_for_as_long_as_a_server_may_take(world: World) -> None:
    class Fails(StoresLate):
        def _store(self, body: Object) -> None:
            pass

    made = furnished(world, "late-never")
    began = world.clock.monotonic()
    fails = Fails(world.cluster, world.clock, kube.CHAOS_ENGINE)
    record = replace(world, cluster=fails).run(made, preflight=False)
    assert record.outcome is Outcome.CANNOT_START
    assert record.undo.state == "confirmed"
    assert 60 <= world.clock.monotonic() - began < 120
