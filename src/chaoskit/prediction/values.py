"""What a cell says: a number or a moment, in text or as it is."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LATEST = 1e11
"""Unix seconds of the year 5138: a larger number is in a smaller unit."""

MISSING = frozenset({"", "nan", "NaN", "null", "None", "NA"})


A_TIME = "a time (ISO 8601 or Unix seconds)"
"""What a cell should have held of which `moment` makes nothing."""

Clocks = dict[Path, bool]
"""Per file, whether its first moment is `zoned`."""


def number(cell: Any) -> float:
    """The number, NaN for a missing or infinite one: neither says how much it was."""
    if cell is None or cell in MISSING:
        return math.nan
    value = float(cell)
    return value if math.isfinite(value) else math.nan


def text(cell: Any) -> str:
    """The text, "" for none."""
    return "" if cell is None else str(cell)


def pod_name(cell: Any) -> str:
    """The name; `ValueError` where there is none."""
    found = text(cell)
    if found.strip() in MISSING:
        raise ValueError(cell)
    return found


def moment(cell: Any) -> float:
    """Unix seconds of an ISO 8601 time (UTC where it names no zone) or of a Unix time.

    A Unix time may be in seconds, milli-, micro- or nanoseconds: its size tells which.
    """
    if isinstance(cell, datetime):
        return _aware(cell).timestamp()
    try:
        found = float(cell)
    except ValueError:
        return _aware(datetime.fromisoformat(cell)).timestamp()
    for unit in (1.0, 1e3, 1e6, 1e9):
        if 0 <= found / unit < LATEST:
            return found / unit
    raise ValueError(cell)


def zoned(cell: Any) -> bool:
    """Whether a moment says when it is by itself: an ISO 8601 time with a zone, or a Unix time."""
    if isinstance(cell, datetime):
        return cell.tzinfo is not None
    try:
        float(cell)
    except ValueError:
        return datetime.fromisoformat(cell).tzinfo is not None
    return True


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
