"""The hands of a controller: what lasts leaves some to whoever must look, and to the dead."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from math import inf
from typing import Literal

import pytest

from chaoskit.clock import ManualClock
from chaoskit.events import Event, Warned
from chaoskit.flows.duties.saying import Saying
from chaoskit.flows.hands import MOST, WITHOUT_RECOVERY, WORKERS, Hands, Job


class Work:
    """What lasts ends when the test says so; all else is done at once."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.begun: list[Job] = []
        self._one = threading.Semaphore(0)

    def __call__(self, job: Job) -> None:
        self.begun.append(job)
        self._one.release()
        if job.kind in {"recovery", "run"}:
            assert self.goes_on.wait(10)

    def has_begun(self, jobs: int) -> bool:
        """So many more jobs were begun within some seconds of the wall."""
        return all(self._one.acquire(timeout=10) for _ in range(jobs))

    def of(self, kind: str) -> int:
        return sum(job.kind == kind for job in self.begun)


@pytest.fixture
def work() -> Iterator[Work]:
    work = Work()
    yield work
    work.goes_on.set()


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
def hands(heard: list[Event]) -> Hands:
    clock = ManualClock()
    return Hands(clock, Saying(clock, heard.append))


@pytest.mark.parametrize("kinds", [("recovery",), ("run",), ("run", "recovery")])
def test_looks_and_alerts_have_a_hand_while_runs_and_recoveries_wait_for_signals(
    hands: Hands, work: Work, kinds: tuple[Literal["recovery", "run"], ...]
) -> None:
    for kind in kinds:
        for number in range(2 * WORKERS):
            hands.add(Job(kind, "shop", f"issue-{number}"))
    hands.begin(work)
    hands.add(Job("look", "shop"))
    hands.add(Job("alerts", ""))
    hands.begin(work)
    hands.add(Job("dead", "shop", "lease"))
    hands.begin(work)
    assert work.has_begun(sum(MOST[kind] for kind in kinds) + 3)
    assert [work.of(kind) for kind in kinds] == [MOST[kind] for kind in kinds]
    assert (work.of("look"), work.of("alerts"), work.of("dead")) == (1, 1, 1)
    assert hands.wait == inf  # who waits for a hand does not keep the loop busy


def test_a_recovery_does_not_wait_for_the_end_of_runs(hands: Hands, work: Work) -> None:
    for number in range(2 * WORKERS):
        hands.add(Job("run", "shop", f"run-{number}"))
    hands.begin(work)
    hands.add(Job("recovery", "shop", "cart-pod-crash"))
    hands.begin(work)
    assert work.has_begun(MOST["run"] + 1)
    assert work.of("recovery") == 1


def test_recoveries_that_wait_for_a_hand_are_told_once(hands: Hands, work: Work, heard: list[Event]) -> None:
    def add(first: int, last: int) -> list[str]:
        for number in range(first, last):
            hands.add(Job("recovery", "shop", f"issue-{number}"))
        before = len(heard)
        hands.begin(work)
        hands.begin(work)
        return [each.message for each in heard[before:] if isinstance(each, Warned)]

    assert add(0, 4) == []
    assert add(4, 5) == ["recovery shop issue-4 waits for a hand: 4 are at work, 4 of them on recoveries"]
    (more,) = add(5, 8)
    assert more.startswith("recovery shop issue-5 and 2 more wait for a hand: ")


def test_runs_that_wait_for_a_hand_are_told_once(hands: Hands, work: Work, heard: list[Event]) -> None:
    for number in range(MOST["run"] + 1):
        hands.add(Job("run", "shop", f"run-{number}"))
    hands.begin(work)
    hands.begin(work)
    told = [each.message for each in heard if isinstance(each, Warned)]
    assert told == ["run shop run-2 waits for a hand: 2 are at work, 2 of them on runs"]


def test_where_nothing_is_recovered_runs_have_those_hands_too(work: Work) -> None:
    clock = ManualClock()
    hands = Hands(clock, Saying(clock, list[Event]().append), WITHOUT_RECOVERY)
    for number in range(2 * WORKERS):
        hands.add(Job("run", "shop", f"run-{number}"))
    hands.begin(work)
    for kind in ("accept", "dead"):
        hands.add(Job(kind, "shop", "run-99"))
    hands.begin(work)
    assert work.has_begun(sum(MOST.values()) + 2)
    assert (work.of("run"), work.of("accept"), work.of("dead")) == (sum(MOST.values()), 1, 1)


def test_recoveries_that_waited_for_a_hand_are_begun_when_others_have_ended(hands: Hands, work: Work) -> None:
    for number in range(WORKERS):
        hands.add(Job("recovery", "shop", f"issue-{number}"))
    hands.begin(work)
    work.goes_on.set()
    hands.join()
    hands.begin(work)
    hands.join()
    assert work.of("recovery") == WORKERS
    assert hands.depth == 0
