"""Auto recovery: from symptom to verified recovery, with a memory.

observe -> detect -> classify -> plan -> recover -> record
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from chaoskit import clusters
from chaoskit.acts.halt import HOME
from chaoskit.clock import Clock
from chaoskit.documents import duration
from chaoskit.ports.cluster import Cluster, ObjectRef
from chaoskit.ports.metrics import MetricsSource
from chaoskit.ports.store import Document
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import admission, approving, clearance, escalation, executor, planner, runbook
from chaoskit.recovery import replay as replaying
from chaoskit.recovery.admission import admitted, refusal_words
from chaoskit.recovery.alerts import Heard
from chaoskit.recovery.attempts import Attempt, attempts, ledgered, under_way
from chaoskit.recovery.classification import Vote, classify
from chaoskit.recovery.detection import Sight, detect_in, observe
from chaoskit.recovery.guards import Refusal
from chaoskit.recovery.issues import Issue
from chaoskit.recovery.networksymptoms import DNS_NAMESPACE
from chaoskit.recovery.planner import Decision, Past, Plan
from chaoskit.recovery.reach import Options, Reach
from chaoskit.recovery.runbook import Runbook
from chaoskit.recovery.symptoms import Symptom
from chaoskit.recovery.told import Matter, Told
from chaoskit.recovery.weighing import weighed

__all__ = [
    "Attempt",
    "Decision",
    "Heard",
    "Issue",
    "Options",
    "Past",
    "Plan",
    "Reach",
    "Refusal",
    "Runbook",
    "Sight",
    "Told",
    "Vote",
    "admitted",
    "attempts",
    "classify",
    "detect_issues",
    "issues_in",
    "observe",
    "plan_for",
    "recover",
    "refusal_words",
    "replan",
]


def detect_issues(
    cluster: Cluster,
    metrics: MetricsSource | None,
    clock: Clock,
    namespace: str = "",
    votes: Sequence[Vote] = (),
    *,
    secrets: Collection[str] = (),
) -> tuple[Issue, ...]:
    """What there is to recover from in a namespace ("" is all) now; see `issues_in`."""
    return issues_in(observe(cluster, metrics, clock, namespace), votes, secrets=secrets)


def issues_in(
    seen: Sight,
    votes: Sequence[Vote] = (),
    only: Collection[ObjectRef] | None = None,
    *,
    heard: Sequence[Symptom] = (),
    given: Sequence[Symptom] = (),
    secrets: Collection[str] = (),
) -> tuple[Issue, ...]:
    """What there is to recover from in an observation, roots first, then the gravest.

    `only` leaves out the issues of others; what they are the roots of still says so. `heard` is what alerts
    say: what of it is not to be seen makes surer of what is; where nothing is, it comes last, explains
    nothing and is not acted on. `given` is what whoever asks has measured. No issue tells `secrets`.
    """
    own = detect_in(seen)
    told = weighed(heard, own, seen)
    believed = [each for each in told if not each.unseen]
    known = {each.target for each in (*own, *believed, *given)}
    besides = [each for each in told if each.unseen and each.target in known]
    unseen = [each for each in told if each.target not in known]
    mine = (*own, *believed, *given, *besides)
    found = classify(mine, votes, topology=seen.topology, now=seen.at, secrets=secrets)
    rest = classify(unseen, now=seen.at, secrets=secrets)
    wanted = None if only is None else {(each.namespace, str(each)) for each in only}
    return tuple(
        each
        for each in (*found, *rest)
        if wanted is None or (each.target.namespace, str(each.target)) in wanted
    )


def plan_for(
    issues: Sequence[Issue],
    reach: Reach,
    *,
    runbooks: Sequence[Runbook] = (),
    history: Sequence[Attempt] = (),
    seen: Sight | None = None,
    namespace: str = "",
) -> tuple[Decision, ...]:
    """A plan or refusal for each issue; users' `runbooks` are asked before the shipped ones.

    Guards look back at what the cluster's ledgers remember; `history` (see `attempts`) adds what worked.
    """
    if not issues:
        return ()
    namespaces = {issue.target.namespace for issue in issues}
    namespace = namespace or (namespaces.pop() if len(namespaces) == 1 else "")
    seen = seen or observe(reach.cluster, None, reach.clock, namespace)
    books = (*runbooks, *runbook.defaults())
    homes = {namespace, *(issue.target.namespace or HOME for issue in issues)} if namespace else {""}
    if namespace and any(place == DNS_NAMESPACE for place, _ in seen.topology.workloads):
        homes.add(DNS_NAMESPACE)  # whoever answers for names is needed by all
    ledgers = [each for place in sorted(homes) for each in reach.governor.accounts(place)]
    past = Past(ledgered(ledgers), tuple(history), under_way(ledgers))
    raging = reach.governor.raging({namespace, *(issue.target.namespace for issue in issues)})
    decided = planner.plan_all(
        issues, books, seen.topology, past, now=reach.clock.now(), namespace=namespace, raging=raging
    )
    judged = (admission.provable(each, hears_ends=reach.hears_ends) for each in decided)
    return tuple(_asked(_told(each, reach), reach) for each in judged)


def _asked(decision: Decision, reach: Reach) -> Decision:
    """A plan that a person has to say yes to waits for that; after a no before they are asked again."""
    if not isinstance(decision, Plan) or not decision.acts or not clearance.asks(decision, reach):
        return decision
    return approving.refusal(reach.cluster, reach.clock, decision) or decision


def _told(decision: Decision, reach: Reach) -> Decision:
    """A plan that would do nothing but tell people waits while they know."""
    if not isinstance(decision, Plan) or decision.acts:
        return decision
    again = decision.runbook.spec.on_failure.tell_again
    known = reach.people.known(Matter.of(decision.issue, clusters.known(reach.cluster)), again)
    if known is None:
        return decision
    why = escalation.known_words(known, reach.clock.now())
    until = None if known.at is None else known.at + timedelta(seconds=again)
    return Refusal(decision.issue, "told", f"again after {duration(again)}", why, until)


def recover(decision: Decision, reach: Reach, options: Options | None = None) -> RecoveryRecord:
    """The plan was carried out as far as guards, the cluster and a stop let it; see `executor.recover`.

    A storm opens the breaker first, so that every other process rests as well.
    """
    if isinstance(decision, Refusal) and decision.storm is not None:
        reach.governor.trip(decision.why, decision.storm)
    return executor.recover(decision, reach, options or Options())


def replan(
    record: Document,
    reach: Reach,
    *,
    runbooks: Sequence[Runbook] = (),
    history: Sequence[Attempt] = (),
) -> Decision:
    """What is decided on a recorded recovery's target as it stands now, with today's runbooks and guards.

    Raises:
        InvalidInput: it is no record of a recovery.
    """
    old = replaying.recorded_issue(record)
    seen = observe(reach.cluster, reach.metrics, reach.clock, old.target.namespace)
    live = replaying.same_issue(old, issues_in(seen, secrets=reach.secrets))
    if live is None:
        return replaying.nothing_left(old, seen.blind)
    (decision,) = plan_for((live,), reach, runbooks=runbooks, history=history, seen=seen)
    return decision
