"""What a cluster allows, and what an act asks for: values only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chaoskit.acts.halt import Act
from chaoskit.ports.cluster import ObjectRef

PROTECTED = (
    "kube-system",
    "kube-public",
    "kube-node-lease",
    "litmus",
    "monitoring",
    "prometheus",
    "cert-manager",
    "istio-system",
    "chaoskit",
)

Key = tuple[str, str, str]
"""Kind, namespace and name: which object, whatever its uid."""


def key_of(ref: ObjectRef) -> Key:
    """Which object the reference means."""
    return ref.kind.name, ref.namespace, ref.name


@dataclass(frozen=True, slots=True)
class Hit:
    """So many of `total` are disturbed at a time, at worst, of what `whose` says: ``pods of cart``.

    `target` is whom they belong to, where that is one object.
    """

    whose: str
    number: int
    total: int
    target: ObjectRef | None = None


@dataclass(frozen=True, slots=True)
class Domain:
    """What fails together: the workloads of a namespace, the nodes of a zone.

    `down` are members that are out of service anyway; `least` may be worked on however small it is.
    """

    name: str
    members: frozenset[Key]
    down: frozenset[Key] = frozenset()
    least: int = 1

    @classmethod
    def of(
        cls, name: str, members: Iterable[ObjectRef], *, down: Iterable[ObjectRef] = (), least: int = 1
    ) -> Domain:
        """The domain of these objects."""
        return cls(name, frozenset(map(key_of, members)), frozenset(map(key_of, down)), least)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a cluster allows. Percentages are of a workload's pods; 0 means no such limit.

    Of the members of a failure domain, recoveries work on at most `domain_percent` and `domain_most` within
    `domain_window` seconds. After a mass failure they rest for `storm_rest` seconds. With `require_approval`
    a person is asked before each.
    """

    protected: tuple[str, ...] = PROTECTED
    max_pods: int = 0
    max_percent: float = 0
    chaos_cooldown: float = 0
    recovery_cooldown: float = 0
    chaos_budget: int = 0
    recovery_budget: int = 0
    budget_window: float = 3600
    domain_percent: float = 50
    domain_most: int = 10
    domain_window: float = 600
    storm_rest: float = 600
    require_approval: bool = False

    def cooldown(self, act: Act) -> float:
        """Seconds of rest between two acts of this kind on the same workload."""
        return self.chaos_cooldown if act == "chaos" else self.recovery_cooldown

    def budget(self, act: Act) -> int:
        """How many acts of this kind may be under way or have ended in one window, on all workloads."""
        return self.chaos_budget if act == "chaos" else self.recovery_budget

    def allowed_in(self, domain: Domain) -> int:
        """How many members of the domain may be worked on within one window."""
        share = (
            int(len(domain.members) * self.domain_percent / 100)
            if self.domain_percent
            else len(domain.members)
        )
        most = self.domain_most or len(domain.members)
        return min(max(domain.least, share), most)
