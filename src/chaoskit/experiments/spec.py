"""The chaoskit Experiment document: what a person writes to say which fault, where, and what must hold."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from chaoskit.documents import Document, Duration, Written, build, closest
from chaoskit.errors import InvalidInput, Problem
from chaoskit.experiments.faults import CATALOGUE, Severity, Value
from chaoskit.steadystate.conditions import Condition

API_VERSION = "chaoskit.io/v1"
KIND = "Experiment"

NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"


class Metadata(Written):
    """Name and place; the namespace is the targets' and the engine's."""

    name: str = Field(pattern=NAME, max_length=63)
    namespace: str = Field("default", pattern=NAME, max_length=63)
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class FaultChoice(Written):
    """Which fault, with its parameters by name or, passed through, as Litmus ENV."""

    kind: str
    parameters: dict[str, Value] = Field(default_factory=dict)


class Targets(Written):
    """Whose pods are hit: workloads by name or pods by label; and how many of them."""

    workloads: tuple[str, ...] = Field((), description="deployment/cart, statefulset/db or cart")
    selector: dict[str, str] = Field(default_factory=dict, description="labels of the pods, all of them")
    nodes: tuple[str, ...] = Field((), description="names of nodes, for faults on nodes")
    pods: int = Field(1, ge=1, description="how many")
    percent: int | None = Field(None, ge=1, le=100, description="how many, as a share; at least one")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.workloads or self.selector or self.nodes):
            raise ValueError("workloads, a selector or nodes")
        return self


class BlastRadius(Written):
    """How much may be hit at most; 0 is no limit."""

    max_pods: int = Field(1, ge=0)
    max_percent: float = Field(100, ge=0, le=100)


class LitmusOptions(Written):
    """How Litmus runs it: the chaos account (``chaoskit-<fault>`` when empty) and the helper's image."""

    service_account: str = ""
    image: str = ""
    job_clean_up_policy: Literal["retain", "delete"] = "retain"
    termination_grace_period: Duration = Field(60.0, ge=1)


class ExperimentSpec(Written):
    """What is tried, where, for how long, and what must hold meanwhile."""

    hypothesis: str = ""
    fault: FaultChoice
    targets: Targets
    duration: Duration | None = Field(None, gt=0)
    severity: Severity = "medium"
    blast_radius: BlastRadius = BlastRadius()
    steady_state: tuple[Condition, ...] = ()
    timeout: Duration | None = Field(None, gt=0)
    litmus: LitmusOptions = LitmusOptions()


class Experiment(Written):
    """One experiment."""

    api_version: Literal["chaoskit.io/v1"] = API_VERSION
    kind: Literal["Experiment"] = KIND
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


def _fault_problems(document: Document) -> list[Problem]:
    """What the catalogue says against the fault and its parameters."""
    kind = document.at(("spec", "fault", "kind"))
    if not isinstance(kind, str):
        return []
    fault = CATALOGUE.get(kind)
    if fault is None:
        place = ("spec", "fault", "kind")
        hint = closest(kind, CATALOGUE)
        return [
            document.problem(place, f'"{kind}"', "a fault of the catalogue", hint=hint, rule="fault-unknown")
        ]
    given = document.at(("spec", "fault", "parameters"))
    problems = []
    for name, value in (given if isinstance(given, dict) else {}).items():
        place = ("spec", "fault", "parameters", str(name))
        parameter = fault.parameter(str(name))
        if parameter is None and not str(name).isupper():
            known = [each.name for each in fault.parameters]
            problems.append(
                document.problem(
                    place, "unknown", "one of " + ", ".join(known), hint=closest(str(name), known),
                    rule="parameter-unknown", key=True,
                )
            )  # fmt: skip
        elif parameter is not None and isinstance(value, str | int | float | bool):
            if not parameter.accepts(value):
                shown = f'"{value}"' if isinstance(value, str) else str(value)
                problems.append(document.problem(place, shown, parameter.expected, rule="parameter-value"))
    missing = [each for each in fault.parameters if each.mandatory and not _given(given, each.name, each.env)]
    problems += [
        document.problem(
            ("spec", "fault", "parameters", each.name), "missing", each.expected, rule="parameter-missing"
        )
        for each in missing
    ]
    return problems


def _given(parameters: object, *names: str) -> bool:
    return isinstance(parameters, dict) and any(parameters.get(name) for name in names)
