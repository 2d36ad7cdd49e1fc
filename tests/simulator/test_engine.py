"""Scripts under way: how they end, and who may end them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from chaoskit.simulator.engine import Engine, Script, Task


@pytest.fixture
def engine() -> Engine:
    return Engine(start=datetime(2026, 1, 1, tzinfo=UTC))


def test_a_script_that_fails_is_done(engine: Engine) -> None:
    def fails() -> Script:
        yield 1.0
        raise LookupError

    task = engine.spawn(fails())
    with pytest.raises(LookupError):
        engine.run_for(2)
    assert task.done


def test_a_script_may_cancel_itself_and_is_closed_at_its_next_wait(engine: Engine) -> None:
    told: list[str] = []

    def cancels(itself: Callable[[], Task]) -> Script:
        try:
            yield 1.0
            itself().cancel()
            told.append("goes on")
            yield 1.0
            told.append("never said")
        finally:
            told.append("closed")

    tasks: list[Task] = []
    tasks.append(engine.spawn(cancels(lambda: tasks[0])))
    engine.run_for(5)
    assert told == ["goes on", "closed"]
    assert tasks[0].done


def test_whoever_waits_for_the_lock_gets_it_from_an_engine_that_is_always_late(engine: Engine) -> None:
    def again() -> None:
        if waiting:
            engine.call_at(0, again)

    waiting = [True]
    engine.call_at(0, again)
    engine.start()
    taken = []
    for _ in range(20):
        taken.append(engine.lock.acquire(timeout=10))
        if taken[-1]:
            engine.lock.release()
    waiting.clear()
    engine.stop()
    assert all(taken)
