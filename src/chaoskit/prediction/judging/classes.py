"""How well the class of a failure is told, of events and samples that the signals can show."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from sklearn.metrics import f1_score

from chaoskit.prediction.data.arrays import Floats
from chaoskit.prediction.judging.probes import BEFORE_SECONDS
from chaoskit.prediction.judging.report import ClassReport, Interval
from chaoskit.prediction.labelling.labels import Event
from chaoskit.prediction.learning.folds import Moments
from chaoskit.prediction.learning.options import Options
from chaoskit.prediction.learning.table import Samples, Table
from chaoskit.prediction.learning.training import Model, fit_classes
from chaoskit.prediction.learning.tree_paths import Classifier

Word = Callable[[Event], str]

DRAWS = 2000


def by_model(
    model: Model, table: Table, due: Sequence[Event]
) -> tuple[ClassReport | None, ClassReport | None]:
    """The class and the finer fault of the events that were due, as this model tells them.

    The fault only of events that have one; without any of them, or of a model that tells none, there is no
    report.
    """
    seen = table.labelled.visible(due)
    found = _report(table, seen, [model.issues] * len(seen), _issue, table.told_by)
    if model.faults is None:
        return found, None
    named = _named(seen)
    return found, _report(table, named, [model.faults] * len(named), _fault, table.fault_told_by)


def out_of_fold(
    table: Table, sides: Sequence[tuple[Moments, Moments]], options: Options, due: Sequence[Event]
) -> tuple[ClassReport | None, ClassReport | None]:
    """The same by forests that did not see the event that they are asked about."""
    issues: dict[Event, Classifier] = {}
    faults: dict[Event, Classifier | None] = {}
    for teaches, examines in sides:
        mine = [event for event in table.labelled.visible(due) if examines[event.block][event.first]]
        taught = table.visible(table.samples(teaches))
        if mine and taught.events:
            of_issue, of_fault = fit_classes(table, taught, options)
            issues |= dict.fromkeys(mine, of_issue)
            faults |= dict.fromkeys(mine, of_fault)
    seen = [event for event in due if event in issues]
    found = _report(table, seen, [issues[event] for event in seen], _issue, table.told_by)
    named = _named(seen)
    told = [forest for event in named if (forest := faults[event]) is not None]
    if len(told) < len(named):
        return found, None
    return found, _report(table, named, told, _fault, table.fault_told_by)


def strange(model: Model, table: Table, due: Sequence[Event]) -> list[str]:
    """In words, the classes and faults of what was due that the model has no name for."""
    asked = table.labelled.visible(due)
    issues = _unknown("classes", model.issues, map(_issue, asked))
    if model.faults is None:
        return issues
    return issues + _unknown("faults", model.faults, map(_fault, _named(asked)))


def _unknown(what: str, forest: Classifier, asked: Iterable[str]) -> list[str]:
    new = sorted({*asked} - {str(name) for name in forest.classes_})
    words = f"which it cannot name: the macro-F1 of {what} counts them as told wrong"
    return [f"{what} that the model never saw, {words}: {', '.join(new)}"] if new else []


def nameless(table: Table, due: Sequence[Event]) -> list[str]:
    """In words, of how many of what was due no fault is known, where of some it is."""
    asked = table.labelled.visible(due)
    if not (lacking := len(asked) - len(_named(asked))):
        return []
    return [f"of {lacking} of {len(asked)} failures no fault is named: no figure of faults counts them"]


def _issue(event: Event) -> str:
    return event.issue


def _fault(event: Event) -> str:
    return event.fault


def _named(events: Sequence[Event]) -> list[Event]:
    return [event for event in events if event.fault]


def _report(
    table: Table,
    due: Sequence[Event],
    forests: Sequence[Classifier],
    word: Word,
    told_by: Callable[[Samples], Floats],
) -> ClassReport | None:
    """Of each event the class that the mean over its samples gives; of each sample its own."""
    truth: list[str] = []
    said: list[str] = []
    true_samples: list[str] = []
    said_samples: list[str] = []
    early: list[bool] = []
    for event, forest in zip(due, forests, strict=True):
        shares = forest.predict_proba(told_by(_samples(table, event)))
        names = forest.classes_
        truth.append(word(event))
        said.append(str(names[int(shares.mean(axis=0).argmax())]))
        true_samples += [word(event)] * len(shares)
        said_samples += [str(names[each]) for each in shares.argmax(axis=1)]
        if event.first > 1:
            before = forest.predict_proba(told_by(_samples(table, event, before=True))).mean(axis=0)
            early.append(str(names[int(before.argmax())]) == word(event))
    if not truth:
        return None
    names_ = tuple(sorted({*truth, *said}))
    known = {str(name) for forest in forests for name in forest.classes_}
    pairs = Counter(zip(truth, said, strict=True))
    confusion = tuple(tuple(pairs[true, guess] for guess in names_) for true in names_)
    macro_f1 = _macro_f1(truth, said)
    if len(known | {*names_}) == 1:
        return ClassReport(math.nan, math.nan, math.nan, math.nan, None, 1.0, names_, confusion)
    return ClassReport(
        accuracy=_accuracy(truth, said),
        macro_f1=macro_f1,
        sample_accuracy=_accuracy(true_samples, said_samples),
        sample_macro_f1=_macro_f1(true_samples, said_samples),
        before_accuracy=float(np.mean(early)) if early else None,
        chance=max(Counter(truth).values()) / len(truth),
        names=names_,
        confusion=confusion,
        macro_f1_interval=interval(confusion, macro_f1, len(known - {*names_})),
    )


def interval(confusion: Sequence[Sequence[int]], measured: float, unsaid: int = 0) -> Interval | None:
    """The macro-F1 that so few events leave open, 95 %; what was measured is in it.

    `confusion` [truth, said] counts events. What is said of a class is drawn from all shares that its events
    allow (a Dirichlet distribution, before them Perks' one event spread over the names, so many more `unsaid`
    among them): drawing events anew would be sure
    of what 0 of 3 never said. None of a single name: that leaves nothing open, and nothing to tell.
    """
    counts = np.pad(np.array(confusion, dtype=np.float64), ((0, 0), (0, unsaid)))
    if counts.shape[1] < 2:
        return None
    counts = np.concatenate([row[None] for row in counts if row.sum()])
    real = np.flatnonzero(np.array(confusion).sum(axis=1))
    random = np.random.default_rng(0)
    drawn = np.stack(
        [random.dirichlet(row + 1 / len(row), DRAWS) * row.sum() for row in counts], axis=1
    )  # [draw, truth, said]
    hit = drawn[:, np.arange(len(real)), real]
    f1 = 2 * hit / (drawn.sum(axis=1)[:, real] + counts.sum(axis=1))
    low, high = np.quantile(f1.mean(axis=1), (0.025, 0.975))
    return Interval(min(float(low), measured), max(float(high), measured))


def _samples(table: Table, event: Event, *, before: bool = False) -> Samples:
    """The samples of the event, or of the quarter-hour before it."""
    length = round(BEFORE_SECONDS / table.labelled.dataset.step)
    first, last = (event.first - length, event.first - 2) if before else (event.first, event.last)
    row, moment = np.meshgrid(event.rows, np.arange(max(0, first), last + 1), indexing="ij")
    size = row.size
    known = np.zeros(size, dtype=np.int8)
    block, number = np.full(size, event.block), np.zeros(size, dtype=np.int32)
    return Samples(block, row.ravel(), moment.ravel(), known, number)


def _accuracy(truth: Sequence[str], said: Sequence[str]) -> float:
    return float(np.mean(np.array(truth) == np.array(said)))


def _macro_f1(truth: Sequence[str], said: Sequence[str]) -> float:
    return float(f1_score(truth, said, labels=sorted(set(truth)), average="macro", zero_division=0))
