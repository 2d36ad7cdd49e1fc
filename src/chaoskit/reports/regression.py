"""Whether a run took longer to recover than its own experiment's history allows: median and MAD.

A run regressed when it was broken for longer than the median of the earlier ones by more than the greatest
of: three scaled median absolute deviations, a tenth of the median, and five seconds (how often a condition is
looked at); or when it took so much longer once the fault was over, whose length would hide it else. With
fewer than five earlier runs nothing is judged, and nothing is of a run that proved nothing itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from chaoskit import clusters
from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document
from chaoskit.reports.conditions import stayed_broken
from chaoskit.reports.reading import counted, disturbed, outcome_of, whom

LEAST, MOST = 5, 30
"""So many earlier runs at least, and the newest of them at most."""
DEVIATIONS = 3.0
NORMAL = 1.4826
"""What makes the MAD of a normal distribution its standard deviation."""
SHARE, LOOKS = 0.1, 5.0
PROVED = frozenset({Outcome.PASSED, Outcome.WEAKNESS_FOUND})
"""What a run ends with that was judged itself; only such runs are judged here, or compared with."""

Figure = Literal["seconds_broken", "seconds_to_recover"]
"""What a run is judged by, as its record calls it: all the time it was broken, or that after the fault."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a run's recovery compares: the outcome, why, and by which `figure` of its and earlier records."""

    outcome: Outcome
    words: str
    figure: Figure
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
            "figure": self.figure,
            "seconds": self.seconds,
            "earlier": list(self.earlier),
            "median": self.median,
            "mad": self.mad,
            "limit": self.limit,
        }


def judge(run: Document, history: Iterable[Document]) -> Judgement:
    """The run's time to recover against the earlier runs of the same experiment in `history`.

    It is of how long it was broken, or of how long once the fault was over where it regressed in that.
    """
    past = list(history)
    seconds, before = run.get("seconds_broken"), earlier(run, past)
    known = _known("seconds_broken", before)

    def unjudged(words: str) -> Judgement:
        limits = _limit(known) if len(known) >= LEAST else ()
        return Judgement(Outcome.NO_BASELINE, words, "seconds_broken", seconds, known, *limits)

    if not disturbed(run):
        return unjudged("nothing was injected: there is nothing to recover from")
    if outcome_of(run) not in PROVED:
        return unjudged(f"the run is {outcome_of(run).words}: what it took to recover proves nothing")
    if len(known) < LEAST:
        words = f"of {counted(len(known), 'earlier run')} it is known how long they were broken"
        return unjudged(f"{words}, {LEAST} are needed{_otherwise(run, past)}")
    if seconds is None and not stayed_broken(run):
        return unjudged("how long it was broken is not known")
    whole = _against("seconds_broken", seconds, known)
    return whole if whole.outcome is Outcome.REGRESSED else _afterwards(run, before) or whole


def _afterwards(run: Document, before: Iterable[Document]) -> Judgement | None:
    """The regression since the end of the fault, None where there is none to be seen."""
    seconds, known = run.get("seconds_to_recover"), _known("seconds_to_recover", before)
    if seconds is None or len(known) < LEAST:
        return None
    judged = _against("seconds_to_recover", seconds, known)
    return judged if judged.outcome is Outcome.REGRESSED else None


def _against(figure: Figure, seconds: float | None, known: tuple[float, ...]) -> Judgement:
    middle, mad, limit = _limit(known)
    took = "it did not recover" if seconds is None else _WORDS[figure].format(f"{seconds:.1f} s")
    words = f"{took}; of {len(known)} earlier runs the median is {middle:.1f} s, up to {limit:.1f} s is usual"
    slower = seconds is None or seconds > limit
    outcome = Outcome.REGRESSED if slower else Outcome.PASSED
    return Judgement(outcome, words, figure, seconds, known, middle, mad, limit)


_WORDS = {
    "seconds_broken": "it was broken for {}",
    "seconds_to_recover": "it took {} once the fault was over",
}


def _known(figure: Figure, runs: Iterable[Document]) -> tuple[float, ...]:
    return tuple(each[figure] for each in runs if each.get(figure) is not None)


def earlier(run: Document, history: Iterable[Document]) -> list[Document]:
    """Earlier runs of the experiment on the same targets, newest first, whose time broken is known."""
    how = _how(run)
    same = [each for each in _before(run, history) if _how(each) == how]
    return sorted(same, key=lambda each: (each["at"], each["id"]), reverse=True)[:MOST]


def _otherwise(run: Document, history: Iterable[Document]) -> str:
    """How many earlier runs are not compared with it, and what was another in them; "" where all are."""
    how = _how(run)
    other = [found for each in _before(run, history) if (found := _how(each)) != how]
    parts = [part for part in how if any(each[part] != how[part] for each in other)]
    return f"; {len(other)} more had another {' or '.join(parts)}" if other else ""


def _before(run: Document, history: Iterable[Document]) -> Iterator[Document]:
    """The earlier runs of this name, fault and targets that proved something."""
    for each in history:
        if (
            each["kind"] == "run"
            and (each["at"], each["id"]) < (run["at"], run["id"])
            and _what(each) == _what(run)
            and clusters.same(each, run)
            and outcome_of(each) in PROVED
            and each.get("seconds_broken") is not None
        ):
            yield each


def _what(run: Document) -> tuple[object, ...]:
    return (run["namespace"], run["name"], run["fault"], tuple(sorted(whom(run))))


def _how(run: Document) -> dict[str, object]:
    """What must be the same, too, of two runs to compare their times: how hard it hit, and what broken is."""
    spec = (run.get("experiment") or {}).get("spec") or {}
    aim = spec.get("targets") or {}
    return {
        **{each: spec.get(each) for each in ("severity", "duration")},
        "parameter": (spec.get("fault"), spec.get("experiments")),  # a document of Litmus has the latter
        "number of pods": (aim.get("pods"), aim.get("percent")),
        "engine": ((run.get("evidence") or {}).get("plan") or {}).get("engine"),
        "steady state": sorted(map(_measured, spec.get("steadyState") or ())),
    }


def _measured(condition: Mapping[str, Any]) -> str:
    """What of a condition decides when it is broken: what is measured, when, and its bound."""
    return json.dumps({key: each for key, each in condition.items() if key not in _BESIDE}, sort_keys=True)


_BESIDE = frozenset({"name", "abort", "recoversWithin", "lag", "litmusProbe"})


def _limit(known: tuple[float, ...]) -> tuple[float, float, float]:
    """Median, MAD and the longest time that is no regression."""
    middle = median(known)
    mad = median(abs(each - middle) for each in known)
    return middle, mad, middle + max(DEVIATIONS * NORMAL * mad, SHARE * middle, LOOKS)
