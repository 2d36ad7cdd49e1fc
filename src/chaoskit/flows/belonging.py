"""Which look decides on what, and whether it shows what people were told of; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from chaoskit.ports.metrics import Alert
from chaoskit.recovery import Told
from chaoskit.recovery.alerts import is_clusterwide
from chaoskit.recovery.networksymptoms import DNS_NAMESPACE
from chaoskit.recovery.readings import SIGNAL_OF

Name = tuple[str, str]
"""The namespace of a target, "" of a node, and what it is called there: ``deployment/cart``."""


def look_of(place: str, scope: str, every: Collection[str]) -> str | None:
    """The namespace whose look decides on what is in this one, of those watched; None: none does.

    What is in no namespace (""), as nodes, belongs to the scope as a whole; what all need is seen by all, and
    belongs to the first.
    """
    if place in every or place in {"", scope}:
        return place or scope
    return min(every, default=None) if place == DNS_NAMESPACE else None


def home(alert: Alert, scope: str, every: Collection[str]) -> str | None:
    """The namespace whose look the alert belongs to, of those watched; None: it is about another."""
    return look_of("" if is_clusterwide(alert) else alert.place["namespace"], scope, every)


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a namespace of the scope showed: who is `ill`, and the workloads that it could see.

    `blind` is whether there were no signals; of those that are `over` alerts said that it has ended. `rages`
    says of the places that it knows of whether a mass failure goes on there.
    """

    namespace: str
    scope: str
    ill: frozenset[Name]
    workloads: Collection[Name]
    blind: bool
    over: frozenset[Name]
    rages: Mapping[str, bool]

    def knows(self, target: Name) -> bool:
        """Whether it would have shown that the target is ill."""
        place, name = target
        if name.startswith("node/"):
            return self.namespace == self.scope
        return place == self.namespace or (bool(self.namespace) and target in self.workloads)


def stands(told: Told, look: Look) -> bool | None:
    """Whether what people were told of is still to be seen; None where the look cannot tell."""
    matter = told.matter
    target = matter.namespace, matter.labels["target"]
    if matter.is_foreseen:
        return None
    if matter.is_storm:
        return look.rages.get(matter.namespace)
    if target in look.ill:
        return True
    unfelt = look.blind and target not in look.over and not matter.kinds.isdisjoint(SIGNAL_OF)
    return False if look.knows(target) and not unfelt else None
