"""What the pods on each node use together: CPU, memory, disk, processes and TCP segments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from chaoskit.simulator.node.nodes import MOST_PROCESSES
from chaoskit.simulator.traffic import meters
from chaoskit.simulator.traffic.meters import Counters
from chaoskit.simulator.traffic.state import PodState
from chaoskit.simulator.traffic.view import ClusterView, quantity

_SYSTEM_CPU = 0.12
_SYSTEM_MEMORY = 0.9 * 2.0**30
_SYSTEM_DISK = 38 * 2.0**30
"""Images, logs and the system itself."""
_SYSTEM_PROCESSES = 280.0
_POD_PROCESSES = 12.0
_SEGMENTS = 40.0
_RESENT = 0.0008
CPU, SEGMENTS, RESENT = range(3)


class Use(NamedTuple):
    """How much of a resource that a node can run short of is there and taken, and what of it is a pod's."""

    resource: str
    whole: float
    taken: float
    of: Callable[[PodState], float]


class NodeLoad(Counters):
    """One node: its size, what it uses now, and counters of CPU seconds, segments and segments resent."""

    def __init__(self, cores: float, capacity: float, storage: float) -> None:
        super().__init__(3)
        self.cores = cores
        self.capacity = capacity
        self.storage = storage
        self.memory = self.disk = self.processes = 0.0
        self.wanted = 0.0
        """Cores that all its pods would use if there were enough."""
        self.reported = False
        self.written = 0.0
        """Bytes per second that faults make its pods write."""

    @property
    def uses(self) -> tuple[Use, ...]:
        """What the node can run short of."""
        return (
            Use("memory", self.capacity, self.memory, lambda state: state.memory),
            Use("ephemeral-storage", self.storage, self.disk, lambda state: state.stored),
            Use("pids", MOST_PROCESSES, self.processes, _processes),
        )


class NodeLoads:
    """Every node of the cluster, by name."""

    def __init__(self, view: ClusterView, now: float) -> None:
        self._view = view
        self.started = now
        self.by_name: dict[str, NodeLoad] = {}
        self.strained = False
        """True while on some node CPU is wanted by more than there is, or a disk is kept busy."""

    def advance(self, seconds: float) -> None:
        """`seconds` have passed at the present rates."""
        for load in self.by_name.values():
            load.advance(seconds)

    def left(self, state: PodState) -> float:
        """The part of its CPU that a pod can have: all, until its node's are wanted by more than there are.

        From then on it has its share of what is there, but never less than it asked for.
        """
        load, main = self.by_name.get(state.pod.node), state.pod.main
        if load is None or main is None or load.wanted <= load.cores:
            return 1.0
        asked = (main.cpu_request or 0.0) / (main.cpu_limit or load.cores)
        return max(load.cores / load.wanted, min(1.0, asked))

    def written(self, state: PodState) -> float:
        """Bytes per second that faults write to the disk of a pod's node."""
        load = self.by_name.get(state.pod.node)
        return load.written if load is not None else 0.0

    def measure(self, states: Iterable[PodState]) -> None:
        """The nodes use what these pods use now, and their own share."""
        nodes = self._view.nodes
        self.by_name = {name: self.by_name.get(name) or _load(nodes[name]) for name in sorted(nodes)}
        for load in self.by_name.values():
            load.memory, load.rates = _SYSTEM_MEMORY, [_SYSTEM_CPU, _SEGMENTS, 0.0]
            load.wanted, load.written = _SYSTEM_CPU, 0.0
            load.disk, load.processes = _SYSTEM_DISK, _SYSTEM_PROCESSES
        for state in states:
            there = self.by_name.get(state.pod.node)
            if there is not None and state.running:
                _add(there, state)
        self.strained = any(load.wanted > load.cores or load.written for load in self.by_name.values())
        for load in self.by_name.values():
            load.memory = min(load.memory, load.capacity)
            load.disk = min(load.disk, load.storage)
            load.processes = min(load.processes, MOST_PROCESSES)
            load.rates[CPU] = min(load.rates[CPU], load.cores)
            load.rates[RESENT] = min(load.rates[RESENT], load.rates[SEGMENTS])


def _add(load: NodeLoad, state: PodState) -> None:
    rates = state.meter.rates
    segments = (rates[meters.SENT] + rates[meters.RECEIVED]) / 1400
    load.memory += state.memory
    load.disk += state.stored
    load.processes += _processes(state)
    load.rates[CPU] += state.cpu
    load.wanted += state.cpu
    load.written += state.wrong.writes
    load.rates[SEGMENTS] += segments
    load.rates[RESENT] += rates[meters.DROPPED] + _RESENT * segments


def _processes(state: PodState) -> float:
    return _POD_PROCESSES + state.wrong.processes


def _load(node: dict[str, object]) -> NodeLoad:
    status = node.get("status")
    capacity = status.get("capacity", {}) if isinstance(status, dict) else {}
    cores, memory = quantity(capacity.get("cpu")), quantity(capacity.get("memory"))
    storage = quantity(capacity.get("ephemeral-storage"))
    return NodeLoad(cores or 4.0, memory or 8 * 2.0**30, storage or 100 * 2.0**30)
