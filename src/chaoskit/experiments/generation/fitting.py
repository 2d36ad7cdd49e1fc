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

_DATABASE_PORTS = frozenset({1433, 1521, 3306, 5432, 6379, 9042, 27017})
_PRESSURE: Mapping[Severity, float] = {"low": 0.6, "medium": 1.1, "high": 1.5, "critical": 2.0}
"""How much of the memory that is free of the limit is taken."""
_SQUEEZED: Mapping[Severity, int] = {"low": 75, "medium": 50, "high": 25, "critical": 10}
"""What stays of a pod's CPU limit, in percent."""
_RESIZES = (1, 33)
"""The first Kubernetes whose pods are resized while they run."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A fault that fits: on whom, with what, and which fact of the topology speaks for it.

    `hit` is how many of the target's pods it disturbs, where its scope alone does not say it.
    """

    target: Workload
    parameters: Mapping[str, Any] = field(default_factory=dict)
    because: str = ""
    hit: int = 1


@dataclass(frozen=True, slots=True)
class Case:
    """What a fit is made of: whom the failure would befall, how hard to try, what is foreseen.

    `measured`: there is a Prometheus in which the traffic of pods can be seen to end.
    """

    subject: Workload
    topology: Topology
    severity: Severity = "medium"
    prediction: PredictionRecord | None = None
    measured: bool = False


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


def _fewer(case: Case) -> Fit | None:
    """One replica less at first, then half of them, at last all but one."""
    wanted = kube.desired_replicas({"kind": case.subject.ref.kind.name, **case.subject.body})
    if case.subject.ref.kind == kube.DAEMON_SET or wanted < 2:
        return None
    stay = {"high": max(1, wanted // 2), "critical": 1}.get(case.severity, wanted - 1)
    return Fit(case.subject, {"replicas": stay}, f"has {wanted} replicas", hit=wanted - stay)


def _setting(case: Case) -> Fit | None:
    """A setting that a container reads from a ConfigMap when it starts; only a deployment has a way back."""
    if case.subject.ref.kind != kube.DEPLOYMENT:
        return None
    for container in _containers(case.subject):
        for each in container.get("env") or ():
            source = (each.get("valueFrom") or {}).get("configMapKeyRef")
            if source:
                parameters = {"configMap": source["name"], "key": source["key"], "value": "wrong"}
                because = f"reads {source['key']} from ConfigMap {source['name']}"
                return Fit(case.subject, parameters, because, hit=len(case.subject.pods))
    return None


def _squeeze(case: Case) -> Fit | None:
    """Where every kubelet is new enough; one that is not known is not."""
    limit = _limit(case.subject, "cpu")
    if limit is None or not case.topology.nodes or not all(map(_resizes, case.topology.nodes)):
        return None
    left = {"cpu": _SQUEEZED[case.severity], "memory": 0}
    return Fit(case.subject, left, f"limited to {limit:g} cores")


def _resizes(node: Object) -> bool:
    version = (((node.get("status") or {}).get("nodeInfo") or {}).get("kubeletVersion") or "").lstrip("v")
    numbers = version.split(".")[:2]
    return len(numbers) == 2 and all(map(str.isdigit, numbers)) and tuple(map(int, numbers)) >= _RESIZES


def _cut_off(case: Case) -> Fit | None:
    """Where it can be seen: a policy that a network ignores proves nothing."""
    calls = len(case.topology.callers_of(case.subject)) + len(case.subject.calls)
    if not case.measured or not calls:
        return None
    return Fit(case.subject, because=f"talks to {calls} workloads" if calls > 1 else "talks to 1 workload")


def _hidden(case: Case) -> Fit | None:
    """What others call by a service; all of its pods are out of their sight."""
    if not case.subject.services or not case.topology.callers_of(case.subject):
        return None
    name = case.subject.services[0]["metadata"]["name"]
    return Fit(case.subject, {"service": name}, f"called by service {name}", hit=len(case.subject.pods))


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
    "scale-down": _fewer,
    "config-mutation": _setting,
    "resource-squeeze": _squeeze,
    "network-partition": _cut_off,
    "service-blackhole": _hidden,
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
