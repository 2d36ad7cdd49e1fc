"""Past failures as the forest knows them, and which of them a pod is like now: by the leaves they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from chaoskit.prediction.data.arrays import Floats
from chaoskit.prediction.learning.forest import score
from chaoskit.prediction.learning.table import Samples, Table
from chaoskit.prediction.learning.tree_paths import ForestLike, leaves

KEPT = 3
"""Samples of one failure that stand for it: those that the forest is surest of."""

MOST = 300
"""So many failures are remembered, the newest."""

ALIKE = 0.2
"""Fewer shared leaves are no likeness."""


@dataclass(frozen=True, slots=True, eq=False)
class Incident:
    """One failure of the training: whose, of which class, when; where its samples fell [sample, tree]."""

    target: str
    namespace: str
    issue: str
    at: datetime
    leaves: NDArray[np.int32]

    def document(self, likeness: float) -> Mapping[str, object]:
        """The incident as JSON, with the share of trees in which something is in its leaf."""
        return {
            "target": self.target,
            "namespace": self.namespace,
            "issue": self.issue,
            "at": self.at.isoformat(),
            "likeness": round(likeness, 3),
        }


def remembered(table: Table, samples: Samples, forest: ForestLike) -> tuple[Incident, ...]:
    """The failures of these samples, oldest first."""
    events = table.labelled.events
    found = []
    for number in sorted(samples.events, key=lambda number: events[number].start)[-MOST:]:
        event, rows = events[number], table.features(samples.pick(samples.event == number))
        surest = np.argsort(score(forest, rows), kind="stable")[-KEPT:]
        found.append(
            Incident(
                event.workload,
                event.namespace,
                event.issue,
                event.start,
                np.asarray(forest.apply(rows[surest]), dtype=np.int32),
            )
        )
    return tuple(found)


def nearest(
    incidents: Sequence[Incident], forest: ForestLike, rows: Floats, *, most: int = 3
) -> list[tuple[Mapping[str, object], ...]]:
    """For each row of features the incidents that it is most like, the likest first.

    Likeness is the share of trees in which the row is in the leaf of one of the incident's samples: Breiman's
    proximity of a random forest.
    """
    if not incidents or not len(rows):
        return [() for _ in rows]
    mine = leaves(forest, rows)
    shares = np.stack([(mine[:, None] == each.leaves[None]).mean(axis=2).max(axis=1) for each in incidents])
    out = []
    for likeness in shares.T:
        order = np.argsort(-likeness, kind="stable")[:most]
        alike = [(incidents[at], float(likeness[at])) for at in order.tolist() if likeness[at] >= ALIKE]
        out.append(tuple(incident.document(share) for incident, share in alike))
    return out
