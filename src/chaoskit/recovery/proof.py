"""The proof that an issue is over: readiness that holds, objects without symptoms, signals that agree."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chaoskit.journal import Journal
from chaoskit.ports.cluster import ObjectRef
from chaoskit.recovery import holding, verification
from chaoskit.recovery.issues import Issue
from chaoskit.recovery.patience import Deadline
from chaoskit.recovery.reach import Reach
from chaoskit.recovery.readings import SIGNAL_OF
from chaoskit.recovery.remedies import Rung
from chaoskit.recovery.runbook import Verification
from chaoskit.recovery.standing import Answer, Verdict

LOOKS = 3
STARTING = 20.0
"""A symptom that cannot be seen is looked for so often, and pods get so many seconds to start meanwhile."""

LONGEST_HOLD = 20.0
"""Readiness of a pod that crashed within so many seconds of its start is watched for longer than it ran."""

Keep = Callable[[], None]
"""Called again and again while a proof waits; what it raises ends the waiting."""


def _nothing() -> None:
    """Nothing is to be kept."""


def held_for(issue: Issue, wanted: Verification) -> float:
    """Seconds for which readiness must hold, so that it is no moment between two crashes.

    What ran for longer is believed as whoever looks for symptoms believes it: nobody waits for its next end.
    """
    ran = float(issue.fact("ran") or 0)
    return max(wanted.ready_for, ran + 2) if 0 < ran < LONGEST_HOLD else wanted.ready_for


@dataclass
class Proof:
    """Looks at one issue as a runbook wants it, from the moment `began` (monotonic seconds) on.

    `confirm` is for how long signals are asked besides; None: for as long as the runbook wants.
    """

    issue: Issue
    reach: Reach
    wanted: Verification
    journal: Journal
    stop: threading.Event
    began: float
    confirm: timedelta | None = None
    took: float | None = None

    @property
    def can_tell(self) -> bool:
        """Whether anything that is looked at can show that the issue is over."""
        if self.issue.alerts_alone:
            return self.reach.hears_ends and self.signals_within > 0
        return not self._only_signals_show_it or self.signals_within > 0

    def verify(self, rung: Rung, after: datetime, deadline: Deadline, keep: Keep) -> Verdict:
        """Whether the rung, done since `after`, has helped by its deadline; signals have time of their own.

        Unknown is what nobody could see: the server did not say, or signals that alone could tell did not.
        """
        targets = rung.proof or (self.issue.target,)
        verdict = self.hold(targets, self._seconds(rung), deadline, keep)
        if verdict.answer is not Answer.YES:
            return verdict
        if not rung.proof:
            left = verification.gone(
                self.issue, self.reach.cluster, self.reach.clock,
                deadline=deadline, stop=self.stop, keep=keep,
            )  # fmt: skip
            if left.answer is not Answer.YES:
                return replace(left, words=f"{verdict.words}, but {left.words}")
        self.reached()
        if self.issue.kinds.isdisjoint(SIGNAL_OF):
            return verdict
        within = self.signals_within
        if not within and not self._only_signals_show_it:
            return replace(verdict, words=f"{verdict.words}; not confirmed by signals")
        self.journal.step("ready", "held", verdict.words)
        return self._confirmed(verdict, after, within, keep)

    def hold(
        self, targets: Sequence[ObjectRef], seconds: float, deadline: Deadline, keep: Keep = _nothing
    ) -> Verdict:
        """Whether all targets stand well for so many seconds, within the time."""
        reach = self.reach
        return holding.hold(
            reach.cluster, reach.clock, targets, seconds=seconds, deadline=deadline, stop=self.stop, keep=keep
        )

    def healed(self) -> Answer:
        """Whether nothing is left of the issue; a pod between two crashes looks well for a moment.

        Unknown is what shows it no more without standing well, or without a signal that is there and normal.
        """
        least = held_for(self.issue, self.wanted)
        for _ in range(LOOKS):
            if verification.is_present(self.issue, self.reach.cluster, self.reach.metrics, self.reach.clock):
                return Answer.NO
            if self._only_signals_show_it:
                return self._asked(self.issue.at - timedelta(minutes=2), 0).answer
            stands = self.hold((self.issue.target,), least, Deadline(self.reach.clock, STARTING))
            if stands.answer is Answer.YES:  # what nobody could see is looked for again
                return Answer.YES
        return Answer.UNKNOWN

    def reached(self) -> None:
        """It took until now; measured as a span, since the clock on the wall may be set meanwhile."""
        self.took = self.reach.clock.monotonic() - self.began

    @property
    def _only_signals_show_it(self) -> bool:
        return self.issue.kinds <= SIGNAL_OF.keys()

    def _confirmed(self, ready: Verdict, after: datetime, within: float, keep: Keep) -> Verdict:
        said = self._asked(after, within, keep)
        if self._only_signals_show_it:
            self.reached()
            if said.answer is Answer.UNKNOWN:
                return replace(said, words=f"{ready.words}, but signals could not be read: {said.words}")
        elif said.answer is Answer.UNKNOWN:
            return replace(ready, words=f"{ready.words}; signals cannot confirm it: {said.words}")
        elif said.answer is Answer.NO:
            self.journal.step("reopened", "broken", said.words)
        return replace(said, words=f"{ready.words}; {said.words}")

    def _asked(self, after: datetime, within: float, keep: Keep = _nothing) -> Verdict:
        reach = self.reach
        if self.issue.alerts_alone:
            return verification.ended(
                self.issue, reach.alerts, reach.clock, within=within, stop=self.stop, keep=keep
            )
        return verification.confirm(
            self.issue, reach.cluster, reach.metrics, reach.clock,
            after=after, within=within, stop=self.stop, keep=keep,
        )  # fmt: skip

    def _seconds(self, rung: Rung) -> float:
        """How long readiness must hold; other pods than those that crashed have nothing to outlive."""
        others = rung.action in {"roll-back", "raise-memory-limit"}
        return self.wanted.ready_for if others else held_for(self.issue, self.wanted)

    @property
    def signals_within(self) -> float:
        """How long signals may take to confirm, in seconds; 0 when they are not waited for."""
        return self.wanted.signals_within if self.confirm is None else self.confirm.total_seconds()
