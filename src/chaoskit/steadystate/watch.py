"""The looks at one run's conditions, as the time under its fault wants them: begun, back, or missed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from math import inf

from chaoskit.clock import Clock
from chaoskit.steadystate import sides
from chaoskit.steadystate.comparing import Judgement
from chaoskit.steadystate.conditions import Condition
from chaoskit.steadystate.looks import MISSED, Look, Looks, Observation, Stage, Start
from chaoskit.steadystate.underfault import UnderFault
from chaoskit.steadystate.waiting import Waiting

LATE = 2.0
"""Wall seconds by which a look may be late and is not missed yet."""


class Watch:
    """What is looked at, and since when the fault has been seen (`sighted`); `tick` moves all of it on.

    What comes of it is returned and not remembered. A bug that a look met is raised by who takes its answer.
    """

    def __init__(
        self, judge: Callable[[Look], Judgement], clock: Clock, *, start: Start | None = None
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

    def give_up(self) -> None:
        """No lag goes on: each had its time, or it is no pass anyhow."""
        self._fault.give_up()

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
        owed = any(each is not None and each.late for each in late)
        return self.next < inf or (owed and not self._fault.given_up)

    # ------------------------------------------------------------------ looks

    def tick(self, beside: Stage | None = None, waiting: Waiting | None = None) -> list[Observation]:
        """What is back, or was missed; then a look is begun wherever one is due and none is under way.

        Under the fault it is one `during` it, whoever wants it; else one for the stage that is waited for, or
        one of the stage `beside`, and there is none without.
        """
        found = [*self.back(waiting=waiting), *self.missed()]
        now = self._clock.monotonic()
        watched, wanted = self._fault.due(now), waiting.due(now) if waiting else ()
        for place in sorted({*watched, *wanted}):
            if self._fault.covers(place, now):
                self._begin(place, "during", now)
            elif waiting and place in wanted:
                self._begin_for(waiting, place, now)
            elif beside and place in watched:
                self._begin(place, beside, now)
        return found

    def back(self, seconds: float = 0.0, waiting: Waiting | None = None) -> list[Observation]:
        """What is back, also to whoever waits for it; the first is waited for, so many seconds."""
        found = [self._observed(*each) for each in self._looks.back(seconds)]
        if waiting:
            waiting.take(found)
        return found

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

    def _begin(self, place: int, stage: Stage, now: float) -> None:
        condition, injected = self.conditions[place], self.sighted is not None
        tolerated, late = self._may_break(place, stage), stage == "during" and self._fault.late(now)
        if self._looks.begin(place, condition, stage, injected=injected, tolerated=tolerated, late=late):
            self._fault.looked(place, now)

    def _begin_for(self, waiting: Waiting, place: int, now: float) -> None:
        condition, injected = self.conditions[place], self.sighted is not None
        has_time = waiting.has_time(place, now)
        self._looks.begin(place, condition, waiting.stage, injected=injected, has_time=has_time)

    def _may_break(self, place: int, stage: Stage) -> bool:
        return stage != "during" or not self.conditions[place].during

    def _observed(self, look: Look, judgement: Judgement | Exception) -> Observation:
        if isinstance(judgement, Exception):
            raise judgement
        if judgement.held is None and look.late and self._fault.given_up:
            look = replace(look, tolerated=True)  # nobody waits for what it would have told
        found = Observation(look, judgement, self._clock.now())
        if sides.broken(found):
            self._fault.give_up()  # no lag is needed to show it
        self._answered(found)
        return found

    def _answered(self, seen: Observation) -> None:
        look, now = seen.look, self._clock.monotonic()
        if not look.injected:
            self._fault.cleared(look.place, now)
        elif look.stage == "during" and seen.held is not None:
            self._fault.answered(look.place, look.began, now)

    def _unseen(self, place: int, due: float) -> Observation:
        now, may_break = self._clock.now(), self._may_break(place, "during")
        at = now - timedelta(seconds=self._clock.monotonic() - due)
        late, condition = self._fault.late(due), self.conditions[place]
        look = Look(place, condition, "during", at, due, injected=True, tolerated=may_break, late=late)
        return Observation(look, MISSED, now)
