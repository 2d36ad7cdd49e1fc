"""Features at chosen moments: of a whole history by running totals, of a few moments each for itself."""

from __future__ import annotations

import numpy as np

from chaoskit.prediction.data.arrays import Floats, Indices
from chaoskit.prediction.data.dataset import Block
from chaoskit.prediction.features import batch
from chaoskit.prediction.features.layout import Spec
from chaoskit.prediction.features.live import Live

FEW = 8
"""Up to so many moments it is cheaper to prime the running sums for each."""


def compute(block: Block, wanted: Spec, moments: Indices) -> Floats:
    """The features [row, moment, feature] at these indices of the block, whose signals are the spec's.

    A moment near the start of the block sees a shorter past. There is no NaN: what cannot be computed is
    neutral (no deviation, nothing gone), so that a signal that a pod never had does not tell it apart.
    A row without any sample in the lookback is all zero, and counts for no other row.
    """
    if 0 < len(moments) <= FEW and len(block.rows):
        each = [Live.primed(wanted, block, int(moment) + 1).features() for moment in moments]
        return np.stack(each, axis=1)
    return batch.compute(block, wanted, moments)
