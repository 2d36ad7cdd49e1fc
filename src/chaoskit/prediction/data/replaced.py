"""Pods that went: another took their place, or nobody wanted them. They look like ones that are cut off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chaoskit.prediction.data.arrays import Bools, Indices, missing
from chaoskit.prediction.data.dataset import Block, Dataset, present

HANDOVER = 300
"""So many seconds before a pod goes the one that takes its place may come."""


def handed_over(block: Block) -> Indices:
    """From which moment on each row [row] is known to be replaced; the block's length where it never is.

    It has no sample any more, and another of its workload has, that came within five minutes of its end or
    since.
    """
    if not block.length:
        return np.zeros(len(block.rows), dtype=np.intp)
    there = present(block.values)
    first, last = there.argmax(axis=1), block.length - 1 - there[:, ::-1].argmax(axis=1)
    found = np.full(len(block.rows), block.length)
    for mine in map(np.array, _by_workload(block, np.asarray(there.any(axis=1))).values()):
        for index in mine[last[mine] < block.length - 1].tolist():
            came = _successors(first[mine], last[mine], last[index], block.step)
            if came.any():
                found[index] = max(int(first[mine][came].min()), int(last[index]) + 1)
    return found


def _by_workload(block: Block, chosen: Bools) -> dict[tuple[str, str], list[int]]:
    """For each workload (namespace, name) those of the chosen rows that are its pods."""
    found: dict[tuple[str, str], list[int]] = {}
    for index in np.flatnonzero(chosen).tolist():
        found.setdefault(block.rows[index][:2], []).append(index)
    return found


def _successors(first: Indices, last: Indices, end: int, step: int) -> Bools:
    """Which pods of a workload, by their first and last moment, take the place of one that ended then."""
    return (first > 0) & (first >= end - round(HANDOVER / step)) & (last > end)


def departed(dataset: Dataset, block: Block) -> Bools:
    """Which pods [row] fell silent because they went: replaced, or no longer wanted.

    A pod that went looks like one that is cut off. What tells them apart: another of its workload took its
    place, or the others say that its workload misses none.
    """
    found: Bools = handed_over(block) < block.length
    silent = missing(block.values[..., -1]).all(axis=1)
    every = _by_workload(block, np.ones(len(block.rows), dtype=np.bool_))
    for who, gone in _by_workload(block, silent & ~found).items():
        found[gone] = _complete(dataset, block, every[who])
    return found


def _complete(dataset: Dataset, block: Block, rows: Sequence[int]) -> bool:
    """Whether the newest word of these pods, all of one workload, is that no replica is missing."""
    column = dataset.column("replicas_unavailable")
    if column is None:
        return False
    newest = block.values[rows, column, -1]
    known = newest[~missing(newest)]
    return len(known) > 0 and bool((known == 0).all())
