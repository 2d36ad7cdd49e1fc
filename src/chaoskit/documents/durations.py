"""Lengths of time as people write them: with a unit, always."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo, WithJsonSchema

_DURATION = re.compile(
    r"^(?:(\d{1,9})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9}(?:\.\d{1,9})?)s)?(?:(\d{1,9})ms)?$", re.ASCII
)


def seconds(text: object) -> float:
    """``1m30s`` as 90.0, ``500ms`` as 0.5; the unit is mandatory.

    Raises:
        ValueError: it is no duration with units.
    """
    found = _DURATION.match(text) if isinstance(text, str) and text else None
    if found is None:
        raise ValueError("a duration such as 60s, 1m30s or 500ms")
    hours, minutes, secs, millis = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + secs + millis / 1000


def duration(value: float) -> str:
    """Seconds as a person writes them: ``90.0`` is ``1m30s``, ``0.5`` is ``500ms``."""
    whole, millis = divmod(round(value * 1000), 1000)
    parts = ((whole // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60, "s"), (millis, "ms"))
    return "".join(f"{amount}{unit}" for amount, unit in parts if amount) or "0s"


WRITTEN = {"written": True}
"""Validation context of what a person wrote: there a length of time without a unit is none."""


def _as_seconds(value: object, info: ValidationInfo) -> object:
    return value if isinstance(value, float) and info.context != WRITTEN else seconds(value)


Duration = Annotated[
    float,
    BeforeValidator(_as_seconds),
    PlainSerializer(duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+h)?(\d+m)?(\d+(\.\d+)?s)?(\d+ms)?$"}),
]
"""A pydantic field written as ``60s``, read as seconds and written out as it was."""
