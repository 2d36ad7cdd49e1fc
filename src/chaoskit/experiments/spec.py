"""The chaoskit Experiment document: what a person writes to say which fault, where, and what must hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from chaoskit.documents import Document, Duration, Location, Written, build, closest, shown
from chaoskit.errors import InvalidInput, Problem
from chaoskit.experiments.direct.faults import EVERY
from chaoskit.experiments.faults import Fault, Severity, Value
from chaoskit.steadystate.conditions import Condition

API_VERSION = "chaoskit.io/v1"
KIND = "Experiment"

Engine = Literal["auto", "litmus", "direct"]

NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"


class Metadata(Written):
    """Name and place; the namespace is the targets' and the engine's."""

    name: str = Field(pattern=NAME, max_length=63)
    namespace: str = Field(default="default", pattern=NAME, max_length=63)
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class FaultChoice(Written):
    """Which fault, with its parameters by name or, passed through, as Litmus ENV."""

    kind: str
    parameters: dict[str, Value] = Field(default_factory=dict)


class Targets(Written):
    """Whose pods are hit: workloads by name or pods by label; and how many of them."""

    workloads: tuple[str, ...] = Field(default=(), description="deployment/cart, statefulset/db or cart")
    selector: dict[str, str] = Field(default_factory=dict, description="labels of the pods, all of them")
    nodes: tuple[str, ...] = Field(default=(), description="names of nodes, for faults on nodes")
    pods: int = Field(default=1, ge=1, description="how many")
    percent: int | None = Field(default=None, ge=1, le=100, description="how many, as a share; at least one")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.workloads or self.selector or self.nodes):
            raise ValueError("workloads, a selector or nodes")
        return self


class BlastRadius(Written):
    """How much may be hit at most; 0 is no limit."""

    max_pods: int = Field(default=1, ge=0)
    max_percent: float = Field(default=100, ge=0, le=100)


class LitmusOptions(Written):
    """How Litmus runs it: the chaos account (``chaoskit-<fault>`` when empty) and the helper's image.

    `prometheus` is the address that its probes ask, as pods see it.
    """

    service_account: str = ""
    image: str = ""
    job_clean_up_policy: Literal["retain", "delete"] = "retain"
    termination_grace_period: Duration = Field(default=60.0, ge=1)
    prometheus: str = ""


class ExperimentSpec(Written):
    """What is tried, where, for how long, and what must hold meanwhile."""

    hypothesis: str = ""
    fault: FaultChoice
    targets: Targets
    duration: Duration | None = Field(default=None, gt=0)
    severity: Severity = "medium"
    engine: Engine = Field(default="auto", description="who injects: Litmus, the tool directly, or who can")
    blast_radius: BlastRadius = BlastRadius()
    steady_state: tuple[Condition, ...] = ()
    timeout: Duration | None = Field(default=None, gt=0)
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


def schema() -> dict[str, Any]:
    """The JSON Schema of an Experiment document, for editors."""
    return Experiment.model_json_schema(by_alias=True)


def experiment_of(document: Document) -> Experiment:
    """The document as an Experiment whose fault and parameters the catalogue knows.

    Raises:
        InvalidInput: with a Problem for everything that is wrong.
    """
    try:
        experiment = build(document, Experiment)
    except InvalidInput as error:
        raise _with_fault_problems(document, error) from error
    problems = _fault_problems(document)
    if problems:
        raise InvalidInput(str(problems[0]), problems=problems)
    return experiment


def _with_fault_problems(document: Document, error: InvalidInput) -> InvalidInput:
    problems = (*error.problems, *_fault_problems(document))
    return InvalidInput(error.message, problems=problems)


_PARAMETERS: Location = ("spec", "fault", "parameters")


def _fault_problems(document: Document) -> list[Problem]:
    """What the catalogue says against the fault and its parameters."""
    place: Location = ("spec", "fault", "kind")
    kind = document.at(place)
    if not isinstance(kind, str):
        return []
    fault = EVERY.get(kind)
    if fault is None:
        hint = closest(kind, EVERY)
        wanted = "a fault of the catalogue"
        return [document.problem(place, f'"{kind}"', wanted, hint=hint, rule="fault-unknown")]
    given = document.at(_PARAMETERS)
    return _parameter_problems(document, fault, given if isinstance(given, dict) else {})


def _parameter_problems(document: Document, fault: Fault, given: Mapping[str, object]) -> list[Problem]:
    problems = [found for name, value in given.items() for found in _wrong(document, fault, str(name), value)]
    return problems + [
        document.problem((*_PARAMETERS, each.name), "missing", each.expected, rule="parameter-missing")
        for each in fault.parameters
        if each.mandatory and not (given.get(each.name) or given.get(each.env))
    ]


def _wrong(document: Document, fault: Fault, name: str, value: object) -> Iterator[Problem]:
    place = (*_PARAMETERS, name)
    parameter = fault.parameter(name)
    if parameter is None:
        if not name.isupper():  # capitals are passed through as Litmus ENV
            known = [each.name for each in fault.parameters]
            wanted, hint = "one of " + ", ".join(known), closest(name, known)
            yield document.problem(place, "unknown", wanted, hint=hint, rule="parameter-unknown", key=True)
    elif isinstance(value, str | int | float | bool) and not parameter.accepts(value):
        yield document.problem(place, shown(value), parameter.expected, rule="parameter-value")
