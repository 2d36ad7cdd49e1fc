"""Measurements as arrays: rows (pods) by signal by time, in blocks without a break; NaN is missing."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from chaoskit import errors, events, signals, topology
from chaoskit.ports.metrics import MetricsSource, QueryRefused, Series, Signal
from chaoskit.prediction.data import memory
from chaoskit.prediction.data.arrays import Bools, Doubles, Floats, Measured, missing
from chaoskit.records import LabelRecord

MAX_GAP = timedelta(hours=2)
"""A longer break in a file begins a new block: what was before it is no baseline any more."""


class Row(NamedTuple):
    """Whose values these are. It groups and names; it is never a feature."""

    namespace: str
    workload: str
    pod: str


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One unbroken stretch: `values[row, signal, i]` was true at `start + i * step`; NaN is missing.

    `fine` is what single precision lost of counters, [row, i] by the signal's index; only where it lost any.
    """

    run: str
    rows: tuple[Row, ...]
    start: datetime
    step: int
    values: Floats
    fine: Mapping[int, Floats] = field(default_factory=dict)

    @property
    def exact(self) -> Measured:
        """The values as they were measured: in double precision where counters need it."""
        if not self.fine:
            return self.values
        found = self.values.astype(np.float64)
        for column, lost in self.fine.items():
            found[:, column] += lost
        return found

    @property
    def length(self) -> int:
        """How many moments it has."""
        return int(self.values.shape[2])

    @property
    def end(self) -> datetime:
        """Its last moment."""
        return self.at(self.length - 1)

    @property
    def times(self) -> Doubles:
        """Its moments in Unix seconds."""
        return np.arange(self.length, dtype=np.float64) * self.step + self.start.timestamp()

    def at(self, index: int) -> datetime:
        """The moment with this index, UTC."""
        return self.start + timedelta(seconds=index * self.step)

    def cut(self, first: int, last: int) -> Block:
        """Its moments `first` to `last`, the last one excluded."""
        return replace(self.changed(lambda each: each[..., first:last]), start=self.at(first))

    def of(self, rows: Sequence[int]) -> Block:
        """The same of these rows alone."""
        chosen = list(rows)
        return replace(self.changed(lambda each: each[chosen]), rows=tuple(self.rows[row] for row in chosen))

    def changed(self, change: Callable[[Floats], Floats]) -> Block:
        """The same with other values: `change` is made of [row, ..., i], whatever lies between."""
        fine = {column: change(lost) for column, lost in self.fine.items()}
        return replace(self, values=change(self.values), fine=fine)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """What was measured, in one or more blocks of the same signals and step (seconds), with outside labels.

    Blocks are in order of time, as they begin: what is held out is the last of them.

    `blind` names classes of failure that these signals cannot show, each with the reason: they are reported,
    and count in what is probable, but no forest learns from them and no figure credits them. `notes` say in
    words what is strange about what was read.
    """

    signals: tuple[Signal, ...]
    step: int
    blocks: tuple[Block, ...]
    labels: tuple[LabelRecord, ...] = ()
    blind: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The signals' names, in the order of the arrays."""
        return tuple(signal.name for signal in self.signals)

    @property
    def hours(self) -> float:
        """How many hours it covers."""
        return sum(block.length for block in self.blocks) * self.step / 3600

    @property
    def samples(self) -> int:
        """How many (row, moment) pairs have any value."""
        return sum(int(present(block.values).sum()) for block in self.blocks)

    @property
    def missing_share(self) -> float:
        """The share of values that are missing where the row has any at all."""
        seen = [block.values.transpose(0, 2, 1)[present(block.values)] for block in self.blocks]
        total = sum(each.size for each in seen)
        return sum(int(np.isnan(each).sum()) for each in seen) / total if total else 0.0

    def column(self, name: str) -> int | None:
        """The index of a signal, or None."""
        return self.names.index(name) if name in self.names else None

    def select(self, wanted: Sequence[Signal]) -> Dataset:
        """The same with exactly these signals, in this order; what it lacks is missing everywhere."""
        if tuple(wanted) == self.signals:
            return self
        return replace(
            self,
            signals=tuple(wanted),
            blocks=tuple(self._with_columns(b, wanted) for b in self.blocks),
        )

    def sampled(self) -> Dataset:
        """The same without the signals that have no sample anywhere: nothing can be learned from them."""
        seen = [
            not all(missing(b.values[:, at]).all() for b in self.blocks) for at in range(len(self.signals))
        ]
        return self.select([signal for signal, there in zip(self.signals, seen, strict=True) if there])

    def until(self, at: datetime) -> Dataset:
        """The same without what was measured after `at`; blocks that begin later are left out.

        The last block is the one that tells of `at`, or of the latest moment before it; where several do, as
        of runs side by side, the one that began last.

        Raises:
            InvalidInput: nothing was measured before.
        """
        counts = [int((at - block.start).total_seconds() // block.step) + 1 for block in self.blocks]
        kept = tuple(b.cut(0, n) for b, n in zip(self.blocks, counts, strict=True) if n > 0)
        if not kept:
            raise errors.InvalidInput(f"there is no data before {at:%Y-%m-%d %H:%M} UTC")
        return replace(self, blocks=tuple(sorted(kept, key=lambda block: (block.end, block.start))))

    def _with_columns(self, block: Block, wanted: Sequence[Signal]) -> Block:
        values = np.full((len(block.rows), len(wanted), block.length), np.nan, dtype=np.float32)
        fine = {}
        for index, signal in enumerate(wanted):
            if (column := self.column(signal.name)) is not None:
                values[:, index] = block.values[:, column]
                if column in block.fine:
                    fine[index] = block.fine[column]
        return replace(block, values=values, fine=fine)

    def thin(self, step: int) -> Dataset:
        """The same on a grid of `step` seconds: each moment keeps the newest sample of the time before it.

        Blocks that are shorter than a step are left out, but for one that is left alone.

        Raises:
            InvalidInput: the grid is finer, or no multiple of the one that there is.
        """
        if step == self.step:
            return self
        if step % self.step:
            message = f"a grid of {step} s cannot be made from one of {self.step} s"
            raise errors.InvalidInput(message, hint=f"collect every {step} s, or a whole part of that")
        blocks = tuple(_thin(block, step // self.step) for block in self.blocks)
        long_enough = tuple(block for block in blocks if block.length)
        return replace(self, step=step, blocks=long_enough or blocks[-1:])

    def only(self, workloads: Iterable[str]) -> Dataset:
        """The same with the rows of these workloads alone."""
        wanted = set(workloads)
        return replace(self, blocks=tuple(_rows_of(block, wanted) for block in self.blocks))


def present(values: Floats) -> Bools:
    """Which (row, moment) have any value."""
    found: Bools = np.logical_not(missing(values).all(axis=1))
    return found


def nothing(rows: int, signals: int, moments: int) -> Floats:
    """Floats [row, signal, moment] that are all missing yet; `CannotStart` without memory for them."""
    memory.check(memory.history(rows, moments, signals), 4 * rows * signals * moments, memory.free())
    return np.full((rows, signals, moments), np.nan, dtype=np.float32)


def single(values: Measured) -> Floats:
    """In single precision, as values are kept; what is too large for that is missing: it measures nothing."""
    with np.errstate(over="ignore"):
        found = values.astype(np.float32)
    return _measured(found)


def put(counter: Doubles, values: Floats, fine: dict[int, Floats], column: int) -> None:
    """A counter [row, moment] is this column's, and what single precision loses of it is in `fine`.

    What it grew by is a small difference of numbers that may be large: in single precision it would be lost.
    Both together have 48 bits.
    """
    values[:, column] = single(counter)
    lost = single(counter - values[:, column])
    if np.nan_to_num(lost).any():
        fine[column] = lost


def _measured(values: Floats) -> Floats:
    values[np.isinf(values)] = np.nan
    return values


def _thin(block: Block, factor: int) -> Block:
    usable = block.length // factor * factor

    def newest(values: Floats) -> Floats:
        parts = values[..., :usable].reshape((*values.shape[:-1], usable // factor, factor))
        found = parts[..., -1].copy()
        for back in range(2, factor + 1):
            np.copyto(found, parts[..., -back], where=missing(found))
        return found

    return replace(block.changed(newest), start=block.at(factor - 1), step=block.step * factor)


def _rows_of(block: Block, workloads: set[str]) -> Block:
    return block.of([index for index, row in enumerate(block.rows) if row.workload in workloads])


@memory.in_words()
def collect(
    metrics: MetricsSource,
    start: datetime,
    end: datetime,
    namespace: str,
    *,
    wanted: Sequence[Signal] | None = None,
    step: int = 60,
    without: Collection[str] = (),
    listen: events.Listener = events.ignore,
) -> Dataset:
    """All pods of a namespace from `start` to `end` on a grid of `step` seconds, as one block.

    Namespace "" means all of them but those of `without`. Without `wanted`, every signal that is known; those
    without any sample there are left out. It begins where the samples do: Prometheus may not reach back as
    far as `start`. A workload's or an edge's series counts for each of its pods (the worst caller, where
    several call); signals of nodes are left out: which pod was on which node then is not known. So are pods
    of jobs and of Litmus' engines, which are meant to end. A signal that Prometheus refuses to evaluate is
    missing, with a warning. Raises `NoSamples` when no pod has any signal there, `CannotStart` without memory
    enough.
    """
    usable = tuple(signal for signal in wanted or signals.known() if signal.scope != "node")
    where = {"namespace": namespace} if namespace else {}
    found: list[tuple[Series, ...]] = []
    for number, signal in enumerate(usable):
        try:
            series = metrics.range(signal, start, end, step=step, where=where)
            found.append(tuple(series) if signal.kind == "counter" else _single(series))
        except QueryRefused as refused:
            listen(events.Warned(end, f"signal {signal.name} is missing: {refused.message}"))
            found.append(())
        listen(events.Progress(end, "signals", number + 1, len(usable), "signals"))
    seen = named(row for series in found for row in _pods(series)).values()
    left = (row for row in seen if row.namespace not in without)
    pods = tuple(sorted(row for row in left if not row.workload.startswith(_ENDING)))
    if not pods:
        place = f"in namespace {namespace}" if namespace else "in any namespace"
        looked = f"chaoskit doctor --namespace {namespace}" if namespace else "chaoskit doctor -A"
        raise errors.NoSamples(
            f"no signal has a sample {place} from {start:%Y-%m-%d %H:%M} to {end:%H:%M} UTC",
            hint=f"{looked} says which signals Prometheus has",
        )
    length = int((end - start).total_seconds() // step) + 1
    values = nothing(len(pods), len(usable), length)
    fine: dict[int, Floats] = {}
    for column, series in enumerate(found):
        if usable[column].kind == "counter":
            exact = np.full((len(pods), length), np.nan)
            _fill(exact, pods, series, start, step)
            put(exact, values, fine, column)
        else:
            _fill(values[:, column], pods, series, start, step)
    _clear_absent(_measured(values), usable)
    for column, lost in fine.items():
        lost[missing(values[:, column])] = np.nan
    block = Block(namespace, pods, start.astimezone(UTC), step, values, fine)
    first = int(np.argmax(present(values).any(axis=0)))
    return Dataset(usable, step, (block.cut(first, length),)).sampled()


def unmeasured(
    start: datetime, end: datetime, namespace: str, wanted: Sequence[Signal], *, step: int
) -> Dataset:
    """One block from `start` to `end` on a grid of `step` seconds, without a pod: nothing was measured."""
    length = int((end - start).total_seconds() // step) + 1
    values = np.empty((0, len(wanted), length), dtype=np.float32)
    return Dataset(tuple(wanted), step, (Block(namespace, (), start.astimezone(UTC), step, values),))


def _single(series: Iterable[Series]) -> tuple[Series, ...]:
    """The same in single precision, as it is kept: half the memory while the other signals are asked for."""
    return tuple(replace(each, values=array("f", each.values)) for each in series)


def _clear_absent(values: Floats, usable: Sequence[Signal]) -> None:
    """Where a pod has no sample of its own, what its workload has is not its either."""
    absent = np.ones((values.shape[0], values.shape[2]), dtype=np.bool_)
    for index, signal in enumerate(usable):
        if signal.scope == "pod":
            absent &= missing(values[:, index])
    values.transpose(0, 2, 1)[absent] = np.nan


_ENDING = ("job/", "chaosengine/")
"""Pods of these owners are meant to end: that they fall silent or are not ready says nothing."""


def _pods(series: Iterable[Series]) -> Iterator[Row]:
    for each in series:
        if each.labels.get("pod"):
            workload = topology.workload_name(each.labels)
            yield Row(each.labels.get("namespace", ""), workload, each.labels["pod"])


def named(rows: Iterable[Row]) -> dict[tuple[str, str], Row]:
    """One row for each pod (namespace, name): an owner that is recorded goes before one that is guessed."""
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        who = (row.namespace, row.pod)
        known = found.setdefault(who, row)
        if known != row and known.workload == topology.workload_name({"pod": row.pod}):
            found[who] = row
    return found


def _fill(
    values: Measured,
    pods: Sequence[Row],
    series: Iterable[Series],
    start: datetime,
    step: int,
) -> None:
    """Put each series at its pods, the greater value where two meet (several callers of one pod)."""
    of_pod = {(row.namespace, row.pod): [index] for index, row in enumerate(pods)}
    of_workload: dict[tuple[str, str], list[int]] = {}
    for index, row in enumerate(pods):
        of_workload.setdefault(row[:2], []).append(index)
    for each in series:
        targets = _targets(each.labels, of_pod, of_workload)
        offset = round((each.start - start).total_seconds() / step)
        data = np.asarray(each.values, dtype=values.dtype)[max(0, -offset) :]
        first = max(0, offset)
        data = data[: values.shape[1] - first]
        for index in targets:
            place = values[index, first : first + len(data)]
            np.fmax(place, data, out=place)


def _targets(
    labels: Mapping[str, str],
    of_pod: Mapping[tuple[str, str], list[int]],
    of_workload: Mapping[tuple[str, str], list[int]],
) -> list[int]:
    place = labels.get("namespace", "")
    if labels.get("pod"):
        return of_pod.get((place, labels["pod"]), [])
    name = labels.get("workload") or labels.get("destination") or labels.get("app", "")
    kind = labels.get("workload_kind") or "deployment"
    return of_workload.get((place, f"{kind}/{name}"), [])
