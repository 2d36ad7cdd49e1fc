"""How scores do: per sample, per event with intervals, and whether probabilities come true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from chaoskit.prediction.data.arrays import Bools, Doubles, Floats
from chaoskit.prediction.judging import frequencies
from chaoskit.prediction.judging.report import Interval, Line
from chaoskit.prediction.labelling.labels import Event
from chaoskit.prediction.learning.alarms import Judge, Judgement, Scores
from chaoskit.prediction.learning.table import Samples, Table

BOOTSTRAPS, DRAWS = 1000, 20_000

CURVE_POINTS = 60


class Examiner:
    """Judges scores on the same labelled samples and events."""

    def __init__(self, table: Table, judge: Judge, asked: Samples) -> None:
        self.judge = judge
        self._asked = asked
        self._issues = np.array([*(event.issue for event in table.labelled.events), ""])[asked.event]
        self._seen = table.is_visible(asked)

    @property
    def compares(self) -> bool:
        """Whether some samples fail and some do not: else nothing is ranked, no probability true."""
        return self._asked.teachable

    def flat(self, scores: Scores) -> Floats:
        """The score of each asked sample, NaN where it has none."""
        out = np.empty(len(self._asked.y), dtype=np.float32)
        for index, block in enumerate(scores):
            here = self._asked.block == index
            out[here] = block[self._asked.row[here], self._asked.moment[here]]
        return out

    def known(self, scores: Scores) -> tuple[Floats, NDArray[np.int8]]:
        """Score and truth of all asked samples that have a score."""
        flat = self.flat(scores)
        there = ~np.isnan(flat)
        return flat[there], self._asked.y[there]

    def _ranked(self, scores: Scores) -> Floats:
        """All scores; what has none ranks last."""
        flat = self.flat(scores)
        known = flat[~np.isnan(flat)]
        return np.where(np.isnan(flat), (known.min() if len(known) else 0) - 1, flat)

    def line(self, name: str, ranks: Scores, judged: Judgement, chances: Scores | None = None) -> Line:
        """How these scores rank the samples, what the alarms meant, how true the chances are."""
        ranked, y = self._ranked(ranks), self._asked.y == 1
        brier = ece = None
        if chances is not None and self.compares:
            said, truth = self.known(chances)
            brier = frequencies.brier(said, truth)
            ece = frequencies.expected_calibration_error(said, truth)
        return Line(
            name=name,
            threshold=judged.threshold,
            pr_auc=precision(y, ranked),
            pr_auc_visible=precision(y[self._seen], ranked[self._seen]),
            roc_auc=float(roc_auc_score(y, ranked)) if self.compares else float("nan"),
            pr_auc_by_class=self._by_class(ranked),
            pr_auc_interval=precision_interval(y, ranked, self._asked.event),
            brier=brier,
            ece=ece,
            **_of_events(judged),
        )

    def precision(self, scores: Scores) -> float:
        """PR-AUC of these scores; NaN without any failing or any healthy sample."""
        return precision(self._asked.y == 1, self._ranked(scores))

    def _by_class(self, ranked: Floats) -> dict[str, float]:
        found = {}
        for issue in sorted(set(self._issues[self._asked.y == 1].tolist())):
            meant = (self._asked.y == 0) | (self._issues == issue)
            found[issue] = precision(self._asked.y[meant] == 1, ranked[meant])
        return found

    def curve(self, scores: Scores) -> tuple[tuple[float, float], ...]:
        """(recall, precision) along the thresholds, thinned to some points; none where nothing `compares`."""
        if not self.compares:
            return ()
        precisions, recalls, _ = precision_recall_curve(self._asked.y == 1, self._ranked(scores))
        at = np.unique(np.linspace(0, len(recalls) - 1, CURVE_POINTS).round().astype(int))
        at = np.unique([*at, *np.searchsorted(-recalls, -np.linspace(0, 1, CURVE_POINTS))]).clip(
            0, len(recalls) - 1
        )
        return tuple((float(recalls[i]), float(precisions[i])) for i in at)


def precision(y: Bools, ranked: Floats) -> float:
    """PR-AUC (average precision); NaN without any failing or any healthy sample."""
    return float(average_precision_score(y, ranked)) if y.any() and not y.all() else float("nan")


def precision_interval(y: Bools, ranked: Floats, event: NDArray[np.int32]) -> Interval | None:
    """PR-AUC when the events are drawn anew, healthy samples as they are.

    None with fewer than two events or no healthy sample.
    """
    numbers, place = np.unique(event[y], return_inverse=True)
    if len(numbers) < 2 or y.all():
        return None
    order = np.argsort(-ranked[y], kind="stable")
    score, place = ranked[y][order], place[order]
    above = np.sum(~y) - np.searchsorted(np.sort(ranked[~y]), score)
    tied = np.searchsorted(-score, -score, side="right") - 1
    random = np.random.default_rng(0)
    drawn = random.multinomial(len(numbers), np.full(len(numbers), 1 / len(numbers)), BOOTSTRAPS)
    found = np.empty(BOOTSTRAPS)
    for index, of_events in enumerate(drawn):  # one by one: all at once is 32 kB for every failing sample
        weight = of_events[place]
        caught_ = weight.cumsum()[tied]
        share = caught_ / np.maximum(caught_ + above, 1)
        found[index] = (weight * share).sum() / weight.sum()
    return _middle(found)


def _drawn_anew(values: Sequence[float]) -> Interval | None:
    """The mean of the values when they are drawn anew; None with fewer than two."""
    if len(values) < 2:
        return None
    random = np.random.default_rng(0)
    return _middle(random.choice(np.array(values), (BOOTSTRAPS, len(values))).mean(axis=1))


def _of_events(judged: Judgement) -> dict[str, Any]:
    """What is told per event; without healthy time no precision and no F1: no alarm could be false."""
    delays = np.array([catch.delay for catch in judged.catches if catch.delay is not None])
    possible = [catch for catch in judged.catches if catch.possible]
    recall, f1 = intervals(judged)
    nothing = float("nan")
    return {
        "caught": caught(judged, lambda event: event.issue),
        "caught_by_fault": caught(judged, lambda event: event.fault),
        "recall": judged.recall,
        "recall_interval": recall,
        "precision": judged.precision if judged.hours else nothing,
        "f1": judged.f1 if judged.hours else nothing,
        "f1_interval": f1 if judged.hours else Interval(nothing, nothing),
        "delay_median": float(np.median(delays)) if len(delays) else None,
        "delay_p90": float(np.quantile(delays, 0.9)) if len(delays) else None,
        "lead_mean": float(np.mean([catch.lead for catch in possible])) if possible else None,
        "lead_share": float(np.mean([c.lead / c.possible for c in possible])) if possible else None,
        "lead_share_interval": _drawn_anew([c.lead / c.possible for c in possible]),
        "false_alarms": judged.false,
        "false_per_hour": judged.false_per_hour,
        "false_per_hour_bound": rate_bound(judged.false, judged.hours),
        "false_per_pod_day": judged.false_per_pod_day,
        "collateral": judged.collateral,
    }


def caught(judged: Judgement, word: Callable[[Event], str]) -> dict[str, tuple[int, int]]:
    """Per class, or other word for an event, how many were caught and how many were due."""
    due = Counter(word(catch.event) for catch in judged.catches)
    hit = Counter(word(catch.event) for catch in judged.catches if catch.delay is not None)
    return {name: (hit[name], count) for name, count in sorted(due.items()) if name}


def intervals(judged: Judgement) -> tuple[Interval, Interval]:
    """Recall and F1 that so few events and false alarms leave open; what was measured is in them.

    Shares are drawn from all that these events allow, rates from all that these false alarms do (a Beta and a
    Gamma distribution, before them Jeffreys' half an event): drawing events anew would be sure of what was
    never missed, and of alarms that did not come.
    """
    count, random = len(judged.catches), np.random.default_rng(0)
    if not count:
        nothing = Interval(float("nan"), float("nan"))
        return nothing, nothing
    share = random.beta(judged.caught + 0.5, count - judged.caught + 0.5, DRAWS)
    alarms = random.gamma(judged.false + 0.5, size=DRAWS)
    f1 = 2 * share * count / (count + share * count + alarms)
    return _middle(share, judged.recall), _middle(f1, judged.f1)


def rate_bound(count: int, hours: float) -> float:
    """The upper 95 % bound of what comes by chance in an hour, `count` having come in so many `hours`."""
    return float(chi2.ppf(0.95, 2 * (count + 1)) / 2 / hours) if hours else float("nan")


def _middle(values: Doubles, measured: float | None = None) -> Interval:
    """The middle 95 % of these, as far as to what was measured."""
    low, high = (float(each) for each in np.quantile(values, (0.025, 0.975)))
    return Interval(low, high) if measured is None else Interval(min(low, measured), max(high, measured))
