"""Auto recovery: from symptom to verified recovery, with a memory.

observe -> detect -> classify -> plan -> recover -> record
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta

from chaoskit.acts.accounts import accounts
from chaoskit.clock import Clock
from chaoskit.errors import Forbidden
from chaoskit.events import Listener, ignore
from chaoskit.governor import Governor
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster
from chaoskit.ports.metrics import MetricsSource
from chaoskit.ports.notifier import Notifier
from chaoskit.ports.store import Document
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import executor, plain, planner, runbook
from chaoskit.recovery import replay as replaying
from chaoskit.recovery.classification import Issue, Vote, classify
from chaoskit.recovery.detection import Sight, detect_in, observe
from chaoskit.recovery.executor import Reach, refusal_words
from chaoskit.recovery.patterns import Attempt, attempts
from chaoskit.recovery.planner import Decision, Plan, Refusal
from chaoskit.recovery.runbook import Runbook

__all__ = [
    "Attempt",
    "Decision",
    "Issue",
    "Plan",
    "Refusal",
    "Runbook",
    "Sight",
    "Vote",
    "attempts",
    "classify",
    "detect_issues",
    "issues_in",
    "observe",
    "plan_for",
    "recover",
    "refusal_words",
    "replay",
]


def detect_issues(
    cluster: Cluster,
    metrics: MetricsSource | None,
    clock: Clock,
    namespace: str = "",
    votes: Sequence[Vote] = (),
) -> tuple[Issue, ...]:
    """What there is to recover from in a namespace ("" is all) now, roots first, then the gravest."""
    return issues_in(observe(cluster, metrics, clock, namespace), votes)


def issues_in(seen: Sight, votes: Sequence[Vote] = ()) -> tuple[Issue, ...]:
    """What there is to recover from in an observation, roots first, then the gravest."""
    return classify(detect_in(seen), votes, topology=seen.topology, now=seen.at)


def plan_for(
    issues: Sequence[Issue],
    cluster: Cluster,
    clock: Clock,
    *,
    runbooks: Sequence[Runbook] = (),
    history: Sequence[Attempt] = (),
    seen: Sight | None = None,
) -> tuple[Decision, ...]:
    """A plan or refusal for each issue; users' `runbooks` are asked before the shipped ones.

    `history` (see `attempts`) adds to what the cluster itself remembers of earlier recoveries.
    """
    if not issues:
        return ()
    namespaces = {issue.target.namespace for issue in issues}
    namespace = namespaces.pop() if len(namespaces) == 1 else ""
    seen = seen or observe(cluster, None, clock, namespace)
    books = (*runbooks, *runbook.defaults())
    known = (*history, *_remembered(cluster, namespace, history))
    return planner.plan_all(issues, books, seen.topology, known, now=clock.now())


def recover(
    decision: Decision,
    *,
    cluster: Cluster,
    metrics: MetricsSource | None,
    clock: Clock,
    governor: Governor,
    listen: Listener = ignore,
    stop: threading.Event | None = None,
    trace_id: str = "",
    confirm: timedelta | None = None,
    notifier: Notifier | None = None,
    drill: bool = False,
    replay_of: str = "",
) -> RecoveryRecord:
    """The plan was carried out as far as guards, the cluster and `stop` let it; see `executor.recover`."""
    target = decision.issue.target
    before = observe(cluster, None, clock, target.namespace)
    return executor.recover(
        decision,
        Reach(cluster, metrics, clock, governor, notifier),
        listen=listen,
        stop=stop,
        trace_id=trace_id,
        confirm=confirm,
        drill=drill,
        replay_of=replay_of,
        snapshot=plain.snapshot(before.topology, target),
    )


def replay(
    record: Document,
    *,
    cluster: Cluster,
    metrics: MetricsSource | None,
    clock: Clock,
    governor: Governor,
    runbooks: Sequence[Runbook] = (),
    history: Sequence[Attempt] = (),
    listen: Listener = ignore,
    stop: threading.Event | None = None,
    notifier: Notifier | None = None,
) -> RecoveryRecord:
    """A recorded recovery's target is recovered again as it stands now, with today's runbooks and guards.

    Raises:
        InvalidInput: it is no record of a recovery.
    """
    old = replaying.recorded_issue(record)
    seen = observe(cluster, metrics, clock, old.target.namespace)
    live = replaying.same_issue(old, issues_in(seen))
    if live is None:
        decision: Decision = replaying.nothing_left(old)
    else:
        (decision,) = plan_for((live,), cluster, clock, runbooks=runbooks, history=history, seen=seen)
    return recover(
        decision,
        cluster=cluster,
        metrics=metrics,
        clock=clock,
        governor=governor,
        listen=listen,
        stop=stop,
        trace_id=record.get("trace_id", ""),
        notifier=notifier,
        replay_of=record["id"],
    )


def _remembered(cluster: Cluster, namespace: str, known: Sequence[Attempt]) -> tuple[Attempt, ...]:
    """Recoveries that ended ledgers in the cluster tell of, beside those that are known already."""
    try:
        found = accounts(cluster, namespace)
    except Forbidden:
        return ()  # who may not read leases cannot open one either: the governor will say so
    seen = {(each.target, each.ended_at.replace(microsecond=0)) for each in known}
    return tuple(
        Attempt(target.namespace, str(target), "", Outcome(each.outcome or "done"), each.ended, each.ended)
        for each in found
        if each.act == "recovery" and each.ended is not None
        for target in each.targets[:1]
        if (str(target), each.ended.replace(microsecond=0)) not in seen
    )
