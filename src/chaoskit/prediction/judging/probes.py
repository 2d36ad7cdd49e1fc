"""Leak probes: what a score without the signals reaches. Above chance, something gives the answer away."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn.metrics import roc_auc_score

from chaoskit.prediction.data.arrays import Measured
from chaoskit.prediction.judging import witnesses
from chaoskit.prediction.judging.report import ClassReport, Line, Probe
from chaoskit.prediction.judging.witnesses import Witnesses
from chaoskit.prediction.learning import forest as forests
from chaoskit.prediction.learning.alarms import Judge, Scores
from chaoskit.prediction.learning.folds import Moments
from chaoskit.prediction.learning.table import Samples, Table

BEFORE_SECONDS = 900
"""What leads up to a failure is looked for in so much time before it."""

EARLIER = "or the failures show before their labels begin: label them from there, or as ramps"
"""The other cause of what is known before anything happens, and what to do about it."""

TELLING = 0.25
"""So much more than chance a class may be told before the event, by chance, of a few dozen events. Of the
nine of redis-prevent 0.444 are, for a chance of 0.333 (models/README.md)."""


def probe(
    table: Table,
    judge: Judge,
    probed: Moments,
    scores: Scores,
    alone: Line,
    made: Witnesses | None,
    told: ClassReport | None,
    strangers: Line | None,
) -> tuple[Probe, ...]:
    """All probes that this data allows; `strangers` is the line with workloads held out, if there is one.

    `judge` judges all the time that `scores` are of; what `made` learned was not of the moments `probed`.
    """
    asked = table.samples(probed)
    found = list(_without_signals(table, probed, asked, made, strangers)) if made is not None else []
    if before := _before(table, judge, scores):
        found.append(before)
    if told is not None and told.before_accuracy is not None:
        warning = f"the class is known before anything happens: the sessions differ, {EARLIER}"
        known = told.before_accuracy > told.chance + TELLING
        found.append(
            Probe("class before", "accuracy", told.before_accuracy, told.chance, warning if known else "")
        )
    for issue, reason in table.labelled.dataset.blind.items():
        if issue in alone.pr_auc_by_class:
            found.append(_blind(issue, reason, alone, asked))
    return tuple(found)


def _without_signals(
    table: Table, probed: Moments, asked: Samples, made: Witnesses, strangers: Line | None
) -> Iterator[Probe]:
    advice = "trust the column with workloads held out" if strangers else "nothing here tells of others"
    yield _probe(
        "identity only",
        witnesses.by_identity(table, asked, made.identity),
        asked,
        f"the same pods fail again and again: {advice}",
    )
    if made.clock is not None:
        yield _probe(
            "clock only",
            made.clock.predict_proba(witnesses.times(table, asked))[:, 1],
            asked,
            "failures follow a schedule: no feature may tell the time (none of these does)",
        )
    if made.moved is not None:
        empty = witnesses.shifted(table)
        meant = empty.visible(empty.samples(probed))
        yield _probe(
            "labels moved in time",
            forests.score(made.moved, table.features(meant)).astype(np.float64),
            meant,
            "labels without meaning can be learned: something gives the answer away",
            limit=0.7,
        )


def _probe(name: str, guess: Measured, asked: Samples, warning: str, limit: float = 0.65) -> Probe:
    """Within the blocks that have failures: elsewhere everybody is healthy, which is no merit."""
    within = np.isin(asked.block, np.unique(asked.block[asked.y == 1]))
    truth = asked.y[within] == 1
    if not 0 < truth.sum() < len(truth):
        return Probe(name, "ROC-AUC", float("nan"), 0.5, "could not be tried")
    score = float(roc_auc_score(truth, guess[within]))
    return Probe(name, "ROC-AUC", score, 0.5, warning if score > limit else "")


def _before(table: Table, judge: Judge, scores: Scores) -> Probe | None:
    """Whether the model tells the coming victim apart in the quarter-hour before a fault that begins at once.

    Or before a ramp begins; what a forecast is to foresee, it may know. None where nothing of that is there.
    What lingers of the victim's last failure, in the minutes of grace, tells nothing of the next.
    """
    step = table.labelled.dataset.step
    detects = table.labelled.target.mode == "detect"
    marks, guess = [], []
    for event in (each for each in judge.due if detects or each.ramp):
        last = event.first - 1
        span = slice(max(0, last - round(BEFORE_SECONDS / step)), max(0, last))
        block = scores[event.block][:, span]
        victim = np.zeros(block.shape, dtype=bool)
        victim[list(event.rows)] = True
        known = ~np.isnan(block) & judge.quiet[event.block][:, span]
        marks.append(victim[known])
        guess.append(block[known])
    mark = np.concatenate(marks) if marks else np.zeros(0, dtype=bool)
    if not 0 < mark.sum() < len(mark):
        return None
    score = float(roc_auc_score(mark, np.concatenate(guess)))
    warning = f"the model knows the victim before anything happens: identity or session leaks, {EARLIER}"
    return Probe("healthy part only", "ROC-AUC", score, 0.5, warning if score > 0.7 else "")


def _blind(issue: str, reason: str, line: Line, asked: Samples) -> Probe:
    chance = float((asked.y == 1).mean())
    score = line.pr_auc_by_class[issue]
    warning = f"{issue} should be invisible here ({reason}): its score is a leak"
    return Probe(f"blind to {issue}", "PR-AUC", score, chance, warning if score > 20 * chance else "")
