"""What forbids a plan, by its runbook and by what was done before; pure.

What was done before is what the cluster's ledgers remember: the history is for people, and may be lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chaoskit import kube
from chaoskit.documents import duration
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.recovery.attempts import Attempt
from chaoskit.recovery.issues import ECHOES, Issue
from chaoskit.recovery.remedies import Step
from chaoskit.recovery.roots import needs
from chaoskit.recovery.runbook import Guards
from chaoskit.recovery.symptoms import minutes
from chaoskit.topology import Topology, Workload

LOOP_WINDOW = timedelta(hours=6)
"""The same fix on the same target counts against `sameFixAtMost` for so long."""

AFTERMATH = timedelta(minutes=3)
"""Callers may still show errors and delays for so long after what they call was recovered."""

STORM_SHARE = 0.5
STORM_AT_LEAST = 3
"""When so large a share of a namespace, or of the cluster, fails at once, and at least so many workloads, it
is one thing that no restart mends."""

TROUBLE = timedelta(minutes=1)
"""A pod that ended with an error so lately is in trouble, whatever becomes of it."""

STORM_AT_ONCE = 10
STORM_WITHIN = timedelta(minutes=10)
"""So many workloads that began to fail within the last so long are a storm, in however large a cluster."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing is done about an issue: which guard says so, what it allows, until when (None: for good).

    `outcome` is what a recovery ends with that it stops: a mere effect of something else is no refusal.
    `storm` is the namespace ("" is the whole cluster) of the mass failure that is the reason, None: none is.
    """

    issue: Issue
    guard: str
    limit: str
    why: str
    until: datetime | None = None
    outcome: Outcome = Outcome.REFUSED
    storm: str | None = None


@dataclass(frozen=True, slots=True)
class Storm:
    """A mass failure: where (a namespace, "" is the whole cluster), and in words."""

    namespace: str
    why: str
    limit: str

    def refusal(self, issue: Issue) -> Refusal:
        """Nothing is done about this issue while it goes on."""
        return Refusal(issue, "storm", self.limit, self.why, storm=self.namespace)


# ---------------------------------------------------------------- mass failure


def storm(issues: Sequence[Issue], topology: Topology, namespace: str = "", *, now: datetime) -> Storm | None:
    """The mass failure that the issues amount to, or None; `namespace` is what was looked at ("": all).

    Counted are roots: a database that takes all its callers down is one failure. Nodes count apart. What
    fails in one namespace is a storm there, whatever it is for the whole cluster.
    """
    roots = [each for each in issues if not each.root and each.kind != "unexplained"]
    failing = failing_roots(issues)
    every = [workload.ref for workload in topology.workloads.values()]
    places = (namespace,) if namespace else ("", *sorted({ref.namespace for ref in every}))
    for place in places:
        found = _share(place, [ref for ref in failing if place in {"", ref.namespace}], every)
        if found is not None:
            return found
    return _at_once(failing.values(), now, namespace) or _nodes(roots, topology)


def failing_roots(issues: Iterable[Issue]) -> Mapping[ObjectRef, Issue]:
    """The workloads that fail for a reason of their own, each with its issue."""
    return {
        each.target: each
        for each in issues
        if not each.root and each.kind != "unexplained" and each.target.kind in kube.WORKLOADS
    }


def spanning(lately: Iterable[Issue], failing: int, total: int, *, now: datetime) -> Storm | None:
    """The mass failure of a whole cluster that is looked at namespace by namespace, or None.

    `lately` are the roots that began of late, mended by now or not; `failing` of `total` workloads fail now,
    0 of 0 where not all have been looked at.
    """
    if total and failing >= max(STORM_AT_LEAST, STORM_SHARE * total):
        why = f"{failing} of {total} workloads fail at once: one cause, for a person"
        return Storm("", why, f"fewer than {STORM_SHARE:.0%}")
    return _at_once(lately, now)


def gathering(issues: Sequence[Issue], topology: Topology, *, now: datetime, namespace: str = "") -> str:
    """Why to wait for a moment, in words: so many workloads have pods in trouble that a storm may gather.

    "" when not. Workloads whose trouble another issue explains are left out.
    """
    explained = {each.target for each in issues if each.root}
    failing = {each.target for each in issues if not each.root and each.target.kind in kube.WORKLOADS}
    members = [w for w in topology.workloads.values() if namespace in {"", w.ref.namespace}]
    troubled = {w.ref for w in members if w.ref not in explained and _troubled(w, now)}
    together = (failing | troubled) & {w.ref for w in members}
    if not failing or len(together) < max(STORM_AT_LEAST, STORM_SHARE * len(members)):
        return ""
    return f"{len(together)} of {len(members)} workloads have pods in trouble: perhaps a storm gathers"


def _troubled(workload: Workload, now: datetime) -> bool:
    """Whether a pod of it is unready, or has just ended with an error."""
    alive = [pod for pod in workload.pods if not kube.is_deleting(pod)]
    return any(not kube.is_ready(pod) or _just_failed(pod, now) for pod in alive)


def _just_failed(pod: Object, now: datetime) -> bool:
    ends = [end for _, end in kube.last_terminations(pod) if end.get("exitCode")]
    times = [kube.time_of(end.get("finishedAt")) for end in ends]
    return any(at is not None and now - at <= TROUBLE for at in times)


def _share(place: str, failing: Sequence[ObjectRef], every: Sequence[ObjectRef]) -> Storm | None:
    total = sum(place in {"", ref.namespace} for ref in every)
    if len(failing) < max(STORM_AT_LEAST, STORM_SHARE * total):
        return None
    where = f" of namespace {place}" if place else ""
    why = f"{len(failing)} of {total} workloads{where} fail at once: one cause, for a person"
    return Storm(place, why, f"fewer than {STORM_SHARE:.0%}")


def _at_once(failing: Iterable[Issue], now: datetime, place: str = "") -> Storm | None:
    """Only what began of late counts: what has been broken for weeks, and for one reason, is no storm."""
    if sum(now - each.since <= STORM_WITHIN for each in failing) < STORM_AT_ONCE:
        return None
    span = duration(STORM_WITHIN.total_seconds())
    why = f"{STORM_AT_ONCE} workloads began to fail within {span}: one cause, for a person"
    return Storm(place, why, f"fewer than {STORM_AT_ONCE} in {span}")


def _nodes(roots: Sequence[Issue], topology: Topology) -> Storm | None:
    lost = [each.target for each in roots if each.target.kind == kube.NODE and "node-lost" in each.kinds]
    if len(lost) < 2 or len(lost) < STORM_SHARE * len(topology.nodes):
        return None
    why = f"{len(lost)} of {len(topology.nodes)} nodes are lost at once: rather their network than they"
    return Storm("", why, f"fewer than {STORM_SHARE:.0%} of the nodes")


# ---------------------------------------------------------------- one issue


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


def _concerns(attempt: Attempt, issue: Issue, topology: Topology) -> bool:
    """Whether the attempt was on the issue's target, or on something that it needs."""
    workload = topology.workloads.get((attempt.namespace, attempt.target))
    if workload is None:
        return False
    return attempt.on(issue.target, attempt.issue) or needs(issue.target, workload.ref, topology)


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
