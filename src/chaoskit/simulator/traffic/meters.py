"""The counters of one pod: their values, the rates at which they grow now, and what they were a minute ago.

One flat list per pod keeps a step cheap: the fixed counters first, then the histogram of requests served,
then one histogram per destination called. Between two steps every counter grows at its rate, so a scrape
at any moment sees a smooth counter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import repeat
from operator import add, mul, sub, truediv

from chaoskit.simulator.traffic.queueing import BUCKETS

(
    CPU,
    PERIODS,
    THROTTLED,
    RECEIVED,
    SENT,
    DROPPED,
    WRITTEN,
    OK,
    OWN_ERROR,
    UPSTREAM_ERROR,
    REFUSED,
    POOL_ERRORS,
) = range(12)
SERVED = 12
"""Where the histogram of requests served begins."""
WIDTH = len(BUCKETS) + 2
"""A histogram: a count per bucket, all, and the sum of seconds."""
CODES = ((OK, "200"), (OWN_ERROR, "500"), (UPSTREAM_ERROR, "502"), (REFUSED, "503"))
_OF_THE_SANDBOX = (RECEIVED, SENT, DROPPED)
_WINDOW = 4
"""A rate over one minute sees four samples that lie 15 s apart."""


class Counters:
    """Counters that grow at rates: what they are, were a minute ago, and will be at any moment soon."""

    def __init__(self, width: int) -> None:
        self.values = [0.0] * width
        self.rates = [0.0] * width
        self._past: deque[tuple[float, list[float]]] = deque(maxlen=_WINDOW)

    def advance(self, seconds: float) -> None:
        """`seconds` have passed at the present rates."""
        self.values = self.at(seconds)

    def at(self, seconds: float) -> list[float]:
        """What the counters are `seconds` after the last advance."""
        return [*map(add, self.values, map(mul, self.rates, repeat(seconds)))]

    def sample(self, at: float) -> list[float] | None:
        """The rates per second over the last minute's samples, this one included; None for the first."""
        values = self.values
        self._past.append((at, values))
        since, before = self._past[0]
        span = at - since
        if span <= 0:
            return None
        rates = [*map(truediv, map(sub, values, before), repeat(span))]
        rates += [value / span for value in values[len(rates) :]]
        return rates


class Meter(Counters):
    """Counters that start at zero with the container; the network's belong to the pod and live on."""

    def __init__(self) -> None:
        super().__init__(SERVED + WIDTH)
        self.destinations: dict[str, int] = {}

    def destination(self, name: str) -> int:
        """Where the histogram of calls to `name` begins; made when it is not there."""
        at = self.destinations.get(name)
        if at is None:
            at = self.destinations[name] = len(self.values)
            self.values += [0.0] * WIDTH
            self.rates += [0.0] * WIDTH
        return at

    def still(self) -> None:
        """Nothing grows until new rates are set."""
        self.rates = [0.0] * len(self.values)

    def histogram(self, at: int, rate: float, shares: Sequence[float], seconds: float) -> None:
        """The histogram at `at` grows by `rate` requests a second, spread as `shares`."""
        self.rates[at : at + WIDTH] = [*map(mul, repeat(rate), shares), rate * seconds]

    def restart(self) -> None:
        """The container's process is a new one: what it counts begins at zero."""
        kept = [(at, self.values[at]) for at in _OF_THE_SANDBOX]
        self.values = [0.0] * len(self.values)
        for at, value in kept:
            self.values[at] = value
        self._past.clear()
