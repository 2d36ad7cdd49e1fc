"""A proposal: an experiment worth doing, written out, with its place, its reason and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chaoskit.documents import dump, duration
from chaoskit.experiments.direct.faults import EVERY
from chaoskit.experiments.faults import Severity
from chaoskit.experiments.generation.candidates import Candidate
from chaoskit.experiments.generation.repertoire import PROPOSABLE
from chaoskit.experiments.generation.steady import Measured, conditions
from chaoskit.experiments.spec import API_VERSION, KIND
from chaoskit.experiments.targets import nodes_named
from chaoskit.records import PredictionRecord
from chaoskit.topology import Topology

PREDICTION = "chaoskit.io/prediction"
TRACE = "chaoskit.io/trace"
INCIDENT = "chaoskit.io/incident"


@dataclass(frozen=True, slots=True)
class Cost:
    """What it takes: seconds from start to verdict, how many of how many are hit, and privileges."""

    seconds: float
    hit: int
    of: int
    what: str
    privileged: str

    def __str__(self) -> str:
        """``about 1m15s, 1 of 2 pods``."""
        helper = ", with a privileged helper" if "privileged" in self.privileged else ""
        return f"about {duration(self.seconds)}, {self.hit} of {self.of} {self.what}{helper}"

    def document(self) -> dict[str, Any]:
        """The cost as JSON."""
        return {"seconds": self.seconds, "hit": self.hit, "of": self.of, "what": self.what,
                "privileged": self.privileged}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proposal:
    """One experiment worth doing, with its place, its score, why and at what cost.

    `because` are the numbers that the score is made of, each 0 to 1: probability, impact, coverage gap.
    """

    rank: int
    score: float
    reason: str
    experiment: dict[str, Any]
    target: str
    trace_id: str = ""
    cost: Cost | None = None
    because: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The experiment's name."""
        return str(self.experiment["metadata"]["name"])

    @property
    def head(self) -> str:
        """Place, reason and cost as comments."""
        cost = f"#    {self.cost}\n" if self.cost is not None else ""
        return f"# {self.rank}. {self.reason}\n{cost}"

    @property
    def text(self) -> str:
        """The experiment as YAML, reason and cost above it."""
        return self.head + dump(self.experiment)


def proposal(
    rank: int,
    candidate: Candidate,
    topology: Topology,
    measured: Measured,
    *,
    score: float | None = None,
    reason: str = "",
    marks: Mapping[str, str] | None = None,
    trace: str = "",
) -> Proposal:
    """The candidate, written out."""
    prediction = candidate.prediction
    if prediction is not None and not marks:
        marks, trace = {PREDICTION: prediction.id, TRACE: prediction.trace_id}, prediction.trace_id
    return Proposal(
        rank=rank,
        score=round(candidate.score if score is None else score, 4),
        reason=reason or _reason(candidate),
        experiment=marked(_experiment(candidate, topology, measured), marks or {}),
        target=candidate.target,
        trace_id=trace,
        cost=_cost(candidate),
        because={
            "probability": candidate.risk,
            "impact": round(candidate.impact, 4),
            "gap": round(candidate.past.gap[0], 4),
        },
    )


def marked(experiment: Mapping[str, Any], marks: Mapping[str, str]) -> dict[str, Any]:
    """The experiment with these annotations."""
    meta = dict(experiment["metadata"])
    if marks:
        meta["annotations"] = {**(meta.get("annotations") or {}), **marks}
    return {**experiment, "metadata": meta}


def _cost(candidate: Candidate) -> Cost:
    fault = EVERY[candidate.fault]
    seconds = _length(fault.kind, candidate.past.severity) + fault.overhead
    what = "nodes" if fault.scope == "node" else "pods"
    return Cost(seconds, candidate.number, candidate.of, what, fault.helper)


def _length(fault: str, severity: Severity) -> int:
    preset = EVERY[fault].preset(severity).get("duration")
    return int(preset) if preset else PROPOSABLE[fault].seconds


def _reason(candidate: Candidate) -> str:
    """``deployment/cart with pod-delete: no prediction, its only pod; 1 workload calls it; never tested``."""
    whose = f"for {candidate.subject}: " if candidate.subject != candidate.target else ""
    risk = _risk(candidate)
    because = f", {candidate.because}" if candidate.because else ""
    missing = "" if candidate.installed else "; its ChaosExperiment is missing: --format litmus brings it"
    why = f"{whose}{risk}{because}; {candidate.noticed}; {candidate.past.gap[1]}{missing}"
    return f"{candidate.target} with {candidate.fault}: {why}"


def _risk(candidate: Candidate) -> str:
    if candidate.prediction is None:
        return "no prediction"
    return _foreseen(candidate.prediction) if candidate.foreseen else "nothing foreseen"


def _foreseen(prediction: PredictionRecord) -> str:
    issue = prediction.issue.replace("-", " ")
    if prediction.probability is None:
        return f"rules point to {issue}" if issue else "no known sign"
    by = f" by {issue}" if issue else ""
    if not prediction.horizon_minutes:
        return f"{prediction.probability:.0%} that it {prediction.words}{by}"
    return f"{prediction.probability:.0%} to fail{by} within {prediction.horizon_minutes:.0f} min"


def _radius(candidate: Candidate, topology: Topology) -> dict[str, int]:
    """Just as wide as it takes; with a node go all the pods that are known to leave it."""
    nodes = candidate.targets.get("nodes", ())
    if not nodes:
        return {"maxPods": candidate.number, "maxPercent": -(-100 * candidate.number // candidate.of)}
    found = nodes_named(candidate.fault, nodes, candidate.namespace, topology)
    worst = max((-(-100 * each.number // each.total) for each in found.hits), default=0)
    return {"maxPods": found.at_once, "maxPercent": worst}


def _experiment(candidate: Candidate, topology: Topology, measured: Measured) -> dict[str, Any]:
    """The Experiment, as a person would write it."""
    fault, severity = candidate.fault, candidate.past.severity
    subject = candidate.target.partition("/")[2]
    given = {"parameters": dict(candidate.parameters)} if candidate.parameters else {}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": f"{subject}-{fault}"[:63].rstrip("-."), "namespace": candidate.namespace},
        "spec": {
            "hypothesis": f"{subject} keeps its steady state while {PROPOSABLE[fault].words}.",
            "fault": {"kind": fault, **given},
            "targets": dict(candidate.targets),
            "duration": f"{_length(fault, severity)}s",
            "severity": severity,
            "blastRadius": _radius(candidate, topology),
            "steadyState": conditions(
                fault, candidate.hit, topology, measured, seconds=_length(fault, severity)
            ),
            **({"litmus": dict(candidate.litmus)} if candidate.litmus else {}),
        },
    }
