"""What is read beside a direct fault: what comes of it, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from chaoskit.clock import ManualClock
from chaoskit.errors import Unavailable
from chaoskit.experiments.direct.asides import Asides


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
    asides = Asides(sign, ManualClock())
    asides.look()
    asides.look()
    assert [(each.held, each.observed) for each in asides.back()] == [(held, observed)]
    assert (asides.busy, list(asides.back())) == (False, [])


def test_a_bug_is_raised_where_its_look_is_taken() -> None:
    asides = Asides(raising(ValueError("a bug")), ManualClock())
    asides.look()
    with pytest.raises(ValueError, match="a bug"):
        list(asides.back())


def test_what_is_to_be_kept_is_read_in_turn_and_is_no_effect() -> None:
    asides, kept = Asides(lambda: "", ManualClock()), list[str]()
    for name in ("one", "two", "three"):
        asides.keep(partial(kept.append, name))
    assert list(asides.back()) == []
    assert list(asides.back()) == []
    assert (kept, asides.busy) == (["one", "two", "three"], False)
