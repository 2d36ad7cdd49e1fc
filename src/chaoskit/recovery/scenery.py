"""The scene of a runbook's test: objects of a file as a cluster, and stand-ins for what is not among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from chaoskit import documents, kube
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.recovery.symptoms import Symptom
from chaoskit.topology import Topology


def recorded(text: str, path: str) -> tuple[Topology, datetime | None]:
    """The objects of the file's text as a topology, and the newest time that stands in them."""
    bodies = [body for each in documents.parse(text, path) for body in _flat(each.value)]
    return _topology_of(bodies), max(_times(bodies), default=None)


def _flat(value: Any) -> Iterator[Object]:
    if isinstance(value, Mapping) and isinstance(value.get("items"), list):
        yield from (dict(each) for each in value["items"])
    elif isinstance(value, Mapping) and value.get("kind"):
        yield dict(value)


def _topology_of(bodies: Sequence[Object]) -> Topology:
    """The objects, each with its kind, as a snapshot of a cluster."""

    def of(kind: str) -> tuple[Object, ...]:
        return tuple(each for each in bodies if each.get("kind") == kind)

    return Topology(
        pods=of("Pod"),
        workload_bodies=tuple((kind, body) for kind in kube.WORKLOADS for body in of(kind.name)),
        replica_sets=of("ReplicaSet"),
        services=of("Service"),
        budgets=of("PodDisruptionBudget"),
        nodes=of("Node"),
        events=of("Event"),
    )


def _times(value: Any) -> Iterator[datetime]:
    """Every time of a status or metadata, however deep it stands."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if isinstance(each, str) and key.endswith(("Time", "Timestamp", "At")):
                found = _time(each)
                if found is not None:
                    yield found
            else:
                yield from _times(each)
    elif isinstance(value, list):
        for each in value:
            yield from _times(each)


def _time(text: str) -> datetime | None:
    try:
        return kube.time_of(text)
    except ValueError:
        return None


def with_stand_ins(topology: Topology, symptoms: Iterable[Symptom]) -> Topology:
    """The topology, in which every workload with a symptom exists: with two ready pods where none is."""
    missing = dict.fromkeys(
        s.target
        for s in symptoms
        if s.target.kind in kube.WORKLOADS and (s.target.namespace, str(s.target)) not in topology.workloads
    )
    bodies = tuple((ref.kind, _workload(ref)) for ref in missing)
    pods = tuple(_pod(ref, number) for ref in missing for number in "ab")
    return replace(
        topology,
        workload_bodies=(*topology.workload_bodies, *bodies),
        pods=(*topology.pods, *pods),
    )


def _workload(ref: ObjectRef) -> Object:
    labels = {"app": ref.name}
    container = {"name": ref.name, "image": ref.name, "resources": {"limits": {"memory": "256Mi"}}}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": ref.name, "namespace": ref.namespace}, "spec": spec, "status": {}}


def _pod(ref: ObjectRef, number: str) -> Object:
    owner = {
        "apiVersion": f"{ref.kind.group}/v1",
        "kind": ref.kind.name,
        "name": ref.name,
        "uid": ref.name,
        "controller": True,
    }
    meta = {
        "name": f"{ref.name}-{number}",
        "namespace": ref.namespace,
        "labels": {"app": ref.name},
        "ownerReferences": [owner],
    }
    ready = {"type": "Ready", "status": "True"}
    return {
        "metadata": meta,
        "spec": {"containers": []},
        "status": {"phase": "Running", "conditions": [ready]},
    }
