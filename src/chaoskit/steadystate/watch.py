"""The looks at one run's conditions, as the time under its fault wants them: begun, back, or missed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from math import inf

from chaoskit.clock import Clock
from chaoskit.steadystate.comparing import Judgement
from chaoskit.steadystate.conditions import Condition
from chaoskit.steadystate.looks import Look, Looks, Observation, Stage, Start
from chaoskit.steadystate.underfault import UnderFault

LATE = 2.0
"""Wall seconds by which a look may be late and is not missed yet."""

MISSED = Judgement(None, "was not looked at in time", "an answer")


class Watch:
    """What is looked at, and since when the fault has been seen (`sighted`); `tick` moves all of it on.

    What comes of it is returned and not remembered. A bug that a look met is raised by who takes its answer.
    """

    def __init__(
        self, judge: Callable[[Condition], Judgement], clock: Clock, *, start: Start | None = None
    ) -> None:
        self.sighted: datetime | None = None
        self._clock = clock
        self._looks = Looks(judge, clock, start=start)
        self._fault = UnderFault(LATE / (clock.real(1.0) or 1.0))

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Everything that is looked at, by its place."""
        return self._fault.conditions

    @conditions.setter
    def conditions(self, conditions: tuple[Condition, ...]) -> None:
        self._fault.conditions = conditions

    # ------------------------------------------------------------------ the time under the fault

    def sight(self) -> None:
        """The fault has been seen, now if not before."""
        if self.sighted is None:
            self.sighted = self._clock.now()
            self._fault.begin(self._clock.monotonic())

    def ending(self) -> list[Observation]:
        """The end of the fault has begun: what came of what was looked at, or owed, until then."""
        return self._ended(self._fault.ending)

    def over(self) -> list[Observation]:
        """The fault is over: what came of what was looked at, or owed, until then."""
        return self._ended(self._fault.over)

    def _ended(self, ended: Callable[[float], None]) -> list[Observation]:
        self.sight()
        found = self.back()  # what is back by now says nothing of later
        ended(self._clock.monotonic())
        return [*found, *self.missed()]

    @property
    def lag(self) -> float:
        """Seconds for which something may show the fault yet."""
        return self._fault.lag(self._clock.monotonic())

    @property
    def next(self) -> float:
        """When the next look under the fault is due, by the clock's `monotonic`."""
        return self._fault.next(self._clock.monotonic())

    @property
    def goes_on(self) -> bool:
        """Whether a look under the fault is due yet, or one that shows it late is not back."""
        late = (self._looks.under_way(place) for place in self._fault.places)
        return self.next < inf or any(each is not None and each.late for each in late)

    # ------------------------------------------------------------------ looks

    def tick(self, beside: Stage | None = None) -> list[Observation]:
        """What is back, or was missed; a look is begun wherever one is due.

        Under the fault it is one `during` it; else it is of the stage `beside`, and there is none without.
        """
        found = [*self.back(), *self.missed()]
        now = self._clock.monotonic()
        for place in self._fault.due(now):
            stage = "during" if self._fault.covers(place, now) else beside
            if stage is not None and self._begin(place, stage, now):
                self._fault.looked(place, now)
        return found

    def begin(self, place: int, stage: Stage, *, has_time: bool) -> None:
        """A look for a stage of its own is under way, unless another one at the condition is."""
        injected = self.sighted is not None
        self._looks.begin(place, self.conditions[place], stage, injected=injected, has_time=has_time)

    def back(self, seconds: float = 0.0) -> list[Observation]:
        """What is back; the first is waited for, so many seconds."""
        return [self._observed(*each) for each in self._looks.back(seconds)]

    def missed(self) -> list[Observation]:
        """Every look under the fault that was due and could not be begun, as one that was not evaluated."""
        now, found = self._clock.monotonic(), list[Observation]()
        for place in self._fault.places:
            if self._looks.under_way(place) is None:
                found += [self._unseen(place, due) for due in self._fault.missed(place, now)]
        return found

    def end(self) -> list[Observation]:
        """Nothing is looked at any more; what is not back is missing."""
        return [*(self._observed(*each) for each in self._looks.end()), *self.missed()]

    def _begin(self, place: int, stage: Stage, now: float) -> bool:
        injected, tolerated = self.sighted is not None, self._may_break(place, stage)
        late = stage == "during" and self._fault.late(now)
        return self._looks.begin(
            place, self.conditions[place], stage, injected=injected, tolerated=tolerated, late=late
        )

    def _may_break(self, place: int, stage: Stage) -> bool:
        return stage != "during" or not self.conditions[place].during

    def _observed(self, look: Look, judgement: Judgement | Exception) -> Observation:
        if isinstance(judgement, Exception):
            raise judgement
        if judgement.held is not None and look.injected:  # else it says nothing of the time under the fault
            self._fault.answered(look.place, self._clock.monotonic())
        return Observation(look, judgement, self._clock.now())

    def _unseen(self, place: int, due: float) -> Observation:
        now, may_break = self._clock.now(), self._may_break(place, "during")
        at = now - timedelta(seconds=self._clock.monotonic() - due)
        late, condition = self._fault.late(due), self.conditions[place]
        look = Look(place, condition, "during", at, due, injected=True, tolerated=may_break, late=late)
        return Observation(look, MISSED, now)
