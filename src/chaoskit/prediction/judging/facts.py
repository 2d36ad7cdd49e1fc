"""What a report is of: the data that judged, and each failure and false alarm with its place in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from chaoskit.prediction.data.dataset import Dataset
from chaoskit.prediction.judging.report import FalseAlarm, Occurrence
from chaoskit.prediction.labelling.labels import Event
from chaoskit.prediction.learning.alarms import Judge, Judgement
from chaoskit.prediction.learning.table import Samples, Table
from chaoskit.prediction.learning.training import digest


def data(table: Table, judge: Judge, asked: Samples) -> dict[str, Any]:
    """How much was asked, of how many pods and failures, and of what it was taken; as JSON.

    `hours`, of healthy time, are not rounded: the verdict is of them.
    """
    dataset = table.labelled.dataset
    ramps = sum(event.ramp for event in judge.due)
    return {
        "rows": len(asked.y),
        "pods": len({row for block in dataset.blocks for row in block.rows}),
        "workloads": len({(row.namespace, row.workload) for block in dataset.blocks for row in block.rows}),
        "hours": judge.hours,
        **_counts("events", judge.due),
        **({"ramps": ramps} if ramps else {}),
        "prevalence": float((asked.y == 1).mean()),
        "missing_share": dataset.missing_share,
        "features": len(table.spec.names),
        "signals": len(dataset.signals),
        "step_seconds": dataset.step,
        "recipe": table.spec.recipe,
        "sha256": digest(dataset),
        "of_hours": round(dataset.hours, 1),
        **_counts("of_events", table.labelled.events),
    }


def _counts(name: str, of: Sequence[Event]) -> dict[str, Any]:
    """How many events of each class under this name, and under ``NAME_from`` how many of them from where."""
    told: dict[str, Counter[str]] = {}
    for event in of:
        told.setdefault(event.issue, Counter())[event.source] += 1
    issues = sorted(told)
    return {
        name: {issue: told[issue].total() for issue in issues},
        f"{name}_from": {issue: dict(told[issue].most_common()) for issue in issues},
    }


def occurrences(dataset: Dataset, judged: Judgement) -> tuple[Occurrence, ...]:
    """Each failure that was due, and when it was alarmed."""
    return tuple(
        Occurrence(
            dataset.blocks[each.event.block].run, each.event.workload, each.event.issue, each.event.fault,
            each.event.start, each.event.end, each.delay,
        )
        for each in judged.catches
    )  # fmt: skip


def false_alarms(dataset: Dataset, judged: Judgement) -> tuple[FalseAlarm, ...]:
    """Each false alarm."""
    blocks = dataset.blocks
    return tuple(
        FalseAlarm(blocks[b].run, blocks[b].rows[r].pod, blocks[b].at(m)) for b, r, m in judged.false_at
    )
