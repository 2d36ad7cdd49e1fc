"""The columns that ``kubectl get`` shows for each kind, and the cells of an object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.objects import Object, dig, parse_time

Cell = str | int
Read = Callable[[Object, float], Cell]
"""The cell of an object, at a time in Unix seconds."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; those of priority 1 are shown by ``-o wide`` alone."""

    name: str
    read: Read
    priority: int = 0
    type: str = "string"

    def definition(self) -> Object:
        """As a Table lists it."""
        return {
            "name": self.name,
            "type": self.type,
            "format": "name" if self.name == "Name" else "",
            "description": self.name,
            "priority": self.priority,
        }


def columns_of(resource: Resource) -> Sequence[Column]:
    """The columns of a kind: name and age where nothing more is known about it."""
    if resource.columns:
        return (_NAME, *(_custom(*column) for column in resource.columns))
    return (_NAME, *(resource.table or (AGE,)))


def age(stamp: str | None, now: float) -> str:
    """The time since `stamp` as kubectl shows it, such as ``5m3s`` or ``2d``."""
    if not stamp:
        return "<unknown>"
    return duration(now - parse_time(stamp).timestamp())


def duration(seconds: float) -> str:
    """Seconds in kubectl's short form: two units below ten of the larger one."""
    total = max(int(seconds), 0)
    for limit, unit, letter, smaller, small_letter in _AGES:
        if total < limit:
            rest = total % unit // smaller if smaller else 0
            return f"{total // unit}{letter}" + (f"{rest}{small_letter}" if rest else "")
    return f"{total // _YEAR}y"


_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 365 * 86_400
_AGES = (
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
)
"""Below so many seconds an age is shown in this unit, with the rest in that smaller one."""


def at(*path: str, default: Cell = "<none>") -> Read:
    """The value at a path."""

    def read(obj: Object, _: float) -> Cell:
        value = dig(obj, *path)
        return default if value is None else value if isinstance(value, int) else str(value)

    return read


def count(*path: str) -> Read:
    """How many things are at a path."""
    return lambda obj, _: len(dig(obj, *path) or ())


def number(name: str, *path: str) -> Column:
    """A column of the number at a path; 0 where there is none."""
    return Column(name, at(*path, default=0), type="integer")


def _custom(name: str, path: str, priority: int) -> Column:
    steps = [step for step in path.strip(".").split(".") if step]
    if name == "Age" or path == ".metadata.creationTimestamp":
        return Column(name, AGE.read, priority)
    return Column(name, at(*steps, default=""), priority)


_NAME = Column("Name", at("metadata", "name"))
AGE = Column("Age", lambda obj, now: age(dig(obj, "metadata", "creationTimestamp"), now))
