"""Patterns: success and speed by strategy, and what keeps coming back."""

from __future__ import annotations

from datetime import timedelta

from tests.recovery.made import NOW

from chaoskit.outcome import Outcome
from chaoskit.recovery import Attempt, attempts, patterns


def _attempt(
    hours: float,
    actions: tuple[str, ...],
    helped: str,
    seconds: float | None,
    outcome: Outcome = Outcome.RECOVERED,
) -> Attempt:
    at = NOW - timedelta(hours=hours)
    return Attempt("shop", "deployment/cart", "pod-crash", outcome, at, at, actions, helped, seconds)


HISTORY = (
    *(_attempt(i, ("roll-back",), "roll-back", seconds) for i, seconds in enumerate((10, 20, 30, 40, 90), 1)),
    _attempt(6, ("restart-pod", "roll-back"), "roll-back", 50.0),
    _attempt(7, ("restart-pod", "notify"), "", None, Outcome.NOT_RECOVERED),
    _attempt(8, (), "", None, Outcome.HEALED),
)


def test_strategies_are_ranked_by_success_with_median_and_ninetieth_percentile() -> None:
    best, worst = patterns.strategies(HISTORY)
    assert (best.action, best.tried, best.worked, best.rate) == ("roll-back", 6, 6, 1.0)
    assert (best.median_seconds, best.p90_seconds) == (35.0, 90)
    assert (worst.action, worst.tried, worst.worked) == ("restart-pod", 2, 0)
    assert worst.median_seconds is None


def test_a_strategy_that_was_never_tried_has_no_summary() -> None:
    assert patterns.summary(HISTORY, "network", "rolling-restart") == ""
    assert patterns.summary(HISTORY, "pod-crash", "restart-pod") == "0 of 2 such recoveries worked"


def test_recurrence_counts_what_healed_by_itself_and_not_what_was_refused() -> None:
    refused = _attempt(0.5, (), "", None, Outcome.REFUSED)
    (found,) = patterns.recurrences((*HISTORY, refused))
    assert (found.times, found.by_itself, found.every) == (8, 1, timedelta(hours=1))


def test_once_is_no_pattern() -> None:
    assert not patterns.recurrences(HISTORY[:1])


def test_records_of_other_kinds_are_no_attempts() -> None:
    assert not attempts([{"kind": "run"}])
