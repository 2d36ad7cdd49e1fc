"""What direct faults there are, and what the catalogue says of those that Litmus does not have."""

from __future__ import annotations

from collections.abc import Mapping

from chaoskit.experiments.direct import network, nodes, pods, workloads
from chaoskit.experiments.direct.scene import Direct
from chaoskit.experiments.faults import CATALOGUE, Fault, Parameter

DIRECT: Mapping[str, Direct] = {
    each.kind: each
    for each in (
        pods.DELETE,
        pods.KILL,
        workloads.SCALING,
        workloads.MUTATING,
        workloads.SQUEEZING,
        network.PARTITIONING,
        network.BLACKHOLING,
        nodes.CORDONING,
        nodes.TAINTING,
        nodes.DRAINING,
    )
}
"""Every direct fault by its kind; those that Litmus has as well have the same name."""


def _lasting(seconds: int) -> Parameter:
    return Parameter("duration", "DURATION", "int", str(seconds), "how long the fault lasts", "seconds", 1)


def _own(
    kind: str,
    purpose: str,
    failure: str,
    undo: str,
    *,
    disrupts: bool = True,
    hides: bool = False,
    seconds: int = 30,
) -> Fault:
    """One that only chaoskit has; it needs nothing of Litmus, so its rights are asked for by its `needs`."""
    direct = DIRECT[kind]
    return Fault(
        kind, purpose, failure, (_lasting(seconds), *direct.parameters), (), undo,
        scope="node" if direct.scope == "node" else "pod", disrupts=disrupts, hides=hides, overhead=3.0,
        since="",
    )  # fmt: skip


OWN: Mapping[str, Fault] = {
    each.kind: each
    for each in (
        _own("scale-down", "a workload has fewer pods", "capacity", "the number of replicas is restored"),
        _own(
            "config-mutation", "a setting is wrong or missing", "configuration",
            "the setting is put back, and what was restarted has its old pods' template again",
        ),
        _own(
            "resource-squeeze", "a pod has less CPU or memory to live on", "cpu-saturation",
            "the pod has its own resources again", disrupts=False,
        ),
        _own(
            "network-partition", "pods are cut off from the network", "network", "the policy is removed",
            seconds=60,
        ),
        _own(
            "service-blackhole", "a service leads to nobody", "network", "its selector is put back",
            disrupts=False, hides=True,
        ),
        _own(
            "node-cordon", "a node takes no new pods", "node", "the node is uncordoned",
            disrupts=False,
        ),
    )
}  # fmt: skip
"""The faults that only chaoskit has, by kind."""

EVERY: Mapping[str, Fault] = {**CATALOGUE, **OWN}
"""Every fault of an Experiment document: Litmus' and chaoskit's own."""
