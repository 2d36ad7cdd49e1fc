"""Symptoms of nodes: lost, under pressure, cordoned or tainted while pods find no place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from chaoskit import kube
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.recovery.podsymptoms import unscheduled
from chaoskit.recovery.symptoms import Severity, Symptom, minutes
from chaoskit.topology import Topology

_PRESSURES = {
    "MemoryPressure": "node-pressure",
    "PIDPressure": "node-pressure",
    "DiskPressure": "disk-pressure",
}

CHAOS_TAINTS = ("chaoskit.io/", "litmuschaos.io/", "chaos")
"""Keys of taints begin so that nobody but chaos sets."""


def detect(topology: Topology, *, now: datetime) -> tuple[Symptom, ...]:
    """What is wrong with the nodes of the snapshot at `now`."""
    stuck = [pod for pod in topology.pods if unscheduled(pod, now) is not None]
    return tuple(symptom for node in topology.nodes for symptom in _of_node(node, topology, stuck, now))


def _of_node(node: Object, topology: Topology, stuck: Sequence[Object], now: datetime) -> Iterator[Symptom]:
    ref = kube.ref_of(node, kube.NODE)
    if not kube.is_true(node, "Ready"):
        yield _lost(node, ref, topology, now)
        return
    for condition, kind in _PRESSURES.items():
        if kube.is_true(node, condition):
            said = kube.condition(node, condition) or {}
            since = kube.time_of(said.get("lastTransitionTime")) or now
            words = f"{condition} for {_for(since, now)}: {said.get('message', '')}".rstrip(": ")
            yield Symptom(kind, ref, since, Severity.HIGH, words)
    if stuck:
        yield from _closed(node, ref, stuck, now)


def _lost(node: Object, ref: ObjectRef, topology: Topology, now: datetime) -> Symptom:
    said = kube.condition(node, "Ready") or {}
    since = kube.time_of(said.get("lastTransitionTime")) or now
    there = [pod for pod in topology.pods if (pod["spec"].get("nodeName") or "") == ref.name]
    words = f"not ready for {_for(since, now)}: {said.get('reason', 'no condition')}, {len(there)} pods on it"
    return Symptom("node-lost", ref, since, Severity.HIGH, words)


def _closed(node: Object, ref: ObjectRef, stuck: Sequence[Object], now: datetime) -> Iterator[Symptom]:
    """It takes no pods though some wait: cordoned, or tainted by chaos."""
    spec, waits = (
        node.get("spec") or {},
        f"{len(stuck)} pod{'s' if len(stuck) > 1 else ''} cannot be scheduled",
    )
    since = min((found.since for pod in stuck if (found := unscheduled(pod, now))), default=now)
    if spec.get("unschedulable"):
        facts = {"ours": is_ours(node), "run": kube.labels_of(node).get(kube.RUN_LABEL, "")}
        yield Symptom("node-cordoned", ref, since, Severity.MEDIUM, f"cordoned while {waits}", facts=facts)
    stray = [each["key"] for each in spec.get("taints") or () if each["key"].startswith(CHAOS_TAINTS)]
    if stray:
        words = f"has the taint {', '.join(stray)} of an experiment while {waits}"
        yield Symptom("node-tainted", ref, since, Severity.MEDIUM, words, facts={"taints": stray})


def is_ours(node: Object) -> bool:
    """Whether chaoskit cordoned the node, as the server itself recorded it."""
    return any(
        str(entry.get("manager", "")).startswith("chaoskit")
        and "f:unschedulable" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
        for entry in node["metadata"].get("managedFields") or ()
    )


def _for(since: datetime, now: datetime) -> str:
    return minutes((now - since).total_seconds())
