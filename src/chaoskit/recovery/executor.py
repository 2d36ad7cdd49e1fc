"""Carries a plan out: admitted, written down, looked at again before each act, verified, else undone."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chaoskit.acts import halt
from chaoskit.acts.approvals import Request
from chaoskit.acts.heart import Heart, Pulse
from chaoskit.acts.ledger import Ledger
from chaoskit.acts.rescue import rescue
from chaoskit.clock import Clock, interruption
from chaoskit.errors import CannotStart, ChaoskitError, Interrupted, Refused, TakenOver, Unavailable
from chaoskit.events import Listener, Mark, Step, Warned, ignore
from chaoskit.governor import Governor
from chaoskit.outcome import Outcome, of_error
from chaoskit.ports.cluster import Cluster, ObjectRef
from chaoskit.ports.http import Hooks
from chaoskit.ports.metrics import MetricsSource
from chaoskit.ports.notifier import Notice, Notifier, Severity
from chaoskit.records import Moment, RecoveryRecord, Undo, new_id
from chaoskit.recovery import admission, approving, escalation, guards, plain, remedies, told, verification
from chaoskit.recovery.attempts import remembered
from chaoskit.recovery.detection import observe
from chaoskit.recovery.guards import LOOP_WINDOW, Refusal
from chaoskit.recovery.planner import Decision, Plan
from chaoskit.recovery.readings import SIGNAL_OF
from chaoskit.recovery.remedies import Hands, Rung
from chaoskit.recovery.told import Matter
from chaoskit.recovery.verification import Verdict

LOOKS = 3
STARTING = 20.0
"""A symptom that cannot be seen is looked for so often, and pods get so many seconds to start meanwhile."""

LONGEST_HOLD = 20.0
"""Readiness of a pod that crashed soon after its start is watched for longer than it ran, up to this."""

OUTAGE = 60.0
"""Seconds for which a server that does not answer is waited for, before an act and for its undo."""

ASKED = 1.0
"""Seconds for which the cluster's last answer to whether acts may go on is good enough."""

PAUSE = 2.0
"""Seconds between two tries on such a server."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a recovery reaches: the cluster, its signals (None: there are none), time and the governor.

    `hooks` reaches the user's own webhooks. With `approval` a person is asked before anything is done.
    """

    cluster: Cluster
    metrics: MetricsSource | None
    clock: Clock
    governor: Governor
    notifier: Notifier | None = None
    hooks: Hooks | None = None
    approval: bool = False

    @property
    def people(self) -> escalation.People:
        """Whoever is on call."""
        return escalation.People(self.cluster, self.clock, self.notifier)


@dataclass(frozen=True, slots=True)
class Options:
    """How a recovery is carried out: who listens, what stops it, which lineage it belongs to.

    `confirm` is for how long signals are asked besides, None: only where nothing else shows the issue. In a
    `drill` it may repair what the chaos under test disturbs. `replay_of` is the recovery it repeats.
    Without `wait` a question to a person is left standing, for the recovery that comes after the yes.
    """

    listen: Listener = ignore
    stop: threading.Event = field(default_factory=threading.Event)
    trace_id: str = ""
    confirm: timedelta | None = None
    drill: bool = False
    replay_of: str = ""
    wait: bool = True


def recover(
    decision: Decision,
    reach: Reach,
    options: Options,
) -> RecoveryRecord:
    """The plan was carried out as far as guards, the cluster and a stop let it; the record says how it ended.

    What only signals show is confirmed by signals, within the runbook's time; a contradiction of theirs
    reopens what is ready. Outcomes: recovered, healed by itself, not recovered (what did not help is undone,
    people are told), refused, interrupted, undo not confirmed. Never raises for those.
    """
    work = _Recovery(decision, reach, options)
    outcome, reason = work.run()
    return work.record(outcome, reason)


def asks(plan: Plan, reach: Reach) -> bool:
    """Whether a person has to say yes to the plan."""
    return reach.approval or plan.runbook.spec.guards.approval


@dataclass
class _Recovery:
    """One recovery under way."""

    decision: Decision
    reach: Reach
    options: Options
    timeline: list[Moment] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    undone: Undo = field(default_factory=lambda: Undo("none needed"))
    verified: datetime | None = None
    asked: bool = False
    snapshot: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.at = self.reach.clock.now()
        self.id = new_id(self.at)
        self.issue = self.decision.issue
        self.listen, self.stop = self.options.listen, self.options.stop
        self.trace_id = self.options.trace_id or self.id
        self.matter = Matter.of(self.issue, self.reach.cluster.name)

    # ------------------------------------------------------------ the way

    def run(self) -> tuple[Outcome, str]:
        """How it ended, and why in words."""
        if isinstance(self.decision, Refusal):
            return self.decision.outcome, admission.words(self.decision)
        self.tell("issue", "note", f"{self.issue.kind} of {self.issue.target}: {self.issue.evidence[0]}")
        try:
            outcome, reason = self._carry_out(self.decision)
        except Refused as error:
            return Outcome.REFUSED, admission.words(admission.refusal_of(self.issue, error))
        except Interrupted:
            return self._stopped(), "stopped before anything was done"
        except ChaoskitError as error:
            return Outcome.CANNOT_START, error.message
        self._spread(self.decision, outcome, reason)
        return outcome, reason

    def _carry_out(self, plan: Plan) -> tuple[Outcome, str]:
        before = observe(self.reach.cluster, None, self.reach.clock, self.issue.target.namespace)
        self.snapshot = plain.snapshot(before.topology, self.issue.target)
        old = guards.expired(self.issue, plan.runbook.spec.guards, self.reach.clock.now())
        if old is not None:
            raise admission.error_of(old)
        if not verification.shows(self.issue, before) and self._healed(plan):
            return Outcome.HEALED, "the symptom went away before anything was done"
        if not plan.acts:
            return self._climb(plan, None)
        self._admitted(plan)
        if asks(plan, self.reach):
            self._approved(plan)
            if self._healed(plan):
                return Outcome.HEALED, "the symptom went away while a person was asked"
            self.issue = replace(self.issue, at=self.reach.clock.now())  # it is still there: seen anew
            self._admitted(plan)
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
            keep_for=self._needed(plan),
        )
        with Heart(self.reach.cluster, self.reach.clock) as heart, heart.attending(ledger) as pulse:
            return self._with_ledger(plan, pulse)

    def _admitted(self, plan: Plan) -> None:
        """Every guard lets the plan pass now; a dead process that stood in the way was cleared away first."""
        try:
            self._asked(plan)
        except Refused as error:
            if error.guard not in {"busy", "interlock"} or not self._rescued():
                raise
            self._asked(plan)

    def _asked(self, plan: Plan) -> None:
        admission.admit(plan, self.reach.governor, drill=self.options.drill)
        self._rested(plan)

    def _rested(self, plan: Plan) -> None:
        """What ended since the plan was made does not forbid it: somebody else may have been faster."""
        past = remembered(self.reach.governor.accounts(self.issue.target.namespace))
        found = guards.guarded(self.issue, plan.runbook.spec.guards, past, self.reach.clock.now())
        if found is not None:
            raise admission.error_of(found)

    def _rescued(self) -> bool:
        reach, place = self.reach, self.issue.target.namespace
        return bool(rescue(reach.cluster, reach.clock, namespace=place, listen=self.listen, stop=self.stop))

    def _approved(self, plan: Plan) -> None:
        """A person said yes to this very plan; where nobody waits for that, a question stands at least."""
        cluster, clock = self.reach.cluster, self.reach.clock
        if self.options.wait:
            with approving.asking(cluster, clock, self.id, plan) as asked:
                self._announce(asked)
                answer = approving.wait(cluster, clock, asked, self.stop)
        elif (found := approving.about(cluster, clock, plan)) is not None and found.state == "approved":
            answer = found
            approving.withdraw(cluster, answer)  # one yes is for one recovery
        else:
            self._announce(asked := approving.ask(cluster, clock, self.id, plan))
            until = asked.expires.isoformat()
            raise Refused("a person was asked", guard="approval", limit="a person's yes", until=until)
        if answer.digest != plan.digest:
            raise Refused("what was approved is another plan", guard="approval", limit=plan.digest)
        self.tell("approval", "held", f"by {answer.by or 'somebody'}")

    def _announce(self, asked: Request) -> None:
        """People know that there is a question."""
        self.tell(
            "approval", "begun", f"chaoskit approve {self.id} says yes, until {asked.expires:%H:%M} UTC"
        )
        self._send(Notice(
            f"approval wanted: {self.issue.kind} of {self.issue.target}",
            f"{asked.plan}\nchaoskit approve {self.id} -n {asked.ref.namespace}", "warning",
            {"recovery": self.id, "namespace": self.issue.target.namespace},
        ))  # fmt: skip

    def _warn_of_what_guards_cannot_see(self, plan: Plan) -> None:
        governor, now = self.reach.governor, self.reach.clock.now()
        for words in governor.blind("recovery", plan.targets, self.issue.target.namespace):
            self.timeline.append(Moment(now, "guards", "note", words))
            self.listen(Warned(now, words, run=self.id))

    def _with_ledger(self, plan: Plan, pulse: Pulse) -> tuple[Outcome, str]:
        ledger = pulse.ledger
        try:
            self.reach.governor.confirm(ledger, domains=plan.domains, drill=self.options.drill)
            self._rested(plan)
        except Refused:
            ledger.close(Outcome.REFUSED)
            raise
        try:
            outcome, reason = self._climb(plan, pulse)
        except Interrupted:
            outcome, reason = self._stopped(), "stopped by the user"
        except TakenOver as error:
            return self._abandoned(ledger, error)
        except ChaoskitError as error:
            outcome, reason = Outcome.NOT_RECOVERED, error.message
            self.tell("stopped", "failed", error.message)
        except (Exception, KeyboardInterrupt, SystemExit):
            # A bug must not leave a half change behind; it may be the listener's own, so nobody is told.
            self.listen = ignore
            self._finish(ledger, Outcome.BUG, "a bug")
            raise
        return self._finish(ledger, outcome, reason)

    def _abandoned(self, ledger: Ledger, error: TakenOver) -> tuple[Outcome, str]:
        """Whoever holds the ledger now undoes it; where its Lease is gone and nobody does, this one has."""
        try:
            self.undone = ledger.undo(self.listen) if ledger.account.entries else self.undone
        except ChaoskitError:
            self.undone = Undo("not confirmed", (error.message,))
        if self.undone.state == "confirmed":
            return Outcome.NOT_RECOVERED, error.message
        return Outcome.UNDO_UNCONFIRMED, error.message

    def _stopped(self) -> Outcome:
        """Who asked for the end decides between the two words for it."""
        return of_error(interruption(self.stop))

    def _finish(self, ledger: Ledger, outcome: Outcome, reason: str) -> tuple[Outcome, str]:
        """What did not help is undone, what helped stays, and the cluster knows that we are done."""

        def end() -> None:
            if outcome is Outcome.RECOVERED:
                for entry in ledger.account.entries:
                    ledger.settle(entry)
            else:
                self._undo(ledger)
            if self.undone.state != "not confirmed":
                ledger.close(outcome, keep=ledger.account.memorable)

        try:
            self._outlasting(end)
        except ChaoskitError as error:
            self.undone = Undo("not confirmed", (error.message,))
        if self.undone.state == "not confirmed":
            return Outcome.UNDO_UNCONFIRMED, "; ".join((reason, *self.undone.left))
        return outcome, reason

    def _outlasting(self, act: Callable[[], None]) -> None:
        """The act was done, as soon as the server answered again; it may be begun twice."""
        clock = self.reach.clock
        end = clock.monotonic() + OUTAGE
        while True:
            try:
                act()
            except Unavailable:
                if clock.monotonic() >= end:
                    raise
            else:
                if self.undone.state != "not confirmed" or clock.monotonic() >= end:
                    return
            clock.sleep(PAUSE)

    def _needed(self, plan: Plan) -> float:
        """Seconds for which guards and planners look back at this recovery."""
        limits = self.reach.governor.remembers("recovery")
        return max(limits, plan.runbook.spec.guards.cooldown, LOOP_WINDOW.total_seconds())

    def _undo(self, ledger: Ledger) -> None:
        found = ledger.undo(self.listen)
        if found.state != "none needed" or self.undone.state == "not confirmed":
            self.undone = found if found.state != "none needed" else Undo("confirmed")
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
                self._outlasting(lambda: self._undo(pulse.ledger))
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
                self._ask_a_person(plan, rung.step.severity or escalation.severity_of(self.issue), step)
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
        if denied := self._denied(rung):
            return Verdict(False, f"you may not {', '.join(denied)}")
        began = self.reach.clock.now()
        hands = self._hands(rung, began, pulse)
        for target in rung.targets:
            words = self._do(rung, target, hands, pulse, step)
            step.update(detail="; ".join(filter(None, (step["detail"], words))))
            self.tell(rung.action, "done", words)
            if len(rung.targets) > 1:
                self._hold((target,), 0.0, rung.step.timeout, pulse.check)
        return self._verify(plan, rung, began, pulse.check)

    def _hands(self, rung: Rung, began: datetime, pulse: Pulse) -> Hands:
        return Hands(
            self.reach.cluster,
            self.reach.clock,
            self.id,
            began,
            self.issue,
            hooks=self.reach.hooks,
            patience=rung.step.timeout,
            keep=pulse.check,
        )

    def _do(self, rung: Rung, target: ObjectRef, hands: Hands, pulse: Pulse, step: dict[str, Any]) -> str:
        """The rung was done to the target; a server that does not answer is waited for, and asked again."""
        clock = self.reach.clock
        end, asked = clock.monotonic() + OUTAGE, -math.inf

        def about_to() -> None:
            nonlocal asked
            if clock.monotonic() - asked >= ASKED:
                pulse.ask()
                asked = clock.monotonic()
            pulse.check()
            if not step["done"]:
                pulse.ledger.note(rung.action)
                step.update(done=True)

        while True:
            try:
                return remedies.apply(rung, target, hands, pulse.ledger, ask=about_to)
            except Unavailable as error:
                if clock.monotonic() >= end:
                    raise
                self.tell(rung.action, "note", f"{error.message}; trying again")
                pulse.check()
                if clock.sleep(PAUSE, self.stop):
                    raise interruption(self.stop) from error

    def _denied(self, rung: Rung) -> list[str]:
        """What of the rung's needs the server denies to this caller."""
        wanted = remedies.needs(rung)
        return [str(each) for each in wanted if self.reach.cluster.can_i(each) == "denied"]

    # ------------------------------------------------------------ people

    def _ask_a_person(self, plan: Plan, severity: Severity, step: dict[str, Any]) -> Verdict:
        said = self._told(plan, severity, self.steps[:-1])
        step["done"] = self.reach.notifier is not None
        return Verdict(False, said)

    def _told(self, plan: Plan, severity: Severity, steps: escalation.Steps) -> str:
        """People know of the issue and what was tried; says so in words."""
        self.asked = True
        again = plan.runbook.spec.on_failure.tell_again
        text = escalation.text_of(self.issue, steps)
        return self.reach.people.tell(self.matter, text, severity, self.id, again=again)

    def _spread(self, plan: Plan, outcome: Outcome, reason: str) -> None:
        """Who is to know of the end knows it: the target's events, and people."""
        cluster, failure = self.reach.cluster, plan.runbook.spec.on_failure
        if self.steps:
            escalation.record_event(cluster, self.reach.clock, self.issue, self.id, outcome, reason)
        if outcome in {Outcome.RECOVERED, Outcome.HEALED}:
            known = told.look(cluster, self.matter)
            if known is not None:
                self._try_to_tell(lambda: self.reach.people.all_clear(known, outcome.words))
        elif (
            outcome in {Outcome.NOT_RECOVERED, Outcome.UNDO_UNCONFIRMED}
            and failure.escalate
            and not self.asked
        ):
            self._try_to_tell(lambda: self._told(plan, failure.severity, self.steps))

    def _send(self, notice: Notice) -> None:
        """The notice was sent; when nobody takes it, the timeline says so, and the work goes on."""
        if (notifier := self.reach.notifier) is not None:
            self._try_to_tell(lambda: notifier.send(notice))

    def _try_to_tell(self, way: Callable[[], object]) -> None:
        try:
            way()
        except ChaoskitError as error:
            self.tell("escalation", "failed", error.message)

    # ------------------------------------------------------------ verification

    def _verify(self, plan: Plan, rung: Rung, began: datetime, keep: Callable[[], None]) -> Verdict:
        proof = rung.proof or (self.issue.target,)
        verdict = self._hold(proof, self._seconds(plan, rung), rung.step.timeout, keep)
        if not verdict.holds:
            return verdict
        if not rung.proof:
            left = verification.gone(
                self.issue, self.reach.cluster, self.reach.clock,
                within=rung.step.timeout, stop=self.stop, keep=keep,
            )  # fmt: skip
            if not left.holds:
                return Verdict(False, f"{verdict.words}, but {left.words}")
        self.verified = self.reach.clock.now()
        within = self._signals_within(plan)
        if not within:
            return verdict
        self.tell("ready", "held", verdict.words)
        return self._confirmed(verdict, began, within, keep)

    def _confirmed(self, ready: Verdict, began: datetime, within: float, keep: Callable[[], None]) -> Verdict:
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
            return Verdict(True, f"{ready.words}; signals cannot confirm it: {said.words}")
        elif not said.holds:
            self.tell("reopened", "broken", said.words)
        return Verdict(said.holds, f"{ready.words}; {said.words}")

    def _hold(
        self,
        targets: Sequence[ObjectRef],
        seconds: float,
        within: float,
        keep: Callable[[], None] = lambda: None,
    ) -> Verdict:
        reach = self.reach
        return verification.hold(
            reach.cluster, reach.clock, targets, seconds=seconds, within=within, stop=self.stop, keep=keep
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
        if self.options.confirm is not None:
            return self.options.confirm.total_seconds()
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
            if self._hold((self.issue.target,), least, least + STARTING).holds:
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

    def record(self, outcome: Outcome, reason: str) -> RecoveryRecord:
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
            snapshot=self.snapshot,
            seconds_to_recover=None if recovered is None else (recovered - self.at).total_seconds(),
            replay_of=self.options.replay_of,
        )
