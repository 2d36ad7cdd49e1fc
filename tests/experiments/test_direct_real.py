"""Faults that chaoskit injects itself, on real pods of Kubernetes 1.20: the same code, the same verdicts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.experiments.conftest import Until, World
from tests.experiments.directly import FAULTS, dump, furnish, given, outcome, trial, whole_again

from chaoskit import kube
from chaoskit.acts.accounts import accounts
from chaoskit.acts.rescue import rescue
from chaoskit.adapters import kubernetes
from chaoskit.clock import WallClock
from chaoskit.errors import NotFound
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Object, ObjectRef

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

DONE_THERE = [kind for kind in FAULTS if kind != "resource-squeeze"]
"""1.20 resizes no pod while it runs."""


@pytest.fixture(scope="module")
def real(real_kubeconfig: Path) -> Iterator[World]:
    clock = WallClock()
    with kubernetes.connect(real_kubeconfig, clock=clock) as cluster:
        yield World(cluster, clock)


@contextlib.contextmanager
def furnished(world: World, namespace: str) -> Iterator[str]:
    """The namespace with its workload; afterwards it goes with all of it: a second try waits for that."""
    room = ObjectRef(kube.NAMESPACE, "", namespace)
    with contextlib.suppress(NotFound):
        while world.cluster.get(room):
            world.clock.sleep(0.5)
    furnish(world, namespace)
    try:
        yield namespace
    finally:
        with contextlib.suppress(NotFound):
            world.cluster.delete(room)


@pytest.mark.parametrize("kind", DONE_THERE)
def test_a_fault_is_felt_by_real_pods_and_leaves_nothing(real: World, kind: str) -> None:
    with furnished(real, f"direct-{kind}") as namespace:
        before = dump(real, namespace)
        record = real.run(given(real, namespace, kind))
        assert record.outcome is Outcome.PASSED, record.reason
        assert record.undo.state in {"confirmed", "none needed"}
        assert whole_again(real, namespace) == before


def test_after_a_kill_while_it_is_felt_a_rescue_puts_everything_back(real: World) -> None:
    class Killed(BaseException):
        pass

    def killed() -> None:
        raise Killed

    def rescued(namespace: str) -> tuple[str, ...]:
        (done,) = rescue(real.cluster, real.clock, namespace=namespace)
        return done.undo.left

    kinds = {f"killed-{kind}": kind for kind in ("scale-down", "config-mutation", "service-blackhole")}
    with contextlib.ExitStack() as rooms, ThreadPoolExecutor() as pool:
        before: dict[str, dict[str, Object]] = {}
        for namespace, kind in kinds.items():
            rooms.enter_context(furnished(real, namespace))
            before[namespace] = dump(real, namespace)
            with pytest.raises(Killed):
                real.run(given(real, namespace, kind), listen=Until("injected", killed))
        assert [len(accounts(real.cluster, namespace)) for namespace in kinds] == [1, 1, 1]
        assert list(pool.map(rescued, kinds)) == [(), (), ()]
        assert {namespace: whole_again(real, namespace) for namespace in kinds} == before


def test_a_pod_is_gone_and_whole_again_within_seconds(real: World) -> None:
    with furnished(real, "direct-quick") as namespace:
        record = real.run(trial(namespace, "pod-delete", duration="1s"))
        assert record.outcome is Outcome.PASSED, record.reason
        assert record.targets == ("deployment/web",)


def test_a_policy_that_the_network_does_not_enforce_is_no_pass(real: World) -> None:
    with furnished(real, "direct-unenforced") as namespace:
        record = real.run(trial(namespace, "network-partition", duration="1s"))
        assert record.outcome is Outcome.ERRORED
        assert "no effect of it was seen" in record.reason


def test_a_server_that_cannot_resize_says_so_before_anything_is_done(real: World) -> None:
    with furnished(real, "direct-squeeze") as namespace:
        found, words = outcome(real, trial(namespace, "resource-squeeze", **FAULTS["resource-squeeze"]))
        assert found is Outcome.CANNOT_START
        assert "cannot be resized while they run here" in words
