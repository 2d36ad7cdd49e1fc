"""Which looks at a condition were due under the fault and could not be begun: what counts there is time."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from chaoskit.steadystate.gaps import DARK


class Owed:
    """Of each condition, by its place, when the next look is owed; times are of one clock's `monotonic`.

    Nothing is owed before `begin`. One that is late by no more than `patience` seconds is not missed yet:
    whoever begins it does other things too.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._due: dict[int, float] = {}
        self._until: dict[int, float] = {}
        self._begun = False

    def begin(self) -> None:
        """The fault is there."""
        self._begun = True

    def end(self, place: int, at: float) -> None:
        """Nothing is owed of the condition later than that."""
        self._until[place] = at

    @property
    def places(self) -> tuple[int, ...]:
        """Of which conditions a look is owed."""
        return tuple(self._due)

    def vouched(self, place: int, now: float, interval: float) -> None:
        """Somebody looks, or has an answer: the next look is owed when the interval is over."""
        if self._begun:
            self._due[place] = now + interval

    def missed(self, place: int, now: float, interval: float) -> Iterator[float]:
        """When each look was due that is missed by now: of a long time so many as make it dark."""
        late = min(now, self._until.get(place, inf)) - self._patience
        for _ in range(DARK):
            due = self._due.get(place, inf)
            if due >= late:
                return
            self._due[place] = due + interval
            yield due
        self._due[place] = now
