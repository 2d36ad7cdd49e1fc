"""The arithmetic of waiting: latency under load, pools of connections, lossy networks, histograms. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from math import erf, log
from typing import NamedTuple

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the latency histograms, in seconds; ``+Inf`` follows."""

POOL_TIMEOUT = 1.0
CLIENT_TIMEOUT = 5.0
SATURATED = 0.97
_LOGARITHMS = tuple(math.log(bound) for bound in BUCKETS)
_ROOT_TWO = math.sqrt(2)
_FAR = 3.0


class Part(NamedTuple):
    """A share of requests whose times are log-normal around `median` seconds (sigma 0: all the same)."""

    share: float
    median: float
    sigma: float


def cumulative(parts: Iterable[Part]) -> list[float]:
    """The share of requests at or under each bucket's bound, the last one being all of them."""
    total = [0.0] * (len(BUCKETS) + 1)
    for share, median, sigma in parts:
        if share < 1e-7:
            continue
        total[-1] += share
        centre = log(median)
        scale = 1 / (sigma * _ROOT_TWO) if sigma else 1e9
        first = bisect_right(_LOGARITHMS, centre - _FAR / scale)  # what lies below is as good as nothing
        last = bisect_left(_LOGARITHMS, centre + _FAR / scale)  # and above as good as all
        for at in range(first, last):
            total[at] += share * 0.5 * (1 + erf((_LOGARITHMS[at] - centre) * scale))
        for at in range(last, len(_LOGARITHMS)):
            total[at] += share
    return total


def mean(parts: Iterable[Part]) -> float:
    """The mean time of all requests, in seconds; 0 without any."""
    weight = spent = 0.0
    for share, median, sigma in parts:
        weight += share
        spent += share * median * math.exp(sigma * sigma / 2)
    return spent / weight if weight else 0.0


def quantile(q: float, counts: Sequence[float]) -> float | None:
    """What PromQL's ``histogram_quantile`` gives for these cumulative counts; None for no requests."""
    total = counts[-1]
    if total <= 0:
        return None
    rank = q * total
    below, floor = 0.0, 0.0
    for bound, count in zip(BUCKETS, counts, strict=False):
        if count >= rank:
            return floor + (bound - floor) * ((rank - below) / (count - below))
        below, floor = count, bound
    return BUCKETS[-1]


def service_time(work: float, utilisation: float) -> float:
    """The time a request takes at a server this busy (M/M/1); finite, since what overflows is refused."""
    return work / (1 - min(utilisation, SATURATED))


def refused_share(utilisation: float) -> float:
    """The share of requests that a server this busy cannot take at all."""
    return max(0.0, 1 - SATURATED / utilisation) if utilisation > SATURATED else 0.0


def throttled_share(utilisation: float) -> float:
    """The share of scheduling periods in which a container that wants this much of its limit is stopped.

    Bursts inside a period meet the limit well before the average does.
    """
    return min(1.0, max(0.0, (utilisation - 0.6) / 0.45)) ** 2


class PoolState(NamedTuple):
    """A pool of connections in balance: in use, waiting, seconds of waiting, share that times out."""

    in_use: float
    pending: float
    wait: float
    timed_out: float


def pool_state(rate: float, hold: float, size: int, held: float) -> PoolState:
    """A pool of `size`, `held` of it taken away, that `rate` requests a second use for `hold` seconds.

    Little's law gives what is in use; Sakasegawa's formula the waiting. Requests wait one second at most.
    """
    free = max(0.0, size - held)
    offered = rate * hold
    if offered <= 0:
        return PoolState(min(float(size), held), 0.0, 0.0, 0.0)
    if free < 0.01:
        return PoolState(float(size), rate * POOL_TIMEOUT, POOL_TIMEOUT, 1.0)
    load = offered / free
    timed_out = max(0.0, 1 - SATURATED / load) if load > SATURATED else 0.0
    busy = min(load, SATURATED)
    wait = hold * busy ** math.sqrt(2 * (free + 1)) / (free * (1 - busy))
    wait = min(POOL_TIMEOUT, max(wait, timed_out * POOL_TIMEOUT))
    in_use = held + min(offered, free)
    return PoolState(min(float(size), in_use), rate * wait, wait, timed_out)


def lossy(loss: float) -> tuple[float, float]:
    """Of exchanges over a network that loses this share of packets: the share lost, and seconds added.

    TCP sends again after 0.2 s, then doubles; four losses in a row outlast the client's patience.
    """
    if loss <= 0:
        return (0.0, 0.0)
    given_up = min(1.0, loss) ** 4
    return (given_up, min(0.45 * loss / max(1e-3, 1 - loss), CLIENT_TIMEOUT * 0.8))


def narrowed(limit: float, sending: float) -> tuple[float, float]:
    """Over a line of `limit` bytes per second that has `sending` to carry: the share lost, and seconds added.

    Up to nearly its limit the line only lets its queue grow; beyond, what does not fit is given up.
    """
    load = sending / max(limit, 1.0)
    if load > SATURATED:
        return (1 - SATURATED / load, 1.0)
    return (0.0, min(1.0, 0.005 / (1 - load)))


def proxied(parts: Iterable[Part], share: float, seconds: float) -> list[Part]:
    """The times of requests of which a `share` is held up for so many seconds on the way."""
    found = []
    for part in parts:
        found.append(part._replace(share=part.share * (1 - share)))
        found.append(
            Part(part.share * share, part.median + seconds, part.sigma if seconds < part.median else 0.02)
        )
    return found
