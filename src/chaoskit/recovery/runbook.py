"""Runbooks: which remediations to try on which issue, in which order, within which limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from chaoskit import documents
from chaoskit.documents import Document, Duration, Written, closest
from chaoskit.recovery.issues import CLASSES, Issue
from chaoskit.recovery.remedies import AnyStep
from chaoskit.recovery.remedies.remedy import known_symptoms

API_VERSION = "chaoskit.io/v1"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

Remediation = Annotated[AnyStep, Field(discriminator="action")]


class Matches(Written):
    """Which issues a runbook is for."""

    issue: str
    symptoms: tuple[str, ...] = ()
    min_confidence: float = Field(default=0.5, ge=0, le=1)

    @field_validator("issue")
    @classmethod
    def _known_class(cls, issue: str) -> str:
        if issue not in CLASSES:
            hint = closest(issue, CLASSES)
            raise ValueError(f"a class of issue that exists: one of {', '.join(CLASSES)} {hint}".rstrip())
        return issue

    @field_validator("symptoms")
    @classmethod
    def _known_symptoms(cls, symptoms: tuple[str, ...]) -> tuple[str, ...]:
        return known_symptoms(symptoms)


class Guards(Written):
    """When not to act. Percentages are of the workload's pods; 0 means no such limit.

    With `approval` a person must say yes in the cluster, within `approvalWithin`, before anything is done.
    """

    cooldown: Duration = 120.0
    max_attempts_per_hour: int = Field(default=4, ge=1)
    same_fix_at_most: int = Field(default=3, ge=1)
    max_pods: int = Field(default=0, ge=0)
    max_percent: float = Field(default=0, ge=0, le=100)
    evidence_expires: Duration = 300.0
    approval: bool = False
    approval_within: Duration = 900.0


class Verification(Written):
    """What proves that it helped: readiness held for so long, then signals gone within so long."""

    ready_for: Duration = 5.0
    signals_within: Duration = 120.0


class OnFailure(Written):
    """What happens when the whole ladder did not help: what it changed is undone, and a person is told.

    They are told again after `tellAgain` while it lasts, before only when it gets worse.
    """

    escalate: bool = True
    severity: Literal["warning", "critical"] = "critical"
    tell_again: Duration = 4 * 3600.0


class Spec(Written):
    """What a runbook says."""

    description: str = ""
    matches: Matches
    remediations: tuple[Remediation, ...] = Field(min_length=1)
    guards: Guards = Guards()
    verification: Verification = Verification()
    on_failure: OnFailure = OnFailure()


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
    return made(documents.read(paths))


@cache
def defaults() -> tuple[Runbook, ...]:
    """The runbooks that chaoskit ships, read once: each look asks them for each issue."""
    folder = resources.files("chaoskit.recovery") / "runbooks"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return made(d for f in files for d in documents.parse(f.read_text(encoding="utf-8"), f.name))


def remedies_of(issue: str) -> frozenset[str]:
    """The actions that chaoskit's own runbooks have for a class of issue."""
    books = (each.spec for each in defaults() if each.spec.matches.issue == issue)
    return frozenset(step.action for spec in books for step in spec.remediations)


def made(found: Iterable[Document]) -> tuple[Runbook, ...]:
    """The documents as runbooks; their tests, which may lie beside them, are left out.

    Raises:
        InvalidInput: with every problem of all of them.
    """
    books = [each for each in found if each.kind != "RunbookTest"]
    return documents.each(books, lambda document: documents.build(document, Runbook))


def matching(issue: Issue, runbooks: Sequence[Runbook]) -> Runbook | None:
    """The runbook for an issue: of those that match, the one that names the most of its symptoms.

    Between equals the earlier one wins: give a user's runbooks before the defaults.
    """
    fitting = [book for book in runbooks if _fits(book.spec.matches, issue)]
    return max(
        fitting, key=lambda book: len(issue.kinds.intersection(book.spec.matches.symptoms)), default=None
    )


def would_match(issue: Issue, runbooks: Sequence[Runbook]) -> Runbook | None:
    """The runbook that there would be for the issue if it were certain."""
    return matching(replace(issue, confidence=1.0), runbooks)


def _fits(matches: Matches, issue: Issue) -> bool:
    named = not matches.symptoms or not issue.kinds.isdisjoint(matches.symptoms)
    return matches.issue == issue.kind and named and issue.confidence >= matches.min_confidence


def schema() -> dict[str, Any]:
    """The JSON Schema of a Runbook document. What the package ships in ``schemas`` is this."""
    found = Runbook.model_json_schema(by_alias=True)
    found["title"] = "chaoskit Runbook (chaoskit.io/v1)"
    return {"$schema": DIALECT, **found}
