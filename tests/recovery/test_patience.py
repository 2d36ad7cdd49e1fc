"""A server that does not answer is waited for, and what is done meanwhile has its time all the same."""

from __future__ import annotations

import threading

import pytest

from chaoskit.clock import ManualClock
from chaoskit.errors import Unavailable
from chaoskit.recovery.patience import PAUSE, Deadline, patiently


class Hole:
    """A server that swallows requests, each for so many seconds, and answers at once afterwards."""

    def __init__(self, *swallowed: float) -> None:
        self.clock = ManualClock()
        self._swallowed = list(swallowed)

    def ask(self) -> str:
        if not self._swallowed:
            return "here"
        self.clock.turn(self._swallowed.pop(0))
        raise Unavailable("no answer", service="kubernetes")


@pytest.mark.parametrize("swallowed", [(30,), (0,), (10, 10, 10)])
def test_requests_without_an_answer_take_nothing_of_the_time(swallowed: tuple[float, ...]) -> None:
    hole = Hole(*swallowed)
    deadline = Deadline(hole.clock, 30)
    assert patiently(hole.ask, hole.clock, threading.Event(), deadline=deadline) == "here"
    assert deadline.left == 30
    assert hole.clock.monotonic() == sum(swallowed) + PAUSE * len(swallowed)


def test_a_server_that_is_away_for_a_minute_is_given_up() -> None:
    hole = Hole(30, 30, 30)
    with pytest.raises(Unavailable):
        patiently(hole.ask, hole.clock, threading.Event(), deadline=Deadline(hole.clock, 30))
