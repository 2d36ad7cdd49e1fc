"""Carries a plan out: admitted, written down, climbed, else undone; who is to know of it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from chaoskit import clusters
from chaoskit.acts import halt
from chaoskit.acts.heart import Heart, Pulse
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import interruption
from chaoskit.errors import ChaoskitError, Forbidden, Interrupted, Refused, TakenOver
from chaoskit.events import Mark
from chaoskit.journal import Journal
from chaoskit.outcome import Outcome, of_error
from chaoskit.ports.notifier import Severity
from chaoskit.records import WORDS, RecoveryRecord, Undo
from chaoskit.recovery import admission, escalation, guards, plain, told, unattended, verification
from chaoskit.recovery.clearance import Clearance, asks
from chaoskit.recovery.detection import Sight, observe
from chaoskit.recovery.guards import LOOP_WINDOW, Refusal
from chaoskit.recovery.ladder import Ladder
from chaoskit.recovery.patience import outlasting, patiently
from chaoskit.recovery.planner import Decision, Plan
from chaoskit.recovery.proof import Proof
from chaoskit.recovery.reach import Options, Reach
from chaoskit.recovery.standing import Answer
from chaoskit.recovery.told import Matter
from chaoskit.redaction import nameless, redacted
from chaoskit.secretvalues import without


def recover(
    decision: Decision,
    reach: Reach,
    options: Options,
) -> RecoveryRecord:
    """The plan was carried out as far as guards, the cluster and a stop let it; the record says how it ended.

    What signals show is confirmed by signals, within the runbook's time unless the options name another; a
    contradiction of theirs reopens what is ready. Outcomes: recovered, healed by itself, not recovered (what
    did not help is undone, people are told), errored (what was done stays: the signals that alone could judge
    it are missing), undo not confirmed, refused, interrupted. Never raises for those. Of errored and undo not
    confirmed people are told, with what is left, whatever they were told before; of what a dead act in the
    way left, by whoever watches over the dead.
    """
    work = _Recovery(decision, reach, options)
    outcome, reason = work.run()
    return work.record(outcome, reason)


@dataclass
class _Recovery:
    """One recovery under way."""

    decision: Decision
    reach: Reach
    options: Options
    steps: list[dict[str, Any]] = field(default_factory=list)
    undone: Undo = field(default_factory=lambda: Undo("none needed"))
    took: float | None = None
    asked: bool = False
    snapshot: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.issue = self.decision.issue
        names = (self.issue.id, self.issue.kind, str(self.issue.target), self.issue.target.namespace, *WORDS)
        self.secrets = nameless(self.reach.secrets, names)
        self.journal = Journal(
            self.reach.clock, self.options.listen, self.options.trace_id, secrets=self.secrets
        )
        self.began = self.reach.clock.monotonic()
        self.id = self.journal.run
        self.stop = self.options.stop
        self.matter = Matter.of(self.issue, clusters.known(self.reach.cluster))

    # ------------------------------------------------------------ the way

    def run(self) -> tuple[Outcome, str]:
        """How it ended, and why in words."""
        if isinstance(self.decision, Refusal):
            return self.decision.outcome, admission.refusal_words(self.decision)
        for note in self.options.notes:
            self.journal.step("alert", "note", note)
        self.journal.step(
            "issue", "note", f"{self.issue.kind} of {self.issue.target}: {self.issue.evidence[0]}"
        )
        try:
            outcome, reason = self._carry_out(self.decision)
        except Refused as error:
            refusal = admission.refusal_of(self.issue, error)
            self._leave(self.decision, refusal, self.reach.clock.now() - self.issue.since)
            return refusal.outcome, admission.refusal_words(refusal)
        except Interrupted:
            return self._stopped(), "stopped before anything was done"
        except ChaoskitError as error:
            if isinstance(error, Forbidden):
                denied = Refusal(self.issue, "permission", "", error.message)
                self._leave(self.decision, denied, unattended.PATIENCE)
            return Outcome.CANNOT_START, error.message
        self._spread(self.decision, outcome, reason)
        return outcome, reason

    def _carry_out(self, plan: Plan) -> tuple[Outcome, str]:
        before = self._look()
        self.snapshot = plain.snapshot(before.topology, self.issue.target)
        old = guards.expired(self.issue, plan.runbook.spec.guards, self.reach.clock.now())
        if old is not None:
            raise admission.Withheld(old)
        if not verification.shows(self.issue, before) and self._has_healed(plan):
            return Outcome.HEALED, "the symptom went away before anything was done"
        if not plan.acts:
            return self._climb(plan, None)
        self._refuse_what_comes(before)
        clearance = Clearance(plan, self.issue, self.reach, self.options, self.journal)
        clearance.provable(self._proof(plan))
        governor = clearance.admitted()
        if asks(plan, self.reach):
            clearance.approved()
            if self._has_healed(plan):
                return Outcome.HEALED, "the symptom went away while a person was asked"
            self._refuse_what_comes(self._look())
            self.issue = replace(self.issue, at=self.reach.clock.now())  # it is still there: seen anew
            clearance = replace(clearance, issue=self.issue)
            governor = clearance.admitted()
        clearance.warn_of_what_is_unseen(governor)
        ledger = Ledger.open(
            self.reach.cluster,
            self.reach.clock,
            id=self.id,
            act="recovery",
            namespace=self.issue.target.namespace or halt.HOME,
            targets=plan.targets,
            trace_id=self.journal.trace_id,
            name=self.issue.id,
            what=self.issue.kind,
            evidence=json.dumps(redacted(plain.decision(plan), self.secrets), default=str),
            keep_for=self._needed(plan),
        )
        with Heart(self.reach.cluster, self.reach.clock) as heart, heart.attending(ledger) as pulse:
            return self._with_ledger(plan, pulse, clearance)

    def _look(self) -> Sight:
        """The issue's namespace as its objects are now."""
        return observe(self.reach.cluster, None, self.reach.clock, self.issue.target.namespace)

    def _refuse_what_comes(self, seen: Sight) -> None:
        """What may serve in a moment is left alone: acted on, it would begin anew."""
        if verification.comes(self.issue, seen):
            why = f"{self.issue.target} may serve in a moment by now: look again"
            raise admission.Withheld(Refusal(self.issue, "evidence", "what is seen", why))

    def _has_healed(self, plan: Plan) -> bool:
        """Nothing is left of the issue, as far as anybody can say: what nobody can tell is acted on."""
        return self._proof(plan).healed() is Answer.YES

    def _with_ledger(self, plan: Plan, pulse: Pulse, clearance: Clearance) -> tuple[Outcome, str]:
        ledger = pulse.ledger
        try:
            patiently(lambda: clearance.alone(ledger), self.reach.clock, self.stop, note=self._away)
        except ChaoskitError as error:
            ended = admission.outcome_of(error)

            def close() -> bool:
                ledger.close(ended)
                return True

            with suppress(ChaoskitError):  # it owes nothing: whoever finds it expired closes it
                outlasting(close, self.reach.clock)
            raise
        try:
            outcome, reason = self._climb(plan, pulse)
        except Interrupted:
            outcome, reason = self._stopped(), interruption(self.stop).message
        except ChaoskitError as error:
            outcome, reason = Outcome.NOT_RECOVERED, error.message
            self.journal.step("stopped", "failed", error.message)
        except (Exception, KeyboardInterrupt, SystemExit):
            # A bug must not leave a half change behind; it may be the listener's own, so nobody is told.
            self.journal.mute()
            self._finish(ledger, Outcome.BUG, "a bug")
            raise
        return self._finish(ledger, outcome, reason)

    def _stopped(self) -> Outcome:
        """Who asked for the end decides between the two words for it."""
        return of_error(interruption(self.stop))

    def _finish(self, ledger: Ledger, outcome: Outcome, reason: str) -> tuple[Outcome, str]:
        """What did not help is undone, what helped or cannot be judged stays; the cluster knows the end.

        Who lost the ledger to another leaves what is owed to that one, unconfirmed; who owes nothing by then
        ends as it came to.
        """
        reason = without(reason, self.secrets)

        def end() -> bool:
            if outcome in {Outcome.RECOVERED, Outcome.ERRORED}:
                for entry in ledger.account.entries:
                    ledger.settle(entry)
            else:
                self._undo(ledger)
            if self.undone.state != "not confirmed":
                ledger.close(
                    outcome,
                    keep=ledger.account.memorable,
                    reason=reason,
                    ending=lambda: self.options.ending(self._recorded(outcome, reason)),
                )
            return self.undone.state != "not confirmed"

        try:
            outlasting(end, self.reach.clock)
        except ChaoskitError as error:
            if ledger.account.entries or not isinstance(error, TakenOver):
                self.undone = Undo("not confirmed", (error.message,))
        if self.undone.state == "not confirmed":
            return Outcome.UNDO_UNCONFIRMED, "; ".join(dict.fromkeys((reason, *self.undone.left)))
        return outcome, reason

    def _needed(self, plan: Plan) -> float:
        """Seconds for which guards and planners look back at this recovery."""
        limits = self.reach.governor.remembers("recovery")
        return max(limits, plan.runbook.spec.guards.cooldown, LOOP_WINDOW.total_seconds())

    def _undo(self, ledger: Ledger) -> None:
        found = ledger.undo(self.journal.tell)
        if found.state != "none needed" or self.undone.state == "not confirmed":
            self.undone = found if found.state != "none needed" else Undo("confirmed")
            mark: Mark = "done" if found.state == "confirmed" else "failed"
            self.journal.step("undo", mark, found.state + "".join(f"; {each}" for each in found.left))

    # ------------------------------------------------------------ its parts

    def _proof(self, plan: Plan) -> Proof:
        wanted, confirm = plan.runbook.spec.verification, self.options.confirm
        return Proof(self.issue, self.reach, wanted, self.journal, self.stop, self.began, confirm)

    def _climb(self, plan: Plan, pulse: Pulse | None) -> tuple[Outcome, str]:
        proof = self._proof(plan)
        ladder = Ladder(
            plan, self.issue, self.reach, self.journal, proof, self.stop, self._taken_back,
            lambda severity, steps: self._told(plan, severity, escalation.text_of(self.issue, steps)),
            self.steps,
        )  # fmt: skip
        outcome, reason = ladder.climb(pulse)
        self.took = proof.took
        return outcome, reason

    def _taken_back(self, ledger: Ledger) -> Undo:
        """What the last rung left is undone, as soon as the server answers."""

        def act() -> bool:
            self._undo(ledger)
            return self.undone.state != "not confirmed"

        outlasting(act, self.reach.clock)
        return self.undone

    def _away(self, words: str) -> None:
        self.journal.step("server", "note", words)

    # ------------------------------------------------------------ people

    def _told(self, plan: Plan, severity: Severity, text: str, *, anew: bool = False) -> str:
        """People know of the issue, in the words of `text`; says so in words.

        What they heard before is good enough for as long as the runbook says, unless it is told `anew`.
        """
        again = None if anew else plan.runbook.spec.on_failure.tell_again
        said = self.reach.people.tell(self.matter, text, severity, self.id, again=again)
        self.asked = True
        return said

    def _spread(self, plan: Plan, outcome: Outcome, reason: str) -> None:
        """Who is to know of the end knows it: the target's events, and people."""
        cluster, failure = self.reach.cluster, plan.runbook.spec.on_failure
        if self.steps:
            escalation.record_event(
                cluster, self.reach.clock, self.issue, self.id, outcome, without(reason, self.secrets)
            )
        if outcome in {Outcome.RECOVERED, Outcome.HEALED}:
            known = told.look(cluster, self.matter)
            if known is not None:
                self._try_to_tell(lambda: self.reach.people.all_clear(known, outcome.words))
        elif failure.escalate and outcome in {Outcome.UNDO_UNCONFIRMED, Outcome.ERRORED}:
            left = "; ".join(self.undone.left) or reason
            text = escalation.text_of(self.issue, self.steps, escalation.end_of(outcome, left))
            self._try_to_tell(lambda: self._told(plan, failure.severity, text, anew=True))
        elif failure.escalate and outcome is Outcome.NOT_RECOVERED and not self.asked:
            text = escalation.text_of(self.issue, self.steps)
            self._try_to_tell(lambda: self._told(plan, failure.severity, text))

    def _leave(self, plan: Plan, refusal: Refusal, lasted: timedelta) -> None:
        """A person knows of what hurts and is not acted on, where none waits for this recovery."""
        if not self.options.wait:
            wanted = plan.runbook.spec.on_failure
            self._try_to_tell(lambda: unattended.tell(refusal, lasted, wanted, self.reach, self.id))

    def _try_to_tell(self, way: Callable[[], object]) -> None:
        try:
            way()
        except ChaoskitError as error:
            self.journal.step("escalation", "failed", error.message)

    # ------------------------------------------------------------ the record

    def record(self, outcome: Outcome, reason: str) -> RecoveryRecord:
        """What is kept of it."""
        self.journal.step(outcome.words, "done" if outcome.exit_code == 0 else "failed", reason)
        return self._recorded(outcome, reason)

    def _recorded(self, outcome: Outcome, reason: str) -> RecoveryRecord:
        return RecoveryRecord(
            id=self.id,
            at=self.journal.began,
            trace_id=self.journal.trace_id,
            issue=self.issue.kind,
            target=str(self.issue.target),
            namespace=self.issue.target.namespace,
            **clusters.fields(clusters.known(self.reach.cluster)),
            outcome=outcome,
            reason=without(reason, self.secrets),
            ended_at=self.reach.clock.now(),
            symptoms=tuple(plain.symptom(each) for each in self.issue.symptoms),
            plan=plain.decision(self.decision),
            steps=tuple(self.steps),
            timeline=tuple(self.journal.timeline),
            undo=self.undone,
            snapshot=self.snapshot,
            seconds_to_recover=self.took if outcome is Outcome.RECOVERED else None,
            replay_of=self.options.replay_of,
        )
