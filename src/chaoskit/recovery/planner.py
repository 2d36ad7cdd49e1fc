"""What to do about an issue, and in which order; or why nothing may be done. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chaoskit import kube, ownership, rollouts
from chaoskit.documents import duration
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import ObjectRef
from chaoskit.recovery import patterns
from chaoskit.recovery.classification import PASSED_ON, Issue, needs
from chaoskit.recovery.patterns import Attempt
from chaoskit.recovery.runbook import Remediation, Runbook, matching
from chaoskit.recovery.symptoms import minutes
from chaoskit.topology import Topology, Workload, looks_like_database

LOOP_WINDOW = timedelta(hours=6)
"""The same fix on the same target counts against `sameFixAtMost` for so long."""

AFTERMATH = timedelta(minutes=3)
"""Callers may still show errors and delays for so long after what they call was recovered."""

STORM_SHARE = 0.5
STORM_AT_LEAST = 4
"""When so many workloads fail at once, and at least so many, it is one thing that no restart mends."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder: a remediation on targets (and which of their pods), and why.

    `expects` is what it was planned for (names of replica sets): where that has changed, it is not done.
    """

    step: Remediation
    targets: tuple[ObjectRef, ...]
    why: str
    pods: tuple[str, ...] = ()
    expects: Mapping[str, str] = field(default_factory=dict)

    @property
    def action(self) -> str:
        """``restart-pod``."""
        return self.step.action


@dataclass(frozen=True, slots=True)
class Plan:
    """The rungs to try on an issue, in order; `left_out` says which others do not apply, and why.

    `pods_hit` of `pods_total` serving pods go at once at most.
    """

    issue: Issue
    runbook: Runbook
    rungs: tuple[Rung, ...]
    left_out: tuple[str, ...] = ()
    pods_hit: int = 0
    pods_total: int = 0

    @property
    def targets(self) -> tuple[ObjectRef, ...]:
        """Everything that the rungs touch, the issue's own target first."""
        touched = (target for rung in self.rungs for target in rung.targets)
        return tuple(dict.fromkeys((self.issue.target, *touched)))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing is done about an issue: which guard says so, what it allows, until when (None: for good).

    `outcome` is what a recovery ends with that it stops: a mere effect of something else is no refusal.
    """

    issue: Issue
    guard: str
    limit: str
    why: str
    until: datetime | None = None
    outcome: Outcome = Outcome.REFUSED


Decision = Plan | Refusal


def plan(
    issue: Issue,
    runbooks: Sequence[Runbook],
    topology: Topology,
    history: Sequence[Attempt] = (),
    *,
    now: datetime,
) -> Decision:
    """The ladder for one issue, or the guard that forbids it.

    `runbooks` are asked in order: users' own before the defaults. Guards that need the cluster's own
    state (halt, interlock, budgets) are asked by the governor when the plan is carried out.
    """
    if (recovered := _aftermath(issue, topology, history, now)) is not None:
        return recovered
    if issue.root:
        why = f"follows from {issue.root}, not acted on"
        return Refusal(issue, "root cause", "roots only", why, outcome=Outcome.NOTHING_TO_DO)
    book = matching(issue, runbooks)
    if book is None:
        return _no_runbook(issue, runbooks)
    return _guarded(issue, book, history, now) or _laddered(issue, book, topology, history, now)


def _no_runbook(issue: Issue, runbooks: Sequence[Runbook]) -> Refusal:
    """None matches; where it is only for want of certainty, that is no refusal: one goes on watching."""
    bars = [b.spec.matches.min_confidence for b in runbooks if b.spec.matches.issue == issue.kind]
    if bars and issue.confidence < min(bars):
        why = f"{issue.kind} is only {issue.confidence:.0%} certain: watched, not acted on"
        limit = f"{min(bars):.0%} certain"
        return Refusal(issue, "confidence", limit, why, outcome=Outcome.NOTHING_TO_DO)
    return Refusal(issue, "runbook", "one that matches", f"no runbook is for {issue.kind}")


def plan_all(
    issues: Sequence[Issue],
    runbooks: Sequence[Runbook],
    topology: Topology,
    history: Sequence[Attempt] = (),
    *,
    now: datetime,
) -> tuple[Decision, ...]:
    """A plan or refusal for each issue; when most workloads fail at once, refusals alone."""
    failing = {issue.target for issue in issues if not issue.root and issue.kind != "unexplained"}
    total = len(topology.workloads)
    if len(failing) >= max(STORM_AT_LEAST, STORM_SHARE * total):
        why = f"{len(failing)} of {total} workloads fail at once: one cause, for a person"
        return tuple(Refusal(issue, "storm", f"fewer than {STORM_SHARE:.0%}", why) for issue in issues)
    return tuple(plan(issue, runbooks, topology, history, now=now) for issue in issues)


# ---------------------------------------------------------------- guards


def _aftermath(issue: Issue, topology: Topology, history: Sequence[Attempt], now: datetime) -> Refusal | None:
    """Errors and delays outlive their cause in rates and queues: not acted on just after its recovery."""
    if not issue.kinds <= PASSED_ON:
        return None
    for attempt in history:
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


def _guarded(issue: Issue, book: Runbook, history: Sequence[Attempt], now: datetime) -> Refusal | None:
    guards = book.spec.guards
    expired = (now - issue.at).total_seconds() > guards.evidence_expires
    if expired:
        limit = duration(guards.evidence_expires)
        return Refusal(issue, "evidence", limit, f"was seen {_ago(issue.at, now)} ago: look again")
    mine = [a for a in history if a.on(issue.target, issue.kind) and a.acted]
    return _resting(issue, guards.cooldown, mine, now) or _too_often(
        issue, guards.max_attempts_per_hour, mine, now
    )


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


def _ago(at: datetime, now: datetime) -> str:
    return minutes((now - at).total_seconds())


# ---------------------------------------------------------------- the ladder


def _laddered(
    issue: Issue, book: Runbook, topology: Topology, history: Sequence[Attempt], now: datetime
) -> Decision:
    rungs: list[Rung] = []
    left_out: list[str] = []
    for step in book.spec.remediations:
        found = _looped(issue, step, book, history, now) or _rung(issue, step, topology)
        if isinstance(found, Rung):
            rungs.append(_with_record(found, issue, history))
        else:
            left_out.append(f"{step.action}: {found}")
    if not rungs:
        return Refusal(issue, "runbook", book.name, "nothing in it applies: " + "; ".join(left_out))
    hit, total = _radius(issue, rungs, topology)
    return Plan(issue, book, tuple(rungs), tuple(left_out), hit, total)


def _looped(issue: Issue, step: Remediation, book: Runbook, history: Sequence[Attempt], now: datetime) -> str:
    limit = book.spec.guards.same_fix_at_most
    same = [
        a for a in history
        if a.on(issue.target, issue.kind) and step.action in a.actions and now - a.at < LOOP_WINDOW
    ]  # fmt: skip
    if step.action == "notify" or len(same) < limit:
        return ""
    return f"was done {len(same)} times here in {LOOP_WINDOW.seconds // 3600} h: it does not last"


def _rung(issue: Issue, step: Remediation, topology: Topology) -> Rung | str:
    if step.when and issue.kinds.isdisjoint(step.when):
        return "only for " + ", ".join(step.when)
    workload = topology.workloads.get((issue.target.namespace, str(issue.target)))
    return _WAYS[step.action](step, _Scene(issue, workload, topology))


def _with_record(rung: Rung, issue: Issue, history: Sequence[Attempt]) -> Rung:
    said = patterns.summary(history, issue.kind, rung.action)
    return rung if not said else replace(rung, why=f"{rung.why}; {said}")


def _radius(issue: Issue, rungs: Iterable[Rung], topology: Topology) -> tuple[int, int]:
    """How many serving pods go at once at most, and of how many: rolling changes take one at a time."""
    workload = topology.workloads.get((issue.target.namespace, str(issue.target)))
    if workload is None:
        return 0, 0
    ready = {pod["metadata"]["name"] for pod in workload.pods if kube.is_ready(pod)}
    at_once = [
        len(ready.intersection(rung.pods)) if rung.pods else 1 for rung in rungs if rung.action != "notify"
    ]
    return max(at_once, default=0), len(workload.pods)


@dataclass(frozen=True, slots=True)
class _Scene:
    """What a way to make a rung looks at."""

    issue: Issue
    workload: Workload | None
    topology: Topology


def _kept(workload: Workload, *path: str) -> str:
    found = ownership.keeper(workload.body, path)
    return f"{found} keeps {'.'.join(path)} of {workload.ref} as it is" if found else ""


def _restart_pod(step: Remediation, scene: _Scene) -> Rung | str:
    if scene.workload is None:
        return "no workload would replace the pods"
    unready = [p for p in scene.workload.pods if not kube.is_ready(p) and not kube.is_deleting(p)]
    pods = scene.issue.pods or tuple(p["metadata"]["name"] for p in unready)
    if not pods:
        return "no pod has the symptom"
    return Rung(step, (scene.workload.ref,), f"replaces {', '.join(pods)}", pods)


def _rolling_restart(step: Remediation, scene: _Scene) -> Rung | str:
    if scene.workload is None:
        return "there is no workload to restart"
    return Rung(step, (scene.workload.ref,), "replaces its pods a few at a time")


def _roll_back(step: Remediation, scene: _Scene) -> Rung | str:
    workload = scene.workload
    if workload is None or workload.ref.kind != kube.DEPLOYMENT:
        return "only deployments keep their revisions as replica sets"
    if kept := _kept(workload, "spec", "template"):
        return kept
    found = rollouts.revisions(workload.body, scene.topology.replica_sets)
    healthy = rollouts.last_healthy(workload.body, found)
    running = rollouts.current(workload.body, found)
    if healthy is None or running is None:
        return "no earlier revision is left"
    state = f"{healthy.ready} of its pods still serve" if healthy.ready else "served before this rollout"
    expects = {"from": running.name, "to": healthy.name}
    return Rung(step, (workload.ref,), f"back to revision {healthy.number}, {state}", expects=expects)


def _scale(step: Remediation, scene: _Scene) -> Rung | str:
    workload = scene.workload
    if workload is None or workload.ref.kind == kube.DAEMON_SET:
        return "it cannot be scaled"
    if kept := _kept(workload, "spec", "replicas"):
        return kept
    present = kube.desired_replicas(workload.body)
    wanted = max(step.min, min(step.max, present + step.by)) if step.action == "scale" else present
    if wanted == present:
        return f"{present} replicas is the limit already"
    return Rung(step, (workload.ref,), f"{present} to {wanted} replicas")


def _raise_memory(step: Remediation, scene: _Scene) -> Rung | str:
    workload = scene.workload
    if workload is None or workload.ref.kind != kube.DEPLOYMENT:
        return "only for deployments"
    if kept := _kept(workload, "spec", "template"):
        return kept
    containers = workload.body["spec"]["template"]["spec"]["containers"]
    limits = [found for each in containers if (found := kube.limit(each, "memory")) is not None]
    if not limits:
        return "it has no memory limit"
    if step.action != "raise-memory-limit" or max(limits) >= kube.quantity(step.cap):
        return "its limit is at the cap already"
    return Rung(step, (workload.ref,), f"memory limit times {step.factor:g}, at most {step.cap}")


def _recycle(step: Remediation, scene: _Scene) -> Rung | str:
    if scene.workload is None:
        return "there is no client to restart"
    clients: tuple[Workload, ...] = (scene.workload,)
    if looks_like_database(scene.workload) or "database-full" in scene.issue.kinds:
        clients = scene.topology.callers_of(scene.workload)
    if not clients:
        return "nobody is known to call this database"
    refs = tuple(client.ref for client in clients)
    return Rung(step, refs, "gives the connections of " + ", ".join(map(str, refs)) + " back")


def _dependency(step: Remediation, scene: _Scene) -> Rung | str:
    if scene.workload is None:
        return "it has no dependency"
    known = scene.topology.workloads.values()
    found = [w for w in known if looks_like_database(w) and scene.workload in scene.topology.callers_of(w)]
    if not found:
        return "no database is known that it calls"
    return Rung(step, tuple(w.ref for w in found), "restarts the database behind it")


def _uncordon(step: Remediation, scene: _Scene) -> Rung | str:
    if scene.issue.target.kind != kube.NODE:
        return "it is no node"
    run = scene.issue.fact("run")
    if not run:
        return "cordoned by somebody else: only what chaoskit cordoned is uncordoned"
    return Rung(step, (scene.issue.target,), f"cordoned by chaoskit run {run}, which is over")


def _policies(step: Remediation, scene: _Scene) -> Rung | str:
    if scene.workload is None:
        return "there is no workload whose pods a policy could select"
    return Rung(step, (scene.workload.ref,), "removes what an ended experiment left behind, if anything")


def _notify(step: Remediation, scene: _Scene) -> Rung | str:
    return Rung(step, (scene.issue.target,), "a person decides")


_WAYS: Mapping[str, Callable[[Remediation, _Scene], Rung | str]] = {
    "restart-pod": _restart_pod,
    "rolling-restart": _rolling_restart,
    "roll-back": _roll_back,
    "scale": _scale,
    "raise-memory-limit": _raise_memory,
    "recycle-connections": _recycle,
    "restart-dependency": _dependency,
    "uncordon": _uncordon,
    "remove-network-policy": _policies,
    "notify": _notify,
}
