"""The rounds of a controller: what to do in each namespace that it watches, and what is over there."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chaoskit import kube
from chaoskit.events import Listener
from chaoskit.flows.auto_recovery import AutoRecovery
from chaoskit.flows.world import World
from chaoskit.ports.cluster import ObjectRef
from chaoskit.recovery import Decision, Issue, Plan, Refusal, Sight, Told, guards
from chaoskit.recovery.guards import Storm
from chaoskit.recovery.networksymptoms import DNS_NAMESPACE
from chaoskit.recovery.readings import SIGNAL_OF


@dataclass(frozen=True, slots=True)
class Round:
    """What a look at a namespace came to: what to do about each issue, and whether nodes are in trouble."""

    decisions: tuple[Decision, ...]
    nodes: bool


class Rounds:
    """Looks at one namespace after the other within a scope: one namespace, "" for all but protected ones.

    A look at "" is at the nodes, which belong to the scope as a whole: only that shows who is on them.
    """

    def __init__(
        self, recovery: AutoRecovery, world: World, scope: str, listen: Listener, *, drill: bool = False
    ) -> None:
        self._recovery = recovery
        self._drill = drill
        self._protected = world.limits.protected
        self._scope = scope
        self._listen = listen
        self._weather = Weather(wide=not scope)

    def look(self, namespace: str, every: Collection[str]) -> Round | None:
        """What is to be done there now; None when there is nothing left in it, or it is not to be touched.

        `every` are the namespaces that there are: how large a share of all fails is known when all were
        looked at.
        """
        if namespace in self._protected or self._scope not in {"", namespace}:
            return None
        seen = self._recovery.observe(namespace)
        if not namespace:
            seen = replace(seen, topology=seen.topology.without(self._protected))
        issues = self._recovery.classify(seen, self._recovery.recent_predictions(namespace))
        decided = self._recovery.plan(issues, seen, namespace=namespace)
        if namespace:
            known = [place for place, _ in seen.topology.workloads if place == namespace]
            self._weather.saw(namespace, issues, len(known), every)
        storms = self._weather.storms(namespace, decided, seen.at)
        for storm in storms.values():
            self._recovery.rest(storm.why, storm.namespace, listen=self._listen)
        if (wide := storms.get("")) is not None:
            decided = tuple(wide.refusal(each.issue) if _acts(each) else each for each in decided)
        self._clear(namespace, seen, issues)
        if not seen.topology.pods and not seen.topology.workload_bodies:
            self._weather.forget(namespace)
            return None
        mine = tuple(each for each in decided if self._belongs(each.issue, namespace, every))
        return Round(
            tuple(self._recovery.admitted(each, drill=self._drill) for each in mine),
            any(each.target.kind == kube.NODE for each in issues),
        )

    def forget(self, namespace: str) -> None:
        """Nothing is left there."""
        self._weather.forget(namespace)

    def _belongs(self, issue: Issue, namespace: str, every: Collection[str]) -> bool:
        """Whether this look decides on the issue: what all need is seen by all, and mended once."""
        if issue.target.kind == kube.NODE or not namespace:
            return issue.target.kind == kube.NODE and namespace == self._scope
        return issue.target.namespace == namespace or namespace == min(every, default=namespace)

    def _clear(self, namespace: str, seen: Sight, issues: tuple[Issue, ...]) -> None:
        """What people were told of and is over, they know to be over."""
        ill = {(each.target.namespace, str(each.target)) for each in issues}

        def stands(told: Told) -> bool | None:
            place, target = told.matter.namespace, told.matter.labels["target"]
            if told.matter.is_storm:
                return self._weather.rages(place) if place in {namespace, self._scope} else None
            if (place, target) in ill:
                return True
            if target.startswith("node/"):
                known = namespace == self._scope
            else:
                known = place == namespace or (bool(namespace) and (place, target) in seen.topology.workloads)
            felt = bool(seen.blind) and not told.matter.kinds.isdisjoint(SIGNAL_OF)
            return False if known and not felt else None

        places = {namespace, DNS_NAMESPACE} | ({""} if self._scope in {"", namespace} else set())
        self._recovery.clear(places, stands, listen=self._listen)


def _acts(decision: Decision) -> bool:
    return isinstance(decision, Plan) and decision.acts


class Weather:
    """What fails where, by the last look at each namespace: a mass failure may span them. Any thread asks.

    Without `wide` only one namespace is looked at: it shows nothing of the cluster.
    """

    def __init__(self, *, wide: bool) -> None:
        self._wide = wide
        self._lately: dict[ObjectRef, Issue] = {}
        self._failing: dict[str, tuple[int, int]] = {}
        self._storms: dict[str, frozenset[str]] = {}
        self._complete = False
        self._lock = threading.Lock()

    def saw(self, namespace: str, issues: Iterable[Issue], workloads: int, every: Collection[str]) -> None:
        """So many workloads are in the namespace; the issues are theirs, and of what all of them need."""
        roots = guards.failing_roots(issues)
        with self._lock:
            self._lately.update(roots)
            self._failing[namespace] = (sum(ref.namespace == namespace for ref in roots), workloads)
            self._complete = self._failing.keys() >= set(every)

    def storms(self, namespace: str, decided: Iterable[Decision], now: datetime) -> Mapping[str, Storm]:
        """Where recovery is to rest after this look ("" is everywhere), and why."""
        refusals = (each for each in decided if isinstance(each, Refusal))
        found = {r.storm: Storm(r.storm, r.why, r.limit) for r in refusals if r.storm is not None}
        with self._lock:
            for old in [r for r, each in self._lately.items() if now - each.since > guards.STORM_WITHIN]:
                del self._lately[old]
            counts = self._failing.values() if self._complete and len(self._failing) > 1 else ()
            failing, total = sum(each for each, _ in counts), sum(each for _, each in counts)
            wide = guards.spanning(self._lately.values(), failing, total, now=now)
            if self._wide and wide is not None:
                found[wide.namespace] = wide
            self._storms[namespace] = frozenset(found)
        return found

    def rages(self, place: str) -> bool:
        """Whether the last look anywhere showed a mass failure of this place."""
        with self._lock:
            return any(place in each for each in self._storms.values())

    def forget(self, namespace: str) -> None:
        """Nothing is left there."""
        with self._lock:
            self._failing.pop(namespace, None)
            self._storms.pop(namespace, None)
