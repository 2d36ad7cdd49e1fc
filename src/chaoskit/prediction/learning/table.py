"""Features of a whole labelled history, and the labelled samples in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from chaoskit import events
from chaoskit.prediction import features
from chaoskit.prediction.data import memory
from chaoskit.prediction.data.arrays import Bools, Floats, Indices, Measured
from chaoskit.prediction.data.dataset import Dataset, present
from chaoskit.prediction.data.packed import Packed
from chaoskit.prediction.features import Spec
from chaoskit.prediction.features.layout import family
from chaoskit.prediction.labelling.labels import Labelled
from chaoskit.prediction.learning.folds import Moments

FLOAT = 4
"""Bytes of each number."""

OF_MOMENTS = 10
"""So many arrays [row, moment] there are beside the features: where they are, truth, scores."""

RISING = timedelta(minutes=5)
"""What came within so long came at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Samples of a table: where each is (block, row, moment), if it fails (-1: unknown), its event or -1."""

    block: Indices
    row: Indices
    moment: Indices
    y: NDArray[np.int8]
    event: NDArray[np.int32]

    def pick(self, chosen: Indices | Bools) -> Samples:
        """These of them."""
        return Samples(
            self.block[chosen], self.row[chosen], self.moment[chosen], self.y[chosen], self.event[chosen]
        )

    @property
    def known(self) -> Samples:
        """Those that are labelled either way."""
        return self.pick(self.y >= 0)

    @property
    def failing(self) -> int:
        """How many fail."""
        return int((self.y == 1).sum())

    @property
    def teachable(self) -> bool:
        """Whether some fail and some do not."""
        return 0 < self.failing < len(self.y)

    @property
    def events(self) -> set[int]:
        """The numbers of the events that they are of."""
        return set(self.event[self.event >= 0].tolist())


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The features of every row and moment of a dataset, per block [row, moment, feature], with its truth.

    `signs` are the same of the evidence recipe, for the alarm that joins it. `unusual` [row, moment, signal]
    is how far each signal of the dataset is from usual, as it is and whatever the recipe makes of it: what
    the baselines go by. All are packed: they take memory for as long as a pod is there.
    """

    labelled: Labelled
    spec: Spec
    blocks: tuple[Packed, ...]
    sign_spec: Spec
    signs: tuple[Packed, ...]
    unusual: tuple[Packed, ...]

    def samples(self, chosen: Moments) -> Samples:
        """All samples at these moments that are labelled either way."""
        return self.everything(chosen).known

    def everything(self, chosen: Moments) -> Samples:
        """All samples at these moments of rows that are there, labelled or not."""
        parts = []
        for index, (truth, moments) in enumerate(zip(self.labelled.truths, chosen, strict=True)):
            there = (truth.y >= 0) | self.blocks[index].there
            row, at = np.nonzero(there & moments)
            parts.append((np.full(len(row), index), row, at, truth.y[row, at], truth.event[row, at]))
        return Samples(*(np.concatenate(each) for each in zip(*parts, strict=True)))

    def visible(self, samples: Samples) -> Samples:
        """Those that no event of a class that these signals cannot show has touched."""
        return samples.pick(self.is_visible(samples))

    def is_visible(self, samples: Samples) -> Bools:
        """Which of these samples those are."""
        blind = [self.labelled.is_blind(event) for event in self.labelled.events]
        return ~np.array([*blind, False])[samples.event]

    def features(self, samples: Samples) -> Floats:
        """The features of these samples, in their order."""
        return _gather(self.blocks, samples)

    def apart(self, samples: Samples) -> Floats:
        """How far each signal is from usual in these samples [sample, signal], NaN where it is not known."""
        return _gather(self.unusual, samples)

    def values(self, samples: Samples) -> Floats:
        """The signals themselves in these samples [sample, signal], NaN where one is missing."""
        blocks = self.labelled.dataset.blocks
        return _gather([np.moveaxis(block.values, 1, -1) for block in blocks], samples)

    def told_by(self, samples: Samples) -> Floats:
        """What the class of a failure is told by, whatever the recipe: see `features.told_by`."""
        apart, values = self.apart(samples), self.values(samples)
        mine = [self.labelled.dataset.names.index(signal.name) for signal in self.spec.signals]
        signs = _gather(self.signs, samples)
        return features.told_by(self.spec, signs, apart[:, mine], values[:, mine])

    def fault_told_by(self, samples: Samples) -> Floats:
        """What the fault within a class is told by: the same, then the memory that came at once.

        Of each share of memory in use, in percent, how far it is above its least of the last five minutes;
        NaN where it is missing, or was in all of them: nobody knows if it rose. No column without such a
        signal.
        """
        dataset = self.labelled.dataset
        shares = [each.name for each in self.spec.signals if each.kind == "ratio"]
        mine = [dataset.names.index(name) for name in shares if family(name) == "memory"]
        now = self.values(samples)[:, mine].astype(np.float64)
        least = np.full_like(now, np.nan)
        for back in range(1, 1 + round(RISING.total_seconds() / dataset.step)):
            known = samples.moment >= back
            before = self.values(replace(samples, moment=np.maximum(samples.moment - back, 0)))[:, mine]
            least = np.fmin(least, np.where(known[:, None], before, np.nan))
        came = (100 * np.maximum(now - least, 0)).astype(np.float32)
        return np.concatenate([self.told_by(samples), came], axis=1)

    def spread(self, samples: Samples, values: Measured) -> list[Floats]:
        """One value per sample as an array [row, moment] per block, NaN elsewhere."""
        out = [np.full(truth.y.shape, np.nan, dtype=np.float32) for truth in self.labelled.truths]
        for index, block in enumerate(out):
            here = samples.block == index
            block[samples.row[here], samples.moment[here]] = values[here]
        return out

    def of_workloads(self, samples: Samples, names: Sequence[str]) -> Bools:
        """Which samples are of these workloads."""
        found = np.zeros(len(samples.y), dtype=bool)
        for index, block in enumerate(self.labelled.dataset.blocks):
            mine = np.array([row.workload in names for row in block.rows])
            here = samples.block == index
            found[here] = mine[samples.row[here]]
        return found

    @property
    def workloads(self) -> list[str]:
        """The names of all workloads, in order."""
        return sorted({row.workload for block in self.labelled.dataset.blocks for row in block.rows})


def _gather(blocks: Sequence[Floats | Packed], samples: Samples) -> Floats:
    """The rows of these samples, in their order."""
    width = blocks[0].shape[-1] if blocks else 0
    out = np.empty((len(samples.y), width), dtype=np.float32)
    for index, block in enumerate(blocks):
        here = samples.block == index
        out[here] = block[samples.row[here], samples.moment[here]]
    return out


def tabulate(
    labelled: Labelled,
    wanted: Spec,
    listen: events.Listener = events.ignore,
    *,
    now: datetime | None = None,
) -> Table:
    """The features of everything in the dataset. What is reported happens `now`, however old the data.

    Raises:
        CannotStart: there is not memory enough.
    """
    at = now or datetime.now(UTC)
    signs = Spec("evidence", wanted.step, wanted.signals)
    dataset = labelled.dataset.select(wanted.signals)
    rows, moments = sum(len(b.rows) for b in dataset.blocks), sum(b.length for b in dataset.blocks)
    asked = memory.history(rows, moments, len(dataset.signals))
    memory.check(asked, needed(dataset, wanted, signs), memory.free())
    made: list[Packed] = []
    found: list[Packed] = []
    for number, block in enumerate(dataset.blocks):
        found.append(features.packed(block, signs))
        made.append(found[-1] if wanted == signs else features.packed(block, wanted))
        listen(events.Progress(at, "features", number + 1, len(dataset.blocks), "blocks"))
    plain = Spec("window", wanted.step, labelled.dataset.signals)
    unusual = tuple(features.packed_unusual(block, plain) for block in labelled.dataset.blocks)
    return Table(labelled, wanted, tuple(made), signs, tuple(found), unusual)


def needed(dataset: Dataset, wanted: Spec, signs: Spec) -> int:
    """About how many bytes these features take: while they are made, or with those that forests are asked."""
    kept = most = asked = 0
    for block in dataset.blocks:
        unusual = len(dataset.signals) * int(present(block.values).sum())
        kept += FLOAT * (OF_MOMENTS * len(block.rows) * block.length + unusual)
        for each in dict.fromkeys((signs, wanted)):
            made = FLOAT * features.lines(block, each) * len(each.names)
            kept += made
            most = max(most, kept + features.work(block, each))
            asked += made if each == wanted else 0
    return max(most, kept + asked)
