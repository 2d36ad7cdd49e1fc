"""Whether detection and recovery get faster: their medians by class and week (or day). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from chaoskit.outcome import Outcome
from chaoskit.recovery.attempts import Attempt

DAYS = timedelta(days=14)
"""A history that is shorter is told by days, a longer one by weeks."""


@dataclass(frozen=True, slots=True)
class Period:
    """One class of issue in one day or week, which begins at `start` (UTC).

    `detect_seconds` is the median from when it began to when its recovery did, `recover_seconds` from then
    to its verified end; None where that is not known. `bad` are those that nothing helped.
    """

    issue: str
    start: datetime
    length: timedelta
    times: int
    bad: int
    detect_seconds: float | None
    recover_seconds: float | None


def trends(history: Sequence[Attempt]) -> tuple[Period, ...]:
    """Each class by day or week, oldest first within a class; what was refused is left out."""
    seen = [each for each in history if each.acted or each.outcome is Outcome.HEALED]
    if not seen:
        return ()
    short = max(each.at for each in seen) - min(each.at for each in seen) < DAYS
    length = timedelta(days=1 if short else 7)
    grouped: dict[tuple[str, datetime], list[Attempt]] = {}
    for attempt in seen:
        grouped.setdefault((attempt.issue, _start(attempt.at, length)), []).append(attempt)
    return tuple(_period(*key, length, members) for key, members in sorted(grouped.items()))


def _start(at: datetime, length: timedelta) -> datetime:
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=midnight.weekday() if length.days == 7 else 0)


def _period(issue: str, start: datetime, length: timedelta, members: Sequence[Attempt]) -> Period:
    helped = {Outcome.RECOVERED, Outcome.HEALED}
    return Period(
        issue,
        start,
        length,
        times=len(members),
        bad=sum(each.outcome not in helped for each in members),
        detect_seconds=_median([(m.at - m.began).total_seconds() for m in members if m.began is not None]),
        recover_seconds=_median([each.seconds for each in members if each.seconds is not None]),
    )


def _median(values: Sequence[float]) -> float | None:
    return round(median(values), 1) if values else None
