"""Signals of one's own: the YAML (kind: Signals) that names them, read and checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

from pydantic import Field, field_validator

from chaoskit import documents
from chaoskit.documents import Document, Duration, Written
from chaoskit.errors import InvalidInput, Problem
from chaoskit.ports.metrics import Scope, Signal, SignalKind
from chaoskit.signals import CATALOGUE, adopted
from chaoskit.signals.needs import CLASSES

NAME = r"^[a-z][a-z0-9_]*$"
RECORD = r"^[a-zA-Z_:][a-zA-Z0-9_:]*$"


class Metadata(Written):
    """The document's name."""

    name: str


class OwnSignal(Written):
    """One signal: what it is called here, its PromQL, and what its numbers mean.

    A signal of scope ``pod`` has the labels namespace and pod, one of ``workload`` namespace, workload and
    workload_kind, one of ``node`` node, one of ``edge`` namespace, workload and source (the caller).
    """

    name: Annotated[str, Field(pattern=NAME)]
    promql: Annotated[str, Field(min_length=1)]
    unit: Annotated[str, Field(min_length=1)]
    kind: SignalKind = "gauge"
    scope: Scope = "pod"
    step: Duration = 30.0
    record: Annotated[str, Field(pattern=RECORD)] | None = None
    meaning: str = ""
    classes: tuple[str, ...] = ()

    @field_validator("step")
    @classmethod
    def _whole(cls, step: float) -> float:
        if not 1 <= step <= 3600 or step != int(step):
            raise ValueError("a step of 1s to 1h in whole seconds")
        return step

    @field_validator("classes")
    @classmethod
    def _exist(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(classes) - set(CLASSES))
        if unknown:
            raise ValueError(f"classes that exist; {unknown[0]} is none of {', '.join(CLASSES)}")
        return classes

    @property
    def signal(self) -> Signal:
        """It, as the rest of chaoskit knows signals."""
        return Signal(
            name=self.name,
            unit=self.unit,
            kind=self.kind,
            scope=self.scope,
            record=self.record or f"chaoskit:{self.name}:custom",
            promql=" ".join(self.promql.split()),
            meaning=self.meaning or self.name.replace("_", " "),
            step=int(self.step),
            origin="own",
            classes=self.classes,
        )


class Spec(Written):
    """The signals."""

    signals: tuple[OwnSignal, ...]

    @field_validator("signals")
    @classmethod
    def _some(cls, signals: tuple[OwnSignal, ...]) -> tuple[OwnSignal, ...]:
        if not signals:
            raise ValueError("at least one entry")
        return signals


class SignalsDocument(Written):
    """A document of kind Signals."""

    api_version: Literal["chaoskit.io/v1"]
    kind: Literal["Signals"]
    metadata: Metadata
    spec: Spec


def read(paths: Iterable[str]) -> tuple[Signal, ...]:
    """The signals of these files and folders.

    Raises:
        InvalidInput: one is wrong, stands twice, or is recorded under another one's name.
    """
    found = documents.read(paths)
    made = documents.each(found, lambda document: documents.build(document, SignalsDocument))
    problems = list(_clashes(zip(found, made, strict=True)))
    if problems:
        raise InvalidInput(str(problems[0]), problems=problems)
    return tuple(own.signal for each in made for own in each.spec.signals)


def _clashes(made: Iterable[tuple[Document, SignalsDocument]]) -> Iterator[Problem]:
    """Names that stand twice, and recorded names that are another signal's."""
    names: set[str] = set()
    records = {signal.record: signal.name for signal in CATALOGUE}
    for document, written in made:
        for index, own in enumerate(written.spec.signals):
            place, signal = ("spec", "signals", index), own.signal
            if signal.name in names:
                yield document.problem((*place, "name"), f'"{signal.name}"', "a name that stands once")
            if records.get(signal.record, signal.name) != signal.name:
                words = f"a name that is not recorded for {records[signal.record]}"
                yield document.problem((*place, "record"), f'"{signal.record}"', words)
            names.add(signal.name)
            records.setdefault(signal.record, signal.name)


@contextmanager
def known(paths: Iterable[str]) -> Iterator[None]:
    """Inside, the signals of these files are known beside the catalogue's."""
    own = read(paths)
    with adopted(own):
        yield
