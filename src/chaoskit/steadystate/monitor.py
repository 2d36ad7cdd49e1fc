"""Evaluates the conditions of one run at its stages, and remembers what was seen when."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime

from chaoskit.events import Listener, Measured, Warned, ignore
from chaoskit.steadystate import sides
from chaoskit.steadystate.comparing import Judgement
from chaoskit.steadystate.conditions import Condition
from chaoskit.steadystate.looks import Look, Observation, Stage, Start
from chaoskit.steadystate.readers import Sources, measure
from chaoskit.steadystate.waiting import Waiting
from chaoskit.steadystate.watch import Watch

TICK = 0.5
"""Seconds for which looks are waited for before whoever waits is asked whether to go on."""

Keep = Callable[[], None]
"""Called at least once a tick while looks are waited for; what it raises is the end of that."""


class Monitor:
    """The steady state of one run. Every evaluation is reported and remembered in `seen`.

    Nobody waits for a slow source but who wants its answer, and is asked meanwhile whether to go on. A look
    that was begun and is not back when the run ends is in `seen` as one that could not be evaluated. So is,
    under the fault, one that was due and could not be begun: what counts is time, however few the looks.
    `start` has a look taken: in a thread when not said.
    """

    def __init__(
        self,
        conditions: Iterable[Condition],
        namespace: str,
        sources: Sources,
        *,
        run: str = "",
        listen: Listener = ignore,
        start: Start | None = None,
    ) -> None:
        self.seen: list[Observation] = []
        self._clock = sources.clock

        def judge(look: Look) -> Judgement:
            return measure(look.condition, namespace, sources, settles=look.settles)

        self._watch = Watch(judge, sources.clock, start=start)
        self._run = run
        self._listen = listen
        self._given_up: set[int] = set()
        self._warned: set[str] = set()
        self.expect(conditions)

    def expect(self, conditions: Iterable[Condition]) -> None:
        """These must hold as well."""
        self._watch.conditions += tuple(conditions)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What must hold."""
        return self._watch.conditions

    # ------------------------------------------------------------------ the stages

    def before(self, *, stop: threading.Event | None = None) -> tuple[Observation, ...]:
        """Every condition that must hold before, looked at once; what is back by the time of a `stop`."""
        until = {place: 0.0 for place, each in enumerate(self.conditions) if each.before}
        return self._awaited("before", until, lambda: None, stop or threading.Event())

    def during(self, *, injected: bool = False) -> tuple[Observation, ...]:
        """What is back or missed by now; a look at every watched condition that is due is begun.

        `injected` says whether an injection has been seen so far; each look remembers it.
        """
        if injected:
            self._watch.sight()
        found = self._watch.tick(None if injected else "during")
        return self._told((*found, *self._watch.back()))

    def after(
        self,
        stage: Stage = "after",
        *,
        keep: Keep = lambda: None,
        stop: threading.Event | None = None,
    ) -> tuple[Observation, ...]:
        """The last look at every condition that must hold afterwards; each had its time to recover.

        The fault is over. All have their time at once, from now on, and only once: what did not come back in
        it is not waited for at a later stage. Once `stop` is set nothing more is looked at. `keep` is called
        while waiting. A lag goes on, but not "after undo": `late` had its time then, or was left out.
        """
        self._told(self._watch.over())
        if stage == "after undo":
            self._watch.give_up()
        now = self._clock.monotonic()
        until = {
            place: now + (0.0 if place in self._given_up else each.recovers_within)
            for place, each in enumerate(self.conditions)
            if each.after
        }
        return self._awaited(stage, until, keep, stop or threading.Event())

    @property
    def lag(self) -> float:
        """Seconds for which something may show the fault yet; 0 once anything was seen to break under it."""
        return self._watch.lag

    def late(self, *, keep: Keep = lambda: None, stop: threading.Event | None = None) -> None:
        """What shows the fault late was looked at as under it to the end of its lag, or until it broke.

        The fault is over. `keep` is called while waiting; once `stop` is set, there is no more.
        """
        self._told(self._watch.over())
        stop = stop or threading.Event()
        while self._watch.goes_on and not stop.is_set():
            self.tick()
            self._told(self._watch.back(TICK))
            if self._watch.goes_on:
                self._pause(self._watch.next, stop)
                keep()
        self._told(self._watch.missed())

    def tick(self) -> tuple[Observation, ...]:
        """What is looked at as under the fault is, whatever else is waited for: call it while you wait."""
        return self._told(self._watch.tick())

    @contextmanager
    def looking_on(self, stage: Stage) -> Iterator[None]:
        """Inside, what is watched is looked at, whoever is busy ending the fault; it is told afterwards.

        What shows the fault at once is not judged by that; what shows it late is, as under the fault.
        """
        self._told(self._watch.ending())
        if not self._clock.real(1.0):
            yield  # a clock turned by hand stands still unless whoever is inside turns it
            return
        over = threading.Event()
        with ThreadPoolExecutor(1, "looking-on") as threads:
            looks = threads.submit(self._look_on, stage, over)
            try:
                yield
            finally:
                over.set()
                self._told(looks.result())

    def divide(self, injected_at: datetime | None) -> None:
        """Looks of `seen` that may lie astride of the injection say nothing: call it when all are back."""
        self.seen = sides.divided(self.seen, self._watch.sighted, injected_at)

    def end(self) -> None:
        """Nothing is looked at any more; what is not back is in `seen` as missing."""
        self._told(self._watch.end())

    # ------------------------------------------------------------------ waiting

    def _awaited(
        self, stage: Stage, until: dict[int, float], keep: Keep, stop: threading.Event
    ) -> tuple[Observation, ...]:
        """The look at each of these that held, or that was begun when its time was over."""
        waiting = Waiting(stage, until, self._clock.monotonic())
        while not waiting.over and not stop.is_set():
            self._told(self._watch.tick(waiting=waiting))
            self._told(self._watch.back(TICK, waiting))
            if not waiting.over:
                self._pause(waiting.next, stop)
                keep()
        found = waiting.found
        self._given_up |= {place for place, seen in found.items() if stage != "before" and not seen.held}
        return tuple(found[place] for place in sorted(found))

    def _pause(self, due: float, stop: threading.Event) -> None:
        """The next look is due, or a tick is over."""
        wait = due - self._clock.monotonic()
        if wait > 0:
            self._clock.sleep(min(TICK, wait), stop)

    def _look_on(self, stage: Stage, over: threading.Event) -> list[Observation]:
        found: list[Observation] = []
        while not self._clock.sleep(TICK, over):
            found += self._watch.tick(stage)
        return found

    def _told(self, found: Sequence[Observation]) -> tuple[Observation, ...]:
        """All of it is remembered and told."""
        for each in found:
            self.seen.append(each)
            self._listen(
                Measured(
                    each.look.at,
                    run=self._run,
                    condition=each.condition.title,
                    held=each.held,
                    observed=each.judgement.observed,
                    expected=each.judgement.expected,
                )
            )
            self._warn(each.judgement.lacks)
        return tuple(found)

    def _warn(self, words: str) -> None:
        """Who listens has heard so, once."""
        if words and words not in self._warned:
            self._warned.add(words)
            self._listen(Warned(self._clock.now(), run=self._run, message=words))
