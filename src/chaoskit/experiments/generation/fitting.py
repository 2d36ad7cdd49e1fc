"""Which faults fit a workload, where they would be put and with which parameters: read off the topology."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaoskit import kube, ownership
from chaoskit.acts.fields import REPLICAS, Path
from chaoskit.experiments.direct.network import PARTITION, SELECTOR
from chaoskit.experiments.faults import Severity
from chaoskit.ports.cluster import Object
from chaoskit.records import PredictionRecord
from chaoskit.topology import Topology, Workload, looks_like_database

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

    `hit` is how many of the target's pods it disturbs, where its scope alone does not say it; all pods of
    `others` are disturbed as well.
    """

    target: Workload
    parameters: Mapping[str, Any] = field(default_factory=dict)
    because: str = ""
    hit: int = 1
    others: tuple[Workload, ...] = ()


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

    def keeper(self, path: Path) -> str:
        """Who would put that field of the subject back; "" for nobody."""
        body = {"kind": self.subject.ref.kind.name, **self.subject.body}
        return ownership.keeper(body, path, self.topology.autoscalers)


def itself(case: Case) -> Fit:
    """One of its own pods."""
    pods = len(case.subject.pods)
    return Fit(case.subject, because="its only pod" if pods == 1 else "")


def memory(case: Case) -> Fit:
    """Megabytes that take the first limited container over its limit: what is free of it, and more."""
    limit = _limit(case.subject, "memory")
    if limit is None:
        return Fit(case.subject)
    signals = case.prediction.signals if case.prediction is not None else {}
    used = min(0.95, max(0.0, signals.get("memory_usage", 0.5)))
    megabytes = max(1, round(limit * (1 - used) * _PRESSURE[case.severity] / 1e6))
    return Fit(case.subject, {"megabytes": megabytes}, f"limited to {limit / 2**20:.0f} MiB")


def cpu(case: Case) -> Fit:
    """As many cores as the first limited container may use."""
    limit = _limit(case.subject, "cpu")
    if limit is None:
        return Fit(case.subject)
    return Fit(case.subject, {"cores": math.ceil(limit)}, f"limited to {limit:g} cores")


def disk(case: Case) -> Fit | None:
    """Where ephemeral storage has a limit that can be reached."""
    if _limit(case.subject, "ephemeral-storage") is None:
        return None
    return Fit(case.subject, because="ephemeral storage is limited")


def io(case: Case) -> Fit | None:
    """Where something is mounted that it may write to."""
    mounts = [
        mount["mountPath"]
        for container in _containers(case.subject)
        for mount in container.get("volumeMounts") or ()
        if not mount.get("readOnly")
    ]
    return Fit(case.subject, {"mountPath": mounts[0]}, f"writes to {mounts[0]}") if mounts else None


def network(case: Case) -> Fit | None:
    """On a client's way to what it calls: all of a pod's traffic would hit the kubelet's probes too."""
    ways = [(client, s) for client, s in _links(case) if not _is_database(s, case.topology)]
    if not ways:
        return None
    client, service = ways[0]
    return Fit(client, {"hosts": _host(service)}, f"calls {service['metadata']['name']}")


def database(case: Case) -> Fit | None:
    """On the way between a client and the database that it calls, no other traffic."""
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


def names(case: Case) -> Fit | None:
    """On a client, which cannot find what it calls."""
    link = next(_links(case), None)
    if link is None:
        return None
    client, service = link
    name = service["metadata"]["name"]
    return Fit(client, {"hosts": json.dumps([name]), "match": "substring"}, f"looks up {name}")


def http(case: Case) -> Fit | None:
    """On whom others call by HTTP; the port is the container's own."""
    callers = case.topology.callers_of(case.subject)
    port = next((p["containerPort"] for c in _containers(case.subject) for p in c.get("ports") or ()), None)
    if not callers or port is None or looks_like_database(case.subject):
        return None
    return Fit(case.subject, {"port": port}, f"called on port {port}")


def scaling(case: Case) -> Fit | None:
    """Twice as many replicas, where nobody else keeps their number."""
    if case.subject.ref.kind not in {kube.DEPLOYMENT, kube.STATEFUL_SET} or case.keeper(REPLICAS):
        return None
    wanted = kube.desired_replicas(case.subject.body)
    return Fit(case.subject, {"replicas": max(2, 2 * wanted)}, f"has {wanted} replicas")


def fewer(case: Case) -> Fit | None:
    """One replica less at first, then half of them, at last all but one; where nobody else keeps them."""
    wanted = kube.desired_replicas({"kind": case.subject.ref.kind.name, **case.subject.body})
    if case.subject.ref.kind == kube.DAEMON_SET or wanted < 2 or case.keeper(REPLICAS):
        return None
    stay = {"high": max(1, wanted // 2), "critical": 1}.get(case.severity, wanted - 1)
    return Fit(case.subject, {"replicas": stay}, f"has {wanted} replicas", hit=wanted - stay)


def squeeze(case: Case) -> Fit | None:
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


def cut_off(case: Case) -> Fit | None:
    """Where it can be seen: a policy that a network ignores proves nothing."""
    calls = len(case.topology.callers_of(case.subject)) + len(case.subject.calls)
    kept = any(ownership.keeper(pod, ("metadata", "labels", PARTITION)) for pod in case.subject.pods)
    if not case.measured or not calls or kept:
        return None
    return Fit(case.subject, because=f"talks to {calls} workloads" if calls > 1 else "talks to 1 workload")


def hidden(case: Case) -> Fit | None:
    """What others call by a service that nobody else keeps: all of its pods are out of their sight."""
    callers = case.topology.callers_of(case.subject)
    called = _called(case.subject, callers) if callers else ()
    free = [each["metadata"]["name"] for each in called if not ownership.keeper(each, SELECTOR)]
    if not free:
        return None
    return Fit(case.subject, {"service": free[0]}, f"called by service {free[0]}", hit=len(case.subject.pods))


def _called(workload: Workload, callers: Iterable[Workload]) -> tuple[Object, ...]:
    """The services by which these call it; all of its services where they name only the workload."""
    names = {name for each in callers for name in each.calls}
    named = tuple(each for each in workload.services if each["metadata"]["name"] in names)
    return named or workload.services


def _links(case: Case) -> Iterator[tuple[Workload, Object]]:
    """(client, service) of what the subject calls; of whoever calls it where it calls nobody."""
    for service in _services(case.topology, case.subject.ref.namespace):
        if service["metadata"]["name"] in case.subject.calls:
            yield case.subject, service
    for caller in case.topology.callers_of(case.subject):
        yield from ((caller, service) for service in _called(case.subject, (caller,)))


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
