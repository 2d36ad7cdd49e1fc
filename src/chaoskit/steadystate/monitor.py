"""Evaluates the conditions of one run at its stages, and remembers what was seen when."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from math import inf

from chaoskit.events import Listener, Measured, ignore
from chaoskit.steadystate.comparing import Judgement
from chaoskit.steadystate.conditions import Condition
from chaoskit.steadystate.looks import Back, Look, Looks, Observation, Stage, Start
from chaoskit.steadystate.missing import Owed
from chaoskit.steadystate.readers import Sources, measure

TICK = 0.5
"""Seconds for which looks are waited for before whoever waits is asked whether to go on."""

UNSEEN = timedelta(seconds=2)
"""For so long a fault may be felt before it is seen: Litmus' helpers tell of it after they have begun it."""

AT_ONCE = timedelta(seconds=1)
"""So soon after the injection what holds is of before it: later looks tell of the time under the fault."""

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
        self.conditions = tuple(conditions)
        self.seen: list[Observation] = []
        self._clock = sources.clock
        self._looks = Looks(
            partial(measure, namespace=namespace, sources=sources), sources.clock, start=start
        )
        self._run = run
        self._listen = listen
        self._due: dict[int, float] = {}
        self._given_up: set[int] = set()
        self._injected: datetime | None = None
        self._over: float | None = None
        self._owed = Owed(LATE / (self._clock.real(1.0) or 1.0))

    def expect(self, conditions: Iterable[Condition]) -> None:
        """These must hold as well."""
        self.conditions += tuple(conditions)

    def before(self, *, stop: threading.Event | None = None) -> tuple[Observation, ...]:
        """Every condition that must hold before, looked at once; what is back by the time of a `stop`."""
        until = {place: 0.0 for place, each in enumerate(self.conditions) if each.before}
        return self._awaited("before", until, lambda: None, stop or threading.Event())

    def during(self, *, injected: bool = False) -> tuple[Observation, ...]:
        """What is back by now; a look at every watched condition whose interval has passed is begun.

        `injected` says whether an injection has been seen so far; each look remembers it.
        """
        found = [self._kept(each) for each in self._looks.back()]
        self._miss_overdue()
        self._begin_due("during", injected=injected)
        return (*found, *(self._kept(each) for each in self._looks.back()))

    def after(
        self,
        stage: Stage = "after",
        *,
        keep: Keep = lambda: None,
        stop: threading.Event | None = None,
    ) -> tuple[Observation, ...]:
        """The last look at every condition that must hold afterwards; each had its time to recover.

        All have it at once, from now on, and only once: what did not come back in its time is not waited
        for at a later stage. Once `stop` is set nothing more is looked at. `keep` is called while waiting.
        """
        self._fault_over()
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
        places = range(0 if any(map(_broken, self.seen)) else len(self.conditions))
        return max(map(self._lag, places), default=0.0)

    def late(self, *, keep: Keep = lambda: None, stop: threading.Event | None = None) -> None:
        """What shows the fault late was looked at as under it for what is left of its lag, or until it broke.

        Call it when the fault is over. `keep` is called while waiting; once `stop` is set, there is no more.
        """
        self._fault_over()
        stop = stop or threading.Event()
        while self.lag and not stop.is_set():
            self._begin_late()
            for back in self._looks.back(TICK):
                self._kept(back)
            if left := self.lag:
                due = [self._due[place] for place in range(len(self.conditions)) if self._lag(place)]
                self._pause([*due, self._clock.monotonic() + left], stop)
                keep()
        self._miss_overdue()

    @contextmanager
    def looking_on(self, stage: Stage) -> Iterator[None]:
        """Inside, what is watched is looked at, without being judged; it is told when that is over."""
        self._fault_over()
        if not self._clock.real(1.0):
            yield  # a clock turned by hand stands still unless whoever is inside turns it
            return
        over, seen = threading.Event(), list[Back]()
        thread = threading.Thread(target=self._look_on, args=(stage, over, seen), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        for each in seen:
            self._kept(each)

    def divide(self, injected_at: datetime | None) -> None:
        """Looks of `seen` that may lie astride of the injection say nothing: call it when all are back.

        Before it are those that were back some time before it was seen, and before `injected_at`, when it is
        said to have been by whatever clock; under it those that were begun when it had been seen. One that
        held at once says nothing either, where there are later ones.
        """
        known = [each for each in (injected_at, self._injected) if each is not None]
        if known:
            before = min(known) - UNSEEN
            self.seen = [_divided(each, before) for each in self.seen]
        if self._injected is not None:
            at_once = self._injected + AT_ONCE
            later = {e.look.place for e in self.seen if _under_fault(e) and e.look.at >= at_once}
            self.seen = [
                _too_early(each, at_once) if each.look.place in later else each for each in self.seen
            ]

    def end(self) -> None:
        """Nothing is looked at any more; what is not back is in `seen` as missing."""
        for each in self._looks.end():
            self._kept(each)

    # ------------------------------------------------------------------ waiting

    def _awaited(
        self, stage: Stage, until: dict[int, float], keep: Keep, stop: threading.Event
    ) -> tuple[Observation, ...]:
        """The look at each of these that held, or that was begun when its time was over."""
        found: dict[int, Observation] = {}
        due = dict.fromkeys(until, 0.0)
        while len(found) < len(until) and not stop.is_set():
            self._begin_late()
            now = self._clock.monotonic()
            for place in [each for each in due if each not in found and now >= due[each]]:
                self._begin(place, stage, injected=stage != "before", has_time=now < until[place])
            for look, judged in self._looks.back(TICK):
                seen = self._kept((look, judged))
                if look.stage != stage or look.tolerated:
                    continue
                if seen.held is True or not look.has_time:
                    found[look.place] = seen
                else:
                    due[look.place] = min(look.began + look.condition.interval, until[look.place])
            if len(found) < len(until):
                self._pause([due[each] for each in due if each not in found], stop)
                keep()
        self._given_up |= {place for place, seen in found.items() if stage != "before" and not seen.held}
        return tuple(found[place] for place in sorted(found))

    def _pause(self, due: list[float], stop: threading.Event) -> None:
        """The next look is due, or a tick is over; nothing is waited for where nothing is due later."""
        wait = min(due) - self._clock.monotonic()
        if wait > 0:
            self._clock.sleep(min(TICK, wait), stop)

    def _look_on(self, stage: Stage, over: threading.Event, seen: list[Back]) -> None:
        while not self._clock.sleep(TICK, over):
            self._begin_late()
            self._begin_due(stage, injected=True, tolerated=True)
            seen += self._looks.back()

    # ------------------------------------------------------------------ looking

    def _begin_due(self, stage: Stage, *, injected: bool, tolerated: bool = False) -> None:
        now = self._clock.monotonic()
        self._known(injected=injected)
        for place, each in enumerate(self.conditions):
            if each.watched and now >= self._due.get(place, 0.0):
                self._due[place] = now + each.interval
                may_break = tolerated or not each.during
                self._begin(place, stage, injected=injected, tolerated=may_break)

    def _begin_late(self) -> None:
        """What shows the fault late is looked at as under it while it may, whatever else is waited for."""
        now = self._clock.monotonic()
        for place, each in enumerate(self.conditions):
            if self._lag(place) and now >= self._due.get(place, 0.0):
                self._due[place] = now + each.interval
                self._begin(place, "during", injected=True, late=True)

    def _lag(self, place: int) -> float:
        """Seconds for which the condition may show the fault yet; 0 before its end."""
        over = -inf if self._over is None else self._over + self.conditions[place].lag
        return max(0.0, over - self._clock.monotonic())

    def _begin(self, place: int, stage: Stage, *, injected: bool, **more: bool) -> None:
        self._known(injected=injected)
        if self._looks.begin(place, self.conditions[place], stage, injected=injected, **more):
            self._vouched(place, stage)

    def _known(self, *, injected: bool) -> None:
        if injected and self._injected is None:
            self._injected = self._clock.now()
            self._owed.begin()
            for place, each in enumerate(self.conditions):
                if each.watched:
                    self._vouched(place, "during")

    def _kept(self, back: Back) -> Observation:
        """The look is remembered and told; a bug that it met is raised."""
        look, judgement = back
        if isinstance(judgement, Exception):
            raise judgement
        found = self._remembered(look, judgement)
        if judgement.held is not None:
            self._vouched(look.place, look.stage)
        elif look.stage == "during":
            self._miss(look.place)
        return found

    def _remembered(self, look: Look, judgement: Judgement) -> Observation:
        found = Observation(look, judgement, self._clock.now())
        self.seen.append(found)
        self._listen(
            Measured(
                look.at,
                run=self._run,
                condition=look.condition.title,
                held=judgement.held,
                observed=judgement.observed,
                expected=judgement.expected,
            )
        )
        return found

    # ------------------------------------------------------------------ what was not looked at

    def _vouched(self, place: int, stage: Stage) -> None:
        if stage == "during":
            self._owed.vouched(place, self._clock.monotonic(), self.conditions[place].interval)

    def _fault_over(self) -> None:
        """What was due and not looked at until now is missed; later looks are of another stage."""
        if self._over is not None:
            return
        for each in self._looks.back():
            self._kept(each)
        self._miss_overdue()
        self._over = self._clock.monotonic()
        for place, condition in enumerate(self.conditions):
            self._owed.end(place, self._over + condition.lag)

    def _miss_overdue(self) -> None:
        for place in self._owed.places:
            if not self._looks.under_way(place):
                self._miss(place)

    def _miss(self, place: int) -> None:
        """Every look that was due by now is in `seen` as one that could not be evaluated."""
        condition, now = self.conditions[place], self._clock.monotonic()
        for due in self._owed.missed(place, now, condition.interval):
            at, may_break = self._clock.now() - timedelta(seconds=now - due), not condition.during
            late = self._over is not None and due >= self._over
            look = Look(place, condition, "during", at, due, injected=True, tolerated=may_break, late=late)
            self._remembered(look, MISSED)


def _under_fault(seen: Observation) -> bool:
    return seen.stage == "during" and seen.injected


def _broken(seen: Observation) -> bool:
    return _under_fault(seen) and not seen.tolerated and seen.held is False


def _too_early(seen: Observation, at_once: datetime) -> Observation:
    early = _under_fault(seen) and seen.held is True and seen.look.at < at_once
    return dataclasses.replace(seen, astride=True) if early else seen


def _divided(seen: Observation, before: datetime) -> Observation:
    early = seen.stage == "during" and not seen.injected and not seen.tolerated
    return dataclasses.replace(seen, astride=True) if early and seen.back >= before else seen
