"""How new a look at a namespace is against the recoveries that ended there."""

from __future__ import annotations

from datetime import timedelta

from tests.recovery.made import NOW, symptom

from chaoskit.clock import ManualClock
from chaoskit.flows.duties.recovering import NEWS, Looks, Standing
from chaoskit.flows.rounds import Round
from chaoskit.recovery import Refusal, classify

ISSUES = classify([symptom("crash-loop", "cart"), symptom("crash-loop", "orders")], now=NOW)
FOUND = Round(tuple(Refusal(issue, "freeze", "", "") for issue in ISSUES), nodes=False)


def _ids(found: Round | None) -> list[str]:
    return [] if found is None else sorted(each.issue.id for each in found.decisions)


def test_a_look_that_began_before_a_recovery_ended_says_nothing_of_its_issue() -> None:
    clock = ManualClock()
    looks, began = Looks(clock), clock.monotonic()
    clock.turn(1)
    looks.outdated("shop", "cart-pod-crash")
    looks.outdated("other", "orders-pod-crash")
    assert _ids(looks.keep("shop", FOUND, began)) == ["orders-pod-crash"]
    assert _ids(looks.just_now("shop")) == ["orders-pod-crash"]
    clock.turn(1)
    assert _ids(looks.keep("shop", FOUND, clock.monotonic())) == ["cart-pod-crash", "orders-pod-crash"]


def test_what_was_seen_just_now_holds_until_a_recovery_ends_or_it_is_no_news() -> None:
    clock = ManualClock()
    looks = Looks(clock)
    looks.keep("shop", FOUND, clock.monotonic())
    assert looks.just_now("shop") == FOUND
    looks.outdated("shop", "cart-pod-crash")
    assert looks.just_now("shop") is None
    looks.keep("shop", FOUND, clock.monotonic() + 1)
    clock.turn(NEWS + 0.1)
    assert looks.just_now("shop") is None


def test_how_long_something_stands_counts_from_when_it_was_first_seen_without_a_break() -> None:
    clock = ManualClock()
    standing = Standing(clock)
    assert standing.of("shop", {"a"}) == {"a": timedelta()}
    clock.turn(30)
    assert standing.of("other", {"a"}) == {"a": timedelta()}
    assert standing.of("shop", {"a", "b"}) == {"a": timedelta(seconds=30), "b": timedelta()}
    clock.turn(30)
    assert standing.of("shop", {"b"}) == {"b": timedelta(seconds=30)}
    assert standing.of("shop", {"a"}) == {"a": timedelta()}
