"""What is to be learned: stretches of failure, and for each row and moment whether it counts as one.

Injected step faults have no precursors: they are labelled while they last (detect). Failures that a
system brings about itself are labelled from `horizon` before they begin (forecast), if they are of a class
that announces itself. A ramp, whose beginning was told, is labelled from there to its failure.

What cannot be known is censored, never silently negative: the time before failures without warning, a horizon
more before the others (they may be under way), replicas of what fails, the time after a mitigation, chaos
windows that are not labels, what follows from chaos or from another pod's failure, what led up to a failure
that is told when its pod or the data had ended, whatever is healthy less than a horizon before that end, and
a pod that another has replaced: a prediction leaves it out, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chaoskit.prediction.data.arrays import Bools, Floats
from chaoskit.prediction.data.dataset import Block, Dataset, Row, present
from chaoskit.prediction.data.replaced import handed_over
from chaoskit.prediction.labelling.failures import ERRORS, SETTLING, Objectives, from_history
from chaoskit.records import LabelRecord, foretold

Mode = Literal["detect", "forecast"]
Chaos = Literal["mask", "label"]

OTHER = "other"
"""The class of failures of which nobody says one."""

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

SPREADING = frozenset({ERRORS, "database-connection"})
"""Failures that reach a pod along its calls: while chaos is elsewhere, nobody knows whose they are."""

STALE = timedelta(minutes=5)
"""From when on a pod without samples is gone, and says nothing about now."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the model says: that a failure is there (detect) or comes within `horizon` (forecast).

    An alarm less than `warning` before a failure that can be foreseen leaves no time to act: too late. It
    counts when it holds for `confirm` samples on end. A forecast without a horizon is of ramps: it says
    that something is on its way to a failure.
    """

    mode: Mode = "forecast"
    horizon: timedelta = timedelta(minutes=30)
    warning: timedelta = timedelta(minutes=3)
    confirm: int = 1

    @property
    def lead(self) -> timedelta:
        """How long before a failure that can be foreseen a row counts as one."""
        return self.horizon if self.mode == "forecast" else timedelta(0)

    def lead_of(self, event: Event) -> timedelta:
        """The same for one failure: none for what comes without warning, was injected or begins as a ramp."""
        announced = event.issue in FORECASTABLE and not (event.injected or event.ramp)
        return self.lead if announced else timedelta(0)

    def reach_of(self, event: Event) -> timedelta:
        """How long before it what led up to it is a failure or censored: healthy it is not."""
        return self.lead + self.lead_of(event)

    @property
    def words(self) -> str:
        """``fails within 30 min``, ``is on its way to a failure`` or ``is failing``."""
        return foretold(self.mode, self.lead.total_seconds() / 60)


@dataclass(frozen=True, slots=True)
class Event:
    """One failure: its block, the rows that it hit, when (first and last index) and its class.

    A `ramp` goes wrong from `start` to its failure at `end`: it leaves a lead. What was `injected` by an
    experiment has no beginning before it, of whatever class it is. `source` says who tells of it: a file,
    chaoskit's own experiments, or what in the signals shows it.
    """

    block: int
    rows: tuple[int, ...]
    first: int
    last: int
    issue: str
    start: datetime
    end: datetime
    workload: str
    namespace: str
    fault: str = ""
    ramp: bool = False
    injected: bool = False
    source: str = ""


EXPERIMENTS = "experiments"
"""The source of what chaoskit's own runs tell."""


@dataclass(frozen=True, slots=True)
class _Window:
    """When chaos was in a block, the rows it was meant for, and the namespace that it reached, "" for all."""

    rows: tuple[int, ...]
    first: int
    last: int
    namespace: str


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """For one block, [row, moment]: `y` 1 failure, 0 none, -1 censored; `event` its number or -1."""

    y: NDArray[np.int8]
    event: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A dataset with its truth per block and the events behind it.

    `late` are failures that no sample can show: they are told when their pods or the data had ended.
    """

    dataset: Dataset
    target: Target
    truths: tuple[Truth, ...]
    events: tuple[Event, ...]
    late: tuple[Event, ...] = ()

    @property
    def positives(self) -> int:
        """How many (row, moment) count as failures."""
        return sum(int((truth.y == 1).sum()) for truth in self.truths)

    def is_blind(self, event: Event) -> bool:
        """Whether these signals cannot show failures of its class."""
        return event.issue in self.dataset.blind

    def visible(self, events: Iterable[Event]) -> list[Event]:
        """Those of these events that the signals can show."""
        return [event for event in events if not self.is_blind(event)]


def failing(chaos: Chaos) -> set[str]:
    """The meanings of records that are failures, where past experiments are this to learning."""
    return {"failure", "ramp", *(["chaos"] if chaos == "label" else [])}


def label(
    dataset: Dataset,
    target: Target,
    *,
    extra: Iterable[LabelRecord] = (),
    chaos: Chaos = "mask",
    objectives: Objectives | None = None,
) -> Labelled:
    """Every row and moment of the dataset is a failure, none, or censored.

    Failures come from the history itself, from the dataset's own labels and from `extra` (chaos runs,
    recoveries). Chaos windows are censored (``mask``) or failures of their class, exactly while they last
    (``label``). What the history shows on chaos' own targets meanwhile is its doing; so may be what spreads
    along calls to others: both are censored.
    """
    given = [*dataset.labels, *extra]
    meant = failing(chaos)
    failures = [record for record in given if record.meaning in meant]
    history = from_history(dataset, objectives or Objectives())
    seen = [record for record in history if record.meaning in meant]
    censored = [record for record in (*given, *history) if record.meaning not in meant]
    events: list[Event] = []
    missed: list[Event] = []
    truths = []
    for index, block in enumerate(dataset.blocks):
        near = SETTLING.total_seconds() / block.step
        told, late = _told(index, block, failures, target)
        windows = list(_windows(block, given))
        shown, caused = _shown(index, block, seen, told, windows, near)
        causes, consequences = _ordered([*told, *shown], near)
        own = _joined(causes, near)
        truths.append(_truth(block, own, len(events), censored, target, [*consequences, *caused, *late]))
        events += own
        missed += late
    return Labelled(dataset, target, tuple(truths), tuple(events), tuple(missed))


def _told(
    index: int, block: Block, failures: Iterable[LabelRecord], target: Target
) -> tuple[list[Event], list[Event]]:
    """Failures of who was there or is foretold; and those told too late for that, which only censor.

    Late is what is told of who fell silent before, and what began when the data had ended.
    """
    told: list[Event] = []
    late: list[Event] = []
    for event in _events(index, block, failures):
        if event.first <= event.last and _there(block, event, target.lead_of(event)):
            told.append(event)
        elif _there(block, event, target.reach_of(event)):
            late.append(event)
    return told, late


def _shown(
    index: int,
    block: Block,
    seen: Iterable[LabelRecord],
    told: Iterable[Event],
    windows: Sequence[_Window],
    near: float,
) -> tuple[list[Event], list[Event]]:
    """What the history itself shows and nobody told: failures of their own, and those that chaos may explain.

    What shares a row and a moment with what is told needs no second witness.
    """
    known = np.zeros((len(block.rows), block.length), dtype=np.bool_)
    for event in told:
        known[list(event.rows), event.first : event.last + 1] = True
    own: list[Event] = []
    caused: list[Event] = []
    for event in _events(index, block, seen):
        if event.first <= event.last and not known[list(event.rows), event.first : event.last + 1].any():
            (caused if _explained(event, windows, near) else own).append(event)
    return own, caused


def _events(index: int, block: Block, records: Iterable[LabelRecord]) -> Iterator[Event]:
    """What they tell of rows of this block, of which it may lie outside: first after last."""
    for record in records:
        if event := _event(index, block, record):
            yield event


def _event(index: int, block: Block, record: LabelRecord) -> Event | None:
    """What it tells of this block, of which it may lie outside: first after last; None of nobody in it."""
    rows = rows_of(block, record)
    if not rows:
        return None
    return Event(
        index, rows, *_span(block, record), record.issue or OTHER, record.start, record.end,
        block.rows[rows[0]].workload, block.rows[rows[0]].namespace, record.fault,
        record.meaning == "ramp", record.meaning == "chaos",
        EXPERIMENTS if record.trace_id else record.source,
    )  # fmt: skip


def _windows(block: Block, given: Iterable[LabelRecord]) -> Iterator[_Window]:
    """The chaos during this block, also that of targets which are not in it: callers may be."""
    for record in given:
        if record.meaning == "chaos" and record.run in {"", block.run}:
            reached = "" if record.target.startswith("node/") else record.namespace
            yield _Window(rows_of(block, record), *_span(block, record), reached)


def _explained(event: Event, chaos: Iterable[_Window], near: float) -> bool:
    """Whether a failure began under chaos that it may come from: on its targets, or along calls to others.

    Calls are those of one namespace; a node carries pods of all.
    """
    return any(
        each.first <= event.first <= each.last + near
        and (
            (event.issue in SPREADING and each.namespace in {"", event.namespace})
            or bool(set(event.rows) & set(each.rows))
        )
        for each in chaos
    )


def _ordered(events: Sequence[Event], near: float) -> tuple[list[Event], list[Event]]:
    """Events in their own right, and errors that follow from one of their namespace at about that time."""
    causes = [event for event in events if event.issue != ERRORS]
    follow: list[Event] = []
    stand: list[Event] = []
    for event in events:
        if event.issue == ERRORS:
            caused = any(
                cause.namespace == event.namespace
                and cause.first - near <= event.last
                and event.first <= cause.last + near
                for cause in causes
            )
            (follow if caused else stand).append(event)
    return [*causes, *(replace(event, issue="network") for event in stand)], follow


def _joined(events: Iterable[Event], near: float) -> list[Event]:
    """Events of one workload, class and time as one; in order of time."""
    joined: list[Event] = []
    recent: dict[tuple[str, str, str], list[int]] = {}
    for event in sorted(events, key=lambda event: (event.first, event.rows)):
        kind = event.namespace, event.workload, event.issue
        going = [at for at in recent.get(kind, ()) if event.first <= joined[at].last + near]
        same = [at for at in going if not set(event.rows) & set(joined[at].rows)]
        if same:
            other = joined[same[-1]]
            joined[same[-1]] = replace(
                other,
                rows=(*other.rows, *event.rows),
                last=max(other.last, event.last),
                end=max(other.end, event.end),
            )
        else:
            going.append(len(joined))
            joined.append(event)
        recent[kind] = going
    return joined


def rows_of(block: Block, record: LabelRecord) -> tuple[int, ...]:
    """The rows that it means: by a pod's name, a workload (``deployment/cart``), its bare name or ``*``."""
    if record.run not in {"", block.run}:
        return ()
    target = record.target
    return tuple(
        index
        for index, row in enumerate(block.rows)
        if target in {"*", *names_of(row)} and record.namespace in {"", row.namespace}
    )


def means_anybody(block: Block, record: LabelRecord, target: Target) -> bool:
    """Whether a row that it means is there then, or was in the time before it that it labels or censors.

    Of a time just outside the block, who is there at that edge is there then.
    """
    event = _event(0, block, record)
    if event is None:
        return False
    edge = replace(event, first=min(event.first, block.length), last=max(event.last, 0))
    return _there(block, event, target.reach_of(event)) or _there(block, edge, STALE)


def reaches(block: Block, record: LabelRecord, target: Target) -> bool:
    """Whether it lies so shortly after the block that of a row's last samples more than usual are censored.

    Those of the last horizon are so anyway: this is for what can be foreseen two of them ahead.
    """
    event = _event(0, block, record)
    return event is not None and _there(block, event, target.lead_of(event))


def _there(block: Block, event: Event, before: timedelta) -> bool:
    """Whether one of its rows has a sample while it lasts or so long before it, or was not yet gone then."""
    lately = _steps(max(before, STALE), block)
    then = slice(max(0, event.first - lately), max(0, event.last + 1))
    return bool(present(block.values[list(event.rows), :, then]).any())


def _steps(time: timedelta, block: Block) -> int:
    """How many steps of the block reach over so long a time: the least that do."""
    return math.ceil(time.total_seconds() / block.step)


def names_of(row: Row) -> tuple[str, ...]:
    """What a label may call it: by its pod or its workload, each bare or with its kind."""
    return row.pod, row.workload, row.workload.partition("/")[2], f"pod/{row.pod}"


def _span(block: Block, record: LabelRecord) -> tuple[int, int]:
    """First and last index of what it means.

    A failure shows in the samples of (start, end + one step], as each tells of the time before it; of a
    ramp the samples until its failure; what is unknown is exactly [start, end].
    """
    begin, end = (((at - block.start).total_seconds()) / block.step for at in (record.start, record.end))
    if record.meaning == "unknown":
        first, last = int(np.ceil(begin)), int(np.floor(end))
    else:
        first = int(np.floor(begin)) + 1
        last = int(np.ceil(end)) - 1 if record.meaning == "ramp" else int(np.floor(end)) + 1
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
    scored, heard = _scored(block.values, block.step), _heard(block.values)
    for event in (*events, *consequences):
        before = 2 * lead if target.lead_of(event) else lead
        rows = _siblings(block, event) if lead else list(event.rows)
        y[rows, max(0, event.first - before) : event.last + 1 + settling] = -1
    for record in censored:
        exact = record.meaning == "unknown"
        wider = (
            record if exact else replace(record, start=record.start - target.lead, end=record.end + SETTLING)
        )
        first, last = _span(block, wider)
        if first <= last:
            y[list(rows_of(block, record)), first : last + 1] = -1
    for index, event in enumerate(events):
        rows = list(event.rows)
        ahead = round(target.lead_of(event).total_seconds() / block.step)
        span = slice(max(0, event.first - ahead), event.last + 1)
        # Who died of it fails to its end; who was gone before, or is not made yet, where it is scored.
        hurt = heard[rows, span] >= event.first - _steps(STALE, block)
        hit = scored[rows, span] | (hurt & (np.arange(span.start, span.stop) >= event.first))
        y[rows, span] = np.where(hit, 1, y[rows, span])
        number[rows, span] = np.where(hit, offset + index, number[rows, span])
    y[(y == 0) & _open_ended(block.values, lead)] = -1
    y[(y == 0) & ~scored] = -1
    y[(y == 0) & (np.arange(block.length) >= handed_over(block)[:, None])] = -1
    return Truth(y, number)


def _open_ended(values: Floats, lead: int) -> Bools:
    """Where less than a horizon is known of what came next: the end of the data, or of the pod."""
    there = present(values)
    later = np.zeros_like(there)
    later[:, : max(0, there.shape[1] - lead)] = there[:, lead:]
    still: Bools = np.logical_or.accumulate(later[:, ::-1], axis=1)[:, ::-1]
    return ~still if lead else np.zeros_like(there)


def _siblings(block: Block, event: Event) -> list[int]:
    """All rows of the event's workloads: a replica that was replaced in time might have failed as well."""
    named = {block.rows[row][:2] for row in event.rows}
    return [row for row, who in enumerate(block.rows) if who[:2] in named]


def _scored(values: Floats, step: int) -> Bools:
    """Where a row is there, or was within the last five minutes: silence is a sign, but not for ever."""
    there = present(values)
    found = there.copy()
    for back in range(1, round(STALE.total_seconds() / step) + 1):
        found[:, back:] |= there[:, :-back]
    return found


def _heard(values: Floats) -> NDArray[np.int32]:
    """For each row and moment the index of the newest sample until then; far below 0 before the first."""
    never = np.iinfo(np.int32).min
    moments = np.arange(values.shape[2], dtype=np.int32)
    heard: NDArray[np.int32] = np.maximum.accumulate(np.where(present(values), moments, never), axis=1)
    return heard
