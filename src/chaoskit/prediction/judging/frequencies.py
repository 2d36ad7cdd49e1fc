"""Probabilities held against frequencies: how true they are, in each tenth of them, and as one figure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TENTHS = 10


def reliability(
    probability: NDArray[np.floating], y: NDArray[np.int8]
) -> tuple[tuple[float, float, int], ...]:
    """Per tenth of probability that has any: its mean, the frequency of failure, the number of samples."""
    bins = np.minimum((probability * TENTHS).astype(int), TENTHS - 1)
    return tuple(
        (float(probability[bins == i].mean()), float((y[bins == i] == 1).mean()), int((bins == i).sum()))
        for i in range(TENTHS)
        if (bins == i).any()
    )


def expected_calibration_error(probability: NDArray[np.floating], y: NDArray[np.int8]) -> float:
    """The mean distance between probability and frequency over tenths, weighted by their samples."""
    return float(sum(abs(p - f) * n for p, f, n in reliability(probability, y)) / len(y))


def brier(probability: NDArray[np.floating], y: NDArray[np.int8]) -> float:
    """The mean square of what lies between probability and outcome: lower is better."""
    return float(np.mean((probability - y) ** 2))
