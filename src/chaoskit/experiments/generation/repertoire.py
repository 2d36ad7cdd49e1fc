"""The faults that may be proposed: each with where it fits, its words, its length and what it bears on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chaoskit.experiments.generation import fitting, settings
from chaoskit.experiments.generation.fitting import Case, Fit

FAULTS: Mapping[str, tuple[str, ...]] = {
    "replica-loss": ("pod-delete", "container-kill"),
    "pod-crash": ("container-kill", "pod-delete"),
    "memory-leak": ("pod-memory-hog", "pod-delete"),
    "cpu-saturation": ("pod-cpu-hog", "resource-squeeze", "pod-delete"),
    "network": ("pod-network-loss", "network-partition", "pod-network-latency", "pod-delete"),
    "database-connection": ("database-connection-loss", "pod-dns-error", "pod-delete"),
    "dns": ("pod-dns-error",),
    "disk-full": ("disk-fill", "pod-io-stress", "pod-delete"),
    "slow-upstream": ("pod-http-latency",),
    "failing-upstream": ("pod-http-status-code", "service-blackhole"),
    "unschedulable": ("pod-autoscaler", "pod-delete"),
    "capacity": ("scale-down",),
    "configuration": ("config-mutation",),
}
"""Which faults prove which class of failure, the nearest first; any other class is tried with pod-delete."""

OF_NODES = ("node-drain", "node-cordon")
"""What is tried on nodes, the nearest proof of a node's failure first."""

SAME = {"disk": "disk-full"}
"""Classes that others call by another name."""


def faults_for(failure: str) -> tuple[str, ...]:
    """The faults that prove a class of failure, the nearest first."""
    return FAULTS.get(SAME.get(failure, failure), ("pod-delete",))


@dataclass(frozen=True, slots=True)
class Proposable:
    """One of them. `fit` finds where it would be put on a workload; nodes have none.

    `words` say of its target what it does. It lasts so many `seconds`, unless its severity says another
    length. `returns` is the signal that it drives up, and under what that must be before it and after it. It
    `slows` answers. After one that `silences`, nobody gets the target's own answers: only its callers can
    hold then.
    """

    words: str
    fit: Callable[[Case], Fit | None] | None = None
    seconds: int = 30
    returns: tuple[str, float] | None = None
    slows: bool = False
    silences: bool = False


PROPOSABLE: Mapping[str, Proposable] = {
    "pod-delete": Proposable("one of its pods is gone", fitting.itself, seconds=15),
    "container-kill": Proposable("one of its containers dies", fitting.itself, seconds=20),
    "pod-memory-hog": Proposable(
        "the memory of one pod fills up", fitting.memory, returns=("memory_usage", 0.95)
    ),
    "pod-cpu-hog": Proposable("the CPU of one pod is saturated", fitting.cpu, slows=True),
    "disk-fill": Proposable("the disk of one pod fills up", fitting.disk, returns=("fs_usage", 0.9)),
    "pod-io-stress": Proposable("the disk of one pod is busy", fitting.io, returns=("fs_usage", 0.9)),
    "pod-network-loss": Proposable("one of its pods loses what it sends", fitting.network),
    "pod-network-latency": Proposable("what one of its pods sends is late", fitting.network, slows=True),
    "database-connection-loss": Proposable(
        "one of its pods cannot reach the database", fitting.database, returns=("db_pool_usage", 0.9)
    ),
    "pod-dns-error": Proposable("one of its pods cannot resolve a name", fitting.names),
    "pod-http-latency": Proposable("one of its pods answers late", fitting.http, slows=True, silences=True),
    "pod-http-status-code": Proposable("one of its pods answers with errors", fitting.http, silences=True),
    "pod-autoscaler": Proposable("it is scaled out", fitting.scaling),
    "scale-down": Proposable("it has fewer pods", fitting.fewer),
    "config-mutation": Proposable("one of its settings is wrong", settings.setting),
    "resource-squeeze": Proposable("one of its pods has less CPU to live on", fitting.squeeze, slows=True),
    "network-partition": Proposable(
        "one of its pods is cut off from the network", fitting.cut_off, seconds=60
    ),
    "service-blackhole": Proposable("its service leads to nobody", fitting.hidden, silences=True),
    "node-drain": Proposable("a node is emptied"),
    "node-cordon": Proposable("a node takes no new pods"),
}
"""Every fault that is proposed, by kind."""


def fit(fault: str, case: Case) -> Fit | None:
    """Where and how the fault would be tried; None where nothing speaks for it."""
    find = PROPOSABLE[fault].fit
    return None if find is None else find(case)
