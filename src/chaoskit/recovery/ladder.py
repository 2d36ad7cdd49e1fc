"""The ladder of a plan: one remedy after the other is done, proven, or taken back for the next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, assert_never

from chaoskit.acts.heart import Pulse
from chaoskit.acts.ledger import Ledger
from chaoskit.errors import CannotStart, Conflict, Forbidden, Interrupted, Refused, TakenOver, Unavailable
from chaoskit.events import Mark
from chaoskit.journal import Journal
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import ObjectRef
from chaoskit.ports.notifier import Severity
from chaoskit.records import Undo
from chaoskit.recovery import escalation, plain, remedies
from chaoskit.recovery.issues import Issue
from chaoskit.recovery.patience import Deadline, patiently
from chaoskit.recovery.planner import Plan
from chaoskit.recovery.proof import Keep, Proof
from chaoskit.recovery.reach import Reach
from chaoskit.recovery.remedies import Hands, Rung
from chaoskit.recovery.sending import Leave, Sending, State
from chaoskit.recovery.standing import Answer, Verdict
from chaoskit.sharing import abreast

T = TypeVar("T")

_MARKS: Mapping[Answer, Mark] = {Answer.YES: "held", Answer.NO: "failed", Answer.UNKNOWN: "note"}

_UNJUDGED: Mapping[State, str] = {
    "not sent": "{} was not done",
    "sent": "nobody can say whether {} was done",
    "answered": "{} was done and stays",
}


class _Unheard(Exception):
    """A remedy is in the cluster, and nobody said so in time: what it comes to is not known."""


@dataclass
class Ladder:
    """Climbs a plan's rungs; `steps` says of each that was tried what came of it.

    `undo` takes back what the ledger holds, and `tell` lets people know of an issue and of what was tried, in
    words for the record.
    """

    plan: Plan
    issue: Issue
    reach: Reach
    journal: Journal
    proof: Proof
    stop: threading.Event
    undo: Callable[[Ledger], Undo]
    tell: Callable[[Severity, escalation.Steps], str]
    steps: list[dict[str, Any]] = field(default_factory=list)
    sending: Sending = field(default_factory=Sending)
    """What is known of the acts of the last rung."""

    def climb(self, pulse: Pulse | None) -> tuple[Outcome, str]:
        """How far it helped, and why; without a `pulse` people are told, and nothing is done.

        Raises:
            Interrupted: a stop came.
            Refused: a halt came.
            TakenOver: somebody else holds the ledger now.
        """
        keep = (lambda: None) if pulse is None else pulse.check
        for index, rung in enumerate(self.plan.rungs):
            if self.stop.is_set():
                raise Interrupted
            if index and self._has_healed(rung, keep):
                self.proof.reached()
                return self._over(" helped, later than expected")
            match self._try(rung, pulse):
                case Answer.YES:
                    return self._over(f": {self.steps[-1]['detail']}")
                case Answer.UNKNOWN:  # no reason to take it back, nor to do more: a person is told
                    known = _UNJUDGED[self.sending.state].format(rung.action)
                    return Outcome.ERRORED, f"{known}: {self.steps[-1]['detail']}"
                case Answer.NO:
                    if not self._is_taken_back(pulse):
                        break  # nothing is built on what may still be half changed
                case never:
                    assert_never(never)
        return Outcome.NOT_RECOVERED, "; ".join(f"{s['action']}: {s['detail']}" for s in self.steps)

    def _has_healed(self, rung: Rung, keep: Keep) -> bool:
        """Nothing is left of the issue, so that the rung is not needed; people are told if nobody can say."""
        try:
            return self._patiently(self.proof.healed, keep) is Answer.YES
        except Unavailable:
            if rung.action == "notify":
                return False
            raise

    def _is_taken_back(self, pulse: Pulse | None) -> bool:
        """What the last rung changed is as before, as far as that can be said."""
        if pulse is None or not pulse.ledger.account.entries:
            return True
        self.steps[-1]["undone"] = True
        return self.undo(pulse.ledger).state != "not confirmed"

    def _over(self, how: str) -> tuple[Outcome, str]:
        """The symptom is gone: the last rung helped if it was done, as somebody can say, and still is."""
        last = self.steps[-1]
        if self.sending.state == "not sent" or last["undone"]:
            return Outcome.HEALED, "the symptom went away by itself"
        if self.sending.state == "sent":
            last["judged"] = False
            words = f"the symptom went away; nobody can say whether {last['action']} did it"
            return Outcome.HEALED, words
        last["helped"] = True
        return Outcome.RECOVERED, f"{last['action']}{how}"

    def _try(self, rung: Rung, pulse: Pulse | None) -> Answer:
        step = plain.step(rung, self.reach.clock.now())
        self.steps.append(step)
        self.sending = Sending()
        self.journal.step(rung.action, "begun", rung.why)
        verdict = self._tried(rung, pulse, step)
        step.update(
            ended_at=self.reach.clock.now(),
            judged=verdict.answer is not Answer.UNKNOWN,  # whoever was stopped before leaves it unjudged
            detail="; ".join(filter(None, (step["detail"], verdict.words))),
        )
        self.journal.step(rung.action, _MARKS[verdict.answer], step["detail"])
        return verdict.answer

    def _tried(self, rung: Rung, pulse: Pulse | None, step: dict[str, Any]) -> Verdict:
        """What came of the rung; what forbids this one alone leaves the next to be tried.

        Of one that is there as meant, but whose answer came too late to look at it, it is unknown.
        """
        try:
            if pulse is None or rung.action == "notify":
                return self._ask_a_person(rung, step)
            return self._act(rung, pulse, step)
        except TakenOver:
            raise
        except _Unheard as error:
            return Verdict(Answer.UNKNOWN, str(error))
        except (Refused, CannotStart) as error:
            if isinstance(error, Refused) and error.guard == "halt":
                raise
            return Verdict(Answer.NO, error.message)

    def _ask_a_person(self, rung: Rung, step: dict[str, Any]) -> Verdict:
        said = self.tell(rung.step.severity or escalation.severity_of(self.issue), self.steps[:-1])
        step["done"] = self.reach.notifier is not None
        return Verdict(Answer.NO, said)

    def _act(self, rung: Rung, pulse: Pulse, step: dict[str, Any]) -> Verdict:
        if denied := self._patiently(lambda: self._denied(rung), pulse.check):
            return Verdict(Answer.NO, f"you may not {', '.join(denied)}")
        self.sending = Sending(Leave(rung.action, pulse, self.reach.clock))
        try:
            return self._done(rung, self._hands(rung, pulse), pulse, step)
        finally:
            step["done"] = self.sending.state != "not sent"

    def _done(self, rung: Rung, hands: Hands, pulse: Pulse, step: dict[str, Any]) -> Verdict:
        """The rung was done to one target after the other: whether that helped."""
        for target in rung.targets:
            words = self._do(rung, target, hands, pulse)
            step.update(detail="; ".join(filter(None, (step["detail"], words))))
            self.journal.step(rung.action, "note" if self.sending.state == "sent" else "done", words)
            if len(rung.targets) > 1:
                stands = self.proof.hold((target,), 0.0, hands.deadline, pulse.check)
                if stands.answer is not Answer.YES:
                    whole = target == rung.targets[-1]  # a part of it is taken back, whatever came of it
                    words = f"{target} did not come back: {stands.words}"
                    return Verdict(stands.answer if whole else Answer.NO, words)
        return self.proof.verify(rung, hands.began, hands.deadline, pulse.check)

    def _hands(self, rung: Rung, pulse: Pulse) -> Hands:
        return Hands(
            self.reach.cluster,
            self.reach.clock,
            self.journal.run,
            self.reach.clock.now(),
            self.issue,
            Deadline(self.reach.clock, rung.step.timeout),
            hooks=self.reach.hooks,
            keep=pulse.check,
            stop=self.stop,
        )

    def _do(self, rung: Rung, target: ObjectRef, hands: Hands, pulse: Pulse) -> str:
        """The rung was done to the target; a server that does not answer is waited for, and asked again.

        What got no answer may have been done as well, where nothing shows it: what comes of it decides.

        Raises:
            _Unheard: it did not answer for too long, and then shows that the rung is done as a whole.
            Unavailable: it did not, and nothing was done, or a part.
        """

        def shown() -> Answer:
            if self.sending.state != "sent":
                return Answer.NO
            found = remedies.shown(rung, target, hands, pulse.ledger.account.entries)
            if found is Answer.YES:
                self.sending.answered()
            return found

        def act() -> str:
            try:
                words = remedies.apply(rung, target, hands, pulse.ledger, self.sending)
            except (Unavailable, Conflict, Forbidden):
                raise
            except CannotStart as error:  # nothing is left to do: of what got no answer?
                if shown() is Answer.NO:
                    raise
                return error.message
            shown()  # what got no answer before may be there: then it was done
            return words

        try:
            return self._patiently(act, pulse.check, hands.deadline)
        except Unavailable as error:
            found = self._patiently(shown, pulse.check) if target == rung.targets[-1] else Answer.NO
            if found is Answer.YES:
                raise _Unheard(error.message) from error
            if found is Answer.NO:
                raise
            return error.message

    def _patiently(self, ask: Callable[[], T], keep: Keep, deadline: Deadline | None = None) -> T:
        def note(words: str) -> None:
            self.journal.step("server", "note", words)

        return patiently(ask, self.reach.clock, self.stop, note=note, keep=keep, deadline=deadline)

    def _denied(self, rung: Rung) -> list[str]:
        """What of the rung's needs the server denies to this caller."""
        wanted = remedies.needs(rung)
        answers = abreast(self.reach.cluster.can_i, wanted)
        return [str(each) for each, said in zip(wanted, answers, strict=True) if said == "denied"]
