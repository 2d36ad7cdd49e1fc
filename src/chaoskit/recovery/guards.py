"""What forbids a plan, by its runbook and by what was done before; pure.

What was done before is what the cluster's ledgers remember: the history is for people, and may be lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chaoskit.documents import duration
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import ObjectRef
from chaoskit.recovery.attempts import Attempt
from chaoskit.recovery.issues import ECHOES, PASSED_ON, Issue
from chaoskit.recovery.remedies import Step
from chaoskit.recovery.roots import needs
from chaoskit.recovery.runbook import Guards
from chaoskit.recovery.symptoms import minutes
from chaoskit.topology import Topology

LOOP_WINDOW = timedelta(hours=6)
"""The same fix on the same target counts against `sameFixAtMost` for so long."""

FIRST = timedelta(minutes=1)
"""For so long errors and delays wait for what explains them: rates and objects show at different times."""

AFTERMATH = timedelta(minutes=3)
"""Callers may still show errors and delays for so long after what they call was recovered."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing is done about an issue: which guard says so, what it allows, until when (None: for good).

    `outcome` is what a recovery ends with that it stops: a mere effect of something else is no refusal.
    `storm` is the namespace ("" is the whole cluster) of the mass failure that is the reason, None: none is.
    `cause` is what is being recovered, as its ledger says, when it is the reason.
    """

    issue: Issue
    guard: str
    limit: str
    why: str
    until: datetime | None = None
    outcome: Outcome = Outcome.REFUSED
    storm: str | None = None
    cause: ObjectRef | None = None

    @property
    def is_early(self) -> bool:
        """Whether it is only that the evidence is too young."""
        return self.guard == "evidence" and self.until is not None


def aftermath(issue: Issue, topology: Topology, past: Sequence[Attempt], now: datetime) -> Refusal | None:
    """Errors and delays outlive their cause in rates and queues: not acted on just after its recovery."""
    if not issue.kinds <= ECHOES:
        return None
    for attempt in past:
        until = attempt.ended_at + AFTERMATH
        if now < until and attempt.outcome is Outcome.RECOVERED and _concerns(attempt, issue, topology):
            why = f"{attempt.target} was recovered {_ago(attempt.ended_at, now)} ago: this may be its echo"
            limit = duration(AFTERMATH.total_seconds())
            return Refusal(issue, "root cause", limit, why, until, Outcome.NOTHING_TO_DO)
    return None


def echo(issue: Issue, recovered: Sequence[ObjectRef]) -> Refusal | None:
    """Errors and delays may be of what is `recovered` just now, of what the target needs: not acted on."""
    if not recovered or not issue.kinds <= ECHOES:
        return None
    why = f"{recovered[0]} is being recovered: this may be its echo"
    nothing = Outcome.NOTHING_TO_DO
    return Refusal(issue, "root cause", "roots only", why, outcome=nothing, cause=recovered[0])


def unsure(issue: Issue, now: datetime) -> Refusal | None:
    """Errors and delays alone, as signals show them, may be of what shows itself a moment later."""
    until = issue.since + FIRST
    if issue.kinds <= PASSED_ON and not issue.alerts_alone and now < until:
        limit = duration(FIRST.total_seconds())
        why = "what they are of may show itself yet"
        return Refusal(issue, "evidence", limit, why, until, Outcome.NOTHING_TO_DO)
    return None


def _concerns(attempt: Attempt, issue: Issue, topology: Topology) -> bool:
    """Whether the attempt was on the issue's target, or on something that it needs."""
    workload = topology.workloads.get((attempt.namespace, attempt.target))
    if workload is None:
        return False
    return attempt.on(issue.target, attempt.issue) or needs(issue.target, workload.ref, topology)


def hearsay(issue: Issue) -> Refusal | None:
    """What alerts alone say, and the cluster does not show, is not acted on: it may be over."""
    if not issue.hearsay:
        return None
    why = "; ".join((*issue.evidence, "neither the cluster nor a signal shows it"))
    return Refusal(issue, "evidence", "what is seen", why, outcome=Outcome.NOTHING_TO_DO)


def guarded(issue: Issue, guards: Guards, past: Sequence[Attempt], now: datetime) -> Refusal | None:
    """What the runbook's guards say against acting on the issue at `now`; None: nothing."""
    mine = [a for a in past if a.on(issue.target, issue.kind) and a.acted]
    return (
        expired(issue, guards, now)
        or _resting(issue, guards.cooldown, mine, now)
        or _too_often(issue, guards.max_attempts_per_hour, mine, now)
    )


def expired(issue: Issue, guards: Guards, now: datetime) -> Refusal | None:
    """Evidence that is too old, or from a time that has not come: a clock was set meanwhile."""
    limit = duration(guards.evidence_expires)
    if (now - issue.at).total_seconds() > guards.evidence_expires:
        return Refusal(issue, "evidence", limit, f"was seen {_ago(issue.at, now)} ago: look again")
    if (issue.at - now).total_seconds() > guards.evidence_expires:
        return Refusal(
            issue, "evidence", limit, "was seen later than now: the clock was set back, look again"
        )
    return None


def _resting(issue: Issue, cooldown: float, mine: Sequence[Attempt], now: datetime) -> Refusal | None:
    last = max((attempt.ended_at for attempt in mine), default=None)
    if last is None or now >= (until := last + timedelta(seconds=cooldown)):
        return None
    why = f"the last recovery of it ended {_ago(last, now)} ago"
    return Refusal(issue, "cool-down", duration(cooldown), why, until)


def _too_often(issue: Issue, limit: int, mine: Sequence[Attempt], now: datetime) -> Refusal | None:
    hour = timedelta(hours=1)
    recent = sorted(attempt.at for attempt in mine if now - attempt.at < hour)
    if len(recent) < limit:
        return None
    why = f"{len(recent)} recoveries of it began within the last hour"
    return Refusal(issue, "attempts", f"{limit} per hour", why, recent[-limit] + hour)


def looped(issue: Issue, step: Step, limit: int, past: Sequence[Attempt], now: datetime) -> str:
    """Why the step is not tried again: it was, often enough, and the issue came back; "" when it may be."""
    action = str(step.action)  # type: ignore[attr-defined]
    same = [
        a for a in past
        if a.on(issue.target, issue.kind) and action in a.actions and now - a.at < LOOP_WINDOW
    ]  # fmt: skip
    if action == "notify" or len(same) < limit:
        return ""
    return f"was done {len(same)} times here in {LOOP_WINDOW.seconds // 3600} h: it does not last"


def _ago(at: datetime, now: datetime) -> str:
    return minutes((now - at).total_seconds())
