"""A slice of the metrics around a run, small enough to be kept: those of its conditions and targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import isnan

from chaoskit.ports.metrics import MetricsSource, Series, Signal
from chaoskit.ports.store import Document
from chaoskit.records import RunRecord
from chaoskit.signals import BY_NAME
from chaoskit.steadystate.conditions import SignalCondition
from chaoskit.topology import workload_name

OF_PODS = ("error_ratio", "latency_p95", "memory_usage", "cpu_usage")
OF_NODES = ("node_cpu", "node_memory")
MARGIN = timedelta(minutes=3)
POINTS = 240
"""Points of one series at most: a fault of hours gets a coarser step."""


def around(
    metrics: MetricsSource, record: RunRecord, conditions: Iterable[SignalCondition], now: datetime
) -> list[Document]:
    """The signals of the conditions and of the targets, from three minutes before the fault to three after.

    Each is ``{signal, of, name, unit, least, most, points: [[time, value], ...]}``: the worst value of all
    pods at each moment. What has no sample is left out.
    """
    found: dict[tuple[str, str], Document] = {}
    for each in (*_of_conditions(metrics, record, conditions, now), *_of_targets(metrics, record, now)):
        found.setdefault((each["signal"], each["of"]), each)
    return [each for each in found.values() if each["points"]]


def _of_conditions(
    metrics: MetricsSource, record: RunRecord, conditions: Iterable[SignalCondition], now: datetime
) -> Iterator[Document]:
    for each in conditions:
        series = _range(metrics, each.measured, record, now, each.where(record.namespace))
        of = each.workload or ("" if each.query else f"namespace/{record.namespace}")
        yield _entry(each.measured, of, series, least=each.above, most=each.below)


def _of_targets(metrics: MetricsSource, record: RunRecord, now: datetime) -> Iterator[Document]:
    nodes = [each for each in record.targets if each.startswith("node/")]
    others = [each for each in record.targets if each not in nodes]
    for names, whose in ((OF_PODS, others), (OF_NODES, nodes)):
        for signal in map(BY_NAME.__getitem__, names if whose else ()):
            where = {} if whose is nodes else {"namespace": record.namespace}
            series = _range(metrics, signal, record, now, where)
            for target in whose:
                yield _entry(signal, target, [each for each in series if _is_of(target, each.labels)])


def _is_of(target: str, labels: Mapping[str, str]) -> bool:
    """Whether a series with these labels is of this workload, pod or node."""
    kind, _, name = target.partition("/")
    if kind in {"pod", "node"}:
        return name == labels.get(kind, "")
    named = name == labels.get("workload") or labels.get("pod", "").startswith(name)
    return named and target == workload_name(labels)  # which takes longer


def _range(
    metrics: MetricsSource, signal: Signal, record: RunRecord, now: datetime, where: dict[str, str]
) -> tuple[Series, ...]:
    start, end = window(record, now)
    step = max(signal.step, -(-int((end - start).total_seconds()) // POINTS))
    return metrics.range(signal, _on_grid(start, step), _on_grid(end, step), step=step, where=where)


def _on_grid(at: datetime, step: int) -> datetime:
    """The last multiple of the step by then: runs of about the same time ask for the same moments."""
    return datetime.fromtimestamp(int(at.timestamp()) // step * step, tz=at.tzinfo)


def window(record: RunRecord, now: datetime) -> tuple[datetime, datetime]:
    """From when to when: around the fault, or around the run where none was injected; never beyond now."""
    start = (record.injected_at or record.at) - MARGIN
    return start, min(now, max(record.ended_at, (record.injected_until or record.ended_at) + MARGIN))


def _entry(
    signal: Signal,
    of: str,
    series: Sequence[Series],
    *,
    least: float | None = None,
    most: float | None = None,
) -> Document:
    return {
        "signal": signal.name,
        "of": of,
        "name": signal.meaning,
        "unit": signal.unit,
        "least": least,
        "most": most,
        "points": _worst(series, lowest=least is not None),
    }


def _worst(series: Sequence[Series], *, lowest: bool) -> list[tuple[str, float]]:
    """The worst value of all series at each moment of their common grid; gaps are left out."""
    by_time: dict[datetime, float] = {}
    pick = min if lowest else max
    for each in series:
        for index, value in enumerate(each.values):
            if not isnan(value):
                at = each.start + timedelta(seconds=index * each.step)
                by_time[at] = pick(value, by_time.get(at, value))
    return [(at.isoformat(), float(f"{value:.6g}")) for at, value in sorted(by_time.items())]
