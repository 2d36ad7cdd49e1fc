"""The rounds of a controller: what to do in each namespace that it watches, and what is over there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chaoskit import kube
from chaoskit.events import Listener
from chaoskit.flows.auto_recovery import AutoRecovery
from chaoskit.flows.world import World
from chaoskit.recovery import Decision, Issue, Sight, Told
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

    def __init__(self, recovery: AutoRecovery, world: World, scope: str, listen: Listener) -> None:
        self._recovery = recovery
        self._protected = world.limits.protected
        self._scope = scope
        self._listen = listen

    def look(self, namespace: str) -> Round | None:
        """What is to be done there now; None when there is nothing left in it, or it is not to be touched."""
        if namespace in self._protected or self._scope not in {"", namespace}:
            return None
        seen = self._recovery.observe(namespace)
        if not namespace:
            seen = replace(seen, topology=seen.topology.without(self._protected))
        issues = self._recovery.classify(seen, self._recovery.recent_predictions(namespace))
        self._clear(namespace, seen, issues)
        if not seen.topology.pods and not seen.topology.workload_bodies:
            return None
        decided = self._recovery.plan(issues, seen, namespace=namespace)
        mine = tuple(each for each in decided if self._belongs(each.issue, namespace))
        return Round(
            tuple(map(self._recovery.admitted, mine)), any(each.target.kind == kube.NODE for each in issues)
        )

    def _belongs(self, issue: Issue, namespace: str) -> bool:
        """Whether it is for this look to decide on the issue."""
        return namespace == self._scope if issue.target.kind == kube.NODE else bool(namespace)

    def _clear(self, namespace: str, seen: Sight, issues: tuple[Issue, ...]) -> None:
        """What people were told of and is over, they know to be over."""
        ill = {(each.target.namespace, str(each.target)) for each in issues}

        def stands(told: Told) -> bool | None:
            place, target = told.matter.namespace, told.matter.labels["target"]
            if (place, target) in ill:
                return True
            if target.startswith("node/"):
                known = namespace == self._scope
            else:
                known = place == namespace or (bool(namespace) and (place, target) in seen.topology.workloads)
            felt = bool(seen.blind) and not told.matter.kinds.isdisjoint(SIGNAL_OF)
            return False if known and not felt else None

        places = {namespace, DNS_NAMESPACE} | ({""} if namespace == self._scope else set())
        self._recovery.clear(places, stands, listen=self._listen)
