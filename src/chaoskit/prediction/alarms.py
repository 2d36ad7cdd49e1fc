"""From scores to alarms: which events are caught, how soon, and how many alarms are false.

An event is caught when one of its rows is alarmed while it lasts; one that a forecast should foresee, only
when it is alarmed within the horizon, early enough to act. Alarmed samples outside events, with five minutes
of grace after them, are false alarms: bridged over gaps of five minutes and counted again every thirty, so
that an alarm that never ends is not one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from chaoskit.prediction.folds import Moments
from chaoskit.prediction.labels import Event, Labelled

BRIDGE_MINUTES, RECOUNT_MINUTES, GRACE_MINUTES = 5, 30, 5

Scores: TypeAlias = Sequence[NDArray[np.float32]]
"""For each block [row, moment]; NaN where nothing was scored."""


@dataclass(frozen=True, slots=True)
class Catch:
    """An event that was due: seconds from its start to the first alarm (negative: before), None if missed."""

    event: Event
    delay: float | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a threshold would have meant: events caught, false alarms, over so many hours and pod-days."""

    threshold: float
    catches: tuple[Catch, ...]
    false: int
    hours: float
    pod_days: float

    @property
    def caught(self) -> int:
        """How many events were caught."""
        return sum(catch.delay is not None for catch in self.catches)

    @property
    def recall(self) -> float:
        """The share of events that were caught."""
        return self.caught / len(self.catches) if self.catches else float("nan")

    @property
    def precision(self) -> float:
        """Of events caught and false alarms, the share of events; NaN without any alarm."""
        total = self.caught + self.false
        return self.caught / total if total else float("nan")

    @property
    def f1(self) -> float:
        """Event F1: 2 caught / (events + caught + false alarms)."""
        total = len(self.catches) + self.caught + self.false
        return 2 * self.caught / total if total else float("nan")

    @property
    def false_per_hour(self) -> float:
        """False alarms per hour in the whole cluster."""
        return self.false / self.hours if self.hours else float("nan")

    @property
    def false_per_pod_day(self) -> float:
        """False alarms per day of one pod."""
        return self.false / self.pod_days if self.pod_days else float("nan")


class Judge:
    """Judges thresholds over scores of one labelled dataset at chosen moments; `due` are its events there."""

    def __init__(self, labelled: Labelled, chosen: Moments) -> None:
        self._labelled = labelled
        self._step = labelled.dataset.step
        self._scored = tuple(
            (truth.y >= 0) & moments for truth, moments in zip(labelled.truths, chosen, strict=True)
        )
        self.due = [event for event in labelled.events if self._counts(event)]
        self._quiet = self._outside()
        self.hours = sum(int(moments.sum()) for moments in chosen) * self._step / 3600
        self.pod_days = sum(int(each.sum()) for each in self._quiet) * self._step / 86400

    def _counts(self, event: Event) -> bool:
        """Whether any sample in which the event may be caught is scored."""
        return bool(self._scored[event.block][list(event.rows), self._due_in(event)].any())

    def _due_in(self, event: Event) -> slice:
        """The moments in which an alarm catches the event."""
        target = self._labelled.target
        lead = round(target.lead_of(event.issue).total_seconds() / self._step)
        warning = round(target.warning.total_seconds() / self._step)
        first = max(0, event.first - lead)
        return slice(first, max(first, event.first - warning) if lead else event.last + 1)

    def _outside(self) -> list[NDArray[np.bool_]]:
        lead = round(self._labelled.target.lead.total_seconds() / self._step)
        grace = round(GRACE_MINUTES * 60 / self._step)
        quiet = [scored.copy() for scored in self._scored]
        for event in self._labelled.events:
            span = slice(max(0, event.first - lead), event.last + 1 + grace)
            quiet[event.block][list(event.rows), span] = False
        return quiet

    def judge(self, scores: Scores, threshold: float) -> Judgement:
        """What alarms at scores of at least `threshold` would have meant."""
        alarmed = [np.nan_to_num(block, nan=-np.inf) >= threshold for block in scores]
        catches = tuple(Catch(event, self._delay(event, alarmed[event.block])) for event in self.due)
        false = sum(self._episodes(a & q) for a, q in zip(alarmed, self._quiet, strict=True))
        return Judgement(threshold, catches, false, self.hours, self.pod_days)

    def _delay(self, event: Event, alarmed: NDArray[np.bool_]) -> float | None:
        rows, due = list(event.rows), self._due_in(event)
        seen = (alarmed[rows, due] & self._scored[event.block][rows, due]).any(axis=0)
        if not seen.any():
            return None
        block = self._labelled.dataset.blocks[event.block]
        return (block.at(due.start + int(seen.argmax())) - event.start).total_seconds()

    def _episodes(self, alarmed: NDArray[np.bool_]) -> int:
        bridge, recount = BRIDGE_MINUTES * 60 / self._step, RECOUNT_MINUTES * 60 / self._step
        count = 0
        for row in np.flatnonzero(alarmed.any(axis=1)):
            counted, newest = -np.inf, -np.inf
            for hit in np.flatnonzero(alarmed[row]).tolist():
                if hit - newest > bridge or hit - counted >= recount:
                    count, counted = count + 1, hit
                newest = hit
        return count

    def best(self, scores: Scores, false_alarms_per_day: float) -> Judgement:
        """Of all thresholds within the budget of false alarms the one with the best event F1.

        Of equals the one in the middle of its range: furthest from both mistakes. With no event to
        learn from, the lowest threshold within the budget.
        """
        allowed = false_alarms_per_day * self.hours / 24
        within: list[Judgement] = []
        for threshold in self._candidates(scores):
            found = self.judge(scores, float(threshold))
            if found.false > max(allowed, 0):
                break
            within.append(found)
        if not self.due:
            return within[-1]
        top = max(found.f1 for found in within)
        equals = [found for found in within if found.f1 == top]
        middle = (equals[0].threshold + equals[-1].threshold) / 2
        return min(equals, key=lambda found: abs(found.threshold - middle))

    def _candidates(self, scores: Scores) -> NDArray[np.float32]:
        """Thresholds from above every score downwards, dense where false alarms begin."""
        quiet = np.concatenate([s[q] for s, q in zip(scores, self._quiet, strict=True)])
        due = [scores[e.block][list(e.rows), max(0, e.first - 60) : e.last + 1].ravel() for e in self.due]
        values = np.concatenate([np.sort(quiet[~np.isnan(quiet)])[-2000:], *due])
        values = values[np.isfinite(values)]
        if not len(values):
            return np.array([np.inf], dtype=np.float32)
        grid = np.unique(np.quantile(values, np.linspace(0, 1, 400), method="nearest"))
        above = np.nextafter(grid[-1], np.float32(np.inf))
        return np.concatenate([[above], grid[::-1]]).astype(np.float32)
