"""Chaos that others began: Litmus engines which no ledger of ours tells of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from chaoskit import kube
from chaoskit.acts.trail import works
from chaoskit.errors import Forbidden, NotFound, Refused
from chaoskit.ports.cluster import Cluster, Object, ObjectRef


def refuse_beside(cluster: Cluster, targets: Sequence[ObjectRef]) -> None:
    """No engine at work aims at pods of these workloads.

    Raises:
        Refused: one does (guard ``interlock``): what it disturbs is to be watched, not repaired.
    """
    workloads = [each for each in targets if each.kind in kube.WORKLOADS]
    for body in _at_work(cluster, {each.namespace for each in workloads}):
        hit = next((each for each in workloads if _aims_at(cluster, body, each)), None)
        if hit is not None:
            name = body["metadata"]["name"]
            raise Refused(
                f"chaos engine {name} works on {hit}",
                guard="interlock",
                limit="no recovery where chaos works",
                hint=f"wait for it, or stop it: chaoskit abort, or engineState stop of {name}",
            )


def _at_work(cluster: Cluster, places: Iterable[str]) -> Iterator[Object]:
    for place in sorted(places):
        try:
            found = cluster.list(kube.CHAOS_ENGINE, place).items
        except Forbidden:
            continue
        yield from (each for each in found if works(each))


def _aims_at(cluster: Cluster, body: Object, workload: ObjectRef) -> bool:
    """Whether the engine's label takes a pod of the workload; without one, its whole namespace is meant."""
    info = body["spec"].get("appinfo") or {}
    if info.get("appns", body["metadata"]["namespace"]) != workload.namespace:
        return False
    if not info.get("applabel"):
        return True
    try:
        selector = kube.selector_of(cluster.get(workload))
    except (NotFound, Forbidden):
        return False
    mine = {
        each["metadata"]["name"] for each in cluster.list(kube.POD, workload.namespace, labels=selector).items
    }
    aimed = cluster.list(kube.POD, workload.namespace, labels=info["applabel"]).items
    return any(each["metadata"]["name"] in mine for each in aimed)
