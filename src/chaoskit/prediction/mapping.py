"""The mapping file: which column of somebody's metrics file is which signal, whose, when and in what unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pydantic
import yaml

from chaoskit import errors
from chaoskit.ports.metrics import Signal, SignalKind
from chaoskit.signals import BY_NAME


class _Written(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Metadata(_Written):
    """The mapping's name."""

    name: str


class Identity(_Written):
    """The columns that say whose values a line holds. They group and name; none is ever a feature."""

    pod: str
    workload: str = ""
    namespace: str = ""
    run: str = ""
    workload_kind: str = pydantic.Field(default="deployment", alias="workloadKind")


class Column(_Written):
    """One column as a signal: value * `scale` is in `unit`. Kind and unit only for signals of your own."""

    column: str
    scale: float = 1.0
    unit: str = ""
    kind: SignalKind = "gauge"
    meaning: str = ""


class EventColumns(_Written):
    """The columns of the events file; `target` holds a pod's or a workload's name."""

    start: str = "start"
    end: str = "end"
    target: str = "target"
    issue: str = "issue"
    run: str = ""


class Events(_Written):
    """Outside labels: a file of events, which of its lines count, and what its issue words mean here."""

    file: str
    columns: EventColumns = EventColumns()
    where: dict[str, str] = {}
    issues: dict[str, str] = {}
    meaning: Literal["failure", "chaos"] = "failure"


class Target(_Written):
    """What the data can teach: detect an event while it lasts, or forecast it `horizonMinutes` before."""

    mode: Literal["detect", "forecast"] = "detect"
    horizon_minutes: float = pydantic.Field(default=0.0, ge=0, le=1440, alias="horizonMinutes")


class Mapping(_Written):
    """A mapping file (kind: DataMapping)."""

    api_version: Literal["chaoskit.io/v1"] = pydantic.Field(alias="apiVersion")
    kind: Literal["DataMapping"]
    metadata: Metadata
    source: str = ""
    licence: str = ""
    files: list[str] = pydantic.Field(min_length=1)
    step: int = pydantic.Field(ge=1, le=3600)
    timestamp: str = "timestamp"
    identity: Identity
    signals: dict[str, Column] = pydantic.Field(min_length=1)
    events: Events | None = None
    target: Target = Target()
    blind: dict[str, str] = {}

    def catalogue(self) -> tuple[Signal, ...]:
        """Its signals, in the order of the file; those of chaoskit's catalogue keep their unit and kind."""
        return tuple(_signal(name, column, self.step) for name, column in self.signals.items())


def _signal(name: str, column: Column, step: int) -> Signal:
    known = BY_NAME.get(name)
    if known is not None:
        return known
    return Signal(name, column.unit, column.kind, "pod", "", "", column.meaning or name, step)


def load_mapping(path: Path) -> Mapping:
    """The mapping in this file; `InvalidInput` with every problem at its line and column."""
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except OSError as error:
        raise errors.InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise errors.InvalidInput(f"{path} is not YAML: {error}") from error
    try:
        return Mapping.model_validate(document)
    except pydantic.ValidationError as error:
        problems = tuple(_problem(path, node, each) for each in error.errors(include_url=False))
        raise errors.InvalidInput(
            f"{path} is not a mapping file", problems=problems, hint="see examples/data/ for one that is"
        ) from error


def _problem(path: Path, node: yaml.Node | None, error: Any) -> errors.Problem:
    line, column = _place(node, error["loc"])
    found = "missing" if error["type"] == "missing" else repr(error["input"])[:80]
    field = ".".join(str(part) for part in error["loc"]) or "the document"
    return errors.Problem(str(path), field, found, error["msg"], line, column, rule=error["type"])


def _place(node: yaml.Node | None, loc: tuple[int | str, ...]) -> tuple[int, int]:
    """Line and column of the deepest part of `loc` that the document has."""
    for part in loc:
        below = _below(node, part)
        if below is None:
            break
        node = below
    return (node.start_mark.line + 1, node.start_mark.column + 1) if node is not None else (0, 0)


def _below(node: yaml.Node | None, part: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        found: yaml.Node = node.value[part]
        return found
    return None
