"""Symptoms of workloads that lack pods, since their controllers cannot make them: a quota, an admission."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from chaoskit import kube
from chaoskit.ports.cluster import Object
from chaoskit.recovery import reported
from chaoskit.recovery.symptoms import Severity, Symptom, minutes
from chaoskit.topology import Topology, Workload

PASSING = timedelta(seconds=15)
"""A controller may fail for so long: its next try may do."""

TRIES = timedelta(minutes=20)
"""An event counts for so long: a controller that fails tries again after 1000 s at the latest."""

Failure = tuple[datetime, str]
"""Since when pods cannot be made, and what the server says."""


def detect(topology: Topology, events: Sequence[Object], *, now: datetime) -> tuple[Symptom, ...]:
    """Which workloads have fewer pods at `now` than they should, and cannot get them."""
    failed = [
        each
        for each in events
        if each.get("reason") == "FailedCreate" and now - reported.last(each, now) <= TRIES
    ]
    found = (_of_workload(each, failed, now) for each in topology.workloads.values())
    return tuple(each for each in found if each is not None)


def _of_workload(workload: Workload, failed: Sequence[Object], now: datetime) -> Symptom | None:
    wanted, alive = kube.desired_replicas(workload.body), len(workload.alive)
    failure = (_condition(workload) or _told(workload, failed, now)) if alive < wanted else None
    if failure is None or now - failure[0] < PASSING:
        return None
    since, why = failure
    span = minutes((now - since).total_seconds())
    return Symptom(
        kind="failed-create",
        target=workload.ref,
        since=since,
        severity=Severity.HIGH if workload.ready else Severity.CRITICAL,
        evidence=f"{wanted - alive} of {wanted} pods cannot be made for {span}: {why[:200]}",
        facts={"ready": workload.ready, "wanted": wanted},
    )


def _condition(workload: Workload) -> Failure | None:
    """What a deployment says of itself."""
    said = kube.condition(workload.body, "ReplicaFailure") or {}
    since = kube.time_of(said.get("lastTransitionTime"))
    fails = (said.get("status"), said.get("reason")) == ("True", "FailedCreate")
    return (since, said.get("message", "")) if fails and since is not None else None


def _told(workload: Workload, failed: Sequence[Object], now: datetime) -> Failure | None:
    """What the controller of another tells; None when it has made a pod since."""
    newest = max(
        (each for each in failed if _is_about(each, workload)),
        key=lambda each: reported.last(each, now),
        default=None,
    )
    if newest is None:
        return None
    made = [kube.time_of(pod["metadata"].get("creationTimestamp")) for pod in workload.pods]
    since = max(filter(None, (reported.first(newest, now), *made)))
    return (since, str(newest.get("message", ""))) if since <= reported.last(newest, now) else None


def _is_about(event: Object, workload: Workload) -> bool:
    ref = workload.ref
    about = reported.kind(event), reported.place(event), reported.subject(event)
    return about == (ref.kind.name, ref.namespace, ref.name)
