"""Runs one trial the whole way: steady state, ledger, engine, watch, verdict, undo, steady state again."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from chaoskit import kube
from chaoskit.acts.engine import ENDED, UID_LABEL, Trail, status
from chaoskit.acts.entries import Entry
from chaoskit.acts.ledger import Ledger
from chaoskit.acts.rescue import rescue
from chaoskit.clock import Clock
from chaoskit.errors import (
    CannotStart,
    ChaoskitError,
    Conflict,
    Interrupted,
    NotFound,
    Refused,
    TimedOut,
    Unavailable,
)
from chaoskit.events import ClusterEvent, Event, Listener, Mark, Progress, Step, Warned, ignore
from chaoskit.experiments import checks, litmus, planning, targets, terminal, verdict
from chaoskit.experiments.evidence import Evidence
from chaoskit.experiments.planning import Plan
from chaoskit.experiments.terminal import Ending, Observed
from chaoskit.experiments.trials import Trial
from chaoskit.experiments.verdict import Judged
from chaoskit.governor import Governor
from chaoskit.outcome import Outcome, of_error
from chaoskit.ports.cluster import Cluster, Object, ObjectRef
from chaoskit.ports.http import Http
from chaoskit.ports.metrics import MetricsSource
from chaoskit.records import Moment, RunRecord, Undo, new_id
from chaoskit.steadystate.monitor import Monitor
from chaoskit.steadystate.readers import Sources
from chaoskit.watching import Interest, Sighting, Watching

TICK = 1.0
COMPLETES = 90.0
"""Seconds that Litmus may take to end an engine by itself once every result has settled."""


def run(
    trial: Trial,
    *,
    cluster: Cluster,
    clock: Clock,
    governor: Governor,
    metrics: MetricsSource | None = None,
    http: Http | None = None,
    listen: Listener = ignore,
    stop: threading.Event | None = None,
    preflight: bool = True,
    timeout: float | None = None,
    trace_id: str = "",
    expected_hash: str = "",
) -> RunRecord:
    """The trial was run, judged and undone; the record says how it ended and why.

    Never raises for an outcome of the table, those of refusals and missing parts included. Without
    `preflight` only guards are asked and Litmus' own course is followed. `expected_hash` is a plan's:
    a drift of the live state from it is refused. Once `stop` is set (a `clock.Stop` says by which
    signal) everything is undone. A bug is raised after the undo.
    """
    sources = Sources(cluster, clock, metrics, http)
    one = _Run(trial, sources, governor, listen, stop or threading.Event(), trace_id)
    return one.whole(preflight=preflight, timeout=timeout, expected_hash=expected_hash)


class _Run:
    """One run's state while it is under way."""

    def __init__(
        self,
        trial: Trial,
        sources: Sources,
        governor: Governor,
        listen: Listener,
        stop: threading.Event,
        trace_id: str,
    ) -> None:
        self.trial = trial
        self.sources = sources
        self.cluster: Cluster = sources.cluster
        self.clock: Clock = sources.clock
        self.governor = governor
        self.stop = stop
        self.began = self.clock.now()
        self.id = new_id(self.began)
        self.trace_id = trace_id or self.id
        self.timeline: list[Moment] = []
        self.plan: Plan | None = None
        self.observed: Observed | None = None
        self.evidence: Evidence | None = None
        self.engine: Object | None = None
        self.undone = Undo("none needed")
        self.injected_at: datetime | None = None
        self.injected_until: datetime | None = None
        self._listen = listen
        self.monitor = Monitor(trial.conditions, trial.namespace, sources, run=self.id, listen=self._tell)

    def whole(self, *, preflight: bool, timeout: float | None, expected_hash: str) -> RunRecord:
        """From the plan to the record."""
        try:
            self.plan = self._planned(preflight=preflight, expected_hash=expected_hash)
            self._baseline()
            self._admitted(self.plan)
            judged = self._under_ledger(self.plan, timeout or self.plan.timeout)
        except _Decided as decided:
            judged = decided.judged
        except ChaoskitError as error:
            judged = self._judged(error)
        self._step("verdict", _mark(judged.outcome), f"{judged.outcome.words}: {judged.reason}")
        return self._record(judged)

    def _planned(self, *, preflight: bool, expected_hash: str) -> Plan:
        made = planning.plan(self.trial, self.cluster, governor=self.governor)
        if any(check.name in {"busy", "interlock"} for check in made.checks) and self._rescued():
            made = planning.plan(self.trial, self.cluster, governor=self.governor)
        if expected_hash and not made.hash.startswith(expected_hash):
            raise Refused(
                f"the cluster has changed since plan {expected_hash}: it is {made.hash} now",
                guard="plan drift",
                limit="the same targets, definitions and rights",
                hint="look at it again: chaoskit plan",
            )
        for check in made.checks:
            if check.state == "warning":
                self._tell(Warned(self.clock.now(), run=self.id, message=check.words))
        found = made.problem
        if preflight and found is not None and made.outcome is not None:
            raise _Decided(Judged(made.outcome, found.words, found.mend))
        return made

    def _rescued(self) -> bool:
        """Whether dead runs stood in the way; theirs is finished first. Live ones show within seconds."""
        done = rescue(
            self.cluster,
            self.clock,
            namespace=self.trial.namespace,
            listen=self._tell,
            stop=self.stop,
        )
        self._refuse_when_stopped()
        return bool(done)

    def _baseline(self) -> None:
        seen = self.monitor.before()
        broken = verdict.of_baseline(seen)
        for each in seen:
            self._step("steady before", "held" if each.held else "broken", each.words())
        if broken is not None:
            raise _Decided(broken)
        self._refuse_when_stopped()

    def _admitted(self, made: Plan) -> None:
        for selection in made.selections.values():
            if not selection.missing:
                planning.admitted(self.trial, selection, self.governor)
        self._refuse_when_stopped()

    def _under_ledger(self, made: Plan, timeout: float) -> Judged:
        """What follows is written down before it is done, and undone whatever happens."""
        ledger = Ledger.open(
            self.cluster,
            self.clock,
            id=self.id,
            act="chaos",
            namespace=self.trial.namespace,
            targets=tuple(dict.fromkeys(r for each in made.selections.values() for r in each.workloads)),
            trace_id=self.trace_id,
        )
        judgements: list[Judged | None] = []
        try:
            self.governor.confirm(ledger)
            self._step("undo written", "done", f"{ledger.account.ref} in namespace {self.trial.namespace}")
            judgements += self._injected(made, ledger, timeout)
        except ChaoskitError as error:
            judgements.append(self._judged(error))
        except Exception:
            # A bug must not leave the fault behind; it is raised again when the undo is done. It may be
            # the listener's own: from here on nobody is told.
            self._listen = ignore
            self._undo(ledger)
            self._close(ledger, Outcome.BUG)
            raise
        return self._ended(ledger, judgements)

    def _ended(self, ledger: Ledger, judgements: list[Judged | None]) -> Judged:
        self._undo(ledger)
        injected = self.observed is not None and self.observed.injected
        if injected and not self.stop.is_set():
            self._after("after undo", ledger)
        judgements.append(verdict.of_steady_state(self.monitor.seen, injected=injected))
        judged = verdict.final(judgements, self.undone)
        self._close(ledger, judged.outcome)
        return judged

    def _undo(self, ledger: Ledger) -> None:
        """The undo is done or `undone` says what is left; never raises."""
        try:
            self.undone = ledger.undo(self._tell)
        except ChaoskitError as error:
            self.undone = Undo("not confirmed", (str(error),))
        mark: Mark = "failed" if self.undone.left else "done"
        self._step("undo", mark, "; ".join(self.undone.left) or self.undone.state)
        if self.injected_at is not None and self.injected_until is None:
            self.injected_until = self.clock.now()

    def _close(self, ledger: Ledger, outcome: Outcome) -> None:
        acted = self.injected_at is not None
        try:
            ledger.close(outcome, keep=acted and self.governor.remembers("chaos"))
        except ChaoskitError as error:
            self._tell(Warned(self.clock.now(), run=self.id, message=f"{ledger.account.ref}: {error}"))

    def _injected(self, made: Plan, ledger: Ledger, timeout: float) -> list[Judged | None]:
        """The engine has been made and watched to its end; what Litmus' side of it means."""
        for body in self.trial.beside:
            self._make_beside(body, ledger)
        engine = self._make_engine(made, ledger)
        uid, name = engine["metadata"]["uid"], engine["metadata"]["name"]
        chosen = [pod for each in made.selections.values() for pod in each.pods]
        self.evidence = Evidence(self.cluster, uid, chosen)
        with Watching(self.cluster, self._interests(made, engine), self.clock) as watching:
            ending = self._ending(watching, ledger, timeout)
            self._step(self.trial.faults[0], "done", ending.reason or f"engine {name} has a verdict")
            if ending.how == "settled":
                self.injected_until = self.clock.now() if self.injected_at else None
            judged = verdict.of_litmus(
                self.trial.experiments, self._seen, ending, affected=self.evidence.affected
            )
            if ending.how == "settled":
                told = f"{judged.outcome.words}: {judged.reason}"
                self._step("litmus", _mark(judged.outcome), told)
                if self._seen.injected:
                    self._after("after", ledger)
                self._completed(watching, ledger)
        return [judged]

    def _make_beside(self, body: Object, ledger: Ledger) -> None:
        """An object beside the engine exists; one that was there before is left as it is."""
        ref = kube.ref_of(body)
        try:
            self.cluster.get(ref)
        except NotFound:
            ledger.write(Entry("created", ref, after=self.id))
            self.cluster.create(kube.managed(body, self.id))
            return
        message = f"{ref} exists already: the one in the cluster is used and left"
        self._tell(Warned(self.clock.now(), run=self.id, message=message))

    def _make_engine(self, made: Plan, ledger: Ledger) -> Object:
        """The engine is in the cluster; an ended one of its name is gone."""
        body = self._engine_body(made)
        ref = kube.ref_of(body, kube.CHAOS_ENGINE)
        self._refuse_when_stopped()
        self._clear_the_name(ref)
        trail = Trail(ref, self.id, made.selection.namespaces, self.trial.experiment is not None)
        ledger.write(trail.entry())
        old = self._results_before(ref.namespace)
        self._refuse_when_stopped()
        self.engine = self.cluster.create(body)
        uid = self.engine["metadata"]["uid"]
        known = dataclasses.replace(trail, engine=dataclasses.replace(ref, uid=uid))
        began = self.clock.monotonic()
        self.observed = Observed(ref.name, uid, began, self.trial.faults, old, engine=self.engine)
        ledger.amend(trail.entry(), known.entry())
        self._step(self.trial.faults[0], "begun", f"engine {ref.name} in namespace {ref.namespace}")
        return self.engine

    def _engine_body(self, made: Plan) -> Object:
        if self.trial.engine is not None:
            return litmus.unchanged(self.trial.engine, self.id)
        if self.trial.experiment is None:
            raise CannotStart(f"{self.trial.path}: neither an experiment nor an engine")
        return litmus.rendered(
            self.trial.experiment,
            self.id,
            account=made.account,
            workloads=made.selection.workloads,
            pods=targets.picked(made.selection, self.id),
            percent=made.selection.percent,
        )

    def _clear_the_name(self, ref: ObjectRef) -> None:
        try:
            existing = self.cluster.get(ref)
        except NotFound:
            return
        if checks.runs(existing):
            raise CannotStart(f"engine {ref.name} runs already in namespace {ref.namespace}")
        self.cluster.delete(kube.ref_of(existing, kube.CHAOS_ENGINE))
        until = self.clock.monotonic() + 60.0
        while self._there(ref):
            if self.clock.monotonic() >= until:
                raise CannotStart(f"the ended engine {ref.name} does not go away: its operator holds it")
            self._refuse_when_stopped()
            self.clock.sleep(0.5, self.stop)

    def _there(self, ref: ObjectRef) -> bool:
        try:
            self.cluster.get(ref)
        except NotFound:
            return False
        return True

    def _results_before(self, namespace: str) -> Mapping[str, str]:
        """The versions of results that are there now: as long as one keeps it, it is not ours."""
        found = self.cluster.list(kube.CHAOS_RESULT, namespace).items
        return {each["metadata"]["name"]: each["metadata"].get("resourceVersion", "") for each in found}

    def _interests(self, made: Plan, engine: Object) -> Iterator[Interest]:
        meta = engine["metadata"]
        home, name, uid = meta["namespace"], meta["name"], meta["uid"]
        yield Interest(kube.CHAOS_ENGINE, home, fields=f"metadata.name={name}")
        yield Interest(kube.CHAOS_RESULT, home, labels=f"{UID_LABEL}={uid}")
        yield Interest(kube.EVENT, home, fields=f"involvedObject.uid={uid}")
        places = {home, *(place for each in made.selections.values() for place in each.namespaces)}
        for place in sorted(places):
            yield Interest(kube.POD, place)

    @property
    def _seen(self) -> Observed:
        if self.observed is None:
            raise CannotStart("no engine has been made")
        return self.observed

    def _ending(self, watching: Watching, ledger: Ledger, timeout: float) -> Ending:
        """How the engine's run ended; the logs so far are kept, whatever ended it."""
        try:
            ending = self._watched(watching, ledger, timeout)
        except ChaoskitError:
            self._keep_logs()
            raise
        self._keep_logs()
        if ending.how not in {"no-result", "died"}:
            return ending
        last = self._last_words()
        return dataclasses.replace(ending, reason=f"{ending.reason}; {last}") if last else ending

    def _keep_logs(self) -> None:
        if self.evidence is not None:
            self.evidence.everything(self._seen.pods.values())

    def _last_words(self) -> str:
        """The last line that the engine's runner or experiment wrote: why there is no result."""
        logs = self.evidence.logs if self.evidence is not None else {}
        lines = {name: text.strip().splitlines() for name, text in logs.items()}
        return next((f"{name} says: {found[-1]}" for name, found in lines.items() if found), "")

    def _watched(self, watching: Watching, ledger: Ledger, timeout: float) -> Ending:
        """How the engine's run ended by itself.

        Raises:
            Interrupted: the user wants an end.
            TimedOut: the time allowed is over.
            Refused: it was halted meanwhile.
            _Decided: the steady state broke and the experiment asks for an abort.
        """
        while True:
            self._take(watching.next(TICK))
            now = self.clock.monotonic()
            ending = terminal.decide(self._seen, now)
            if ending is not None:
                return ending
            self._refuse_when_stopped()
            self._renew(ledger)
            self._during()
            if now - self._seen.began >= timeout:
                raise TimedOut(f"the run did not end within {timeout:.0f} s")

    def _during(self) -> None:
        for each in self.monitor.during():
            if each.held is False and each.condition.abort:
                self._step("aborting", "broken", each.words())
                injected = self._seen.injected
                judged = verdict.of_steady_state(self.monitor.seen, injected=injected)
                raise _Decided(judged or Judged(Outcome.ERRORED, each.words()))

    def _completed(self, watching: Watching, ledger: Ledger) -> None:
        """Litmus has ended the engine by itself, or its time for that is over."""
        until = self.clock.monotonic() + COMPLETES
        while self.clock.monotonic() < until and not self.stop.is_set():
            engine = self._seen.engine
            if self._seen.gone or (engine is not None and status(engine) in ENDED):
                return
            self._take(watching.next(TICK))
            self._renew(ledger)

    def _after(self, stage: Any, ledger: Ledger) -> None:
        for each in self.monitor.after(stage, keep=lambda: self._renew(ledger)):
            self._step(f"steady {stage}", "held" if each.held else "broken", each.words())

    def _renew(self, ledger: Ledger) -> None:
        try:
            ledger.renew()
        except Unavailable as error:
            self._tell(Warned(self.clock.now(), run=self.id, message=f"lease not renewed: {error}"))

    def _take(self, sighting: Sighting | None) -> None:
        """What was sighted is known, reported and, where it will vanish, kept."""
        if sighting is None or sighting.change.type in {"SYNCED", "LOST"}:
            self._progress()
            return
        kind, change = sighting.interest.kind, sighting.change
        now = self.clock.monotonic()
        self.observed = terminal.seen(self._seen, kind.name, change.type, change.object, now)
        if kind == kube.EVENT:
            self._heard(change.object)
        elif kind == kube.POD and self.evidence is not None:
            words = self.evidence.pod(change.type, change.object)
            if words:
                self._cluster_event(f"pod/{change.object['metadata']['name']}", "Changed", words)

    def _heard(self, event: Object) -> None:
        about = event.get("involvedObject") or {}
        if about.get("uid") != self._seen.uid:
            return
        reason = str(event.get("reason"))
        if reason == "ChaosInject" and self.injected_at is None:
            self.injected_at = kube.time_of(event.get("firstTimestamp")) or self.clock.now()
            self._step("injected", "done", str(event.get("message")))
        self._cluster_event(f"chaosengine/{about.get('name')}", reason, str(event.get("message")))

    def _cluster_event(self, about: str, reason: str, message: str) -> None:
        self._tell(ClusterEvent(self.clock.now(), run=self.id, object=about, reason=reason, message=message))

    def _progress(self) -> None:
        if self.injected_at is None or self.plan is None:
            return
        gone = (self.clock.now() - self.injected_at).total_seconds()
        done = min(self.plan.chaos_seconds, max(0.0, gone))
        total = self.plan.chaos_seconds
        name = self.trial.faults[0]
        self._tell(Progress(self.clock.now(), run=self.id, name=name, done=done, total=total, unit="s"))

    def _refuse_when_stopped(self) -> None:
        if self.stop.is_set():
            raise Interrupted(signal=getattr(self.stop, "signal", 2))

    def _judged(self, error: ChaoskitError) -> Judged:
        """An error as an outcome: after an injection nothing is refused or never started any more."""
        if isinstance(error, _Decided):
            return error.judged
        outcome = of_error(error)
        late = self.observed is not None and self.observed.injected
        if late and outcome in {Outcome.CANNOT_START, Outcome.REFUSED, Outcome.INVALID_INPUT}:
            outcome = Outcome.ERRORED
        if isinstance(error, Conflict) and not late:
            outcome = Outcome.CANNOT_START
        words = error.message
        if isinstance(error, Refused) and error.until:
            words += f" (until {error.until})"
        return Judged(outcome, words, error.hint)

    def _step(self, name: str, mark: Mark, detail: str = "") -> None:
        self._tell(Step(self.clock.now(), run=self.id, name=name, mark=mark, detail=detail))

    def _tell(self, event: Event) -> None:
        if isinstance(event, Step):
            self.timeline.append(Moment(event.at, event.name, event.mark, event.detail))
        elif isinstance(event, ClusterEvent):
            self.timeline.append(Moment(event.at, event.object, "note", f"{event.reason}: {event.message}"))
        self._listen(event)

    def _record(self, judged: Judged) -> RunRecord:
        made = self.plan
        refs = [] if made is None else [ref for each in made.selections.values() for ref in each.workloads]
        return RunRecord(
            id=self.id,
            at=self.began,
            trace_id=self.trace_id,
            name=self.trial.name,
            namespace=self.trial.namespace,
            cluster=self.cluster.name,
            fault=",".join(self.trial.faults),
            outcome=judged.outcome,
            reason=judged.reason,
            ended_at=self.clock.now(),
            experiment=self.trial.document,
            targets=tuple(dict.fromkeys(str(ref) for ref in refs)),
            steady_state=tuple(each.document() for each in self.monitor.seen),
            timeline=tuple(self.timeline),
            litmus=self._litmus(),
            undo=self.undone,
            evidence={
                **({} if self.evidence is None else self.evidence.document()),
                **({} if made is None else {"plan": made.document()}),
                "hint": judged.hint,
            },
            injected_at=self.injected_at,
            injected_until=self.injected_until,
        )

    def _litmus(self) -> dict[str, Any]:
        if self.observed is None:
            return {}
        seen = self.observed
        return {
            "engine": seen.name,
            "uid": seen.uid,
            "status": (seen.engine or {}).get("status"),
            "verdicts": {name: seen.verdict(name) for name in seen.experiments},
            "results": {name: (body.get("status") or {}) for name, body in seen.results.items()},
            "probes": [
                {"experiment": each["name"], **_plain(probe)}
                for each in self.trial.experiments
                for probe in verdict.probes(each, seen.result(each["name"]))
            ],
        }


class _Decided(ChaoskitError):
    """The run is judged already, on the way."""

    def __init__(self, judged: Judged) -> None:
        super().__init__(judged.reason, hint=judged.hint)
        self.judged = judged


def _plain(probe: verdict.Probe) -> dict[str, Any]:
    return {
        "name": probe.name,
        "mode": probe.mode,
        "verdict": probe.verdict,
        "description": probe.description,
    }


def _mark(outcome: Outcome) -> Mark:
    return "done" if outcome.exit_code == 0 else "failed"
