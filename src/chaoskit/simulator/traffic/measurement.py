"""What is recorded each step: every signal of every pod, call, workload and node, from traffic and cluster.

The values are what the recording rules would make of the counters that `exposition` shows: rates over a
minute, quantiles from histogram buckets, and no sample where a rule would find nothing.
"""

from __future__ import annotations

from typing import Any

from chaoskit.simulator.prometheus.signals import Labels, Series, Signals
from chaoskit.simulator.traffic import meters, queueing
from chaoskit.simulator.traffic.flow import Traffic
from chaoskit.simulator.traffic.state import DISK, PodState
from chaoskit.simulator.traffic.view import BAD_WAITING, ClusterView, Pod

_OOM_WINDOW = 300.0


class PodRecorder:
    """The series of one pod, found once; absent values leave gaps."""

    def __init__(self, signals: Signals, pod: Pod) -> None:
        self._signals = signals
        self._labels: Labels = (
            ("namespace", pod.namespace),
            ("pod", pod.name),
            ("workload", pod.workload),
            ("workload_kind", pod.workload_kind),
        )
        self._series: dict[str, Series] = {}
        self.step = signals.step

    def put(self, name: str, value: float) -> None:
        """``chaoskit:<name>`` of this pod has `value` at `step`."""
        series = self._series.get(name)
        if series is None:
            series = self._signals.series(f"chaoskit:{name}", self._labels)
            self._series[name] = series
        series.put(self.step, value)


class Measurement:
    """Records one step of everything when asked."""

    def __init__(self, signals: Signals, view: ClusterView, traffic: Traffic) -> None:
        self._signals = signals
        self._view = view
        self._traffic = traffic
        self._recorders: dict[str, PodRecorder] = {}

    def record(self, now: float) -> None:
        """All signals have their sample of `now`."""
        self._signals.begin(now)
        served: dict[tuple[str, str], list[float]] = {}
        called: dict[tuple[str, str, str], list[float]] = {}
        recorders = {}
        for state in self._traffic.states.values():
            recorder = self._recorders.get(state.pod.uid) or PodRecorder(self._signals, state.pod)
            recorders[state.pod.uid] = recorder
            recorder.step = self._signals.step
            rates = state.meter.sample(now)
            self._pod(recorder, state, now)
            if state.running and rates is not None:
                self._rates(recorder, state, rates)
                _collect(state, rates, served, called)
        self._recorders = recorders
        self._edges(served, called)
        self._workloads()
        self._nodes(now)

    def _pod(self, recorder: PodRecorder, state: PodState, now: float) -> None:
        put, pod = recorder.put, state.pod
        put("ready:bool", float(pod.ready))
        if pod.phase == "Pending" and not any(c.restarts or c.waiting for c in pod.containers):
            return
        put("restarts:total", sum(one.restarts for one in pod.containers))
        put("waiting_bad:bool", float(any(one.waiting in BAD_WAITING for one in pod.containers)))
        reasons = {one.last_reason for one in pod.containers}
        put("last_terminated_oom:bool", float("OOMKilled" in reasons))
        put("last_terminated_error:bool", float("Error" in reasons))
        if not state.running:
            return
        state.ooms = [at for at in state.ooms if at > now - _OOM_WINDOW] if state.ooms else []
        put("oom_events:increase5m", float(len(state.ooms)))
        put("memory_working_set:bytes", state.memory)
        limit = pod.containers[0].memory_limit
        if limit:
            put("memory_usage:ratio", state.memory / limit)
        put("fs_usage:ratio", state.disk / DISK)
        role = pod.role
        if role and role.database:
            put("db_pool_usage:ratio", state.pool_in_use / role.pool)
            put("db_pool_pending:count", state.pool_pending)
        if role and role.max_connections:
            put("db_connections:ratio", state.connections / role.max_connections)

    def _rates(self, recorder: PodRecorder, state: PodState, rates: list[float]) -> None:
        put, main = recorder.put, state.pod.containers[0]
        put("cpu_usage:cores", rates[meters.CPU])
        if main.cpu_limit:
            put("cpu_limit:ratio", rates[meters.CPU] / main.cpu_limit)
        if rates[meters.PERIODS] > 0:
            put("cpu_throttled:ratio", rates[meters.THROTTLED] / rates[meters.PERIODS])
        put("network_receive:bytes_rate", rates[meters.RECEIVED])
        put("network_transmit:bytes_rate", rates[meters.SENT])
        put("network_dropped:rate", rates[meters.DROPPED])
        put("fs_write:bytes_rate", rates[meters.WRITTEN])
        role = state.pod.role
        if role is None:
            return
        if role.database:
            put("db_pool_errors:rate", rates[meters.POOL_ERRORS])
        requests = sum(rates[at] for at, _ in meters.CODES)
        put("requests:rate", requests)
        if requests > 0:
            put("errors:ratio", 1 - rates[meters.OK] / requests)
            served = rates[meters.SERVED : meters.SERVED + meters.WIDTH - 1]
            late = queueing.quantile(0.95, served)
            if late is not None:
                put("latency_p95:seconds", late)

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
    sums[key] = more if known is None else [a + b for a, b in zip(known, more, strict=True)]
