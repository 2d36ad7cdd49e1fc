"""What fails where, look after look: a mass failure may span namespaces that are looked at one by one."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from chaoskit.ports.cluster import ObjectRef
from chaoskit.recovery import storms
from chaoskit.recovery.guards import Refusal
from chaoskit.recovery.issues import Issue
from chaoskit.recovery.planner import Decision
from chaoskit.recovery.storms import Storm, Struck


class Weather:
    """What fails where, by the last look at each namespace. Any thread asks.

    Without `wide` only one namespace is looked at: it shows nothing of the cluster.
    """

    def __init__(self, *, wide: bool) -> None:
        self._wide = wide
        self._lately: dict[ObjectRef, Issue] = {}
        self._struck: dict[str, Struck] = {}
        self._storms: dict[str, frozenset[str]] = {}
        self._complete = False
        self._lock = threading.Lock()

    def saw(
        self, namespace: str, issues: Iterable[Issue], workloads: int, every: Collection[str], now: datetime
    ) -> None:
        """So many workloads are in the namespace; the issues are theirs, and of what all of them need.

        `every` are the namespaces that there are.
        """
        failing = storms.roots(issues)
        with self._lock:
            self._lately.update(failing)
            self._struck[namespace] = Struck.in_(namespace, workloads, failing.values(), now)
            self._complete = self._struck.keys() >= set(every)

    def storms(self, namespace: str, decided: Iterable[Decision], now: datetime) -> Mapping[str, Storm]:
        """Where recovery is to rest after this look ("" is everywhere), and why."""
        refusals = (each for each in decided if isinstance(each, Refusal))
        found = {r.storm: Storm(r.storm, r.why, r.limit) for r in refusals if r.storm is not None}
        with self._lock:
            if self._wide and (wide := self._spanning(now)) is not None:
                found[""] = wide
            self._storms[namespace] = frozenset(found)
        return found

    def _spanning(self, now: datetime) -> Storm | None:
        """The mass failure of the whole cluster: by its share, once all was looked at, or by number.

        By number counts what began of late, mended by now or not.
        """
        self._lately = {
            each.target: each for each in storms.lately(self._lately.values(), now, storms.WITHIN)
        }
        known = self._struck.values() if self._complete and len(self._struck) > 1 else ()
        return sum(known, Struck()).storm("") or storms.many(self._lately.values(), now=now)

    def rages(self, place: str) -> bool:
        """Whether the last look anywhere showed a mass failure of this place."""
        with self._lock:
            return any(place in each for each in self._storms.values())

    def forget(self, namespace: str) -> None:
        """Nothing is left there."""
        with self._lock:
            self._struck.pop(namespace, None)
            self._storms.pop(namespace, None)
