"""What a judgement consists of: one line per method, members, classes, probes, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chaoskit.prediction.judging import gate
from chaoskit.prediction.judging.verdict import Figures, Verdict, words


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % confidence interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: a model or baseline, judged on the same samples and events.

    Per sample: PR-AUC, ROC-AUC and, where it gives probabilities, Brier and ECE (else None); `visible`
    leaves out the classes that the signals cannot show. Per event: caught and due by class, precision, F1
    with its interval, delay and lead in seconds, the mean share of the possible lead, false alarms.
    Intervals of 95 % are what so few events leave open: of recall and F1 by all shares and rates that these
    allow, of the others by drawing them anew.
    """

    name: str
    threshold: float
    pr_auc: float
    pr_auc_visible: float
    roc_auc: float
    pr_auc_by_class: Mapping[str, float]
    brier: float | None
    ece: float | None
    caught: Mapping[str, tuple[int, int]]
    caught_by_fault: Mapping[str, tuple[int, int]]
    recall: float
    recall_interval: Interval
    precision: float
    f1: float
    f1_interval: Interval
    delay_median: float | None
    delay_p90: float | None
    lead_mean: float | None
    lead_share: float | None
    false_alarms: int
    false_per_hour: float
    false_per_hour_bound: float
    false_per_pod_day: float
    collateral: int
    pr_auc_interval: Interval | None = None
    lead_share_interval: Interval | None = None


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
    """The class of what can be seen, per event and failing sample; confusion of events, rows the truth.

    Macro-F1 is the mean over the classes of the truth: one that was only said lowers it by the events that it
    was said of. `macro_f1_interval` is what so few events of each class leave open of `macro_f1`.
    `before_accuracy` is what the quarter-hour before the events tells of their class; it should be no more
    than `chance`, the share of the most frequent class. Where one class `alone` is known, there is nothing to
    tell apart: the other figures are NaN.
    """

    accuracy: float
    macro_f1: float
    sample_accuracy: float
    sample_macro_f1: float
    before_accuracy: float | None
    chance: float
    names: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    macro_f1_interval: Interval | None = None

    @property
    def alone(self) -> bool:
        """Whether nothing but one class was there to be said."""
        return len(self.names) == 1 and self.macro_f1_interval is None


@dataclass(frozen=True, slots=True)
class Member:
    """One whose alarms the model joins: its threshold there, and what it catches there all by itself.

    Out of fold each part of the time has its own; told is that of the model that is kept.
    `threshold` is None where no score that it can have is an alarm.
    """

    name: str
    threshold: float | None
    caught: Mapping[str, tuple[int, int]]
    false_alarms: int


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One event on the timeline, and how long after its start it was alarmed (seconds; None: missed)."""

    run: str
    target: str
    issue: str
    fault: str
    start: datetime
    end: datetime
    delay: float | None


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """One false alarm on the timeline."""

    run: str
    pod: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """The model that is kept, where it is not the very one that the figures are of, and how it differs.

    `judged` says whether the verdict is its too: of a forest that was made in the same way of more of the
    same data it is, of thresholds that nobody tried it is not.
    """

    words: str
    thresholds: Mapping[str, float | None]
    false_alarms_per_day: float
    judged: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, on what, how it was split, and whether the model beats every baseline.

    `model` is judged per event and per rank by the joined alarm, its Brier and ECE by the forest; `alone` is
    the forest with a threshold of its own for the same budget. `forecasts` and `detects` are the classes that
    the model knows.
    """

    target: str
    mode: str
    confirm: int
    false_alarms_per_day: float
    split: str
    data: Mapping[str, Any]
    model: Line
    alone: Line
    members: tuple[Member, ...]
    lines: tuple[Line, ...]
    workload_held_out: Line | None
    out_of_fold: Mapping[str, Any]
    classes: ClassReport | None
    faults: ClassReport | None
    probes: tuple[Probe, ...]
    reliability: tuple[tuple[float, float, int], ...]
    pr_curve: tuple[tuple[float, float], ...]
    occurrences: tuple[Occurrence, ...]
    false_alarms: tuple[FalseAlarm, ...]
    blind: Mapping[str, str]
    beaten_by: tuple[str, ...]
    notes: tuple[str, ...] = ()
    trials: tuple[tuple[str, float | None], ...] = field(default=())
    kept: Kept | None = None
    forecasts: tuple[str, ...] = ()
    detects: tuple[str, ...] = ()

    @property
    def thresholds(self) -> Mapping[str, float | None]:
        """Those that work in the model that is kept, by member; None where no score is an alarm."""
        return self.kept.thresholds if self.kept else {each.name: each.threshold for each in self.members}

    @property
    def hours(self) -> float:
        """How much healthy time judged it."""
        return float(self.data["hours"])

    @property
    def failures(self) -> int:
        """How many failures judged it, those of classes that the signals cannot show left out."""
        return sum(due for _, due in self._visible)

    @property
    def caught(self) -> int:
        """How many of them were caught."""
        return sum(hit for hit, _ in self._visible)

    @property
    def _visible(self) -> list[tuple[int, int]]:
        """How many were caught and due, of each class that the signals can show."""
        return [count for issue, count in self.model.caught.items() if issue not in self.blind]

    @property
    def figures(self) -> Figures:
        """Those that the verdict is of."""
        return Figures(
            hours=self.hours,
            failures=self.failures,
            caught=self.caught,
            false_alarms=self.model.false_alarms,
            budget=self.false_alarms_per_day,
            beaten_by=self.beaten_by,
            judged=self.kept is None or self.kept.judged,
        )

    @property
    def found(self) -> Verdict:
        """The verdict by these figures."""
        return gate.verdict(self.figures)

    @property
    def decides(self) -> bool:
        """Whether there were failures and healthy time enough, judging the very model that is kept."""
        return self.found.decides

    @property
    def beats_baselines(self) -> bool:
        """Whether it keeps its budget, caught more than one, and has a better event F1 than all others."""
        return self.found.promotes

    @property
    def verdict(self) -> str:
        """``beats every baseline``, or what it does not beat or keep, or why that is not known."""
        return words(self.found, self.figures)
