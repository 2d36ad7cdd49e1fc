"""The signals around a run, as points for its report."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import isnan

from chaoskit.ports.metrics import MetricsSource, Series
from chaoskit.ports.store import Document
from chaoskit.records import RunRecord
from chaoskit.signals import BY_NAME
from chaoskit.topology import workload_name

SHOWN = ("error_ratio", "latency_p95", "memory_usage", "cpu_usage")
MARGIN = timedelta(minutes=3)
_STEP = 15


def around(metrics: MetricsSource, record: RunRecord, now: datetime) -> list[Document]:
    """The worst value of each of `SHOWN` over the targets' pods, three minutes before to after the fault.

    Each is ``{name, unit, points: [[time, value], ...]}``; signals without a sample are left out.
    """
    assert record.injected_at is not None
    start = record.injected_at - MARGIN
    end = min(now, (record.injected_until or record.ended_at) + MARGIN)
    return [
        {"name": BY_NAME[name].meaning, "unit": BY_NAME[name].unit, "points": points}
        for name in SHOWN
        if (points := _worst(_mine(metrics, name, record, start, end)))
    ]


def _mine(
    metrics: MetricsSource, name: str, record: RunRecord, start: datetime, end: datetime
) -> list[Series]:
    """The series of the targets: of their pods or workloads, by name."""
    found = metrics.range(BY_NAME[name], start, end, step=_STEP, where={"namespace": record.namespace})
    wanted = set(record.targets)
    return [
        each for each in found if wanted & {workload_name(each.labels), f"pod/{each.labels.get('pod', '')}"}
    ]


def _worst(series: list[Series]) -> list[tuple[str, float]]:
    """The greatest value of all series at each moment of their common grid; gaps are left out."""
    by_time: dict[datetime, float] = {}
    for each in series:
        for index, value in enumerate(each.values):
            if not isnan(value):
                at = each.start + timedelta(seconds=index * each.step)
                by_time[at] = max(value, by_time.get(at, value))
    return [(at.isoformat(), round(value, 6)) for at, value in sorted(by_time.items())]
