"""What a run that died left in pods or beside them is taken out by a rescue, whether Litmus lives or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.experiments.conftest import Until, World, side_by_side
from tests.experiments.directly import dump
from tests.experiments.lasting import IN_PODS, lasting
from tests.experiments.test_killed_runs import Killed, killed, rescued, take_litmus_away

from chaoskit import kube
from chaoskit.acts.leftovers import injected


@pytest.mark.parametrize("step", ["begun", "undo"])
def test_after_a_kill_of_a_fault_in_pods_a_rescue_leaves_none_in_them(world: World, step: str) -> None:
    def die(kind: str) -> None:
        namespace = f"in-pods-{kind}-{step}"
        trial = lasting(world, namespace, kind, duration="10s")
        before = dump(world, namespace)
        with pytest.raises(Killed):
            world.run(trial, listen=Until(kind if step == "begun" else step, killed))
        rescued(world, namespace, before)
        assert world.disturbed(namespace) == {}

    side_by_side(die, IN_PODS)


@pytest.mark.parametrize("alive", [True, False])
def test_after_a_kill_while_it_is_in_a_pod_it_is_taken_out_with_litmus_or_without(
    world: World, monkeypatch: pytest.MonkeyPatch, *, alive: bool
) -> None:
    """A helper that lives takes it back when it is told to; one that dies leaves it in the pod."""
    assert world.simulated is not None
    monkeypatch.setattr(world.simulated.knobs, "sloppy_abort", not alive)

    def die(kind: str) -> None:
        namespace = f"in-pods-{kind}-{'felt' if alive else 'alone'}"
        trial = lasting(world, namespace, kind, duration="5m")
        before = dump(world, namespace)

        def felt() -> None:
            until_felt(world, namespace)
            if not alive:
                take_litmus_away(world, trial)
            raise Killed

        with pytest.raises(Killed):
            world.run(trial, listen=Until(kind, felt))
        assert in_or_beside(world, namespace)
        rescued(world, namespace, before)
        assert not in_or_beside(world, namespace)

    side_by_side(die, IN_PODS)


@pytest.mark.parametrize("kind", ["pod-cpu-hog-exec", "pod-fio-stress"])
def test_commands_in_several_pods_are_ended_in_all_of_them_though_no_event_is_left(
    world: World, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.simulated is not None
    knobs = world.simulated.knobs
    namespace = f"in-three-{kind}"
    trial = lasting(world, namespace, kind, duration="5m", pods=3)
    before = dump(world, namespace)

    def felt() -> None:
        until_felt(world, namespace, pods=3)
        monkeypatch.setattr(knobs, "sloppy_abort", True)
        take_litmus_away(world, trial)
        for event in world.cluster.list(kube.EVENT, namespace).items:
            world.cluster.delete(kube.ref_of(event, kube.EVENT))
        raise Killed

    with pytest.raises(Killed):
        world.run(trial, listen=Until(kind, felt))
    assert len(world.disturbed(namespace)) == 3
    rescued(world, namespace, before)
    assert world.disturbed(namespace) == {}


def test_a_kill_while_the_second_pod_has_its_turn_leaves_the_fault_in_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.simulated is not None
    knobs, kind, namespace = world.simulated.knobs, "pod-network-loss", "in-pods-one-by-one"
    trial = lasting(world, namespace, kind, duration="10s", pods=2, sequence="serial")
    before = dump(world, namespace)

    def felt() -> None:
        until_felt(world, namespace)
        first = set(world.disturbed(namespace))
        until(world, lambda: bool(noted(world, namespace) & set(world.disturbed(namespace)) - first))
        assert not first & set(world.disturbed(namespace))
        monkeypatch.setattr(knobs, "sloppy_abort", True)
        take_litmus_away(world, trial)
        raise Killed

    with pytest.raises(Killed):
        world.run(trial, listen=Until(kind, felt))
    rescued(world, namespace, before)
    assert world.disturbed(namespace) == {}


def in_or_beside(world: World, namespace: str) -> bool:
    """Whether something is wrong inside a pod, or a policy keeps pods apart."""
    policies = world.cluster.list(kube.NETWORK_POLICY, namespace).items
    return bool(world.disturbed(namespace) or policies)


def until_felt(world: World, namespace: str, pods: int = 0) -> None:
    """A policy is there, or something is wrong in a pod and Litmus has noted which; in so many if said."""

    def felt() -> bool:
        known = bool(noted(world, namespace)) or "exec" in namespace
        if pods:
            return len(world.disturbed(namespace)) == pods
        return in_or_beside(world, namespace) and (not world.disturbed(namespace) or known)

    until(world, felt)


def noted(world: World, namespace: str) -> set[str]:
    """The pods that Litmus calls injected now."""
    results = world.cluster.list(kube.CHAOS_RESULT, namespace).items
    return {name for result in results for name in injected(result)}


def until(world: World, done: Callable[[], bool]) -> None:
    for _ in range(300):
        if done():
            return
        world.clock.sleep(0.2)
    raise AssertionError("the fault never shows")
