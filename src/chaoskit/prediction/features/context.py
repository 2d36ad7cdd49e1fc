"""Each pod against the others: of its workload, of its namespace, and the worst of the other workloads.

A load that rises everywhere is no fault of one pod; what one pod alone shows is. Groups decide who is
compared with whom; they are never features themselves. A row counts while it has a sample within the
lookback, and for nobody before and after: who came later, or went long ago, is nobody's neighbour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from chaoskit.prediction.data.arrays import Bools, Doubles, Indices, missing
from chaoskit.prediction.data.dataset import Row
from chaoskit.prediction.features.sums import zeroed

ENOUGH_WORKLOADS = 4
"""With fewer workloads in a namespace what most of them show is no measure."""


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Which rows share a workload, and which workloads a namespace; `there` [row, moment] is who counts."""

    order: Indices
    starts: Indices
    workload: Indices
    namespaces: tuple[tuple[Indices, Indices], ...]
    there: Bools

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Groups:
        """The groups of these rows, all of whom count."""
        names = sorted({(row.namespace, row.workload) for row in rows})
        number = {name: index for index, name in enumerate(names)}
        workload = np.array([number[row.namespace, row.workload] for row in rows], dtype=np.intp)
        order = np.argsort(workload, kind="stable")
        starts = np.searchsorted(workload[order], np.arange(len(names)))
        spaces: dict[str, list[int]] = {}
        for name, index in number.items():
            spaces.setdefault(name[0], []).append(index)
        namespaces = tuple(_members(each, workload) for each in spaces.values())
        return cls(order, starts, workload, namespaces, np.ones((len(rows), 1), dtype=bool))

    def among(self, there: Bools) -> Groups:
        """The same groups where only these count [row, moment]."""
        return replace(self, there=there)

    def of_workloads(self, values: Doubles, *, total: bool = False) -> Doubles:
        """The greatest value (or the sum) of each workload's rows [workload, ...]; NaN counts as nothing."""
        part = np.where(missing(values), 0.0 if total else -np.inf, values)[self.order]
        reduce = np.add if total else np.maximum
        return np.asarray(reduce.reduceat(part, self.starts, axis=0))

    def peers(self, values: Doubles) -> Doubles:
        """Each row's value minus the mean of its workload's other pods; 0 for one without others."""
        there = (~np.isnan(values)).astype(np.float64)
        zero = zeroed(values)
        others = self.of_workloads(there, total=True)[self.workload] - there
        rest = self.of_workloads(zero, total=True)[self.workload] - zero
        return np.where((others > 0) & (there > 0), zero - rest / np.maximum(others, 1), 0.0)

    def common(self, values: Doubles) -> Doubles:
        """Each row's value minus the median of its namespace; as it is where there are few workloads."""
        out = zeroed(values)
        there = self.of_workloads(self.there.astype(np.float64)) > 0
        for rows, workloads in self.namespaces:
            enough = np.asarray(there[workloads].sum(axis=0) >= ENOUGH_WORKLOADS)
            if enough.any():
                part = np.sort(values[rows], axis=0)
                count = (~np.isnan(part)).sum(axis=0)
                low = np.take_along_axis(part, np.maximum(count - 1, 0)[None] // 2, axis=0)[0]
                high = np.take_along_axis(part, count[None] // 2 % len(part), axis=0)[0]
                out[rows] -= np.where(enough & (count > 0), (low + high) / 2, 0.0)
        return out

    def excess(self, values: Doubles) -> Doubles:
        """Each row's value minus the greatest of the namespace's other workloads; 0 without others."""
        out = np.zeros_like(values)
        there = self.there.reshape(len(values), *[1] * (values.ndim - 2), -1)
        tops = self.of_workloads(np.where(there, values, np.nan))
        for rows, workloads in self.namespaces:
            if len(workloads) > 1:
                mine = tops[workloads]
                two = np.partition(mine, len(workloads) - 2, axis=0)[-2:]
                best = mine.argmax(axis=0)
                place = np.searchsorted(workloads, self.workload[rows])
                is_best = place.reshape(-1, *[1] * (values.ndim - 1)) == best[None]
                other = np.where(is_best, two[0][None], two[1][None])
                out[rows] = np.where(np.isfinite(other), zeroed(values[rows]) - other, 0.0)
        return out


def _members(workloads: Sequence[int], of_row: Indices) -> tuple[Indices, Indices]:
    """The rows and the (sorted) workloads of one namespace."""
    mine = np.array(sorted(workloads), dtype=np.intp)
    return np.flatnonzero(np.isin(of_row, mine)), mine
