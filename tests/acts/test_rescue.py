from __future__ import annotations

from tests.acts.fake import CART, FakeCluster, deployment

from chaoskit.acts.entries import Entry
from chaoskit.acts.ledger import Ledger, accounts
from chaoskit.acts.rescue import rescue
from chaoskit.clock import ManualClock


def owing(cluster: FakeCluster, clock: ManualClock) -> Ledger:
    ledger = Ledger.open(
        cluster, clock, id="dead", act="chaos", namespace="shop", targets=(CART,), trace_id="t"
    )
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    return ledger


def test_a_run_that_stands_still_for_its_whole_lease_is_undone() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    owing(cluster, clock)
    done = rescue(cluster, clock)
    assert [(each.account.id, each.undo.state) for each in done] == [("dead", "confirmed")]
    assert cluster.get(CART)["spec"]["replicas"] == 3
    assert accounts(cluster) == ()
    assert clock.monotonic() >= 30


def test_a_run_that_renews_is_left_alone_however_old_its_lease_looks() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    ledger = owing(cluster, clock)
    clock.turn(1000)
    clock.call_at(5, ledger.renew)
    assert rescue(cluster, clock) == ()
    assert cluster.get(CART)["spec"]["replicas"] == 5


def test_what_cannot_be_undone_stays_for_the_next_rescue() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = owing(cluster, clock)
    ledger.write(Entry("sorcery", CART))
    assert rescue(cluster, clock)[0].undo.state == "not confirmed"
    assert [each.state for each in accounts(cluster)] == ["active"]
