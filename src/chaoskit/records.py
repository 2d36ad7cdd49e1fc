"""What is kept: runs, recoveries, predictions and labels; frozen, with schema versions and one lineage.

`trace_id` is the lineage: the prediction that led to an experiment, its run and the recovery after it
carry the same one.
"""

from __future__ import annotations

import base64
import dataclasses
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cache, cached_property
from typing import Any, ClassVar, Self, get_args

from pydantic import TypeAdapter, ValidationError

from chaoskit.errors import InvalidInput
from chaoskit.events import Mark
from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document
from chaoskit.redaction import redacted

_CROCKFORD = bytes.maketrans(b"0123456789ABCDEFGHIJKLMNOPQRSTUV", b"0123456789abcdefghjkmnpqrstvwxyz")


WORDS = (
    *(*Outcome, *get_args(Mark), "before", "during", "after undo", "aborting"),
    *("warning", "blocked", "litmus", "direct"),
)
"""What chaoskit says and programs read again, outcomes, marks, stages, states, engines: never a secret."""


def new_id(at: datetime | None = None) -> str:
    """A new id of 16 lower-case letters and digits; ids sort by time (Crockford's base 32, as ULID does)."""
    millis = int((at.timestamp() if at else time.time()) * 1000) & (1 << 45) - 1
    whole = (millis << 35 | secrets.randbits(35)).to_bytes(10)
    return base64.b32hexencode(whole).translate(_CROCKFORD).decode()


@dataclass(frozen=True, kw_only=True)
class Record:
    """What every kept thing has: its id, when it began (UTC) and its lineage."""

    kind: ClassVar[str]
    schema_version: ClassVar[int] = 1
    named: ClassVar[tuple[str, ...]] = ("id", "trace_id")
    """The fields that hold names: by them it is found again, and compared with others."""

    id: str
    at: datetime
    trace_id: str

    @property
    def names(self) -> tuple[str, ...]:
        """What it calls things by, none of it hidden in it, and chaoskit's own words."""
        told = [getattr(self, field_) for field_ in self.named]
        each = (one for some in told for one in (some if isinstance(some, tuple) else (some,)) if one)
        return (*map(str, each), self.kind, *WORDS)

    @classmethod
    def of(cls, document: Document) -> Self:
        """The record that `document` was made from.

        Raises:
            InvalidInput: a field is missing or of another form; the message names kind, id and field.
        """
        fields = {f.name: document[f.name] for f in dataclasses.fields(cls) if f.name in document}
        try:
            found: Self = _reader(cls).validate_python(fields)  # type: ignore[arg-type]  # a class is hashable
            return found
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            what = f"{document.get('kind', 'record')} {document.get('id', '')}"
            raise InvalidInput(f"the kept {what} cannot be read: {place}: {first['msg']}") from error

    def document(self) -> Document:
        """The record as JSON, its secrets hidden: what is kept, shown and reported is made of this."""
        return dict(self._hidden)

    @cached_property
    def _hidden(self) -> Document:
        """Made once: a record never changes, and it is kept, reported and answered."""
        hidden: Document = redacted(self.plain(), names=self.names)
        return hidden

    def plain(self) -> Document:
        """The record as JSON, its secrets among it: for what is decided by it, and goes nowhere."""
        fields = {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}
        return {"kind": self.kind, "schema_version": self.schema_version, **fields}


@cache
def _reader(cls: type[Record]) -> TypeAdapter[Any]:
    """What reads records of that class: to make one takes a hundred times as long as to read by it."""
    return TypeAdapter(cls)


_AS_IT_IS = frozenset({str, int, float, bool, type(None)})
"""Most values of a record by far."""


def _plain(value: Any) -> Any:
    """`value` as JSON knows it: times in ISO 8601, dataclasses as objects, tuples as lists."""
    if type(value) in _AS_IT_IS:
        return value
    if isinstance(value, Enum | datetime):
        return value.value if isinstance(value, Enum) else value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [_plain(each) for each in value]
    return value


@dataclass(frozen=True, kw_only=True)
class Placed(Record):
    """A record of one cluster: by what name a person knew it, and what tells it from others.

    Uid and address are as in its `Identity`, both None where nothing but its name was known, as in records
    of older versions. That they have defaults is why `schema_version` stays: older versions read these
    records without them.
    """

    named: ClassVar[tuple[str, ...]] = (*Record.named, "cluster", "cluster_uid", "cluster_address")

    cluster: str
    cluster_uid: str | None = None
    cluster_address: str | None = None


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
class RunRecord(Placed):
    """One experiment run: what was meant, what was hit, what was seen, how it ended.

    `targets` are what was aimed at, `felt` the workloads that were none and were disturbed all the same.
    `path` and `line` say where its document stands ("" and 0: nowhere); `versions` which chaoskit,
    Kubernetes and Litmus it was. `score` is the resilience score (0 to 100, None where nothing was tried),
    `seconds_broken` how long the steady state did not hold, `seconds_to_recover` how long of it once the
    fault was over (0: it was back by then; None, of both: not known, or it stayed broken). Where `rescued`
    a rescue alone tells of it: what its own process kept, if anything, is not known here.
    """

    kind: ClassVar[str] = "run"
    named: ClassVar[tuple[str, ...]] = (*Placed.named, "name", "namespace", "fault", "targets", "felt")

    name: str
    namespace: str
    fault: str
    outcome: Outcome
    reason: str
    ended_at: datetime
    experiment: Mapping[str, Any]
    targets: tuple[str, ...] = ()
    felt: tuple[str, ...] = ()
    steady_state: tuple[Mapping[str, Any], ...] = ()
    timeline: tuple[Moment, ...] = ()
    litmus: Mapping[str, Any] = field(default_factory=dict)
    undo: Undo = Undo("none needed")
    evidence: Mapping[str, Any] = field(default_factory=dict)
    injected_at: datetime | None = None
    injected_until: datetime | None = None
    path: str = ""
    line: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    score: float | None = None
    seconds_to_recover: float | None = None
    seconds_broken: float | None = None
    rescued: bool = False


@dataclass(frozen=True, kw_only=True)
class RecoveryRecord(Placed):
    """One recovery: the symptoms, the plan or refusal, what was done, whether it helped, how long it took.

    `rescued` as of a run.
    """

    kind: ClassVar[str] = "recovery"
    named: ClassVar[tuple[str, ...]] = (*Placed.named, "issue", "target", "namespace", "replay_of")

    issue: str
    target: str
    namespace: str
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
    rescued: bool = False


@dataclass(frozen=True, kw_only=True)
class PredictionRecord(Placed):
    """One workload's failure probability at one moment, with what drives it; None where only rules spoke.

    `mode` is ``forecast``, ``detect`` or ``rules``, "" of an older version. Without a horizon (0 min) a
    forecast is of ramps, and all else says: it is failing now. `trend` is the probability (the score, where
    only rules spoke) over the last hour, oldest first. `similar` are past incidents that it is like, with the
    share of trees in which it is (`likeness`) and what `helped` then. `rule` is what alarms instead of a
    model's forest (a rule or the evidence), of which the probability is; "" where that alarms itself, be it
    beside others, where nothing does, or only rules spoke.
    """

    kind: ClassVar[str] = "prediction"
    named: ClassVar[tuple[str, ...]] = (
        *Placed.named, "target", "namespace", "model", "issue", "mode", "rule",
    )  # fmt: skip

    target: str
    namespace: str
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
    similar: tuple[Mapping[str, Any], ...] = ()
    mode: str = ""
    rule: str = ""

    @property
    def of_ramps(self) -> bool:
        """Whether it says that something goes wrong, not when it will have failed."""
        return self.mode == "forecast" and not self.horizon_minutes

    @property
    def words(self) -> str:
        """``fails within 30 min``, ``is on its way to a failure`` or ``is failing``."""
        return foretold(self.mode, self.horizon_minutes)


def foretold(mode: str, minutes: float) -> str:
    """What a prediction of this mode and horizon says of a workload, as a predicate."""
    if minutes:
        return f"fails within {minutes:g} min"
    return "is on its way to a failure" if mode == "forecast" else "is failing"


@dataclass(frozen=True, kw_only=True)
class LabelRecord(Record):
    """A stretch of time in which a target is known to have failed, or must not be learned from.

    `meaning` is ``failure``, ``ramp`` (it goes wrong from `start` on and fails at `end`), ``chaos``
    (injected: exact window and type), ``censored`` (after a mitigation: nobody knows what would have
    happened) or ``unknown`` (exactly this stretch says nothing). `fault` is a finer word than `issue`; with
    `run` it counts in that run of the data alone. The target ``*`` is all that is there.
    """

    kind: ClassVar[str] = "label"
    named: ClassVar[tuple[str, ...]] = (
        *Record.named, "target", "namespace", "meaning", "issue", "source", "fault", "run",
    )  # fmt: skip

    target: str
    namespace: str
    meaning: str
    issue: str
    start: datetime
    end: datetime
    source: str = ""
    fault: str = ""
    run: str = ""
