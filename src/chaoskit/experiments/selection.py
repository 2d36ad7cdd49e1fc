"""What a fault may hit and how much of it at a time, whoever chose it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chaoskit import kube
from chaoskit.governor import Hit
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.topology import Topology


@dataclass(frozen=True, slots=True)
class Selection:
    """What may be hit and how much of it: `hit` of these pods at a time, in `namespaces`.

    `hits` are the same for each workload at worst, when chance takes all of them from it.
    `percent` is what Litmus is told where a native run cannot pin its pods; it takes `hit` of them by it.
    `label` is what it is told where the fault knows labels only; it takes everything with it.
    `missing` says in words why nothing is selected; Litmus would end with TARGET_SELECTION_ERROR.
    Of a fault on nodes `hit` and `total` are nodes; `pods` are those that leave them, of any namespace, and
    `leaving` says how many of them go at a time at worst. `namespaces` is where it was looked for targets.
    Of a fault on whole workloads `hits` alone says who is hit, which was `counted`: others may feel it too.
    """

    pods: tuple[Object, ...]
    hit: int
    workloads: tuple[ObjectRef, ...]
    total: int
    namespaces: tuple[str, ...]
    nodes: tuple[str, ...] = ()
    pinned: bool = False
    percent: str = ""
    label: str = ""
    missing: str = ""
    hits: tuple[Hit, ...] = ()
    leaving: int = 0
    counted: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of what is aimed at: nodes or pods."""
        return self.nodes or tuple(pod["metadata"]["name"] for pod in self.pods)

    @property
    def at_once(self) -> int:
        """How many pods, or nodes whose pods stay, are disturbed at a time."""
        return max(self.hit, self.leaving)

    @property
    def places(self) -> tuple[str, ...]:
        """Every namespace in which something may be hit."""
        return tuple(dict.fromkeys((*self.namespaces, *(pod["metadata"]["namespace"] for pod in self.pods))))

    def hit_of(self, owner: ObjectRef) -> int:
        """How many of its pods are hit at a time, at worst."""
        return next((each.number for each in self.hits if each.target == owner), 0)


def of_pods(
    pods: list[Object],
    hit: int,
    namespaces: tuple[str, ...],
    topologies: Mapping[str, Topology],
    *,
    pinned: bool,
    percent: str = "",
) -> Selection:
    """`hit` of these pods at a time, with whom they belong to; `topologies` has each pod's namespace."""
    candidates: Counter[ObjectRef] = Counter()
    have: dict[ObjectRef, int] = {}
    for pod in pods:
        topology = topologies[pod["metadata"]["namespace"]]
        known = topology.workload_of(pod)
        owner = topology.owner_of(pod) or kube.ref_of(pod, kube.POD)
        candidates[owner] += 1
        have[owner] = len(alive(known.pods)) if known is not None else 1
    return Selection(
        tuple(pods),
        hit,
        tuple(have),
        sum(have.values()),
        namespaces,
        pinned=pinned,
        percent=percent,
        hits=tuple(Hit(f"pods of {o}", min(hit, n), max(n, have[o]), o) for o, n in candidates.items()),
    )


def alive(pods: Iterable[Object]) -> tuple[Object, ...]:
    """Pods that are neither being deleted nor at their end: what a share is a share of."""
    return tuple(filter(kube.is_alive, pods))


def share(total: int, percent: str) -> int:
    """So many of `total` as Litmus takes: rounded down, at least one; of a range the larger end."""
    ends = [int(part) for part in percent.split("-") if part.isdigit()]
    return max(1, total * min(100, max(ends, default=0)) // 100)


def percentage(wanted_pods: int, total: int) -> str:
    """The smallest percentage of `total` by which Litmus takes `wanted_pods`; fewer where none is exact."""
    if wanted_pods <= 1:
        return "0"  # one pod, however many there are by then
    exact = -(-100 * wanted_pods // total)
    most = (100 * (wanted_pods + 1) - 1) // total
    return str(min(100, exact, most))


def picked(selection: Selection, seed: str) -> tuple[str, ...]:
    """The pods that a native run pins, none where Litmus or a node chooses: ready ones first, by the seed."""
    if not selection.pinned or selection.nodes:
        return ()
    ordered = sorted(selection.pods, key=lambda pod: pod["metadata"]["name"])
    random.Random(seed).shuffle(ordered)
    ordered.sort(key=lambda pod: not kube.is_ready(pod))
    return tuple(pod["metadata"]["name"] for pod in ordered[: selection.hit])


def struck(selection: Selection, seed: str) -> tuple[Object, ...]:
    """The pods that a run by this seed pins by name; all that may be chosen where it pins none.

    Somebody's own engine has no seed: what it names is among its candidates, and nothing of it is ours.
    """
    names = picked(selection, seed) if seed else ()
    return tuple(pod for pod in selection.pods if not names or pod["metadata"]["name"] in names)
