"""Containers that ran for long before they ended: nobody waits for their next end."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from tests.recovery import made
from tests.recovery.test_hardships import Shop

from chaoskit import kube
from chaoskit.acts.accounts import accounts
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import ObjectRef


class Ending(Shop):
    """cart's container ran for so long, ended anew and runs again; a pod in its place needs 45 s."""

    def __init__(self, ran: float) -> None:
        super().__init__()
        self.gone(ObjectRef(kube.POD, "shop", "cart-bad"))
        self._last = made.ended(1, seconds_ago=6, ran=ran)
        self.runs()
        self.evicting = self._replaced

    def runs(self) -> None:
        self._is({"running": {"startedAt": made.ago(5)}}, ready=True)

    def is_held_back(self) -> None:
        self._last = made.ended(1, seconds_ago=21, ran=20_000)
        self._is(made.waiting("CrashLoopBackOff"), ready=False)

    def _is(self, state: Any, *, ready: bool) -> None:
        more: dict[str, Any] = {"age": 30_000, "restarts": 3, "last": self._last, "ready": ready}
        self.puts(made.pod("cart-x", of="cart-h2", state=state, **more))

    def _replaced(self, ref: ObjectRef) -> None:
        self.gone(ref)
        self.clock.call_at(45, partial(self.puts, made.pod("cart-y", of="cart-h2", age=0)))


@pytest.mark.parametrize("ran", [30, 660, 3500])
def test_one_that_runs_again_since_a_minute_is_believed_as_soon_as_it_held(ran: float) -> None:
    shop = Ending(ran)
    plan = shop.plan({"action": "restart-pod"})
    shop.clock.turn(70)
    record = shop.recover(plan)
    assert record.outcome is Outcome.HEALED, record.reason
    assert shop.clock.monotonic() - 70 <= 10


def test_one_that_ran_for_hours_and_was_held_back_for_seconds_is_believed_in_seconds() -> None:
    shop = Ending(20_000)
    shop.is_held_back()
    plan = shop.plan({"action": "restart-pod"})
    shop.runs()
    record = shop.recover(plan)
    assert record.outcome is Outcome.HEALED, record.reason
    assert shop.clock.monotonic() <= 10


def test_a_remedy_that_helps_late_holds_its_target_no_longer_than_that_takes() -> None:
    shop = Ending(660)
    plan = shop.plan({"action": "restart-pod"}, {"action": "notify"})
    first, last = plan.rungs
    active: list[Any] = []
    shop.clock.call_at(120, lambda: active.extend(a for a in accounts(shop, "shop") if a.state == "active"))
    record = shop.recover(replace(plan, rungs=(replace(first, pods=("cart-x",)), last)))
    assert record.reason == "restart-pod helped, later than expected"
    assert record.seconds_to_recover is not None
    assert record.seconds_to_recover < 60
    shop.clock.turn(120)
    assert active == []
