"""Which recipe and which size of leaves and splits: by validation, later time examining earlier time.

Only the moments that are given are looked at. Where they are those that the model is judged on too, as out of
fold, the report has to say so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import numpy as np
from sklearn.metrics import average_precision_score

from chaoskit import events
from chaoskit.prediction import features
from chaoskit.prediction.features import Recipe
from chaoskit.prediction.labelling.labels import Labelled
from chaoskit.prediction.learning import folds
from chaoskit.prediction.learning.folds import Moments
from chaoskit.prediction.learning.forest import grow, lesson, small
from chaoskit.prediction.learning.options import Options
from chaoskit.prediction.learning.table import Samples, Table, tabulate

SIZES: tuple[tuple[int, float | Literal["sqrt", "log2"]], ...] = (
    (3, "sqrt"),
    (1, "sqrt"),
    (5, "sqrt"),
    (3, 0.15),
    (3, "log2"),
    (2, 0.3),
)
"""Samples of a leaf and shares of features at a split that are tried, the most promising first: when the
time is up the rest is left."""

CLEARLY = 1.1
"""So many times the PR-AUC of the first recipe another one needs: less may be chance, with few events.
No report measures it."""

ENOUGH_WORKLOADS, ENOUGH_EVENTS = 3, 4
"""Fewer workloads that failed, or fewer events to compare by, decide nothing."""


Trial: TypeAlias = tuple[str, float | None]
"""What was tried, and its PR-AUC; None where too little was there to compare by."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What validation chose: options without anything open, the table, and what each trial scored."""

    options: Options
    table: Table
    trials: tuple[Trial, ...]


def best(
    labelled: Labelled,
    chosen: Moments,
    options: Options,
    *,
    listen: events.Listener = events.ignore,
    now: datetime | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """The recipe and sizes with the best PR-AUC on workloads, events and time that a forest did not see.

    `options.trials` is how many sizes are tried. `options.search_seconds` bounds them by time instead: then
    it depends on the machine how many are, the first one always is. What was tried is told.
    """
    at = now or datetime.now(UTC)
    tables: dict[Recipe, Table] = {}
    trials: list[Trial] = []
    for each in _recipes(labelled, chosen, options):
        tables[each] = tabulate(labelled, features.spec(labelled.dataset, each), listen, now=at)
    if len(tables) > 1:
        trials += [(f"recipe {each}", validate(table, chosen, options)) for each, table in tables.items()]
    recipe_ = list(tables)[_clearly_best(trials)]
    options = replace(options, recipe=recipe_)
    if options.search_seconds > 0 or options.trials:
        options, more = _sizes(tables[recipe_], chosen, options, clock)
        trials += more
    return Found(options, tables[recipe_], tuple(trials))


def recipe(labelled: Labelled, chosen: Moments, options: Options) -> Recipe:
    """The recipe without a comparison: the one asked for, or the one that is tried first."""
    return _recipes(labelled, chosen, options)[0]


def _recipes(labelled: Labelled, chosen: Moments, options: Options) -> list[Recipe]:
    """What is to be compared. Failures of one or two workloads alone cannot show what carries to others."""
    if options.recipe != "auto":
        return [options.recipe]
    seen = [each for each in labelled.visible(labelled.events) if chosen[each.block][each.first]]
    if len({event.workload for event in seen}) < ENOUGH_WORKLOADS:
        return ["evidence"]
    return ["window", "evidence"] if len(seen) >= 2 * ENOUGH_EVENTS else ["window"]


def _clearly_best(trials: Sequence[Trial]) -> int:
    """The place of the best trial where it is clearly better than the first, which else stays."""
    best = _best(trials)
    first, other = (trials[0][1], trials[best][1]) if trials else (None, None)
    return best if first is None or other is None or other >= CLEARLY * first else 0


def _best(trials: Sequence[Trial]) -> int:
    """The place of the best trial, of equals and where nothing was compared the first."""
    scores = [-1.0 if score is None else score for _, score in trials]
    return scores.index(max(scores)) if scores else 0


def _sizes(
    table: Table, chosen: Moments, options: Options, clock: Callable[[], float]
) -> tuple[Options, list[Trial]]:
    """The best of the sizes that are tried, and what was."""
    began, tried, trials = clock(), list[Options](), list[Trial]()
    for leaf, splits in SIZES[: options.trials or len(SIZES)]:
        tried.append(replace(options, leaf=leaf, splits=splits))
        trials.append(
            (f"leaf {tried[-1].leaf}, splits {tried[-1].splits}", validate(table, chosen, tried[-1]))
        )
        if not options.trials and clock() - began > options.search_seconds:
            break
    return tried[_best(trials)], trials


def validate(table: Table, chosen: Moments, options: Options) -> float | None:
    """PR-AUC on samples whose workload, event and time the forest that scores them did not see.

    Each stretch of time but the first is examined on a part of the workloads, by a forest of the earlier
    stretches' others.
    None when fewer than four events are among them: that compares nothing.
    """
    sides = folds.onward(table.labelled, chosen, options.folds + 1, table.spec.window)
    names = table.workloads
    asked: list[Samples] = []
    lessons = []
    for part in range(2):
        for number, (teaches, examines) in enumerate(sides):
            held = [
                name for place, name in enumerate(names) if (place + part) % len(sides) == number % len(names)
            ]
            taught = table.visible(table.samples(teaches))
            taught = taught.pick(~table.of_workloads(taught, held))
            samples = table.visible(table.samples(examines))
            samples = samples.pick(table.of_workloads(samples, held))
            if taught.teachable and len(samples.y):
                asked.append(samples)
                lessons.append(lesson(table, taught, samples, options))
    answers = [found for found, _ in grow(lessons, small(options))] if lessons else []
    if len(set[int]().union(*(each.events for each in asked))) < ENOUGH_EVENTS:
        return None
    y = np.concatenate([each.y for each in asked])
    return float(average_precision_score(y == 1, np.concatenate(answers)))
