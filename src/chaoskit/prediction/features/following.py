"""The features of a window that moves on: what has settled is taken in once, the newest moments each time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chaoskit.prediction.dataset import Block
from chaoskit.prediction.features import moments
from chaoskit.prediction.features.batch import Floats
from chaoskit.prediction.features.layout import Spec
from chaoskit.prediction.features.live import SPARE, Live


class Following:
    """Makes the features of a block that grows at its end and is cut at its start, look after look.

    The newest `open` samples of each look may still change. One block at a time is followed; what is asked
    of moments that are not the newest is made as `moments.compute` does.
    """

    def __init__(self, unsettled: int) -> None:
        self._open = unsettled
        self._live: dict[str, tuple[Live, int]] = {}

    def compute(self, block: Block, wanted: Spec, asked: NDArray[np.intp]) -> Floats:
        """The features [row, moment, feature] at these indices of the block, whose signals are the spec's."""
        settled = block.length - self._open
        newest = list(range(settled, block.length))
        if settled <= 0 or self._open > SPARE or not set(asked.tolist()) <= set(newest):
            return moments.compute(block, wanted, asked)
        ahead = self._settled(block, wanted, settled).ahead()
        values = np.moveaxis(block.values[:, :, settled:], -1, 0).copy()
        made = {}
        for index, now in zip(newest, values, strict=True):
            ahead.take(now, block.at(index).timestamp())
            if index in asked:
                made[index] = ahead.features()
        return np.stack([made[index] for index in asked.tolist()], axis=1)

    def _settled(self, block: Block, wanted: Spec, settled: int) -> Live:
        """One that has taken in the first `settled` moments of the block."""
        sample = int(block.start.timestamp() // block.step)
        live, taken = self._live.get(wanted.fingerprint, (None, 0))
        first = taken + 1 - sample
        if live is None or not 0 < first <= settled:
            live = Live.primed(wanted, block, settled)
        else:
            live.follow(block.rows)
            for index in range(first, settled):
                live.take(block.values[:, :, index], block.at(index).timestamp())
        self._live[wanted.fingerprint] = live, sample + settled - 1
        return live
