"""The time under the fault: which looks are due in it, which were missed, which one is owed at its end."""

from __future__ import annotations

from math import inf

from chaoskit.steadystate.conditions import Condition
from chaoskit.steadystate.gaps import DARK
from chaoskit.steadystate.sides import AT_ONCE


class UnderFault:
    """For how long each of the `conditions`, by its place, is looked at as under the fault.

    That is since the fault began: until its end begins, where a condition shows a fault at once, and where it
    has a lag, until the fault is over and the lag as well, unless that is given up. A look is due at the
    beginning, whenever an interval is over, and at the very end of a lag; of a slow source, when the last one
    is back. One more is begun as soon as it tells of the fault for certain (`AT_ONCE`), which may be over
    before the interval is. A look that is late by no more than `patience` seconds is not missed yet: whoever
    begins it does other things too. One of before that is under way is in the way of others, however long;
    but what it hides is not known if it is more of the time than all answers speak for. Times are of one
    clock's `monotonic`.
    """

    def __init__(self, patience: float) -> None:
        self.conditions: tuple[Condition, ...] = ()
        self._patience = patience
        self._begun: float | None = None
        self._ending = inf
        self._over = inf
        self.given_up = False
        self._last: dict[int, float] = {}
        self._answered: dict[int, float] = {}
        self._hidden: dict[int, float] = {}
        self._known: dict[int, float] = {}

    # ------------------------------------------------------------------ what happens

    def begin(self, now: float) -> None:
        """The fault is there; a look at every condition is due: none of before says anything of it."""
        self._begun = now
        self._last.clear()

    def ending(self, now: float) -> None:
        """The fault's end has begun, now if not before: what shows it at once may hold again, or not yet."""
        self._ending = min(self._ending, now)

    def over(self, now: float) -> None:
        """The fault is over, since now if it was not before: lags run."""
        self.ending(now)
        self._over = min(self._over, now)

    def give_up(self) -> None:
        """No lag goes on, and no look at its end is owed: nothing depends on it any more."""
        self.given_up = True

    def looked(self, place: int, now: float) -> None:
        """A look at the condition was begun."""
        self._last[place] = now

    def answered(self, place: int, began: float, now: float) -> None:
        """The answer to a look begun in this time speaks for all the time that it took."""
        self._answered[place] = now
        spoken = max(self.conditions[place].interval, now - began)
        self._known[place] = self._known.get(place, 0.0) + spoken

    def cleared(self, place: int, now: float) -> None:
        """A look begun before the fault is back: of the fault it says nothing, and hid it until now."""
        if self._begun is not None:
            self._hidden[place] = min(now, self._until(place)) - self._begun
            if self.covers(place, now):
                self._answered[place] = now

    # ------------------------------------------------------------------ what follows

    def due(self, now: float) -> tuple[int, ...]:
        """At which of the watched conditions a look is begun now, under the fault or not."""
        return tuple(place for place in self.places if now >= self._next(place))

    def missed(self, place: int, now: float) -> tuple[float, ...]:
        """When each look was due that is missed by now: of a long time so many as make it dark.

        Call it unless a look is under way. Where one is missed, the next is due at once.
        """
        return (*self._hidden_looks(place, now), *self._late_looks(place, now))

    def covers(self, place: int, now: float) -> bool:
        """Whether a look that is begun now is one under the fault: the one that is owed at the end is."""
        return self._begun is not None and (now < self._until(place) or self._owes_the_end(place))

    def late(self, at: float) -> bool:
        """Whether the fault was over by then."""
        return at >= self._over

    def next(self, now: float) -> float:
        """When the next look under the fault is due; infinity when no more is."""
        return min((self._next(each) for each in self.places if self.covers(each, now)), default=inf)

    def lag(self, now: float) -> float:
        """Seconds for which a lag goes on yet: all of it, where the fault is not over; 0 after its end."""
        longest = max(map(self._lag, range(len(self.conditions))), default=0.0)
        return max(0.0, min(self._over, now) + longest - now)

    @property
    def places(self) -> tuple[int, ...]:
        """The conditions that are looked at while the fault is there."""
        return tuple(place for place, each in enumerate(self.conditions) if each.watched)

    # ------------------------------------------------------------------ one condition

    def _hidden_looks(self, place: int, now: float) -> tuple[float, ...]:
        """At the end of this time, one for all that a look of before hid, or so many as make it dark."""
        if self._begun is None or self.covers(place, now):
            return ()
        hidden = self._hidden.pop(place, 0.0) - self._patience
        dark = hidden > self._known.get(place, 0.0)
        return (self._begun,) * (DARK if dark else 1) if hidden > 0 else ()

    def _late_looks(self, place: int, now: float) -> tuple[float, ...]:
        found: list[float] = []
        while len(found) < DARK and self._is_missed(place, due := self._due(place), now):
            self._last[place] = due
            found.append(due)
        if found:
            at_once = now - self.conditions[place].interval
            self._last[place] = at_once if self.covers(place, now) else max(at_once, found[-1])
        return tuple(found)

    def _next(self, place: int) -> float:
        """When to look: when one is due; sooner, where the last was too soon to tell, which nobody misses."""
        begun = inf if self._begun is None else self._begun
        tells = begun + AT_ONCE.total_seconds()
        return min(self._due(place), tells if begun <= self._looked(place) < tells else inf)

    def _lag(self, place: int) -> float:
        return 0.0 if self.given_up else self.conditions[place].lag

    def _until(self, place: int) -> float:
        lag = self._lag(place)
        return self._over + lag if lag else self._ending

    def _owes_the_end(self, place: int) -> bool:
        return bool(self._lag(place)) and self._looked(place) < self._until(place)

    def _looked(self, place: int) -> float:
        """When the last look was begun, or missed: none yet, and the next is due since the beginning."""
        begun = -inf if self._begun is None else self._begun
        return self._last.get(place, begun - self.conditions[place].interval)

    def _due(self, place: int) -> float:
        due = self._looked(place) + self.conditions[place].interval
        if self._owes_the_end(place):
            due = min(due, self._until(place))
        return max(due, self._answered.get(place, due))

    def _is_missed(self, place: int, due: float, now: float) -> bool:
        """What nobody looked at even once is missed however short the time was."""
        if self._begun is None:
            return False
        if self.covers(place, now):
            return due < now - self._patience
        return due < self._until(place) - self._patience or self._looked(place) < self._begun
