"""Evaluates the conditions of one run at its stages, and remembers what was seen when."""

from __future__ import annotations

import dataclasses
import threading
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
    """One condition at one moment of one stage; `injected`: whether an injection had been seen by then."""

    condition: Condition
    stage: Stage
    at: datetime
    judgement: Judgement
    injected: bool = False

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
            "at": self.at.isoformat(),
            "held": self.held,
            "observed": self.judgement.observed,
            "expected": self.judgement.expected,
            "measured": None if measured is None else dataclasses.asdict(measured),
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
        self._given_up: set[int] = set()

    def expect(self, conditions: Iterable[Condition]) -> None:
        """These must hold as well."""
        self.conditions += tuple(conditions)

    def before(self) -> tuple[Observation, ...]:
        """Every condition that must hold before, looked at once."""
        return tuple(self._look(each, "before") for each in self.conditions if each.before)

    def during(self, *, injected: bool = False) -> tuple[Observation, ...]:
        """Every continuous condition whose interval has passed, looked at once.

        `injected` says whether an injection has been seen so far; each look remembers it.
        """
        now = self._sources.clock.monotonic()
        found: list[Observation] = []
        for index, condition in enumerate(self.conditions):
            if condition.during and now >= self._due.get(index, 0.0):
                self._due[index] = now + condition.interval
                found.append(self._look(condition, "during", injected=injected))
        return tuple(found)

    def after(
        self,
        stage: Stage = "after",
        *,
        keep: Callable[[], None] = lambda: None,
        stop: threading.Event | None = None,
    ) -> tuple[Observation, ...]:
        """The last look at every condition that must hold afterwards; each had its time to recover.

        All have it at once, from now on, and only once: what did not come back in its time is not waited
        for at a later stage. Once `stop` is set nothing more is looked at. `keep` is called while waiting.
        """
        began = self._sources.clock.monotonic()
        stop = stop or threading.Event()
        found: list[Observation] = []
        for index, condition in enumerate(self.conditions):
            if condition.after and not stop.is_set():
                patience = 0.0 if index in self._given_up else condition.recovers_within
                found.append(self._regained(condition, stage, began + patience, keep, stop))
                if found[-1].held is not True:
                    self._given_up.add(index)
        return tuple(found)

    def _regained(
        self,
        condition: Condition,
        stage: Stage,
        until: float,
        keep: Callable[[], None],
        stop: threading.Event,
    ) -> Observation:
        clock = self._sources.clock
        found = self._look(condition, stage, injected=True)
        while found.held is not True and clock.monotonic() < until:
            if clock.sleep(min(condition.interval, max(0.1, until - clock.monotonic())), stop):
                break
            keep()
            found = self._look(condition, stage, injected=True)
        return found

    def _look(self, condition: Condition, stage: Stage, *, injected: bool = False) -> Observation:
        judgement = measure(condition, self._namespace, self._sources)
        found = Observation(condition, stage, self._sources.clock.now(), judgement, injected)
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
