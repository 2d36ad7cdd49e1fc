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

FLAPS_AT_LEAST = 3
FLAPS_WITHIN = timedelta(hours=1)
"""An issue that came so often, so soon one after another, flaps."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """How one remediation has done on one class of issue, on one workload (`target`; "" is all of them).

    `worked` of `tried`; `median_seconds` and `p90_seconds` from its beginning to its proof, where it worked
    (else None): what was tried before it, and a wait for a person's yes, are not its own.
    `healed_rate` is the share of that class that went away before anything was done.
    """

    issue: str
    action: str
    tried: int
    worked: int
    median_seconds: float | None
    p90_seconds: float | None
    healed_rate: float = 0.0
    namespace: str = ""
    target: str = ""

    @property
    def rate(self) -> float:
        """The share that worked."""
        return self.worked / self.tried

    @property
    def value(self) -> float:
        """How much more often it works than doing nothing did (-1 to 1)."""
        return self.rate - self.healed_rate

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which shares the true one lies, 95 times of 100 (Wilson's interval)."""
        n, p, z = self.tried, self.rate, 1.96
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return max(0.0, middle - half), min(1.0, middle + half)


def strategies(history: Sequence[Attempt], *, by_workload: bool = False) -> tuple[Strategy, ...]:
    """Every remediation on every class of issue that was tried, most successful first within a class."""
    grouped: dict[tuple[str, str, str], list[Attempt]] = {}
    for attempt in history:
        place = (attempt.namespace, attempt.target) if by_workload else ("", "")
        grouped.setdefault((attempt.issue, *place), []).append(attempt)
    found = [
        _strategy(members, key, action)
        for key, members in grouped.items()
        for action in {action for each in members for action in each.tried} - {"notify"}
    ]
    return tuple(sorted(found, key=lambda s: (s.issue, s.namespace, s.target, -s.rate, -s.tried, s.action)))


def _strategy(history: Sequence[Attempt], key: tuple[str, str, str], action: str) -> Strategy:
    """`history` is of one class of issue, and of one workload where it is told by workload."""
    tried = [a for a in history if action in a.tried]
    worked = [a for a in tried if a.helped == action]
    ended = [a for a in history if a.acted or a.outcome is Outcome.HEALED]
    healed = sum(a.outcome is Outcome.HEALED and not a.actions for a in ended)
    seconds = sorted(a.helped_in for a in worked if a.helped_in is not None)
    return Strategy(
        issue=key[0],
        action=action,
        tried=len(tried),
        worked=len(worked),
        median_seconds=median(seconds) if seconds else None,
        p90_seconds=seconds[math.ceil(0.9 * len(seconds)) - 1] if seconds else None,
        healed_rate=healed / len(ended) if ended else 0.0,
        namespace=key[1],
        target=key[2],
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

    @property
    def flaps(self) -> bool:
        """Whether it comes back so often and so soon that nothing done so far lasts."""
        return self.times >= FLAPS_AT_LEAST and self.every <= FLAPS_WITHIN


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
