"""Whether the numbers and words of a model that came from anywhere can be those of a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple
from datetime import timedelta

from chaoskit.prediction.learning.calibration import Calibration, Steps, Usual
from chaoskit.prediction.learning.incidents import Incident
from chaoskit.prediction.learning.joined import EVIDENCE
from chaoskit.prediction.learning.training import Model
from chaoskit.visible import obeyed


def unsound(model: Model) -> str:
    """What no model has, in words; "" when nothing speaks against it."""
    return next((words for words, wrong in _doubts(model) if wrong), "")


def _doubts(model: Model) -> Iterator[tuple[str, bool]]:
    target, spreads = model.target, model.evidence.spreads
    yield "an alarm has to hold for one sample at least", target.confirm < 1
    yield "a horizon is no negative time", min(target.horizon, target.warning) < timedelta(0)
    yield "the budget of false alarms is above 0", not 0 < model.false_alarms_per_day < math.inf
    yield "its forest says what fails, and what does not", sorted(model.failure.classes_.tolist()) != [0, 1]
    yield "a class has control characters", any(obeyed(str(name)) for name in model.issues.classes_)
    named = [forest.classes_.tolist() for forest in (model.issues, model.faults) if forest is not None]
    yield "two classes have one name", any(len(set(names)) < len(names) for names in named)
    yield "a past failure lies in a leaf of each tree", not all(map(_in_leaves(model), model.incidents))
    yield "the calibration makes no probabilities", not _calibrates(model.calibration)
    if home := model.home:
        yield "the calibration makes no probabilities at home", not _calibrates(home.calibration)
        yield "healthy scores lie nowhere at home", not _lies(home.usual)
    yield "evidence has spreads above 0", not all(0 < spread < math.inf for spread in spreads.values())
    yield "evidence is of signs that the features have", not set(spreads) <= set(model.sign_spec.names)
    yield "evidence without a sign alarms of nothing", EVIDENCE in model.join.thresholds and not spreads
    spans = (*model.seen, *model.tuned)
    yield "it says not what it learned from", not any(each.pods for each in model.seen)
    moments = (model.trained_at, *(each.at for each in model.incidents))
    moments += tuple(at for each in spans for at in (each.first, each.last))
    yield "a moment has no time zone", any(each.tzinfo is None for each in moments)
    yield "time begins before it ends", any(each.last < each.first for each in spans)
    ranges = [bound for pair in model.ranges.values() for bound in pair]
    yield "the range of a signal is finite", not all(map(math.isfinite, ranges))


def _in_leaves(model: Model) -> Callable[[Incident], bool]:
    trees = len(model.failure.estimators_)
    return lambda each: (
        len(each.leaves) > 0 and each.leaves.shape[1:] == (trees,) and each.leaves.dtype.kind in "iu"
    )


def _calibrates(found: Calibration) -> bool:
    if not isinstance(found, Steps):
        return math.isfinite(found.weight) and math.isfinite(found.bias)
    rising = list(found.scores) == sorted(found.scores) and all(map(math.isfinite, found.scores))
    inside = all(0 <= each <= 1 for each in found.probabilities)
    return rising and inside and 0 < len(found.scores) == len(found.probabilities)


def _lies(found: Usual) -> bool:
    least = min(found.spread, found.level_error, found.spread_error, found.cut)
    return all(map(math.isfinite, astuple(found))) and least >= 0 and found.cut <= 1


def controls(found: object) -> bool:
    """Whether a word anywhere in this JSON has a character that a terminal obeys."""
    if isinstance(found, str):
        return obeyed(found)
    if isinstance(found, Mapping):
        return any(controls(each) for pair in found.items() for each in pair)
    return isinstance(found, list) and any(map(controls, found))
