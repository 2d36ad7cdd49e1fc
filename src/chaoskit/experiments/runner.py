"""Runs one trial the whole way: steady state, ledger, engine, watch, verdict, undo, steady state again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext

from chaoskit.acts import handover
from chaoskit.acts.heart import Heart, Pulse
from chaoskit.acts.ledger import Ledger
from chaoskit.acts.rescue import rescue
from chaoskit.clock import Clock, refuse_when_stopped
from chaoskit.errors import ChaoskitError, Conflict, Refused, TakenOver
from chaoskit.events import Begun, Listener, Mark, ignore
from chaoskit.experiments import engine_watch, planning, verdict
from chaoskit.experiments.course import Course, recorded
from chaoskit.experiments.direct.course import DirectCourse
from chaoskit.experiments.engine_watch import EngineWatch
from chaoskit.experiments.planning import Plan
from chaoskit.experiments.trials import Trial
from chaoskit.experiments.verdict import Judged
from chaoskit.governor import Governor
from chaoskit.journal import Journal
from chaoskit.outcome import Outcome, of_error
from chaoskit.ports.cluster import Cluster
from chaoskit.ports.commands import Commands
from chaoskit.ports.http import Http
from chaoskit.ports.metrics import MetricsSource
from chaoskit.records import RunRecord, Undo
from chaoskit.steadystate.looks import Stage
from chaoskit.steadystate.monitor import Monitor
from chaoskit.steadystate.readers import Sources
from chaoskit.watching import Watching


def run(
    trial: Trial,
    *,
    cluster: Cluster,
    clock: Clock,
    governor: Governor,
    metrics: MetricsSource | None = None,
    http: Http | None = None,
    commands: Commands | None = None,
    listen: Listener = ignore,
    stop: threading.Event | None = None,
    preflight: bool = True,
    timeout: float | None = None,
    trace_id: str = "",
    expected_hash: str = "",
    heart: Heart | None = None,
    ledger: Ledger | None = None,
) -> RunRecord:
    """The trial was run, judged and undone; the record says how it ended and why.

    Never raises for an outcome of the table, those of refusals and missing parts included. Without
    `preflight` only guards are asked and Litmus' own course is followed. `expected_hash` is a plan's, or
    its first characters, eight at least: a drift of the live state from it is refused. Once `stop` is set
    (a `clock.Stop` says by which signal) everything is undone. A bug is raised after the undo. Several runs
    of one process may share a `heart`. `ledger` is that of a run that was handed over: it is used instead of
    a new one.
    """
    sources = Sources(cluster, clock, metrics, http, commands)
    if ledger is None:
        journal = Journal(clock, listen, trace_id)
    else:
        journal = Journal(clock, listen, ledger.account.trace_id, run=ledger.account.id)
    with nullcontext(heart) if heart is not None else Heart(cluster, clock) as beating:
        one = _Run(trial, sources, governor, journal, beating, stop or threading.Event(), ledger)
        return one.whole(preflight=preflight, timeout=timeout, expected_hash=expected_hash)


class _Run:
    """The order of one run: what comes after what, and what comes whatever happens."""

    def __init__(
        self,
        trial: Trial,
        sources: Sources,
        governor: Governor,
        journal: Journal,
        heart: Heart,
        stop: threading.Event,
        handed: Ledger | None,
    ) -> None:
        self.trial = trial
        self.cluster = sources.cluster
        self.metrics = sources.metrics
        self.clock = sources.clock
        self.governor = governor
        self.journal = journal
        self.heart = heart
        self.stop = stop
        self.handed = handed
        self.course = Course()
        self.monitor = Monitor(
            trial.conditions, trial.namespace, sources, run=journal.run, listen=journal.tell
        )

    def whole(self, *, preflight: bool, timeout: float | None, expected_hash: str) -> RunRecord:
        """From the plan to the record."""
        self.journal.tell(Begun(self.journal.began, self.trial.name, run=self.journal.run))
        for each in self.trial.warnings:
            self.journal.warn(str(each))
        try:
            judged = self._course(preflight=preflight, timeout=timeout, expected_hash=expected_hash)
        except ChaoskitError as error:
            judged = self._judged(error)
        self.monitor.end()
        self.journal.step("verdict", _mark(judged.outcome), f"{judged.outcome.words}: {judged.reason}")
        return recorded(self.journal, self.trial, self.course, self.monitor.seen, judged, self.cluster.name)

    def _course(self, *, preflight: bool, timeout: float | None, expected_hash: str) -> Judged:
        """What the run came to, however far it came."""
        made = self._planned(expected_hash)
        stuck = _stuck(made) if preflight else None
        if stuck is not None:
            return stuck
        self.course.plan = made
        self.monitor.expect(planning.wholeness(made))
        broken = self._baseline()
        if broken is not None:
            return broken
        self._admitted(made)
        return self._under_ledger(made, timeout or made.timeout)

    # ------------------------------------------------------------------ before anything is written

    def _planned(self, expected_hash: str) -> Plan:
        if expected_hash:
            planning.refuse_short(expected_hash)
        made = self._plan()
        if any(check.name in {"busy", "interlock"} for check in made.checks) and self._rescued():
            made = self._plan()
        if expected_hash and not made.hash.startswith(expected_hash):
            raise Refused(
                f"the cluster has changed since plan {expected_hash}: it is {made.hash} now",
                guard="plan drift",
                limit="the same documents, targets, definitions and account",
                hint="look at it again: chaoskit plan",
            )
        for check in made.checks:
            if check.state == "warning":
                self.journal.warn(check.words)
        return made

    def _plan(self) -> Plan:
        return planning.plan(
            self.trial, self.cluster, governor=self.governor, clock=self.clock, metrics=self.metrics
        )

    def _rescued(self) -> bool:
        """Whether dead runs stood in the way; theirs is finished first. Live ones show within seconds."""
        namespace, tell = self.trial.namespace, self.journal.tell
        done = rescue(self.cluster, self.clock, namespace=namespace, listen=tell, stop=self.stop)
        refuse_when_stopped(self.stop)
        return bool(done)

    def _baseline(self) -> Judged | None:
        """What the steady state before the fault forbids; None when it holds."""
        seen = self.monitor.before(stop=self.stop)
        for each in seen:
            self.journal.step("steady before", "held" if each.held else "broken", each.words())
        refuse_when_stopped(self.stop)
        return verdict.of_baseline(seen)

    def _admitted(self, made: Plan) -> None:
        """The guards allow it; where nothing was found to hit, too: Litmus may find what we did not."""
        for selection in made.selections.values():
            planning.admitted(self.trial, selection, self.governor, made.prepared.changed)
        refuse_when_stopped(self.stop)

    # ------------------------------------------------------------------ under the ledger

    def _under_ledger(self, made: Plan, timeout: float) -> Judged:
        """What follows is written down before it is done, and undone whatever happens."""
        ledger = self._ledger(made)
        self.journal.also(ledger.tell)
        with self.heart.attending(ledger) as pulse:
            try:
                return self._ended(pulse, self._tried(lambda: self._injected(made, pulse, timeout)))
            except (Exception, KeyboardInterrupt, SystemExit):
                # A bug must not leave the fault behind; it is raised again when the undo is done. It may be
                # the listener's own: from here on nobody is told. Who uses the library has no signal handler.
                self.journal.mute()
                self._undo(ledger)
                self._close(ledger, Outcome.BUG)
                raise

    def _ledger(self, made: Plan) -> Ledger:
        keep_for = self.governor.remembers("chaos")
        if self.handed is not None:
            self.handed.activate(made.touched, keep_for=keep_for)
            return self.handed
        return Ledger.open(
            self.cluster,
            self.clock,
            id=self.journal.run,
            act="chaos",
            namespace=self.trial.namespace,
            targets=made.touched,
            trace_id=self.journal.trace_id,
            name=self.trial.name,
            what=",".join(self.trial.faults),
            keep_for=keep_for,
        )

    def _tried(self, act: Callable[[], tuple[Judged, ...]]) -> tuple[Judged, ...]:
        """What the act means by itself; what ended it on the way is a judgement, too."""
        try:
            return act()
        except _Aborted:
            return ()  # the steady state is judged by every look at it, once the undo is done
        except ChaoskitError as error:
            return (self._judged(error),)

    def _injected(self, made: Plan, pulse: Pulse, timeout: float) -> tuple[Judged, ...]:
        """The fault has been injected and watched to its end: what that means by itself."""
        ledger = pulse.ledger
        self.governor.confirm(ledger)
        where = f"{ledger.account.ref} in namespace {self.trial.namespace}"
        self.journal.step("undo written", "done", where)
        ledger.note(",".join(self.trial.faults))
        if made.way == "direct":
            return self._by_itself(pulse, timeout)
        self._still_wanted(pulse)
        return self._by_litmus(made, pulse, timeout)

    def _by_itself(self, pulse: Pulse, timeout: float) -> tuple[Judged, ...]:
        """What ends by itself is looked at once more before the undo; what lasts ends only with it."""
        judged = self._direct(pulse).judged(timeout, lambda: self._meanwhile(pulse))
        lasts = bool(pulse.ledger.account.entries)
        return (judged,) if lasts else (judged, *self._tried(lambda: self._regain(pulse)))

    def _direct(self, pulse: Pulse) -> DirectCourse:
        assert self.trial.experiment is not None
        return DirectCourse(
            self.trial.experiment,
            self.course,
            self.cluster,
            self.clock,
            self.metrics,
            self.journal,
            pulse.ledger,
            lambda: self._still_wanted(pulse),
        )

    def _by_litmus(self, made: Plan, pulse: Pulse, timeout: float) -> tuple[Judged, ...]:
        trial, course, cluster, clock = self.trial, self.course, self.cluster, self.clock
        seen = engine_watch.make(
            trial, made, course, cluster, clock, self.journal, pulse.ledger, lambda: self._still_wanted(pulse)
        )
        interests = engine_watch.interests(made, seen.engine or {})
        with Watching(cluster, interests, clock) as watching:
            engine = EngineWatch(seen, made, course, cluster, clock, self.journal, watching)
            ending = engine.ending(timeout, lambda: self._meanwhile(pulse))
            mark: Mark = "done" if ending.how == "settled" else "failed"
            self.journal.step(trial.faults[0], mark, ending.reason or f"engine {seen.name} has a verdict")
            judged = verdict.of_litmus(
                trial.experiments,
                engine.seen,
                ending,
                affected=engine.evidence.affected,
                steady=bool(trial.conditions),
            )
            if ending.how != "settled":
                return (judged,)
            course.injected_until = clock.now() if course.injected_at else None
            self.journal.step("litmus", _mark(judged.outcome), f"{judged.outcome.words}: {judged.reason}")
            return (judged, *self._tried(lambda: self._completed(engine, pulse)))

    def _completed(self, engine: EngineWatch, pulse: Pulse) -> tuple[Judged, ...]:
        """The steady state had its time after the fault, and Litmus has ended its engine: no judgement."""
        self._regain(pulse)
        engine.completed(lambda: self._wanted(pulse))
        return ()

    def _still_wanted(self, pulse: Pulse) -> None:
        """Right before something is done to a target: the cluster was asked, nobody wants an end."""
        refuse_when_stopped(self.stop)
        pulse.ask(begun=self.course.disturbed)

    def _wanted(self, pulse: Pulse) -> None:
        """The run may go on: neither its user nor a halt wants an end."""
        refuse_when_stopped(self.stop)
        self._go_on(pulse)

    def _meanwhile(self, pulse: Pulse) -> None:
        """The run may go on.

        Raises:
            Interrupted: the user wants an end.
            Refused: it was halted meanwhile.
            _Aborted: the steady state broke and the experiment asks for an abort.
        """
        self._wanted(pulse)
        for each in self.monitor.during(injected=self.course.disturbed):
            if each.held is False and each.condition.abort:
                self.journal.step("aborting", "broken", each.words())
                raise _Aborted(each.words())

    def _regain(self, pulse: Pulse) -> tuple[Judged, ...]:
        """The steady state had its time after the fault: no judgement by itself.

        A halt or a stop goes straight to the undo.
        """
        self._looked("after", lambda: self._go_on(pulse))
        return ()

    def _looked(self, stage: Stage, keep: Callable[[], None]) -> None:
        """The steady state was looked at, where there was a fault; a stop is raised."""
        if self.course.disturbed:
            for each in self.monitor.after(stage, keep=keep, stop=self.stop):
                self.journal.step(f"steady {stage}", "held" if each.held else "broken", each.words())
        refuse_when_stopped(self.stop)

    def _go_on(self, pulse: Pulse) -> None:
        """Neither a halt nor another process is in the way; a lease in trouble was told of."""
        pulse.check()
        self._tell_trouble(pulse)

    def _tell_trouble(self, pulse: Pulse) -> None:
        if pulse.trouble:
            self.journal.warn(pulse.trouble)

    # ------------------------------------------------------------------ whatever happened

    def _ended(self, pulse: Pulse, told: tuple[Judged, ...]) -> Judged:
        """The undo was done, and all is judged: what was `told` of the fault, and what was seen since.

        A stop is a judgement unless every look was had: who cancels a run is not told that it passed.
        """
        with self.monitor.looking_on("after") if self.course.disturbed else nullcontext():
            self._undo(pulse.ledger)
        found = (*told, *self._tried(lambda: self._regained(pulse)))
        self.monitor.end()
        if self.course.disturbed:
            self.monitor.divide(self.course.injected_at)
        steady = verdict.of_steady_state(self.monitor.seen, injected=self.course.disturbed)
        found = (*found, steady) if steady is not None else (found or (verdict.of_abort(),))
        judged = verdict.final(found, self.course.undone)
        self._close(pulse.ledger, verdict.once_undone(found, self.course.undone), judged.reason)
        return judged

    def _undo(self, ledger: Ledger) -> None:
        """The undo is done or the course says what is left; never raises a `ChaoskitError`."""
        try:
            undone = ledger.undo(self.journal.tell)
        except ChaoskitError as error:
            undone = Undo("not confirmed", (str(error),))
        self.course.undone = undone
        mark: Mark = "failed" if undone.left else "done"
        self.journal.step("undo", mark, "; ".join(undone.left) or undone.state)
        if self.course.injected_at is not None and self.course.injected_until is None:
            self.course.injected_until = self.clock.now()

    def _regained(self, pulse: Pulse) -> tuple[Judged, ...]:
        """The steady state had its time once more after the undo: no judgement by itself."""
        self._looked("after undo", lambda: self._hold(pulse))
        return ()

    def _hold(self, pulse: Pulse) -> None:
        """The verdict is found: nothing stops it any more, it is only told who else holds the ledger."""
        try:
            pulse.held()
        except TakenOver as error:
            self.journal.warn(error.message)
        self._tell_trouble(pulse)

    def _close(self, ledger: Ledger, outcome: Outcome, reason: str = "") -> None:
        keep = self.governor.remembers("chaos") if self.course.disturbed else 0
        if self.handed is not None:
            keep = max(keep, handover.KEEP)
        try:
            ledger.close(outcome, keep=keep, reason=reason)
        except ChaoskitError as error:
            self.journal.warn(f"{ledger.account.ref}: {error}")

    def _judged(self, error: ChaoskitError) -> Judged:
        """An error as an outcome: after an injection nothing is refused or never started any more."""
        outcome, late = of_error(error), self.course.disturbed
        if late and outcome in {Outcome.CANNOT_START, Outcome.REFUSED, Outcome.INVALID_INPUT}:
            outcome = Outcome.ERRORED
        if isinstance(error, Conflict) and not late:
            outcome = Outcome.CANNOT_START
        words = error.message
        if isinstance(error, Refused) and error.until:
            words += f" (until {error.until})"
        return Judged(outcome, words, error.hint)


class _Aborted(ChaoskitError):
    """The steady state broke, and the experiment is not to go on without it."""


def _stuck(made: Plan) -> Judged | None:
    """Why the run may not start; None when it may."""
    found = made.problem
    if found is None or made.outcome is None:
        return None
    return Judged(made.outcome, found.words, found.mend)


def _mark(outcome: Outcome) -> Mark:
    return "done" if outcome.exit_code == 0 else "failed"
