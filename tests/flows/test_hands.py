"""The hands of a controller: what lasts leaves some to whoever must look, and to the dead."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from math import inf

import pytest

from chaoskit.clock import ManualClock
from chaoskit.flows.duties.saying import Saying
from chaoskit.flows.hands import LASTING_MOST, WORKERS, Hands, Job


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
def hands() -> Hands:
    clock = ManualClock()
    return Hands(clock, Saying(clock, lambda _event: None))


@pytest.mark.parametrize("kind", ["recovery", "run"])
def test_looks_and_alerts_have_a_hand_while_many_recoveries_wait_for_signals(
    hands: Hands, work: Work, kind: str
) -> None:
    for number in range(2 * WORKERS):
        hands.add(Job(kind, "shop", f"issue-{number}"))  # type: ignore[arg-type]
    hands.begin(work)
    hands.add(Job("look", "shop"))
    hands.add(Job("alerts", ""))
    hands.begin(work)
    hands.add(Job("dead", "shop", "lease"))
    hands.begin(work)
    assert work.has_begun(LASTING_MOST + 3)
    assert (work.of(kind), work.of("look"), work.of("alerts"), work.of("dead")) == (LASTING_MOST, 1, 1, 1)
    assert hands.wait == inf  # who waits for a hand does not keep the loop busy


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
