"""What history says: which strategies work on which issues, how fast, and what keeps coming back. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from chaoskit.outcome import Outcome
from chaoskit.recovery.attempts import Attempt
from chaoskit.recovery.symptoms import minutes


@dataclass(frozen=True, slots=True)
class Strategy:
    """How one remediation has done on one class of issue.

    `worked` of `tried`; `median_seconds` and `p90_seconds` to recover, where it worked (else None).
    """

    issue: str
    action: str
    tried: int
    worked: int
    median_seconds: float | None
    p90_seconds: float | None

    @property
    def rate(self) -> float:
        """The share that worked."""
        return self.worked / self.tried


def strategies(history: Sequence[Attempt]) -> tuple[Strategy, ...]:
    """Every remediation on every class of issue that was tried, most successful first within a class."""
    pairs = {
        (attempt.issue, action) for attempt in history for action in attempt.actions if action != "notify"
    }
    found = [_strategy(history, issue, action) for issue, action in pairs]
    return tuple(sorted(found, key=lambda s: (s.issue, -s.rate, -s.tried, s.action)))


def _strategy(history: Sequence[Attempt], issue: str, action: str) -> Strategy:
    tried = [a for a in history if a.issue == issue and action in a.actions]
    worked = [a for a in tried if a.helped == action]
    seconds = sorted(a.seconds for a in worked if a.seconds is not None)
    return Strategy(
        issue=issue,
        action=action,
        tried=len(tried),
        worked=len(worked),
        median_seconds=median(seconds) if seconds else None,
        p90_seconds=seconds[math.ceil(0.9 * len(seconds)) - 1] if seconds else None,
    )


def summary(history: Sequence[Attempt], issue: str, action: str) -> str:
    """``8 of 9 such recoveries worked, median 21 s``; "" when it was never tried."""
    found = next((s for s in strategies(history) if (s.issue, s.action) == (issue, action)), None)
    if found is None:
        return ""
    fast = "" if found.median_seconds is None else f", median {minutes(found.median_seconds)}"
    return f"{found.worked} of {found.tried} such recoveries worked{fast}"


@dataclass(frozen=True, slots=True)
class Recurrence:
    """An issue that came back to the same target: how often, when, and how often it healed by itself."""

    namespace: str
    target: str
    issue: str
    times: int
    first: datetime
    last: datetime
    by_itself: int

    @property
    def every(self) -> timedelta:
        """The mean time between two of them."""
        return (self.last - self.first) / max(1, self.times - 1)


def recurrences(history: Sequence[Attempt], *, at_least: int = 2) -> tuple[Recurrence, ...]:
    """Issues seen at least so often on the same target, most frequent first."""
    grouped: dict[tuple[str, str, str], list[Attempt]] = {}
    for attempt in history:
        if attempt.outcome is not Outcome.REFUSED:
            grouped.setdefault((attempt.namespace, attempt.target, attempt.issue), []).append(attempt)
    found = [_recurrence(key, members) for key, members in grouped.items() if len(members) >= at_least]
    return tuple(sorted(found, key=lambda r: (-r.times, r.target, r.issue)))


def _recurrence(key: tuple[str, str, str], members: Sequence[Attempt]) -> Recurrence:
    healed = sum(attempt.outcome is Outcome.HEALED for attempt in members)
    return Recurrence(
        *key,
        times=len(members),
        first=min(attempt.at for attempt in members),
        last=max(attempt.at for attempt in members),
        by_itself=healed,
    )
