"""Ends after which something may still be changed: people are told, with what is left, whatever they know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.flows.watched import Pager
from tests.recovery.made import ref
from tests.recovery.test_hardships import Shop, at

from chaoskit import recovery
from chaoskit.acts.entries import Entry
from chaoskit.acts.ledger import Ledger
from chaoskit.errors import Forbidden
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import Options, Plan

DENIED = "you may not patch deployments any more"


class Stuck(Shop):
    """orders is scaled up, and may not be scaled back."""

    def __init__(self) -> None:
        super().__init__()
        self.pager = Pager()
        self._scaled = False

    def patch(self, ref: ObjectRef, patch: Any, *, dry_run: bool = False, **options: Any) -> Object:
        if not dry_run and ref.name == "orders":
            if self._scaled:
                raise Forbidden(DENIED)
            self._scaled = True
        return super().patch(ref, patch, dry_run=dry_run, **options)

    def scaling(self) -> Plan:
        plan = self.plan({"action": "scale"}, targets=("orders",))
        return replace(plan, rungs=tuple(replace(r, expects={"from": "1", "to": "2"}) for r in plan.rungs))

    def ends(self, plan: Plan, **options: Any) -> RecoveryRecord:
        reach = replace(self.reach(), notifier=self.pager)
        return recovery.recover(plan, reach, Options(**options))

    def is_known(self) -> None:
        """People were told, a quarter of an hour ago, that a recovery was in vain."""
        record = self.ends(self.plan({"action": "restart-pod"}))
        assert record.outcome is Outcome.NOT_RECOVERED
        self.clock.turn(900)


@pytest.fixture
def shop() -> Stuck:
    return Stuck()


@pytest.mark.parametrize("known", [False, True])
def test_what_may_still_be_disturbed_is_told_with_what_is_left_and_what_to_run(
    shop: Stuck, *, known: bool
) -> None:
    if known:
        shop.is_known()
    record = shop.ends(shop.scaling())
    assert record.outcome is Outcome.UNDO_UNCONFIRMED
    assert shop.get(ref("orders"))["spec"]["replicas"] == 2
    assert len(shop.pager.pages) == 1 + known
    end = shop.pager.notices[-1].text.splitlines()[-2:]
    assert end == [
        f"undo not confirmed: deployment/orders: {DENIED}",
        "the target may still be disturbed: run chaoskit rescue",
    ]


@pytest.mark.parametrize("known", [False, True])
def test_what_nobody_could_judge_is_told_with_what_stays(shop: Stuck, *, known: bool) -> None:
    if known:
        shop.is_known()
    record = shop.ends(shop.back(), listen=at("roll-back", "done", lambda: shop.goes(95)))
    assert record.outcome is Outcome.ERRORED
    assert len(shop.pager.pages) == 1 + known
    assert f"errored: {record.reason}" in shop.pager.notices[-1].text
    assert record.reason.startswith("roll-back was done and stays")


def test_what_is_in_vain_once_more_is_no_other_news(shop: Stuck) -> None:
    shop.is_known()
    shop.is_known()
    assert len(shop.pager.pages) == 1


def _left_by_the_dead(shop: Stuck, name: str) -> None:
    """A dead recovery's change of the deployment, which nobody here knows how to undo."""
    entry = Entry("of-another-version", ref(name), ("spec", "x"), 1, 2)
    Ledger.open(
        shop, shop.clock, id="r1", act="recovery", namespace="shop", targets=(ref(name),), trace_id="t"
    ).write(entry)


@pytest.mark.parametrize("wait", [True, False])
def test_who_finds_what_a_dead_act_left_in_the_way_ends_with_it_and_tells_nobody_else(
    shop: Stuck, *, wait: bool
) -> None:
    _left_by_the_dead(shop, "cart")
    record = shop.ends(shop.back(), wait=wait)
    assert record.outcome is Outcome.UNDO_UNCONFIRMED
    assert "recovery r1 died, and its undo is not confirmed" in record.reason
    assert shop.pager.pages == []


def test_what_could_not_be_undone_is_not_told_again_by_who_finds_it_in_the_way(shop: Stuck) -> None:
    plan = shop.scaling()
    assert shop.ends(plan, wait=False).outcome is Outcome.UNDO_UNCONFIRMED
    shop.clock.turn(120)
    assert shop.ends(shop.scaling(), wait=False).outcome is Outcome.UNDO_UNCONFIRMED
    assert len(shop.pager.pages) == 1
