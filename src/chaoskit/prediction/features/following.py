"""The features of a window that moves on: what has settled is taken in once, the newest moments each time."""

from __future__ import annotations

import numpy as np

from chaoskit.prediction.data.arrays import Floats, Indices
from chaoskit.prediction.data.dataset import Block
from chaoskit.prediction.features import moments
from chaoskit.prediction.features.layout import Spec
from chaoskit.prediction.features.live import SPARE, Live, covers


class Following:
    """Makes the features of a block that grows at its end and is cut at its start, look after look.

    The newest `open` samples of each look may still change. One block at a time is followed, once for all
    recipes of the same signals; what is asked of moments that are not the newest is made as `moments.compute`
    does.
    """

    def __init__(self, unsettled: int) -> None:
        self._open = unsettled
        self._live: list[tuple[Live, int]] = []

    def compute(self, block: Block, wanted: Spec, asked: Indices) -> Floats:
        """The features [row, moment, feature] at these indices of the block, whose signals are the spec's."""
        settled = block.length - self._open
        newest = list(range(settled, block.length))
        if settled <= 0 or self._open > SPARE or not set(asked.tolist()) <= set(newest):
            return moments.compute(block, wanted, asked)
        ahead = self._settled(block, wanted, settled).ahead()
        values = np.moveaxis(block.cut(settled, block.length).exact, -1, 0).copy()
        made = {}
        for index, now in zip(newest, values, strict=True):
            ahead.take(now, block.at(index).timestamp())
            if index in asked:
                made[index] = ahead.features(wanted)
        return np.stack([made[index] for index in asked.tolist()], axis=1)

    def _settled(self, block: Block, wanted: Spec, settled: int) -> Live:
        """One that gives these features and has taken in the first `settled` moments of the block."""
        sample = int(block.start.timestamp() // block.step)
        live, taken = next((each for each in self._live if covers(each[0].wanted, wanted)), (None, 0))
        first = taken + 1 - sample
        if live is None or not 0 < first <= settled:
            wanted = live.wanted if live else wanted
            self._forget(wanted)
            live = Live.primed(wanted, block, settled)
        else:
            self._forget(live.wanted)
            live.follow(block.rows)
            new = block.cut(first, settled)
            for index, now in enumerate(np.moveaxis(new.exact, -1, 0)):
                live.take(now, new.at(index).timestamp())
        self._live.append((live, sample + settled - 1))
        return live

    def _forget(self, wanted: Spec) -> None:
        """What gives nothing but what one of these features does is kept no longer: it is large."""
        self._live = [each for each in self._live if not covers(wanted, each[0].wanted)]
