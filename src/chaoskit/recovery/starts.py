"""How long a pod may be unready: one that starts has the time that its own spec names. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from chaoskit import kube
from chaoskit.ports.cluster import Object

UNREADY = timedelta(seconds=20)
"""A pod that was ready may be unready for so long."""

STARTING = timedelta(seconds=60)
"""One that runs and never was ready has at least so long."""

PULLING = timedelta(minutes=5)
"""The kubelet may need so long for images, volumes and init containers: of those that fail it says so."""

AT_ONCE = timedelta(seconds=5)
"""A pod has been unready from its start when it has been since so soon after it got its node."""


def has_time(pod: Object, since: datetime, now: datetime) -> bool:
    """Whether a pod that is unready since then may be: it starts, as its own spec lets it, or just blinks."""
    if kube.phase(pod) == "Pending":
        return now - since < PULLING
    if kube.phase(pod) == "Running" and not (_never_ready(pod, since) or _starts_anew(pod)):
        return now - since < UNREADY
    return now - _runs_since(pod, since) < max(STARTING, kube.start_budget(pod))


def is_new(pod: Object, since: datetime) -> bool:
    """Whether a pod that is unready since then never was ready, and none of its containers has ended yet."""
    return _never_ready(pod, since) and not kube.restarts(pod)


def _never_ready(pod: Object, since: datetime) -> bool:
    if kube.phase(pod) == "Pending":
        return True
    scheduled = kube.condition(pod, "PodScheduled") or {}
    times = (pod["metadata"].get("creationTimestamp"), scheduled.get("lastTransitionTime"))
    return since - max(filter(None, map(kube.time_of, times)), default=since) < AT_ONCE


def _starts_anew(pod: Object) -> bool:
    """Whether a container of it runs that the kubelet's startup probe has not let pass yet."""
    waits = (each for each in kube.container_statuses(pod) if each.get("started") is False)
    return any((each.get("state") or {}).get("running") for each in waits)


def _runs_since(pod: Object, since: datetime) -> datetime:
    """Since when all its containers run, where none has ended: what it waited for before is not its start."""
    states = (status.get("state") or {} for status in kube.container_statuses(pod))
    runs = (kube.time_of((state.get("running") or {}).get("startedAt")) for state in states)
    return since if kube.restarts(pod) else max((since, *filter(None, runs)))
