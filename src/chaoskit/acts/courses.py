"""Courses: what is done side by side with others, since it stops wherever it waits.

A course is a generator: it stops wherever it waits (True), or wants the others to come as far (False), so
that they have their turn meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from chaoskit.clock import Clock

PAUSE = 0.5
"""Seconds that pass where all of them wait."""

T = TypeVar("T")
Course = Generator[bool, None, T]


def side_by_side(
    courses: Sequence[Course[T]], clock: Clock, keep: Callable[[], None] = lambda: None
) -> tuple[T, ...]:
    """What each course ends with, in their order: each goes on in its turn until it waits or has ended.

    `keep` is called where all of them wait.

    Raises:
        Exception: the first that one of them raised, when all the others have ended.
    """
    going, ended, raised = dict(enumerate(courses)), dict[int, T](), list[Exception]()
    while going:
        waits = list[bool]()
        for at, course in list(going.items()):
            try:
                waits.append(next(course))
                continue
            except StopIteration as end:
                ended[at] = end.value
            except Exception as error:  # noqa: BLE001 - raised when the others have ended
                raised.append(error)
            del going[at]
        if going and all(waits):
            keep()
            clock.sleep(PAUSE)
    if raised:
        raise raised[0]
    return tuple(ended[at] for at in range(len(courses)))


def alone(course: Course[T], clock: Clock, keep: Callable[[], None] = lambda: None) -> T:
    """What the course ends with; `keep` is called where it waits."""
    (ended,) = side_by_side([course], clock, keep)
    return ended


def waited(clock: Clock, end: float, done: Callable[[], bool]) -> Course[bool]:
    """Whether it was done by that moment of the clock's `monotonic`; it is looked at once at least."""
    while not done():
        if clock.monotonic() >= end:
            return False
        yield True
    return True
