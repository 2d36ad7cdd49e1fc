"""The work queue: each key once, never twice at a time, later after a failure."""

from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from chaoskit.clock import ManualClock
from chaoskit.flows.workqueue import BASE, MOST, WorkQueue


def test_a_key_added_twice_is_taken_once_when_it_is_first_due() -> None:
    clock = ManualClock()
    queue: WorkQueue[str] = WorkQueue(clock)
    queue.add("a", after=9)
    queue.add("a", after=2)
    queue.add("a", after=5)
    assert (queue.take(), queue.wait()) == (None, 2)
    clock.turn(2)
    assert (queue.take(), queue.take(), queue.wait()) == ("a", None, inf)


def test_what_is_added_while_it_is_worked_on_comes_when_that_is_done() -> None:
    queue: WorkQueue[str] = WorkQueue(ManualClock())
    queue.add("a")
    assert queue.take() == "a"
    queue.add("a")
    assert (queue.take(), queue.holds("a"), queue.depth) == (None, True, 2)
    assert queue.taken == {"a"}
    queue.done("a")
    assert queue.taken == set()
    assert queue.take() == "a"


def test_a_failure_waits_twice_as_long_each_time_until_it_succeeds() -> None:
    clock = ManualClock()
    queue: WorkQueue[str] = WorkQueue(clock)
    queue.add("a")
    waits = []
    for _ in range(8):
        assert queue.take() == "a"
        waits.append(queue.failed("a"))
        clock.turn(waits[-1])
    assert waits == [5, 10, 20, 40, 80, 160, MOST, MOST]
    queue.take()
    queue.done("a", again=7)
    clock.turn(7)
    queue.take()
    assert queue.failed("a") == BASE


def test_the_longest_due_comes_first() -> None:
    clock = ManualClock()
    queue: WorkQueue[str] = WorkQueue(clock)
    queue.add("late", after=2)
    queue.add("early", after=1)
    clock.turn(3)
    assert [queue.take(), queue.take()] == ["early", "late"]


@given(
    st.lists(
        st.tuples(st.sampled_from(["add", "take", "done", "failed", "turn"]), st.integers(0, 3)), max_size=80
    )
)
def test_no_key_is_ever_worked_on_twice_at_a_time_or_lost(steps: list[tuple[str, int]]) -> None:
    clock = ManualClock()
    queue: WorkQueue[int] = WorkQueue(clock)
    working: list[int] = []
    owed: set[int] = set()
    for what, key in steps:
        if what == "add":
            queue.add(key, after=key)
            owed.add(key)
        elif what == "take" and (found := queue.take()) is not None:
            assert found not in working
            working.append(found)
            owed.discard(found)
        elif what in {"done", "failed"} and working:
            ended = working.pop()
            if what == "failed":
                queue.failed(ended)
                owed.add(ended)
            else:
                queue.done(ended)
        elif what == "turn":
            clock.turn(key)
    for key in working:
        queue.done(key)
    clock.turn(MOST)
    assert {queue.take() for _ in range(10)} - {None} == owed


def test_only_a_key_that_fits_is_taken() -> None:
    queue: WorkQueue[str] = WorkQueue(ManualClock())
    queue.add("a")
    queue.add("b")
    assert queue.take(lambda key: key == "b") == "b"
    assert queue.take(lambda key: key == "b") is None
    assert (queue.wait(lambda key: key == "b"), queue.wait()) == (inf, 0)
    assert queue.take() == "a"


def test_a_failure_may_ask_for_a_longer_wait() -> None:
    queue: WorkQueue[str] = WorkQueue(ManualClock())
    queue.add("a")
    queue.take()
    assert queue.failed("a", least=77) == queue.wait() == 77
