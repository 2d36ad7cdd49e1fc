"""Looks at conditions, each in a thread of its own: whoever must hear a halt waits for no slow source."""

from __future__ import annotations

import dataclasses
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from chaoskit.clock import Clock
from chaoskit.steadystate.comparing import Judgement
from chaoskit.steadystate.conditions import Condition

Stage = Literal["before", "during", "after", "after undo"]

SLACK = 1.0
"""Wall seconds beside a source's own time in which a look is back, or is given up."""

MISSED = Judgement(None, "was not looked at in time", "an answer")
"""Of a look that was due and could not be begun."""

Start = Callable[[Callable[[], None]], None]
"""Has a look taken, now or by and by."""


@dataclass(frozen=True, slots=True)
class Look:
    """One at the condition of this `place`, begun `at` that moment; `injected`: what had been seen by then.

    What it finds may be `tolerated`: then it is seen, and not judged. One whose condition `has_time` yet is
    judged only if it holds: there will be a later one, unless the run is cut short. `late`: it is one under
    the fault, whose end was known by then. `began` is of the clock's `monotonic`.
    """

    place: int
    condition: Condition
    stage: Stage
    at: datetime
    began: float
    injected: bool = False
    tolerated: bool = False
    has_time: bool = False
    late: bool = False

    @property
    def settles(self) -> bool:
        """Whether it is the last word once it holds: nobody looks again at that stage."""
        return not self.tolerated and (self.late or self.stage in {"after", "after undo"})


@dataclass(frozen=True, slots=True)
class Observation:
    """What came of one look: its answer was there by `back`, and is of some moment since it was begun.

    It may lie `astride` of the injection, or at it: nobody knows of which side it tells.
    """

    look: Look
    judgement: Judgement
    back: datetime
    astride: bool = False

    @property
    def condition(self) -> Condition:
        """What was looked at."""
        return self.look.condition

    @property
    def stage(self) -> Stage:
        """At which stage the look was begun."""
        return self.look.stage

    @property
    def injected(self) -> bool:
        """Whether an injection had been seen when the look was begun."""
        return self.look.injected

    @property
    def tolerated(self) -> bool:
        """Whether it is not judged: it need not hold yet, or not any more, or is of no side for certain."""
        return self.look.tolerated or self.astride or (self.look.has_time and self.held is not True)

    @property
    def held(self) -> bool | None:
        """Whether it held; None when it could not be evaluated."""
        return self.judgement.held

    def words(self) -> str:
        """``error_ratio 0.081 at cart-x, expected below 0.05``."""
        return f"{self.condition.title} {self.judgement.observed}, expected {self.judgement.expected}"

    def document(self) -> dict[str, Any]:
        """The observation as JSON."""
        measured = self.judgement.measured
        return {
            "condition": self.condition.title,
            "stage": self.stage,
            "injected": self.injected,
            "tolerated": self.tolerated,
            "late": self.look.late,
            "at": self.look.at.isoformat(),
            "held": self.held,
            "observed": self.judgement.observed,
            "expected": self.judgement.expected,
            "measured": None if measured is None else dataclasses.asdict(measured),
        }


Back = tuple[Look, Judgement | Exception]
"""A look that is back, with what it found, or the bug that it met."""


class Looks:
    """The looks under way, one at each condition at most; to begin one takes no time.

    With a clock that tests turn by hand there is no thread: a look is back at once.
    """

    def __init__(
        self, judge: Callable[[Look], Judgement], clock: Clock, *, start: Start | None = None
    ) -> None:
        self._judge = judge
        self._clock = clock
        self._start = start or (_in_a_thread if clock.real(1.0) else _at_once)
        self._answers: queue.Queue[Back] = queue.Queue()
        self._under_way: dict[int, Look] = {}

    def begin(
        self,
        place: int,
        condition: Condition,
        stage: Stage,
        *,
        injected: bool = False,
        tolerated: bool = False,
        has_time: bool = False,
        late: bool = False,
    ) -> bool:
        """Whether the condition is looked at now: not while the last look at it is not back yet."""
        if self.under_way(place) is not None:
            return False
        now, began = self._clock.now(), self._clock.monotonic()
        look = Look(place, condition, stage, now, began, injected, tolerated, has_time, late)
        self._under_way[place] = look
        self._start(lambda: self._answers.put((look, self._found(look))))
        return True

    def under_way(self, place: int) -> Look | None:
        """The last look at the condition, while it is not back yet."""
        return self._under_way.get(place)

    def back(self, seconds: float = 0.0) -> Iterator[Back]:
        """What is back, or overdue and given up; the first is waited for, so many seconds of the clock."""
        while (found := self._next(seconds)) is not None:
            seconds = 0.0
            if self._under_way.get(found[0].place) is found[0]:  # else it was given up, and that is known
                del self._under_way[found[0].place]
                yield found
        yield from self._given_up(self._overdue, "no answer in time")

    def _next(self, seconds: float) -> Back | None:
        wait = self._clock.real(seconds) if self._under_way else 0.0
        try:
            return self._answers.get(timeout=wait) if wait else self._answers.get_nowait()
        except queue.Empty:
            if self._under_way and not self._clock.real(1.0):
                self._clock.sleep(seconds)  # a clock turned by hand moves only so
            return None

    def end(self) -> Iterator[Back]:
        """What is back, and of every other that it is missing: nobody waits for it any more."""
        yield from self.back()
        yield from self._given_up(lambda _: True, "no answer yet when the run ended")

    def _given_up(self, which: Callable[[Look], bool], words: str) -> Iterator[Back]:
        for look in [each for each in self._under_way.values() if which(each)]:
            del self._under_way[look.place]
            yield look, Judgement(None, words, "an answer")

    def _overdue(self, look: Look) -> bool:
        """Sources keep to their own time, twice at most: to be reached, and to answer."""
        rate = self._clock.real(1.0) or 1.0
        gone = (self._clock.monotonic() - look.began) * rate
        return gone > 2 * look.condition.answers_within + SLACK

    def _found(self, look: Look) -> Judgement | Exception:
        try:
            return self._judge(look)
        except Exception as error:  # noqa: BLE001 - a bug: raised by whoever takes the answer
            return error


def _in_a_thread(look: Callable[[], None]) -> None:
    threading.Thread(target=look, name="look", daemon=True).start()


def _at_once(look: Callable[[], None]) -> None:
    look()
