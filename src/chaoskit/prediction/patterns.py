"""What recurs in a history of failures: what follows what, what comes together, when, and which look alike.

Nothing is told that chance would explain: each count is held against what it would be if failures came at
random, and the more pairs are looked at, the rarer a chance has to be.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.cluster import AgglomerativeClustering

from chaoskit.prediction import features
from chaoskit.prediction.data.arrays import Doubles, Floats
from chaoskit.prediction.features import Spec
from chaoskit.prediction.labelling.labels import Event, Labelled

WITHIN = timedelta(minutes=30)
"""What comes later than this after something does not follow from it."""

TOGETHER = timedelta(minutes=2)
"""What comes sooner than this after something comes with it."""

TIMES = 3
"""Less often is an anecdote."""

CHANCE = 0.01
"""Chances that are no rarer than this are not told."""

DAYS = 2.0
"""Fewer days say nothing of the time of day, three times as many weeks nothing of the weekday."""

LEAST_APART = 1e-3
"""Times are known to a step of the measuring: no gaps are more alike than that."""

REGULAR = 0.15
"""Gaps whose spread is a smaller share of their mean are regular."""

ALIKE = 0.35
"""Signatures whose directions differ by less (one minus the cosine) are one cluster."""

NOTABLE = 0.15
"""A smaller sign is no word in a signature."""


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """One failure: whose, of which class, when it began, and its signature: how much each sign is up.

    The target says its namespace where there are several.
    """

    target: str
    issue: str
    at: datetime
    signature: Floats = field(default_factory=lambda: np.zeros(0, dtype=np.float32))

    @property
    def kind(self) -> tuple[str, str]:
        """What counts as the same failure again."""
        return self.target, self.issue


@dataclass(frozen=True, slots=True)
class Sequel:
    """`then` came after `first` (or with it) so many `times`, of `of`; by chance that has `probability`."""

    first: tuple[str, str]
    then: tuple[str, str]
    together: bool
    times: int
    of: int
    median_seconds: float
    probability: float


@dataclass(frozen=True, slots=True)
class Season:
    """Failures of one kind that come at a time of day or of the week, or at a regular interval."""

    kind: tuple[str, str]
    cycle: str
    when: str
    times: int
    of: int
    probability: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """Failures whose signals looked alike: what was up, in words, and how many there were of whom."""

    signature: tuple[str, ...]
    times: int
    issues: Mapping[str, int]
    targets: Mapping[str, int]
    last: datetime


@dataclass(frozen=True, slots=True)
class Patterns:
    """What recurs, and in how many failures over how many hours it was looked for."""

    failures: int
    hours: float
    sequels: tuple[Sequel, ...]
    seasons: tuple[Season, ...]
    clusters: tuple[Cluster, ...]


def patterns(labelled: Labelled) -> Patterns:
    """What recurs in the failures of this history."""
    spec = Spec("evidence", labelled.dataset.step, labelled.dataset.signals)
    found = sorted(_failures(labelled, spec), key=lambda failure: failure.at)
    hours = labelled.dataset.hours
    return Patterns(
        len(found), round(hours, 2), sequels(found, hours), seasons(found, hours), clusters(found, spec.names)
    )


def _failures(labelled: Labelled, spec: Spec) -> Iterator[Failure]:
    several = len({event.namespace for event in labelled.events}) > 1
    for event in labelled.events:
        target = f"{event.namespace}/{event.workload}" if several else event.workload
        yield Failure(target, event.issue, event.start, _signature(labelled, event, spec))


def _signature(labelled: Labelled, event: Event, spec: Spec) -> Floats:
    """The strongest that each sign is as a failure begins, goes on and ends, in any of its pods."""
    block = labelled.dataset.blocks[event.block]
    moments = np.unique([event.first, (event.first + event.last) // 2, event.last])
    made = features.compute(block, spec, moments)[list(event.rows)]
    strongest: Floats = made.reshape(-1, made.shape[-1]).max(axis=0)
    return strongest


# -- what follows what -----------------------------------------------------------------------------------


def sequels(found: Sequence[Failure], hours: float) -> tuple[Sequel, ...]:
    """What follows or accompanies what more often than chance explains, the least probable first."""
    by_kind: dict[tuple[str, str], list[float]] = defaultdict(list)
    for each in found:
        by_kind[each.kind].append(each.at.timestamp())
    often = {kind: times for kind, times in by_kind.items() if len(times) >= TIMES}
    pairs = [(a, b) for a in often for b in often if a != b]
    made = (_sequel(a, b, often, hours) for a, b in pairs)
    told = [each for each in made if each is not None and each.probability * len(pairs) < CHANCE]
    return tuple(sorted(_once(told), key=lambda each: (each.probability, -each.times, each.first)))


def _sequel(
    a: tuple[str, str], b: tuple[str, str], by_kind: Mapping[tuple[str, str], list[float]], hours: float
) -> Sequel | None:
    """How often `b` came within half an hour after `a`; after several of these it came once."""
    firsts, thens = np.array(by_kind[a]), np.array(by_kind[b])
    near = TOGETHER.total_seconds()
    place = np.searchsorted(thens, firsts - near)
    known = (place < len(thens)) & (place != np.append(place[1:], -1))  # the last of several
    gaps = thens[place[known]] - firsts[known]
    gaps = gaps[gaps <= WITHIN.total_seconds()]
    if len(gaps) < TIMES:
        return None
    together = bool((np.abs(gaps) <= near).mean() > 0.5)
    window = 2 * near if together else near + WITHIN.total_seconds()
    if together:
        gaps = gaps[np.abs(gaps) <= near]
    chance = -math.expm1(-len(thens) * window / max(window, hours * 3600))
    probability = float(stats.binom.sf(len(gaps) - 1, len(firsts), chance))
    return Sequel(a, b, together, len(gaps), len(firsts), float(np.median(gaps)), probability)


def _once(told: Sequence[Sequel]) -> Iterator[Sequel]:
    """What comes together is told from one side alone."""
    seen: set[frozenset[tuple[str, str]]] = set()
    for each in told:
        pair = frozenset({each.first, each.then})
        if not (each.together and pair in seen):
            yield each
        if each.together:
            seen.add(pair)


# -- when ------------------------------------------------------------------------------------------------

_CYCLES = (("day", 86400.0, DAYS * 24, 4), ("week", 604800.0, DAYS * 24 * 7 + 168, 6))
"""Name, seconds, the hours of history that it takes, and the days (or weeks) that have failures."""


def seasons(found: Sequence[Failure], hours: float) -> tuple[Season, ...]:
    """Kinds of failure that prefer a time of day or of the week, or come at a regular interval."""
    by_kind: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for each in found:
        by_kind[each.kind].append(each.at)
    looked = [(kind, times) for kind, times in by_kind.items() if len(times) >= TIMES + 1]
    told = [season for kind, times in looked for season in _of_kind(kind, times, hours, len(looked))]
    return tuple(sorted(told, key=lambda each: (each.probability, each.kind)))


def _of_kind(kind: tuple[str, str], times: Sequence[datetime], hours: float, looked: int) -> Iterator[Season]:
    tests = looked * (1 + len(_CYCLES))
    when, by_chance = _regular(times)
    if when and by_chance * tests < CHANCE:
        yield Season(kind, "interval", when, len(times), len(times), by_chance)
        return
    for name, length, wanted, least in _CYCLES:
        if hours < wanted or len(votes := _votes(times, length)) < least:
            continue
        probability = _rayleigh(votes)
        if probability * tests < CHANCE:
            middle = (float(np.angle(votes.mean())) / (2 * np.pi) % 1) * length
            away = np.abs((_since_monday(times) - middle + length / 2) % length - length / 2)
            near = int((away <= length / 12).sum())
            yield Season(kind, name, _clock(name, middle), near, len(times), probability)


def _votes(times: Sequence[datetime], length: float) -> NDArray[np.complex128]:
    """The direction, as a complex number of length 1, of each day (or week) that has failures.

    Those of one incident are no witnesses apart: a day has one vote, the mean direction of its failures.

    Days are cut where failures are rarest, or one night's would be two.
    """
    turn = np.exp(2j * np.pi * (_since_monday(times) % length) / length)
    cut = (float(np.angle(turn.mean())) / (2 * np.pi) + 0.5) * length
    day = np.floor((np.array([each.timestamp() for each in times]) - 4 * 86400 - cut) / length)
    means = np.array([turn[day == each].mean() for each in np.unique(day)])
    votes: NDArray[np.complex128] = means / np.maximum(np.abs(means), np.finfo(np.float64).tiny)
    return votes


def _since_monday(times: Sequence[datetime]) -> Doubles:
    """Seconds since a Monday, midnight UTC."""
    return np.array([each.timestamp() - 4 * 86400 for each in times]) % 604800


def _regular(times: Sequence[datetime]) -> tuple[str, float]:
    """``every 50 min`` when the gaps hardly differ, and how probable that is by chance; "" and 1 otherwise.

    Gaps between random times are a random point of a simplex (Pyke 1965, on spacings): those that differ so
    little are a ball around its middle, and their share of its volume is the chance.
    """
    gaps = np.diff([each.timestamp() for each in times])
    if len(gaps) < TIMES or gaps.mean() < 60 or gaps.std() > REGULAR * gaps.mean():
        return "", 1.0
    n, apart = len(gaps), max(float(gaps.std() / gaps.mean()), LEAST_APART)
    ball = (n - 1) * (math.log(math.pi) / 2 + math.log(apart / math.sqrt(n))) - math.lgamma((n + 1) / 2)
    by_chance = math.exp(min(0.0, ball + math.lgamma(n) - math.log(n) / 2))
    minutes = gaps.mean() / 60
    when = f"every {minutes:.0f} min" if minutes < 180 else f"every {minutes / 60:.0f} h"
    return when, by_chance


def _rayleigh(turn: NDArray[np.complex128]) -> float:
    """How probable so much agreement of directions (complex numbers of length 1) is by chance.

    Rayleigh's test, by the approximation that Zar gives (Biostatistical Analysis, on circular distributions).
    """
    n, r = len(turn), abs(turn.sum())
    return float(min(1.0, math.exp(math.sqrt(1 + 4 * n + 4 * (n * n - r * r)) - (1 + 2 * n))))


def _clock(cycle: str, seconds: float) -> str:
    day, rest = divmod(int(seconds), 86400)
    at = f"{rest // 3600:02d}:{rest % 3600 // 60:02d} UTC"
    names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    return f"around {at}" if cycle == "day" else f"around {names[day % 7]} {at}"


# -- which look alike ------------------------------------------------------------------------------------


def clusters(found: Sequence[Failure], names: Sequence[str]) -> tuple[Cluster, ...]:
    """Failures grouped by the direction of their signatures, the largest group first."""
    known = [each for each in found if each.signature.max(initial=0) >= NOTABLE]
    if len(known) < 2:
        return tuple(_cluster(known, names) for _ in known)
    rows = np.stack([each.signature for each in known]).clip(min=0)
    made: Any = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=ALIKE
    )
    groups = made.fit_predict(rows)
    parts = [[each for each, of in zip(known, groups, strict=True) if of == one] for one in np.unique(groups)]
    return tuple(sorted((_cluster(each, names) for each in parts), key=lambda c: (-c.times, c.signature)))


def _cluster(members: Sequence[Failure], names: Sequence[str]) -> Cluster:
    mean = np.mean([each.signature for each in members], axis=0)
    order = np.argsort(-mean, kind="stable")[:4]
    return Cluster(
        signature=tuple(names[at].replace(".", " ").replace("_", " ") for at in order if mean[at] >= NOTABLE),
        times=len(members),
        issues=dict(Counter(each.issue for each in members).most_common()),
        targets=dict(Counter(each.target for each in members).most_common()),
        last=max(each.at for each in members),
    )
