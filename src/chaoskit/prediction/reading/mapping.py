"""The mapping file: which column of somebody's metrics file is which signal, whose, when and in what unit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from chaoskit import documents, errors
from chaoskit.ports.metrics import Signal, SignalKind
from chaoskit.prediction.naming import usable
from chaoskit.signals import KNOWN


class _Written(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Metadata(_Written):
    """The mapping's name; models that learn by it are called after it."""

    name: str

    @pydantic.field_validator("name")
    @classmethod
    def _names_a_model(cls, name: str) -> str:
        if not usable(name):
            raise ValueError("a name of a model: no path, not beginning with a dot or a dash, of one line")
        return name


class Identity(_Written):
    """The columns that say whose values a line holds; ``=mysql`` means that value on every line.

    They group and name; none is ever a feature. A workload that is written ``statefulset/db`` says its kind
    itself.
    """

    pod: str = ""
    workload: str = ""
    namespace: str = ""
    run: str = ""
    workload_kind: str = pydantic.Field(default="deployment", alias="workloadKind")


def _not_zero(scale: float) -> float:
    if not scale:
        raise ValueError("a scale of 0 would make everything 0")
    return scale


class Column(_Written):
    """One column as a signal: (column - `minus`) / `over` * `scale` is in `unit`.

    A `rate` makes a counter that only grows an increase per second, over resets. Kind and unit are for
    signals of your own: those of the catalogue have theirs, and another unit is refused.
    """

    column: str
    minus: str = ""
    over: str = ""
    scale: Annotated[float, pydantic.Field(allow_inf_nan=False), pydantic.AfterValidator(_not_zero)] = 1.0
    rate: bool = False
    unit: str = ""
    kind: SignalKind = "gauge"
    meaning: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it is made of."""
        return tuple(filter(None, (self.column, self.minus, self.over)))


class EventColumns(_Written):
    """The columns of the events file; `target` holds names of pods or workloads, several with spaces between.

    `fault` is a finer word for what was wrong than `issue`; from `steady` on a run is fit to be judged.
    """

    start: str = "start"
    end: str = "end"
    target: str = "target"
    issue: str = "issue"
    fault: str = ""
    run: str = ""
    steady: str = ""

    @property
    def wanted(self) -> tuple[str, ...]:
        """The columns that must be there."""
        return tuple(filter(None, self.model_dump().values()))


class Events(_Written):
    """Outside labels: a file of events, which of its lines count, and what its issue words mean here.

    A ``ramp`` begins to go wrong at its start and fails at its end; what else happens in its run after its
    start is nobody's label. Lines that are `censored` tell of faults of which nobody knows whom they hit:
    while one lasts, and until it has settled, nothing in its run counts as healthy, whatever `where` says.
    """

    file: str
    columns: EventColumns = EventColumns()
    where: dict[str, str] = {}
    censored: dict[str, str] = {}
    issues: dict[str, str] = {}
    meaning: Literal["failure", "chaos", "ramp"] = "failure"


class Censored(_Written):
    """A stretch of one target's time of which the source's labels are known to be wrong, and why."""

    target: str
    start: datetime
    end: datetime
    why: str

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> Censored:
        if self.start.tzinfo is None or self.end.tzinfo is None or self.end < self.start:
            raise ValueError("start and end are times with a zone, in this order")
        return self


class Wide(_Written):
    """One line per moment: a column for each pod and signal, by a pattern with groups `pod` and `signal`."""

    columns: str

    @pydantic.field_validator("columns")
    @classmethod
    def _names_both(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groupindex
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        if not {"pod", "signal"} <= set(groups):
            raise ValueError("the pattern has no groups (?P<pod>...) and (?P<signal>...)")
        return pattern


class Tidy(_Written):
    """One value per line: the column that names what was measured, and the column that says how much.

    A signal's columns are then such names.
    """

    name: str
    value: str = "value"


class Target(_Written):
    """What the data can teach: detect an event while it lasts, or forecast it `horizonMinutes` before.

    An alarm counts when it holds for `confirm` samples on end.
    """

    mode: Literal["detect", "forecast"] = "detect"
    horizon_minutes: float = pydantic.Field(default=0.0, ge=0, le=1440, alias="horizonMinutes")
    confirm: int = pydantic.Field(default=1, ge=1, le=10)


class Mapping(_Written):
    """A mapping file (kind: DataMapping); `files` are names, or patterns for what comes later, too."""

    api_version: Literal["chaoskit.io/v1"] = pydantic.Field(alias="apiVersion")
    kind: Literal["DataMapping"]
    metadata: Metadata
    source: str = ""
    licence: str = ""
    files: list[str] = pydantic.Field(min_length=1)
    step: int = pydantic.Field(ge=1, le=3600)
    timestamp: str = "timestamp"
    identity: Identity = Identity()
    wide: Wide | None = None
    tidy: Tidy | None = None
    where: dict[str, str] = {}
    signals: dict[str, Column] = pydantic.Field(min_length=1)
    events: Events | None = None
    censored: list[Censored] = []
    target: Target = Target()
    blind: dict[str, str] = {}

    @pydantic.model_validator(mode="after")
    def _says_whose(self) -> Mapping:
        if self.wide is None and not self.identity.pod:
            raise ValueError(
                "identity.pod names the column of the pod (or wide.columns, the pattern with it)"
            )
        if self.wide and self.tidy:
            raise ValueError("a file is wide or tidy: leave one of both out")
        return self

    def without_events(self) -> Mapping:
        """The same for whoever asks of no label."""
        return self.model_copy(update={"events": None})

    def catalogue(self) -> tuple[Signal, ...]:
        """Its signals, in the order of the file; those of chaoskit's catalogue keep their unit and kind."""
        return tuple(_signal(name, column, self.step) for name, column in self.signals.items())


def _signal(name: str, column: Column, step: int) -> Signal:
    known = KNOWN.get(name)
    if known is not None:
        return known
    return Signal(name, column.unit, column.kind, "pod", "", "", column.meaning or name, step)


def load_mapping(path: Path) -> Mapping:
    """The mapping in this file; `InvalidInput` with every problem at its line and column."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise errors.InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise errors.InvalidInput(f"{path} is not text in UTF-8: {error}") from error
    found = documents.parse(text, str(path))
    if len(found) != 1:
        raise errors.InvalidInput(f"{path} is not one mapping", hint=_EXAMPLES)
    try:
        mapping = documents.build(found[0], Mapping)
    except errors.InvalidInput as error:
        message = f"{path} is not a mapping file"
        raise errors.InvalidInput(message, problems=error.problems, hint=_EXAMPLES) from error
    documents.refuse(list(_foreign(found[0], mapping)))
    return mapping


_EXAMPLES = "see examples/data/ for one that is"


def _foreign(document: documents.Document, mapping: Mapping) -> Iterator[errors.Problem]:
    """The units and kinds of signals that are known to be of another one."""
    for name, column in mapping.signals.items():
        known = KNOWN.get(name)
        if known is not None and column.unit not in {"", known.unit}:
            expected = f"{known.unit}: leave `unit` out; if the column is in another one, `scale` it"
            yield document.problem(("signals", name, "unit"), documents.shown(column.unit), expected)
        if known is not None and column.kind == "counter" != known.kind and not column.rate:
            expected = f"{known.kind}: leave `kind` out; if the column counts up, `rate: true`"
            yield document.problem(("signals", name, "kind"), "counter", expected)
