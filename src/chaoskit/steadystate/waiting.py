"""What one stage waits for: at each of its conditions the look that holds, or the last one of its time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf

from chaoskit.steadystate.looks import Observation, Stage


class Waiting:
    """The wait of this `stage` at these places: what was `found`, and when a look is due at the others.

    Each has until then to hold. A look that shows the fault late is one of the stage as well, if it was begun
    in it: it is judged as under the fault and needs no other beside it. Times are of one clock's `monotonic`.
    """

    def __init__(self, stage: Stage, until: Mapping[int, float], now: float) -> None:
        self.stage: Stage = stage
        self.found: dict[int, Observation] = {}
        self._until = until
        self._since = now
        self._due = dict.fromkeys(until, now)

    @property
    def over(self) -> bool:
        """Whether nothing is waited for any more."""
        return not self._due

    @property
    def next(self) -> float:
        """When the next look is due; infinity when none is waited for."""
        return min(self._due.values(), default=inf)

    def due(self, now: float) -> tuple[int, ...]:
        """The places at which a look is due."""
        return tuple(place for place, due in self._due.items() if now >= due)

    def has_time(self, place: int, now: float) -> bool:
        """Whether what does not hold now may hold yet."""
        return now < self._until[place]

    def take(self, answers: Iterable[Observation]) -> None:
        """These answers are in: where one is the last, nothing is due any more."""
        for each in answers:
            look, place = each.look, each.look.place
            if place not in self._due or not self._counts(each):
                continue
            if each.held is True or not (look.has_time or self.has_time(place, look.began)):
                self.found[place] = each
                del self._due[place]
            else:
                self._due[place] = min(look.began + look.condition.interval, self._until[place])

    def _counts(self, seen: Observation) -> bool:
        own = seen.stage == self.stage or (seen.look.late and self._since <= seen.look.began)
        return own and not seen.look.tolerated
