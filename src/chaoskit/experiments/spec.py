"""The chaoskit Experiment document: what a person writes to say which fault, where, and what must hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from chaoskit.documents import Document, Duration, Location, Written, build, closest, refuse, shown, spelled
from chaoskit.errors import InvalidInput, Problem
from chaoskit.experiments.direct.faults import DIRECT, EVERY
from chaoskit.experiments.faults import CATALOGUE, SEVERITIES, Fault, Parameter, Severity, Value
from chaoskit.steadystate.conditions import Condition, WorkloadName

API_VERSION = "chaoskit.io/v1"
KIND = "Experiment"

Engine = Literal["auto", "litmus", "direct"]

NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
ENV = re.compile(r"[A-Z][A-Z0-9_]*")
"""The name of a parameter that is passed through to Litmus."""


class Metadata(Written):
    """Name and place; the namespace is the targets' and the engine's."""

    name: str = Field(pattern=NAME, max_length=63)
    namespace: str = Field(default="default", pattern=NAME, max_length=63)
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class FaultChoice(Written):
    """Which fault, with its parameters by name or, passed through, as Litmus ENV."""

    kind: str = Field(description="its name in the catalogue: chaoskit faults lists them")
    parameters: dict[str, Value] = Field(
        default_factory=dict, description="by name; names in capitals are passed through as Litmus ENV"
    )


class Targets(Written):
    """Whose pods are hit: workloads or components by name, pods by label, or nodes; and how many of them."""

    workloads: tuple[WorkloadName, ...] = Field(
        default=(), description="deployment/cart, statefulset/db or cart"
    )
    components: tuple[str, ...] = Field(
        default=(),
        description="parts of the application: what the label app.kubernetes.io/component "
        "or a Service of this name stands for",
    )
    selector: dict[str, str] = Field(default_factory=dict, description="labels of the pods, all of them")
    nodes: tuple[str, ...] = Field(default=(), description="names of nodes, for faults on nodes")
    pods: int = Field(default=1, ge=1, description="how many")
    percent: int | None = Field(default=None, ge=1, le=100, description="how many, as a share; at least one")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.workloads or self.components or self.selector or self.nodes):
            raise ValueError("workloads, components, a selector or nodes")
        return self


class BlastRadius(Written):
    """How much may be hit at most; 0 is no limit."""

    max_pods: int = Field(default=1, ge=0, description="pods or nodes at a time")
    max_percent: float = Field(default=100, ge=0, le=100, description="of each workload's pods")


class LitmusOptions(Written):
    """How Litmus runs it: the chaos account, the helper's image, where its own pods run, what it keeps.

    `prometheus` is the address that its probes ask, as pods see it.
    """

    service_account: str = Field(default="", description="chaoskit-<fault> when empty")
    image: str = Field(default="", description="of the helper pods")
    node_selector: dict[str, str] = Field(
        default_factory=dict, description="labels of nodes for Litmus' own pods, away from nodes that are hit"
    )
    job_clean_up_policy: Literal["retain", "delete"] = "retain"
    termination_grace_period: Duration = Field(default=60.0, ge=1)
    prometheus: str = ""


class ExperimentSpec(Written):
    """What is tried, where, for how long, and what must hold meanwhile."""

    hypothesis: str = Field(default="", description="what should stay true, in a sentence")
    fault: FaultChoice
    targets: Targets
    duration: Duration | None = Field(default=None, gt=0, description="how long the fault lasts: 30s, 2m")
    severity: Severity = Field(default="medium", description="a preset of the fault's parameters")
    engine: Engine = Field(default="auto", description="who injects: Litmus, the tool directly, or who can")
    blast_radius: BlastRadius = BlastRadius()
    steady_state: tuple[Condition, ...] = Field(default=(), description="what must hold, and when")
    timeout: Duration | None = Field(default=None, gt=0, description="after which the run is stopped")
    litmus: LitmusOptions = LitmusOptions()

    @model_validator(mode="after")
    def _probes_can_ask(self) -> Self:
        asks = any(each.litmus_probe and each.prometheus is not None for each in self.steady_state)
        if asks and not self.litmus.prometheus:
            raise ValueError("litmus.prometheus, since a prometheus condition has litmusProbe")
        return self


class Experiment(Written):
    """One experiment."""

    api_version: Literal["chaoskit.io/v1"] = "chaoskit.io/v1"
    kind: Literal["Experiment"] = "Experiment"
    metadata: Metadata
    spec: ExperimentSpec

    def document(self) -> dict[str, Any]:
        """The experiment as JSON, without what was left at its default."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True) | {
            "apiVersion": self.api_version,
            "kind": self.kind,
        }


def experiment_of(document: Document) -> Experiment:
    """The document as an Experiment whose fault, parameters and targets the catalogue knows.

    Raises:
        InvalidInput: with a Problem for everything that is wrong.
    """
    try:
        experiment = build(document, Experiment)
    except InvalidInput as error:
        refuse([*error.problems, *_fault_problems(document)])
        raise
    problems = _fault_problems(document)
    if experiment.spec.fault.kind in EVERY:
        problems += [*_interval_problems(document, experiment), *_target_problems(document, experiment)]
        problems += _twice(document, EVERY[experiment.spec.fault.kind])
        problems += _undecided(document, experiment)
    refuse(problems)
    return experiment


_KIND: Location = ("spec", "fault", "kind")
_PARAMETERS: Location = ("spec", "fault", "parameters")
_TARGETS: Location = ("spec", "targets")


def _fault_problems(document: Document) -> list[Problem]:
    """What the catalogue says against the fault and its parameters."""
    kind = document.at(_KIND)
    if not isinstance(kind, str):
        return []
    fault = EVERY.get(kind)
    if fault is None:
        hint = closest(kind, EVERY)
        wanted = "a fault of the catalogue"
        return [document.problem(_KIND, shown(kind), wanted, hint=hint, rule="fault-unknown")]
    given = document.at(_PARAMETERS)
    return _parameter_problems(document, fault, given if isinstance(given, dict) else {})


def _parameter_problems(document: Document, fault: Fault, given: Mapping[str, object]) -> list[Problem]:
    severity = document.at(("spec", "severity"))
    preset = fault.preset(severity if severity in SEVERITIES else "medium")
    problems = [found for name, value in given.items() for found in _wrong(document, fault, name, value)]
    return problems + [
        document.problem((*_PARAMETERS, each.name), "missing", each.expected, rule="parameter-missing")
        for each in fault.parameters
        if each.mandatory
        and not (each.default or given.get(each.name) or given.get(each.env) or preset.get(each.name))
    ]


def _wrong(document: Document, fault: Fault, name: str, value: object) -> Iterator[Problem]:
    place = (*_PARAMETERS, name)
    parameter = fault.parameter(name)
    if parameter is None:
        if not ENV.fullmatch(name):
            known = [each.name for each in fault.parameters]
            wanted, hint = "one of " + ", ".join(known), closest(name, known)
            yield document.problem(place, "unknown", wanted, hint=hint, rule="parameter-unknown", key=True)
    elif isinstance(value, str | int | float | bool) and not parameter.accepts(value):
        yield document.problem(place, shown(value), parameter.expected, rule="parameter-value")


def _twice(document: Document, fault: Fault) -> Iterator[Problem]:
    """What is said in two places: only one of them would count, and nobody would know which."""
    given = document.at(_PARAMETERS)
    said: dict[str, list[Location]] = {}
    for env, location in _ELSEWHERE:
        if document.at(location) is not None:
            said.setdefault(env, []).append(location)
    for name in given if isinstance(given, Mapping) else ():
        parameter = fault.parameter(name)
        env = parameter.env if parameter is not None else name
        said.setdefault(_LASTING if env in _LASTS else env, []).append((*_PARAMETERS, name))
    for first, *more in said.values():
        place = document.place(first, key=True)
        for location in more:
            found = f"{shown(document.at(location))} beside {spelled(first)} (line {place.line}), "
            found += shown(document.at(first))
            wanted = "one of the two"
            yield document.problem(location, found, wanted, rule="twice-said", key=True)


def _undecided(document: Document, experiment: Experiment) -> Iterator[Problem]:
    """Of a pair of parameters both or neither are given, where exactly one is wanted."""
    kind, written = experiment.spec.fault.kind, experiment.spec.fault.parameters
    if kind not in DIRECT or kind in CATALOGUE:
        return
    fault = DIRECT[kind]
    names = {alias: each.name for each in fault.parameters for alias in (each.name, each.env)}
    given = {names[key]: (key, Parameter.text(value)) for key, value in written.items() if key in names}
    for pair in fault.undecided({name: text for name, (_, text) in given.items()}):
        both = [given[name][0] for name in pair if given.get(name, ("", ""))[1]]
        wanted = f"either {pair[0]} or {pair[1]}"
        if len(both) == len(pair):
            found = f"given beside {both[0]}"
            yield document.problem((*_PARAMETERS, both[1]), found, wanted, rule="twice-said", key=True)
        else:
            place = (*_PARAMETERS, pair[0])
            yield document.problem(place, "missing", wanted, rule="parameter-missing")


_LASTING = "TOTAL_CHAOS_DURATION"
_LASTS = frozenset({_LASTING, "DURATION"})
_ELSEWHERE: tuple[tuple[str, Location], ...] = (
    (_LASTING, ("spec", "duration")),
    ("PODS_AFFECTED_PERC", (*_TARGETS, "pods")),
    ("PODS_AFFECTED_PERC", (*_TARGETS, "percent")),
    ("LIB_IMAGE", ("spec", "litmus", "image")),
)
"""What stands outside the parameters and becomes such an ENV all the same."""


def _interval_problems(document: Document, experiment: Experiment) -> Iterator[Problem]:
    """An interval that is a range counts only where one is picked from it at random."""
    given = experiment.spec.fault.parameters
    name = next((each for each in ("interval", "CHAOS_INTERVAL") if each in given), "")
    random = given.get("random", given.get("RANDOMNESS", False))
    if name and "-" in str(given[name]) and str(random).lower() != "true":
        wanted = "a whole number, or random: true beside it"
        yield document.problem((*_PARAMETERS, name), shown(given[name]), wanted, rule="parameter-value")


def _target_problems(document: Document, experiment: Experiment) -> Iterator[Problem]:
    """What speaks against the targets: nodes for faults on pods, and the other way round.

    Injected directly, a fault on nodes finds those of its targets' pods by itself.
    """
    fault, targets = EVERY[experiment.spec.fault.kind], experiment.spec.targets
    nodes: Location = (*_TARGETS, "nodes")
    direct = fault.kind in DIRECT and experiment.spec.engine != "litmus"
    if fault.scope == "node" and not direct:
        if not targets.nodes:
            wanted = f"names of nodes: {fault.kind} is a fault on nodes"
            yield document.problem(nodes, "missing", wanted, rule="targets")
        elif len(targets.nodes) > 1 and fault.parameter("node") is not None:
            wanted = f"one node: {fault.kind} knows no more"
            yield document.problem(nodes, f"{len(targets.nodes)} of them", wanted, rule="targets")
    elif fault.scope != "node" and targets.nodes:
        wanted = f"workloads, components or a selector: {fault.kind} is a fault on pods"
        yield document.problem(nodes, "given", wanted, rule="targets", key=True)
