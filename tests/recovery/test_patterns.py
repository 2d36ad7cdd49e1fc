"""Patterns: success and speed by strategy, and what keeps coming back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recovery.made import NOW

from chaoskit.outcome import Outcome
from chaoskit.recovery import Attempt, attempts, patterns, runbook
from chaoskit.recovery.suggestions import suggest
from chaoskit.recovery.trends import trends


def _attempt(
    hours: float,
    actions: tuple[str, ...],
    helped: str,
    seconds: float | None,
    outcome: Outcome = Outcome.RECOVERED,
) -> Attempt:
    at = NOW - timedelta(hours=hours)
    return Attempt(
        "shop",
        "deployment/cart",
        "pod-crash",
        outcome,
        at,
        at,
        actions,
        helped,
        seconds,
        helped_in=seconds,
        tried=actions,
    )


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


def test_a_strategy_takes_as_long_as_its_own_step_not_as_the_person_who_was_asked_before_it() -> None:
    (found,) = patterns.strategies(attempts([_asked(minutes=12)]))
    assert (found.median_seconds, found.p90_seconds) == (6.0, 6.0)
    (period,) = trends(attempts([_asked(minutes=12)]))
    assert period.recover_seconds == 726.0


def _asked(minutes: int) -> dict[str, Any]:
    """A recovery that waited so long for somebody's yes, then rolled back in six seconds."""
    acted = NOW + timedelta(minutes=minutes)
    step = {
        "action": "roll-back", "done": True, "helped": True,
        "at": acted.isoformat(), "ended_at": (acted + timedelta(seconds=6)).isoformat(),
    }  # fmt: skip
    return {
        "kind": "recovery", "namespace": "shop", "target": "deployment/cart", "issue": "pod-crash",
        "outcome": "recovered", "at": NOW.isoformat(), "ended_at": step["ended_at"], "steps": [step],
        "seconds_to_recover": minutes * 60 + 6.0,
    }  # fmt: skip


def test_what_was_cut_short_says_nothing_of_its_last_step_and_all_of_those_before() -> None:
    at = {"at": NOW.isoformat(), "ended_at": NOW.isoformat(), "done": True, "helped": False}
    steps = [
        {**at, "action": "restart-pod", "judged": True},
        {**at, "action": "roll-back", "judged": False},
    ]
    cut = {**_asked(minutes=0), "outcome": "undo-not-confirmed", "steps": steps, "seconds_to_recover": None}
    (found,) = patterns.strategies(attempts([cut]))
    assert (found.action, found.worked, found.tried) == ("restart-pod", 0, 1)


@pytest.mark.parametrize(
    ("outcome", "tried"),
    [
        (Outcome.RECOVERED, {"restart-pod", "roll-back"}),
        (Outcome.HEALED, {"restart-pod", "roll-back"}),
        (Outcome.NOT_RECOVERED, {"restart-pod", "roll-back"}),
        (Outcome.ERRORED, {"restart-pod"}),
        (Outcome.TIMED_OUT, {"restart-pod"}),
        (Outcome.TERMINATED, {"restart-pod"}),
        (Outcome.UNDO_UNCONFIRMED, {"restart-pod"}),
    ],
)
def test_of_an_older_record_its_end_tells_whether_the_last_step_was_judged(
    outcome: Outcome, tried: set[str]
) -> None:
    at = {"at": NOW.isoformat(), "ended_at": NOW.isoformat(), "done": True, "helped": False}
    steps = [{**at, "action": "restart-pod"}, {**at, "action": "roll-back"}]
    older = {**_asked(minutes=0), "outcome": outcome.value, "steps": steps, "seconds_to_recover": None}
    assert {each.action for each in patterns.strategies(attempts([older]))} == tried


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


def test_a_strategy_is_worth_what_it_does_better_than_nothing() -> None:
    best, _ = patterns.strategies(HISTORY)
    assert best.healed_rate == 1 / 8
    assert best.value == 7 / 8


def test_each_workload_can_be_told_by_itself() -> None:
    elsewhere = replace(HISTORY[0], target="deployment/orders")
    told = patterns.strategies((*HISTORY, elsewhere), by_workload=True)
    assert {(each.target, each.action, each.tried) for each in told} == {
        ("deployment/cart", "roll-back", 6),
        ("deployment/cart", "restart-pod", 2),
        ("deployment/orders", "roll-back", 1),
    }


@given(st.integers(1, 500), st.data())
def test_the_bounds_hold_the_rate_and_narrow_with_trials(tried: int, data: st.DataObject) -> None:
    worked = data.draw(st.integers(0, tried))
    one = patterns.Strategy("pod-crash", "roll-back", tried, worked, None, None)
    many = patterns.Strategy("pod-crash", "roll-back", tried * 10, worked * 10, None, None)
    low, high = one.bounds
    assert 0 <= low <= one.rate + 1e-9
    assert one.rate - 1e-9 <= high <= 1
    assert many.bounds[1] - many.bounds[0] < high - low


def test_what_comes_back_within_the_hour_flaps() -> None:
    (hourly,) = patterns.recurrences(HISTORY)
    assert hourly.flaps
    (daily,) = patterns.recurrences([_attempt(24 * i, ("roll-back",), "roll-back", 9.0) for i in range(4)])
    assert not daily.flaps


def test_times_are_told_by_day_and_of_a_long_history_by_week() -> None:
    began = [replace(a, began=a.at - timedelta(seconds=30)) for a in HISTORY]
    (day,) = trends(began)
    assert (day.start.isoformat(), day.length.days) == ("2026-11-23T00:00:00+00:00", 1)
    assert (day.times, day.bad, day.detect_seconds, day.recover_seconds) == (8, 1, 30.0, 35.0)
    early = replace(began[0], at=NOW - timedelta(days=20))
    assert [(each.start.weekday(), each.times) for each in trends([*began, early])] == [(0, 1), (0, 8)]
    assert trends([_attempt(1, (), "", None, Outcome.REFUSED)]) == ()


def _tries(action: str, worked: int, failed: int) -> list[Attempt]:
    good = [_attempt(i, (action,), action, 9.0) for i in range(worked)]
    return good + [_attempt(i, (action,), "", None, Outcome.NOT_RECOVERED) for i in range(failed)]


def _own(*actions: str) -> runbook.Runbook:
    steps = [{"action": each} for each in actions]
    body = {"matches": {"issue": "pod-crash"}, "remediations": [*steps, {"action": "notify"}]}
    head = {"apiVersion": "chaoskit.io/v1", "kind": "Runbook", "metadata": {"name": "own"}}
    return runbook.Runbook.model_validate({**head, "spec": body})


def test_what_works_beyond_doubt_goes_before_what_does_not() -> None:
    history = [*_tries("restart-pod", 1, 19), *_tries("rolling-restart", 18, 2)]
    (found,) = suggest(history, (_own("restart-pod", "rolling-restart"), _own("rolling-restart")))
    assert [each.action for each in found.after.spec.remediations] == [
        "rolling-restart",
        "restart-pod",
        "notify",
    ]
    assert found.reasons == ("rolling-restart worked 18 of 20 times, restart-pod worked 1 of 20 times",)
    changed = [line for line in found.diff.splitlines() if line[:1] in "+-"]
    assert changed[:2] == ["--- a/own.yaml", "+++ b/own.yaml"]
    assert [line[:1] for line in changed[2:] if "rolling-restart" in line] == ["+", "-"]


@pytest.mark.parametrize(
    "history",
    [
        [],
        [*_tries("restart-pod", 0, 4), *_tries("rolling-restart", 4, 0)],
        [*_tries("restart-pod", 5, 5), *_tries("rolling-restart", 7, 3)],
        [*_tries("restart-pod", 18, 2), *_tries("rolling-restart", 1, 19)],
    ],
    ids=["nothing known", "too few", "within chance", "the order is right"],
)
def test_an_order_that_history_does_not_prove_wrong_is_left(history: list[Attempt]) -> None:
    assert suggest(history, (_own("restart-pod", "rolling-restart"),)) == ()
