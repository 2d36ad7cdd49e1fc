"""From lines in any order to blocks: each value at its pod and moment, signal after signal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from chaoskit.ports.metrics import Signal
from chaoskit.prediction.data import grid, memory
from chaoskit.prediction.data.arrays import Doubles, Ints, Numbers, Reals
from chaoskit.prediction.data.dataset import MAX_GAP, Block, Row, Values, single
from chaoskit.prediction.reading import mapping as mappings

AT_ONCE = 2**16
"""About so many lines, of whole pods, are put into their places at once."""


def counts_up(mapping: mappings.Mapping) -> list[bool]:
    """Of which signals it matters by how much they grow, which single precision cannot tell."""
    signals = zip(mapping.signals.values(), mapping.catalogue(), strict=True)
    return [column.rate or signal.kind == "counter" for column, signal in signals]


@dataclass(frozen=True, slots=True)
class Made:
    """Blocks in order of time, and how the lines were that made them.

    So many samples are `lost`, as a newer one of their pod stands at their moment; of so many a later line
    says otherwise (`untrue`). Those of one pod and signal are mostly so many seconds `apart`, if any are. The
    lines are from `first` to `last`, in Unix seconds.
    """

    blocks: tuple[Block, ...]
    lost: int
    untrue: int
    apart: float | None
    first: float
    last: float


@dataclass(frozen=True, slots=True, eq=False)
class Ordered:
    """Lines by part, block, pod and time, those of one pod and time as they came.

    A part has all lines of some pods; within it those of one block are on end, and make a piece. `order` is
    where each was when they came.
    """

    whose: Sequence[tuple[str, Row]]
    order: Ints
    who: Numbers
    at: Doubles
    parts: Sequence[slice]
    pieces: Sequence[tuple[int, slice]]


def ordered(whose: Mapping[tuple[str, Row], int], who: Numbers, at: Doubles) -> Ordered:
    """The lines as they are put into blocks: whose they are (by these numbers), and when (Unix seconds)."""
    names = sorted(whose)
    place = np.empty(len(names), np.int32)
    place[[whose[name] for name in names]] = np.arange(len(names))
    who = place[who]
    block = _blocks(np.unique([run for run, _ in names], return_inverse=True)[1].astype(np.int32)[who], at)
    ends = np.cumsum(np.bincount(who))
    part = (np.concatenate([[0], ends[:-1]]) // AT_ONCE).astype(np.int32)[who]
    order = np.lexsort((at, who, block, part))
    part, block = part[order], block[order]
    begins = np.flatnonzero(np.diff(part, prepend=-1))
    changes = np.flatnonzero((np.diff(part, prepend=-1) != 0) | (np.diff(block, prepend=-1) != 0))
    pieces = list(zip(block[changes].tolist(), _slices(changes, len(at)), strict=True))
    return Ordered(names, order, who[order], at[order], _slices(begins, len(at)), pieces)


def _slices(begins: Ints, end: int) -> list[slice]:
    return [slice(*each) for each in zip(begins.tolist(), [*begins[1:].tolist(), end], strict=True)]


def _blocks(run: Numbers, at: Doubles) -> Numbers:
    """The number of each line's block: a run begins a new one after each long break."""
    order = np.lexsort((at, run))
    new = (np.diff(run[order]) != 0) | (np.diff(at[order]) > MAX_GAP.total_seconds())
    found = np.zeros(len(at), np.int32)
    found[order[1:]] = np.cumsum(new)
    return found


class _Draft:
    """A block that is being filled: `who` has the numbers of its rows."""

    def __init__(self, who: Numbers, start: float, values: Values) -> None:
        self._who, self._start, self._values = who, start, values
        self._fine: dict[int, Values] = {}

    def begin(self, index: int, signal: Signal) -> None:
        """Nothing is known of this signal yet."""
        self._values[:, index] = np.nan
        if signal.kind == "counter":
            self._fine[index] = self._values[:, index].copy()

    def put(
        self, index: int, column: mappings.Column, step: int, who: Numbers, at: Doubles, told: Reals
    ) -> tuple[int, NDArray[np.bool_]]:
        """The values are in their places; how many a later one contradicts, and which a newer one shadows."""
        row = np.searchsorted(self._who, who)
        untrue = grid.contradicted(row, at, told)
        moment, shadowed = grid.apart(row, *grid.nearest(at, self._start, step))
        if column.rate:
            row, moment, told = grid.per_second(row, moment, told, step)
        kept = single(told)
        self._values[row, index, moment] = kept
        if index in self._fine:
            self._fine[index][row, moment] = single(told - kept)
        return untrue, shadowed

    def end(self, index: int) -> None:
        """Of this signal all is told: where single precision lost nothing, nothing is kept of that."""
        if index in self._fine and not np.nan_to_num(self._fine[index]).any():
            del self._fine[index]

    def block(self, whose: Sequence[tuple[str, Row]], step: int) -> Block:
        """What it has become."""
        names = [whose[number] for number in self._who.tolist()]
        rows = tuple(row for _, row in names)
        start = datetime.fromtimestamp(self._start, UTC)
        return Block(names[0][0], rows, start, step, self._values, self._fine)


def fill(lines: Ordered, columns: Iterable[Reals], mapping: mappings.Mapping) -> Made:
    """The blocks of these lines, by what they told of each signal in turn, in the order in which they came.

    Raises:
        CannotStart: there is not memory enough.
    """
    drafts = _drafts(lines, len(mapping.signals), mapping.step)
    lost, untrue, spacings = np.zeros(len(lines.at), np.bool_), 0, grid.Spacings()
    signals = zip(mapping.signals.values(), mapping.catalogue(), columns, strict=True)
    for index, (column, signal, told) in enumerate(signals):
        for draft in drafts:
            draft.begin(index, signal)
        for part in lines.parts:
            spacings.add(lines.who[part], lines.at[part], told[lines.order[part]])
        for block, piece in lines.pieces:
            found = told[lines.order[piece]]
            known = np.flatnonzero(~np.isnan(found))
            who, at = lines.who[piece][known], lines.at[piece][known]
            others, shadowed = drafts[block].put(index, column, mapping.step, who, at, found[known])
            untrue += others
            lost[piece][known] |= shadowed
        for draft in drafts:
            draft.end(index)
    made = (draft.block(lines.whose, mapping.step) for draft in drafts)
    blocks = tuple(sorted(made, key=lambda block: (block.start, block.run)))
    return Made(
        blocks, int(lost.sum()), untrue, spacings.median, float(lines.at.min()), float(lines.at.max())
    )


def _drafts(lines: Ordered, signals: int, step: int) -> list[_Draft]:
    """Room for each block: it is taken signal after signal, while what waited of these is given back."""
    pieces: dict[int, list[slice]] = {}
    for block, piece in lines.pieces:
        pieces.setdefault(block, []).append(piece)
    found = []
    for _, own in sorted(pieces.items()):
        who = np.concatenate([np.unique(lines.who[piece]) for piece in own])
        start, last = min(lines.at[piece].min() for piece in own), max(lines.at[piece].max() for piece in own)
        found.append((who, float(start), 1 + int(grid.nearest(last, start, step)[1])))
    rows, moments = sum(len(who) for who, _, _ in found), sum(length for _, _, length in found)
    cells = signals * sum(len(who) * length for who, _, length in found)
    memory.check(memory.history(rows, moments, signals), 4 * cells, memory.free())
    return [
        _Draft(who, start, np.empty((len(who), signals, length), np.float32)) for who, start, length in found
    ]
