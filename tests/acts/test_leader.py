"""Leader election: one at a time, the next when it is gone, nobody twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.acts.fake import FakeCluster

from chaoskit import kube
from chaoskit.acts.leader import DEADLINE, DURATION, RETRY, Leadership
from chaoskit.clock import ManualClock
from chaoskit.errors import Unavailable
from chaoskit.ports.cluster import ObjectRef

LEASE = ObjectRef(kube.LEASE, "chaoskit", "chaoskit-controller")


class Flaky(FakeCluster):
    """A cluster that can be cut off from one caller."""

    def __init__(self) -> None:
        super().__init__()
        self.cut = False

    def cut_off(self, _verb: str = "", _ref: ObjectRef | None = None) -> None:
        if self.cut:
            raise Unavailable("no answer", service="kubernetes")


def two() -> tuple[ManualClock, Leadership, Leadership]:
    cluster, clock = FakeCluster(), ManualClock()
    return clock, Leadership(cluster, clock, LEASE), Leadership(cluster, clock, LEASE)


def test_the_first_leads_and_the_other_waits_while_it_renews() -> None:
    clock, first, second = two()
    assert (first.seek(), second.seek()) == (True, False)
    for _ in range(60):
        clock.turn(RETRY)
        assert (first.seek(), second.seek()) == (True, False)


def test_who_dies_is_followed_when_its_lease_has_stood_still_for_its_duration() -> None:
    clock, first, second = two()
    first.seek()
    second.seek()
    assert not looking(clock, second, DURATION - 1)
    clock.turn(RETRY)
    assert second.seek()
    assert not first.leads


def looking(clock: ManualClock, one: Leadership, seconds: float) -> bool:
    """Whether it leads after it looked again and again for so long."""
    for _ in range(int(seconds // RETRY)):
        clock.turn(RETRY)
        one.seek()
    clock.turn(seconds % RETRY)
    return one.seek()


def test_who_could_not_look_takes_over_only_what_stands_still_before_its_eyes() -> None:
    clock, first, second = two()
    first.seek()
    second.seek()
    clock.turn(40)
    assert not second.seek()
    assert first.seek()
    assert not looking(clock, second, DURATION - RETRY)


def test_who_resigns_is_followed_at_once() -> None:
    clock, first, second = two()
    first.seek()
    second.seek()
    first.resign()
    clock.turn(RETRY)
    assert (first.leads, second.seek()) == (False, True)


def test_who_cannot_renew_stops_before_anybody_else_begins() -> None:
    cluster, clock = Flaky(), ManualClock()
    first = Leadership(cluster, clock, LEASE)
    first.seek()
    cluster.cut, cluster.before_write = True, cluster.cut_off
    clock.turn(DEADLINE - 1)
    assert first.seek()
    assert first.trouble == "lease/chaoskit-controller: no answer"
    clock.turn(1)
    assert not first.seek()
    cluster.cut = False
    clock.turn(RETRY)
    assert first.seek()
    assert first.trouble == ""


def test_a_look_costs_nothing_more_often_than_every_two_seconds() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    one = Leadership(cluster, clock, LEASE)
    one.seek()
    cluster.wrote.clear()
    clock.turn(RETRY - 0.1)
    one.seek()
    assert cluster.wrote == []


@given(st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.floats(0.1, 20)), max_size=60))
def test_never_do_two_lead(turns: list[tuple[int, float]]) -> None:
    cluster, clock = FakeCluster(), ManualClock()
    all_of_them = [Leadership(cluster, clock, LEASE) for _ in range(3)]
    for which, seconds in turns:
        all_of_them[which].seek()
        assert sum(each.leads for each in all_of_them) <= 1
        clock.turn(seconds)
        assert sum(each.leads for each in all_of_them) <= 1


def test_a_lease_that_another_took_in_the_same_moment_is_not_ours() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    first, second = Leadership(cluster, clock, LEASE), Leadership(cluster, clock, LEASE)

    def quicker(verb: str, ref: ObjectRef) -> None:
        cluster.before_write = lambda _verb, _ref: None
        assert second.seek()

    cluster.before_write = quicker
    assert not first.seek()
    assert first.trouble == ""


@pytest.mark.parametrize("resigned", [True, False])
def test_how_often_the_lead_has_changed_is_counted(resigned: bool) -> None:
    cluster, clock = FakeCluster(), ManualClock()
    first, second = Leadership(cluster, clock, LEASE), Leadership(cluster, clock, LEASE)
    first.seek()
    second.seek()
    if resigned:
        first.resign()
    looking(clock, second, DURATION + RETRY)
    assert cluster.get(LEASE)["spec"]["leaseTransitions"] == 1
