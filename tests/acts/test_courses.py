"""What is done side by side goes on in turns, and what is kept alive meanwhile is."""

from __future__ import annotations

from chaoskit.acts.courses import PAUSE, Course, side_by_side
from chaoskit.clock import ManualClock


def waiting(rounds: int, name: str) -> Course[str]:
    for _ in range(rounds):
        yield True
    return name


def test_where_all_wait_time_passes_and_others_are_kept_alive() -> None:
    clock, kept = ManualClock(), list[float]()
    ended = side_by_side([waiting(3, "a"), waiting(1, "b")], clock, lambda: kept.append(clock.monotonic()))
    assert ended == ("a", "b")
    assert kept == [0, PAUSE, 2 * PAUSE]


def test_no_time_passes_while_one_of_them_goes_on() -> None:
    def goes_on() -> Course[str]:
        yield False
        return "goes on"

    clock, kept = ManualClock(), list[float]()
    assert side_by_side([waiting(1, "a"), goes_on()], clock, lambda: kept.append(0)) == ("a", "goes on")
    assert (kept, clock.monotonic()) == ([], 0)
