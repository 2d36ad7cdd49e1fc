from __future__ import annotations

import json

import pytest
from tests.acts.fake import CART, FakeCluster, deployment, node

from chaoskit import kube
from chaoskit.acts import halt
from chaoskit.acts.entries import Entry
from chaoskit.acts.ledger import Ledger, account_of, accounts
from chaoskit.clock import ManualClock
from chaoskit.errors import Conflict, Refused
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import ObjectRef

LEASE = ObjectRef(kube.LEASE, "shop", "chaoskit-run1")


def opened(cluster: FakeCluster, clock: ManualClock, id_: str = "run1") -> Ledger:
    return Ledger.open(
        cluster, clock, id=id_, act="chaos", namespace="shop", targets=(CART,), trace_id="trace"
    )


def test_an_open_ledger_says_who_acts_on_what() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    opened(cluster, clock)
    account = account_of(cluster.get(LEASE))
    assert (account.id, account.act, account.state) == ("run1", "chaos", "active")
    assert account.targets == (CART,)
    assert ":" in account.holder
    assert account.renewed.endswith(".000000Z")


def test_an_entry_is_in_the_cluster_before_the_caller_acts() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    entry = Entry("field", CART, ("spec", "replicas"), 3, 5)
    opened(cluster, clock).write(entry)
    assert account_of(cluster.get(LEASE)).entries == (entry,)


def test_a_lease_is_renewed_only_when_a_third_of_it_has_passed() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = opened(cluster, clock)
    first = cluster.get(LEASE)["spec"]["renewTime"]
    clock.turn(9)
    ledger.renew()
    assert cluster.get(LEASE)["spec"]["renewTime"] == first
    clock.turn(2)
    ledger.renew()
    assert cluster.get(LEASE)["spec"]["renewTime"] > first


def test_who_was_taken_over_cannot_renew() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = opened(cluster, clock)
    Ledger.take_over(cluster, clock, account_of(cluster.get(LEASE)))
    clock.turn(20)
    with pytest.raises(Conflict):
        ledger.renew()


def test_of_two_rescuers_one_gets_the_account() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    opened(cluster, clock)
    account = account_of(cluster.get(LEASE))
    Ledger.take_over(cluster, clock, account)
    with pytest.raises(Conflict):
        Ledger.take_over(cluster, clock, account)


def test_a_renewal_tells_of_a_halt() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = opened(cluster, clock)
    halt.halt(cluster, clock, ["chaos"], "incident 7")
    clock.turn(20)
    with pytest.raises(Refused, match="incident 7"):
        ledger.renew()


def test_entries_are_undone_newest_first_and_settled() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5), node(unschedulable=True)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    ledger.write(Entry("cordon", ObjectRef(kube.NODE, "", "node-1")))
    cluster.wrote.clear()
    assert ledger.undo().state == "confirmed"
    acts = [each for each in cluster.wrote if "lease" not in each]
    assert acts == ["patch node/node-1", "patch deployment/cart"]
    assert cluster.get(CART)["spec"]["replicas"] == 3
    assert account_of(cluster.get(LEASE)).entries == ()


def test_an_undo_that_fails_is_left_owed_and_told() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("sorcery", CART))
    undone = ledger.undo()
    assert undone.state == "not confirmed"
    assert "sorcery" in undone.left[0]
    ledger.close(Outcome.UNDO_UNCONFIRMED, keep=False)
    assert account_of(cluster.get(LEASE)).state == "active"


def test_a_closed_ledger_is_kept_for_cool_downs_or_gone() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    opened(cluster, clock).close(Outcome.PASSED)
    account = accounts(cluster, "shop")[0]
    assert (account.state, account.outcome, account.ended) == ("done", "passed", clock.now())
    opened(cluster, clock, "run2").close(Outcome.PASSED, keep=False)
    assert [each.id for each in accounts(cluster)] == ["run1"]


def test_a_secret_original_is_kept_in_a_secret_and_never_in_the_lease() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), "canary", 5, secret=True))
    assert "canary" not in json.dumps(cluster.get(LEASE))
    assert ledger.undo().state == "confirmed"
    assert cluster.get(CART)["spec"]["replicas"] == "canary"
    ledger.close(Outcome.PASSED, keep=False)
    assert cluster.list(kube.SECRET).items == ()


def test_a_lost_secret_keeps_no_other_entry_from_its_undo() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 2, 5))
    ledger.write(Entry("field", CART, ("spec", "paused"), "canary", True, secret=True))
    cluster.delete(ObjectRef(kube.SECRET, LEASE.namespace, LEASE.name))
    undone = ledger.undo()
    assert (undone.state, len(undone.left)) == ("not confirmed", 1)
    assert cluster.get(CART)["spec"]["replicas"] == 2
