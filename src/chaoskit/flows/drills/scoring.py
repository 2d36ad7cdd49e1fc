"""How well drills went: confusion matrix, F1, delays, times to recover, what was done wrongly. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

NONE = "none"
"""What was found where nothing was, and what is true where nothing is wrong."""
STORM = "storm"


@dataclass(frozen=True, slots=True)
class Drilled:
    """How one drill went; spans are in seconds of cluster time.

    `truth` is the class that was injected, `found` the one that was acted on, or told to a person. `detected`
    is from the injection to the first sign, `decided` to the decision, `whole` to the verified recovery;
    `recovery` is what the recovery itself took, verification included. `false_actions` are acts on what was
    not at fault, and acts that are no remedy for it; `side_effects` what else is not as before. `left`
    says that the fault could not be taken back, `error` why the drill cannot be judged; "" is the usual.
    """

    fault: str
    workload: str
    seed: int
    truth: str
    found: str = NONE
    pod_level: bool = False
    by_a_person: bool = False
    detected: float | None = None
    decided: float | None = None
    whole: float | None = None
    recovery: float | None = None
    recovered: bool = False
    outcome: str = ""
    actions: tuple[str, ...] = ()
    helped: str = ""
    false_actions: tuple[str, ...] = ()
    side_effects: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    left: str = ""
    error: str = ""

    @property
    def right(self) -> bool:
        """Whether it was classified rightly."""
        return self.found == self.truth


@dataclass(frozen=True, slots=True)
class Quality:
    """How well one class was recognised, of so many drills of it."""

    issue: str
    precision: float
    recall: float
    f1: float
    drills: int


@dataclass(frozen=True, slots=True)
class Times:
    """Of so many spans, the median, the 90th percentile and the longest."""

    count: int
    median: float | None
    p90: float | None
    longest: float | None

    @classmethod
    def of(cls, seconds: Sequence[float | None]) -> Times:
        """Those that are known."""
        known = sorted(each for each in seconds if each is not None)
        if not known:
            return cls(0, None, None, None)
        p90 = known[math.ceil(0.9 * len(known)) - 1]
        return cls(len(known), round(median(known), 1), round(p90, 1), round(known[-1], 1))


@dataclass(frozen=True, slots=True)
class Gates:
    """What a series of drills must reach; None: anything will do."""

    min_f1: float | None = None
    max_false_actions: int | None = None
    max_seconds: float | None = None
    max_median: float | None = None
    min_recovered: float | None = None

    @property
    def of_each(self) -> Gates:
        """Those that each drill must reach by itself: what is missed of them, no later drill makes good."""
        return Gates(max_false_actions=self.max_false_actions, max_seconds=self.max_seconds)


SINGLE_GATES = Gates(min_f1=1.0, max_false_actions=0, min_recovered=1.0)
"""What one drill must reach."""
MATRIX_GATES = Gates(min_f1=0.95, max_false_actions=0, max_seconds=30.0, max_median=10.0)
"""What a matrix of drills must reach; of pods where some of its drills are about pods."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a series of drills comes to."""

    drills: tuple[Drilled, ...]
    confusion: Mapping[str, Mapping[str, int]]
    classes: tuple[Quality, ...]
    macro_f1: float
    false_actions: int
    side_effects: int
    recovered: int
    recoverable: int
    detection: Times
    recovery: Times
    pod_recovery: Times
    whole: Times
    by_class: Mapping[str, Times] = field(default_factory=dict)

    def misses(self, gates: Gates) -> tuple[str, ...]:
        """Which gates were missed, in words; none when all were reached.

        A series in which a drill could not be judged or taken back, or without any, reaches none.
        """
        return tuple(_misses(self, gates))

    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            **{key: value for key, value in asdict(self).items() if key != "drills"},
            "drills": [{**asdict(each), "right": each.right} for each in self.drills],
        }


def report(drills: Sequence[Drilled]) -> Report:
    """What the drills come to; those that could not be judged count in nothing but the gates."""
    judged = [each for each in drills if not each.error]
    confusion: dict[str, dict[str, int]] = {}
    for each in judged:
        row = confusion.setdefault(each.truth, {})
        row[each.found] = row.get(each.found, 0) + 1
    classes = _classes(judged)
    mendable = [each for each in judged if each.truth not in {NONE, STORM} and not each.by_a_person]
    well = [each for each in mendable if each.recovered]
    return Report(
        drills=tuple(drills),
        confusion=confusion,
        classes=classes,
        macro_f1=round(sum(each.f1 for each in classes) / len(classes), 4) if classes else 0.0,
        false_actions=sum(len(each.false_actions) for each in judged),
        side_effects=sum(len(each.side_effects) for each in judged),
        recovered=len(well),
        recoverable=len(mendable),
        detection=Times.of([each.detected for each in judged if each.truth != NONE]),
        recovery=Times.of([each.recovery for each in well]),
        pod_recovery=Times.of([each.recovery for each in well if each.pod_level]),
        whole=Times.of([each.whole for each in well]),
        by_class={
            issue: Times.of([each.recovery for each in well if each.truth == issue])
            for issue in sorted({each.truth for each in well})
        },
    )


def _classes(judged: Sequence[Drilled]) -> tuple[Quality, ...]:
    """Every class that was injected or found; to find one that never was is a class of F1 zero."""
    true, found = Counter(each.truth for each in judged), Counter(each.found for each in judged)
    both = Counter(each.truth for each in judged if each.right)
    names = sorted((set(true) | set(found)) - {NONE})
    return tuple(_quality(name, both[name], true[name], found[name]) for name in names)


def _quality(name: str, both: int, true: int, found: int) -> Quality:
    precision = both / found if found else 0.0
    recall = both / true if true else 0.0
    f1 = 2 * both / (true + found) if true + found else 0.0
    return Quality(name, round(precision, 4), round(recall, 4), round(f1, 4), true)


def _misses(found: Report, gates: Gates) -> list[str]:
    wrong = [(each, why) for each in found.drills for why in (each.error, each.left) if why]
    missed = [f"{each.fault} on {each.workload}: {why}" for each, why in wrong]
    if not found.drills:
        missed.append("there was no drill")
    if gates.min_f1 is not None and found.macro_f1 < gates.min_f1:
        missed.append(f"macro-F1 is {found.macro_f1:.2f}, wanted at least {gates.min_f1:g}")
    if gates.max_false_actions is not None and found.false_actions > gates.max_false_actions:
        missed.append(f"{found.false_actions} false actions, wanted at most {gates.max_false_actions}")
    pods, wanted = found.pod_recovery, [d for d in found.drills if d.pod_level and not d.error]
    if gates.max_seconds is not None:
        late = [d for d in wanted if not d.recovered or (d.recovery or 0) > gates.max_seconds]
        missed += [f"{d.fault} on {d.workload} took {_took(d)}, wanted {gates.max_seconds:g} s" for d in late]
    if gates.max_median is not None and wanted and not any(d.recovered for d in wanted):
        missed.append(f"no pods recovered, wanted a median of at most {gates.max_median:g} s")
    if gates.max_median is not None and pods.median is not None and pods.median > gates.max_median:
        missed.append(f"pods recovered in {pods.median} s (median), wanted at most {gates.max_median:g}")
    if gates.min_recovered is not None and found.recovered < gates.min_recovered * found.recoverable:
        missed.append(f"{found.recovered} of {found.recoverable} recovered, wanted {gates.min_recovered:.0%}")
    return missed


def _took(drilled: Drilled) -> str:
    return "for ever" if not drilled.recovered or drilled.recovery is None else f"{drilled.recovery:.1f} s"
