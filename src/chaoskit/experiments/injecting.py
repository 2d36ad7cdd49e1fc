"""A run from its ledger on: injected, watched, undone whatever happens, judged by all that was seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial

from chaoskit import clusters
from chaoskit.acts.accounts import Account
from chaoskit.acts.heart import Pulse
from chaoskit.clock import refuse_when_stopped
from chaoskit.errors import ChaoskitError, TakenOver
from chaoskit.events import Mark
from chaoskit.experiments import engine_watch, neighbours, verdict
from chaoskit.experiments.course import Course, recorded
from chaoskit.experiments.direct.course import DirectCourse
from chaoskit.experiments.engine_watch import EngineWatch
from chaoskit.experiments.planning import Plan
from chaoskit.experiments.trials import Trial
from chaoskit.experiments.verdict import Judged
from chaoskit.governor import Governor
from chaoskit.journal import Journal
from chaoskit.outcome import Outcome
from chaoskit.records import RunRecord, Undo
from chaoskit.redaction import scrubbed
from chaoskit.steadystate.looks import Stage
from chaoskit.steadystate.monitor import Monitor
from chaoskit.steadystate.readers import Sources
from chaoskit.watching import Watching


@dataclass(frozen=True, slots=True)
class Parts:
    """What one run is made of, from its plan to its record."""

    trial: Trial
    sources: Sources
    governor: Governor
    journal: Journal
    stop: threading.Event
    course: Course
    monitor: Monitor
    ending: Callable[[RunRecord], object] = lambda _record: None

    def record(self, judged: Judged) -> RunRecord:
        """The record of the run as far as it has come."""
        where = clusters.known(self.sources.cluster)
        return recorded(self.journal, self.trial, self.course, self.monitor.seen, judged, where)


class Injecting:
    """What follows once the ledger is open; `keep` is for how long its Lease stays afterwards at least."""

    def __init__(self, parts: Parts, plan: Plan, pulse: Pulse, *, keep: float) -> None:
        self.plan = plan
        self.pulse = pulse
        self.ledger = pulse.ledger
        self.keep = keep
        self.parts, self.trial, self.course, self.monitor = parts, parts.trial, parts.course, parts.monitor
        sources = parts.sources
        self.cluster, self.clock, self.metrics = sources.cluster, sources.clock, sources.metrics
        self.governor, self.journal, self.stop = parts.governor, parts.journal, parts.stop
        self.told: list[Judged] = []
        self.others: tuple[Account, ...] = ()

    def judged(self, timeout: float) -> Judged:
        """What is done is written down before, and undone whatever happens."""
        try:
            self._tried(lambda: self._inject(timeout))
            return self._ended()
        except (Exception, KeyboardInterrupt, SystemExit):
            # A bug must not leave the fault behind; it is raised again when the undo is done. It may be
            # the listener's own: from here on nobody is told. Who uses the library has no signal handler.
            self.journal.mute()
            self._undo()
            self._close(Outcome.BUG)
            raise

    def _tried(self, act: Callable[[], object]) -> None:
        """It is done, or what ended it on the way is a judgement."""
        try:
            act()
        except _Aborted:
            return  # the steady state is judged by every look at it, once the undo is done
        except ChaoskitError as error:
            self.told.append(verdict.of_trouble(error, late=self.course.disturbed))

    # ------------------------------------------------------------------ the fault

    def _inject(self, timeout: float) -> None:
        """The fault has been injected and watched to its end, and what that means by itself is told."""
        self.others = self.governor.confirm(self.ledger)
        where = f"{self.ledger.account.ref} in namespace {self.trial.namespace}"
        self.journal.step("undo written", "done", where)
        if self.plan.way == "direct":
            self._by_itself(timeout)
        else:
            self.ledger.note(",".join(self.trial.faults))
            self._still_wanted()
            self._by_litmus(timeout)

    def _by_itself(self, timeout: float) -> None:
        """What ends by itself is looked at once more before the undo; what lasts is over only with it."""
        assert self.trial.experiment is not None
        direct = DirectCourse(
            self.trial.experiment,
            self.course,
            self.cluster,
            self.clock,
            self.metrics,
            self.journal,
            self.ledger,
            self._still_wanted,
        )
        self.told.append(direct.judged(timeout, self._meanwhile))
        if not self.ledger.account.entries:
            self._tried(self._regain)

    def _by_litmus(self, timeout: float) -> None:
        made, course, cluster, clock = self.plan, self.course, self.cluster, self.clock
        seen = engine_watch.make(
            self.trial, made, course, cluster, clock, self.journal, self.ledger, self._still_wanted
        )
        interests = engine_watch.interests(made, seen.engine or {})
        with Watching(cluster, interests, clock) as watching:
            engine = EngineWatch(seen, made, course, cluster, clock, self.journal, watching)
            try:
                settled = self._settled(engine, timeout)
            finally:
                course.over(engine.fault_over)
            if settled:
                self._tried(lambda: self._complete(engine))

    def _settled(self, engine: EngineWatch, timeout: float) -> bool:
        """Whether Litmus came to a verdict; what it means by itself, or what is there instead, is told."""
        ending = engine.ending(timeout, self._meanwhile, self._looking_on)
        settled = ending.how == "settled"
        words = ending.reason or f"engine {engine.seen.name} has a verdict"
        self.journal.step(self.trial.faults[0], "done" if settled else "failed", words)
        own = partial(
            verdict.of_litmus,
            self.trial.experiments,
            engine.seen,
            ending,
            affected=engine.evidence.affected,
        )
        self.told.append(own(unprobed=verdict.held_words(steady=bool(self.trial.conditions))))
        if settled:  # what it did not look at may have broken
            judged = own()
            self.journal.step("litmus", mark(judged.outcome), f"{judged.outcome.words}: {judged.reason}")
        return settled

    def _complete(self, engine: EngineWatch) -> None:
        """The steady state had its time after the fault, and Litmus has ended its engine."""
        self._regain()
        engine.completed(self._tick)

    # ------------------------------------------------------------------ whether to go on

    def _still_wanted(self) -> None:
        """Right before something is done to a target: the cluster was asked, nobody wants an end."""
        refuse_when_stopped(self.stop)
        self.pulse.ask(begun=self.course.disturbed)

    def _wanted(self) -> None:
        """The run may go on: neither its user nor a halt wants an end."""
        refuse_when_stopped(self.stop)
        self._go_on()

    def _tick(self) -> None:
        """The run may go on, and what shows the fault late is looked at, whatever is waited for."""
        self._wanted()
        self.monitor.tick()

    def _meanwhile(self) -> None:
        """The run may go on.

        Raises:
            Interrupted: the user wants an end.
            Refused: it was halted meanwhile.
            _Aborted: the steady state broke and the experiment asks for an abort.
        """
        self._wanted()
        for each in self.monitor.during(injected=self.course.disturbed):
            if each.held is False and each.condition.abort:
                self.journal.step("aborting", "broken", each.words())
                raise _Aborted(each.words())

    def _go_on(self) -> None:
        """Neither a halt nor another process is in the way; a lease in trouble was told of."""
        self.pulse.check()
        self._tell_trouble()

    def _hold(self) -> None:
        """The verdict is found: nothing stops it any more, it is only told who else holds the ledger."""
        try:
            self.pulse.held()
        except TakenOver as error:
            self.journal.warn(error.message)
        self._tell_trouble()

    def _tell_trouble(self) -> None:
        if self.pulse.trouble:
            self.journal.warn(self.pulse.trouble)

    # ------------------------------------------------------------------ whatever happened

    def _regain(self) -> None:
        """The steady state had its time after the fault. A halt or a stop goes straight to the undo."""
        self._looked("after", self._go_on)

    def _show_late(self) -> None:
        """What shows the fault late had its time to show it, unless it is no pass anyhow.

        A halt or an abort ends that as a stop does: nobody has seen yet that it passes.
        """
        passes = not any(each.outcome.exit_code for each in self.told)
        if passes and self.course.disturbed:
            if lag := self.monitor.lag:
                words = f"looked at for {lag:.0f} s more: metrics show a fault late"
                self.journal.step("steady state", "note", words)
            self.monitor.late(keep=self._go_on, stop=self.stop)
        refuse_when_stopped(self.stop)

    def _regain_once_more(self) -> None:
        """The steady state had its time after the undo."""
        self._looked("after undo", self._hold)

    def _looking_on(self) -> AbstractContextManager[None]:
        """Inside, a steady state that was disturbed is looked at, whatever is taken back meanwhile."""
        return self.monitor.looking_on("after") if self.course.disturbed else nullcontext()

    def _looked(self, stage: Stage, keep: Callable[[], None]) -> None:
        """The steady state was looked at, where there was a fault; a stop is raised."""
        if self.course.disturbed:
            for each in self.monitor.after(stage, keep=keep, stop=self.stop):
                self.journal.step(f"steady {stage}", "held" if each.held else "broken", each.words())
        refuse_when_stopped(self.stop)

    def _ended(self) -> Judged:
        """The undo was done, and all is judged: what was told of the fault, and what was seen since.

        A stop is a judgement unless every look was had: who cancels a run is not told that it passed.
        """
        with self._looking_on():
            self._undo()
        self._tried(self._show_late)
        self._tried(self._regain_once_more)
        self.monitor.end()
        if self.course.disturbed:
            self.monitor.divide(self.course.injected_at)
        steady = verdict.of_steady_state(self.monitor.seen, injected=self.course.disturbed)
        told = (*self.told, steady) if steady is not None else (self.told or (verdict.of_abort(),))
        found = self._not_alone(told)
        judged = verdict.final(found, self.course.undone, [each.words for each in self.plan.too_late])
        outcome = verdict.once_undone(found, self.course.undone)
        self._close(outcome, judged.reason, lambda: self.parts.ending(self.parts.record(judged)))
        return judged

    def _not_alone(self, found: Sequence[Judged]) -> Sequence[Judged]:
        """The first weakness says which other runs, that may be seen, were at work where it was found."""
        weak = next((each for each in found if each.outcome is Outcome.WEAKNESS_FOUND), None)
        if weak is None:
            return found
        watched = (each.namespace(self.trial.namespace) for each in self.trial.conditions)
        with suppress(ChaoskitError):  # those who were there at the injection are known
            self.others += self.governor.others(self.ledger, also=watched)
        broken = (each.look.at for each in self.monitor.seen if each.held is False)
        since, until = self.course.injected_at or self.journal.began, max(broken, default=self.clock.now())
        near = tuple(neighbours.at_work(self.trial, self.others, since, until))
        return [verdict.beside(each, near) if each is weak else each for each in found]

    def _undo(self) -> None:
        """The undo is done or the course says what is left; never raises a `ChaoskitError`."""
        try:
            undone = self.ledger.undo(self.journal.tell)
        except ChaoskitError as error:
            undone = Undo("not confirmed", (str(error),))
        self.course.undone = undone
        word: Mark = "failed" if undone.left else "done"
        self.journal.step("undo", word, "; ".join(undone.left) or undone.state)
        self.course.over(self.clock.now())

    def _close(self, outcome: Outcome, reason: str = "", ending: Callable[[], object] = lambda: None) -> None:
        remembered = self.governor.remembers("chaos") if self.course.disturbed else 0
        try:
            told = scrubbed(reason, self.trial.secrets)
            self.ledger.close(outcome, keep=max(remembered, self.keep), reason=told, ending=ending)
        except ChaoskitError as error:
            self.journal.warn(f"{self.ledger.account.ref}: {error}")


class _Aborted(ChaoskitError):
    """The steady state broke, and the experiment is not to go on without it."""


def mark(outcome: Outcome) -> Mark:
    """How a step that came to this is shown."""
    return "done" if outcome.exit_code == 0 else "failed"
