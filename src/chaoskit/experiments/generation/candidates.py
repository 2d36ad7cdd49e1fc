"""Everything that could be tried: faults on workloads and nodes, each with its risk, impact and past."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chaoskit import kube
from chaoskit.experiments.direct.faults import DIRECT, EVERY, OWN
from chaoskit.experiments.generation.fitting import Case, Fit
from chaoskit.experiments.generation.past import History, Past
from chaoskit.experiments.generation.repertoire import FAULTS, OF_NODES, SAME, faults_for, fit
from chaoskit.ports.cluster import Object
from chaoskit.records import PredictionRecord
from chaoskit.topology import Topology, Workload

RISKS: Mapping[str, float] = {
    "replica-loss": 0.05, "memory-leak": 0.03, "database-connection": 0.03, "network": 0.03,
    "cpu-saturation": 0.02, "disk-full": 0.02, "failing-upstream": 0.015, "slow-upstream": 0.015,
    "capacity": 0.015, "configuration": 0.01, "dns": 0.01,
}  # fmt: skip
"""The probabilities taken for workloads that nobody has predicted anything for."""

_NODE_RISK = 0.01
_NEARNESS = (1.0, 0.7, 0.5)
"""What a fault counts as proof of a failure: the nearest, the next, the one after that."""

_ABSENT = 0.5
"""What a fault counts whose ChaosExperiment is not in the namespace: it cannot be run at once."""

_HOSTNAME = "kubernetes.io/hostname"
_CONTROL_PLANE = frozenset({"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fault that would prove a failure of the `subject`: ``deployment/cart`` or ``node/node-1``.

    `target` is hit (a caller of the subject, where the fault is on the way between them), `hit` are the
    workloads that this disturbs, `of` the pods or nodes of which `number` are hit. `prediction` is what was
    said of the subject, and `foreseen` whether it is this failure that it said.
    """

    subject: str
    target: str
    namespace: str
    fault: str
    failure: str
    risk: float
    impact: float
    nearness: float
    past: Past
    hit: tuple[Workload, ...]
    of: int
    number: int
    targets: Mapping[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    because: str = ""
    noticed: str = ""
    litmus: Mapping[str, Any] = field(default_factory=dict)
    prediction: PredictionRecord | None = None
    foreseen: bool = False
    installed: bool = True

    @property
    def score(self) -> float:
        """Probability, impact and coverage gap in one number, 0 to 1."""
        share = self.nearness * self.past.gap[0] * (1.0 if self.installed else _ABSENT)
        return self.risk * self.impact * share


@dataclass(frozen=True, slots=True)
class World:
    """What candidates are made of.

    `installed` are faults (namespace, name) that Litmus can run at once, `only` workloads that may be hit;
    None: all. Without `direct`, faults that only chaoskit itself injects are left out; where pods' traffic is
    `measured`, it can be seen to end.
    """

    topology: Topology
    history: History
    installed: Collection[tuple[str, str]] | None = None
    only: Collection[tuple[str, str]] | None = None
    direct: bool = True
    measured: bool = False

    @property
    def workloads(self) -> Iterator[tuple[tuple[str, str], Workload]]:
        """The workloads that may be hit, by their keys."""
        every = self.topology.workloads.items()
        return ((key, workload) for key, workload in every if self.only is None or key in self.only)

    def of_workload(self, workload: Workload, prediction: PredictionRecord | None) -> Iterator[Candidate]:
        """The best fault for each class of failure that may befall the workload."""
        for failure, risk in _risks(prediction).items():
            found = self.of_failure(workload, failure, risk, prediction)
            best = max(found, key=lambda each: each.score, default=None)
            if best is not None:
                yield best

    def of_failure(
        self, workload: Workload, failure: str, risk: float, prediction: PredictionRecord | None
    ) -> Iterator[Candidate]:
        """Every fault that fits and would prove the failure, the nearest first."""
        for place, fault in enumerate(self._possible(faults_for(failure))):
            case = Case(workload, self.topology, prediction=prediction, measured=self.measured)
            found = fit(fault, case)
            if found is None:
                continue
            ref, target = workload.ref, str(found.target.ref)
            tried = self.history.of(fault, ref.namespace, target)
            fitted = fit(fault, replace(case, severity=tried.severity)) or found
            yield Candidate(
                subject=str(ref),
                target=target,
                namespace=ref.namespace,
                fault=fault,
                failure=failure,
                risk=risk,
                impact=_impact(workload, self.topology),
                nearness=_NEARNESS[min(place, len(_NEARNESS) - 1)],
                past=tried,
                hit=(fitted.target, *fitted.others),
                of=max(1, len(fitted.target.alive)) + _pods(fitted.others),
                number=_number(fault, fitted),
                targets={"workloads": [target]},
                parameters=fitted.parameters,
                because=fitted.because,
                noticed=_noticed(workload, self.topology),
                prediction=prediction,
                foreseen=prediction is not None and failure == _foreseen(prediction),
                installed=self._is_installed(ref.namespace, fault),
            )

    def of_nodes(self) -> Iterator[Candidate]:
        """The best fault on each node on which pods of these workloads run, where another can take them."""
        usable = [each for each in self.topology.nodes if _schedulable(each)]
        for node in usable if len(usable) > 1 else ():
            other = next(each for each in usable if each is not node)
            there = Counter(workload.ref.namespace for workload in self._on(node))
            for namespace, _ in there.most_common(1):
                found = (
                    self._of_node(node, other, namespace, len(usable), place, fault)
                    for place, fault in enumerate(self._possible(OF_NODES))
                )
                yield max(found, key=lambda each: each.score)

    def _possible(self, faults: Iterable[str]) -> Iterator[str]:
        """Those of the faults that may be proposed."""
        return (each for each in faults if self.direct or each not in OWN)

    def _of_node(
        self, node: Object, other: Object, namespace: str, of: int, place: int, fault: str
    ) -> Candidate:
        name = node["metadata"]["name"]
        there = tuple(each for each in self._on(node) if each.ref.namespace == namespace)
        wholly = [each for each in there if all(_runs_on(pod, name) for pod in each.pods)]
        peers = [each for each in self.topology.workloads.values() if each.ref.namespace == namespace]
        return Candidate(
            subject=f"node/{name}",
            target=f"node/{name}",
            namespace=namespace,
            fault=fault,
            failure="node",
            risk=_NODE_RISK,
            impact=(len(there) + len(wholly)) / (2 * len(peers)),
            nearness=_NEARNESS[place],
            past=self.history.of(fault, namespace, f"node/{name}"),
            hit=there,
            of=of,
            number=1,
            targets={"nodes": [name]},
            because=f"{len(wholly)} workloads run on it alone",
            noticed=f"{len(there)} workloads have pods on it",
            litmus={} if fault in OWN else {"nodeSelector": {_HOSTNAME: _hostname(other)}},
            installed=self._is_installed(namespace, fault),
        )

    def _on(self, node: Object) -> list[Workload]:
        """Workloads with pods on the node."""
        return [each for _, each in self.workloads if any(_runs_on(pod, _name(node)) for pod in each.pods)]

    def _is_installed(self, namespace: str, fault: str) -> bool:
        known = self.installed is None or fault in DIRECT
        return known or (namespace, EVERY[fault].litmus) in (self.installed or ())


def _number(fault: str, fitted: Fit) -> int:
    """How many pods of the target it hits; faults that are told labels take all."""
    pods = max(1, len(fitted.target.alive))
    own = pods if EVERY[fault].scope in {"label", "workload"} else min(pods, fitted.hit)
    return own + _pods(fitted.others)


def _pods(workloads: Iterable[Workload]) -> int:
    return sum(len(each.alive) for each in workloads)


def _hostname(node: Object) -> str:
    return kube.labels_of(node).get(_HOSTNAME, _name(node))


def _name(body: Object) -> str:
    return str(body["metadata"]["name"])


def _runs_on(pod: Object, node: str) -> bool:
    return bool(pod["spec"].get("nodeName") == node)


def _schedulable(node: Object) -> bool:
    return not (node.get("spec") or {}).get("unschedulable") and not _CONTROL_PLANE & set(
        kube.labels_of(node)
    )


def _foreseen(prediction: PredictionRecord) -> str:
    """The class of failure that is foreseen; one without a fault of its own is tried with a lost replica."""
    failure = SAME.get(prediction.issue, prediction.issue)
    return failure if failure in FAULTS else "replica-loss"


def _risks(prediction: PredictionRecord | None) -> dict[str, float]:
    """The probability of each class of failure: what is foreseen, and little for the others."""
    if prediction is None:
        return dict(RISKS)
    chance = prediction.score if prediction.probability is None else prediction.probability
    return {**RISKS, _foreseen(prediction): chance}


def _impact(workload: Workload, topology: Topology) -> float:
    """The share of its namespace's workloads that would notice, less where other pods serve; 0 to 1."""
    reached = {str(workload.ref)}
    waiting = [workload]
    while waiting:
        for caller in topology.callers_of(waiting.pop()):
            if str(caller.ref) not in reached:
                reached.add(str(caller.ref))
                waiting.append(caller)
    peers = [w for w in topology.workloads.values() if w.ref.namespace == workload.ref.namespace]
    redundancy = {1: 1.0, 2: 0.8}.get(len(workload.pods), 0.6)
    return redundancy * len(reached) / max(1, len(peers))


def _noticed(workload: Workload, topology: Topology) -> str:
    callers = len(topology.callers_of(workload))
    return f"{callers} workloads call it" if callers != 1 else "1 workload calls it"
