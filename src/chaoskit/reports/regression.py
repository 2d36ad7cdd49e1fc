"""Whether a run took longer to recover than its own experiment's history allows: median and MAD.

A run regressed when it was broken for longer than the median of the earlier ones by more than the greatest
of: three scaled median absolute deviations, a tenth of the median, and five seconds (how often a condition is
looked at); or when it was so once the fault was over, whose length would hide it else. With fewer than five
earlier runs nothing is judged, and nothing is of a run that proved nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document
from chaoskit.reports.conditions import seconds_afterwards, stayed_broken
from chaoskit.reports.reading import counted, disturbed, outcome_of, whom

LEAST, MOST = 5, 30
"""So many earlier runs at least, and the newest of them at most."""
DEVIATIONS = 3.0
NORMAL = 1.4826
"""What makes the MAD of a normal distribution its standard deviation."""
SHARE, LOOKS = 0.1, 5.0
PROVED = frozenset({Outcome.PASSED, Outcome.WEAKNESS_FOUND})
"""What a run ends with that was judged itself; only such runs are judged here, or compared with."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a run's time to recover compares: the outcome, why, and the figures it was found by (seconds).

    They are of how long it was broken, or of how long once the fault was over where it regressed in that.
    """

    outcome: Outcome
    words: str
    seconds: float | None
    earlier: tuple[float, ...] = ()
    median: float | None = None
    mad: float | None = None
    limit: float | None = None

    def document(self) -> dict[str, Any]:
        """The judgement as JSON."""
        return {
            "outcome": self.outcome.value,
            "exit": self.outcome.exit_code,
            "message": self.words,
            "secondsToRecover": self.seconds,
            "earlier": list(self.earlier),
            "median": self.median,
            "mad": self.mad,
            "limit": self.limit,
        }


def judge(run: Document, history: Iterable[Document]) -> Judgement:
    """The run's time to recover against the earlier runs of the same experiment in `history`."""
    seconds, before = _broken(run), earlier(run, history)
    known = tuple(each for each in map(_broken, before) if each is not None)
    if not disturbed(run):
        return Judgement(
            Outcome.NO_BASELINE, "nothing was injected: there is nothing to recover from", seconds
        )
    if outcome_of(run) not in PROVED:
        words = f"the run is {outcome_of(run).words}: what it took to recover proves nothing"
        return Judgement(Outcome.NO_BASELINE, words, seconds, known)
    if len(known) < LEAST:
        words = f"{counted(len(known), 'earlier run')} with a time to recover, {LEAST} are needed"
        return Judgement(Outcome.NO_BASELINE, words, seconds, known)
    if seconds is None and not stayed_broken(run):
        words = "how long it took to recover is not known"
        return Judgement(Outcome.NO_BASELINE, words, seconds, known, *_limit(known))
    whole = _against(seconds, known, "")
    return whole if whole.outcome is Outcome.REGRESSED else _afterwards(run, before) or whole


def _afterwards(run: Document, before: Iterable[Document]) -> Judgement | None:
    """The regression since the end of the fault, None where there is none to be seen."""
    seconds = seconds_afterwards(run)
    known = tuple(each for each in map(seconds_afterwards, before) if each is not None)
    if seconds is None or len(known) < LEAST:
        return None
    judged = _against(seconds, known, " once the fault was over")
    return judged if judged.outcome is Outcome.REGRESSED else None


def _against(seconds: float | None, known: tuple[float, ...], when: str) -> Judgement:
    middle, mad, limit = _limit(known)
    took = "it did not recover" if seconds is None else f"it took {seconds:.1f} s to recover{when}"
    words = f"{took}; {len(known)} earlier runs took {middle:.1f} s (median), up to {limit:.1f} s is usual"
    slower = seconds is None or seconds > limit
    outcome = Outcome.REGRESSED if slower else Outcome.PASSED
    return Judgement(outcome, words, seconds, known, middle, mad, limit)


def _broken(run: Document) -> float | None:
    """How long it was broken; what is called so now, older records have as their time to recover."""
    seconds: float | None = run.get("seconds_broken")
    return run.get("seconds_to_recover") if seconds is None else seconds


def earlier(run: Document, history: Iterable[Document]) -> list[Document]:
    """Earlier runs of the experiment on the same targets whose time to recover is known, newest first."""
    same = [
        each
        for each in history
        if each["kind"] == "run"
        and (each["at"], each["id"]) < (run["at"], run["id"])
        and _identity(each) == _identity(run)
        and outcome_of(each) in PROVED
        and _broken(each) is not None
    ]
    return sorted(same, key=lambda each: (each["at"], each["id"]), reverse=True)[:MOST]


def _identity(run: Document) -> tuple[object, ...]:
    """What must be the same of two runs for their times to be comparable: whom it hit, and how hard."""
    where = (run.get("cluster"), run["namespace"], run["name"], run["fault"], tuple(sorted(whom(run))))
    spec = (run.get("experiment") or {}).get("spec") or {}
    aim = spec.get("targets") or {}
    return (*where, *(spec.get(each) for each in _HOW), *(aim.get(each) for each in _HOW_MANY))


_HOW = ("fault", "severity", "duration", "experiments")
"""What says how hard in a spec: the fault with its parameters; an engine of Litmus has experiments."""

_HOW_MANY = ("pods", "percent")
"""What says how much of its targets is hit."""


def _limit(known: tuple[float, ...]) -> tuple[float, float, float]:
    """Median, MAD and the longest time that is no regression."""
    middle = median(known)
    mad = median(abs(each - middle) for each in known)
    return middle, mad, middle + max(DEVIATIONS * NORMAL * mad, SHARE * middle, LOOKS)
