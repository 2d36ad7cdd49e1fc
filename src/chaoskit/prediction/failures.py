"""The failures that a history shows by itself: restarts, OOM kills, crash loops, not ready, errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaoskit.prediction.dataset import Block, Dataset, Row, Values
from chaoskit.records import LabelRecord, new_id

ERRORS = "errors"
"""The class, for the time being, of a pod that only answers with errors: whose fault that is, is open."""

AT_LEAST = timedelta(minutes=2)
"""How long a failure lasts at the least: a container that was restarted is not back at once."""

SETTLING = timedelta(minutes=10)
"""How long after a failure its traces are nobody's fault: neither failure nor health."""


@dataclass(frozen=True, slots=True)
class Objectives:
    """When something counts as a failure: share of failed requests, samples in a row, pool errors/s."""

    error_ratio: float = 0.05
    samples: int = 2
    pool_errors: float = 0.1


def from_history(dataset: Dataset, objectives: Objectives) -> list[LabelRecord]:
    """The failures of each pod that its signals show: restarts, OOM kills, crash loops, not ready, errors."""
    return [
        record
        for block in dataset.blocks
        for index, row in enumerate(block.rows)
        for record in _failures(block, index, row, dataset, objectives)
    ]


def _failures(
    block: Block, index: int, row: Row, dataset: Dataset, objectives: Objectives
) -> Iterator[LabelRecord]:
    def series(name: str) -> Values:
        column = dataset.column(name)
        if column is None:
            return np.full(block.length, np.nan, dtype=np.float32)
        values: Values = block.values[index, column]
        return values

    bad = _signs(series, objectives)
    failing = np.logical_or.reduce(list(bad.values()))
    for first, last in _stretches(failing, round(SETTLING.total_seconds() / block.step)):
        signs = {name for name, where in bad.items() if where[first : last + 1].any()}
        yield LabelRecord(
            id=new_id(block.at(first)), at=block.at(first), trace_id="", target=row.pod,
            namespace=row.namespace, meaning="failure", issue=_issue(signs, series, first),
            start=block.at(first - 1), end=max(block.at(last - 1), block.at(first - 1) + AT_LEAST),
            source="history",
        )  # fmt: skip


def _signs(series: Any, objectives: Objectives) -> Mapping[str, NDArray[np.bool_]]:
    """Where each sign of a failure is there; a missing value is none."""
    restarts = series("restarts")
    more = np.zeros(len(restarts), dtype=bool)
    more[1:] = np.diff(restarts) > 0
    with np.errstate(invalid="ignore"):
        errors = series("error_ratio") > objectives.error_ratio
        return {
            "restart": more,
            "oom": _risen(series("last_oom")) | (more & (_filled(series("last_oom")) > 0)),
            "crash loop": series("waiting_bad") > 0,
            "not ready": _lasting(series("ready") == 0, objectives.samples) & _was_ready(series("ready")),
            "pool errors": _lasting(series("db_pool_errors") > objectives.pool_errors, objectives.samples),
            "errors": _lasting(errors, objectives.samples),
        }


def _risen(flag: Values) -> NDArray[np.bool_]:
    found = np.zeros(len(flag), dtype=bool)
    found[1:] = np.nan_to_num(np.diff(_filled(flag))) > 0
    return found


def _filled(values: Values) -> Values:
    return np.nan_to_num(values)


def _was_ready(ready: Values) -> NDArray[np.bool_]:
    """From the first moment on at which the pod was ready: before it, it is only starting."""
    found: NDArray[np.bool_] = np.maximum.accumulate(ready == 1)
    return found


def _lasting(where: NDArray[np.bool_], samples: int) -> NDArray[np.bool_]:
    """Where it holds for at least so many samples on end."""
    found = np.zeros_like(where)
    for first, last in _stretches(where, 0):
        found[first : last + 1] = last - first + 1 >= samples
    return found


def _stretches(where: NDArray[np.bool_], bridge: int) -> Iterator[tuple[int, int]]:
    """First and last index of each stretch; two with at most `bridge` samples between them are one."""
    hits = np.flatnonzero(where)
    if len(hits):
        breaks = np.flatnonzero(np.diff(hits) > bridge + 1)
        yield from zip(
            hits[[0, *(breaks + 1)]].tolist(), hits[[*breaks, len(hits) - 1]].tolist(), strict=True
        )


def _issue(signs: set[str], series: Any, first: int) -> str:
    """The class of a failure from its signs; a full memory before the end is a leak, not a crash."""
    memory = series("memory_usage")[max(0, first - 3) : first + 1]
    if "oom" in signs or (memory > 0.9).any():
        return "memory-leak"
    if "pool errors" in signs:
        return "database-connection"
    if signs & {"crash loop", "restart", "not ready"}:
        return "pod-crash"
    busy = series("cpu_throttled_ratio")[max(0, first - 3) : first + 3]
    return "cpu-saturation" if (busy > 0.5).any() else ERRORS
