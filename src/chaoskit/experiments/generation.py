"""Proposes what to try next: ranked by probability, impact and what was not tested lately."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chaoskit import kube
from chaoskit.documents import dump
from chaoskit.experiments.faults import SEVERITIES, Severity
from chaoskit.experiments.spec import API_VERSION, KIND
from chaoskit.outcome import Outcome
from chaoskit.records import PredictionRecord
from chaoskit.topology import Topology, Workload

UNKNOWN_RISK = 0.05
"""The probability taken for a workload that nobody has predicted anything for."""

STALE_AFTER = 14.0
"""Days after which a passed test counts as never done."""

_FAULTS: Mapping[str, tuple[str, ...]] = {
    "pod-crash": ("pod-delete", "container-kill"),
    "memory-leak": ("pod-memory-hog", "pod-delete"),
    "disk-full": ("disk-fill", "pod-io-stress"),
    "cpu-saturation": ("pod-cpu-hog",),
    "network": ("pod-network-loss", "pod-delete"),
    "database-connection": ("pod-network-loss", "pod-delete"),
}
"""Which faults prove which kind of failure, the nearest first; anything else is tried with pod-delete."""

_JUDGED = frozenset({Outcome.PASSED, Outcome.WEAKNESS_FOUND})
_LENGTHS = {"pod-delete": 15, "container-kill": 20}
_DATABASE_PORTS = frozenset({1433, 1521, 3306, 5432, 6379, 9042, 27017})


@dataclass(frozen=True, slots=True)
class Proposal:
    """One experiment worth doing, with its place, its score and why."""

    rank: int
    score: float
    reason: str
    experiment: dict[str, Any]
    target: str
    trace_id: str = ""

    @property
    def text(self) -> str:
        """The experiment as YAML, the reason above it."""
        return f"# {self.rank}. {self.reason}\n{dump(self.experiment)}"


@dataclass(frozen=True, slots=True)
class _Candidate:
    workload: Workload
    fault: str
    issue: str
    probability: float | None
    impact: float
    gap: float
    why_gap: str
    severity: Severity
    prediction: PredictionRecord | None

    @property
    def score(self) -> float:
        risk = UNKNOWN_RISK if self.probability is None else self.probability
        return risk * self.impact * self.gap


def propose(
    predictions: Iterable[PredictionRecord],
    topology: Topology,
    history: Sequence[Mapping[str, Any]] = (),
    *,
    measured: Collection[tuple[str, str]] = (),
    top: int = 5,
    now: datetime,
) -> tuple[Proposal, ...]:
    """The `top` experiments most worth doing, at most one for each workload and kind of failure.

    `history` are run records as documents, newest first; `measured` are the workloads (namespace, name) whose
    errors are measured: they and their callers must not fail requests. A workload without a prediction is
    tried with pod-delete at a small risk; severity rises only after a pass.
    """
    foreseen = {(each.namespace, each.target): each for each in predictions}
    candidates = [
        _candidate(workload, topology, foreseen.get(key), history, now)
        for key, workload in topology.workloads.items()
        if workload.ready
    ]
    ranked = sorted(candidates, key=lambda each: (-each.score, str(each.workload.ref)))
    return tuple(_proposal(rank, each, topology, measured) for rank, each in enumerate(ranked[:top], 1))


def _candidate(
    workload: Workload,
    topology: Topology,
    prediction: PredictionRecord | None,
    history: Sequence[Mapping[str, Any]],
    now: datetime,
) -> _Candidate:
    issue = prediction.issue if prediction is not None else ""
    faults = _FAULTS.get(issue, ("pod-delete",))
    tested = [(fault, _tested(workload, fault, history)) for fault in faults]
    graded = [(fault, runs, *_gap(runs, now)) for fault, runs in tested]
    fault, runs, gap, why = max(graded, key=lambda each: each[2])
    return _Candidate(
        workload=workload,
        fault=fault,
        issue=issue,
        probability=_probability(prediction),
        impact=_impact(workload, topology),
        gap=gap,
        why_gap=why,
        severity=_severity(runs),
        prediction=prediction,
    )


def _probability(prediction: PredictionRecord | None) -> float | None:
    if prediction is None:
        return None
    return prediction.score if prediction.probability is None else prediction.probability


def _impact(workload: Workload, topology: Topology) -> float:
    """The share of its namespace's workloads that would notice, directly or through others; 0 to 1."""
    reached = {str(workload.ref)}
    waiting = [workload]
    while waiting:
        for caller in topology.callers_of(waiting.pop()):
            if str(caller.ref) not in reached:
                reached.add(str(caller.ref))
                waiting.append(caller)
    peers = [w for w in topology.workloads.values() if w.ref.namespace == workload.ref.namespace]
    return len(reached) / max(1, len(peers))


def _tested(workload: Workload, fault: str, history: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Runs of this fault on this workload, newest first."""
    return [
        run
        for run in history
        if run.get("fault") == fault
        and run.get("namespace") == workload.ref.namespace
        and str(workload.ref) in (run.get("targets") or ())
    ]


def _gap(runs: Sequence[Mapping[str, Any]], now: datetime) -> tuple[float, str]:
    """How much is unknown, 0 to 1, and why: never tested, weak when last tested, or tested long ago."""
    judged = [run for run in runs if run.get("outcome") in _JUDGED]
    if not judged:
        return 1.0, "never tested"
    at = datetime.fromisoformat(judged[0]["at"])
    days = max(0.0, (now - at).total_seconds() / 86400)
    if judged[0]["outcome"] == Outcome.WEAKNESS_FOUND:
        return 0.8, f"weak when tested {_days(days)} ago"
    return max(0.1, min(1.0, days / STALE_AFTER)), f"passed {_days(days)} ago"


def _days(days: float) -> str:
    return f"{days:.0f} d" if days >= 1 else f"{days * 24:.0f} h"


def _severity(runs: Sequence[Mapping[str, Any]]) -> Severity:
    """One step above the last severity when that passed, otherwise the same; ``medium`` at first."""
    last = next((run for run in runs if run.get("outcome") in _JUDGED), None)
    if last is None:
        return "medium"
    had = ((last.get("experiment") or {}).get("spec") or {}).get("severity")
    place = SEVERITIES.index(had) if had in SEVERITIES else 1
    higher = place + 1 if last["outcome"] == Outcome.PASSED else place
    return SEVERITIES[min(higher, len(SEVERITIES) - 1)]


def _proposal(
    rank: int, candidate: _Candidate, topology: Topology, measured: Collection[tuple[str, str]]
) -> Proposal:
    ref = candidate.workload.ref
    prediction = candidate.prediction
    return Proposal(
        rank=rank,
        score=round(candidate.score, 4),
        reason=_reason(candidate, topology),
        experiment=_experiment(candidate, topology, measured),
        target=str(ref),
        trace_id=prediction.trace_id if prediction is not None else "",
    )


def _reason(candidate: _Candidate, topology: Topology) -> str:
    ref = candidate.workload.ref
    if candidate.prediction is None:
        risk = "no prediction"
    elif candidate.prediction.probability is None:
        risk = f"rules point to {candidate.issue.replace('-', ' ')}" if candidate.issue else "no known sign"
    else:
        likely = f" by {candidate.issue.replace('-', ' ')}" if candidate.issue else ""
        minutes = candidate.prediction.horizon_minutes
        when = f" within {minutes:.0f} min" if minutes else " now"
        risk = f"{candidate.prediction.probability:.0%} to fail{likely}{when}"
    callers = len(topology.callers_of(candidate.workload))
    noticed = f"{callers} workloads call it" if callers != 1 else "1 workload calls it"
    return f"{ref} with {candidate.fault}: {risk}; {noticed}; {candidate.why_gap}"


def _experiment(
    candidate: _Candidate, topology: Topology, measured: Collection[tuple[str, str]]
) -> dict[str, Any]:
    ref, fault = candidate.workload.ref, candidate.fault
    fault_spec: dict[str, Any] = {"kind": fault}
    parameters = _parameters(candidate, topology)
    if parameters:
        fault_spec["parameters"] = parameters
    pods = max(1, len(candidate.workload.pods))
    meta: dict[str, Any] = {"name": f"{ref.name}-{fault}"[:63].rstrip("-"), "namespace": ref.namespace}
    if candidate.prediction is not None:
        meta["annotations"] = {
            "chaoskit.io/prediction": candidate.prediction.id,
            "chaoskit.io/trace": candidate.prediction.trace_id,
        }
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": meta,
        "spec": {
            "hypothesis": _hypothesis(candidate),
            "fault": fault_spec,
            "targets": {"workloads": [str(ref)]},
            "duration": f"{_LENGTHS.get(fault, 30)}s",
            "severity": candidate.severity,
            "blastRadius": {"maxPods": 1, "maxPercent": -(-100 // pods)},
            "steadyState": _steady_state(candidate.workload, topology, measured),
        },
    }


def _hypothesis(candidate: _Candidate) -> str:
    name = candidate.workload.ref.name
    words = {
        "pod-delete": "one of its pods is gone",
        "container-kill": "one of its containers dies",
        "pod-memory-hog": "the memory of one pod fills up",
        "pod-cpu-hog": "the CPU of one pod is saturated",
        "pod-network-loss": "one of its pods loses what it sends",
    }
    return f"{name} keeps its steady state while {words.get(candidate.fault, candidate.fault)}."


def _parameters(candidate: _Candidate, topology: Topology) -> dict[str, Any]:
    if candidate.fault == "pod-memory-hog":
        return {"megabytes": _to_the_limit(candidate)}
    if candidate.fault == "pod-network-loss" and candidate.issue == "database-connection":
        hosts = _databases(candidate.workload, topology)
        return {"percent": 100} | ({"hosts": ",".join(hosts)} if hosts else {})
    return {}


def _to_the_limit(candidate: _Candidate) -> int:
    """Megabytes that take the first container over its limit: what is free of it and a tenth more."""
    containers = candidate.workload.body["spec"]["template"]["spec"]["containers"]
    limit = next((found for each in containers if (found := kube.limit(each, "memory"))), None)
    if limit is None:
        return 250
    signals = candidate.prediction.signals if candidate.prediction is not None else {}
    used = min(0.95, max(0.0, signals.get("memory_usage", 0.5)))
    return max(1, round(limit * (1 - used) * 1.1 / 1e6))


def _databases(workload: Workload, topology: Topology) -> list[str]:
    """The databases that it calls, as Litmus scopes them: ``host|port``."""
    services = (
        service
        for service in topology.services
        if service["metadata"]["namespace"] == workload.ref.namespace
        and service["metadata"]["name"] in workload.calls
    )
    return [
        f"{service['metadata']['name']}.{workload.ref.namespace}.svc.cluster.local|{port['port']}"
        for service in services
        for port in service["spec"].get("ports") or ()
        if port["port"] in _DATABASE_PORTS
    ]


def _steady_state(
    workload: Workload, topology: Topology, measured: Collection[tuple[str, str]]
) -> list[dict[str, Any]]:
    """What must hold: enough ready pods around the fault, and few errors of it and of whoever calls it.

    A workload's only pod measures nothing while it is hit: only its callers tell then.
    """
    ready = {"kubernetes": {"workload": str(workload.ref)}, "mode": "edges", "recoversWithin": "1m30s"}
    itself = (workload,) if len(workload.pods) > 1 else ()
    noticing = (*itself, *topology.callers_of(workload))
    bounds = [
        {"signal": "error_ratio", "below": 0.05, "workload": str(each.ref)}
        for each in noticing
        if (each.ref.namespace, str(each.ref)) in measured
    ]
    return [ready, *({"prometheus": bound, "mode": "continuous", "abort": True} for bound in bounds)]
