"""Which Leases stand still, and what a look that comes late proves."""

from __future__ import annotations

import pytest

from chaoskit.acts.stillness import Vigil
from chaoskit.clock import ManualClock


def watched(*pauses: float) -> tuple[ManualClock, Vigil[str]]:
    """A Lease of 30 s that did not change in looks after each of these pauses."""
    clock = ManualClock()
    vigil = Vigil[str](clock)
    vigil.saw("a", "1", 30)
    for pause in pauses:
        clock.turn(pause)
        vigil.looked()
        vigil.saw("a", "1", 30)
    return clock, vigil


@pytest.mark.parametrize(
    ("pauses", "still"),
    [
        ([9.9] * 3, False),
        ([9.9] * 4, True),
        ([300.0], False),
        ([300.0] * 3, False),  # away
        ([12.0] * 6, True),  # slow
        ([12.0, 9.0, 12.0, 9.0, 12.0, 9.0, 12.0], False),
        ([12.0, 9.0] * 4, True),  # slow by turns
        ([1.0, 12.0, 9.9, 9.9, 9.9], False),
        ([1.0, 12.0, 9.9, 9.9, 9.9, 0.4], True),
    ],
)
def test_a_late_look_proves_nothing_of_the_time_before_it_unless_all_are_late(
    pauses: list[float], *, still: bool
) -> None:
    assert watched(*pauses)[1].stands_still("a") is still


def test_what_was_renewed_is_watched_anew_and_what_nobody_watches_never_stands_still() -> None:
    clock, vigil = watched(9.0, 9.0, 9.0)
    vigil.saw("a", "2", 30)
    clock.turn(29)
    assert not vigil.stands_still("a")
    clock.turn(1)
    assert vigil.stands_still("a")
    vigil.forget("a")
    assert not vigil.stands_still("a")


def test_each_lease_has_its_own_time() -> None:
    """A look that is late for one of 15 s is not late for one of 60 s."""
    clock, vigil = watched()
    vigil.saw("short", "1", 15)
    vigil.saw("long", "1", 60)
    for _ in range(10):
        clock.turn(6)
        vigil.looked()
    assert vigil.stands_still("long")


def test_after_a_recount_each_has_its_whole_duration() -> None:
    clock, vigil = watched(9.0, 9.0, 9.0)
    vigil.recount()
    clock.turn(29)
    assert not vigil.stands_still("a")
