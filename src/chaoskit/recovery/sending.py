"""What is known of the acts of a rung: never sent, sent without an answer, or answered."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from chaoskit.acts.heart import Pulse
from chaoskit.clock import Clock

ASKED = 1.0
"""Seconds for which the cluster's last answer to whether acts may go on is good enough."""

State = Literal["not sent", "sent", "answered"]
"""Nothing was done; an act may have been, but nobody can say so; the last one was, as the server said."""


@dataclass
class Sending:
    """Told of each act of a rung; `state` says what is known of them together.

    `ask` is called before each, and raises what forbids it.
    """

    ask: Callable[[], None] = lambda: None
    state: State = "not sent"
    _before: State = field(default="not sent", init=False)

    def sends(self) -> None:
        """An act is on its way to the server."""
        self._before, self.state = self.state, "sent"

    def answered(self) -> None:
        """It was done: the server said so, or shows it."""
        self.state = "answered"

    def denied(self) -> None:
        """It was not done: the server said so. An act before it that got no answer still has none."""
        self.state = self._before


@dataclass
class Leave:
    """What each act of an `action` asks before it is done."""

    action: str
    pulse: Pulse
    clock: Clock
    _asked: float = field(default=-math.inf, init=False)
    _counted: bool = field(default=False, init=False)

    def __call__(self) -> None:
        """It may be done, and guards count it as done from now on; raises as `Pulse.ask` does."""
        if self.clock.monotonic() - self._asked >= ASKED:
            self.pulse.ask()
            self._asked = self.clock.monotonic()
        self.pulse.check()
        if not self._counted:
            self.pulse.ledger.note(self.action)
            self._counted = True
