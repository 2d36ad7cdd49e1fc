"""In words, what a calibration did: to thresholds, to probabilities, to what is caught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from chaoskit.prediction.judging import calibrating
from chaoskit.prediction.judging.examining import rate_bound
from chaoskit.prediction.judging.report import Line
from chaoskit.prediction.learning.calibration import EVEN, POD_HOURS, as_probabilities, cut_more
from chaoskit.prediction.learning.training import Model


def of_chances(model: Model, found: calibrating.Fitted) -> str:
    """In words, what becomes of the probabilities of training there, or why nothing does."""
    now = replace(model, calibration=found.calibration)
    return (_moved(model, now) if calibrating.is_moved(now) else _unmoved(model, found)) + _looks_failing(
        model, found
    )


def _unmoved(model: Model, found: calibrating.Fitted) -> str:
    """In words, why probabilities are those of training."""
    home = model.home
    if home is None:
        why = (
            "the model does not tell how the forest's scores lay in its own healthy time: train it again,"
            f" with {POD_HOURS} pod-hours of that at least"
        )
    elif found.usual is None:
        why = (
            f"less than {POD_HOURS} pod-hours of that time have a baseline before them and are told as less"
            f" than {EVEN:.0%} by those"
        )
    elif found.usual.still or home.usual.still:
        where = "there" if found.usual.still else "at home"
        why = f"the forest's scores do not vary {where}"
    elif found.usual.floored and not cut_more(home.usual, found.cut):
        why = (
            "many of the forest's scores are too low there to be told apart:"
            " that it is quieter makes no high score more probable"
        )
    elif home.usual.floored and not cut_more(home.usual, found.cut):
        why = (
            "many of the forest's scores were too low at home to be told apart:"
            " that they vary less there makes no high score more probable"
        )
    elif cut_more(home.usual, found.cut):
        why = (
            f"the forest's scores that are told as less than {EVEN:.0%} by those lie no higher and no wider"
            " there than at home, as far as so few hours tell"
        )
    else:
        why = "the forest's scores lie there as they did at home, as far as so few hours tell"
    return f"probabilities are those of training: {why}"


def _looks_failing(model: Model, found: calibrating.Fitted) -> str:
    """In words, that more of that time than at home looks like failures; "" where it does not."""
    if not (home := model.home) or not cut_more(home.usual, found.cut):
        return ""
    return (
        f"; {found.cut:.0%} of that time is told as {EVEN:.0%} or more by those of training:"
        " healthy time that looks like failures, or a failure without a label"
    )


def _moved(model: Model, now: Model) -> str:
    """In words, what becomes of the score that training told as even odds, or of the one nearest to that.

    And which score is now: of a steep curve a step tells 0 or 100 %, however short it is.
    """
    every = np.linspace(0, 1, 1001, dtype=np.float32)
    said = as_probabilities(home.calibration if (home := model.home) else model.calibration, every)
    says = now.probabilities(every)
    before, after = (int(np.abs(each - EVEN).argmin()) for each in (said, says))
    return (
        "probabilities were moved by how the forest's scores lie there:"
        f" what training told as {said[before]:.0%} is {says[before]:.0%} now;"
        f" the score nearest to even odds is {every[after]:.2f}, in training {every[before]:.2f}"
    )


def of_moved(count: int, parts: int) -> str:
    """In words, how many parts have probabilities of the place, and so what their ECE is of."""
    return f"probabilities were moved from those of training in {count} of {parts} parts"


def of_worth(before: Line, now: Line, alike: bool) -> str:
    """In words, what a model and one calibrated in turn do on the same failures.

    The ECE only where the latter's probabilities were moved if those that are kept are.
    """

    def does(line: Line) -> str:
        hit, due = (sum(each) for each in zip(*line.caught.values(), strict=True))
        many = "1 false alarm" if line.false_alarms == 1 else f"{line.false_alarms} false alarms"
        return f"{hit} of {due} failures with {many} (F1 {line.f1:.3f})"

    worth = f"the thresholds before catch {does(before)} there, ones set anew in turn {does(now)}"
    if not alike:
        return f"{worth}; the probabilities judged are not as those kept: nothing tells how good these are"
    if before.ece is None or now.ece is None:
        return worth
    return f"{worth}; the ECE of probabilities is {before.ece:.3f} before, {now.ece:.3f} now"


def of_bound(budget: float, count: int, hours: float) -> list[str]:
    """In words, that such hours tell of no rate as low as the budget, where they do not."""
    most = 24 * rate_bound(count, hours)
    if most <= budget:
        return []
    needed = 24 * rate_bound(0, 1.0) / budget
    told = f"so little time tells no more than at most {most:.2g} false alarms a day (95 %)"
    return [f"{told}: to tell of the budget of {budget:g}, give {needed:.0f} h or more"]


def of_alarms(count: int) -> list[str]:
    """In words, that what was taken for healthy may not have been."""
    if not count:
        return []
    many = "there was an alarm" if count == 1 else f"there were {count} alarms"
    unnamed = "a failure that no events file names would raise them, and lower probabilities"
    return [f"by those before {many} in it: {unnamed}"]
