"""Labels from what was kept: the windows of chaos runs, and the time after each recovery."""

from __future__ import annotations

from collections.abc import Iterable

from chaoskit.prediction.labelling.labels import OTHER
from chaoskit.records import LabelRecord, RecoveryRecord, RunRecord, new_id

_FAULTS = {
    "pod-delete": "pod-crash",
    "container-kill": "pod-crash",
    "pod-memory-hog": "memory-leak",
    "pod-memory-hog-exec": "memory-leak",
    "pod-cpu-hog": "cpu-saturation",
    "pod-cpu-hog-exec": "cpu-saturation",
    "database-connection-loss": "database-connection",
}


def issue_of_fault(fault: str) -> str:
    """The class of failure that a fault of this name brings about."""
    return _FAULTS.get(fault, "network" if "network" in fault else OTHER)


def from_runs(runs: Iterable[RunRecord]) -> tuple[LabelRecord, ...]:
    """The chaos windows of these runs, one per target and who felt it, from injection to its end."""
    return tuple(
        LabelRecord(
            id=new_id(run.at), at=run.at, trace_id=run.trace_id, target=target, namespace=run.namespace,
            meaning="chaos", issue=issue_of_fault(run.fault), start=run.injected_at,
            end=run.injected_until or run.ended_at, source=f"run {run.id}",
        )
        for run in runs
        if run.injected_at is not None
        for target in dict.fromkeys((*run.targets, *run.felt))
    )  # fmt: skip


def from_recoveries(recoveries: Iterable[RecoveryRecord]) -> tuple[LabelRecord, ...]:
    """The time after each mitigation, censored: nobody knows what would have happened without it."""
    return tuple(
        LabelRecord(
            id=new_id(each.at), at=each.at, trace_id=each.trace_id, target=each.target,
            namespace=each.namespace, meaning="censored", issue=each.issue, start=each.at,
            end=each.ended_at, source=f"recovery {each.id}",
        )
        for each in recoveries
        if each.steps
    )  # fmt: skip
