"""Which faults fit a workload, where they would be put and with which parameters: read off the topology."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaoskit import kube
from chaoskit.experiments.faults import Severity
from chaoskit.ports.cluster import Object
from chaoskit.records import PredictionRecord
from chaoskit.topology import Topology, Workload, looks_like_database

FAULTS: Mapping[str, tuple[str, ...]] = {
    "replica-loss": ("pod-delete", "container-kill"),
    "pod-crash": ("container-kill", "pod-delete"),
    "memory-leak": ("pod-memory-hog", "pod-delete"),
    "cpu-saturation": ("pod-cpu-hog", "pod-delete"),
    "network": ("pod-network-loss", "pod-network-latency", "pod-delete"),
    "database-connection": ("database-connection-loss", "pod-dns-error", "pod-delete"),
    "dns": ("pod-dns-error",),
    "disk-full": ("disk-fill", "pod-io-stress", "pod-delete"),
    "slow-upstream": ("pod-http-latency",),
    "failing-upstream": ("pod-http-status-code",),
    "unschedulable": ("pod-autoscaler", "pod-delete"),
}
"""Which faults prove which class of failure, the nearest first; any other class is tried with pod-delete."""

SAME = {"disk": "disk-full"}
"""Classes that others call by another name."""

_DATABASE_PORTS = frozenset({1433, 1521, 3306, 5432, 6379, 9042, 27017})
_PRESSURE: Mapping[Severity, float] = {"low": 0.6, "medium": 1.1, "high": 1.5, "critical": 2.0}
"""How much of the memory that is free of the limit is taken."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A fault that fits: on whom, with what, and which fact of the topology speaks for it."""

    target: Workload
    parameters: Mapping[str, Any] = field(default_factory=dict)
    because: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """What a fit is made of: whom the failure would befall, how hard to try, what is foreseen."""

    subject: Workload
    topology: Topology
    severity: Severity = "medium"
    prediction: PredictionRecord | None = None


def faults_for(failure: str) -> tuple[str, ...]:
    """The faults that prove a class of failure, the nearest first."""
    return FAULTS.get(SAME.get(failure, failure), ("pod-delete",))


def fit(fault: str, case: Case) -> Fit | None:
    """Where and how the fault would be tried; None where nothing speaks for it."""
    return _FITS[fault](case)


def _itself(case: Case) -> Fit:
    pods = len(case.subject.pods)
    return Fit(case.subject, because="its only pod" if pods == 1 else "")


def _memory(case: Case) -> Fit:
    """Megabytes that take the first limited container over its limit: what is free of it, and more."""
    limit = _limit(case.subject, "memory")
    if limit is None:
        return Fit(case.subject)
    signals = case.prediction.signals if case.prediction is not None else {}
    used = min(0.95, max(0.0, signals.get("memory_usage", 0.5)))
    megabytes = max(1, round(limit * (1 - used) * _PRESSURE[case.severity] / 1e6))
    return Fit(case.subject, {"megabytes": megabytes}, f"limited to {limit / 2**20:.0f} MiB")


def _cpu(case: Case) -> Fit:
    limit = _limit(case.subject, "cpu")
    if limit is None:
        return Fit(case.subject)
    return Fit(case.subject, {"cores": math.ceil(limit)}, f"limited to {limit:g} cores")


def _disk(case: Case) -> Fit | None:
    if _limit(case.subject, "ephemeral-storage") is None:
        return None
    return Fit(case.subject, because="ephemeral storage is limited")


def _io(case: Case) -> Fit | None:
    mounts = [
        mount["mountPath"]
        for container in _containers(case.subject)
        for mount in container.get("volumeMounts") or ()
        if not mount.get("readOnly")
    ]
    return Fit(case.subject, {"mountPath": mounts[0]}, f"writes to {mounts[0]}") if mounts else None


def _network(case: Case) -> Fit | None:
    """On a client's way to what it calls: all of a pod's traffic would hit the kubelet's probes too."""
    ways = [(client, s) for client, s in _links(case) if not _is_database(s, case.topology)]
    if not ways:
        return None
    client, service = ways[0]
    return Fit(client, {"hosts": _host(service)}, f"calls {service['metadata']['name']}")


def _database(case: Case) -> Fit | None:
    for client, service in _links(case):
        ports = [port["port"] for port in service["spec"].get("ports") or ()]
        if ports and _is_database(service, case.topology):
            hosts = ",".join(f"{_host(service)}|{port}" for port in ports)
            return Fit(client, {"database": hosts}, f"calls the database {service['metadata']['name']}")
    return None


def _is_database(service: Object, topology: Topology) -> bool:
    ports = {port["port"] for port in service["spec"].get("ports") or ()}
    behind = (each for each in topology.workloads.values() if service in each.services)
    return bool(ports & _DATABASE_PORTS) or any(looks_like_database(each) for each in behind)


def _names(case: Case) -> Fit | None:
    link = next(_links(case), None)
    if link is None:
        return None
    client, service = link
    name = service["metadata"]["name"]
    return Fit(client, {"hosts": json.dumps([name]), "match": "substring"}, f"looks up {name}")


def _http(case: Case) -> Fit | None:
    """On whom others call by HTTP; the port is the container's own."""
    callers = case.topology.callers_of(case.subject)
    port = next((p["containerPort"] for c in _containers(case.subject) for p in c.get("ports") or ()), None)
    if not callers or port is None or looks_like_database(case.subject):
        return None
    return Fit(case.subject, {"port": port}, f"called on port {port}")


def _scaling(case: Case) -> Fit | None:
    if case.subject.ref.kind not in {kube.DEPLOYMENT, kube.STATEFUL_SET}:
        return None
    wanted = kube.desired_replicas(case.subject.body)
    return Fit(case.subject, {"replicas": max(2, 2 * wanted)}, f"has {wanted} replicas")


_FITS: Mapping[str, Callable[[Case], Fit | None]] = {
    "pod-delete": _itself,
    "container-kill": _itself,
    "pod-memory-hog": _memory,
    "pod-cpu-hog": _cpu,
    "disk-fill": _disk,
    "pod-io-stress": _io,
    "pod-network-loss": _network,
    "pod-network-latency": _network,
    "database-connection-loss": _database,
    "pod-dns-error": _names,
    "pod-http-latency": _http,
    "pod-http-status-code": _http,
    "pod-autoscaler": _scaling,
}


def _links(case: Case) -> Iterator[tuple[Workload, Object]]:
    """(client, service) of what the subject calls; of whoever calls it where it calls nobody."""
    for service in _services(case.topology, case.subject.ref.namespace):
        if service["metadata"]["name"] in case.subject.calls:
            yield case.subject, service
    for caller in case.topology.callers_of(case.subject):
        yield from ((caller, service) for service in case.subject.services)


def _services(topology: Topology, namespace: str) -> Iterator[Object]:
    return (each for each in topology.services if each["metadata"]["namespace"] == namespace)


def _host(service: Object) -> str:
    meta = service["metadata"]
    return f"{meta['name']}.{meta['namespace']}.svc.cluster.local"


def _containers(workload: Workload) -> list[Object]:
    found: list[Object] = workload.body["spec"]["template"]["spec"].get("containers") or []
    return found


def _limit(workload: Workload, resource: str) -> float | None:
    found = (kube.limit(each, resource) for each in _containers(workload))
    return next((limit for limit in found if limit is not None), None)
