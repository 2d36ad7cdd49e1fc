"""Litmus' truth table: from how an experiment ended and what its probes said to a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

End = Literal["running", "completed", "stopped-by-probe", "aborted", "errored"]
ProbeVerdict = Literal["Awaited", "Passed", "Failed", "N/A"]
Counter = Literal["passedRuns", "failedRuns", "stoppedRuns"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a ChaosResult says of a run; `counter` is the history entry that goes up by one."""

    phase: str
    verdict: str
    percentage: str
    counter: Counter | None


def percentage(probes: Sequence[ProbeVerdict]) -> int:
    """The passed share in whole percent, rounded down; 0 without probes."""
    return sum(p == "Passed" for p in probes) * 100 // len(probes) if probes else 0


def judge(end: End, probes: Sequence[ProbeVerdict]) -> Judgement:
    """Phase, verdict and percentage of a run that ended so."""
    match end:
        case "running":
            return Judgement("Running", "Awaited", "Awaited", None)
        case "errored":
            return Judgement("Error", "Error", "0", None)
        case "stopped-by-probe" | "aborted":
            return Judgement("Stopped", "Stopped", str(percentage(probes)), "stoppedRuns")
        case "completed" if all(p == "Passed" for p in probes):
            return Judgement("Completed", "Pass", "100", "passedRuns")
        case _:
            share = str(percentage(probes))
            return Judgement("Completed_With_Probe_Failure", "Fail", share, "failedRuns")
