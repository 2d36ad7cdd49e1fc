"""Clocks: turned by hand, following a simulator, stopped by an event."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from chaoskit.clock import ManualClock, ScaledClock, WallClock


def test_a_clock_turned_by_hand_calls_what_is_due_in_order_and_at_its_time() -> None:
    clock = ManualClock()
    start, seen = clock.now(), list[float]()
    for due in (5, 2, 20):
        clock.call_at(due, lambda: seen.append((clock.now() - start).total_seconds()))
    clock.sleep(10)
    assert seen == [2, 5]
    assert clock.now() == start + timedelta(seconds=10)
    assert clock.monotonic() == 10


def test_sleeping_ends_when_it_is_stopped_on_the_way() -> None:
    clock, stop = ManualClock(), threading.Event()
    clock.call_at(3, stop.set)
    assert clock.sleep(10, stop)
    assert clock.sleep(10, stop)
    assert clock.monotonic() == 10


def test_a_scaled_clock_follows_the_published_rate() -> None:
    wall = [1000.0]
    clock = ScaledClock(rate=60, anchor_wall=1000.0, anchor_simulated=5000.0, wall=lambda: wall[0])
    assert clock.now() == datetime.fromtimestamp(5000, UTC)
    wall[0] += 2
    assert clock.now() == datetime.fromtimestamp(5120, UTC)
    assert clock.real(120) == 2


def test_a_stopped_sleep_takes_no_time() -> None:
    stop = threading.Event()
    stop.set()
    assert WallClock().sleep(3600, stop)
    assert ScaledClock(rate=1, anchor_wall=0, anchor_simulated=0).sleep(3600, stop)
    assert not WallClock().sleep(0)
