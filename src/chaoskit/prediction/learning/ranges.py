"""Between which values signals lay in training: what `health` holds the present against."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chaoskit.prediction.data.arrays import missing
from chaoskit.prediction.data.dataset import Dataset

Ranges = Mapping[str, tuple[float, float]]
"""By a signal's name, the lowest and highest usual value, in the signal's unit."""

OUTER = (0.005, 0.995)
"""The quantiles of training between which a signal is as it was."""


def ranges(dataset: Dataset) -> Ranges:
    """Between which values each gauge and ratio lay, outliers apart; signals without samples are left out."""
    found = {}
    for index, signal in enumerate(dataset.signals):
        if signal.kind not in {"gauge", "ratio"}:
            continue
        values = np.concatenate([block.values[:, index].ravel() for block in dataset.blocks])
        known = values[~missing(values)]
        if len(known):
            low, high = np.quantile(known, OUTER)
            found[signal.name] = (float(low), float(high))
    return found
