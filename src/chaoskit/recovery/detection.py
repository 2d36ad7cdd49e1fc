"""Look at a cluster and its signals once, and say what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chaoskit import kube, topology
from chaoskit.clock import Clock
from chaoskit.errors import Unavailable
from chaoskit.ports.cluster import Cluster
from chaoskit.ports.metrics import MetricsSource
from chaoskit.recovery import podsymptoms, signalsymptoms
from chaoskit.recovery.symptoms import Ranges, Samples, Severity, Symptom
from chaoskit.signals import BY_NAME
from chaoskit.topology import Topology, Workload, looks_like_database, workload_name

WINDOW = timedelta(minutes=30)
"""How far back slopes and usual values are read."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A cluster as it was at `at`; `blind` says why there are no signals, "" when there are."""

    at: datetime
    topology: Topology
    samples: Samples = field(default_factory=dict)
    ranges: Ranges = field(default_factory=dict)
    blind: str = ""


def observe(cluster: Cluster, metrics: MetricsSource | None, clock: Clock, namespace: str = "") -> Sight:
    """A namespace ("" is all) as it is now; a metrics source that fails leaves it blind, not unseen."""
    seen = topology.snapshot(cluster, namespace)
    now = clock.now()
    if metrics is None:
        return Sight(now, seen, blind="no metrics source is configured")
    where = {"namespace": namespace} if namespace else None
    try:
        samples = {name: metrics.instant(BY_NAME[name], where) for name in signalsymptoms.NEWEST}
        ranges = {
            name: metrics.range(BY_NAME[name], now - WINDOW, now, where=where)
            for name in signalsymptoms.LATELY
            if samples[name]
        }
    except Unavailable as error:
        return Sight(now, seen, blind=error.message)
    return Sight(now, seen, samples, ranges)


def detect(
    seen: Topology,
    samples: Samples | None = None,
    ranges: Ranges | None = None,
    *,
    now: datetime,
) -> tuple[Symptom, ...]:
    """Everything that is wrong in the snapshot at `now`; what has no signal is neither well nor ill."""
    samples = samples or {}
    return (
        *podsymptoms.detect(seen, now=now),
        *signalsymptoms.detect(seen, samples, ranges or {}, now=now),
        *_databases_down(seen, samples, now),
    )


def detect_in(seen: Sight) -> tuple[Symptom, ...]:
    """Everything that is wrong in the observation."""
    return detect(seen.topology, seen.samples, seen.ranges, now=seen.at)


def _databases_down(seen: Topology, samples: Samples, now: datetime) -> Iterator[Symptom]:
    measured = {
        (s.labels.get("namespace", ""), workload_name(s.labels)) for s in samples.get("db_connections", ())
    }
    for key, workload in seen.workloads.items():
        wanted = kube.desired_replicas(workload.body)
        if workload.ready or not (key in measured or looks_like_database(workload)):
            continue
        words = f"0 of {wanted} pods of the database are ready" if wanted else "scaled to 0"
        if wanted or seen.callers_of(workload):
            yield Symptom("database-down", workload.ref, _down_since(workload, now), Severity.CRITICAL, words)


def _down_since(workload: Workload, now: datetime) -> datetime:
    said: Mapping[str, str] = kube.condition(workload.body, "Available") or {}
    unavailable = said.get("status") == "False"
    return (kube.time_of(said.get("lastTransitionTime")) if unavailable else None) or now
