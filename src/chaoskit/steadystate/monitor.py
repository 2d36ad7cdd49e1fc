"""Evaluates the conditions of one run at its stages, and remembers what was seen when."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from chaoskit.events import Listener, Measured, ignore
from chaoskit.steadystate import sides
from chaoskit.steadystate.comparing import Judgement
from chaoskit.steadystate.conditions import Condition
from chaoskit.steadystate.looks import Look, Looks, Observation, Stage, Start
from chaoskit.steadystate.readers import Sources, measure
from chaoskit.steadystate.underfault import UnderFault

TICK = 0.5
"""Seconds for which looks are waited for before whoever waits is asked whether to go on."""

LATE = 2.0
"""Wall seconds by which a look may be late and is not missed yet."""

MISSED = Judgement(None, "was not looked at in time", "an answer")

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
        self.conditions: tuple[Condition, ...] = ()
        self.seen: list[Observation] = []
        self._clock = sources.clock
        self._looks = Looks(
            partial(measure, namespace=namespace, sources=sources), sources.clock, start=start
        )
        self._run = run
        self._listen = listen
        self._given_up: set[int] = set()
        self._injected: datetime | None = None
        self._fault = UnderFault(LATE / (self._clock.real(1.0) or 1.0))
        self.expect(conditions)

    def expect(self, conditions: Iterable[Condition]) -> None:
        """These must hold as well."""
        self.conditions += tuple(conditions)
        self._fault.conditions = self.conditions

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
            self._begun()
        found = self._ticked(None if injected else "during")
        return self._told((*found, *self._back()))

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
        while waiting.
        """
        self._ends(self._fault.over)
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
        return 0.0 if self._broke else self._fault.lag(self._clock.monotonic())

    def late(self, *, keep: Keep = lambda: None, stop: threading.Event | None = None) -> None:
        """What shows the fault late was looked at as under it to the end of its lag, or until it broke.

        The fault is over. `keep` is called while waiting; once `stop` is set, there is no more.
        """
        self._ends(self._fault.over)
        stop = stop or threading.Event()
        while self._shows_late and not stop.is_set():
            self.tick()
            self._told(self._back(TICK))
            if self._shows_late:
                self._pause(self._fault.next(self._clock.monotonic()), stop)
                keep()
        self._told(self._missed())

    def tick(self) -> tuple[Observation, ...]:
        """What is looked at as under the fault is, whatever else is waited for: call it while you wait."""
        return self._told(self._ticked())

    @contextmanager
    def looking_on(self, stage: Stage) -> Iterator[None]:
        """Inside, what is watched is looked at, whoever is busy ending the fault; it is told afterwards.

        What shows the fault at once is not judged by that; what shows it late is, as under the fault.
        """
        self._ends(self._fault.ending)
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
        self.seen = sides.divided(self.seen, self._injected, injected_at)

    def end(self) -> None:
        """Nothing is looked at any more; what is not back is in `seen` as missing."""
        self._told([self._observed(*each) for each in self._looks.end()])
        self._told(self._missed())

    # ------------------------------------------------------------------ waiting

    def _awaited(
        self, stage: Stage, until: dict[int, float], keep: Keep, stop: threading.Event
    ) -> tuple[Observation, ...]:
        """The look at each of these that held, or that was begun when its time was over."""
        found: dict[int, Observation] = {}
        due = dict.fromkeys(until, 0.0)
        while due and not stop.is_set():
            seen = self.tick()
            now = self._clock.monotonic()
            for place in [each for each in due if now >= due[each]]:
                self._begin(place, stage, now, has_time=now < until[place])
            for each in (*seen, *self._told(self._back(TICK))):
                place = each.look.place
                if each.stage != stage or each.look.tolerated:
                    continue
                if each.held is True or not each.look.has_time:
                    found[place] = each
                    due.pop(place, None)
                elif place in due:
                    due[place] = min(each.look.began + each.condition.interval, until[place])
            if due:
                self._pause(min(due.values()), stop)
                keep()
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
            found += self._ticked(stage)
        return found

    @property
    def _shows_late(self) -> bool:
        """Whether a look under the fault is due yet, or not back, where nothing broke so far."""
        now = self._clock.monotonic()
        return not self._broke and any(
            self._fault.covers(place, now) or ((look := self._looks.under_way(place)) and look.late)
            for place in self._fault.places
        )

    @property
    def _broke(self) -> bool:
        return any(map(sides.broken, self.seen))

    # ------------------------------------------------------------------ looking

    def _ticked(self, beside: Stage | None = None) -> list[Observation]:
        """What is back, or was missed; a look is begun wherever one is due.

        Under the fault it is one `during` it; else it is of the stage `beside`, and there is none without.
        """
        found = [*self._back(), *self._missed()]
        now = self._clock.monotonic()
        for place in self._fault.due(now):
            stage = "during" if self._fault.covers(place, now) else beside
            if stage is not None and self._begin(place, stage, now, tolerated=self._may_break(place, stage)):
                self._fault.looked(place, now)
        return found

    def _may_break(self, place: int, stage: Stage) -> bool:
        return stage != "during" or not self.conditions[place].during

    def _begin(self, place: int, stage: Stage, now: float, **more: bool) -> bool:
        late = stage == "during" and self._fault.late(now)
        injected = self._injected is not None
        return self._looks.begin(place, self.conditions[place], stage, injected=injected, late=late, **more)

    def _back(self, seconds: float = 0.0) -> list[Observation]:
        """What is back; the first is waited for, so long. A bug that a look met is raised."""
        return [self._observed(*each) for each in self._looks.back(seconds)]

    def _observed(self, look: Look, judgement: Judgement | Exception) -> Observation:
        if isinstance(judgement, Exception):
            raise judgement
        if judgement.held is not None and look.injected:  # else it says nothing of the time under the fault
            self._fault.answered(look.place, self._clock.monotonic())
        return Observation(look, judgement, self._clock.now())

    def _missed(self) -> list[Observation]:
        """Every look under the fault that was due and could not be begun, as one that was not evaluated."""
        now, found = self._clock.monotonic(), list[Observation]()
        for place in self._fault.places:
            if self._looks.under_way(place) is None:
                found += [self._unseen(place, due) for due in self._fault.missed(place, now)]
        return found

    def _unseen(self, place: int, due: float) -> Observation:
        now, may_break = self._clock.now(), self._may_break(place, "during")
        at = now - timedelta(seconds=self._clock.monotonic() - due)
        late, condition = self._fault.late(due), self.conditions[place]
        look = Look(place, condition, "during", at, due, injected=True, tolerated=may_break, late=late)
        return Observation(look, MISSED, now)

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
        return tuple(found)

    # ------------------------------------------------------------------ the fault

    def _begun(self) -> None:
        if self._injected is None:
            self._injected = self._clock.now()
            self._fault.begin(self._clock.monotonic())

    def _ends(self, ended: Callable[[float], None]) -> None:
        """What was begun before is taken first: it is of before; what was owed until now is missed."""
        self._begun()
        found = self._back()
        ended(self._clock.monotonic())
        self._told((*found, *self._missed()))
