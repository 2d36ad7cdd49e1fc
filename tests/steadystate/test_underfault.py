"""The time under the fault, by hand: no clock, no looks."""

from __future__ import annotations

from math import inf

import pytest

from chaoskit.steadystate.conditions import AlertCondition, Condition, WorkloadCondition
from chaoskit.steadystate.underfault import UnderFault

DOWN = Condition(alert=AlertCondition(name="Down"))
LAGS = DOWN.model_copy(update={"lag": 12.0})


def fault(*conditions: Condition, begun: float | None = 0.0, over: float | None = None) -> UnderFault:
    made = UnderFault(2.0)
    made.conditions = conditions
    if begun is not None:
        made.begin(begun)
    if over is not None:
        made.over(over)
    return made


def looks(made: UnderFault, until: int, *, since: int = 0) -> list[int]:
    """The seconds at which a look under the fault is begun where every second is a tick."""
    found = []
    for now in range(since, until + 1):
        if 0 in made.due(now) and made.covers(0, now):
            made.looked(0, now)
            found.append(now)
    return found


def test_a_look_is_due_at_the_beginning_and_whenever_an_interval_is_over() -> None:
    made = fault(DOWN, begun=None)
    made.looked(0, -1)
    made.begin(0)
    assert looks(made, 12) == [0, 1, 6, 11]


def test_a_short_fault_is_looked_at_when_a_look_can_tell_and_who_cannot_then_misses_nothing() -> None:
    made = fault(DOWN)
    made.looked(0, 0.2)
    assert (made.due(0.9), made.due(1.0), made.next(0.9)) == ((), (0,), 1.0)
    assert made.missed(0, 5.1) == ()
    made.looked(0, 5.1)
    assert made.next(5.2) == 10.1


def test_what_shows_a_fault_at_once_is_not_under_it_once_its_end_has_begun() -> None:
    made = fault(DOWN)
    made.ending(7)
    assert looks(made, 30) == [0, 1, 6]
    assert made.next(7) == inf


@pytest.mark.parametrize(
    ("over", "found"), [(0, [0, 1, 6, 11, 12]), (3, [0, 1, 6, 11, 15]), (5, [0, 1, 6, 11, 16, 17])]
)
def test_the_last_look_is_at_the_very_end_of_a_lag(over: int, found: list[int]) -> None:
    assert looks(fault(LAGS, over=over), 60) == found


def test_a_lag_runs_from_the_end_of_the_fault_not_from_when_that_begins() -> None:
    made = fault(LAGS)
    made.ending(3)
    assert looks(made, 20) == [0, 1, 6, 11, 16]
    assert made.lag(20) == 12
    made.over(20)
    made.over(25)
    assert (made.lag(21), made.lag(40)) == (11, 0)
    assert looks(made, 60, since=21) == [21, 26, 31, 32]
    assert (made.late(19), made.late(20)) == (False, True)


def test_the_end_of_a_lag_is_owed_when_it_is_past_and_missed_only_once() -> None:
    made = fault(LAGS, over=1)
    made.looked(0, 10)
    assert made.missed(0, 15) == ()  # late by no more than patience
    assert made.covers(0, 15)
    assert made.missed(0, 16) == (13,)
    assert not made.covers(0, 16)
    assert made.missed(0, 90) == ()


def test_a_slow_source_is_asked_again_when_it_is_back_also_after_the_end_of_the_lag() -> None:
    made = fault(LAGS, over=1)
    made.looked(0, 10)
    made.answered(0, 10, 20)
    assert made.missed(0, 21) == ()
    assert looks(made, 60, since=20) == [20]


def test_of_a_long_time_so_many_are_missed_as_make_it_dark_and_the_next_is_due_at_once() -> None:
    made = fault(DOWN)
    made.looked(0, 0)
    assert made.missed(0, 26) == (5, 10, 15)
    assert made.due(26) == (0,)
    assert made.missed(0, 26) == ()


def test_where_a_look_is_missed_the_next_is_due_at_once_however_long_the_interval() -> None:
    made = fault(DOWN.model_copy(update={"interval": 60.0}))
    assert made.missed(0, 3) == (0,)
    assert looks(made, 70, since=3) == [3, 63]


@pytest.mark.parametrize("over", [0.0, 1.0, 20.0])
def test_what_nobody_looked_at_even_once_is_missed_however_short_the_fault_was(over: float) -> None:
    made = fault(DOWN, over=over)
    assert made.missed(0, over)[0] == 0
    assert made.missed(0, over) == ()


def test_nothing_is_missed_before_the_fault_nor_where_nobody_looks_on() -> None:
    ready = Condition(kubernetes=WorkloadCondition(workload="cart"), mode="edges")
    edges = DOWN.model_copy(update={"mode": "edges"})
    made = fault(edges, ready, begun=None)
    made.looked(1, 0)
    assert made.missed(1, 90) == ()
    assert made.due(90) == (1,)
    assert not made.covers(1, 90)


def hidden(back: float, *looks: tuple[float, float]) -> tuple[float, ...]:
    """What is missed of 20 s of fault, where a look of before was back then, others from then to then."""
    made = fault(DOWN)
    made.cleared(0, back)
    for began, answered in looks:
        made.looked(0, began)
        made.answered(0, began, answered)
    assert made.missed(0, back) == ()
    made.over(20)
    return made.missed(0, 20)


def test_what_a_look_of_before_hid_is_one_missed_look_unless_it_is_most_of_the_time() -> None:
    assert hidden(1, (1, 2), (6, 7), (11, 12), (16, 17)) == ()  # no later than patience
    assert hidden(8, (8, 9), (13, 14), (18, 19)) == (0,)
    assert hidden(12, (12, 23)) == (0,)
    assert hidden(18, (18, 19)) == (0, 0, 0)
    assert hidden(19)[:3] == (0, 0, 0)


def test_a_lag_that_is_given_up_is_over_and_no_look_at_its_end_is_owed() -> None:
    made = fault(LAGS, over=3)
    made.looked(0, 3)
    made.give_up()
    assert made.lag(4) == 0
    assert not made.covers(0, 4)
    assert made.next(4) == inf
    assert made.missed(0, 90) == ()
