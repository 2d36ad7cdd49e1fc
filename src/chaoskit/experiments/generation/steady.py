"""What must hold around a generated fault: enough ready pods, few errors, and what the fault bears on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chaoskit.experiments.generation.repertoire import PROPOSABLE
from chaoskit.steadystate.conditions import SignalCondition
from chaoskit.topology import Topology, Workload

Measured = Mapping[tuple[str, str], Mapping[str, float]]
"""Values of signals now, the worst of each workload: by (namespace, ``deployment/cart``), then by signal."""

WITHIN = "1m30s"


def conditions(
    fault: str, targets: Iterable[Workload], topology: Topology, measured: Measured, *, seconds: float
) -> list[dict[str, Any]]:
    """The steady state for a fault of so many seconds on these workloads, as it stands in an Experiment."""
    hit = tuple(targets)
    ready = [
        {"kubernetes": {"workload": str(each.ref)}, "mode": "edges", "recoversWithin": WITHIN} for each in hit
    ]
    noticing = list(dict.fromkeys(each.ref for target in hit for each in _noticing(fault, target, topology)))
    values = {ref: measured.get((ref.namespace, str(ref)), {}) for ref in noticing}
    errors = [
        _during("error_ratio", 0.05, str(ref), seconds) | {"abort": True}
        for ref in noticing
        if "error_ratio" in values[ref]
    ]
    slow = [
        _during("latency_p95", _slower(values[ref]["latency_p95"]), str(ref), seconds)
        for ref in noticing
        if PROPOSABLE[fault].slows and "latency_p95" in values[ref]
    ]
    return [*ready, *errors, *slow, *_returning(fault, hit, measured)]


def _noticing(fault: str, target: Workload, topology: Topology) -> tuple[Workload, ...]:
    """Who would notice: it and its callers. An only pod measures nothing while it is hit."""
    itself = (target,) if len(target.pods) > 1 and not PROPOSABLE[fault].silences else ()
    return (*itself, *topology.callers_of(target))


def _during(signal: str, below: float, workload: str, seconds: float) -> dict[str, Any]:
    """Looked at until it must have shown the fault, however short that is."""
    bound = SignalCondition(signal=signal, below=below, workload=workload)
    lag = {"lag": f"{bound.late - seconds:g}s"} if bound.late > seconds else {}
    return {"prometheus": bound.model_dump(exclude_defaults=True), "mode": "continuous", **lag}


def _slower(now: float) -> float:
    """Three times what it is now, and 200 ms more at least."""
    return round(max(3 * now, now + 0.2), 2)


def _returning(fault: str, hit: Iterable[Workload], measured: Measured) -> Iterator[dict[str, Any]]:
    signal, below = PROPOSABLE[fault].returns or ("", 0.0)
    for each in hit:
        key = (each.ref.namespace, str(each.ref))
        if signal in measured.get(key, {}):
            bound = {"signal": signal, "below": below, "workload": str(each.ref)}
            yield {"prometheus": bound, "mode": "edges", "recoversWithin": WITHIN}
