"""Whose the volumes are that alerts name: each is read once, and remembered while an alert names it."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from chaoskit import kube
from chaoskit.clock import Clock
from chaoskit.errors import CannotStart, Unavailable
from chaoskit.ports.cluster import Cluster, ObjectRef
from chaoskit.ports.metrics import Alert
from chaoskit.recovery import placing

AGAIN = 60.0
"""Seconds after which a volume that has no owner is read again, and a server that did not answer is asked."""

KEPT = 1800.0
"""Seconds for which what no alert names any more is remembered: that one has ended is known for less."""


@dataclass(frozen=True, slots=True)
class _Owner:
    """A volume's claim as labels (none: it has none), when that was read, and when it was last asked for."""

    labels: Mapping[str, str]
    read: float
    asked: float


class Owners:
    """Knows whose volumes are; any thread asks. A claim does not change its volume: it is not read again."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._known: dict[str, _Owner] = {}
        self._away = -inf
        self._lock = threading.Lock()

    def of(self, alerts: Sequence[Alert]) -> tuple[Alert, ...]:
        """The same alerts; those that name a volume know whose it is, if the cluster has said so."""
        volumes = [placing.volume(each) for each in alerts]
        with self._lock:
            self._learn({each for each in volumes if each}, self._clock.monotonic())
            found = [self._known.get(each) for each in volumes]
        pairs = zip(alerts, found, strict=True)
        return tuple(each if owner is None else replace(each, found=owner.labels) for each, owner in pairs)

    def _learn(self, volumes: Collection[str], now: float) -> None:
        for volume, labels in self._read([each for each in sorted(volumes) if self._is_due(each, now)], now):
            self._known[volume] = _Owner(labels, now, now)
        for volume in volumes & self._known.keys():
            self._known[volume] = replace(self._known[volume], asked=now)
        for volume in [each for each, owner in self._known.items() if now - owner.asked > KEPT]:
            del self._known[volume]

    def _is_due(self, volume: str, now: float) -> bool:
        owner = self._known.get(volume)
        return owner is None or (not owner.labels and now - owner.read >= AGAIN)

    def _read(self, volumes: Sequence[str], now: float) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Whose they are; a server that does not answer is asked about no other for a while."""
        if now - self._away < AGAIN:
            return
        for volume in volumes:
            try:
                yield (
                    volume,
                    placing.claimed(self._cluster.get(ObjectRef(kube.PERSISTENT_VOLUME, "", volume))),
                )
            except Unavailable:
                self._away = self._clock.monotonic()
                return
            except CannotStart:
                yield volume, {}
