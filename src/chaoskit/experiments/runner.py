"""Runs one trial the whole way: steady state, ledger, engine, watch, verdict, undo, steady state again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import nullcontext

from chaoskit.acts import handover
from chaoskit.acts.heart import Heart
from chaoskit.acts.ledger import Ledger
from chaoskit.acts.rescue import Keep, nowhere, rescue
from chaoskit.clock import Clock, refuse_when_stopped
from chaoskit.errors import ChaoskitError, Refused
from chaoskit.events import Begun, Listener, ignore
from chaoskit.experiments import planning, verdict
from chaoskit.experiments.course import Course
from chaoskit.experiments.injecting import Injecting, Parts, mark
from chaoskit.experiments.planning import Plan
from chaoskit.experiments.trials import Trial
from chaoskit.experiments.verdict import Judged
from chaoskit.governor import Governor
from chaoskit.journal import Journal
from chaoskit.ports.cluster import Cluster, Identity
from chaoskit.ports.commands import Commands
from chaoskit.ports.http import Http
from chaoskit.ports.metrics import MetricsSource
from chaoskit.records import RunRecord
from chaoskit.redaction import redacted
from chaoskit.steadystate.monitor import Monitor
from chaoskit.steadystate.readers import Sources


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
    known: Identity | None = None,
    heart: Heart | None = None,
    ledger: Ledger | None = None,
    ending: Callable[[RunRecord], object] = lambda _record: None,
    keep: Keep = nowhere,
) -> RunRecord:
    """The trial was run, judged and undone; the record says how it ended and why.

    Never raises for an outcome of the table, those of refusals and missing parts included. Without
    `preflight` only guards are asked and Litmus' own course is followed. `expected_hash` is a plan's, or
    its first characters, eight at least: a drift of the live state from it is refused; `known` is the cluster
    as that plan knew it. Once `stop` is set
    (a `clock.Stop` says by which signal) everything is undone. A bug is raised after the undo. Several runs
    of one process may share a `heart`. `ledger` is that of a run that was handed over: it is used instead of
    a new one. `ending` gets the record when all is undone, before the cluster says that the run has ended.
    Dead acts that stood in its way are undone first, and given to `keep`.
    """
    sources = Sources(cluster, clock, metrics, http, commands)
    if ledger is None:
        journal = Journal(clock, listen, trace_id, secrets=trial.secrets)
    else:
        account = ledger.account
        journal = Journal(clock, listen, account.trace_id, run=account.id, secrets=trial.secrets)
    monitor = Monitor(trial.conditions, trial.namespace, sources, run=journal.run, listen=journal.tell)
    parts = Parts(trial, sources, governor, journal, stop or threading.Event(), Course(), monitor, ending)
    with nullcontext(heart) if heart is not None else Heart(cluster, clock) as beating:
        one = _Run(parts, beating, ledger, keep, known)
        return one.whole(preflight=preflight, timeout=timeout, expected_hash=expected_hash)


class _Run:
    """The order of one run: what must be so before anything is written, and the record of how it ended."""

    def __init__(
        self, parts: Parts, heart: Heart, handed: Ledger | None, keep: Keep, known: Identity | None
    ) -> None:
        self.parts = parts
        self.keep = keep
        self.known = known
        self.heart = heart
        self.handed = handed
        self.trial, self.course, self.monitor = parts.trial, parts.course, parts.monitor
        self.cluster, self.clock = parts.sources.cluster, parts.sources.clock
        self.governor, self.journal, self.stop = parts.governor, parts.journal, parts.stop

    def whole(self, *, preflight: bool, timeout: float | None, expected_hash: str) -> RunRecord:
        """From the plan to the record."""
        self.journal.tell(Begun(self.journal.began, self.trial.name, run=self.journal.run))
        for each in self.trial.warnings:
            self.journal.warn(str(each))
        try:
            judged = self._course(preflight=preflight, timeout=timeout, expected_hash=expected_hash)
        except ChaoskitError as error:
            judged = verdict.of_trouble(error, late=self.course.disturbed)
        self.monitor.end()
        self.journal.step("verdict", mark(judged.outcome), f"{judged.outcome.words}: {judged.reason}")
        return self.parts.record(judged)

    def _course(self, *, preflight: bool, timeout: float | None, expected_hash: str) -> Judged:
        """What the run came to, however far it came."""
        made = self._planned(expected_hash)
        stuck = _stuck(made) if preflight else None
        if stuck is not None:
            return stuck
        self.course.plan = made
        self.journal.naming(made.names)
        self.monitor.expect(planning.wholeness(made))
        broken = self._baseline()
        if broken is not None:
            return broken
        if self.monitor.seen or not preflight:  # else the plan's answer is of this moment, and was heeded
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
            now = "; ".join((made.hash, *(check.words for check in made.checks if check.name == "targets")))
            raise Refused(
                f"the cluster or the document has changed since plan {expected_hash}: it is {now} now, "
                f"on {made.cluster}",
                guard="plan drift",
                limit="the same cluster, documents, targets, definitions and account",
                hint="look at it again: chaoskit plan",
            )
        for check in made.checks:
            if check.state == "warning":
                self.journal.warn(check.words)
            elif check.name == "engine":
                self.journal.step("engine", "note", check.words)
        return made

    def _plan(self) -> Plan:
        metrics = self.parts.sources.metrics
        return planning.plan(
            self.trial,
            self.cluster,
            governor=self.governor,
            clock=self.clock,
            metrics=metrics,
            known=self.known,
        )

    def _rescued(self) -> bool:
        """Whether dead runs stood in the way; theirs is finished first. Live ones show within seconds."""
        namespace, tell = self.trial.namespace, self.journal.tell
        done = rescue(
            self.cluster, self.clock, namespace=namespace, listen=tell, stop=self.stop, keep=self.keep
        )
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
            planning.admitted(self.trial, selection, self.governor, made.prepared.beside)
        refuse_when_stopped(self.stop)

    # ------------------------------------------------------------------ under the ledger

    def _under_ledger(self, made: Plan, timeout: float) -> Judged:
        """What follows is written down before it is done, and undone whatever happens."""
        ledger = self._ledger(made)
        self.journal.also(ledger.tell)
        keep = handover.KEEP if self.handed is not None else 0
        with self.heart.attending(ledger) as pulse:
            return Injecting(self.parts, made, pulse, keep=keep).judged(timeout)

    def _ledger(self, made: Plan) -> Ledger:
        keep_for = self.governor.remembers("chaos")
        document = redacted(self.trial.document, self.trial.secrets, made.names)
        evidence = json.dumps({"experiment": document}, default=str)
        if self.handed is not None:
            self.handed.activate(made.touched, aimed=len(made.aimed), evidence=evidence, keep_for=keep_for)
            return self.handed
        return Ledger.open(
            self.cluster,
            self.clock,
            id=self.journal.run,
            act="chaos",
            namespace=self.trial.namespace,
            targets=made.touched,
            aimed=len(made.aimed),
            trace_id=self.journal.trace_id,
            name=self.trial.name,
            what=",".join(self.trial.faults),
            evidence=evidence,
            keep_for=keep_for,
        )


def _stuck(made: Plan) -> Judged | None:
    """Why the run may not start; None when it may."""
    found = made.problem
    if found is None or made.outcome is None:
        return None
    return Judged(made.outcome, found.words, found.mend)
