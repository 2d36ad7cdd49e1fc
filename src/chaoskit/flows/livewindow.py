"""What was measured of late, as a model or rules want it: kept, so that only what is new is asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from chaoskit.flows import learning

if TYPE_CHECKING:
    from chaoskit.prediction import Dataset, Model
    from chaoskit.prediction.data.recent import Recent

RULES_STEP = 60
"""Seconds between two samples where no model says otherwise."""

AGAIN = 3
"""So many steps are asked for again: what is scraped or recorded late is not missing for ever."""


def step_of(model: Model | None) -> int:
    """Seconds between two samples for this model, None: for rules."""
    return model.spec.step if model else RULES_STEP


Ask: TypeAlias = Callable[[datetime, datetime, "Model | None"], "Dataset"]
"""What was measured from one moment to another, as a model, None: rules, wants it."""


class LiveWindow:
    """The newest samples, `ask` being who measures them."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._recent: Recent | None = None

    def forget(self) -> None:
        """All is asked for anew the next time, as for another model."""
        self._recent = None

    def until(self, now: datetime, model: Model | None) -> Dataset:
        """The window that an answer needs; of what is known already only a few steps are asked for again.

        When the clock was set back nothing is known: what was measured lies ahead.
        """
        history, step = learning.wanted_history(model), timedelta(seconds=step_of(model))
        known = self._recent.dataset if self._recent else None
        if self._recent is None or known is None:
            return self._anew(now - history, now, model)
        end = known.blocks[0].end
        if not timedelta(0) <= now - end <= history:
            return self._anew(now - history, now, model)
        if not (steps := (now - end) // step):
            return known
        return self._recent.take(self._ask(end - AGAIN * step, end + steps * step, model))

    def beside(self, now: datetime, model: Model) -> Dataset:
        """The window that an answer of this model would need; what is known for another stays."""
        return self._ask(now - learning.wanted_history(model), now, model)

    def _anew(self, start: datetime, end: datetime, model: Model | None) -> Dataset:
        """All of this window; what was known is forgotten, once there is an answer."""
        from chaoskit.prediction.data.recent import Recent

        found = self._ask(start, end, model)
        recent = Recent((end - start) // timedelta(seconds=step_of(model)) + 1)
        self._recent = recent
        return recent.take(found)
