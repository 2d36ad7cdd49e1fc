"""How duties tell what they do: steps, warnings, and what has ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chaoskit.clock import Clock
from chaoskit.events import Ended, Listener, Mark, Step, Warned
from chaoskit.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Saying:
    """Tells the listener, at the time by the clock."""

    clock: Clock
    listen: Listener

    def step(self, name: str, mark: Mark, detail: str) -> None:
        """A step was told."""
        self.listen(Step(self.clock.now(), name, mark, detail))

    def warn(self, message: str) -> None:
        """A warning was told."""
        self.listen(Warned(self.clock.now(), message))

    def ended(self, work: str, about: str, outcome: Outcome, began: datetime, ended: datetime) -> None:
        """The end of a piece of work was told, with how long it took."""
        seconds = (ended - began).total_seconds()
        self.listen(Ended(self.clock.now(), work, about, outcome.value, seconds))
