"""What is read beside a fault, in threads: whoever must hear a halt waits for no slow source."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError
from chaoskit.steadystate.comparing import Judgement
from chaoskit.steadystate.conditions import Condition
from chaoskit.steadystate.looks import Look, Looks

EFFECT, LOGS = (Condition.model_construct(name=name) for name in ("effect", "logs"))
"""Nobody writes them: they are looked at as conditions are, and given up after the same time."""

_PLACES = (EFFECT, LOGS)

TICK = 0.5
"""Seconds after which who waits looks at what else there is."""

Read = Callable[[], None]
"""Reads something and keeps it where it belongs."""


class Asides:
    """Looks for a fault's effect, one at a time; logs are read one after another.

    `sign` says in words what can be seen of the fault, "" while nothing can.
    """

    def __init__(self, clock: Clock, sign: Callable[[], str] = lambda: "") -> None:
        self._clock = clock
        self._sign = sign
        self._looks = Looks(self._judge, clock)
        self._wanted: deque[Read] = deque()
        self._under_way: set[int] = set()

    @property
    def busy(self) -> bool:
        """Whether something is not back yet."""
        return bool(self._under_way)

    def look(self) -> None:
        """The effect is looked for, unless the last look for it is not back yet."""
        self._begin(EFFECT)

    def keep(self, read: Read) -> None:
        """It is read by and by."""
        self._wanted.append(read)
        self._begin(LOGS)

    def back(self, seconds: float = 0.0) -> Iterator[Judgement]:
        """Each look for the effect that is back: what was seen, or why that is not known.

        The first is waited for, so many seconds of the clock. A bug that one met is raised.
        """
        for look, found in self._looks.back(seconds):
            self._under_way.discard(look.place)
            if look.condition is EFFECT or isinstance(found, Exception):
                yield _known(look, found)
            if self._wanted:
                self._begin(LOGS)

    def settled(self, until: float, taken: Callable[[float], None]) -> None:
        """All is back, or it is that moment of the clock's `monotonic`: then nothing more is begun.

        `taken` takes in what is `back` within so many seconds; what it raises ends the wait as well.
        """
        try:
            while self.busy and self._clock.monotonic() < until:
                taken(TICK)
        finally:
            self._wanted.clear()

    def _begin(self, condition: Condition) -> None:
        place = _PLACES.index(condition)
        self._under_way.add(place)
        self._looks.begin(place, condition, "during")

    def _judge(self, look: Look) -> Judgement:
        if look.condition is EFFECT:
            words = self._sign()
            return Judgement(bool(words), words, "an effect")
        while (read := self._next()) is not None:
            read()
        return Judgement(True, "kept", "kept")

    def _next(self) -> Read | None:
        try:
            return self._wanted.popleft()
        except IndexError:
            return None


def _known(look: Look, found: Judgement | Exception) -> Judgement:
    if isinstance(found, ChaoskitError):
        return Judgement(None, found.message, look.condition.title)
    if isinstance(found, Exception):
        raise found
    return found
