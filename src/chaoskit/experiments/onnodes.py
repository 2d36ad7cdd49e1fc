"""Whom a fault on nodes hits: the pods that leave with a node, of whatever namespace they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from chaoskit import kube
from chaoskit.acts.draining import is_mirror, leaves
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.litmus import Env
from chaoskit.experiments.selection import Selection, alive
from chaoskit.experiments.taints import taint_of, tolerates
from chaoskit.governor import Hit
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.topology import Topology

TAINT = "node-taint"


def empties(fault: str, env: Env) -> bool:
    """Whether pods leave the nodes under the fault, or go down with them: of any namespace."""
    known = CATALOGUE.get(fault)
    if known is None or known.scope != "node" or not known.disrupts:
        return False
    return known.litmus != TAINT or taint_of(env.get("TAINTS", ""))["effect"] == "NoExecute"


def leaving(fault: str, env: Env, nodes: Collection[str], topology: Topology) -> dict[str, list[Object]]:
    """The pods that leave each of the nodes; `topology` is that of all namespaces.

    A taint puts out whoever does not tolerate it, of daemon sets as well. With a node that is emptied,
    restarted or without its services go all pods but those that belong to that node alone.
    """
    found: dict[str, list[Object]] = {name: [] for name in nodes}
    if empties(fault, env):
        taint = taint_of(env.get("TAINTS", "")) if CATALOGUE[fault].litmus == TAINT else None
        for pod in alive(topology.pods):
            node = pod["spec"].get("nodeName", "")
            if node in found and (leaves(pod) if taint is None else _put_out(pod, taint)):
                found[node].append(pod)
    return found


def _put_out(pod: Object, taint: Mapping[str, str]) -> bool:
    return not is_mirror(pod) and not tolerates(pod, taint)


def selected(
    hit: int, gone: Mapping[str, list[Object]], home: str, topology: Topology, *, nodes: int
) -> Selection:
    """`hit` of the nodes that `gone` has, of `nodes` in all, with the pods that leave them.

    Where fewer are hit than may be, the numbers are those of the worst choice.
    """
    hit = min(hit, len(gone))
    by_node = {name: Counter(_owner(pod, topology) for pod in pods) for name, pods in gone.items()}
    owners = dict.fromkeys(owner for counted in by_node.values() for owner in counted)
    return Selection(
        tuple(pod for pods in gone.values() for pod in pods),
        hit,
        (*(ObjectRef(kube.NODE, "", name) for name in gone), *owners),
        nodes,
        (home,),
        nodes=tuple(gone),
        pinned=hit == len(gone),
        hits=(
            Hit("nodes", hit, nodes),
            *(_hit(owner, _worst((c[owner] for c in by_node.values()), hit), topology) for owner in owners),
        ),
        leaving=_worst((len(pods) for pods in gone.values()), hit),
    )


def _owner(pod: Object, topology: Topology) -> ObjectRef:
    return topology.owner_of(pod) or kube.ref_of(pod, kube.POD)


def _worst(numbers: Iterable[int], many: int) -> int:
    return sum(sorted(numbers, reverse=True)[:many])


def _hit(owner: ObjectRef, number: int, topology: Topology) -> Hit:
    workload = topology.workloads.get((owner.namespace, str(owner)))
    total = len(alive(workload.pods)) if workload is not None else number
    return Hit(f"pods of {owner} in {owner.namespace}", number, max(number, total), owner)
