"""What is recorded each step: every signal of every pod, call, workload and node, from traffic and cluster.

The values are what the recording rules would make of the counters that `exposition` shows: rates over a
minute, quantiles from histogram buckets, and no sample where a rule would find nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import add
from typing import Any

from chaoskit.simulator.prometheus.signals import Labels, Row, Signals
from chaoskit.simulator.traffic import meters, queueing
from chaoskit.simulator.traffic.flow import Traffic
from chaoskit.simulator.traffic.state import DISK, PodState
from chaoskit.simulator.traffic.view import BAD_WAITING, ClusterView, Pod

_OOM_WINDOW = 300.0


class _Seen:
    """One pod's series, and what its object tells, read once for each version of it."""

    __slots__ = ("_pod", "_told", "row")

    def __init__(self, row: Row) -> None:
        self.row = row
        self._pod: Pod | None = None
        self._told: Mapping[str, float] = {}

    def told(self, pod: Pod) -> Mapping[str, float]:
        """The samples that follow from the pod's object alone."""
        if pod is not self._pod:
            self._pod, self._told = pod, _of_its_status(pod)
        return self._told


class Measurement:
    """Records one step of everything when asked."""

    def __init__(self, signals: Signals, view: ClusterView, traffic: Traffic) -> None:
        self._signals = signals
        self._view = view
        self._traffic = traffic
        self._rows: dict[str, _Seen] = {}

    def record(self, now: float) -> None:
        """All signals have their sample of `now`."""
        self._signals.begin(now)
        served: dict[tuple[str, str], list[float]] = {}
        called: dict[tuple[str, str, str], list[float]] = {}
        rows = {}
        for state in self._traffic.states.values():
            uid = state.pod.uid
            seen = rows[uid] = self._rows.get(uid) or _Seen(Row(self._signals, _labels(state.pod)))
            rates = state.meter.sample(now)
            samples = _of_the_pod(state, seen.told(state.pod), now)
            if state.running and rates is not None:
                samples |= _of_its_counters(state, rates)
                _collect(state, rates, served, called)
            seen.row.record(samples)
        self._rows = rows
        self._edges(served, called)
        self._workloads()
        self._nodes(now)

    def _edges(
        self,
        served: dict[tuple[str, str], list[float]],
        called: dict[tuple[str, str, str], list[float]],
    ) -> None:
        for (namespace, source, destination), counts in called.items():
            theirs = queueing.quantile(0.5, served.get((namespace, destination), [0.0]))
            ours = queueing.quantile(0.5, counts)
            if theirs is None or ours is None:
                continue
            labels = (
                ("namespace", namespace),
                ("source", source),
                ("workload", destination),
                ("workload_kind", "deployment"),
            )
            self._signals.record("chaoskit:edge_gap_p50:seconds", labels, ours - theirs)

    def _workloads(self) -> None:
        for (namespace, name), body in sorted(self._view.deployments.items()):
            wanted = body.get("spec", {}).get("replicas", 1)
            if wanted:
                missing = body.get("status", {}).get("unavailableReplicas", 0)
                labels = (
                    ("namespace", namespace),
                    ("workload", name),
                    ("workload_kind", "deployment"),
                )
                name_of = "chaoskit:replicas_unavailable:ratio"
                self._signals.record(name_of, labels, missing / wanted)

    def _nodes(self, now: float) -> None:
        for name, load in self._traffic.nodes.by_name.items():
            labels = (("node", name),)
            self._signals.record("chaoskit:node_memory:ratio", labels, load.memory / load.capacity)
            rates = load.sample(now)
            if rates is not None:
                cpu, segments, resent = rates
                self._signals.record("chaoskit:node_cpu:ratio", labels, cpu / load.cores)
                ratio = resent / segments if segments else 0.0
                self._signals.record("chaoskit:tcp_retransmits:ratio", labels, ratio)


def _labels(pod: Pod) -> Labels:
    return (
        ("namespace", pod.namespace),
        ("pod", pod.name),
        ("workload", pod.workload),
        ("workload_kind", pod.workload_kind),
    )


def _of_its_status(pod: Pod) -> dict[str, float]:
    """What a pod's object tells."""
    ready = {"ready:bool": float(pod.ready)}
    if pod.phase == "Pending" and not any(c.restarts or c.waiting for c in pod.containers):
        return ready
    reasons = {one.last_reason for one in pod.containers}
    return ready | {
        "restarts:total": sum(one.restarts for one in pod.containers),
        "waiting_bad:bool": float(any(one.waiting in BAD_WAITING for one in pod.containers)),
        "last_terminated_oom:bool": float("OOMKilled" in reasons),
        "last_terminated_error:bool": float("Error" in reasons),
    }


def _of_the_pod(state: PodState, told: Mapping[str, float], now: float) -> dict[str, float]:
    """What is seen of a pod at one look, beside what its object has `told`."""
    pod, found = state.pod, dict(told)
    if not state.running:
        return found
    state.ooms = [at for at in state.ooms if at > now - _OOM_WINDOW] if state.ooms else []
    found["oom_events:increase5m"] = float(len(state.ooms))
    found["memory_working_set:bytes"] = state.memory
    limit = pod.containers[0].memory_limit
    if limit:
        found["memory_usage:ratio"] = state.memory / limit
    found["fs_usage:ratio"] = state.disk / DISK
    role = pod.role
    if role and role.database:
        found["db_pool_usage:ratio"] = state.pool_in_use / role.pool
        found["db_pool_pending:count"] = state.pool_pending
    if role and role.max_connections:
        found["db_connections:ratio"] = state.connections / role.max_connections
    return found


def _of_its_counters(state: PodState, rates: list[float]) -> dict[str, float]:
    """What follows from how fast the counters of a running pod grow."""
    main, role = state.pod.containers[0], state.pod.role
    found = {"cpu_usage:cores": rates[meters.CPU]}
    if main.cpu_limit:
        found["cpu_limit:ratio"] = rates[meters.CPU] / main.cpu_limit
    if rates[meters.PERIODS] > 0:
        found["cpu_throttled:ratio"] = rates[meters.THROTTLED] / rates[meters.PERIODS]
    found["network_receive:bytes_rate"] = rates[meters.RECEIVED]
    found["network_transmit:bytes_rate"] = rates[meters.SENT]
    found["network_dropped:rate"] = rates[meters.DROPPED]
    found["fs_write:bytes_rate"] = rates[meters.WRITTEN]
    if role is None:
        return found
    if role.database:
        found["db_pool_errors:rate"] = rates[meters.POOL_ERRORS]
    requests = sum(rates[meters.OK : meters.REFUSED + 1])
    found["requests:rate"] = requests
    if requests > 0:
        found["errors:ratio"] = 1 - rates[meters.OK] / requests
        served = rates[meters.SERVED : meters.SERVED + meters.WIDTH - 1]
        late = queueing.quantile(0.95, served)
        if late is not None:
            found["latency_p95:seconds"] = late
    return found


def _collect(
    state: PodState,
    rates: list[float],
    served: dict[tuple[str, str], list[float]],
    called: dict[tuple[str, str, str], list[float]],
) -> None:
    """The pod's histograms are added to those of its service and of the calls it makes."""
    app = state.pod.labels.get("app")
    if app is None or state.pod.role is None:
        return
    namespace, width = state.pod.namespace, meters.WIDTH - 1
    _add(served, (namespace, app), rates[meters.SERVED : meters.SERVED + width])
    for destination, at in state.meter.destinations.items():
        _add(called, (namespace, app, destination), rates[at : at + width])


def _add(sums: dict[Any, list[float]], key: tuple[str, ...], more: list[float]) -> None:
    known = sums.get(key)
    sums[key] = more if known is None else [*map(add, known, more)]
