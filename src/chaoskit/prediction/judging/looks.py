"""What past looks were worth, as `Judge` counts it: of workloads, as predictions are, and not of pods."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chaoskit.prediction.data.arrays import Floats, missing
from chaoskit.prediction.data.dataset import Block, Row
from chaoskit.prediction.features.statistics import filled
from chaoskit.prediction.labelling.labels import Event, Labelled, Truth
from chaoskit.prediction.learning.alarms import RECOUNT_MINUTES, Judge

STANDS_MINUTES = RECOUNT_MINUTES
"""What a look says stands until the next one, so long at most; what the last one says, for its moment."""

ALARM = 1.0


class Look(NamedTuple):
    """When somebody looked at a workload: its block, row and moment; and whether there was an alarm."""

    block: int
    row: int
    moment: int
    alarmed: bool


class Worth(NamedTuple):
    """How many failures could be caught and were, and how many alarms were false in so many hours."""

    events: int
    caught: int
    false: int
    hours: float


def worth(looks: Iterable[Look], truth: Labelled) -> Worth:
    """What these looks were worth, by a truth of workloads.

    A failure is caught by a look of its own time. A false alarm lasts, as the time does that is watched, for
    as long as its look stands.
    """
    said = [np.full(each.y.shape, np.nan, dtype=np.float32) for each in truth.truths]
    for block, row, moment, alarmed in looks:
        said[block][row, moment] = np.fmax(said[block][row, moment], ALARM if alarmed else 0.0)
    memory = max(0, round(STANDS_MINUTES * 60 / truth.dataset.step) - 1)
    looked = Judge(truth, tuple(~missing(each) for each in said))
    watched = Judge(truth, tuple(~missing(_standing(each, memory)) for each in said))
    false = [
        _standing(np.where(quiet | missing(each), each, 0.0), memory)
        for each, quiet in zip(said, looked.quiet, strict=True)
    ]
    found = looked.judge(said, ALARM)
    return Worth(len(found.catches), found.caught, watched.judge(false, ALARM).false, watched.hours)


def _standing(said: Floats, memory: int) -> Floats:
    """At each moment what the newest look said, until the row's last one; NaN where that is too old."""
    going_on = np.logical_or.accumulate(~missing(said)[:, ::-1], axis=1)[:, ::-1]
    return np.where(going_on, filled(said.astype(np.float64), memory), np.nan).astype(np.float32)


def of_workloads(labelled: Labelled) -> Labelled:
    """The truth with one row for each workload: it fails when a pod does, else is healthy when one is."""
    blocks = labelled.dataset.blocks
    rows_of = [_numbered(block) for block in blocks]

    def moved(event: Event) -> Event:
        pods = blocks[event.block].rows
        return replace(event, rows=tuple(sorted({rows_of[event.block][pods[row][:2]] for row in event.rows})))

    named = tuple(_named(block, rows) for block, rows in zip(blocks, rows_of, strict=True))
    return replace(
        labelled,
        dataset=replace(labelled.dataset, signals=(), blocks=named),
        truths=tuple(
            Truth(_greatest(truth.y, block, rows), _greatest(truth.event, block, rows))
            for truth, block, rows in zip(labelled.truths, blocks, rows_of, strict=True)
        ),
        events=tuple(map(moved, labelled.events)),
        late=tuple(map(moved, labelled.late)),
    )


_Rows = dict[tuple[str, ...], int]
"""For each (namespace, workload) its row."""


def _numbered(block: Block) -> _Rows:
    return {name: number for number, name in enumerate(dict.fromkeys(row[:2] for row in block.rows))}


def _named(block: Block, rows: _Rows) -> Block:
    """The same time with these rows, of which nothing was measured."""
    names = tuple(Row(namespace, workload, "") for namespace, workload in rows)
    nothing = np.empty((len(rows), 0, block.length), dtype=np.float32)
    return Block(block.run, names, block.start, block.step, nothing)


def _greatest(of_pods: NDArray[np.signedinteger], block: Block, rows: _Rows) -> NDArray[np.signedinteger]:
    """Of each workload [row, moment] the greatest of its pods; -1 is the least."""
    found = np.full((len(rows), block.length), -1, dtype=of_pods.dtype)
    np.maximum.at(found, [rows[row[:2]] for row in block.rows], of_pods)
    return found
