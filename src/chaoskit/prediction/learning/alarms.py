"""From scores to alarms: which events are caught, how soon, and how many alarms are false.

An event is caught when one of its rows is alarmed while it lasts; one that a forecast should foresee, only
when it is alarmed within the horizon, early enough to act; a ramp, when it is alarmed before it fails. An
alarm holds for as many samples as the target confirms with. Alarmed samples outside events, with five
minutes of grace after them, are false alarms: bridged over gaps of five minutes and counted again every
thirty, so that an alarm that never ends is not one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from chaoskit.prediction.data.arrays import Bools, Floats
from chaoskit.prediction.labelling.labels import Event, Labelled
from chaoskit.prediction.learning.folds import Moments
from chaoskit.prediction.learning.table import Samples

BRIDGE_MINUTES, RECOUNT_MINUTES, GRACE_MINUTES = 5, 30, 5
"""What the module's docstring says of gaps, of alarms that do not end, and of the time after an event."""

MARGIN = 1.1
"""A threshold from healthy time alone lies so many times above all that it saw: it saw little. No
report measures it."""

CANDIDATES = 400
"""So many thresholds are tried."""

Scores: TypeAlias = Sequence[Floats]
"""For each block [row, moment]; NaN where nothing was scored."""


Place: TypeAlias = tuple[int, int, int]
"""Where an alarm begins: block, row, moment."""


@dataclass(frozen=True, slots=True)
class Catch:
    """An event that was due: seconds from its start to the first alarm (negative: before), None if missed.

    `possible` is the lead, in seconds, that the earliest alarm would have had; 0 where none is possible.
    """

    event: Event
    delay: float | None
    possible: float

    @property
    def lead(self) -> float:
        """Seconds from the alarm to the failure; 0 for a missed event or one without a lead."""
        if self.delay is None or not self.possible:
            return 0.0
        return self.possible - self.delay if self.event.ramp else max(0.0, -self.delay)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a threshold would have meant: events caught, false alarms, over so many hours and pod-days.

    `collateral` are the alarms on others while an event was under way; of a fault that spreads, or of
    others that suffer. Where those others count as healthy, they are among the false ones too.
    """

    threshold: float
    catches: tuple[Catch, ...]
    false_at: tuple[Place, ...]
    collateral: int
    hours: float
    pod_days: float

    @property
    def false(self) -> int:
        """How many alarms were false."""
        return len(self.false_at)

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


def confirmed(scores: Floats, samples: int) -> Floats:
    """Each moment's least score of the last `samples` (last axis): what held so long; NaN where one is."""
    out = scores
    for back in range(1, samples):
        before = np.full_like(scores, np.nan)
        before[..., back:] = scores[..., :-back]
        out = np.minimum(out, before)
    return out


class Judge:
    """Judges thresholds over scores of one labelled dataset at chosen moments; `due` are its events there.

    `chosen` may also be [row, moment]: each row then has moments of its own.
    `quiet` [row, moment] per block is where an alarm is false: healthy, and not in the minutes of grace.
    """

    def __init__(self, labelled: Labelled, chosen: Moments) -> None:
        self._labelled = labelled
        self._chosen = chosen
        self._step = labelled.dataset.step
        self._confirm = labelled.target.confirm
        self._scored = tuple(
            (truth.y >= 0) & moments for truth, moments in zip(labelled.truths, chosen, strict=True)
        )
        self.due = [event for event in labelled.events if self._counts(event)]
        self.quiet, self._beside = self._outside()
        self.hours = sum(int(quiet.any(axis=0).sum()) for quiet in self.quiet) * self._step / 3600
        self.pod_days = sum(int(quiet.sum()) for quiet in self.quiet) * self._step / 86400

    def _counts(self, event: Event) -> bool:
        """Whether any sample in which the event may be caught is scored."""
        return bool(self._scored[event.block][list(event.rows), self._due_in(event)].any())

    def _lead_of(self, event: Event) -> int:
        return round(self._labelled.target.lead_of(event).total_seconds() / self._step)

    def _due_in(self, event: Event) -> slice:
        """The moments in which an alarm catches the event."""
        lead = self._lead_of(event)
        warning = round(self._labelled.target.warning.total_seconds() / self._step)
        first = max(0, event.first - lead)
        return slice(first, max(first, event.first - warning) if lead else event.last + 1)

    def _outside(self) -> tuple[list[Bools], list[Bools]]:
        """Where an alarm is false, and where it is on another row while an event is under way.

        Both [row, moment] per block.
        """
        lead = round(self._labelled.target.lead.total_seconds() / self._step)
        grace = round(GRACE_MINUTES * 60 / self._step)
        quiet = [scored.copy() for scored in self._scored]
        mine = [np.zeros_like(scored) for scored in self._scored]
        under_way = [np.zeros_like(scored) for scored in self._scored]
        for event in self._labelled.events:
            span = slice(max(0, event.first - lead), event.last + 1 + grace)
            quiet[event.block][list(event.rows), span] = False
            mine[event.block][list(event.rows), span] = True
            under_way[event.block][:, event.first : event.last + 1] = True
        during = [moments & u & ~m for moments, u, m in zip(self._chosen, under_way, mine, strict=True)]
        return quiet, during

    def clear(self, samples: Samples) -> Samples:
        """Those that fail or are healthy; not the minutes of grace, in which an alarm is neither."""
        found = samples.y == 1
        for index, quiet in enumerate(self.quiet):
            here = samples.block == index
            found[here] |= quiet[samples.row[here], samples.moment[here]]
        return samples.pick(found)

    def judge(self, scores: Scores, threshold: float) -> Judgement:
        """What alarms at scores of at least `threshold` would have meant."""
        return self._judge([confirmed(block, self._confirm) for block in scores], threshold)

    def _judge(self, held: Scores, threshold: float) -> Judgement:
        alarmed = [np.nan_to_num(block, nan=-np.inf) >= threshold for block in held]
        catches = tuple(self._catch(event, alarmed[event.block]) for event in self.due)
        false = tuple(self._episodes(alarmed, self.quiet))
        beside = sum(1 for _ in self._episodes(alarmed, self._beside))
        return Judgement(threshold, catches, false, beside, self.hours, self.pod_days)

    def _catch(self, event: Event, alarmed: Bools) -> Catch:
        """When the event was alarmed first, of the alarms of its block [row, moment]."""
        rows, due = list(event.rows), self._due_in(event)
        if event.ramp:
            possible = (event.end - event.start).total_seconds()
        else:
            possible = self._labelled.target.lead_of(event).total_seconds()
        seen = (alarmed[rows, due] & self._scored[event.block][rows, due]).any(axis=0)
        if not seen.any():
            return Catch(event, None, possible)
        block = self._labelled.dataset.blocks[event.block]
        delay = (block.at(due.start + int(seen.argmax())) - event.start).total_seconds()
        return Catch(event, delay, possible)

    def _episodes(self, alarmed: Sequence[Bools], where: Sequence[Bools]) -> Iterator[Place]:
        """Each alarm there [row, moment] per block: bridged over short gaps, counted again while it lasts."""
        bridge, recount = BRIDGE_MINUTES * 60 / self._step, RECOUNT_MINUTES * 60 / self._step
        for index, (block, mask) in enumerate(zip(alarmed, where, strict=True)):
            lit = block & mask
            for row in np.flatnonzero(lit.any(axis=1)).tolist():
                counted, newest = -np.inf, -np.inf
                for hit in np.flatnonzero(lit[row]).tolist():
                    if hit - newest > bridge or hit - counted >= recount:
                        yield index, row, hit
                        counted = hit
                    newest = hit

    def allowed(self, false_alarms_per_day: float) -> float:
        """How many false alarms such a budget allows in this time."""
        return max(false_alarms_per_day * self.hours / 24, 0)

    def best(self, scores: Scores, false_alarms_per_day: float) -> Judgement:
        """Of all thresholds within the budget of false alarms the one with the best event F1.

        Of equals the one in the middle of its range: furthest from both mistakes. For ramps the lowest within
        the budget, with a margin, for their lead counts and not only the catch; with no event to learn from,
        the lowest.
        """
        allowed = self.allowed(false_alarms_per_day)
        held = [confirmed(block, self._confirm) for block in scores]
        within: list[Judgement] = []
        for threshold in self._candidates(held):
            found = self._judge(held, float(threshold))
            if found.false > allowed:
                break
            within.append(found)
        if not self.due or any(event.ramp for event in self.due):
            lowest = within[-1].threshold * (MARGIN if self.due else 1)
            return min(within, key=lambda found: abs(found.threshold - lowest))
        top = max(found.f1 for found in within)
        equals = [found for found in within if found.f1 == top]
        wanted = (equals[0].threshold + equals[-1].threshold) / 2
        return min(equals, key=lambda found: abs(found.threshold - wanted))

    def _candidates(self, scores: Scores) -> Floats:
        """Thresholds from above every score down: each event's highest, many where false alarms begin."""
        quiet = np.concatenate([s[q] for s, q in zip(scores, self.quiet, strict=True)])
        due = [scores[e.block][list(e.rows), self._due_in(e)].ravel() for e in self.due]
        values = np.concatenate([np.sort(quiet[~np.isnan(quiet)])[-2000:], *due])
        values = values[np.isfinite(values)]
        if not len(values):
            return np.array([np.inf], dtype=np.float32)
        spread = np.quantile(values, np.linspace(0, 1, CANDIDATES), method="nearest")
        tops = np.array([np.fmax.reduce(each) for each in due if len(each)], dtype=np.float32)
        grid = np.unique(np.concatenate([spread, tops[np.isfinite(tops)]]))
        above = np.nextafter(grid[-1], np.float32(np.inf))
        return np.concatenate([[above], grid[::-1]]).astype(np.float32)
