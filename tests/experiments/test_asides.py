"""What is read beside a fault: what comes of it, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from chaoskit.clock import ManualClock
from chaoskit.errors import Unavailable
from chaoskit.experiments.asides import Asides


def raising(error: Exception) -> Callable[[], str]:
    def sign() -> str:
        raise error

    return sign


@pytest.mark.parametrize(
    ("sign", "held", "observed"),
    [
        (lambda: "it is gone", True, "it is gone"),
        (lambda: "", False, ""),
        (raising(Unavailable("no answer", service="Prometheus")), None, "no answer"),
    ],
)
def test_a_look_for_the_effect_comes_back_once(
    sign: Callable[[], str], held: bool | None, observed: str
) -> None:
    asides = Asides(ManualClock(), sign)
    asides.look()
    asides.look()
    assert [(each.held, each.observed) for each in asides.back()] == [(held, observed)]
    assert (asides.busy, list(asides.back())) == (False, [])


def test_a_bug_is_raised_where_its_look_is_taken() -> None:
    asides = Asides(ManualClock(), raising(ValueError("a bug")))
    asides.look()
    with pytest.raises(ValueError, match="a bug"):
        list(asides.back())


def test_what_is_to_be_kept_is_read_in_turn_and_is_no_effect() -> None:
    asides, kept = Asides(ManualClock()), list[str]()
    for name in ("one", "two", "three"):
        asides.keep(partial(kept.append, name))
    assert list(asides.back()) == []
    assert list(asides.back()) == []
    assert (kept, asides.busy) == (["one", "two", "three"], False)


def test_what_is_too_slow_is_not_waited_for_and_nothing_more_is_begun() -> None:
    clock, kept = ManualClock(), list[str]()
    asides = Asides(clock)
    asides.keep(partial(kept.append, "one"))
    asides.keep(partial(kept.append, "two"))
    asides.settled(0.0, lambda _: None)
    assert list(asides.back()) == []
    assert (kept, clock.monotonic()) == (["one"], 0.0)


def test_all_is_back_when_it_is_waited_for() -> None:
    asides, kept = Asides(ManualClock()), list[str]()
    for name in ("one", "two"):
        asides.keep(partial(kept.append, name))
    asides.settled(10.0, lambda seconds: list(asides.back(seconds)).clear())
    assert (kept, asides.busy) == (["one", "two"], False)
