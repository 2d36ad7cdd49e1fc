"""What only a moment holds up is decided on a second time: by commands, which do not go on watching."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.flows.watched import Town, app
from tests.recovery import made
from tests.recovery.made import NOW, symptom

from chaoskit.acts.accounts import accounts
from chaoskit.acts.ledger import Ledger
from chaoskit.adapters.sqlite import SqliteStore
from chaoskit.clock import ManualClock
from chaoskit.flows import secondlook
from chaoskit.flows.auto_recovery import AutoRecovery
from chaoskit.flows.world import World
from chaoskit.governor import Limits
from chaoskit.outcome import Outcome
from chaoskit.recovery import Decision, Issue, Plan, Refusal, classify

CALLER, CAUSE = "frontend", "cart"


class Shop:
    """A frontend that calls a cart, and somebody who recovers there."""

    def __init__(self, folder: Path) -> None:
        self.cluster = Town(*app(CALLER, env={"UPSTREAM": f"http://{CAUSE}/"}), *app(CAUSE))
        self.clock = ManualClock(NOW)
        nothing: Any = None
        store = SqliteStore(folder / "store.db")
        self.world = World(self.cluster, None, store, nothing, self.clock, Limits(), folder)
        self.flow = AutoRecovery(self.world)

    def decided(self, kind: str, *, since: float = 600.0) -> Decision:
        """What is decided on a symptom of the caller that shows now."""
        (issue,) = classify([symptom(kind, CALLER, since=since)], now=self.clock.now())
        return self.again(issue)

    def again(self, issue: Issue) -> Decision:
        (decision,) = self.flow.plan([replace(issue, at=self.clock.now())], namespace="shop")
        return decision

    def ledger(self) -> Ledger:
        """The cause is being recovered."""
        return Ledger.open(
            self.cluster, self.clock, id="r1", act="recovery", namespace="shop",
            targets=(made.ref(CAUSE),), trace_id="t",
        )  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def _held_up(decision: Decision) -> Refusal:
    (waiting,) = secondlook.held_up([decision])
    assert waiting is decision
    assert waiting.outcome is Outcome.NOTHING_TO_DO
    return waiting


def test_who_was_the_echo_of_a_dead_recovery_is_recovered_once_that_is_undone(shop: Shop) -> None:
    shop.ledger()
    shop.clock.turn(24 * 3600)
    waiting = _held_up(shop.decided("pool-errors"))
    secondlook.outlast([waiting], shop.world)
    assert accounts(shop.cluster, "shop") == ()
    (decision,) = secondlook.followed([waiting], [shop.again(waiting.issue)])
    assert isinstance(decision, Plan)


def test_who_is_the_echo_of_a_recovery_that_goes_on_is_left_alone(shop: Shop) -> None:
    ledger = shop.ledger()
    for seconds in range(10, 60, 10):
        shop.clock.call_at(float(seconds), ledger.renew)
    waiting = _held_up(shop.decided("pool-errors"))
    secondlook.outlast([waiting], shop.world)
    assert [each.state for each in accounts(shop.cluster, "shop")] == ["active"]
    (decision,) = secondlook.followed([waiting], [shop.again(waiting.issue)])
    assert _held_up(decision).why == waiting.why


def test_errors_of_the_first_minute_are_decided_on_when_it_is_over(shop: Shop) -> None:
    waiting = _held_up(shop.decided("errors", since=20.0))
    secondlook.outlast([waiting], shop.world)
    assert shop.clock.now() == NOW + timedelta(seconds=40)
    (decision,) = secondlook.followed([waiting], [shop.again(waiting.issue)])
    assert isinstance(decision, Plan)


def test_errors_that_began_anew_meanwhile_are_no_good_end(shop: Shop) -> None:
    waiting = _held_up(shop.decided("errors", since=20.0))
    (decision,) = secondlook.followed([waiting], [waiting])
    assert isinstance(decision, Refusal)
    assert (decision.outcome, decision.why) == (Outcome.REFUSED, waiting.why)


def test_only_what_was_held_up_is_followed_unless_others_are_named(shop: Shop) -> None:
    waiting = _held_up(shop.decided("errors", since=20.0))
    (crash,) = shop.flow.plan(classify([symptom("crash-loop")], now=NOW), namespace="shop")
    (alone,) = secondlook.followed([waiting], [waiting, crash])
    assert alone.issue == waiting.issue
    assert secondlook.followed([waiting], [waiting, crash], [crash.issue.name])[1:] == (crash,)


def test_what_went_away_meanwhile_is_nothing_to_do(shop: Shop) -> None:
    waiting = _held_up(shop.decided("errors", since=20.0))
    (gone,) = secondlook.followed([waiting], [])
    assert isinstance(gone, Refusal)
    assert (gone.issue, gone.outcome) == (waiting.issue, Outcome.NOTHING_TO_DO)
