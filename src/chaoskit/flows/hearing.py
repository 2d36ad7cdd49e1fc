"""The alerts that fire now, as they were posted and as Alertmanager answers: levels, kept while they last."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from chaoskit.clock import Clock
from chaoskit.ports.alerts import AlertSource
from chaoskit.ports.metrics import Alert

MOST = 2000
"""So many posted alerts are kept at most."""

FORGOTTEN = timedelta(hours=24).total_seconds()
"""Seconds after which a posted alert that was not posted again is over: receivers repeat what still fires."""

OLD = 120.0
"""Seconds for which Alertmanager's last answer is good while it does not answer."""

OVER = timedelta(minutes=15).total_seconds()
"""Seconds for which it is known that an alert is over."""

Key = frozenset[tuple[str, str]]


def key_of(alert: Alert) -> Key:
    """What makes it the same alert: its labels."""
    return frozenset(alert.labels.items())


@dataclass(frozen=True, slots=True)
class _Known:
    """An alert, when it was heard last (monotonic seconds), and whether a posted one was read as well."""

    alert: Alert
    at: float
    read: bool = False


class Hearing:
    """What is known of alerts; any thread posts and asks."""

    def __init__(self, clock: Clock, source: AlertSource | None = None) -> None:
        self.source = source
        self._clock = clock
        self._posted: dict[Key, _Known] = {}
        self._read: dict[Key, _Known] = {}
        self._over: dict[Key, _Known] = {}
        self._ends = False
        self._lock = threading.Lock()

    def post(self, alerts: Iterable[Alert]) -> int:
        """What fires is known, what does not any more is over; how many were too many, and are not kept."""
        now = self._clock.monotonic()
        with self._lock:
            for alert in alerts:
                key = key_of(alert)
                self._posted.pop(key, None)  # what was heard last comes last
                if alert.state == "firing":
                    self._posted[key] = _Known(alert, now)
                    self._over.pop(key, None)
                else:
                    self._ends = True
                    self._read.pop(key, None)
                    self._end(key, alert, now)
            excess = list(self._posted)[: max(0, len(self._posted) - MOST)]
            for key in excess:
                del self._posted[key]
        return len(excess)

    def ask(self) -> None:
        """What Alertmanager says is known; `Unavailable` when it does not answer.

        Its answer goes before what was posted: what it had, and has no more, is over. What it never had comes
        from somebody else.
        """
        if self.source is None:
            return
        asked = self._clock.monotonic()
        found = self.source.firing()
        now = self._clock.monotonic()
        with self._lock:
            read = {key_of(each): _Known(each, now) for each in found if each.state == "firing"}
            for key, each in {**self._read, **self._posted}.items():
                had = key in self._read or each.read
                if had and key not in read and each.at <= asked:
                    self._posted.pop(key, None)
                    self._end(key, each.alert, now)
            self._read = read
            for key, each in read.items():
                self._over.pop(key, None)
                if key in self._posted:
                    self._posted[key] = replace(each, read=True)

    def firing(self) -> tuple[Alert, ...]:
        """All that fire."""
        with self._lock:
            self._age(self._posted, FORGOTTEN)
            self._age(self._read, OLD)
            known = {**self._posted, **self._read}
            now, wall = self._clock.monotonic(), self._clock.now()
            return tuple(
                replace(each.alert, heard=wall - timedelta(seconds=now - each.at)) for each in known.values()
            )

    @property
    def hears_ends(self) -> bool:
        """Whether the end of an alert will be heard: Alertmanager is asked, or an end was posted before."""
        with self._lock:
            return self.source is not None or self._ends

    def fires(self, labels: Mapping[str, str]) -> bool | None:
        """Whether the alert with these labels fires, False: it has ended; None: nobody says."""
        key = frozenset(labels.items())
        if any(key_of(each) == key for each in self.firing()):
            return True
        return False if any(key_of(each) == key for each in self.over()) else None

    def over(self) -> tuple[Alert, ...]:
        """Those that have ended of late, as they were while they fired."""
        with self._lock:
            self._age(self._over, OVER)
            return tuple(each.alert for each in self._over.values())

    def forget(self) -> None:
        """Nothing is known: another process hears from now on."""
        with self._lock:
            for each in (self._posted, self._read, self._over):
                each.clear()
            self._ends = False

    def _end(self, key: Key, alert: Alert, now: float) -> None:
        self._over.pop(key, None)
        self._over[key] = _Known(Alert(alert.name, alert.labels, "firing", alert.since), now)
        for oldest in list(self._over)[: max(0, len(self._over) - MOST)]:
            del self._over[oldest]

    def _age(self, known: dict[Key, _Known], most: float) -> None:
        now = self._clock.monotonic()
        for key in [key for key, each in known.items() if now - each.at > most]:
            del known[key]
