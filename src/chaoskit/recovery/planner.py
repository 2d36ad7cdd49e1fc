"""What to do about an issue, and in which order; or why nothing may be done. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chaoskit import kube
from chaoskit.governor import Domain, Hit
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import ObjectRef
from chaoskit.recovery import guards, patterns, remedies, storms
from chaoskit.recovery.attempts import Attempt
from chaoskit.recovery.guards import Refusal
from chaoskit.recovery.issues import Issue
from chaoskit.recovery.remedies import Radius, Rung, Scene, Step
from chaoskit.recovery.roots import needed_by, needs
from chaoskit.recovery.runbook import Runbook, matching, would_match
from chaoskit.recovery.symptoms import UNSERVED, Severity
from chaoskit.topology import Topology

ZONE = "topology.kubernetes.io/zone"


@dataclass(frozen=True, slots=True)
class Past:
    """What was done before: `ledgers` the cluster remembers, for guards; `history` tells what worked.

    `under_way` is what is being recovered now.
    """

    ledgers: tuple[Attempt, ...] = ()
    history: tuple[Attempt, ...] = ()
    under_way: tuple[ObjectRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The rungs to try on an issue, in order; `left_out` says which others do not apply, and why.

    `near` is what its targets need, `domains` what they are part of: guards ask of both.
    """

    issue: Issue
    runbook: Runbook
    rungs: tuple[Rung, ...]
    left_out: tuple[str, ...] = ()
    near: tuple[ObjectRef, ...] = ()
    domains: tuple[Domain, ...] = ()

    @property
    def targets(self) -> tuple[ObjectRef, ...]:
        """Everything that the rungs touch, the issue's own target first; what only loses pods as well."""
        touched = (target for rung in self.rungs for target in (*rung.targets, *rung.proof))
        return tuple(dict.fromkeys((self.issue.target, *touched)))

    @property
    def radius(self) -> Radius:
        """What its rungs take at worst; they are tried one after another."""
        worst: dict[str, Hit] = {}
        for hit in (hit for rung in self.rungs for hit in rung.radius.hits):
            if hit.whose not in worst or worst[hit.whose].number < hit.number:
                worst[hit.whose] = hit
        return Radius(max(rung.radius.at_once for rung in self.rungs), tuple(worst.values()))

    @property
    def acts(self) -> bool:
        """Whether a rung does anything but tell a person."""
        return any(rung.action != "notify" for rung in self.rungs)

    @property
    def digest(self) -> str:
        """What is the same for two plans that would do the same: what a person approves."""
        rungs = [
            [
                r.step.model_dump(mode="json"),
                sorted(map(str, r.targets)),
                sorted((*r.pods, *(pod.uid for pod in r.leaving))),
                dict(r.expects),
            ]
            for r in self.rungs
        ]
        what = [self.issue.kind, self.issue.target.namespace, str(self.issue.target), rungs]
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]

    def telling(self, why: str) -> Plan | None:
        """The same, but that a person is told and `why` nothing else is done; None: it tells nobody."""
        rungs = tuple(rung for rung in self.rungs if rung.action == "notify")
        others = (f"{rung.action}: {why}" for rung in self.rungs if rung.action != "notify")
        return replace(self, rungs=rungs, left_out=(*self.left_out, *others)) if rungs else None


Decision = Plan | Refusal


def plan_all(
    issues: Sequence[Issue],
    runbooks: Sequence[Runbook],
    topology: Topology,
    past: Past = Past(),
    *,
    now: datetime,
    namespace: str = "",
    raging: storms.Raging = storms.CALM,
) -> tuple[Decision, ...]:
    """A plan or refusal for each issue; when most of what was looked at fails at once, refusals alone.

    While a storm may gather, plans that would act wait; what tells a person alone does not. `raging` says
    since when a mass failure goes on, of each place where one does.
    """
    if (found := storms.storm(issues, topology, namespace, now=now, raging=raging)) is not None:
        return tuple(found.refusal(issue) for issue in issues)
    decisions = (plan(issue, runbooks, topology, past, now=now) for issue in issues)
    words = storms.gathering(issues, topology, now=now, namespace=namespace, raging=raging)
    return tuple(
        storms.waiting(each.issue, words) if words and isinstance(each, Plan) and each.acts else each
        for each in decisions
    )


def plan(
    issue: Issue,
    runbooks: Sequence[Runbook],
    topology: Topology,
    past: Past = Past(),
    *,
    now: datetime,
) -> Decision:
    """The ladder for one issue, or the guard that forbids it.

    `runbooks` are asked in order: users' own before the defaults. Guards that need the cluster's own
    state (halt, storm breaker, interlock, budgets) are asked by the governor when the plan is carried out.
    """
    recovered = [each for each in past.under_way if needs(issue.target, each, topology)]
    untouched = (
        guards.hearsay(issue)
        or guards.echo(issue, recovered)
        or guards.aftermath(issue, topology, past.ledgers, now)
    )
    if untouched is not None:
        return untouched
    if issue.root:
        why = f"follows from {issue.root}, not acted on"
        return Refusal(issue, "root cause", "roots only", why, outcome=Outcome.NOTHING_TO_DO)
    if (early := guards.unsure(issue, now)) is not None:
        return early
    book = matching(issue, runbooks)
    if book is None:
        return _unserved(issue, runbooks, topology, past, now) or _no_runbook(issue, runbooks)
    refused = guards.guarded(issue, book.spec.guards, past.ledgers, now)
    return refused or _laddered(issue, book, topology, past, now)


def _unserved(
    issue: Issue, runbooks: Sequence[Runbook], topology: Topology, past: Past, now: datetime
) -> Plan | None:
    """A person is told of what is only watched, once nothing has served for long; None: that is not so."""
    book = would_match(issue, runbooks)
    serves = issue.severity < Severity.CRITICAL or issue.alerts_alone
    if book is None or serves or now - issue.since < UNSERVED:
        return None
    found = _laddered(issue, book, topology, past, now)
    return found.telling(_uncertain(issue)) if isinstance(found, Plan) else None


def _uncertain(issue: Issue) -> str:
    return f"{issue.kind} is only {issue.confidence:.0%} certain: watched, not acted on"


def _no_runbook(issue: Issue, runbooks: Sequence[Runbook]) -> Refusal:
    """None matches; where it is only for want of certainty, that is no refusal: one goes on watching."""
    bars = [b.spec.matches.min_confidence for b in runbooks if b.spec.matches.issue == issue.kind]
    if bars and issue.confidence < min(bars):
        limit = f"{min(bars):.0%} certain"
        return Refusal(issue, "confidence", limit, _uncertain(issue), outcome=Outcome.NOTHING_TO_DO)
    return Refusal(issue, "runbook", "one that matches", f"no runbook is for {issue.kind}")


def _laddered(issue: Issue, book: Runbook, topology: Topology, past: Past, now: datetime) -> Decision:
    rungs: list[Rung] = []
    left_out: list[str] = []
    limit = book.spec.guards.same_fix_at_most
    for step in book.spec.remediations:
        found = guards.looped(issue, step, limit, past.ledgers, now) or _rung(issue, step, topology)
        if isinstance(found, Rung):
            rungs.append(_with_record(found, issue, past.history))
        else:
            left_out.append(f"{step.action}: {found}")
    if not rungs:
        return Refusal(issue, "runbook", book.name, "nothing in it applies: " + "; ".join(left_out))
    near = needed_by(issue.target, topology)
    domains = tuple(_domains(issue.target, topology))
    return Plan(issue, book, tuple(rungs), tuple(left_out), near, domains)


def _rung(issue: Issue, step: Step, topology: Topology) -> Rung | str:
    if step.when and issue.kinds.isdisjoint(step.when):
        return "only for " + ", ".join(step.when)
    workload = topology.workloads.get((issue.target.namespace, str(issue.target)))
    return remedies.plan(step, Scene(issue, workload, topology))


def _with_record(rung: Rung, issue: Issue, history: Sequence[Attempt]) -> Rung:
    said = patterns.summary(history, issue.kind, rung.action)
    return rung if not said else replace(rung, why=f"{rung.why}; {said}")


def _domains(target: ObjectRef, topology: Topology) -> Iterable[Domain]:
    """What fails together with the target: the workloads of its namespace, or the nodes of its zone."""
    if target.kind == kube.NODE:
        yield _zone(target, topology)
    elif target.namespace:
        members = [w.ref for w in topology.workloads.values() if w.ref.namespace == target.namespace]
        yield Domain.of(f"namespace {target.namespace}", members, least=2)


def _zone(target: ObjectRef, topology: Topology) -> Domain:
    zones = {n["metadata"]["name"]: kube.labels_of(n).get(ZONE, "") for n in topology.nodes}
    mine = zones.get(target.name, "")
    nodes = [node for node in topology.nodes if zones[node["metadata"]["name"]] == mine]
    down = [
        each
        for each in nodes
        if not kube.is_true(each, "Ready") or (each.get("spec") or {}).get("unschedulable")
    ]
    name = f"zone {mine}" if mine else "the nodes"
    return Domain.of(
        name,
        (kube.ref_of(each, kube.NODE) for each in nodes),
        down=(kube.ref_of(each, kube.NODE) for each in down if each["metadata"]["name"] != target.name),
    )
