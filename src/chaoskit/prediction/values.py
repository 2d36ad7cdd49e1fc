"""What a cell says: a number or a moment, in text or as it is."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

MISSING = frozenset({"", "nan", "NaN", "null", "None", "NA"})


def number(cell: Any) -> float:
    """The number, NaN for a missing or infinite one: neither says how much it was."""
    if cell is None or cell in MISSING:
        return math.nan
    value = float(cell)
    return value if math.isfinite(value) else math.nan


def moment(cell: Any) -> float:
    """Unix seconds of an ISO 8601 time (UTC where it names no zone) or of Unix seconds or milliseconds."""
    if isinstance(cell, datetime):
        return _aware(cell).timestamp()
    try:
        found = float(cell)
    except ValueError:
        return _aware(datetime.fromisoformat(cell)).timestamp()
    if not math.isfinite(found):
        raise ValueError(cell)
    return found / 1000 if found > 1e11 else found


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
