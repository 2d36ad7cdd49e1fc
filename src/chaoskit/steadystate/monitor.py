"""Evaluates the conditions of one run at its stages, and remembers what was seen when."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from chaoskit.events import Listener, Measured, ignore
from chaoskit.steadystate.comparing import Judgement
from chaoskit.steadystate.conditions import Condition
from chaoskit.steadystate.readers import Sources, measure

Stage = Literal["before", "during", "after", "after undo"]


@dataclass(frozen=True, slots=True)
class Observation:
    """One condition at one moment of one stage."""

    condition: Condition
    stage: Stage
    at: datetime
    judgement: Judgement

    @property
    def held(self) -> bool | None:
        """Whether it held; None when it could not be evaluated."""
        return self.judgement.held

    def words(self) -> str:
        """``error_ratio 0.081 at cart-x, expected below 0.05``."""
        return f"{self.condition.title} {self.judgement.observed}, expected {self.judgement.expected}"

    def document(self) -> dict[str, Any]:
        """The observation as JSON."""
        return {
            "condition": self.condition.title,
            "stage": self.stage,
            "at": self.at.isoformat(),
            "held": self.held,
            "observed": self.judgement.observed,
            "expected": self.judgement.expected,
        }


class Monitor:
    """The steady state of one run. Every evaluation is reported and remembered in `seen`."""

    def __init__(
        self,
        conditions: Iterable[Condition],
        namespace: str,
        sources: Sources,
        *,
        run: str = "",
        listen: Listener = ignore,
    ) -> None:
        self.conditions = tuple(conditions)
        self.seen: list[Observation] = []
        self._namespace = namespace
        self._sources = sources
        self._run = run
        self._listen = listen
        self._due: dict[int, float] = {}

    def before(self) -> tuple[Observation, ...]:
        """Every condition that must hold before, looked at once."""
        return tuple(self._look(each, "before") for each in self.conditions if each.before)

    def during(self) -> tuple[Observation, ...]:
        """Every continuous condition whose interval has passed, looked at once."""
        now = self._sources.clock.monotonic()
        found: list[Observation] = []
        for index, condition in enumerate(self.conditions):
            if condition.during and now >= self._due.get(index, 0.0):
                self._due[index] = now + condition.interval
                found.append(self._look(condition, "during"))
        return tuple(found)

    def after(
        self, stage: Stage = "after", *, keep: Callable[[], None] = lambda: None
    ) -> tuple[Observation, ...]:
        """The last look at every condition that must hold afterwards; each had its time to recover."""
        return tuple(self._regained(each, stage, keep) for each in self.conditions if each.after)

    def _regained(self, condition: Condition, stage: Stage, keep: Callable[[], None]) -> Observation:
        clock = self._sources.clock
        until = clock.monotonic() + condition.recovers_within
        found = self._look(condition, stage)
        while found.held is not True and clock.monotonic() < until:
            clock.sleep(min(condition.interval, max(0.1, until - clock.monotonic())))
            keep()
            found = self._look(condition, stage)
        return found

    def _look(self, condition: Condition, stage: Stage) -> Observation:
        judgement = measure(condition, self._namespace, self._sources)
        found = Observation(condition, stage, self._sources.clock.now(), judgement)
        self.seen.append(found)
        self._listen(
            Measured(
                found.at,
                run=self._run,
                condition=condition.title,
                held=judgement.held,
                observed=judgement.observed,
                expected=judgement.expected,
            )
        )
        return found
