"""What the record of a recovery says of its strategies: whatever was done and judged was tried."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.recovery import made
from tests.recovery.made import ref
from tests.recovery.test_hardships import Shop, at
from tests.recovery.test_sending import Deleting

from chaoskit import kube
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import ObjectRef
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import attempts, patterns


@pytest.fixture
def shop() -> Shop:
    return Shop()


def _tried(record: RecoveryRecord) -> list[tuple[str, int, int]]:
    """Each action that history then knows: how often it was tried, and how often it worked."""
    found = patterns.strategies(attempts([record.document()]))
    return [(each.action, each.tried, each.worked) for each in found]


def test_what_was_done_and_did_not_help_was_tried(shop: Shop) -> None:
    shop.after_patch = lambda _: None  # the pods stay as they are
    record = shop.recover(shop.back())
    assert record.outcome is Outcome.NOT_RECOVERED
    assert _tried(record) == [("roll-back", 1, 0)]


def test_what_helped_was_tried(shop: Shop) -> None:
    assert _tried(shop.recover(shop.back())) == [("roll-back", 1, 1)]


def test_what_broke_off_after_its_first_pod_was_tried(shop: Shop) -> None:
    shop.gone(ObjectRef(kube.POD, "shop", "cart-bad"))
    shop.puts(made.pod("cart-good", of="cart-h1"))
    shop.puts(made.deployment("orders", replicas=2))
    for name in ("orders-0", "orders-1"):
        crash = made.ended(139, seconds_ago=12)
        runs = {"running": {"startedAt": made.ago(1)}}
        shop.puts(made.pod(name, of="orders-h1", restarts=2, state=runs, last=crash))  # between two crashes
    plan = shop.plan({"action": "restart-pod", "timeout": "30s"}, {"action": "notify"}, targets=("orders",))
    first, last = plan.rungs
    both = replace(first, pods=("orders-0", "orders-1"), serving=2)
    record = shop.recover(replace(plan, rungs=(both, last)))
    assert record.outcome is Outcome.NOT_RECOVERED
    assert [each for each in shop.wrote if each.startswith("evict")] == ["evict pod/orders-0"]
    assert _tried(record) == [("restart-pod", 1, 0)]


def test_what_helped_though_it_could_not_be_done_as_a_whole_was_tried(shop: Shop) -> None:
    def restarted(target: ObjectRef) -> None:
        if target.name == "orders":
            shop.objects[kube.DEPLOYMENT, "shop", "search"]["spec"]["updateStrategy"] = {"type": "OnDelete"}

    def heals() -> None:
        shop.gone(ObjectRef(kube.POD, "shop", "cart-bad"))
        shop.puts(made.pod("cart-good", of="cart-h1"))

    shop.after_patch = restarted
    plan = shop.plan({"action": "recycle-connections"}, {"action": "notify"})
    both = replace(plan.rungs[0], targets=(ref("orders"), ref("search")))
    record = shop.recover(
        replace(plan, rungs=(both, plan.rungs[1])), listen=at("recycle-connections", "failed", heals)
    )
    assert record.reason == "recycle-connections helped, later than expected"
    assert _tried(record) == [("recycle-connections", 1, 1)]


def test_of_what_nobody_could_see_nobody_knows_whether_it_helped(shop: Shop) -> None:
    record = shop.recover(shop.back(), listen=at("roll-back", "done", lambda: shop.goes(95)))
    assert record.outcome is Outcome.ERRORED
    assert (record.steps[0]["done"], _tried(record)) == (True, [])


def test_of_what_nobody_can_say_was_done_nobody_knows_whether_it_helped() -> None:
    shop = Deleting(64)
    plan = shop.restarting()
    shop.clock.call_at(30, shop.serves)
    record = shop.recover(plan)
    assert (record.outcome, shop.deleted) == (Outcome.HEALED, False)
    assert _tried(record) == []
