"""Symptoms of databases that objects show: one that is down or may serve in a moment, whoever calls it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from chaoskit import kube, ownership
from chaoskit.acts.fields import REPLICAS
from chaoskit.ports.cluster import Object
from chaoskit.recovery import podsymptoms
from chaoskit.recovery.kills import Kills
from chaoskit.recovery.symptoms import Samples, Severity, Symptom, unavailable_since
from chaoskit.topology import Topology, looks_like_database, workload_name


def detect(topology: Topology, samples: Samples, kills: Kills, *, now: datetime) -> tuple[Symptom, ...]:
    """The databases of the snapshot that have no ready pod; one scaled to 0 only while somebody calls it."""
    return tuple(_down(topology, samples, kills, now))


def _down(topology: Topology, samples: Samples, kills: Kills, now: datetime) -> Iterator[Symptom]:
    measured = {
        (s.labels.get("namespace", ""), workload_name(s.labels)) for s in samples.get("db_connections", ())
    }
    for key, workload in topology.workloads.items():
        wanted = kube.desired_replicas(workload.body)
        if workload.ready or not (key in measured or looks_like_database(workload)):
            continue
        if podsymptoms.may_serve(workload, now, kills):
            words = f"0 of {wanted} pods of the database are ready, but one may be in a moment"
            yield podsymptoms.starting("database-starting", workload, words, now)
            continue
        since = unavailable_since(workload.body, now)
        words = f"0 of {wanted} pods of the database are ready" if wanted else emptied(workload.body)
        if wanted or topology.callers_of(workload):
            facts = {"wanted": wanted}
            yield Symptom("database-down", workload.ref, since, Severity.CRITICAL, words, facts=facts)


def emptied(workload: Object) -> str:
    """How it is said that no pod of the workload is wanted: ``scaled to 0 by kubectl``."""
    by = ownership.setter(workload, REPLICAS)
    return f"scaled to 0 by {by}" if by else "scaled to 0"
