"""What a Litmus fault changes outside pods, as ledger entries: Litmus keeps the way back in its memory alone.

Whoever undoes the run puts these back where Litmus did not: after a helper that died, without an operator.
"""

from __future__ import annotations

from collections.abc import Iterator

from chaoskit import kube
from chaoskit.acts import readiness
from chaoskit.acts.entries import Entry
from chaoskit.acts.fields import CORDON, REPLICAS, TAINTS
from chaoskit.experiments import litmus
from chaoskit.experiments.planning import Plan
from chaoskit.experiments.taints import taint_of
from chaoskit.ports.cluster import Cluster, Object
from chaoskit.sharing import fresh


def owed(plan: Plan, cluster: Cluster) -> Iterator[Entry]:
    """One entry for each value that a fault of the plan may change, and for each node that may be missing.

    Raises:
        CannotStart: a target cannot be read: then nobody could put it back.
    """
    for fault, selection in plan.selections.items():
        env = plan.env.get(fault, {})
        match fault:
            case "node-drain":
                yield from _cordons(_nodes(cluster, selection.nodes))
            case "node-taint":
                yield from _taints(_nodes(cluster, selection.nodes), taint_of(env.get("TAINTS", "")))
            case "kubelet-service-kill" | "docker-service-kill":
                for node in _nodes(cluster, selection.nodes):
                    yield from readiness.owed(node, fault.partition("-")[0])
            case "pod-autoscaler":
                wanted = litmus.whole(env, "REPLICA_COUNT", 0)
                yield from (
                    Entry("field", ref, REPLICAS, kube.desired_replicas(body), wanted)
                    for ref in selection.workloads
                    if kube.desired_replicas(body := cluster.get(ref)) != wanted
                )


def _cordons(nodes: tuple[Object, ...]) -> Iterator[Entry]:
    for node in nodes:
        before = node["spec"].get("unschedulable")
        if not before:
            yield Entry("field", kube.ref_of(node, kube.NODE), CORDON, before, True)


def _taints(nodes: tuple[Object, ...], taint: dict[str, str]) -> Iterator[Entry]:
    for node in nodes:
        if not any(taint.items() <= each.items() for each in node["spec"].get("taints") or ()):
            yield Entry("element", kube.ref_of(node, kube.NODE), TAINTS, after=taint)


def _nodes(cluster: Cluster, names: tuple[str, ...]) -> tuple[Object, ...]:
    """Those nodes as they are now: what another put there a moment ago is not ours to take back."""
    listed = fresh(cluster).list(kube.NODE).items
    return tuple(node for node in listed if node["metadata"]["name"] in names)
