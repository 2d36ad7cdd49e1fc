"""When requests are made again: pure decisions, and a clock turned by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from chaoskit.adapters.kubernetes.retry import Failed, Policy, Trouble, attempt, may_repeat
from chaoskit.clock import ManualClock
from chaoskit.errors import CannotStart, Unavailable


def failing(*troubles: Trouble) -> Callable[[], str]:
    left = list(troubles)

    def act() -> str:
        if left:
            trouble = left.pop(0)
            raise Failed(trouble, Unavailable(f"code {trouble.code}", service="x"))
        return "answer"

    return act


BUSY, GATEWAY, RESET = Trouble(429), Trouble(502), Trouble()


@pytest.mark.parametrize(
    ("trouble", "reads", "writes"),
    [
        (Trouble(429), True, True),
        (Trouble(500), True, False),
        (Trouble(503), True, False),
        (Trouble(0), True, False),
        (Trouble(0, unsent=True), True, True),
        (Trouble(0, hopeless=True), False, False),
        (Trouble(429, hopeless=True), False, False),
        (Trouble(404), False, False),
        (Trouble(409), False, False),
    ],
)
def test_a_write_is_repeated_only_when_the_server_cannot_have_acted(
    trouble: Trouble, reads: bool, writes: bool
) -> None:
    assert may_repeat(trouble, "always") is reads
    assert may_repeat(trouble, "unsent") is writes


def test_the_first_success_ends_it() -> None:
    clock = ManualClock()
    assert attempt(failing(BUSY, GATEWAY, RESET), repeat="always", policy=Policy(), clock=clock) == "answer"
    assert 0.3 <= clock.monotonic() <= 1.4


def test_attempts_are_bounded() -> None:
    with pytest.raises(Unavailable, match="code 502"):
        attempt(failing(*[GATEWAY] * 3), repeat="always", policy=Policy(attempts=3), clock=ManualClock())


def test_patience_is_bounded_even_when_the_server_asks_for_more() -> None:
    clock = ManualClock()
    with pytest.raises(Unavailable):
        attempt(failing(Trouble(429, retry_after=60)), repeat="always", policy=Policy(), clock=clock)
    assert clock.monotonic() == 0


def test_the_server_is_left_alone_for_as_long_as_it_asks() -> None:
    clock = ManualClock()
    attempt(failing(Trouble(429, retry_after=7)), repeat="unsent", policy=Policy(), clock=clock)
    assert clock.monotonic() == 7


def test_stop_ends_the_waiting() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Unavailable):
        attempt(failing(BUSY), repeat="always", policy=Policy(), clock=ManualClock(), stop=stop)


def test_who_cannot_log_in_again_does_not_know_what_became_of_the_attempt_before() -> None:
    ends = iter([Failed(GATEWAY, Unavailable("code 502", service="x")), CannotStart("the plugin failed")])

    def act() -> None:
        raise next(ends)

    with pytest.raises(CannotStart, match="the plugin failed") as raised:
        attempt(act, repeat="always", policy=Policy(), clock=ManualClock())
    assert not raised.value.harmless


@pytest.mark.parametrize(("draw", "share"), [(0.0, 0.5), (1.0, 1.0)])
def test_waits_double_up_to_a_limit_with_jitter(draw: float, share: float) -> None:
    policy = Policy(first=0.2, longest=1.0)
    waits = [policy.wait(failures, lambda: draw) for failures in (1, 2, 3, 4, 50)]
    assert waits == pytest.approx([share * each for each in (0.2, 0.4, 0.8, 1.0, 1.0)])
