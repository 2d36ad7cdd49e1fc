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
from chaoskit.recovery.storms import CALM, Raging, Storm, Struck


class Weather:
    """What fails where, by the last look at each namespace. Any thread asks.

    Without `wide` only one namespace is looked at: it shows nothing of the cluster.
    """

    def __init__(self, *, wide: bool) -> None:
        self._wide = wide
        self._lately: dict[ObjectRef, Issue] = {}
        self._failing: dict[str, Mapping[ObjectRef, Issue]] = {}
        self._workloads: dict[str, int] = {}
        self._storms: dict[str, frozenset[str]] = {}
        self._complete = False
        self._lock = threading.Lock()

    def saw(self, namespace: str, issues: Iterable[Issue], workloads: int, every: Collection[str]) -> None:
        """So many workloads are in the namespace; the issues are theirs, and of what all of them need.

        `every` are the namespaces that there are.
        """
        failing = storms.roots(issues)
        with self._lock:
            self._lately.update(failing)
            self._failing[namespace], self._workloads[namespace] = failing, workloads
            self._complete = self._workloads.keys() >= set(every)

    def storms(
        self, namespace: str, decided: Iterable[Decision], now: datetime, raging: Raging = CALM
    ) -> Mapping[str, Storm]:
        """Where recovery is to rest after this look ("" is everywhere), and why."""
        refusals = (each for each in decided if isinstance(each, Refusal))
        found = {r.storm: Storm(r.storm, r.why, r.limit) for r in refusals if r.storm is not None}
        with self._lock:
            if self._wide and (wide := self._spanning(now, raging)) is not None:
                found[""] = wide
            self._storms[namespace] = frozenset(found)
        return found

    def _spanning(self, now: datetime, raging: Raging) -> Storm | None:
        """The mass failure of the whole cluster: by its share, once all was looked at, or by number.

        By number counts what began of late, mended by now or not; who belongs to one that rages counts until
        it is well.
        """
        self._lately = {
            each.target: each for each in storms.lately(self._lately.values(), now, storms.WITHIN)
        }
        began = raging.get("", now)
        known = self._failing if self._complete and len(self._failing) > 1 else {}
        struck = (
            Struck.in_(place, self._workloads[place], failing.values(), began)
            for place, failing in known.items()
        )
        ill = {target: each for failing in self._failing.values() for target, each in failing.items()}
        return (
            sum(struck, Struck()).storm("")
            or storms.many(self._lately.values(), now=now)
            or storms.still_many(ill.values(), "", raging)
        )

    def unsure(self, raging: Raging) -> Storm | None:
        """The mass failure of the whole cluster that somebody saw before all was looked at here."""
        if not self._wide or self._complete or "" not in raging:
            return None
        why = "a mass failure was seen here before, and not every namespace was looked at since"
        return Storm("", why, "every namespace looked at")

    def rages(self, place: str) -> bool:
        """Whether the last look anywhere showed a mass failure of this place."""
        with self._lock:
            return any(place in each for each in self._storms.values())

    def is_over(self, place: str) -> bool:
        """Whether no look shows a mass failure of this place; of the whole cluster once all was looked at."""
        return not self.rages(place) and (bool(place) or (self._wide and self._complete))

    def forget(self, namespace: str) -> None:
        """Nothing is left there."""
        with self._lock:
            self._failing.pop(namespace, None)
            self._workloads.pop(namespace, None)
            self._storms.pop(namespace, None)
