"""Runbooks: which remediations to try on which issue, in which order, within which limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Annotated, Any, Literal, Union

from pydantic import Field, model_validator

from chaoskit import documents
from chaoskit.documents import Document, Duration, Written
from chaoskit.recovery.classification import CLASSES, Issue

API_VERSION = "chaoskit.io/v1"

SYMPTOM_KINDS = frozenset(kind for kinds in CLASSES.values() for kind in kinds)


class _Step(Written):
    """What every remediation has: how long it may take, and the symptoms it is for (empty: all)."""

    timeout: Duration = 30.0
    when: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _known_symptoms(self) -> _Step:
        unknown = sorted(set(self.when) - SYMPTOM_KINDS)
        if unknown:
            raise ValueError(
                f"symptoms that exist; {unknown[0]} is none of {', '.join(sorted(SYMPTOM_KINDS))}"
            )
        return self


class RestartPod(_Step):
    """Replace the pods that have the symptom: evicted when they are ready, deleted when not."""

    action: Literal["restart-pod"]


class RollingRestart(_Step):
    """Replace all pods of the workload, a few at a time."""

    action: Literal["rolling-restart"]


class RollBack(_Step):
    """Put the deployment back to its last healthy revision."""

    action: Literal["roll-back"]


class Scale(_Step):
    """Change the number of replicas by `by`, between `min` and `max`."""

    action: Literal["scale"]
    by: int = 1
    min: int = Field(default=1, ge=0)
    max: int = Field(default=10, ge=1)


class RaiseMemoryLimit(_Step):
    """Multiply the memory limits of the workload's containers, up to `cap`."""

    action: Literal["raise-memory-limit"]
    factor: float = Field(default=1.5, gt=1, le=4)
    cap: str = Field(default="2Gi", pattern=r"^[0-9.]+(Ki|Mi|Gi|Ti|k|M|G|T)?$")


class RecycleConnections(_Step):
    """Restart the clients of the database in order, so that they give their connections back."""

    action: Literal["recycle-connections"]


class RestartDependency(_Step):
    """Restart the databases that the workload calls."""

    action: Literal["restart-dependency"]


class Uncordon(_Step):
    """Let pods be scheduled on the node again, if chaoskit cordoned it."""

    action: Literal["uncordon"]


class RemoveNetworkPolicy(_Step):
    """Remove network policies that a chaos run left behind on the workload's pods."""

    action: Literal["remove-network-policy"]


class Notify(_Step):
    """Tell a person."""

    action: Literal["notify"]
    severity: Literal["info", "warning", "critical"] = "warning"


Remediation = Annotated[
    Union[  # noqa: UP007 - pydantic reads the discriminator from a Union
        RestartPod,
        RollingRestart,
        RollBack,
        Scale,
        RaiseMemoryLimit,
        RecycleConnections,
        RestartDependency,
        Uncordon,
        RemoveNetworkPolicy,
        Notify,
    ],
    Field(discriminator="action"),
]


class Matches(Written):
    """Which issues a runbook is for."""

    issue: str
    symptoms: tuple[str, ...] = ()
    min_confidence: float = Field(default=0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _known(self) -> Matches:
        if self.issue not in CLASSES:
            raise ValueError(f"a class of issue that exists: one of {', '.join(CLASSES)}")
        unknown = sorted(set(self.symptoms) - SYMPTOM_KINDS)
        if unknown:
            raise ValueError(
                f"symptoms that exist; {unknown[0]} is none of {', '.join(sorted(SYMPTOM_KINDS))}"
            )
        return self


class Guards(Written):
    """When not to act. Percentages are of the workload's pods; 0 means no such limit."""

    cooldown: Duration = 120.0
    max_attempts_per_hour: int = Field(default=4, ge=1)
    same_fix_at_most: int = Field(default=3, ge=1)
    max_pods: int = Field(default=0, ge=0)
    max_percent: float = Field(default=0, ge=0, le=100)
    evidence_expires: Duration = 300.0


class Verification(Written):
    """What proves that it helped: readiness held for so long, then signals gone within so long."""

    ready_for: Duration = 5.0
    signals_within: Duration = 90.0


class Spec(Written):
    """What a runbook says."""

    description: str = ""
    matches: Matches
    remediations: tuple[Remediation, ...] = Field(min_length=1)
    guards: Guards = Guards()
    verification: Verification = Verification()


class Metadata(Written):
    """The runbook's name."""

    name: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=63)
    labels: dict[str, str] = Field(default_factory=dict)


class Runbook(Written):
    """A ``kind: Runbook`` document."""

    api_version: Literal["chaoskit.io/v1"]
    kind: Literal["Runbook"]
    metadata: Metadata
    spec: Spec

    @property
    def name(self) -> str:
        """Its name."""
        return self.metadata.name


def load(paths: Iterable[str]) -> tuple[Runbook, ...]:
    """The runbooks of these files and folders.

    Raises:
        InvalidInput: with every problem of every file, each with line, column, found and expected.
    """
    return documents.each(documents.read(paths), _made)


def defaults() -> tuple[Runbook, ...]:
    """The runbooks that chaoskit ships."""
    folder = resources.files("chaoskit.recovery") / "runbooks"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    found = (d for f in files for d in documents.parse(f.read_text(encoding="utf-8"), f.name))
    return documents.each(found, _made)


def _made(document: Document) -> Runbook:
    return documents.build(document, Runbook)


def matching(issue: Issue, runbooks: Sequence[Runbook]) -> Runbook | None:
    """The runbook for an issue: of those that match, the one that names the most of its symptoms.

    Between equals the earlier one wins: give a user's runbooks before the defaults.
    """
    fitting = [book for book in runbooks if _fits(book.spec.matches, issue)]
    return max(fitting, key=lambda book: len(book.spec.matches.symptoms), default=None)


def _fits(matches: Matches, issue: Issue) -> bool:
    named = not matches.symptoms or not issue.kinds.isdisjoint(matches.symptoms)
    return matches.issue == issue.kind and named and issue.confidence >= matches.min_confidence


def schema() -> dict[str, Any]:
    """The JSON Schema of a runbook."""
    return Runbook.model_json_schema(by_alias=True)
