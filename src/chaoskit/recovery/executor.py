"""Carries a plan out: admitted, written down, looked at again before each act, verified, else undone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chaoskit.acts import halt
from chaoskit.acts.heart import Heart, Pulse
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import Clock, interruption
from chaoskit.errors import CannotStart, ChaoskitError, Interrupted, Refused, TakenOver
from chaoskit.events import Listener, Mark, Step, Warned, ignore
from chaoskit.governor import Governor, Hit
from chaoskit.outcome import Outcome, of_error
from chaoskit.ports.cluster import Cluster
from chaoskit.ports.metrics import MetricsSource
from chaoskit.ports.notifier import Notice, Notifier
from chaoskit.records import Moment, RecoveryRecord, Undo, new_id
from chaoskit.recovery import plain, remediations, verification
from chaoskit.recovery.planner import LOOP_WINDOW, Decision, Plan, Refusal, Rung
from chaoskit.recovery.remediations import Hands
from chaoskit.recovery.signalsymptoms import SIGNAL_OF
from chaoskit.recovery.verification import Verdict

LOOKS = 3
STARTING = 20.0
"""A symptom that cannot be seen is looked for so often, and pods get so many seconds to start meanwhile."""

LONGEST_HOLD = 20.0
"""Readiness of a pod that crashed soon after its start is watched for longer than it ran, up to this."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a recovery reaches: the cluster, its signals (None: there are none), time and the governor."""

    cluster: Cluster
    metrics: MetricsSource | None
    clock: Clock
    governor: Governor
    notifier: Notifier | None = None


def recover(
    decision: Decision,
    reach: Reach,
    *,
    listen: Listener = ignore,
    stop: threading.Event | None = None,
    trace_id: str = "",
    confirm: timedelta | None = None,
    drill: bool = False,
    replay_of: str = "",
    snapshot: dict[str, Any] | None = None,
) -> RecoveryRecord:
    """The plan was carried out as far as guards, the cluster and `stop` let it; the record says how it ended.

    What only signals show is confirmed by signals, within the runbook's time; of other issues the signals
    are asked as well when `confirm` says for how long. Outcomes: recovered, healed by itself, not recovered
    (what did not help is undone), refused, interrupted, undo not confirmed. Never raises for those.
    """
    work = _Recovery(decision, reach, listen, stop or threading.Event(), confirm, drill)
    work.trace_id = trace_id or work.id
    outcome, reason = work.run()
    return work.record(outcome, reason, replay_of, snapshot or {})


@dataclass
class _Recovery:
    """One recovery under way."""

    decision: Decision
    reach: Reach
    listen: Listener
    stop: threading.Event
    confirm: timedelta | None
    drill: bool
    trace_id: str = ""
    timeline: list[Moment] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    undone: Undo = field(default_factory=lambda: Undo("none needed"))
    verified: datetime | None = None

    def __post_init__(self) -> None:
        self.at = self.reach.clock.now()
        self.id = new_id(self.at)
        self.issue = self.decision.issue

    # ------------------------------------------------------------ the way

    def run(self) -> tuple[Outcome, str]:
        """How it ended, and why in words."""
        if isinstance(self.decision, Refusal):
            return self.decision.outcome, refusal_words(self.decision)
        self.tell("issue", "note", f"{self.issue.kind} of {self.issue.target}: {self.issue.evidence[0]}")
        try:
            return self._carry_out(self.decision)
        except Refused as error:
            return Outcome.REFUSED, f"{error.guard}: {error.message}"
        except Interrupted:
            return self._stopped(), "stopped before anything was done"
        except ChaoskitError as error:
            return Outcome.CANNOT_START, error.message

    def _carry_out(self, plan: Plan) -> tuple[Outcome, str]:
        if self._healed(plan):
            return Outcome.HEALED, "the symptom went away before anything was done"
        if all(rung.action == "notify" for rung in plan.rungs):
            return self._climb(plan, None)
        self._admit(plan)
        self._warn_of_what_guards_cannot_see(plan)
        ledger = Ledger.open(
            self.reach.cluster,
            self.reach.clock,
            id=self.id,
            act="recovery",
            namespace=self.issue.target.namespace or halt.HOME,
            targets=plan.targets,
            trace_id=self.trace_id,
            name=self.issue.id,
            what=self.issue.kind,
        )
        with Heart(self.reach.cluster, self.reach.clock) as heart, heart.attending(ledger) as pulse:
            return self._with_ledger(plan, pulse)

    def _admit(self, plan: Plan) -> None:
        guards = plan.runbook.spec.guards
        self.reach.governor.admit(
            "recovery",
            plan.targets,
            self.issue.target.namespace,
            at_once=plan.pods_hit,
            hits=(Hit(f"pods of {self.issue.target}", plan.pods_hit, plan.pods_total),),
            max_pods=guards.max_pods,
            max_percent=guards.max_percent,
            drill=self.drill,
        )

    def _warn_of_what_guards_cannot_see(self, plan: Plan) -> None:
        governor, now = self.reach.governor, self.reach.clock.now()
        for words in governor.blind("recovery", plan.targets, self.issue.target.namespace):
            self.timeline.append(Moment(now, "guards", "note", words))
            self.listen(Warned(now, words, run=self.id))

    def _with_ledger(self, plan: Plan, pulse: Pulse) -> tuple[Outcome, str]:
        ledger = pulse.ledger
        try:
            self.reach.governor.confirm(ledger, drill=self.drill)
        except Refused:
            ledger.close(Outcome.REFUSED)
            raise
        try:
            outcome, reason = self._climb(plan, pulse)
        except Interrupted:
            outcome, reason = self._stopped(), "stopped by the user"
        except TakenOver as error:
            return self._abandoned(error)
        except ChaoskitError as error:
            outcome, reason = Outcome.NOT_RECOVERED, error.message
            self.tell("stopped", "failed", error.message)
        except Exception:
            # A bug must not leave a half change behind; it may be the listener's own, so nobody is told.
            self.listen = ignore
            self._finish(plan, ledger, Outcome.BUG, "a bug")
            raise
        return self._finish(plan, ledger, outcome, reason)

    def _abandoned(self, error: TakenOver) -> tuple[Outcome, str]:
        """Whoever holds the ledger now undoes it; two at it would get into each other's way."""
        self.undone = Undo("not confirmed", (error.message,))
        return Outcome.UNDO_UNCONFIRMED, error.message

    def _stopped(self) -> Outcome:
        """Who asked for the end decides between the two words for it."""
        return of_error(interruption(self.stop))

    def _finish(self, plan: Plan, ledger: Ledger, outcome: Outcome, reason: str) -> tuple[Outcome, str]:
        """What did not help is undone, what helped stays, and the cluster knows that we are done."""
        try:
            if outcome is Outcome.RECOVERED:
                for entry in ledger.account.entries:
                    ledger.settle(entry)
            else:
                self._undo(ledger)
            ledger.close(outcome, keep=self._needed(plan))
        except ChaoskitError as error:
            self.undone = Undo("not confirmed", (error.message,))
        if self.undone.state == "not confirmed":
            return Outcome.UNDO_UNCONFIRMED, "; ".join((reason, *self.undone.left))
        return outcome, reason

    def _needed(self, plan: Plan) -> float:
        """Seconds for which guards and planners look back at this recovery; 0 when it did nothing."""
        if not any(step["done"] and step["action"] != "notify" for step in self.steps):
            return 0.0
        limits = self.reach.governor.remembers("recovery")
        return max(limits, plan.runbook.spec.guards.cooldown, LOOP_WINDOW.total_seconds())

    def _undo(self, ledger: Ledger) -> None:
        found = ledger.undo(self.listen)
        if found.state != "none needed":
            self.undone = found
            mark: Mark = "done" if found.state == "confirmed" else "failed"
            self.tell("undo", mark, found.state + "".join(f"; {each}" for each in found.left))

    # ------------------------------------------------------------ the ladder

    def _climb(self, plan: Plan, pulse: Pulse | None) -> tuple[Outcome, str]:
        for index, rung in enumerate(plan.rungs):
            if self.stop.is_set():
                raise Interrupted
            if index and rung.action != "notify" and self._healed(plan):
                return self._late(index)
            if self._try(plan, rung, pulse):
                return Outcome.RECOVERED, f"{rung.action}: {self.steps[-1]['detail']}"
            if pulse is not None and pulse.ledger.account.entries:
                self.steps[-1]["undone"] = True
                self._undo(pulse.ledger)
            if self.undone.state == "not confirmed":
                break  # nothing is built on what may still be half changed
        return Outcome.NOT_RECOVERED, "; ".join(f"{s['action']}: {s['detail']}" for s in self.steps)

    def _late(self, index: int) -> tuple[Outcome, str]:
        """The symptom is gone after the time of an act was up: the act helped if it was done and still is."""
        last = self.steps[index - 1]
        if not last["done"] or last["undone"]:
            return Outcome.HEALED, "the symptom went away by itself"
        last["helped"], self.verified = True, self.reach.clock.now()
        return Outcome.RECOVERED, f"{last['action']} helped, later than expected"

    def _try(self, plan: Plan, rung: Rung, pulse: Pulse | None) -> bool:
        step = plain.step(rung, self.reach.clock.now())
        self.steps.append(step)
        self.tell(rung.action, "begun", rung.why)
        try:
            verdict = (
                self._tell_a_person(step)
                if pulse is None or rung.action == "notify"
                else (self._act(plan, rung, pulse, step))
            )
        except TakenOver:
            raise
        except (Refused, CannotStart) as error:
            if isinstance(error, Refused) and error.guard == "halt":
                raise
            verdict = Verdict(False, error.message)
        step.update(
            ended_at=self.reach.clock.now(),
            helped=verdict.holds,
            detail="; ".join(filter(None, (step["detail"], verdict.words))),
        )
        self.tell(rung.action, "held" if verdict.holds else "failed", step["detail"])
        return verdict.holds

    def _act(self, plan: Plan, rung: Rung, pulse: Pulse, step: dict[str, Any]) -> Verdict:
        hands, began = Hands(self.reach.cluster, self.reach.clock, pulse.ledger), self.reach.clock.now()
        for target in rung.targets:
            pulse.ask()
            words = remediations.apply(rung, target, hands)
            step.update(done=True, detail="; ".join(filter(None, (step["detail"], words))))
            self.tell(rung.action, "done", words)
            if len(rung.targets) > 1:
                self._hold(target, 0.0, rung.step.timeout, pulse.check)
        return self._verify(plan, rung, began, pulse.check)

    def _tell_a_person(self, step: dict[str, Any]) -> Verdict:
        if self.reach.notifier is None:
            return Verdict(False, "a person has to look; nobody is configured to be told")
        text = "\n".join((*self.issue.evidence, *(f"tried {s['action']}" for s in self.steps[:-1])))
        title = f"{self.issue.kind} of {self.issue.target} in {self.issue.target.namespace}"
        labels = {"issue": self.issue.id, "namespace": self.issue.target.namespace, "recovery": self.id}
        self.reach.notifier.send(Notice(title, text, "critical", labels))
        step["done"] = True
        return Verdict(False, "a person was told")

    # ------------------------------------------------------------ verification

    def _verify(self, plan: Plan, rung: Rung, began: datetime, keep: Callable[[], None]) -> Verdict:
        verdict = self._hold(self.issue.target, self._seconds(plan, rung), rung.step.timeout, keep)
        if not verdict.holds:
            return verdict
        self.verified = self.reach.clock.now()
        within = self._signals_within(plan)
        if not within:
            return verdict
        self.tell("ready", "held", verdict.words)
        said = verification.confirm(
            self.issue,
            self.reach.cluster,
            self.reach.metrics,
            self.reach.clock,
            after=began,
            within=within,
            stop=self.stop,
            keep=keep,
        )
        if self.issue.kinds <= SIGNAL_OF.keys():
            self.verified = self.reach.clock.now()
        elif not said.known:
            return Verdict(True, f"{verdict.words}; signals cannot confirm it: {said.words}")
        return Verdict(said.holds, f"{verdict.words}; {said.words}")

    def _hold(
        self, target: Any, seconds: float, within: float, keep: Callable[[], None] = lambda: None
    ) -> Verdict:
        reach = self.reach
        return verification.hold(
            reach.cluster, reach.clock, target, seconds=seconds, within=within, stop=self.stop, keep=keep
        )

    def _seconds(self, plan: Plan, rung: Rung) -> float:
        """How long readiness must hold: longer than the same pods ran before they crashed."""
        least = plan.runbook.spec.verification.ready_for
        ran = float(self.issue.fact("ran") or 0)
        if rung.action in {"roll-back", "raise-memory-limit"} or ran >= LONGEST_HOLD:
            return least
        return max(least, ran + 2 if ran else 0)

    def _signals_within(self, plan: Plan) -> float:
        """How long signals may take to confirm; 0 when they are not asked."""
        if not self.issue.kinds & SIGNAL_OF.keys():
            return 0.0
        if self.confirm is not None:
            return self.confirm.total_seconds()
        only = self.issue.kinds <= SIGNAL_OF.keys()
        return plan.runbook.spec.verification.signals_within if only else 0.0

    def _healed(self, plan: Plan) -> bool:
        """Whether nothing is left of the issue; a pod between two crashes looks well for a moment."""
        least = max(plan.runbook.spec.verification.ready_for, float(self.issue.fact("ran") or 0) + 2)
        for _ in range(LOOKS):
            if self._present():
                return False
            if self.issue.kinds <= SIGNAL_OF.keys():
                return self._has_signals()
            if self._hold(self.issue.target, least, least + STARTING).holds:
                return True
        return False

    def _present(self) -> bool:
        reach = self.reach
        return verification.is_present(self.issue, reach.cluster, reach.metrics, reach.clock)

    def _has_signals(self) -> bool:
        """A signal that is gone proves nothing: only one that is there and normal does."""
        reach = self.reach
        return verification.confirm(
            self.issue, reach.cluster, reach.metrics, reach.clock,
            after=self.issue.at - timedelta(minutes=2), within=0, stop=self.stop,
        ).holds  # fmt: skip

    # ------------------------------------------------------------ the record

    def tell(self, name: str, mark: Mark, detail: str) -> None:
        """The timeline has it, and whoever listens has heard it."""
        now = self.reach.clock.now()
        self.timeline.append(Moment(now, name, mark, detail))
        self.listen(Step(now, name, mark, detail, run=self.id))

    def record(
        self, outcome: Outcome, reason: str, replay_of: str, snapshot: dict[str, Any]
    ) -> RecoveryRecord:
        """What is kept of it."""
        self.tell(outcome.words, "done" if outcome.exit_code == 0 else "failed", reason)
        recovered = self.verified if outcome is Outcome.RECOVERED else None
        return RecoveryRecord(
            id=self.id,
            at=self.at,
            trace_id=self.trace_id,
            issue=self.issue.kind,
            target=str(self.issue.target),
            namespace=self.issue.target.namespace,
            cluster=self.reach.cluster.name,
            outcome=outcome,
            reason=reason,
            ended_at=self.reach.clock.now(),
            symptoms=tuple(plain.symptom(each) for each in self.issue.symptoms),
            plan=plain.decision(self.decision),
            steps=tuple(self.steps),
            timeline=tuple(self.timeline),
            undo=self.undone,
            snapshot=snapshot,
            seconds_to_recover=None if recovered is None else (recovered - self.at).total_seconds(),
            replay_of=replay_of,
        )


def refusal_words(refusal: Refusal) -> str:
    """``cool-down until 12:31 UTC: the last recovery of it ended 40 s ago (2m is the limit)``."""
    until = "" if refusal.until is None else f" until {refusal.until:%H:%M} UTC"
    return f"{refusal.guard}{until}: {refusal.why} (limit: {refusal.limit})"
