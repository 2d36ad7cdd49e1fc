"""Acts handed over: they wait, are taken by one, come to their targets or not, and tell how they ended."""

from __future__ import annotations

import pytest
from tests.acts.fake import CART, FakeCluster

from chaoskit import kube
from chaoskit.acts import handover
from chaoskit.acts.accounts import LEDGER, Account, account_of
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import ManualClock
from chaoskit.errors import CannotStart, Conflict, InvalidInput, NotFound, Refused, Unavailable
from chaoskit.governor import Governor, Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Kind, Object, ObjectRef

LEASE = ObjectRef(kube.LEASE, "shop", "chaoskit-run1")
SECRET = ObjectRef(kube.SECRET, "shop", "chaoskit-run1")


def waiting(cluster: FakeCluster, document: str = "what to do") -> Account:
    return handover.hand_over(
        cluster, ManualClock(), id="run1", namespace="shop", document=document, trace_id="t", name="gone"
    )


def test_what_is_handed_over_waits_and_its_document_is_kept_secret() -> None:
    cluster = FakeCluster()
    account = waiting(cluster, "password: hunter2")
    assert (account.state, account.holder, account.id, account.name) == ("handed", "", "run1", "gone")
    assert handover.handed(cluster, "shop") == (account,)
    assert handover.document_of(cluster, account) == "password: hunter2"
    assert "hunter2" not in str(cluster.get(LEASE))


def test_a_document_that_no_secret_takes_is_refused_before_anything_is_written() -> None:
    cluster = FakeCluster()
    with pytest.raises(CannotStart, match="512 KiB"):
        waiting(cluster, "x" * (handover.LARGEST + 1))
    assert cluster.wrote == []


def test_one_takes_it_and_nobody_else_can_or_withdraw_it() -> None:
    cluster = FakeCluster()
    account = waiting(cluster)
    Ledger.take_over(cluster, ManualClock(), account)
    with pytest.raises(Conflict):
        Ledger.take_over(cluster, ManualClock(), account)
    assert handover.withdraw(cluster, account) is False


def test_what_is_accepted_waits_on_and_is_not_withdrawn_by_who_does_not_know() -> None:
    cluster = FakeCluster()
    account = waiting(cluster)
    handover.accept(cluster, account, "controller-1")
    with pytest.raises(Conflict):
        handover.accept(cluster, account, "controller-2")
    assert handover.withdraw(cluster, account) is False
    (known,) = handover.handed(cluster, "shop")
    assert (known.state, known.holder, known.accepted) == ("handed", "", "controller-1")
    Ledger.take_over(cluster, ManualClock(), known)


def test_what_nobody_took_is_withdrawn_without_a_trace() -> None:
    cluster = FakeCluster()
    assert handover.withdraw(cluster, waiting(cluster)) is True
    for ref in (LEASE, SECRET):
        with pytest.raises(NotFound):
            cluster.get(ref)


def test_guards_see_it_only_when_it_has_come_to_its_targets() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    guard = Governor(cluster, clock, Limits(chaos_budget=1))
    ledger = Ledger.take_over(cluster, clock, waiting(cluster))
    guard.admit("chaos", (CART,), "shop", at_once=1, hits=())
    ledger.activate((CART,))
    with pytest.raises(Refused):
        guard.admit("chaos", (CART,), "shop", at_once=1, hits=())
    assert account_of(cluster.get(LEASE)).targets == (CART,)


@pytest.mark.parametrize("came", [True, False])
def test_its_end_is_told_for_an_hour_and_counts_for_guards_only_if_it_acted(came: bool) -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = Ledger.take_over(cluster, clock, waiting(cluster))
    if came:
        ledger.activate((CART,))
    ledger.close(Outcome.REFUSED, keep=handover.KEEP, reason="shop is frozen")
    account = account_of(cluster.get(LEASE))
    assert (account.state, account.outcome, account.reason) == ("done", "refused", "shop is frozen")
    assert account.keep_until is not None
    assert (account.keep_until - clock.now()).total_seconds() == handover.KEEP
    assert (account.ended is not None) is came
    with pytest.raises(NotFound):
        cluster.get(SECRET)


def test_a_document_that_is_gone_is_said_to_be() -> None:
    cluster = FakeCluster()
    account = waiting(cluster)
    cluster.patch(SECRET, {"data": None})
    with pytest.raises(NotFound, match="holds no document of run run1"):
        handover.document_of(cluster, account)


@pytest.mark.parametrize("kind", [kube.SECRET, kube.LEASE])
@pytest.mark.parametrize("lost", [True, False])
def test_of_what_the_cluster_did_not_take_nothing_is_left(kind: Kind, *, lost: bool) -> None:
    class Half(FakeCluster):
        """Does not answer when one kind is made; with `lost` it is the answer alone that is missing."""

        def create(self, body: Object, *, dry_run: bool = False) -> Object:
            if body["kind"] != kind.name:
                return super().create(body)
            if lost:
                super().create(body)
            raise Unavailable("no answer", service="kubernetes")

    cluster = Half()
    with pytest.raises(Unavailable):
        waiting(cluster)
    assert cluster.objects == {}


def test_what_is_no_text_is_said_to_be_none() -> None:
    cluster = FakeCluster()
    account = waiting(cluster)
    cluster.patch(SECRET, {"data": {handover.DOCUMENT: "/w=="}})
    with pytest.raises(InvalidInput, match="holds no text"):
        handover.document_of(cluster, account)


def test_a_lease_whose_notes_are_nested_without_end_is_unreadable_and_no_more() -> None:
    cluster = FakeCluster()
    waiting(cluster)
    cluster.patch(LEASE, {"metadata": {"annotations": {LEDGER: "[" * 100_000}}})
    assert LEDGER in account_of(cluster.get(LEASE)).unreadable
