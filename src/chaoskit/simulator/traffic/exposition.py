"""The text of ``/metrics``: what cAdvisor, kube-state-metrics, node-exporter and the application would show.

A real Prometheus that scrapes it every 15 s with ``honor_labels: true`` and evaluates the recording rules
gets the signals that the simulator records itself. Counters are carried on to the moment of the scrape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chaoskit.simulator.traffic import meters
from chaoskit.simulator.traffic.flow import Traffic
from chaoskit.simulator.traffic.queueing import BUCKETS
from chaoskit.simulator.traffic.state import DISK, PodState
from chaoskit.simulator.traffic.view import ClusterView, Container, Pod


@dataclass(slots=True)
class Page:
    """Metric families in the making; `text` is the exposition."""

    _families: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    def add(self, name: str, kind: str, labels: Mapping[str, str], value: float, suffix: str = "") -> None:
        """One sample of the family `name`, which is a `kind` (counter, gauge or histogram)."""
        pairs = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines = self._families.setdefault(name, (kind, []))[1]
        lines.append(f"{name}{suffix}{{{pairs}}} {value:.12g}")

    def text(self) -> str:
        """All families, each with its type, in the order of their first sample."""
        parts = []
        for name, (kind, lines) in self._families.items():
            parts.append(f"# TYPE {name} {kind}")
            parts += lines
        return "\n".join(parts) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def render(view: ClusterView, traffic: Traffic, now: float) -> str:
    """The whole page as of `now` (Unix seconds)."""
    page = Page()
    passed = max(0.0, now - traffic.at)
    for _, state in sorted(traffic.states.items()):
        _kube_state(page, state.pod)
        if state.running:
            counters = state.meter.at(passed)
            _cadvisor(page, state, counters)
            _application(page, state, counters)
    _workloads(page, view)
    _nodes(page, traffic, now)
    return page.text()


# ---------------------------------------------------------------- cAdvisor

_CONTAINER_COUNTERS = (
    ("container_cpu_usage_seconds_total", meters.CPU),
    ("container_cpu_cfs_periods_total", meters.PERIODS),
    ("container_cpu_cfs_throttled_periods_total", meters.THROTTLED),
    ("container_fs_writes_bytes_total", meters.WRITTEN),
)


def _cadvisor(page: Page, state: PodState, counters: list[float]) -> None:
    pod, main = state.pod, state.pod.containers[0]
    where = {"namespace": pod.namespace, "pod": pod.name}
    labels = {**where, "container": main.name, "image": main.image, "id": f"/kubepods/{main.run}"}
    for name, at in _CONTAINER_COUNTERS:
        if main.cpu_limit or "cfs" not in name:
            page.add(name, "counter", labels, counters[at])
    page.add("container_memory_working_set_bytes", "gauge", labels, state.memory)
    oom = {**where, "container": main.name, "image": main.image, "id": f"/kubepods/{pod.uid}"}
    page.add("container_oom_events_total", "counter", oom, state.oom_total)
    page.add("container_fs_usage_bytes", "gauge", labels, state.disk)
    page.add("container_fs_limit_bytes", "gauge", labels, DISK)
    network = {**where, "interface": "eth0"}
    received, sent = counters[meters.RECEIVED], counters[meters.SENT]
    page.add("container_network_receive_bytes_total", "counter", network, received)
    page.add("container_network_transmit_bytes_total", "counter", network, sent)
    dropped = counters[meters.DROPPED]
    page.add("container_network_transmit_packets_dropped_total", "counter", network, dropped)
    for way in ("receive_packets_dropped", "receive_errors", "transmit_errors"):
        page.add(f"container_network_{way}_total", "counter", network, 0)


# ---------------------------------------------------------------- kube-state-metrics


def _kube_state(page: Page, pod: Pod) -> None:
    labels = {"namespace": pod.namespace, "pod": pod.name, "uid": pod.uid}
    where = {"node": pod.node, "pod_ip": pod.ip, "host_ip": pod.host_ip}
    created_by = {"created_by_kind": pod.owner[0], "created_by_name": pod.owner[1]}
    page.add("kube_pod_info", "gauge", {**labels, **where, **created_by}, 1)
    owner = {"owner_kind": pod.owner[0], "owner_name": pod.owner[1]}
    controlled = {"owner_is_controller": "true" if pod.owner[0] else ""}
    page.add("kube_pod_owner", "gauge", {**labels, **owner, **controlled}, 1)
    for phase in ("Pending", "Running", "Succeeded", "Failed", "Unknown"):
        value = float(phase == pod.phase)
        page.add("kube_pod_status_phase", "gauge", {**labels, "phase": phase}, value)
    for condition, value in (("true", pod.ready), ("false", not pod.ready), ("unknown", False)):
        ready = {**labels, "condition": condition}
        page.add("kube_pod_status_ready", "gauge", ready, float(value))
    for container in pod.containers:
        _kube_state_container(page, pod, container, {**labels, "container": container.name})


def _kube_state_container(page: Page, pod: Pod, container: Container, labels: Mapping[str, str]) -> None:
    resources = (
        ("limits", "cpu", "core", container.cpu_limit),
        ("limits", "memory", "byte", container.memory_limit),
        ("requests", "cpu", "core", container.cpu_request),
        ("requests", "memory", "byte", container.memory_request),
    )
    for which, resource, unit, value in resources:
        if value is not None:
            asked = {**labels, "node": pod.node, "resource": resource, "unit": unit}
            page.add(f"kube_pod_container_resource_{which}", "gauge", asked, value)
    status = "kube_pod_container_status"
    page.add(f"{status}_restarts_total", "counter", labels, container.restarts)
    page.add(f"{status}_ready", "gauge", labels, float(container.ready))
    page.add(f"{status}_running", "gauge", labels, float(container.running))
    if container.waiting:
        reason = {**labels, "reason": container.waiting}
        page.add(f"{status}_waiting_reason", "gauge", reason, 1)
    if container.last_reason:
        reason = {**labels, "reason": container.last_reason}
        page.add(f"{status}_last_terminated_reason", "gauge", reason, 1)


def _workloads(page: Page, view: ClusterView) -> None:
    for (namespace, name), body in sorted(view.deployments.items()):
        labels, status = {"namespace": namespace, "deployment": name}, body.get("status", {})
        wanted = body.get("spec", {}).get("replicas", 1)
        page.add("kube_deployment_spec_replicas", "gauge", labels, wanted)
        for key, suffix in (
            ("replicas", ""),
            ("availableReplicas", "_available"),
            ("unavailableReplicas", "_unavailable"),
            ("readyReplicas", "_ready"),
            ("updatedReplicas", "_updated"),
        ):
            name_of = f"kube_deployment_status_replicas{suffix}"
            page.add(name_of, "gauge", labels, status.get(key, 0))
    for (namespace, name), body in sorted(view.replica_sets.items()):
        for owner in body["metadata"].get("ownerReferences") or ():
            labels = {
                "namespace": namespace,
                "replicaset": name,
                "owner_kind": owner["kind"],
                "owner_name": owner["name"],
                "owner_is_controller": "true",
            }
            page.add("kube_replicaset_owner", "gauge", labels, 1)


# ---------------------------------------------------------------- node-exporter


def _nodes(page: Page, traffic: Traffic, now: float) -> None:
    for name, load in traffic.nodes.by_name.items():
        labels = {"instance": f"{name}:9100"}
        busy, segments, resent = load.at(max(0.0, now - traffic.at))
        cores = int(load.cores)
        idle = cores * (now - traffic.nodes.started) - busy
        for mode, value in (("idle", idle), ("user", busy)):
            for cpu in range(cores):
                core = {**labels, "cpu": str(cpu), "mode": mode}
                page.add("node_cpu_seconds_total", "counter", core, value / cores)
        page.add("node_load1", "gauge", labels, load.rates[0])
        page.add("node_memory_MemTotal_bytes", "gauge", labels, load.capacity)
        free = load.capacity - load.memory
        page.add("node_memory_MemAvailable_bytes", "gauge", labels, free)
        page.add("node_netstat_Tcp_OutSegs", "counter", labels, segments)
        page.add("node_netstat_Tcp_RetransSegs", "counter", labels, resent)


# ---------------------------------------------------------------- the application


def _application(page: Page, state: PodState, counters: list[float]) -> None:
    pod, role = state.pod, state.pod.role
    if role is None:
        return
    labels = {
        "namespace": pod.namespace,
        "pod": pod.name,
        "app": pod.labels.get("app", pod.workload),
    }
    for at, code in meters.CODES:
        page.add("http_requests_total", "counter", {**labels, "code": code}, counters[at])
    _histogram(page, "http_request_duration_seconds", labels, counters[meters.SERVED :])
    for destination, at in state.meter.destinations.items():
        called = {**labels, "destination": destination}
        _histogram(page, "http_client_request_duration_seconds", called, counters[at:])
    if role.database:
        page.add("db_pool_connections_in_use", "gauge", labels, state.pool_in_use)
        page.add("db_pool_connections_max", "gauge", labels, role.pool)
        page.add("db_pool_connections_pending", "gauge", labels, state.pool_pending)
        page.add("db_pool_errors_total", "counter", labels, counters[meters.POOL_ERRORS])
    if role.max_connections:
        page.add("db_server_connections", "gauge", labels, state.connections)
        page.add("db_server_connections_max", "gauge", labels, role.max_connections)


def _histogram(page: Page, name: str, labels: Mapping[str, str], counts: Iterable[float]) -> None:
    values = list(counts)[: meters.WIDTH]
    bounds = [f"{bound:g}" for bound in BUCKETS] + ["+Inf"]
    for bound, value in zip(bounds, values, strict=False):
        page.add(name, "histogram", {**labels, "le": bound}, value, "_bucket")
    page.add(name, "histogram", labels, values[meters.WIDTH - 1], "_sum")
    page.add(name, "histogram", labels, values[meters.WIDTH - 2], "_count")
