from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from math import inf
from typing import Any

import pytest
from tests.acts.fake import FakeCluster, deployment

from chaoskit.clock import ManualClock, ScaledClock, Stop
from chaoskit.errors import Unavailable
from chaoskit.events import Event, Measured
from chaoskit.experiments.verdict import of_steady_state
from chaoskit.outcome import Outcome
from chaoskit.ports.http import Response
from chaoskit.ports.metrics import Alert, Sample, Series, Signal
from chaoskit.steadystate.conditions import (
    AlertCondition,
    Condition,
    HttpCondition,
    SignalCondition,
    WorkloadCondition,
)
from chaoskit.steadystate.monitor import Monitor
from chaoskit.steadystate.readers import Sources, measure
from chaoskit.steadystate.watch import LATE

ERRORS = Condition(prometheus=SignalCondition(signal="error_ratio", below=0.05))
EDGES = ERRORS.model_copy(update={"mode": "edges"})


class Values:
    """A metrics source that gives one value after the other; None is an outage."""

    def __init__(self, clock: ManualClock, *values: float | None) -> None:
        self.clock = clock
        self.values: Iterator[float | None] = iter(values)
        self.asked: list[Mapping[str, str]] = []

    def instant(
        self, signal: Signal, where: Mapping[str, str] | None = None, *, at: datetime | None = None
    ) -> tuple[Sample, ...]:
        self.asked.append(where or {})
        value = next(self.values)
        if value is None:
            raise Unavailable("Prometheus does not answer", service="Prometheus")
        return (Sample({"pod": "cart-1"}, value, self.clock.now()),)

    def range(self, *_: object, **__: object) -> tuple[Series, ...]:
        return ()

    def alerts(self) -> tuple[Alert, ...]:
        return (Alert("Down", {}, "firing", self.clock.now()),)


class Site:
    def __init__(self, status: int) -> None:
        self.status = status

    def get(self, url: str, *, timeout: float = 5.0, headers: Mapping[str, str] | None = None) -> Response:
        if not self.status:
            raise Unavailable("connection refused", service="http")
        return Response(self.status, "", 0.01)


def monitored(
    *values: float | None, condition: Condition = ERRORS
) -> tuple[Monitor, ManualClock, list[Event]]:
    clock = ManualClock()
    heard: list[Event] = []
    sources = Sources(FakeCluster(), clock, Values(clock, *values))
    return Monitor([condition], "shop", sources, run="r", listen=heard.append), clock, heard


def test_a_continuous_condition_is_looked_at_once_in_its_interval() -> None:
    monitor, clock, _ = monitored(0.01, 0.02, 0.03)
    assert len(monitor.during()) == 1
    assert monitor.during() == ()
    clock.turn(5)
    assert monitor.during()[0].judgement.observed == "0.02 at cart-1"


def test_afterwards_a_condition_has_its_time_to_recover() -> None:
    monitor, clock, _ = monitored(0.9, 0.9, 0.01)
    assert monitor.after()[0].held is True
    assert clock.monotonic() == 10


def test_what_does_not_recover_in_its_time_is_lost() -> None:
    condition = ERRORS.model_copy(update={"recovers_within": 12.0})
    monitor, clock, _ = monitored(*[0.9] * 20, condition=condition)
    assert monitor.after()[0].held is False
    assert 12 <= clock.monotonic() < 18


def test_the_lease_is_kept_while_waiting_for_recovery() -> None:
    monitor, _, _ = monitored(0.9, 0.9, 0.01)
    kept: list[int] = []
    monitor.after(keep=lambda: kept.append(1))
    assert len(kept) >= 2


def test_once_stopped_nothing_more_is_waited_for() -> None:
    monitor, clock, _ = monitored(*[0.9] * 20)
    stop = Stop()
    clock.call_at(12, stop.set)
    monitor.after(stop=stop)
    assert clock.monotonic() < 20
    assert monitor.after("after undo", stop=stop) == ()


def test_all_conditions_have_their_time_at_once_and_only_once() -> None:
    clock = ManualClock()
    condition = ERRORS.model_copy(update={"recovers_within": 30.0})
    sources = Sources(FakeCluster(), clock, Values(clock, *[0.9] * 40))
    monitor = Monitor([condition, condition.model_copy(), condition.model_copy()], "shop", sources)
    assert len(monitor.after()) == 3
    assert len(monitor.after("after undo")) == 3
    assert clock.monotonic() == 30


LAGGING = ERRORS.model_copy(update={"lag": 12.0})


def test_what_shows_a_fault_late_is_looked_at_as_under_it_when_it_is_over() -> None:
    monitor, clock, _ = monitored(0.01, 0.01, 0.9, condition=LAGGING)
    monitor.late()
    assert [(each.stage, each.injected, each.held) for each in monitor.seen] == [
        ("during", True, True),
        ("during", True, True),
        ("during", True, False),
    ]
    judged = of_steady_state(monitor.seen, injected=True)
    assert judged is not None
    assert judged.outcome is Outcome.WEAKNESS_FOUND
    assert clock.monotonic() == 6


def test_what_holds_for_its_lag_has_held() -> None:
    monitor, clock, _ = monitored(*[0.01] * 5, condition=LAGGING)
    kept: list[float] = []
    monitor.late(keep=lambda: kept.append(clock.monotonic()))
    assert under_fault(monitor) == [(0, True), (1, True), (6, True), (11, True), (12, True)]
    assert clock.monotonic() == 12
    assert kept[:3] == [0.5, 1.0, 1.5]


def test_nothing_is_waited_for_that_broke_already_or_shows_it_at_once() -> None:
    monitor, clock, _ = monitored(0.9, condition=LAGGING)
    monitor.during(injected=True)
    monitor.late()
    prompt, other, _ = monitored()
    prompt.late()
    assert (clock.monotonic(), other.monotonic()) == (0, 0)


def test_what_nobody_answers_for_in_its_lag_is_not_known_whatever_was_known_before() -> None:
    monitor, clock, later = lasting(ERRORS.model_copy(update={"lag": 8.0}), values=(0.01,) * 9)
    for _ in range(6):
        monitor.during(injected=True)
        later.answer()
        clock.turn(5)
        monitor.during(injected=True)
    while later.waiting:
        later.answer()
    monitor.late()
    monitor.end()
    judged = of_steady_state(monitor.seen, injected=True)
    assert judged is not None
    assert judged.outcome is Outcome.ERRORED


def test_the_lag_runs_from_the_end_of_the_fault_whatever_else_is_waited_for() -> None:
    slow = ERRORS.model_copy(update={"name": "slow", "mode": "edges", "interval": 1.0})
    clock = ManualClock()

    class Two(Values):
        def instant(self, signal: Signal, *_: object, **__: object) -> tuple[Sample, ...]:
            bad = 5 < clock.monotonic() < 8
            return (Sample({"pod": "cart-1"}, 0.9 if bad else 0.01, clock.now()),)

    sources = Sources(FakeCluster(), clock, Two(clock))
    monitor = Monitor([LAGGING.model_copy(update={"interval": 1.0}), slow], "shop", sources)
    clock.turn(6)
    monitor.after()
    assert clock.monotonic() == 8
    judged = of_steady_state(monitor.seen, injected=True)
    assert judged is not None
    assert judged.reason.endswith("under the fault")
    assert monitor.lag == 0


def test_what_may_be_broken_under_the_fault_ends_no_lag() -> None:
    pods = Condition(kubernetes=WorkloadCondition(workload="cart", ready=9), mode="edges")
    monitor, clock, _ = monitored(*[0.01] * 9, condition=LAGGING)
    monitor.expect([pods])
    monitor.during(injected=True)
    monitor.late()
    assert any(each.held is False and each.tolerated for each in monitor.seen)
    assert clock.monotonic() == 12


class Bad(Values):
    """Metrics that show 0.9 from one moment to another, and 0.01 at any other."""

    def __init__(self, clock: ManualClock, start: float, end: float) -> None:
        super().__init__(clock)
        self.span = start, end

    def instant(self, *_: object, **__: object) -> tuple[Sample, ...]:
        bad = self.span[0] <= self.clock.monotonic() <= self.span[1]
        return (Sample({"pod": "cart-1"}, 0.9 if bad else 0.01, self.clock.now()),)


def bad(start: float, end: float, **more: float) -> tuple[Monitor, ManualClock]:
    """A monitor of one condition that is broken from then to then."""
    clock = ManualClock()
    sources = Sources(FakeCluster(), clock, Bad(clock, start, end))
    return Monitor([ERRORS.model_copy(update=more)], "shop", sources), clock


def outcome(monitor: Monitor) -> Outcome | None:
    """What the run comes to by what was seen: None where all held."""
    monitor.end()
    monitor.divide(None)
    judged = of_steady_state(monitor.seen, injected=True)
    return None if judged is None else judged.outcome


def test_whoever_waits_while_a_lag_runs_looks_by_its_ticks() -> None:
    monitor, clock = bad(11, 19, lag=45.0, interval=1.0)
    monitor.during(injected=True)
    monitor.after()
    for _ in range(20):
        clock.turn(1)
        monitor.tick()
    assert outcome(monitor) is Outcome.WEAKNESS_FOUND


@pytest.mark.parametrize("lag", [10.0, 45.0])
def test_what_was_not_looked_at_while_its_lag_ran_is_missed_however_the_wait_went_on(lag: float) -> None:
    monitor, clock = bad(inf, inf, lag=lag, interval=1.0)
    monitor.during(injected=True)
    monitor.after()
    clock.turn(10)  # whoever waits does not look
    monitor.late()
    monitor.after("after undo")
    assert outcome(monitor) is Outcome.ERRORED


@pytest.mark.parametrize(("lag", "over", "start", "end"), [(4.0, 1, 2, 6), (12.0, 0, 11.5, 12)])
def test_the_end_of_a_lag_is_looked_at_though_its_interval_is_not_over(
    lag: float, over: float, start: float, end: float
) -> None:
    monitor, clock = bad(start, end, lag=lag)
    monitor.during(injected=True)
    clock.turn(over)
    monitor.late()
    assert clock.monotonic() == over + lag
    assert outcome(monitor) is Outcome.WEAKNESS_FOUND


def test_the_look_at_the_end_of_a_lag_is_waited_for() -> None:
    monitor, clock, later = lasting(LAGGING, values=(0.01,) * 4 + (0.9,))
    for second in (0.5, 1.5, 6.5, 11.5, 15):
        clock.call_at(second, later.answer)
    monitor.late()
    assert under_fault(monitor)[-1] == (12, False)
    assert clock.monotonic() >= 15


def test_what_is_not_known_at_the_end_of_its_lag_is_not_known_whatever_was_known_before() -> None:
    monitor, _, _ = monitored(0.01, 0.01, 0.01, 0.01, None, 0.01, condition=LAGGING)
    monitor.late()
    monitor.after("after undo")
    assert outcome(monitor) is Outcome.ERRORED


def test_a_lag_runs_from_when_the_undo_is_done() -> None:
    monitor, clock = bad(14, 20, lag=10.0)
    monitor.during(injected=True)
    with monitor.looking_on("after"):
        clock.turn(12)
    monitor.late()
    assert outcome(monitor) is Outcome.WEAKNESS_FOUND


@pytest.mark.parametrize("back_under_it", [True, False])
def test_a_look_begun_before_the_injection_says_nothing_of_the_time_under_it(*, back_under_it: bool) -> None:
    monitor, clock, later = lasting(ERRORS, values=(0.01, 0.01))
    monitor.during()
    for _ in range(19):
        clock.turn(1)
        monitor.during(injected=True)
    if back_under_it:
        later.answer()
        monitor.during(injected=True)
    clock.turn(1)
    later.answer()
    with monitor.looking_on("after"):
        pass
    assert outcome(monitor) is Outcome.ERRORED


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ((None, None, *[0.01] * 6), Outcome.ERRORED),
        ((*[0.01] * 6, None, None), None),
    ],
)
def test_what_a_look_of_before_hid_was_missed_at_the_beginning_whenever_that_is_known(
    values: tuple[float | None, ...], found: Outcome | None
) -> None:
    monitor, clock, later = lasting(ERRORS, values=(None, *values))
    monitor.during()
    clock.turn(2)
    monitor.during(injected=True)
    clock.turn(4)
    later.answer()
    for _ in values:
        monitor.during(injected=True)
        later.answer()
        clock.turn(5)
    with monitor.looking_on("after"):
        pass
    assert [each.held for each in monitor.seen].count(None) == 4
    assert outcome(monitor) is found


def answering(seconds: float, span: tuple[float, float] = (inf, inf), **more: object) -> tuple[Monitor, Slow]:
    """A monitor of one condition whose source takes so long, and shows it broken from then to then."""
    clock = ManualClock()
    slow = Slow(clock, seconds)
    sources = Sources(FakeCluster(), clock, Bad(clock, *span))
    return Monitor([ERRORS.model_copy(update=more)], "shop", sources, start=slow), slow


class Slow:
    """Takes looks so many seconds after they were begun."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds
        self.begun: list[float] = []

    def __call__(self, look: Callable[[], None]) -> None:
        self.begun.append(self.clock.monotonic())
        self.clock.call_at(self.seconds, look)

    def beat(self, during: Callable[[], object], seconds: float) -> None:
        """It was called every tenth of a second, so long."""
        for _ in range(round(seconds * 10)):
            during()
            self.clock.turn(0.1)


@pytest.mark.parametrize("answer", [1.5, 3.0, 5.0, 6.0])
def test_where_no_lag_is_waited_for_none_goes_on_after_the_undo(answer: float) -> None:
    monitor, slow = answering(answer, interval=2.0, lag=60.0)
    slow.beat(partial(monitor.during, injected=True), 20)
    monitor.after("after undo")
    assert slow.clock.monotonic() - 20 <= 2 * answer
    assert slow.begun[-1] == slow.clock.monotonic() - answer
    assert outcome(monitor) is None


def test_what_broke_under_the_fault_is_looked_at_for_its_stage_alone() -> None:
    monitor, slow = answering(3, (3, 9), interval=2.0, lag=60.0)
    slow.beat(partial(monitor.during, injected=True), 20)
    monitor.after()
    monitor.late()
    monitor.after("after undo")
    assert slow.clock.monotonic() - 20 <= 9
    assert not any(each.look.late for each in monitor.seen)
    assert outcome(monitor) is Outcome.WEAKNESS_FOUND


@pytest.mark.parametrize("answer", [1.5, 3.0, 6.0])
def test_a_look_that_shows_the_fault_late_is_its_stage_s_as_well(answer: float) -> None:
    monitor, slow = answering(answer, interval=2.0, lag=60.0)
    slow.beat(partial(monitor.during, injected=True), 20)
    (found,) = monitor.after()
    assert slow.clock.monotonic() - 20 <= 2 * answer
    assert (found.stage, found.look.late, found.held) == ("during", True, True)


def test_a_late_look_that_is_not_known_is_no_last_one_within_its_time() -> None:
    monitor, clock, _ = monitored(None, None, 0.01, condition=LAGGING)
    assert [each.held for each in monitor.after()] == [True]
    assert clock.monotonic() == 6
    monitor, clock, _ = monitored(None, condition=LAGGING.model_copy(update={"recovers_within": 0.0}))
    assert [each.held for each in monitor.after()] == [None]
    assert clock.monotonic() == 0


def test_what_is_seen_to_break_in_its_lag_is_judged_though_a_stage_wanted_the_look() -> None:
    monitor, clock = bad(1, 4, lag=12.0)
    monitor.during(injected=True)
    clock.turn(1)
    monitor.after()
    monitor.late()
    monitor.after("after undo")
    assert outcome(monitor) is Outcome.WEAKNESS_FOUND


def test_what_is_not_back_of_a_lag_that_was_given_up_decides_nothing() -> None:
    monitor, clock, later = lasting(LAGGING, values=(0.01, 0.01))
    monitor.during(injected=True)
    later.answer()
    stop = Stop()
    stop.set()
    monitor.after(stop=stop)
    clock.turn(5)
    monitor.tick()
    assert len(later.waiting) == 1
    monitor.after("after undo", stop=stop)
    assert outcome(monitor) is None


@pytest.mark.parametrize("answer", [1.0, 3.0])
def test_nothing_more_is_begun_where_the_look_that_is_back_has_held(answer: float) -> None:
    monitor, slow = answering(answer, mode="edges", recovers_within=0.0)
    slow.beat(partial(monitor.during, injected=True), 20)
    assert [each.held for each in monitor.after("after undo")] == [True]
    assert len(slow.begun) == 1
    assert outcome(monitor) is None


@pytest.mark.parametrize(
    ("interval", "answer", "fault"), [(1.0, 5.0, 60), (1.0, 5.0, 5), (1.0, 8.0, 60), (5.0, 10.0, 15)]
)
def test_a_slow_source_is_known_whenever_the_fault_was_seen(
    interval: float, answer: float, fault: float
) -> None:
    for phase in range(20, round(20 + answer * 10), 3):
        monitor, slow = answering(answer, interval=interval)
        slow.beat(monitor.during, phase / 10)
        slow.beat(partial(monitor.during, injected=True), fault)
        monitor.after()
        assert outcome(monitor) is None, phase


def test_what_nobody_looked_at_under_the_fault_is_not_known() -> None:
    monitor, _, _ = monitored(0.01, 0.01)
    monitor.during()
    monitor.after()
    assert outcome(monitor) is Outcome.ERRORED


def test_a_fault_that_is_shorter_than_an_interval_is_looked_at() -> None:
    monitor, clock = bad(1, 2)
    monitor.during()
    clock.turn(1)
    monitor.during(injected=True)
    clock.turn(2)
    monitor.after()
    assert under_fault(monitor)[0] == (1, False)


def test_who_stops_waits_for_nothing_that_shows_late() -> None:
    monitor, clock, _ = monitored(*[0.01] * 3, condition=LAGGING)
    stop = Stop()
    clock.call_at(6, stop.set)
    monitor.late(stop=stop)
    assert clock.monotonic() == 6


def test_each_look_remembers_whether_an_injection_had_been_seen() -> None:
    monitor, clock, _ = monitored(0.01, 0.9)
    monitor.during(injected=False)
    clock.turn(5)
    monitor.during(injected=True)
    assert [each.injected for each in monitor.seen] == [False, True]


def test_an_outage_of_prometheus_is_no_judgement() -> None:
    monitor, _, heard = monitored(None)
    assert monitor.before()[0].held is None
    assert isinstance(heard[0], Measured)
    assert heard[0].held is None


class Later:
    """Takes looks only when it is told to, in the order in which they were begun or another."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def __call__(self, look: Callable[[], None]) -> None:
        self.waiting.append(look)

    def answer(self, place: int = 0) -> None:
        self.waiting.pop(place)()


def lasting(
    *conditions: Condition, values: tuple[float | None, ...] = ()
) -> tuple[Monitor, ManualClock, Later]:
    clock, later = ManualClock(), Later()
    sources = Sources(FakeCluster(), clock, Values(clock, *values), Site(200))
    return Monitor(conditions, "shop", sources, start=later), clock, later


URL = Condition(http=HttpCondition(url="http://cart"))


def test_whoever_begins_a_look_does_not_wait_for_it() -> None:
    monitor, clock, later = lasting(ERRORS, URL, values=(0.9,))
    assert monitor.during(injected=True) == ()
    clock.turn(1)
    later.answer(1)
    assert [each.condition for each in monitor.during(injected=True)] == [URL]
    later.answer()
    (late,) = monitor.during(injected=True)
    assert (late.held, late.look.at) == (False, ManualClock().now())  # of when it was begun


def test_a_look_that_is_late_is_the_only_one_at_its_condition() -> None:
    monitor, clock, later = lasting(ERRORS, values=(0.01, 0.01))
    monitor.during()
    clock.turn(6)
    monitor.during()
    assert len(later.waiting) == 1
    later.answer()
    clock.turn(6)
    assert len(monitor.during()) == 1
    assert len(later.waiting) == 1


def test_an_answer_that_comes_long_after_its_time_was_missing_and_stays_so() -> None:
    monitor, clock, later = lasting(URL)
    monitor.during(injected=True)
    clock.turn(2 * 5 + 2)
    missing, *_ = monitor.during(injected=True)
    assert (missing.held, missing.judgement.observed) == (None, "no answer in time")
    later.answer()
    assert monitor.during() == ()
    assert {each.held for each in monitor.seen} == {None}


def under_fault(monitor: Monitor) -> list[tuple[float, bool | None]]:
    """When each look that is judged was begun, or due, and what it found."""
    start = ManualClock().now()
    looks = [each for each in monitor.seen if each.injected and not each.tolerated]
    return [((each.look.at - start).total_seconds(), each.held) for each in looks]


def test_a_look_that_hangs_stands_for_all_the_time_that_it_takes() -> None:
    monitor, clock, later = lasting(ERRORS, values=(0.01, None, 0.01))
    monitor.during(injected=True)
    later.answer()
    monitor.during(injected=True)
    clock.turn(5)
    monitor.during(injected=True)
    clock.turn(20)
    later.answer()
    monitor.during(injected=True)
    assert under_fault(monitor) == [(0, True), (5, None), (10, None), (15, None), (20, None)]


def test_what_could_not_be_looked_at_under_the_fault_is_missing_though_it_held_before_and_afterwards() -> (
    None
):
    monitor, clock, _ = monitored(0.01, 0.01)
    monitor.during(injected=True)
    clock.turn(26)  # whoever begins the looks waits for a server that is away
    monitor.after("after undo")
    monitor.divide(None)
    judged = of_steady_state(monitor.seen, injected=True)
    assert judged is not None
    assert judged.outcome is Outcome.ERRORED
    assert "was not looked at in time" in judged.reason
    assert under_fault(monitor) == [(5, None), (10, None), (15, None), (26, True)]


def test_a_look_that_is_a_little_late_is_not_missed_and_none_is_before_or_after_the_fault() -> None:
    monitor, clock, _ = monitored(*[0.01] * 9)
    monitor.during()
    clock.turn(30)
    for _ in range(3):
        monitor.during(injected=True)
        clock.turn(5 + LATE)
    with monitor.looking_on("after"):
        clock.turn(30)
    monitor.after("after undo")
    assert {each.held for each in monitor.seen} == {True}


def test_a_slow_answer_is_of_the_time_that_it_took() -> None:
    monitor, clock, later = lasting(ERRORS, values=(0.01, 0.01))
    monitor.during(injected=True)
    clock.turn(9)
    monitor.during(injected=True)
    clock.turn(6)
    later.answer()
    monitor.during(injected=True)
    clock.turn(4)
    monitor.during(injected=True)
    assert under_fault(monitor) == [(0, True)]


def test_of_a_fault_shorter_than_its_interval_a_look_tells_that_is_not_of_the_very_injection() -> None:
    monitor, clock = bad(0.6, 4)
    for _ in range(8):
        monitor.during(injected=True)
        clock.turn(0.5)
    assert outcome(monitor) is Outcome.WEAKNESS_FOUND


def test_the_moment_of_the_injection_is_not_known_once_and_not_twice() -> None:
    monitor, clock, _ = monitored(None, None, 0.01, 0.01)
    for _ in range(32):
        monitor.during(injected=True)
        clock.turn(0.5)
    assert [each.held for each in monitor.seen] == [None, None, True, True]
    assert outcome(monitor) is None
    assert under_fault(monitor) == [(1, None), (6, True), (11, True)]


@pytest.mark.parametrize(
    ("interval", "values"),
    [(1.0, (None,) * 3 + (0.01,) * 7), (1.0, (None, None, 0.01)), (0.5, (None, None, None, 0.01))],
    ids=["three in a row", "most of them", "most of them, two within the first second"],
)
def test_what_is_looked_at_each_second_is_dark_from_the_injection_on(
    interval: float, values: tuple[float | None, ...]
) -> None:
    monitor, clock, _ = monitored(*values, condition=ERRORS.model_copy(update={"interval": interval}))
    for _ in values:
        monitor.during(injected=True)
        clock.turn(interval)
    assert outcome(monitor) is Outcome.ERRORED


@pytest.mark.parametrize(("values", "judged"), [((0.01,), 1), ((0.01, 0.02), 1), ((0.9, 0.02), 2)])
def test_what_holds_at_the_very_injection_is_of_before_it_where_there_are_later_looks(
    values: tuple[float, ...], judged: int
) -> None:
    monitor, clock, _ = monitored(*values)
    for _ in values:
        monitor.during(injected=True)
        clock.turn(5)
    monitor.divide(None)
    assert len(under_fault(monitor)) == judged


def test_what_is_under_way_at_the_end_is_missing() -> None:
    monitor, _, later = lasting(ERRORS, URL, values=(0.01,))
    monitor.during(injected=True)
    later.answer()
    monitor.end()
    assert [each.held for each in monitor.seen] == [True, None]
    assert monitor.seen[1].judgement.observed == "no answer yet when the run ended"


def test_a_look_begun_under_the_fault_counts_as_such_though_it_is_back_only_afterwards() -> None:
    monitor, clock, later = lasting(ERRORS, values=(0.9, 0.01))
    monitor.during(injected=True)
    clock.call_at(1, later.answer)
    clock.call_at(4, later.answer)
    assert [each.held for each in monitor.after()] == [True]
    assert [(each.stage, each.held) for each in monitor.seen] == [("during", False), ("after", True)]


def test_whoever_waits_for_looks_is_asked_whether_to_go_on() -> None:
    monitor, clock, _ = lasting(ERRORS)

    def keep() -> None:
        if clock.monotonic() >= 2:
            raise Unavailable("halted", service="test")

    with pytest.raises(Unavailable):
        monitor.after(keep=keep)
    assert clock.monotonic() < 4


def test_what_has_not_held_yet_when_the_wait_is_cut_short_is_seen_and_not_judged() -> None:
    monitor, clock, _ = monitored(*[0.9] * 5, condition=EDGES)

    def keep() -> None:
        if clock.monotonic() >= 6:
            raise Unavailable("halted", service="test")

    with pytest.raises(Unavailable):
        monitor.after(keep=keep)
    assert [(each.held, each.tolerated) for each in monitor.seen] == [(False, True)] * 2


def test_the_look_at_the_end_of_its_time_and_one_that_holds_before_are_judged() -> None:
    monitor, _, _ = monitored(*[0.9] * 3, condition=EDGES.model_copy(update={"recovers_within": 10.0}))
    monitor.after()
    assert [each.tolerated for each in monitor.seen] == [True, True, False]
    monitor, _, _ = monitored(0.9, 0.01, condition=EDGES)
    monitor.after()
    assert [(each.held, each.tolerated) for each in monitor.seen] == [(False, True), (True, False)]


def test_a_look_within_its_time_that_is_back_only_after_the_undo_is_not_judged_either() -> None:
    monitor, clock, later = lasting(EDGES, values=(0.9, 0.01))

    def keep() -> None:
        if clock.monotonic() >= 2:
            raise Unavailable("halted", service="test")

    with pytest.raises(Unavailable):
        monitor.after(keep=keep)
    clock.call_at(3, later.answer)
    clock.call_at(9, later.answer)
    monitor.after("after undo")
    assert [(each.stage, each.held, each.tolerated) for each in monitor.seen] == [
        ("after", False, True),
        ("after undo", True, False),
    ]


def divided(began: float, back: float, seen: float, said: float | None = None) -> tuple[bool, bool]:
    """Whether a look from then to then is astride of, or under, a fault seen at `seen`, said to be of `said`.

    Times are seconds.
    """
    monitor, clock, later = lasting(ERRORS, values=(0.9,))
    start = clock.now()
    for moment in sorted({began, back, seen}):
        clock.turn(moment - clock.monotonic())
        if moment == back and later.waiting:
            later.answer()
        monitor.during(injected=moment >= seen)
    monitor.divide(None if said is None else start + timedelta(seconds=said))
    look = monitor.seen[0]
    assert look.astride == look.tolerated
    return look.astride, look.injected


@pytest.mark.parametrize(
    ("began", "back", "seen", "said", "found"),
    [
        (1, 2, 10, None, (False, False)),
        (1, 12, 10, None, (True, False)),
        (1, 9, 10, None, (True, False)),  # felt before it was seen
        (1, 6, 10, 5, (True, False)),  # told of late
        (1, 6, 10, 50, (False, False)),  # by a clock that is ahead
        (11, 12, 10, None, (False, True)),
        (11, 12, 10, 11.5, (False, True)),
    ],
)
def test_only_a_look_that_lies_wholly_on_one_side_of_the_injection_says_something(
    began: float, back: float, seen: float, said: float | None, found: tuple[bool, bool]
) -> None:
    assert divided(began, back, seen, said) == found


def test_where_nothing_was_injected_every_look_was_before() -> None:
    monitor, _, _ = monitored(0.9)
    monitor.during()
    monitor.divide(None)
    assert [each.astride for each in monitor.seen] == [False]


def test_a_stop_ends_the_wait_for_the_first_looks_too() -> None:
    monitor, clock, _ = lasting(ERRORS)
    stop = Stop()
    clock.call_at(2, stop.set)
    assert monitor.before(stop=stop) == ()
    assert clock.monotonic() < 4


def test_a_bug_in_a_look_is_raised_where_its_answer_is_taken() -> None:
    class Broken(Site):
        def get(self, *_: Any, **__: Any) -> Response:
            raise ZeroDivisionError

    sources = Sources(FakeCluster(), ManualClock(), http=Broken(200))
    with pytest.raises(ZeroDivisionError):
        Monitor([URL], "shop", sources).during()


def test_what_a_fault_breaks_is_looked_at_under_it_though_it_need_not_hold_there() -> None:
    whole = build_workload("none").model_copy(update={"mode": "after"})
    edges = URL.model_copy(update={"mode": "edges"})
    monitor = Monitor([whole, edges], "shop", Sources(FakeCluster(), ManualClock(), http=Site(500)))
    (found,) = monitor.during(injected=True)
    assert (found.condition, found.held, found.tolerated) == (whole, False, True)


def test_while_something_else_is_done_what_is_continuous_is_looked_at_and_told_afterwards() -> None:
    looked, heard = threading.Event(), list[Event]()

    class Watched(Site):
        def get(self, *_: Any, **__: Any) -> Response:
            looked.set()
            return Response(500, "", 0.01)

    clock = ScaledClock(rate=100, anchor_wall=0, anchor_simulated=0)
    sources = Sources(FakeCluster(), clock, http=Watched(500))
    monitor = Monitor([URL], "shop", sources, listen=heard.append)
    with monitor.looking_on("after"):
        assert looked.wait(timeout=30)
        assert len(heard) == 1  # that nobody looked at it before
    monitor.end()
    assert {(each.stage, each.tolerated, each.held) for each in monitor.seen} == {
        ("during", False, None),
        ("after", True, False),
    }
    assert len(heard) == len(monitor.seen)


def test_what_was_seen_while_something_else_failed_is_not_lost() -> None:
    class Down(Site):
        asked = threading.Semaphore(0)

        def get(self, *_: Any, **__: Any) -> Response:
            self.asked.release()
            return Response(500, "", 0.01)

    site, clock = Down(500), ScaledClock(rate=100, anchor_wall=0, anchor_simulated=0)
    lagging = URL.model_copy(update={"lag": 60.0})
    monitor = Monitor([lagging], "shop", Sources(FakeCluster(), clock, http=site))

    def fails() -> None:
        with monitor.looking_on("after"):
            assert site.asked.acquire(timeout=30)
            assert site.asked.acquire(timeout=30)  # the first answer has been taken by then
            raise Unavailable("the undo failed", service="test")

    with pytest.raises(Unavailable):
        fails()
    assert any(each.held is False and not each.tolerated for each in monitor.seen)


def test_modes_choose_the_stages() -> None:
    before = ERRORS.model_copy(update={"mode": "before"})
    monitor, _, _ = monitored(0.01, condition=before)
    assert monitor.during() == ()
    assert monitor.after() == ()
    assert len(monitor.before()) == 1


def test_a_signal_is_asked_for_the_workload_that_is_named() -> None:
    clock = ManualClock()
    values = Values(clock, 0.01)
    wanted = SignalCondition(signal="error_ratio", below=1, workload="deployment/cart")
    measure(Condition(prometheus=wanted), "shop", Sources(FakeCluster(), clock, values))
    assert values.asked == [{"namespace": "shop", "workload": "cart", "workload_kind": "deployment"}]


def test_no_answer_at_all_fails_an_http_condition() -> None:
    condition = Condition(http=HttpCondition(url="http://cart"))

    def held(status: int) -> bool | None:
        return measure(condition, "shop", Sources(FakeCluster(), ManualClock(), http=Site(status))).held

    assert (held(200), held(500), held(0)) == (True, False, False)


def test_a_firing_alert_breaks_the_steady_state() -> None:
    clock = ManualClock()
    condition = Condition(alert=AlertCondition(name="Down"))
    assert measure(condition, "shop", Sources(FakeCluster(), clock, Values(clock))).held is False


def test_without_prometheus_a_signal_cannot_be_judged() -> None:
    found = measure(ERRORS, "shop", Sources(FakeCluster(), ManualClock()))
    assert found.held is None
    assert "Prometheus" in found.observed


def test_a_workload_is_found_by_its_bare_name() -> None:
    body = {**deployment(), "status": {"readyReplicas": 3}}
    condition = build_workload("cart")
    assert measure(condition, "shop", Sources(FakeCluster(body), ManualClock())).held is True
    assert measure(build_workload("none"), "shop", Sources(FakeCluster(body), ManualClock())).held is False


def build_workload(name: str) -> Condition:
    return Condition.model_validate({"kubernetes": {"workload": name}})
