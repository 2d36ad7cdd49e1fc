"""Which classes of failure a model can foresee, and which it can only see."""

from __future__ import annotations

from collections.abc import Iterable

from chaoskit.prediction.labelling.labels import DETECTED_ONLY, FORECASTABLE, Target


def forecasts(target: Target, classes: Iterable[str]) -> tuple[str, ...]:
    """Those of these classes that a model for this target is told of before they happen.

    Of ramps all: each was told where it began.
    """
    if target.mode == "forecast" and not target.lead:
        return tuple(classes)
    return tuple(each for each in classes if target.lead and each in FORECASTABLE)


def reason(issue: str, *, ahead: bool) -> str:
    """Why this class can be foreseen or, without `ahead`, cannot."""
    if ahead:
        return FORECASTABLE.get(issue, "the data told where it began")
    return DETECTED_ONLY.get(issue, "nothing is known that announces it")
