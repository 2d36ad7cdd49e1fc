"""One metrics source for many runs of a process: the same stretch of a signal is asked for once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from chaoskit.clock import Clock
from chaoskit.ports.metrics import Alert, MetricsSource, Sample, Series, Signal
from chaoskit.sharing.reads import Reads

STRETCHES = 1.0
"""Seconds of the clock for which a stretch is as good as new: its last sample may have come late."""

_KEPT = 64
"""Stretches that are remembered at most: they are large, and who asks alike asks at about the same time."""


class SharedMetrics:
    """A `MetricsSource` over another one, for any number of threads; what is true now is always read anew."""

    def __init__(self, metrics: MetricsSource, clock: Clock) -> None:
        self._metrics = metrics
        self._age = clock.real(STRETCHES)
        self._reads = Reads(_KEPT)

    def instant(
        self, signal: Signal, where: Mapping[str, str] | None = None, *, at: datetime | None = None
    ) -> tuple[Sample, ...]:
        """As the source does."""
        return self._metrics.instant(signal, where, at=at)

    def range(
        self,
        signal: Signal,
        start: datetime,
        end: datetime,
        *,
        step: int = 0,
        where: Mapping[str, str] | None = None,
    ) -> tuple[Series, ...]:
        """Each series on the grid, as it was a moment ago at most."""
        key = (signal, start, end, step, frozenset((where or {}).items()))
        return self._reads.read(
            key, lambda: self._metrics.range(signal, start, end, step=step, where=where), self._age
        )

    def alerts(self) -> tuple[Alert, ...]:
        """As the source does."""
        return self._metrics.alerts()
