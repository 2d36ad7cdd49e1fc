"""From lines in any order to blocks: each value at its pod and moment, pod after pod."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from chaoskit.prediction.data import grid, memory
from chaoskit.prediction.data.arrays import Doubles, Floats, Ints, Measured, Numbers
from chaoskit.prediction.data.dataset import MAX_GAP, Block, Row, single
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


class Part(NamedTuple):
    """All lines of some pods; those of one block (its number) are on end, and make a piece."""

    lines: slice
    pieces: Sequence[tuple[int, slice]]


@dataclass(frozen=True, slots=True, eq=False)
class Ordered:
    """Lines by part, block, pod and time, those of one pod and time as they came.

    `order` is where each was when it came, `who` whose it is, as index of `whose`.
    """

    whose: Sequence[tuple[str, Row]]
    order: Ints
    who: Numbers
    at: Doubles
    parts: Sequence[Part]


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
    return Ordered(names, order, who[order], at[order], _parts(part[order], block[order]))


def _parts(part: Numbers, block: Numbers) -> list[Part]:
    begins = np.flatnonzero((np.diff(part, prepend=-1) != 0) | (np.diff(block, prepend=-1) != 0))
    found: list[list[tuple[int, slice]]] = [[] for _ in range(part[-1] + 1)]
    for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(part)], strict=True):
        found[part[begin]].append((int(block[begin]), slice(begin, end)))
    return [Part(slice(own[0][1].start, own[-1][1].stop), own) for own in found if own]


def _blocks(run: Numbers, at: Doubles) -> Numbers:
    """The number of each line's block: a run begins a new one after each long break."""
    order = np.lexsort((at, run))
    new = (np.diff(run[order]) != 0) | (np.diff(at[order]) > MAX_GAP.total_seconds())
    found = np.zeros(len(at), np.int32)
    found[order[1:]] = np.cumsum(new)
    return found


class _Draft:
    """A block that is being filled; `who` has the numbers of its rows, `start` is in Unix seconds."""

    def __init__(self, mapping: mappings.Mapping, who: Numbers, start: float, length: int) -> None:
        self._columns, self._step = tuple(mapping.signals.values()), mapping.step
        self._who, self._start = who, start
        self._values: Floats = np.empty((len(who), len(self._columns), length), dtype=np.float32)
        counters = [index for index, each in enumerate(mapping.catalogue()) if each.kind == "counter"]
        self._fine: dict[int, Floats] = {
            index: np.full((len(who), length), np.nan, dtype=np.float32) for index in counters
        }

    def put(self, who: Numbers, at: Doubles, told: Sequence[Measured]) -> tuple[int, int]:
        """All that is told of some rows on end is in its place; how much of it is lost, and untrue."""
        rows = np.searchsorted(self._who, who)
        self._values[rows[0] : rows[-1] + 1] = np.nan
        steps, moments = grid.nearest(at, self._start, self._step)
        lost, untrue = np.zeros(len(who), dtype=np.bool_), 0
        for index, (column, values) in enumerate(zip(self._columns, told, strict=True)):
            known = np.flatnonzero(~np.isnan(values))
            row, found = rows[known], values[known]
            untrue += grid.contradicted(row, at[known], found)
            moment, shadowed = grid.apart(row, steps[known], moments[known])
            lost[known] |= shadowed
            if column.rate:
                row, moment, found = grid.per_second(row, moment, found, self._step)
            kept = single(found)
            self._values[row, index, moment] = kept
            if index in self._fine:
                self._fine[index][row, moment] = single(found - kept)
        return int(lost.sum()), untrue

    def block(self, whose: Sequence[tuple[str, Row]]) -> Block:
        """What it has become."""
        names = [whose[number] for number in self._who.tolist()]
        fine = {index: lost for index, lost in self._fine.items() if np.nan_to_num(lost).any()}
        start = datetime.fromtimestamp(self._start, UTC)
        return Block(names[0][0], tuple(row for _, row in names), start, self._step, self._values, fine)


def fill(lines: Ordered, mapping: mappings.Mapping, told: Iterable[Sequence[Measured]]) -> Made:
    """The blocks of these lines, by what those of each part in turn, in their order, tell of each signal.

    Raises:
        CannotStart: there is not memory enough.
    """
    drafts = _drafts(lines, mapping)
    lost, untrue, spacings = 0, 0, grid.Spacings()
    for part, columns in zip(lines.parts, told, strict=True):
        for found in columns:
            spacings.add(lines.who[part.lines], lines.at[part.lines], found)
        for block, piece in part.pieces:
            here = slice(piece.start - part.lines.start, piece.stop - part.lines.start)
            own = [found[here] for found in columns]
            gone, other = drafts[block].put(lines.who[piece], lines.at[piece], own)
            lost, untrue = lost + gone, untrue + other
    blocks = tuple(
        sorted((each.block(lines.whose) for each in drafts), key=lambda each: (each.start, each.run))
    )
    return Made(blocks, lost, untrue, spacings.median, float(lines.at.min()), float(lines.at.max()))


def _drafts(lines: Ordered, mapping: mappings.Mapping) -> list[_Draft]:
    """Room for each block, of which memory is taken pod after pod."""
    pieces: dict[int, list[slice]] = {}
    for part in lines.parts:
        for block, piece in part.pieces:
            pieces.setdefault(block, []).append(piece)
    found = []
    for _, own in sorted(pieces.items()):
        who = np.concatenate([np.unique(lines.who[piece]) for piece in own])
        start, last = min(lines.at[piece].min() for piece in own), max(lines.at[piece].max() for piece in own)
        found.append((who, float(start), 1 + int(grid.nearest(last, start, mapping.step)[1])))
    rows, moments = sum(len(who) for who, _, _ in found), sum(length for _, _, length in found)
    signals = len(mapping.signals)
    needed = 4 * signals * sum(len(who) * length for who, _, length in found)
    memory.check(memory.history(rows, moments, signals), needed, memory.free())
    return [_Draft(mapping, *each) for each in found]
