"""Which recipe and which size of leaves and splits: by validation in time, whole events held out.

Nothing here ever sees the time or the data that the model is judged on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from chaoskit import events
from chaoskit.prediction import features, folds
from chaoskit.prediction.features import Recipe
from chaoskit.prediction.folds import Moments
from chaoskit.prediction.forest import Options, grow, lesson, small
from chaoskit.prediction.labels import Labelled
from chaoskit.prediction.table import Samples, Table, tabulate

SIZES: tuple[dict[str, Any], ...] = (
    {"leaf": 3, "splits": "sqrt"},
    {"leaf": 1, "splits": "sqrt"},
    {"leaf": 5, "splits": "sqrt"},
    {"leaf": 3, "splits": 0.15},
    {"leaf": 3, "splits": "log2"},
    {"leaf": 2, "splits": 0.3},
)
"""What is tried, the most promising first: when the time is up the rest is left."""

ENOUGH_WORKLOADS, ENOUGH_EVENTS = 3, 4
"""Fewer workloads that failed, or fewer events to compare by, decide nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What validation chose: options without anything open, the table, and what each trial scored."""

    options: Options
    table: Table
    trials: tuple[tuple[str, float], ...]


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

    `options.search_seconds` bounds the trials of sizes; the first size is always tried.
    """
    at = now or datetime.now(UTC)
    tables: dict[Recipe, Table] = {}
    trials: list[tuple[str, float]] = []
    for each in _recipes(labelled, chosen, options):
        tables[each] = tabulate(labelled, features.spec(labelled.dataset, each), listen, now=at)
    scores = {
        each: validate(table, chosen, options) if len(tables) > 1 else 0.0 for each, table in tables.items()
    }
    trials += [(f"recipe {each}", value) for each, value in scores.items() if len(tables) > 1]
    recipe_ = max(scores, key=lambda each: scores[each])
    options = replace(options, recipe=recipe_)
    if options.search_seconds > 0:
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
    seen = [e for e in labelled.events if chosen[e.block][e.first] and e.issue not in labelled.dataset.blind]
    if len({event.workload for event in seen}) < ENOUGH_WORKLOADS:
        return ["evidence"]
    return ["window", "evidence"] if len(seen) >= 2 * ENOUGH_EVENTS else ["window"]


def _sizes(
    table: Table, chosen: Moments, options: Options, clock: Callable[[], float]
) -> tuple[Options, list[tuple[str, float]]]:
    """The best of the sizes that the time allows, and what was tried."""
    began, found = clock(), list[tuple[float, Options]]()
    trials = []
    for size in SIZES:
        tried = replace(options, **size)
        found.append((validate(table, chosen, tried), tried))
        trials.append((f"leaf {tried.leaf}, splits {tried.splits}", found[-1][0]))
        if clock() - began > options.search_seconds:
            break
    return max(found, key=lambda each: each[0])[1], trials


def validate(table: Table, chosen: Moments, options: Options) -> float:
    """PR-AUC on samples whose workload, event and time the forest that scores them did not see.

    Each stretch of time is examined on a part of the workloads, by a forest of the other stretches' others.
    -1 when fewer than four events are among them.
    """
    sides = folds.turns(table.labelled, chosen, options.folds, table.spec.window)
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
        return -1.0
    y = np.concatenate([each.y for each in asked])
    return float(average_precision_score(y == 1, np.concatenate(answers)))
