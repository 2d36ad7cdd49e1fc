"""How good the model is on time that it has not seen: per sample, per event, against rules, and for leaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from chaoskit import errors, events
from chaoskit.prediction import baselines, features, folds, joined, training
from chaoskit.prediction.alarms import Catch, Judge, Judgement, Scores
from chaoskit.prediction.baselines import Baseline
from chaoskit.prediction.folds import Moments
from chaoskit.prediction.joined import ALARM, FOREST, Join
from chaoskit.prediction.labels import Labelled, Target
from chaoskit.prediction.training import Model, Options, Samples, Table

BOOTSTRAPS = 1000

TURNS = 2
"""Judged out of fold, thresholds are set on so many times as many stretches as there are folds: a budget of
few false alarms needs all the time it can get."""

T = TypeVar("T")

ENOUGH = 4
"""Fewer events in a part of the time can neither teach nor judge: one more or less decides everything."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % confidence interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: a model or baseline, judged on the same samples and events.

    Per sample: PR-AUC, ROC-AUC and, where it gives probabilities, Brier and ECE (else None). Per event:
    caught and due by class, precision, F1 with its interval, delay and lead in seconds, false alarms.
    """

    name: str
    threshold: float
    pr_auc: float
    roc_auc: float
    pr_auc_by_class: dict[str, float]
    brier: float | None
    ece: float | None
    caught: dict[str, tuple[int, int]]
    recall: float
    recall_interval: Interval
    precision: float
    f1: float
    f1_interval: Interval
    delay_median: float | None
    delay_p90: float | None
    lead_median: float | None
    lead_share: float | None
    false_alarms: int
    false_per_hour: float
    false_per_hour_bound: float
    false_per_pod_day: float


@dataclass(frozen=True, slots=True)
class Probe:
    """A leak probe: what a score without the signals reaches, next to chance; `warning`: what follows."""

    name: str
    measure: str
    score: float
    chance: float
    warning: str = ""


@dataclass(frozen=True, slots=True)
class ClassReport:
    """The class per event that can be seen: accuracy, macro-F1 and confusion (rows are the truth)."""

    accuracy: float
    macro_f1: float
    names: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Member:
    """One whose alarms the model joins: its threshold there, and what it catches there all by itself."""

    name: str
    threshold: float
    caught: dict[str, tuple[int, int]]
    false_alarms: int


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, on what, how it was split, and whether the model beats every baseline.

    `model` is judged per event by the joined alarm, per sample by the forest; `alone` is the forest with a
    threshold of its own for the same budget.
    """

    target: str
    mode: str
    split: str
    data: dict[str, Any]
    model: Line
    alone: Line
    members: tuple[Member, ...]
    lines: tuple[Line, ...]
    workload_held_out: Line | None
    out_of_fold: dict[str, Any]
    classes: ClassReport | None
    probes: tuple[Probe, ...]
    reliability: tuple[tuple[float, float, int], ...]
    blind: dict[str, str]
    beaten_by: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def beats_baselines(self) -> bool:
        """Whether no baseline has an event F1 as good or better, on held-out time at the same budget.

        A tie is not enough: the alarm may have joined the very rule that it ties with.
        """
        return not self.beaten_by


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A model with its baselines and the report on it."""

    model: Model
    baselines: tuple[Baseline, ...]
    report: Report


def build(
    labelled: Labelled,
    options: Options,
    *,
    holdout: float = 0.35,
    thorough: bool = True,
    refit: bool = False,
    now: datetime | None = None,
    listen: events.Listener = events.ignore,
) -> Trained:
    """A model trained on the earlier part of every block and judged on its last `holdout` share.

    `thorough` adds the column with workloads held out and the probes that grow forests. `refit` then
    trains the model that is kept on everything, with a threshold of its own; the report stays that of
    the first. When the last part has fewer than four events, the report is on out-of-fold scores, with
    the thresholds of each stretch of time from the other stretches, for the baselines too, and says so.
    """
    table = training.tabulate(labelled, features.spec(labelled.dataset, options.recipe), listen, now=now)
    early, late = folds.by_time(labelled, holdout, 2 * table.spec.window)
    notes: list[str] = []
    if not _teachable(table, early) or len(Judge(labelled, late).due) < ENOUGH:
        early = late = folds.everything(labelled)
        notes.append(
            "too few failures for a held-out end: figures and thresholds are out of fold, over all the time"
        )
    model = training.train(labelled, options, table=table, chosen=early, now=now, listen=listen)
    fitted = baselines.fit(table, early, options)
    split = _words_of_split(holdout, table, notes)
    report = _report(model, fitted, table, early, late, options, thorough, split, notes)
    if refit and not notes:
        model = training.train(labelled, options, table=table, now=now, listen=listen)
    return Trained(model, fitted, report)


def evaluate(model: Model, fitted: Sequence[Baseline], labelled: Labelled) -> Report:
    """How the model does on other data, with the thresholds that it and its baselines have.

    Raises `InvalidInput` when the data has no failure to catch.
    """
    table = training.tabulate(labelled, model.spec)
    every = folds.everything(labelled)
    if not Judge(labelled, every).due:
        raise errors.InvalidInput("the data has no failure to catch", hint="give an events file")
    split = "data that the model has not seen; thresholds as they were trained"
    return _report(model, fitted, table, every, every, None, False, split, [])


def _teachable(table: Table, early: Moments) -> bool:
    """Whether at least four events, and two folds of time with events, lie in the early part."""
    samples = table.visible(table.samples(early))
    return len(set(samples.event[samples.event >= 0].tolist())) >= ENOUGH


def _words_of_split(holdout: float, table: Table, notes: Sequence[str]) -> str:
    if notes:
        return "by time, whole events and stretches held out in turn, thresholds from the others"
    gap = 2 * table.spec.window * table.spec.step / 60
    return f"by time: the last {holdout:.0%} of every run held out, {gap:.0f} min before it left out"


def _report(
    model: Model,
    fitted: Sequence[Baseline],
    table: Table,
    early: Moments,
    late: Moments,
    options: Options | None,
    thorough: bool,
    split: str,
    notes: list[str],
) -> Report:
    judge = Judge(table.labelled, late)
    asked = table.samples(late)
    if notes:
        scores: Scores = list(model.out_of_fold)
    else:
        scores = table.spread(asked, model.scores(table.features(asked)))
    examiner = _Examiner(table, judge, asked)
    turns = 0 if options is None or not notes else TURNS * options.folds
    alarms = _Alarms(table.labelled, late, model.false_alarms_per_day, turns)
    members = {FOREST: scores, **joined.rules(table.labelled.dataset.select(table.spec.signals))}
    joins = alarms.decide(lambda at: alarms.join(at, members), model.join)
    line = examiner.line(
        model.join.words, scores, ALARM, model, alarms.made(joins, lambda join: join.over(members))
    )
    forest = {FOREST: scores}
    single = alarms.decide(lambda at: alarms.join(at, forest), model.forest)
    alone = examiner.line(
        "random forest alone",
        scores,
        model.forest.thresholds[FOREST],
        model,
        alarms.made(single, lambda join: join.over(forest)),
    )
    others = tuple(_baseline(each, table, examiner, alarms, options) for each in fitted)
    notes += _standing(line, others)
    beaten = tuple(other.name for other in others if other.f1 >= line.f1)
    held = _held_out(table, early, late, options, model) if options is not None and thorough else None
    return Report(
        target=model.target.words,
        mode=model.target.mode,
        split=split,
        data=_data(table, asked, judge),
        model=line,
        alone=alone,
        members=tuple(
            _member(name, model.join, joins, members, alarms, judge) for name in model.join.thresholds
        ),
        lines=others,
        workload_held_out=held,
        out_of_fold=dict(model.facts.get("out_of_fold", {})),
        classes=None if notes and scores is model.out_of_fold else _classes(model, table, judge),
        probes=tuple(_probes(table, early, late, asked, scores, options if thorough else None, line)),
        reliability=_reliability(model.probabilities(examiner.score(scores)), examiner.y(scores)),
        blind=dict(table.labelled.dataset.blind),
        beaten_by=beaten,
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True)
class _Alarms:
    """Decides thresholds: those of training, or in turn those of each stretch from the others."""

    labelled: Labelled
    late: Moments
    budget: float
    turns: int

    def decide(self, again: Callable[[Moments], T], trained: T) -> list[tuple[Moments, T]]:
        """What holds at which moments."""
        if self.turns:
            return joined.in_turn(self.labelled, self.late, self.turns, again)
        return [(self.late, trained)]

    def made(self, parts: Sequence[tuple[Moments, T]], alarm: Callable[[T], Scores]) -> Scores:
        """The alarm scores over all the time that is judged."""
        return joined.assemble(self.labelled, parts, alarm)

    def join(self, chosen: Moments, members: dict[str, Scores]) -> Join:
        """The join that suits the chosen moments."""
        return joined.fit(self.labelled, chosen, members, self.budget)

    def threshold(self, chosen: Moments, scores: Scores) -> float:
        """The threshold that suits the chosen moments."""
        return Judge(self.labelled, chosen).best(scores, self.budget).threshold


def _baseline(
    each: Baseline, table: Table, examiner: _Examiner, alarms: _Alarms, options: Options | None
) -> Line:
    """How a baseline does, on the same terms as the model."""
    scores = each.scores(table)
    if alarms.turns and options is not None:
        scores = baselines.out_of_fold(each, table, alarms.late, options)
    parts = alarms.decide(lambda at: alarms.threshold(at, scores), each.threshold)
    made = alarms.made(parts, lambda limit: [np.where(np.isnan(s), s, s >= limit) for s in scores])
    return examiner.line(each.name, scores, each.threshold, alarm=made)


def _member(
    name: str,
    join: Join,
    joins: Sequence[tuple[Moments, Join]],
    members: dict[str, Scores],
    alarms: _Alarms,
    judge: Judge,
) -> Member:
    """What this member's part of the joined alarm does."""
    judged = judge.judge(alarms.made(joins, lambda each: each.part(name, members)), ALARM)
    return Member(name, join.thresholds[name], _caught(judged), judged.false)


def _standing(line: Line, others: Sequence[Line]) -> list[str]:
    """In words, what the model does not beat, and where a tie in event F1 is none in PR-AUC."""
    better = [other.name for other in others if other.f1 > line.f1]
    ties = [other for other in others if other.f1 == line.f1]
    found = [f"does not beat {', '.join(better)} in event F1"] if better else []
    for other in ties:
        ahead = " and beats it in PR-AUC" if line.pr_auc > other.pr_auc else ""
        found.append(f"ties {other.name} in event F1{ahead}: that does not beat it")
    return found


def _data(table: Table, asked: Samples, judge: Judge) -> dict[str, Any]:
    dataset = table.labelled.dataset
    return {
        "rows": len(asked.y),
        "pods": len({row for block in dataset.blocks for row in block.rows}),
        "workloads": len({row.workload for block in dataset.blocks for row in block.rows}),
        "hours": round(judge.hours, 1),
        "events": dict(sorted(Counter(event.issue for event in judge.due).items())),
        "prevalence": float((asked.y == 1).mean()),
        "missing_share": dataset.missing_share,
        "features": len(table.spec.names),
        "signals": len(dataset.signals),
        "step_seconds": dataset.step,
        "recipe": table.spec.recipe,
        "of_hours": round(dataset.hours, 1),
        "of_events": dict(sorted(Counter(event.issue for event in table.labelled.events).items())),
    }


# -- one line of the table -------------------------------------------------------------------------------


class _Examiner:
    """Judges scores on the same samples and events."""

    def __init__(self, table: Table, judge: Judge, asked: Samples) -> None:
        self._table, self._judge, self._asked = table, judge, asked

    def _flat(self, scores: Scores) -> NDArray[np.float32]:
        out = np.empty(len(self._asked.y), dtype=np.float32)
        for index, block in enumerate(scores):
            here = self._asked.block == index
            out[here] = block[self._asked.row[here], self._asked.moment[here]]
        return out

    def score(self, scores: Scores) -> NDArray[np.float32]:
        """The scores of all asked samples that have one."""
        flat = self._flat(scores)
        return flat[~np.isnan(flat)]

    def y(self, scores: Scores) -> NDArray[np.int8]:
        """The truth of the same samples."""
        return self._asked.y[~np.isnan(self._flat(scores))]

    def line(
        self,
        name: str,
        scores: Scores,
        threshold: float,
        model: Model | None = None,
        alarm: Scores | None = None,
    ) -> Line:
        """How these scores do per sample, and per event the alarms, which are 1 and more where one is."""
        flat = self._flat(scores)
        known = ~np.isnan(flat)
        ranked = np.where(known, flat, flat[known].min() - 1) if known.any() else np.zeros_like(flat)
        judged = self._judge.judge(scores, threshold) if alarm is None else self._judge.judge(alarm, ALARM)
        probability = model.probabilities(flat[known]) if model is not None else None
        y = self._asked.y
        return Line(
            name=name,
            threshold=threshold,
            pr_auc=float(average_precision_score(y == 1, ranked)),
            roc_auc=float(roc_auc_score(y == 1, ranked)),
            pr_auc_by_class=self._by_class(ranked),
            brier=None if probability is None else float(np.mean((probability - y[known]) ** 2)),
            ece=None if probability is None else expected_calibration_error(probability, y[known]),
            **_of_events(judged, self._table.labelled.target),
        )

    def _by_class(self, ranked: NDArray[np.float32]) -> dict[str, float]:
        y, event = self._asked.y, self._asked.event
        issues = np.array([each.issue for each in self._table.labelled.events] + [""])[event]
        found = {}
        for issue in sorted(set(issues[y == 1].tolist())):
            meant = (y == 0) | (issues == issue)
            found[issue] = float(average_precision_score(y[meant] == 1, ranked[meant]))
        return found


def _of_events(judged: Judgement, target: Target) -> dict[str, Any]:
    delays = np.array([catch.delay for catch in judged.catches if catch.delay is not None])
    early = -delays[delays < 0]
    lead = sum(target.lead_of(catch.event.issue).total_seconds() for catch in judged.catches)
    recall, f1 = _bootstrap(judged.catches, judged.false)
    return {
        "caught": _caught(judged),
        "recall": judged.recall,
        "recall_interval": recall,
        "precision": judged.precision,
        "f1": judged.f1,
        "f1_interval": f1,
        "delay_median": float(np.median(delays)) if len(delays) else None,
        "delay_p90": float(np.quantile(delays, 0.9)) if len(delays) else None,
        "lead_median": float(np.median(early)) if len(early) else None,
        "lead_share": float(early.sum() / lead) if lead else None,
        "false_alarms": judged.false,
        "false_per_hour": judged.false_per_hour,
        "false_per_hour_bound": float(chi2.ppf(0.95, 2 * (judged.false + 1)) / 2 / judged.hours),
        "false_per_pod_day": judged.false_per_pod_day,
    }


def _caught(judged: Judgement) -> dict[str, tuple[int, int]]:
    """Per class, how many events were caught and how many were due."""
    due = Counter(catch.event.issue for catch in judged.catches)
    caught = Counter(catch.event.issue for catch in judged.catches if catch.delay is not None)
    return {issue: (caught[issue], count) for issue, count in sorted(due.items())}


def _bootstrap(catches: Sequence[Catch], false: int) -> tuple[Interval, Interval]:
    """Intervals of recall and F1 when the events are drawn anew and false alarms come by chance."""
    if not catches:
        nothing = Interval(float("nan"), float("nan"))
        return nothing, nothing
    random = np.random.default_rng(0)
    hit = np.array([catch.delay is not None for catch in catches])
    drawn = random.choice(hit, (BOOTSTRAPS, len(hit))).sum(axis=1)
    alarms = random.poisson(false, BOOTSTRAPS)
    f1 = 2 * drawn / (len(hit) + drawn + alarms)
    return _middle(drawn / len(hit)), _middle(f1)


def _middle(values: NDArray[np.float64]) -> Interval:
    return Interval(float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975)))


def expected_calibration_error(probability: NDArray[np.float64], y: NDArray[np.int8]) -> float:
    """The mean distance between probability and frequency over ten bins, weighted by their samples."""
    return float(sum(abs(p - f) * n for p, f, n in _reliability(probability, y)) / len(y))


def _reliability(
    probability: NDArray[np.float64], y: NDArray[np.int8]
) -> tuple[tuple[float, float, int], ...]:
    """Per tenth of probability: its mean, the frequency of failure, the number of samples."""
    bins = np.minimum((probability * 10).astype(int), 9)
    return tuple(
        (float(probability[bins == i].mean()), float((y[bins == i] == 1).mean()), int((bins == i).sum()))
        for i in range(10)
        if (bins == i).any()
    )


# -- class of failure ------------------------------------------------------------------------------------


def _classes(model: Model, table: Table, judge: Judge) -> ClassReport | None:
    """Which class the mean over each event's samples gives, for events of classes that can be seen."""
    truth, said = [], []
    for event in judge.due:
        if event.issue not in table.labelled.dataset.blind:
            rows = table.blocks[event.block][list(event.rows), event.first : event.last + 1]
            names, shares = model.classes(rows.reshape(-1, rows.shape[-1]))
            truth.append(event.issue)
            said.append(names[int(shares.mean(axis=0).argmax())])
    if not truth:
        return None
    names = tuple(sorted({*truth, *said}))
    pairs = Counter(zip(truth, said, strict=True))
    return ClassReport(
        accuracy=float(np.mean(np.array(truth) == np.array(said))),
        macro_f1=float(f1_score(truth, said, labels=sorted(set(truth)), average="macro", zero_division=0)),
        names=names,
        confusion=tuple(tuple(pairs[true, guess] for guess in names) for true in names),
    )


# -- workloads held out ----------------------------------------------------------------------------------


def _held_out(
    table: Table, early: Moments, late: Moments, options: Options, model: Model, groups: int = 3
) -> Line | None:
    """The same when the workloads examined were never seen in training, a third of them at a time."""
    names = sorted({row.workload for block in table.labelled.dataset.blocks for row in block.rows})
    if len(names) < groups:
        return None
    group = {name: number % groups for number, name in enumerate(names)}
    owner = [np.array([group[row.workload] for row in block.rows]) for block in table.labelled.dataset.blocks]
    taught, asked = table.visible(table.samples(early)), table.samples(late)
    score = np.full(len(asked.y), np.nan, dtype=np.float32)
    for held in range(groups):
        teaches = taught.pick(_group_of(taught, owner) != held)
        examined = _group_of(asked, owner) == held
        if 0 < (teaches.y == 1).sum() < len(teaches.y) and examined.any():
            forest = training.fit(table, teaches, replace(options, trees=options.fold_trees))
            score[examined] = training.score_with(forest, table.features(asked.pick(examined)))
    if np.isnan(score).all():
        return None
    judge = Judge(table.labelled, late)
    scores = table.spread(asked, score)
    members = {FOREST: scores, **joined.rules(table.labelled.dataset.select(table.spec.signals))}
    return _Examiner(table, judge, asked).line(
        f"{model.join.words}, workloads held out", scores, ALARM, alarm=model.join.over(members)
    )


def _group_of(samples: Samples, owner: Sequence[NDArray[np.int_]]) -> NDArray[np.int_]:
    found = np.empty(len(samples.y), dtype=int)
    for index, groups in enumerate(owner):
        here = samples.block == index
        found[here] = groups[samples.row[here]]
    return found


# -- leak probes -----------------------------------------------------------------------------------------


def _probes(
    table: Table,
    early: Moments,
    late: Moments,
    asked: Samples,
    scores: Scores,
    options: Options | None,
    line: Line,
) -> list[Probe]:
    found = []
    if options is not None:
        taught = table.samples(early)
        found.append(_identity(table, taught, asked))
        found.append(_clock(table, taught, asked, options.seed))
        found.append(_permuted(table, early, late, options))
    if table.labelled.target.mode == "detect":
        before = _before(table, late, scores)
        found += [] if before is None else [before]
    for issue, reason in table.labelled.dataset.blind.items():
        if issue in line.pr_auc_by_class:
            found.append(_blind(issue, reason, line, asked))
    return found


def _identity(table: Table, taught: Samples, asked: Samples) -> Probe:
    """How far "is it the pod that failed before" goes."""
    shares: dict[tuple[str, str], list[int]] = {}
    rows = [block.rows for block in table.labelled.dataset.blocks]
    for index, block_rows in enumerate(rows):
        for number, row in enumerate(block_rows):
            here = (taught.block == index) & (taught.row == number)
            count = shares.setdefault((row.namespace, row.pod), [0, 0])
            count[0] += int((taught.y[here] == 1).sum())
            count[1] += int(here.sum())
    guess = np.zeros(len(asked.y))
    for index, block_rows in enumerate(rows):
        for number, row in enumerate(block_rows):
            failing, total = shares[row.namespace, row.pod]
            guess[(asked.block == index) & (asked.row == number)] = failing / max(1, total)
    warning = "the same pods fail again and again: trust the column with workloads held out"
    return _probe("identity only", guess, asked, warning)


def _probe(name: str, guess: NDArray[np.float64], asked: Samples, warning: str, limit: float = 0.65) -> Probe:
    within = np.isin(asked.block, np.unique(asked.block[asked.y == 1]))
    score = float(roc_auc_score(asked.y[within] == 1, guess[within]))
    return Probe(name, "ROC-AUC", score, 0.5, warning if score > limit else "")


def _clock(table: Table, taught: Samples, asked: Samples, seed: int) -> Probe:
    """How far the time of day and of the half-hour go."""
    forest = RandomForestClassifier(
        n_estimators=30, min_samples_leaf=20, class_weight="balanced_subsample", random_state=seed, n_jobs=1
    )
    positive, negative = np.flatnonzero(taught.y == 1), np.flatnonzero(taught.y == 0)
    random = np.random.default_rng(seed)
    kept = np.concatenate([positive, random.choice(negative, min(len(negative), 10_000), replace=False)])
    forest.fit(_time(table, taught.pick(kept)), taught.y[kept])
    guess = forest.predict_proba(_time(table, asked))[:, 1]
    warning = "failures follow a schedule: no feature may tell the time (none of these does)"
    return _probe("clock only", guess, asked, warning)


def _time(table: Table, samples: Samples) -> NDArray[np.float64]:
    at = np.empty(len(samples.y))
    for index, block in enumerate(table.labelled.dataset.blocks):
        here = samples.block == index
        at[here] = block.times[samples.moment[here]]
    return np.stack([at % 86400, at % 3600, at % 1800], axis=1)


def _permuted(table: Table, early: Moments, late: Moments, options: Options) -> Probe:
    """What the same training and examination make of labels moved by a third of the time: chance."""
    truths = []
    for truth in table.labelled.truths:
        shift = truth.y.shape[1] // 3
        moved, known = np.roll(truth.y, shift, axis=1), truth.y == 0
        y = np.where(known, np.maximum(moved, 0), -1).astype(np.int8)
        truths.append(replace(truth, y=y, event=np.where(y == 1, np.roll(truth.event, shift, axis=1), -1)))
    shifted = replace(table, labelled=replace(table.labelled, truths=tuple(truths)))
    taught, asked = shifted.visible(shifted.samples(early)), shifted.samples(late)
    if not (taught.y == 1).any() or not (asked.y == 1).any():
        return Probe("labels moved in time", "ROC-AUC", float("nan"), 0.5, "could not be tried")
    forest = training.fit(shifted, taught, replace(options, trees=40))
    guess = training.score_with(forest, table.features(asked)).astype(np.float64)
    warning = "labels without meaning can be learned: something gives the answer away"
    return _probe("labels moved in time", guess, asked, warning, limit=0.7)


def _before(table: Table, late: Moments, scores: Scores) -> Probe | None:
    """Whether a model that detects tells the coming victim apart in the quarter-hour before the event."""
    step = table.labelled.dataset.step
    marks, guess = [], []
    for event in Judge(table.labelled, late).due:
        last = event.first - 1
        span = slice(max(0, last - round(900 / step)), max(0, last))
        block, truth = scores[event.block][:, span], table.labelled.truths[event.block].y[:, span]
        victim = np.zeros(block.shape, dtype=bool)
        victim[list(event.rows)] = True
        known = ~np.isnan(block) & (truth == 0) & late[event.block][span]
        marks.append(victim[known])
        guess.append(block[known])
    mark = np.concatenate(marks) if marks else np.zeros(0, dtype=bool)
    if not 0 < mark.sum() < len(mark):
        return None
    score = float(roc_auc_score(mark, np.concatenate(guess)))
    warning = "the model knows the victim before anything happens: identity or session leaks"
    return Probe("healthy part only", "ROC-AUC", score, 0.5, warning if score > 0.7 else "")


def _blind(issue: str, reason: str, line: Line, asked: Samples) -> Probe:
    chance = float((asked.y == 1).mean())
    score = line.pr_auc_by_class[issue]
    warning = f"{issue} should be invisible here ({reason}): its score is a leak"
    return Probe(f"blind to {issue}", "PR-AUC", score, chance, warning if score > 20 * chance else "")
