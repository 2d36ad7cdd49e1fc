"""Asking acts to end: each of them is asked, also when another has just ended by itself."""

from __future__ import annotations

import pytest
from tests.acts.fake import FakeCluster

from chaoskit.acts.abort import abort
from chaoskit.acts.accounts import accounts
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import ManualClock
from chaoskit.errors import Unavailable
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import ObjectRef


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
