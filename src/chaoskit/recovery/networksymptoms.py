"""Symptoms of the network that objects show: names without answers, policies that cut off, empty services."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chaoskit import kube
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.recovery import podsymptoms
from chaoskit.recovery.kills import Kills
from chaoskit.recovery.symptoms import Severity, Symptom, minutes, unavailable_since
from chaoskit.topology import Topology, Workload

DNS_NAMESPACE = "kube-system"
DNS_LABELS = ("k8s-app=kube-dns", "k8s-app=coredns", "app.kubernetes.io/name=coredns")
"""How distributions label the pods that answer for names."""

_DNS_PORTS = frozenset({53, "53", "dns", "dns-tcp"})

_NAME = "kubernetes.io/metadata.name"
"""The label of each namespace that is its name."""

_CLOSED = {"Ingress": "no caller in", "Egress": "nothing out"}
"""The directions of traffic, and what a policy lets through that cuts off in one."""

YOUNG = timedelta(hours=1)
"""A policy that is older has been lived with: it is not what broke just now."""

FELT = frozenset(
    {"errors", "latency", "cut-off", "edge-gap", "not-ready", "probe-failed", "pool-exhausted", "pool-errors"}
)
"""What somebody shows when a policy cuts a workload off: a policy that nobody feels is no symptom."""


def is_dns(workload: Workload) -> bool:
    """Whether it answers for the cluster's names."""
    labels = {f"{key}={value}" for key, value in kube.labels_of(workload.body["spec"]["template"]).items()}
    return workload.ref.namespace == DNS_NAMESPACE and not labels.isdisjoint(DNS_LABELS)


def detect(
    topology: Topology, policies: Sequence[Object], found: Collection[Symptom], kills: Kills, *, now: datetime
) -> tuple[Symptom, ...]:
    """What objects show to be wrong with the network at `now`; `found` is what is known to suffer already."""
    suffering = {symptom.target for symptom in found if symptom.kind in FELT}
    return (
        *_dns(topology, kills, now),
        *_policies(topology, policies, suffering, now),
        *_empty_services(topology, suffering, now),
    )


def _dns(topology: Topology, kills: Kills, now: datetime) -> Iterator[Symptom]:
    for workload in topology.workloads.values():
        if not is_dns(workload) or _answers(workload, kills, now):
            continue
        wanted, since = kube.desired_replicas(workload.body), unavailable_since(workload.body, now)
        words = f"0 of {wanted} pods answer for names" if wanted else "nobody answers for names: scaled to 0"
        if podsymptoms.may_serve(workload, now, kills):
            yield podsymptoms.starting("dns-starting", workload, f"{words}, but one may in a moment", now)
        else:
            yield Symptom("dns-down", workload.ref, since, Severity.CRITICAL, words)


def _answers(workload: Workload, kills: Kills, now: datetime) -> bool:
    """Whether a pod of it is ready, and not just between two crashes."""
    ready = filter(kube.is_ready, workload.pods)
    return any(podsymptoms.complaint(pod, now, kills) is None for pod in ready)


# ---------------------------------------------------------------- policies


def _policies(
    topology: Topology, policies: Sequence[Object], suffering: Collection[ObjectRef], now: datetime
) -> Iterator[Symptom]:
    for workload in topology.workloads.values():
        near = {workload.ref, *(each.ref for each in topology.callers_of(workload))}
        if near.isdisjoint(suffering):
            continue
        mine = [each for each in policies if _selects(each, workload)]
        closed = _closed(mine, topology.callers_of(workload), now)
        if closed:
            cutting = [each for each in mine if closed & _ways(each) and _is_young(each, now)]
            yield _cut(workload, cutting, closed, now)


def _selects(policy: Object, workload: Workload) -> bool:
    """Whether the policy is about pods of the workload."""
    selector = policy["spec"].get("podSelector") or {}
    near = policy["metadata"].get("namespace") == workload.ref.namespace
    return near and any(kube.selects(selector, kube.labels_of(pod)) for pod in workload.pods)


def _closed(policies: Sequence[Object], callers: Sequence[Workload], now: datetime) -> set[str]:
    """The directions in which a workload's policies cut it off, since one of them was made of late."""
    by_way = {way: [each for each in policies if way in _ways(each)] for way in _CLOSED}
    return {way for way, mine in by_way.items() if _is_closed(way, mine, callers, now)}


def _is_closed(way: str, policies: Sequence[Object], callers: Sequence[Workload], now: datetime) -> bool:
    """Whether the first of them came of late, and none opens it: beside an old one no new one shuts."""
    of_late = bool(policies) and all(_is_young(each, now) for each in policies)
    return of_late and not any(_opens(each, way, callers) for each in policies)


def _is_young(policy: Object, now: datetime) -> bool:
    made = kube.time_of(policy["metadata"].get("creationTimestamp"))
    return made is None or now - made <= YOUNG


def _ways(policy: Object) -> set[str]:
    """In which directions only that passes which some policy lets through."""
    return set(policy["spec"].get("policyTypes") or ("Ingress",))


def _opens(policy: Object, way: str, callers: Sequence[Workload]) -> bool:
    """Whether the policy may let a caller in, whoever that is if none is known; or more out than lookups."""
    if way == "Egress":
        return not all(map(_only_names, _rules(policy["spec"].get("egress"))))
    peers = [_rules(rule.get("from")) for rule in _rules(policy["spec"].get("ingress"))]
    return any(not each or not callers or any(_may_be(p, w) for p in each for w in callers) for each in peers)


def _may_be(peer: Mapping[str, Any], workload: Workload) -> bool:
    """Whether pods of a workload of the policy's namespace may be of the peer: addresses are not known."""
    labels = [kube.labels_of(each) for each in (workload.body["spec"]["template"], *workload.pods)]
    named = any(kube.selects(peer.get("podSelector") or {}, each) for each in labels)
    return "ipBlock" in peer or (named and _may_hold(peer.get("namespaceSelector"), workload.ref.namespace))


def _may_hold(selector: Mapping[str, Any] | None, namespace: str) -> bool:
    """Whether it may select the namespace, of which only the name is known; None is the policy's own."""
    found = selector or {}
    pairs = {key: value for key, value in (found.get("matchLabels") or {}).items() if key == _NAME}
    expressions = [each for each in found.get("matchExpressions") or () if each["key"] == _NAME]
    return kube.selects({"matchLabels": pairs, "matchExpressions": expressions}, {_NAME: namespace})


def _rules(value: object) -> list[Mapping[str, Any]]:
    return list(value) if isinstance(value, list) else []


def _only_names(rule: Mapping[str, Any]) -> bool:
    """Whether the rule lets nothing out but lookups of names, by its ports or since only the DNS is meant."""
    ports, peers = [port.get("port") for port in _rules(rule.get("ports"))], _rules(rule.get("to"))
    return bool(ports and set(ports) <= _DNS_PORTS) or bool(peers and all(map(_is_of_dns, peers)))


def _is_of_dns(peer: Mapping[str, Any]) -> bool:
    """Whether it is pods of the DNS' namespace, or the DNS' own wherever they are."""
    if peer.get("namespaceSelector") is None:
        return False
    named, labels = (_pairs(peer.get(f"{each}Selector")) for each in ("namespace", "pod"))
    return f"{_NAME}={DNS_NAMESPACE}" in named or not labels.isdisjoint(DNS_LABELS)


def _pairs(selector: Mapping[str, Any] | None) -> set[str]:
    return {f"{key}={value}" for key, value in ((selector or {}).get("matchLabels") or {}).items()}


def _cut(workload: Workload, cutting: Sequence[Object], closed: Collection[str], now: datetime) -> Symptom:
    names = ", ".join(each["metadata"]["name"] for each in cutting)
    times = [kube.time_of(each["metadata"].get("creationTimestamp")) for each in cutting]
    since = min((at for at in times if at is not None), default=now)
    lets = " and ".join(words for way, words in _CLOSED.items() if way in closed)
    words = f"network policy {names} lets {lets} for {minutes((now - since).total_seconds())}"
    return Symptom("network-cut", workload.ref, since, Severity.HIGH, words, facts={"policies": names})


# ---------------------------------------------------------------- services


def _empty_services(topology: Topology, suffering: Collection[ObjectRef], now: datetime) -> Iterator[Symptom]:
    """Services that somebody calls and no pod stands behind, though the workload of that name is ready."""
    for service in topology.services:
        selector, meta = service["spec"].get("selector") or {}, service["metadata"]
        mine = [pod for pod in topology.pods if pod["metadata"]["namespace"] == meta["namespace"]]
        if not selector or any(selector.items() <= kube.labels_of(pod).items() for pod in mine):
            continue
        behind = _meant(topology, service)
        callers = [
            w
            for w in topology.workloads.values()
            if w.ref.namespace == meta["namespace"] and meta["name"] in w.calls
        ]
        if behind is None or not behind.ready or not any(each.ref in suffering for each in callers):
            continue
        since = min((s for s in (_changed(service),) if s is not None), default=now)
        words = (
            f"service {meta['name']} selects no pod ({_spelled(selector)}), though {behind.ready} are ready"
        )
        facts = {"service": meta["name"]}
        yield Symptom("no-endpoints", behind.ref, since, Severity.CRITICAL, words, facts=facts)


def _meant(topology: Topology, service: Object) -> Workload | None:
    """The workload that the service is named after, or whose pods have all its labels but one."""
    meta, selector = service["metadata"], service["spec"]["selector"]
    here = [w for w in topology.workloads.values() if w.ref.namespace == meta["namespace"]]
    named = next((w for w in here if w.ref.name == meta["name"]), None)
    nearly = (
        w for w in here if len(selector.items() - kube.labels_of(w.body["spec"]["template"]).items()) == 1
    )
    return named or next(nearly, None)


def _changed(service: Object) -> datetime | None:
    """When somebody changed the service last, as the server recorded it."""
    entries = service["metadata"].get("managedFields") or ()
    times = [kube.time_of(each.get("time")) for each in entries]
    return max((at for at in times if at is not None), default=None)


def _spelled(selector: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
