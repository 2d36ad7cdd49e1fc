"""Asking acts to end: each of them is asked, also when another has just ended by itself."""

from __future__ import annotations

from functools import partial

import pytest
from tests.acts.fake import FakeCluster

from chaoskit.acts.abort import abort
from chaoskit.acts.accounts import ABORT, accounts
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import ManualClock
from chaoskit.errors import Unavailable
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Kind, Listing, Object, ObjectRef


def test_an_act_that_has_just_ended_keeps_no_other_from_being_asked() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledgers = [
        Ledger.open(cluster, clock, id=id_, act="chaos", namespace="shop", targets=(), trace_id="t")
        for id_ in ("run1", "run2")
    ]
    wanted = accounts(cluster)
    ledgers[0].close(Outcome.PASSED)

    clock.call_at(0.5, lambda: heard.append(ledgers[1].wanted_end()))
    clock.call_at(0.7, lambda: ledgers[1].close(Outcome.INTERRUPTED))
    heard: list[str] = []
    ended = abort(cluster, clock, wanted, "incident 7")
    assert {each.account.id for each in ended} == {"run1", "run2"}
    assert heard == ["incident 7"]


def two(cluster: FakeCluster, clock: ManualClock) -> list[Ledger]:
    return [
        Ledger.open(cluster, clock, id=id_, act="chaos", namespace="shop", targets=(), trace_id="t")
        for id_ in ("run1", "run2")
    ]


def test_acts_of_one_namespace_are_awaited_by_who_may_see_it_alone() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledgers, wanted = two(cluster, clock), accounts(cluster, "shop")
    cluster.hidden.add(("leases", ""))
    for ledger in ledgers:
        clock.call_at(2.5, partial(ledger.close, Outcome.INTERRUPTED))
    ended = abort(cluster, clock, wanted, "incident 7")
    assert {each.account.id for each in ended} == {"run1", "run2"}


class Silent(FakeCluster):
    """A cluster that answers no list before `until`."""

    def __init__(self, clock: ManualClock, until: float) -> None:
        super().__init__()
        self.clock, self.until = clock, until

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        if self.until > self.clock.monotonic() >= 1:
            raise Unavailable("no answer", service="kubernetes")
        return super().list(kind, namespace, labels=labels, fields=fields)


def test_a_server_that_is_away_for_a_while_takes_no_act_for_dead() -> None:
    clock = ManualClock()
    cluster = Silent(clock, clock.monotonic() + 60)
    ledgers, wanted = two(cluster, clock), accounts(cluster, "shop")
    for ledger in ledgers:
        clock.call_at(70, partial(ledger.close, Outcome.INTERRUPTED))
    ended = abort(cluster, clock, wanted, "incident 7")
    assert clock.monotonic() >= 70
    assert [each.undo.state for each in ended] == ["confirmed", "confirmed"]


def test_a_server_that_stays_away_is_not_waited_for_for_ever() -> None:
    clock = ManualClock()
    cluster = Silent(clock, float("inf"))
    two(cluster, clock)
    wanted = accounts(cluster, "shop")
    with pytest.raises(Unavailable):
        abort(cluster, clock, wanted, "incident 7")


def test_one_that_cannot_be_asked_keeps_no_other_from_it() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledgers = [
        Ledger.open(cluster, clock, id=id_, act="chaos", namespace="shop", targets=(), trace_id="t")
        for id_ in ("run1", "run2")
    ]

    def fail(verb: str, ref: ObjectRef) -> None:
        if ref.name == "chaoskit-run1":
            raise Unavailable("no answer", service="kubernetes")

    cluster.before_write = fail
    with pytest.raises(Unavailable):
        abort(cluster, clock, accounts(cluster), "incident 7")
    assert [each.wanted_end() for each in ledgers] == ["", "incident 7"]


class Counted(FakeCluster):
    looks = 0

    def get(self, ref: ObjectRef) -> Object:
        self.looks += 1
        return super().get(ref)


def test_the_answer_to_a_write_says_whether_an_end_is_wanted_and_is_a_look_for_a_moment() -> None:
    cluster, clock = Counted(), ManualClock()
    ledger, _ = two(cluster, clock)

    def asked() -> tuple[str, int]:
        before = cluster.looks
        return ledger.wanted_end(), cluster.looks - before

    assert asked() == ("", 1)
    ledger.note("pod-delete")
    assert asked() == ("", 0)
    cluster.patch(ledger.account.ref, {"metadata": {"annotations": {ABORT: "incident 7"}}})
    clock.sleep(0.2)
    assert asked() == ("incident 7", 1)
    ledger.note("container-kill")
    assert asked() == ("incident 7", 0)
