"""A recovery while the server refuses, the clock is set, pods do not come back, or another one is at it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.recovery import made
from tests.recovery.made import ref
from tests.recovery.staged import Watched

from chaoskit import recovery
from chaoskit.governor import Governor, Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import ObjectRef
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import Options, Plan, Reach, runbook
from chaoskit.recovery.remedies import Rung


@pytest.fixture
def shop() -> Watched:
    """A shop whose cart crashes, and whose other workloads serve."""
    names = ("cart", "orders", "search")
    found = Watched(*(made.deployment(name, replicas=1) for name in names))
    for name in names:
        crashes = name == "cart"
        found.puts(made.replica_set(name, 1, ready=0 if crashes else 1))
        found.puts(made.crashing("cart-0") if crashes else made.pod(f"{name}-0", of=f"{name}-h1"))
    return found


def _reach(shop: Watched) -> Reach:
    return Reach(shop, None, shop.clock, Governor(shop, shop.clock, Limits()))


def _plan(shop: Watched, action: str, *targets: str, **more: Any) -> Plan:
    """The plan for cart's crash, whose one rung is this on these deployments."""
    (issue,) = recovery.detect_issues(shop, None, shop.clock, "shop")
    document = {
        "apiVersion": "chaoskit.io/v1",
        "kind": "Runbook",
        "metadata": {"name": "mine"},
        "spec": {"matches": {"issue": issue.kind}, "remediations": [{"action": action, **more}]},
    }
    book = runbook.Runbook.model_validate(document)
    return Plan(issue, book, (Rung(book.spec.remediations[0], tuple(map(ref, targets)), "a test"),))


def _recover(shop: Watched, plan: Plan, **more: Any) -> RecoveryRecord:
    return recovery.recover(plan, _reach(shop), Options(**more))


def test_a_workload_that_does_not_come_back_keeps_the_next_one_from_its_restart(shop: Watched) -> None:
    def restarted(verb: str, target: ObjectRef) -> None:
        if (verb, target.name) == ("patch", "orders"):
            shop.puts(made.pod("orders-0", of="orders-h1", ready=False))

    shop.before_write = restarted
    record = _recover(shop, _plan(shop, "recycle-connections", "orders", "search"))
    assert record.outcome is Outcome.NOT_RECOVERED
    assert "deployment/orders did not come back: 0 of 1 ready" in record.reason
    assert "patch deployment/search" not in shop.wrote
