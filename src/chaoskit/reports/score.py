"""The resilience score, as ChaosCenter computes it: probe success of each fault, weighted.

Of a fault, Litmus' own probe success percentage counts; of an experiment with a steady state of its own,
its conditions count like probes. A fault without a verdict counts 0, one that passed without any probe 100.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from chaoskit.outcome import Outcome, gravest
from chaoskit.ports.store import Document
from chaoskit.reports.cases import Case, cases
from chaoskit.reports.reading import disturbed

LABEL = "weight"
"""The label of an engine or experiment that says how much its faults weigh, as in ChaosCenter."""
USUAL = 10

JUDGED = frozenset({Outcome.PASSED, Outcome.WEAKNESS_FOUND, Outcome.UNDO_UNCONFIRMED})
"""Ends at which our own conditions tell about the fault; at others only Litmus may have something to say."""


class Share(NamedTuple):
    """One fault's part in a score: what it weighs, and its probe success in percent."""

    fault: str
    weight: int
    success: int


def of_run(run: Document) -> float | None:
    """The run's score, 0 to 100; None where nothing was tried."""
    return _score(shares(run)) if _tried(run) else None


def of_runs(runs: Iterable[Document]) -> float | None:
    """The score of all runs together, in which one that tried nothing counts 0; None where none tried."""
    known = list(runs)
    return _score(each for run in known for each in shares(run)) if any(map(_tried, known)) else None


def gated(outcomes: Sequence[Outcome], score: float | None, least: float) -> Outcome:
    """What runs with these outcomes end with where their score must be `least` at least.

    Below it the answer is no. From it on, weaknesses are tolerated: the gravest of the others stands.
    """
    if score is None:
        return gravest(outcomes)
    if score < least:
        return gravest([Outcome.SCORE_TOO_LOW, *outcomes])
    others = [each for each in outcomes if each is not Outcome.WEAKNESS_FOUND]
    return gravest(others if len(others) == len(outcomes) else [Outcome.SCORE_REACHED, *others])


def shares(run: Document) -> tuple[Share, ...]:
    """What each fault contributes."""
    weight = weight_of(run)
    return tuple(Share(each.name, weight, _success(run, each)) for each in cases(run))


def weight_of(run: Document) -> int:
    """What each of its faults weighs: the label ``weight``, a whole number; 10 without one."""
    labels = ((run.get("experiment") or {}).get("metadata") or {}).get("labels") or {}
    text = str(labels.get(LABEL, ""))
    return int(text) if text.isdecimal() else USUAL


def _tried(run: Document) -> bool:
    return bool(run.get("litmus")) or disturbed(run)


def _score(found: Iterable[Share]) -> float | None:
    """Truncated to two decimals, as ChaosCenter does."""
    known = list(found)
    whole = sum(each.weight for each in known)
    return int(100 * sum(each.weight * each.success for each in known) / whole) / 100 if whole else None


def _success(run: Document, case: Case) -> int:
    told = _told(run, case.name)
    own = [part.state == "pass" for part in case.parts if part.what == "condition"]
    if not own or Outcome(run["outcome"]) not in JUDGED:
        return told
    held = own + [part.state == "pass" for part in case.parts if part.what == "probe"]
    return 100 * sum(held) // len(held)


def _told(run: Document, fault: str) -> int:
    """What Litmus says, in whole percent; 0 where it says nothing, or only ``Awaited``."""
    results = (run.get("litmus") or {}).get("results") or {}
    if not results:  # a fault without Litmus: there is only our own verdict
        return 100 if run["outcome"] == Outcome.PASSED else 0
    # Named engine-fault, and engine-fault-instance where the fault has an INSTANCE_ID.
    ends = sorted(results, key=lambda name: not name.endswith(f"-{fault}"))
    mine = next((name for name in ends if len(results) == 1 or f"-{fault}" in name), "")
    status = (results.get(mine) or {}).get("experimentStatus") or {}
    text = str(status.get("probeSuccessPercentage", "")).partition(".")[0]
    return int(text) if text.isdecimal() else 0
