"""What must hold around a generated fault: enough ready pods, few errors, and what the fault bears on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chaoskit.topology import Topology, Workload

Measured = Mapping[tuple[str, str], Mapping[str, float]]
"""Values of signals now, the worst of each workload: by (namespace, ``deployment/cart``), then by signal."""

_RETURNS: Mapping[str, tuple[str, float]] = {
    "pod-memory-hog": ("memory_usage", 0.95),
    "pod-memory-hog-exec": ("memory_usage", 0.95),
    "database-connection-loss": ("db_pool_usage", 0.9),
    "disk-fill": ("fs_usage", 0.9),
    "pod-io-stress": ("fs_usage", 0.9),
}
"""Signals of the target that the fault drives up, and under what they must be before it and after it."""

_SLOWS = frozenset(
    {"pod-cpu-hog", "pod-cpu-hog-exec", "resource-squeeze", "pod-network-latency", "pod-http-latency"}
)
_ANSWERS_ITSELF = frozenset({"pod-http-status-code", "pod-http-latency", "service-blackhole"})
"""Faults after which nobody gets the target's own answers: only its callers can hold then."""

WITHIN = "1m30s"


def conditions(
    fault: str, targets: Iterable[Workload], topology: Topology, measured: Measured
) -> list[dict[str, Any]]:
    """The steady state for a fault on these workloads, as it stands in an Experiment."""
    hit = tuple(targets)
    ready = [
        {"kubernetes": {"workload": str(each.ref)}, "mode": "edges", "recoversWithin": WITHIN} for each in hit
    ]
    noticing = list(dict.fromkeys(each.ref for target in hit for each in _noticing(fault, target, topology)))
    values = {ref: measured.get((ref.namespace, str(ref)), {}) for ref in noticing}
    errors = [
        _during("error_ratio", 0.05, str(ref)) | {"abort": True}
        for ref in noticing
        if "error_ratio" in values[ref]
    ]
    slow = [
        _during("latency_p95", _slower(values[ref]["latency_p95"]), str(ref))
        for ref in noticing
        if fault in _SLOWS and "latency_p95" in values[ref]
    ]
    return [*ready, *errors, *slow, *_returning(fault, hit, measured)]


def _noticing(fault: str, target: Workload, topology: Topology) -> tuple[Workload, ...]:
    """Who would notice: it and its callers. An only pod measures nothing while it is hit."""
    itself = (target,) if len(target.pods) > 1 and fault not in _ANSWERS_ITSELF else ()
    return (*itself, *topology.callers_of(target))


def _during(signal: str, below: float, workload: str) -> dict[str, Any]:
    bound = {"signal": signal, "below": below, "workload": workload}
    return {"prometheus": bound, "mode": "continuous"}


def _slower(now: float) -> float:
    """Three times what it is now, and 200 ms more at least."""
    return round(max(3 * now, now + 0.2), 2)


def _returning(fault: str, hit: Iterable[Workload], measured: Measured) -> Iterator[dict[str, Any]]:
    signal, below = _RETURNS.get(fault, ("", 0.0))
    for each in hit:
        key = (each.ref.namespace, str(each.ref))
        if signal in measured.get(key, {}):
            bound = {"signal": signal, "below": below, "workload": str(each.ref)}
            yield {"prometheus": bound, "mode": "edges", "recoversWithin": WITHIN}
