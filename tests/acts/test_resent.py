"""A write for one version whose answer is lost is sent again, meets itself, and is done by who sent it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.acts.fake import CART, FakeCluster
from tests.acts.lossy import Lossy, connected

from chaoskit import kube
from chaoskit.acts import approvals, handover
from chaoskit.acts.accounts import Account, account_of
from chaoskit.acts.entries import Entry
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import ManualClock
from chaoskit.errors import Conflict, NotFound, TakenOver
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster, ObjectRef

LEASE = ObjectRef(kube.LEASE, "shop", "chaoskit-run1")
SECRET = ObjectRef(kube.SECRET, "shop", "chaoskit-run1")


@pytest.fixture
def server() -> Lossy:
    return Lossy(FakeCluster())


@pytest.fixture
def waiting(server: Lossy) -> Account:
    return handover.hand_over(
        server.stored, ManualClock(), id="run1", namespace="shop", document="what to do", trace_id="t"
    )


def test_who_takes_an_account_over_holds_it(tmp_path: Path, server: Lossy, waiting: Account) -> None:
    with connected(tmp_path, server) as cluster:
        ledger = Ledger.take_over(cluster, ManualClock(), waiting)
        ledger.note("it goes on")
    assert account_of(server.stored.get(LEASE)).holder == ledger.account.holder
    assert server.patches == 3


def test_a_controller_that_accepts_a_run_has_it_on_its_list(
    tmp_path: Path, server: Lossy, waiting: Account
) -> None:
    with connected(tmp_path, server) as cluster:
        handover.accept(cluster, waiting, "controller-1")
    assert account_of(server.stored.get(LEASE)).accepted == "controller-1"


def test_what_is_called_off_leaves_no_secret(tmp_path: Path, server: Lossy, waiting: Account) -> None:
    with connected(tmp_path, server) as cluster:
        assert handover.call_off(cluster, ManualClock(), waiting, "not today")
    with pytest.raises(NotFound):
        server.stored.get(SECRET)


def test_who_decides_a_question_has_decided_it(tmp_path: Path, server: Lossy) -> None:
    clock = ManualClock()
    asked = approvals.request(
        server.stored, clock, id="r1", namespace="shop", issue="cart-pod-crash", plan="1. roll-back",
        digest="d1", within=timedelta(minutes=15),
    )  # fmt: skip
    with connected(tmp_path, server) as cluster:
        approvals.decide(cluster, clock, asked, "approved", by="ann")
        assert approvals.look(cluster, asked).by == "ann"


def _taken(cluster: Cluster, account: Account) -> None:
    Ledger.take_over(cluster, ManualClock(), account)


def _accepted(cluster: Cluster, account: Account) -> None:
    handover.accept(cluster, account, "controller-1")


@pytest.mark.parametrize("act", [_taken, _accepted])
def test_what_another_has_written_over_it_since_is_that_others(
    tmp_path: Path, server: Lossy, waiting: Account, act: Callable[[Cluster, Account], None]
) -> None:
    quicker = iter((False, True))

    def theirs(_verb: str, _ref: ObjectRef) -> None:
        if next(quicker, False):
            act(server.stored, account_of(server.stored.get(LEASE)))
            handover.accept(server.stored, account_of(server.stored.get(LEASE)), "controller-2")

    server.stored.before_write = theirs
    with connected(tmp_path, server) as cluster, pytest.raises(Conflict) as raised:
        act(cluster, waiting)
    assert not raised.value.harmless


def test_who_was_taken_over_writes_nothing_more_though_the_other_wrote_the_same(
    tmp_path: Path, server: Lossy
) -> None:
    """The answer is lost, and by the time it is sent again another has settled what it settles."""
    clock = ManualClock()
    old = Ledger.open(
        server.stored, clock, id="run1", act="chaos", namespace="shop", targets=(), trace_id="t"
    )
    entry = Entry("field", CART, ("spec", "replicas"), 3, 5)
    old.write(entry)

    def theirs(_verb: str, _ref: ObjectRef) -> None:
        if server.patches == 2:
            server.stored.before_write = lambda _verb, _ref: None
            Ledger.take_over(server.stored, clock, account_of(server.stored.get(LEASE))).settle(entry)

    server.stored.before_write = theirs
    with connected(tmp_path, server) as cluster:
        mine = Ledger(cluster, clock, account_of(server.stored.get(LEASE)))
        with pytest.raises(TakenOver):
            mine.settle(entry)
        with pytest.raises(TakenOver):
            mine.close(Outcome.DONE)
    assert account_of(server.stored.get(LEASE)).holder != old.account.holder
