"""The verdict on a model: of which kind it is, what it does not beat, and the words for both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ENOUGH = 4
"""Fewer failures that can be seen can neither teach nor judge: one more or less decides everything."""


AT_LEAST = 2
"""A model that caught fewer of them is good for nothing yet: one alarm may have met a failure by luck."""


AT_LEAST_HOURS = 1.0
"""Less healthy time can neither set thresholds nor judge them: one false alarm more or less decides all."""


class Kind(StrEnum):
    """Which of its figures a verdict is for, the first that speaks against the model; kept by these words."""

    UNJUDGED = "unjudged"
    FEW_HOURS = "few-hours"
    FEW_FAILURES = "few-failures"
    OVER_BUDGET = "over-budget"
    BEATEN = "beaten"
    FEW_CAUGHT = "few-caught"
    BEATS = "beats"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a verdict is of: `hours` of healthy time, and the failures in it that can be seen.

    `beaten_by` has an event F1 as good or better; `budget` is of false alarms a day. They are `judged` where
    they are of the very thresholds that are kept.
    """

    hours: float
    failures: int
    caught: int
    false_alarms: int
    budget: float
    beaten_by: tuple[str, ...] = ()
    judged: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is found of a model; `names` are what it does not beat, where that is the kind."""

    kind: Kind
    names: tuple[str, ...] = ()

    @property
    def decides(self) -> bool:
        """Whether there were failures and healthy time enough, judging the very model that is kept."""
        return self.kind not in {Kind.UNJUDGED, Kind.FEW_HOURS, Kind.FEW_FAILURES}

    @property
    def promotes(self) -> bool:
        """Whether the model may answer."""
        return self.kind is Kind.BEATS


def words(found: Verdict, of: Figures) -> str:
    """``beats every baseline``, or what the model does not beat or keep, or why that is not known."""
    seen = f"{of.failures} failure{'' if of.failures == 1 else 's'}"
    too_little = f"less than {AT_LEAST_HOURS:g} decides nothing"
    return {
        Kind.UNJUDGED: "has not been judged with its thresholds",
        Kind.FEW_HOURS: f"was judged on {_short(of.hours)} h of healthy time: {too_little}",
        Kind.FEW_FAILURES: f"was judged on {seen} that can be seen: fewer than {ENOUGH} decide nothing",
        Kind.OVER_BUDGET: "does not keep its budget of false alarms",
        Kind.BEATEN: f"does not beat {', '.join(found.names)}",
        Kind.FEW_CAUGHT: f"caught {of.caught} of {of.failures} failures: fewer than {AT_LEAST} may be luck",
        Kind.BEATS: "beats every baseline",
    }[found.kind]


def _short(hours: float) -> str:
    """``0.9``, ``nearly 1``: never as many as are enough."""
    told = round(hours, 1)
    return f"{'nearly ' if told == AT_LEAST_HOURS else ''}{told:g}"
