"""What history says of a fault on a workload: how much of it is unknown, and how hard to try next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chaoskit.experiments.faults import SEVERITIES, Severity
from chaoskit.outcome import Outcome

STALE_AFTER = 14.0
"""Days after which a passed test counts as never done."""

_JUDGED = frozenset({Outcome.PASSED, Outcome.WEAKNESS_FOUND})
_IN_VAIN = frozenset({
    Outcome.ERRORED, Outcome.NO_BASELINE, Outcome.CANNOT_START, Outcome.REFUSED, Outcome.TIMED_OUT,
})  # fmt: skip
"""Ended without a judgement, and not because somebody stopped it."""

_LATELY = 3.0
"""Days for which a try in vain is remembered: whatever was in its way may be gone by then."""


@dataclass(frozen=True, slots=True)
class Past:
    """The runs of one fault on one target, newest first."""

    runs: tuple[Mapping[str, Any], ...]
    now: datetime

    @property
    def judged(self) -> Mapping[str, Any] | None:
        """The last run that came to a judgement."""
        return next((run for run in self.runs if run.get("outcome") in _JUDGED), None)

    @property
    def gap(self) -> tuple[float, str]:
        """How much is unknown, 0 to 1, and why: never tested, weak when last tested, or tested long ago."""
        share, why = self._gap()
        last = self.runs[0] if self.runs else None
        if last is not None and last.get("outcome") in _IN_VAIN and self._days(last) < _LATELY:
            words = Outcome(last["outcome"]).words
            return share / 2, f"{why}, tried in vain {_spelled(self._days(last))} ago ({words})"
        return share, why

    def _gap(self) -> tuple[float, str]:
        last = self.judged
        if last is None:
            return 1.0, "never tested"
        days = self._days(last)
        if last["outcome"] == Outcome.WEAKNESS_FOUND:
            return 0.8, f"weak when tested {_spelled(days)} ago"
        return max(0.1, min(1.0, days / STALE_AFTER)), f"passed {_spelled(days)} ago"

    @property
    def severity(self) -> Severity:
        """One step above the last severity when that passed, otherwise the same; ``medium`` at first."""
        last = self.judged
        if last is None:
            return "medium"
        had = ((last.get("experiment") or {}).get("spec") or {}).get("severity")
        place = SEVERITIES.index(had) if had in SEVERITIES else 1
        higher = place + 1 if last["outcome"] == Outcome.PASSED else place
        return SEVERITIES[min(higher, len(SEVERITIES) - 1)]

    def _days(self, run: Mapping[str, Any]) -> float:
        return max(0.0, (self.now - datetime.fromisoformat(run["at"])).total_seconds() / 86400)


class History:
    """The runs that are kept (documents, newest first), by fault and target."""

    def __init__(self, runs: Iterable[Mapping[str, Any]], now: datetime) -> None:
        self._now = now
        self._runs: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
        for run in runs:
            for fault in str(run.get("fault")).split(","):
                for target in run.get("targets") or ():
                    self._runs.setdefault((fault, run.get("namespace", ""), target), []).append(run)

    def of(self, fault: str, namespace: str, target: str) -> Past:
        """What is known of a fault on a target."""
        return Past(tuple(self._runs.get((fault, namespace, target), ())), self._now)


def _spelled(days: float) -> str:
    """``3 d``, ``5 h``, ``1 min`` at least."""
    if days >= 1:
        return f"{days:.0f} d"
    return f"{days * 24:.0f} h" if days * 24 >= 1 else f"{max(1.0, days * 24 * 60):.0f} min"
