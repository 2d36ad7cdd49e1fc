"""What is kept: runs, recoveries, predictions and labels; frozen, with schema versions and one lineage.

`trace_id` is the lineage: the prediction that led to an experiment, its run and the recovery after it
carry the same one.
"""

from __future__ import annotations

import dataclasses
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar, Self

from pydantic import TypeAdapter, ValidationError

from chaoskit.errors import InvalidInput
from chaoskit.events import Mark
from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(at: datetime | None = None) -> str:
    """A new id of 16 lower-case letters and digits; ids sort by time (Crockford's base 32, as ULID does)."""
    millis = int((at.timestamp() if at else time.time()) * 1000)
    head = "".join(_ALPHABET[(millis >> shift) & 31] for shift in range(40, -1, -5))
    return head + "".join(secrets.choice(_ALPHABET) for _ in range(7))


@dataclass(frozen=True, kw_only=True)
class Record:
    """What every kept thing has: its id, when it began (UTC) and its lineage."""

    kind: ClassVar[str]
    schema_version: ClassVar[int] = 1

    id: str
    at: datetime
    trace_id: str

    @classmethod
    def of(cls, document: Document) -> Self:
        """The record that `document` was made from.

        Raises:
            InvalidInput: a field is missing or of another form; the message names kind, id and field.
        """
        fields = {f.name: document[f.name] for f in dataclasses.fields(cls) if f.name in document}
        try:
            return TypeAdapter(cls).validate_python(fields)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            what = f"{document.get('kind', 'record')} {document.get('id', '')}"
            raise InvalidInput(f"the kept {what} cannot be read: {place}: {first['msg']}") from error

    def document(self) -> Document:
        """The record as JSON."""
        fields = {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}
        return {"kind": self.kind, "schema_version": self.schema_version, **fields}


_SECRET = re.compile(r"passw|secret|token|api_?key|credential|private_?key", re.IGNORECASE)
HIDDEN = "(hidden)"


def redacted(value: Any) -> Any:
    """The same JSON, the values of environment variables and fields hidden whose names look secret."""
    if isinstance(value, Mapping):
        named = isinstance(value.get("name"), str) and _SECRET.search(value["name"])
        return {
            key: HIDDEN if _hides(str(key), each, bool(named)) else redacted(each)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted(each) for each in value]
    return value


def _hides(key: str, value: Any, named: bool) -> bool:
    """``{name: DB_PASSWORD, value: x}`` hides x, and so does ``{dbPassword: x}``; names of things do not."""
    return isinstance(value, str) and bool(value) and ((named and key == "value") or _looks_secret(key))


def _looks_secret(key: str) -> bool:
    return bool(_SECRET.search(key)) and not key.endswith(("Name", "Ref"))


def _plain(value: Any) -> Any:
    """`value` as JSON knows it: times in ISO 8601, dataclasses as objects, tuples as lists."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [_plain(each) for each in value]
    return value


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a timeline: when, what (``steady before``), how it stood (``held``), in words."""

    at: datetime
    name: str
    mark: Mark
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Undo:
    """How the undo stands: ``none needed``, ``confirmed`` or ``not confirmed``, and what is left.

    `notes` say what the undo had to do beside putting things back: pods that it replaced.
    """

    state: str
    left: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunRecord(Record):
    """One experiment run: what was meant, what was hit, what was seen, how it ended."""

    kind: ClassVar[str] = "run"

    name: str
    namespace: str
    cluster: str
    fault: str
    outcome: Outcome
    reason: str
    ended_at: datetime
    experiment: Mapping[str, Any]
    targets: tuple[str, ...] = ()
    steady_state: tuple[Mapping[str, Any], ...] = ()
    timeline: tuple[Moment, ...] = ()
    litmus: Mapping[str, Any] = field(default_factory=dict)
    undo: Undo = Undo("none needed")
    evidence: Mapping[str, Any] = field(default_factory=dict)
    injected_at: datetime | None = None
    injected_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RecoveryRecord(Record):
    """One recovery: the symptoms, the plan or refusal, what was done, whether it helped, how long it took."""

    kind: ClassVar[str] = "recovery"

    issue: str
    target: str
    namespace: str
    cluster: str
    outcome: Outcome
    reason: str
    ended_at: datetime
    symptoms: tuple[Mapping[str, Any], ...] = ()
    plan: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[Mapping[str, Any], ...] = ()
    timeline: tuple[Moment, ...] = ()
    undo: Undo = Undo("none needed")
    snapshot: Mapping[str, Any] = field(default_factory=dict)
    seconds_to_recover: float | None = None
    replay_of: str = ""


@dataclass(frozen=True, kw_only=True)
class PredictionRecord(Record):
    """One workload's failure probability at one moment, with what drives it; None where only rules spoke.

    A horizon of 0 minutes means: it is failing now (detected). `trend` is the probability (the score, where
    only rules spoke) over the last hour, oldest first.
    """

    kind: ClassVar[str] = "prediction"

    target: str
    namespace: str
    cluster: str
    model: str
    horizon_minutes: float
    probability: float | None
    low: float | None
    high: float | None
    score: float
    alarmed: bool
    issue: str
    reasons: tuple[str, ...] = ()
    signals: Mapping[str, float] = field(default_factory=dict)
    trend: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LabelRecord(Record):
    """A stretch of time in which a target is known to have failed, or must not be learned from.

    `meaning` is ``failure``, ``chaos`` (injected: exact window and type) or ``censored`` (after a
    mitigation: nobody knows what would have happened).
    """

    kind: ClassVar[str] = "label"

    target: str
    namespace: str
    meaning: str
    issue: str
    start: datetime
    end: datetime
    source: str = ""
