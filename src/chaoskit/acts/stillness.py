"""Which Leases stand still: who renews none while it is watched for its whole duration is dead.

Clocks are never compared: the time that counts is this process's own.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from chaoskit.clock import Clock

_AWAY = 3
"""So many looks come late because the server was away; with more of them it is slow."""

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class _Watched:
    version: str
    duration: float
    since: float
    late: int = 0


class Vigil(Generic[K]):
    """What is known of Leases that are looked at again and again, or told of by a watch."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looked = clock.monotonic()
        self._watched: dict[K, _Watched] = {}

    def saw(self, lease: K, version: str, duration: float) -> None:
        """It has this version now; one that is only seen again has not been renewed."""
        known = self._watched.get(lease)
        if known is None or known.version != version:
            self._watched[lease] = _Watched(version, duration, self._clock.monotonic())

    def forget(self, lease: K) -> None:
        """It is watched no more."""
        self._watched.pop(lease, None)

    def looked(self) -> None:
        """All of them have been looked at just now; a look without an answer is none.

        One that comes later than a Lease is renewed (each third of its duration) proves nothing of the time
        before it: the server was away, or this process stood, and theirs had to wait as well. Where many
        looks are late the server is slow, and theirs get through as these do.
        """
        before, self._looked = self._looked, self._clock.monotonic()
        for each in self._watched.values():
            if self._looked - before >= each.duration / 3:
                each.late += 1
                if each.late <= _AWAY:
                    each.since = self._looked

    def recount(self) -> None:
        """Each is watched for its whole duration from now on: what was not seen proves nothing."""
        for each in self._watched.values():
            each.since = self._clock.monotonic()

    def stands_still(self, lease: K) -> bool:
        """Whether nobody has renewed it for its whole duration."""
        known = self._watched.get(lease)
        return known is not None and self._clock.monotonic() - known.since >= known.duration
