"""What is to be learned: stretches of failure, and for each row and moment whether it counts as one.

Injected step faults have no precursors: they are labelled while they last (detect). Failures that a
system brings about itself are labelled from `horizon` before they begin (forecast), if they are of a class
that announces itself. What cannot be known is censored, never silently negative: the time before failures
without warning, a horizon more before the others (they may be under way), replicas of what fails, the time
after a mitigation, chaos windows that are not labels, errors that follow from another pod's failure, and
whatever is healthy less than a horizon before the data or the pod ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from chaoskit.prediction.dataset import Block, Dataset, Row, Values, present
from chaoskit.records import LabelRecord, RecoveryRecord, RunRecord, new_id

Mode = Literal["detect", "forecast"]

ISSUES = ("pod-crash", "memory-leak", "network", "database-connection", "cpu-saturation")
"""The classes of failure; `other` is what fits none."""

FORECASTABLE = {
    "memory-leak": "a leak climbs towards its limit",
    "database-connection": "a pool fills before it is exhausted",
    "disk": "a volume fills",
}
DETECTED_ONLY = {
    "pod-crash": "a kill or a bad rollout comes without warning",
    "network": "a cut or a delay is there at once",
    "cpu-saturation": "a stress begins at once; slow growth alone can be foreseen",
}

ERRORS = "errors"
"""The class, for the time being, of a pod that only answers with errors: whose fault that is, is open."""

AT_LEAST = timedelta(minutes=2)
"""How long a failure lasts at the least: a container that was restarted is not back at once."""

STALE = timedelta(minutes=5)
"""From when on a pod without samples is gone, and says nothing about now."""

SETTLING = timedelta(minutes=10)
"""How long after a failure its traces are nobody's fault: neither failure nor health."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the model says: that a failure is there (detect) or comes within `horizon` (forecast).

    An alarm less than `warning` before a failure that can be foreseen leaves no time to act: too late.
    """

    mode: Mode = "forecast"
    horizon: timedelta = timedelta(minutes=30)
    warning: timedelta = timedelta(minutes=3)

    @property
    def lead(self) -> timedelta:
        """How long before a failure that can be foreseen a row counts as one."""
        return self.horizon if self.mode == "forecast" else timedelta(0)

    def lead_of(self, issue: str) -> timedelta:
        """The same for a class of failure: none for what comes without warning."""
        return self.lead if issue in FORECASTABLE else timedelta(0)

    @property
    def words(self) -> str:
        """``fails within 30 min`` or ``is failing``."""
        minutes = self.horizon.total_seconds() / 60
        return f"fails within {minutes:g} min" if self.mode == "forecast" else "is failing"


@dataclass(frozen=True, slots=True)
class Objectives:
    """When something counts as a failure: share of failed requests, samples in a row, pool errors/s."""

    error_ratio: float = 0.05
    samples: int = 2
    pool_errors: float = 0.1


@dataclass(frozen=True, slots=True)
class Event:
    """One failure: its block, the rows that it hit, when (first and last index) and its class."""

    block: int
    rows: tuple[int, ...]
    first: int
    last: int
    issue: str
    start: datetime
    end: datetime
    workload: str


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """For one block, [row, moment]: `y` 1 failure, 0 none, -1 censored; `event` its number or -1."""

    y: NDArray[np.int8]
    event: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A dataset with its truth per block and the events behind it."""

    dataset: Dataset
    target: Target
    truths: tuple[Truth, ...]
    events: tuple[Event, ...]

    @property
    def positives(self) -> int:
        """How many (row, moment) count as failures."""
        return sum(int((truth.y == 1).sum()) for truth in self.truths)


def label(
    dataset: Dataset,
    target: Target,
    *,
    extra: Iterable[LabelRecord] = (),
    chaos: Literal["mask", "label"] = "mask",
    objectives: Objectives | None = None,
) -> Labelled:
    """Every row and moment of the dataset is a failure, none, or censored.

    Failures come from the history itself, from the dataset's own labels and from `extra` (chaos runs,
    recoveries). Chaos windows are censored (``mask``) or failures of their class (``label``); a failure
    that the history shows inside a masked chaos window is censored with it.
    """
    given = [*dataset.labels, *extra]
    failures = [r for r in given if r.meaning == "failure" or (r.meaning == "chaos" and chaos == "label")]
    censored = [r for r in given if r.meaning == "censored" or (r.meaning == "chaos" and chaos == "mask")]
    seen = from_history(dataset, objectives or Objectives())
    events: list[Event] = []
    truths = []
    for index, block in enumerate(dataset.blocks):
        told = list(_events(index, block, failures))
        shown = [event for event in _events(index, block, seen) if not any(_same(event, e) for e in told)]
        causes, consequences = _ordered([*told, *shown], SETTLING.total_seconds() / block.step)
        own = _joined(causes, SETTLING.total_seconds() / block.step)
        truths.append(_truth(block, own, len(events), censored, target, consequences))
        events += own
    return Labelled(dataset, target, tuple(truths), tuple(events))


def _events(index: int, block: Block, failures: Iterable[LabelRecord]) -> Iterator[Event]:
    for record in failures:
        rows = rows_of(block, record.target, record.namespace)
        first, last = _indices(block, record.start, record.end)
        if rows and first <= last:
            yield Event(
                index, rows, first, last, record.issue or "other", record.start, record.end,
                block.rows[rows[0]].workload,
            )  # fmt: skip


def _ordered(events: Sequence[Event], near: float) -> tuple[list[Event], list[Event]]:
    """Events in their own right, and errors that follow from such an event elsewhere at about that time."""
    causes = [event for event in events if event.issue != ERRORS]
    follow: list[Event] = []
    stand: list[Event] = []
    for event in events:
        if event.issue == ERRORS:
            caused = any(c.first - near <= event.last and event.first <= c.last + near for c in causes)
            (follow if caused else stand).append(event)
    return [*causes, *(replace(event, issue="network") for event in stand)], follow


def _joined(events: Iterable[Event], near: float) -> list[Event]:
    """Events of one workload, class and time as one; in order of time."""
    joined: list[Event] = []
    for event in sorted(events, key=lambda event: (event.first, event.rows)):
        same = [
            at
            for at, other in enumerate(joined)
            if (other.workload, other.issue) == (event.workload, event.issue)
            and event.first <= other.last + near
            and not set(event.rows) & set(other.rows)
        ]
        if same:
            other = joined[same[-1]]
            joined[same[-1]] = replace(
                other,
                rows=(*other.rows, *event.rows),
                last=max(other.last, event.last),
                end=max(other.end, event.end),
            )
        else:
            joined.append(event)
    return joined


def _same(one: Event, other: Event) -> bool:
    """Whether two events share a row at the same time: what is told needs no second witness."""
    apart = one.last < other.first or other.last < one.first
    return not apart and bool(set(one.rows) & set(other.rows))


def rows_of(block: Block, target: str, namespace: str = "") -> tuple[int, ...]:
    """The rows meant by a pod's name, a workload (``deployment/cart``) or its bare name."""
    return tuple(
        index
        for index, row in enumerate(block.rows)
        if target in {row.pod, row.workload, row.workload.partition("/")[2], f"pod/{row.pod}"}
        and namespace in {"", row.namespace}
    )


def _indices(block: Block, start: datetime, end: datetime) -> tuple[int, int]:
    """First and last index of the samples in (start, end + one step]: each tells of the time before it."""
    first = int(np.floor((start - block.start).total_seconds() / block.step)) + 1
    last = int(np.floor((end - block.start).total_seconds() / block.step)) + 1
    return max(0, first), min(block.length - 1, last)


def _truth(
    block: Block,
    events: Sequence[Event],
    offset: int,
    censored: Iterable[LabelRecord],
    target: Target,
    consequences: Iterable[Event],
) -> Truth:
    shape = (len(block.rows), block.length)
    y, number = np.zeros(shape, dtype=np.int8), np.full(shape, -1, dtype=np.int32)
    lead = round(target.lead.total_seconds() / block.step)
    settling = round(SETTLING.total_seconds() / block.step) if target.mode == "forecast" else 0
    for event in (*events, *consequences):
        before = 2 * lead if event.issue in FORECASTABLE else lead
        rows = _siblings(block, event) if lead else list(event.rows)
        y[rows, max(0, event.first - before) : event.last + 1 + settling] = -1
    for record in censored:
        first, last = _indices(block, record.start - target.lead, record.end + SETTLING)
        if first <= last:
            y[list(rows_of(block, record.target, record.namespace)), first : last + 1] = -1
    masked = _masked(block, censored)
    for index, event in enumerate(events):
        rows = [row for row in event.rows if not masked[row, event.first]]
        ahead = round(target.lead_of(event.issue).total_seconds() / block.step)
        span = slice(max(0, event.first - ahead), event.last + 1)
        y[rows, span] = 1
        number[rows, span] = offset + index
    y[(y == 0) & _open_ended(block.values, lead)] = -1
    y[~_scored(block.values, block.step)] = -1
    return Truth(y, number)


def _open_ended(values: Values, lead: int) -> NDArray[np.bool_]:
    """Where less than a horizon is known of what came next: the end of the data, or of the pod."""
    there = present(values)
    later = np.zeros_like(there)
    later[:, : there.shape[1] - lead] = there[:, lead:]
    still: NDArray[np.bool_] = np.logical_or.accumulate(later[:, ::-1], axis=1)[:, ::-1]
    return ~still if lead else np.zeros_like(there)


def _siblings(block: Block, event: Event) -> list[int]:
    """All rows of the event's workload: a replica that was replaced in time might have failed as well."""
    return [row for row, who in enumerate(block.rows) if who.workload == event.workload]


def _masked(block: Block, censored: Iterable[LabelRecord]) -> NDArray[np.bool_]:
    """Where a failure is chaos' own doing: from a masked chaos window's start to its settling."""
    found = np.zeros((len(block.rows), block.length), dtype=bool)
    for record in censored:
        if record.meaning == "chaos":
            first, last = _indices(block, record.start, record.end + SETTLING)
            found[list(rows_of(block, record.target, record.namespace)), first : last + 1] = True
    return found


def _scored(values: Values, step: int) -> NDArray[np.bool_]:
    """Where a row is there, or was within the last five minutes: silence is a sign, but not for ever."""
    there = present(values)
    found = there.copy()
    for back in range(1, round(STALE.total_seconds() / step) + 1):
        found[:, back:] |= there[:, :-back]
    return found


# -- failures that the history shows ---------------------------------------------------------------------


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


# -- failures that the records tell of -------------------------------------------------------------------


_FAULTS = {
    "pod-delete": "pod-crash",
    "container-kill": "pod-crash",
    "pod-memory-hog": "memory-leak",
    "pod-cpu-hog": "cpu-saturation",
}


def issue_of_fault(fault: str) -> str:
    """The class of failure that a fault of this name brings about."""
    return _FAULTS.get(fault, "network" if "network" in fault else "other")


def from_runs(runs: Iterable[RunRecord]) -> tuple[LabelRecord, ...]:
    """The chaos windows of these runs, one per target, from injection to its end."""
    return tuple(
        LabelRecord(
            id=new_id(run.at), at=run.at, trace_id=run.trace_id, target=target, namespace=run.namespace,
            meaning="chaos", issue=issue_of_fault(run.fault), start=run.injected_at,
            end=run.injected_until or run.ended_at, source=f"run {run.id}",
        )
        for run in runs
        if run.injected_at is not None
        for target in run.targets
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


def within(labelled: Labelled, keep: Sequence[NDArray[np.bool_]]) -> Labelled:
    """The same with everything censored where `keep` (per block, by moment) is false."""
    truths = []
    for truth, wanted in zip(labelled.truths, keep, strict=True):
        y = truth.y.copy()
        y[:, ~wanted] = -1
        truths.append(replace(truth, y=y))
    return replace(labelled, truths=tuple(truths))
