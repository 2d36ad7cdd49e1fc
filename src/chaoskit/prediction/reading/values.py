"""What a cell says: a number or a moment, in text or as it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from chaoskit.prediction.data.arrays import Doubles

LATEST = 1e11
"""Unix seconds of the year 5138: a larger number is in a smaller unit, and a later time is none."""

OPEN_END = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
"""In Unix seconds: what ends later ends then, as what goes on and is written to end in the year 9999."""

Cell: TypeAlias = Any
"""Text in CSV; in Parquet a number, a time, text, None, or whatever else lies there."""

MISSING = frozenset({"", "nan", "NaN", "null", "None", "NA"})


A_TIME = "a time (ISO 8601 or Unix seconds)"
"""What a cell should have held of which `moment` makes nothing."""

Clocks = dict[Path, bool]
"""Per file, whether its moments are `zoned`."""


class Mixed(ValueError):
    """A moment with a zone among those without, or without one among those with: hours may lie between."""


class TimeReader:
    """Reads the moments of one file, of which all have a zone or none has."""

    def __init__(self) -> None:
        self.zoned: bool | None = None
        """Whether they have; None until there is one."""

    def __call__(self, cell: Cell) -> float:
        """Unix seconds, as `moment`; `Mixed` where the first had a zone and this has none, or the reverse."""
        return _bounded(self._heard(cell), cell)

    def until(self, cell: Cell) -> float:
        """The same of an end, `OPEN_END` at most: of the farthest future it may be told."""
        return _bounded(min(self._heard(cell), OPEN_END), cell)

    def _heard(self, cell: Cell) -> float:
        at, zoned = _told(cell)
        if self.zoned not in {None, zoned}:
            raise Mixed(cell)
        self.zoned = zoned
        return at

    def all(self, cells: Sequence[Any]) -> Doubles:
        """The moments of all of them, in their order."""
        heard = {cell: self(cell) for cell in dict.fromkeys(cells)}
        return np.array([heard[cell] for cell in cells])

    @property
    def sort(self) -> str:
        """What one that is `Mixed` among them should have been."""
        return f"a time {'with a' if self.zoned else 'without'} zone, as the first of this file"


def number(cell: Cell) -> float:
    """The number, NaN for a missing or infinite one: neither says how much it was."""
    if cell is None or cell in MISSING:
        return math.nan
    value = float(cell)
    return value if math.isfinite(value) else math.nan


def numbers(cells: Sequence[Cell]) -> Doubles:
    """The same of each of them."""
    try:
        found = np.array([float(cell) for cell in cells])
    except (ValueError, TypeError):
        found = np.array([number(cell) for cell in cells])
    found[np.isinf(found)] = math.nan
    return found


def text(cell: object) -> str:
    """The text, "" for none."""
    return "" if cell is None else str(cell)


def pod_name(cell: object) -> str:
    """The name; `ValueError` where there is none."""
    found = text(cell)
    if found.strip() in MISSING:
        raise ValueError(cell)
    return found


def moment(cell: Cell) -> float:
    """Unix seconds of an ISO 8601 time (UTC where it names no zone) or of a Unix time.

    A Unix time may be in seconds, milli-, micro- or nanoseconds: its size tells which. A number that writes a
    date and a time in 12 or 14 digits is none, nor is what lies before 1970 or after `LATEST`.
    """
    return _bounded(_told(cell)[0], cell)


def _bounded(at: float, cell: object) -> float:
    if not 0 <= at < LATEST:
        raise ValueError(cell)
    return at


def _told(cell: Cell) -> tuple[float, bool]:
    """The moment, and whether it says by itself when that is: by a zone, or as a Unix time."""
    if isinstance(cell, datetime):
        return _aware(cell).timestamp(), cell.tzinfo is not None
    try:
        found = float(cell)
    except ValueError:
        return _told(datetime.fromisoformat(cell))
    if _writes_a_date(found):
        raise ValueError(cell)
    for unit in (1.0, 1e3, 1e6, 1e9):
        if 0 <= found / unit < LATEST:
            return found / unit, True
    raise ValueError(cell)


def _writes_a_date(number: float) -> bool:
    """Whether it is a date of our time with its time in its digits (20260101000100), and no count of them."""
    for form, after in (("%Y%m%d%H%M", 1e8), ("%Y%m%d%H%M%S", 1e10)):
        if 1990 * after <= number < 2100 * after:
            with suppress(ValueError):
                datetime.strptime(f"{int(number)}", form)  # noqa: DTZ007 - that it is one is all
                return True
    return False


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
