"""Unit tests for runbooks: a recorded cluster or symptoms in, the plan out; no cluster is asked.

A ``kind: RunbookTest`` document says what is given and what is expected; see `examples/runbooks`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from chaoskit import documents
from chaoskit.documents import Document, Duration, Written
from chaoskit.errors import InvalidInput, Problem, cause
from chaoskit.outcome import Outcome
from chaoskit.recovery import plain, planner, scenery
from chaoskit.recovery.attempts import Attempt
from chaoskit.recovery.classification import classify
from chaoskit.recovery.detection import Sight, detect_in
from chaoskit.recovery.guards import Refusal
from chaoskit.recovery.issues import CLASS_OF
from chaoskit.recovery.planner import Decision, Past
from chaoskit.recovery.runbook import Metadata, Runbook
from chaoskit.recovery.symptoms import Severity, Symptom
from chaoskit.topology import Topology

KIND = "RunbookTest"


class GivenSymptom(Written):
    """A symptom that is taken as seen."""

    kind: str
    target: str
    namespace: str = "default"
    ago: Duration = 60.0
    severity: Literal["low", "medium", "high", "critical"] = "high"
    pods: tuple[str, ...] = ()
    facts: dict[str, Any] = Field(default_factory=dict)

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in CLASS_OF:
            raise ValueError(f"a symptom that exists: one of {', '.join(sorted(CLASS_OF))}")
        return kind

    @field_validator("target")
    @classmethod
    def _readable(cls, target: str) -> str:
        return _kind_and_name(target)


def _as_outcome(text: object) -> object:
    """An outcome by its name."""
    try:
        return Outcome(text) if isinstance(text, str) else text
    except ValueError as error:
        raise ValueError("an outcome such as not-recovered") from error


class GivenPast(Written):
    """A recovery that the cluster remembers."""

    target: str
    namespace: str = "default"
    issue: str = ""
    actions: tuple[str, ...]
    ago: Duration
    outcome: Annotated[Outcome, BeforeValidator(_as_outcome)] = Outcome.RECOVERED

    @field_validator("target")
    @classmethod
    def _readable(cls, target: str) -> str:
        return _kind_and_name(target)


def _as_time(text: object) -> object:
    """A time as it is written in YAML, which knows text alone."""
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else text
    except ValueError as error:
        raise ValueError("a time such as 2026-01-31T12:00:00Z") from error


class Given(Written):
    """What is seen: a cluster's objects (a file that ``kubectl get ... -o yaml`` wrote), symptoms, the past.

    `recovery` is a kept recovery instead (``chaoskit show ID -o json``), with what was seen then. `now` is
    when it is seen; without one the newest time in the objects, or the recovery's.
    """

    now: Annotated[datetime | None, BeforeValidator(_as_time)] = None
    objects: str = ""
    recovery: str = ""
    symptoms: tuple[GivenSymptom, ...] = ()
    past: tuple[GivenPast, ...] = ()

    @model_validator(mode="after")
    def _something(self) -> Given:
        if not (self.objects or self.recovery or self.symptoms):
            raise ValueError("objects, a recovery or symptoms")
        return self


class Expected(Written):
    """What is decided about one target: the steps of the plan in order, or the guard that refuses it."""

    target: str
    namespace: str = ""
    issue: str = ""
    runbook: str = ""
    steps: tuple[str, ...] = ()
    refused: str = ""

    @model_validator(mode="after")
    def _one(self) -> Expected:
        if bool(self.steps) == bool(self.refused):
            raise ValueError("either steps or refused")
        return self


class Spec(Written):
    """What a test says; with `nothingElse` any other decision is a failure."""

    given: Given
    expect: tuple[Expected, ...] = ()
    nothing_else: bool = False


class RunbookTest(Written):
    """A ``kind: RunbookTest`` document."""

    api_version: Literal["chaoskit.io/v1"]
    kind: Literal["RunbookTest"]
    metadata: Metadata
    spec: Spec


@dataclass(frozen=True, slots=True)
class Tested:
    """How one test went: what was otherwise than expected, in words; nothing when it passed."""

    name: str
    path: str
    differences: tuple[str, ...]
    decisions: tuple[Decision, ...]


def run(tests: Iterable[tuple[Document, RunbookTest]], runbooks: Sequence[Runbook]) -> tuple[Tested, ...]:
    """Each test against the runbooks, those given before the shipped ones.

    Raises:
        InvalidInput: a file that a test names cannot be read.
    """
    return tuple(_run(document, test, runbooks) for document, test in tests)


def load(found: Iterable[Document]) -> tuple[tuple[Document, RunbookTest], ...]:
    """The tests among the documents.

    Raises:
        InvalidInput: with every problem of every one, each with line, column, found and expected.
    """
    mine = [document for document in found if document.kind == KIND]
    return tuple(zip(mine, documents.each(mine, lambda d: documents.build(d, RunbookTest)), strict=True))


def _run(document: Document, test: RunbookTest, runbooks: Sequence[Runbook]) -> Tested:
    decisions = _decided(document, test.spec.given, runbooks)
    left = {(each.issue.target.namespace, str(each.issue.target)): each for each in decisions}
    found: list[str] = []
    for expected in test.spec.expect:
        key = next((k for k in left if k[1] == expected.target and expected.namespace in {"", k[0]}), None)
        if key is None:
            found.append(f"{expected.target}: nothing is wrong with it")
        else:
            found += _differences(expected, left.pop(key))
    if test.spec.nothing_else:
        found += [f"{target}: not expected, but {_said(each)}" for (_, target), each in left.items()]
    return Tested(test.metadata.name, document.path, tuple(found), decisions)


def _differences(expected: Expected, decision: Decision) -> Iterator[str]:
    issue, target = decision.issue, expected.target
    if expected.issue and issue.kind != expected.issue:
        yield f"{target}: the issue is {issue.kind}, not {expected.issue}"
    if isinstance(decision, Refusal):
        if decision.guard != expected.refused:
            yield f"{target}: {_said(decision)}"
        return
    steps = tuple(rung.action for rung in decision.rungs)
    if expected.refused or steps != expected.steps:
        yield f"{target}: {_said(decision)}"
    if expected.runbook and decision.runbook.name != expected.runbook:
        yield f"{target}: the runbook is {decision.runbook.name}, not {expected.runbook}"


def _said(decision: Decision) -> str:
    if isinstance(decision, Refusal):
        return f"refused by {decision.guard}: {decision.why}"
    return "the steps are " + ", ".join(rung.action for rung in decision.rungs)


# ---------------------------------------------------------------- what is given


def _decided(document: Document, given: Given, runbooks: Sequence[Runbook]) -> tuple[Decision, ...]:
    if given.recovery:
        return _again(document, given, runbooks)
    topology, newest = _recorded(document, given)
    now = given.now or newest or datetime.now(UTC)
    symptoms = [_symptom(each, now) for each in given.symptoms]
    whole = scenery.with_stand_ins(topology, symptoms)
    seen = detect_in(Sight(now, whole)) if given.objects else ()
    issues = classify((*seen, *symptoms), topology=whole, now=now)
    return planner.plan_all(issues, runbooks, whole, _past(given, now), now=now)


def _again(document: Document, given: Given, runbooks: Sequence[Runbook]) -> tuple[Decision, ...]:
    record = json.loads(_text(document, given.recovery, "recovery"))
    record = (record.get("records") or [record])[0]
    issue = plain.issue_of(record["plan"]["issue"])
    seen = plain.topology_of(record.get("snapshot") or {})
    now = given.now or issue.at
    return (planner.plan(replace(issue, at=now), runbooks, seen, _past(given, now), now=now),)


def _past(given: Given, now: datetime) -> Past:
    made = tuple(
        Attempt(
            each.namespace, each.target, each.issue, each.outcome,
            now - timedelta(seconds=each.ago), now - timedelta(seconds=each.ago), each.actions,
        )
        for each in given.past
    )  # fmt: skip
    return Past(made, made)


def _symptom(given: GivenSymptom, now: datetime) -> Symptom:
    target = plain.ref_of(given.namespace, given.target)
    since, severity = now - timedelta(seconds=given.ago), Severity[given.severity.upper()]
    return Symptom(given.kind, target, since, severity, given.kind.replace("-", " "), given.pods, given.facts)


def _recorded(document: Document, given: Given) -> tuple[Topology, datetime | None]:
    if not given.objects:
        return Topology((), (), (), (), ()), None
    return scenery.recorded(_text(document, given.objects, "objects"), given.objects)


def _text(document: Document, name: str, field: str) -> str:
    """The file beside the test."""
    path = Path(document.path).parent / name
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        line, column = document.place(("spec", "given", field))
        problem = Problem(document.path, f"spec.given.{field}", name, "a file beside it", line, column)
        raise InvalidInput(f"{path} cannot be read: {cause(error)}", problems=(problem,)) from error


def _kind_and_name(target: str) -> str:
    try:
        plain.ref_of("", target)
    except KeyError as error:
        raise ValueError("a kind and a name, as in deployment/cart") from error
    return target
