"""Was it right? Past predictions held against what came of them; who predicted is told apart.

The truth is made as for training: from the history of the signals, and from what runs and recoveries tell.
What cannot be known (a horizon that is not over, time after a mitigation, chaos) is neither right nor wrong.
What is caught, and which alarms are false, `Judge` says, as in an evaluation; of workloads, not of pods.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from chaoskit.prediction.judging import frequencies
from chaoskit.prediction.judging.looks import Look, of_workloads, worth
from chaoskit.prediction.labelling.labels import Event, Labelled, Target
from chaoskit.records import PredictionRecord


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions of about one probability: how many, what they said and how often it came true."""

    count: int
    said: float
    came: float


@dataclass(frozen=True, slots=True)
class Score:
    """How one model did: `judged` predictions are known to be right or wrong, `open` not (yet).

    One whose horizon is not over is open though it has come true: those that have not cannot be told yet.
    `brier` (lower is better; `reference` is what the share of failures itself would have), `ece` and `bins`
    are None and empty where there were no probabilities, or those of ramps. `events` failures happened to
    what was looked at while they could be caught, `caught` of them were alarmed in time; `false_alarms` in
    `hours` of watching what was healthy.
    """

    model: str
    judged: int
    open: int
    share: float
    brier: float | None
    reference: float | None
    ece: float | None
    bins: tuple[Bin, ...]
    events: int
    caught: int
    alarms: int
    false_alarms: int
    hours: float

    @property
    def document(self) -> Mapping[str, Any]:
        """It as JSON."""
        return asdict(self)


BEGUN = timedelta(hours=1)
"""History tells when a failure was there, not when it began to come: so long before, a warning was of it."""


class Warned(Target):
    """What a warning of a ramp says: that it fails within `BEGUN`, of whatever class the failure is."""

    __slots__ = ()

    def lead_of(self, event: Event) -> timedelta:
        """How long before a failure a warning was of it: none before what was injected or told as a ramp."""
        return timedelta(0) if event.injected or event.ramp else self.lead


def target_of(records: Sequence[PredictionRecord]) -> Target:
    """What these predictions, all of one model, said: that it fails within their horizon, or that it does.

    Of ramps: that it fails within `BEGUN`.
    """
    horizon = timedelta(minutes=max(each.horizon_minutes for each in records))
    if not horizon and any(each.of_ramps for each in records):
        return Warned("forecast", BEGUN)
    return Target("forecast", horizon) if horizon else Target("detect", horizon)


def score(records: Sequence[PredictionRecord], labelled: Labelled) -> Score:
    """How these predictions, all of one model, did by this truth."""
    truth = of_workloads(labelled)
    looks = list(_looks(records, truth))
    over = max(block.end for block in labelled.dataset.blocks) - labelled.target.lead
    known = [
        (each, y)
        for each, look in zip(records, looks, strict=True)
        if look and each.at <= over and (y := truth.truths[look.block].y[look.row, look.moment]) >= 0
    ]
    came = np.array([y for _, y in known], dtype=np.int8)
    chances = np.array([_chance(each) for each, _ in known])
    told = ~np.isnan(chances)
    said = chances[told], came[told]
    share = float(came.mean()) if len(came) else 0.0
    found = worth(filter(None, looks), truth)
    return Score(
        model=records[0].model,
        judged=len(known),
        open=len(records) - len(known),
        share=share,
        brier=frequencies.brier(*said) if told.any() else None,
        reference=share * (1 - share) if told.any() else None,
        ece=frequencies.expected_calibration_error(*said) if told.any() else None,
        bins=tuple(Bin(count, mean, true) for mean, true, count in frequencies.reliability(*said)),
        events=found.events,
        caught=found.caught,
        alarms=sum(each.alarmed for each, _ in known),
        false_alarms=found.false,
        hours=round(found.hours, 2),
    )


def _chance(record: PredictionRecord) -> float:
    """The probability to hold against what came; NaN where there is none, and for ramps."""
    return np.nan if record.probability is None or record.of_ramps else record.probability


def _looks(records: Iterable[PredictionRecord], truth: Labelled) -> Iterator[Look | None]:
    """Where and when each looked; None where nothing was measured of its workload then."""
    blocks = truth.dataset.blocks
    rows = [{row[:2]: number for number, row in enumerate(block.rows)} for block in blocks]
    for each in records:
        who = each.namespace, each.target
        moments = [round((each.at - block.start).total_seconds() / block.step) for block in blocks]
        yield next(
            (
                Look(index, rows[index][who], moment, each.alarmed)
                for index, moment in enumerate(moments)
                if who in rows[index] and 0 <= moment < blocks[index].length
            ),
            None,
        )


def by_model(records: Iterable[PredictionRecord]) -> dict[str, list[PredictionRecord]]:
    """The predictions of each model, or of the rules."""
    found: dict[str, list[PredictionRecord]] = defaultdict(list)
    for each in records:
        found[each.model].append(each)
    return dict(found)
