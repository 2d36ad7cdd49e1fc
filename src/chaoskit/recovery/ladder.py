"""The ladder of a plan: one remedy after the other is done, proven, or taken back for the next."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

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
from chaoskit.recovery.patience import patiently
from chaoskit.recovery.planner import Plan
from chaoskit.recovery.proof import Keep, Proof
from chaoskit.recovery.reach import Reach
from chaoskit.recovery.remedies import Hands, Rung
from chaoskit.recovery.verification import Verdict

T = TypeVar("T")

ASKED = 1.0
"""Seconds for which the cluster's last answer to whether acts may go on is good enough."""


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
            if index and rung.action != "notify" and self._patiently(self.proof.healed, keep):
                return self._late(index)
            verdict = self._try(rung, pulse)
            if verdict.holds:
                return Outcome.RECOVERED, f"{rung.action}: {self.steps[-1]['detail']}"
            if not verdict.known:  # no reason to take it back, nor to do more: a person is told
                return Outcome.ERRORED, f"{rung.action} was done and stays: {self.steps[-1]['detail']}"
            if pulse is not None and pulse.ledger.account.entries:
                self.steps[-1]["undone"] = True
                if self.undo(pulse.ledger).state == "not confirmed":
                    break  # nothing is built on what may still be half changed
        return Outcome.NOT_RECOVERED, "; ".join(f"{s['action']}: {s['detail']}" for s in self.steps)

    def _late(self, index: int) -> tuple[Outcome, str]:
        """The symptom is gone after the time of an act was up: the act helped if it was done and still is."""
        last = self.steps[index - 1]
        if not last["done"] or last["undone"]:
            return Outcome.HEALED, "the symptom went away by itself"
        last["helped"] = True
        self.proof.reached()
        return Outcome.RECOVERED, f"{last['action']} helped, later than expected"

    def _try(self, rung: Rung, pulse: Pulse | None) -> Verdict:
        step = plain.step(rung, self.reach.clock.now())
        self.steps.append(step)
        self.journal.step(rung.action, "begun", rung.why)
        verdict = self._tried(rung, pulse, step)
        step.update(
            ended_at=self.reach.clock.now(),
            helped=verdict.holds,
            detail="; ".join(filter(None, (step["detail"], verdict.words))),
        )
        mark: Mark = "held" if verdict.holds else "failed" if verdict.known else "note"
        self.journal.step(rung.action, mark, step["detail"])
        return verdict

    def _tried(self, rung: Rung, pulse: Pulse | None, step: dict[str, Any]) -> Verdict:
        """What came of the rung; what forbids this one alone leaves the next to be tried."""
        try:
            if pulse is None or rung.action == "notify":
                return self._ask_a_person(rung, step)
            return self._act(rung, pulse, step)
        except TakenOver:
            raise
        except (Refused, CannotStart) as error:
            if isinstance(error, Refused) and error.guard == "halt":
                raise
            return Verdict(False, error.message)

    def _ask_a_person(self, rung: Rung, step: dict[str, Any]) -> Verdict:
        said = self.tell(rung.step.severity or escalation.severity_of(self.issue), self.steps[:-1])
        step["done"] = self.reach.notifier is not None
        return Verdict(False, said)

    def _act(self, rung: Rung, pulse: Pulse, step: dict[str, Any]) -> Verdict:
        if denied := self._patiently(lambda: self._denied(rung), pulse.check):
            return Verdict(False, f"you may not {', '.join(denied)}")
        began = self.reach.clock.now()
        hands = self._hands(rung, began, pulse)
        for target in rung.targets:
            words = self._do(rung, target, hands, pulse, step)
            step.update(detail="; ".join(filter(None, (step["detail"], words))))
            self.journal.step(rung.action, "done", words)
            if len(rung.targets) > 1:
                stands = self.proof.hold((target,), 0.0, rung.step.timeout, pulse.check)
                if not stands.holds:
                    return Verdict(False, f"{target} did not come back: {stands.words}")
        return self.proof.verify(rung, began, pulse.check)

    def _hands(self, rung: Rung, began: datetime, pulse: Pulse) -> Hands:
        return Hands(
            self.reach.cluster,
            self.reach.clock,
            self.journal.run,
            began,
            self.issue,
            hooks=self.reach.hooks,
            patience=rung.step.timeout,
            keep=pulse.check,
            stop=self.stop,
        )

    def _do(self, rung: Rung, target: ObjectRef, hands: Hands, pulse: Pulse, step: dict[str, Any]) -> str:
        """The rung was done to the target; a server that does not answer is waited for, and asked again."""
        clock, asked, unanswered = self.reach.clock, -math.inf, False

        def about_to() -> None:
            nonlocal asked
            if clock.monotonic() - asked >= ASKED:
                pulse.ask()
                asked = clock.monotonic()
            pulse.check()
            if not step["done"]:
                pulse.ledger.note(rung.action)
                step.update(done=True)

        def act() -> str:
            nonlocal unanswered
            try:
                return remedies.apply(rung, target, hands, pulse.ledger, ask=about_to)
            except Unavailable:
                unanswered = bool(step["done"])
                raise
            except (Conflict, Forbidden):
                raise
            except CannotStart as error:
                if not unanswered:
                    raise
                return error.message  # what got no answer was done, so that nothing is left to do: that shows

        return self._patiently(act, pulse.check)

    def _patiently(self, ask: Callable[[], T], keep: Keep) -> T:
        def note(words: str) -> None:
            self.journal.step("server", "note", words)

        return patiently(ask, self.reach.clock, self.stop, note=note, keep=keep)

    def _denied(self, rung: Rung) -> list[str]:
        """What of the rung's needs the server denies to this caller."""
        wanted = remedies.needs(rung)
        return [str(each) for each in wanted if self.reach.cluster.can_i(each) == "denied"]
