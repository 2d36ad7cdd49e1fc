"""How long a pod may be unready: one that starts has the time that its own spec names. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from chaoskit import kube
from chaoskit.ports.cluster import Object

UNREADY = timedelta(seconds=20)
"""A pod that was ready may be unready for so long."""

STARTING = timedelta(seconds=60)
"""One that runs and never was ready has at least so long."""

PULLING = timedelta(minutes=5)
"""The kubelet may need so long for images, volumes and init containers: of those that fail it says so."""

FAR = timedelta(minutes=10)
"""One whose spec names no time is watched for so long before it is replaced, as a rollout is by default."""

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


def may_come(pod: Object, since: datetime, siblings: Iterable[Object], now: datetime) -> bool:
    """Whether a pod that is unready since then simply starts, and nobody can say yet that it takes too long.

    Replaced, it would start from the beginning. Its own spec says how long is too long, or else how long its
    `siblings` took; not those of a stateful set: it may have data to recover.
    """
    if kube.phase(pod) != "Running" or not is_new(pod, since):
        return False
    return now - _runs_since(pod, since) < _longest(pod, siblings)


def _longest(pod: Object, siblings: Iterable[Object]) -> timedelta:
    named, owner = kube.start_budget(pod), kube.owner(pod)
    if named >= STARTING:
        return named
    if owner is not None and owner.kind == kube.STATEFUL_SET:
        return FAR
    took = [each for each in map(_took, siblings) if each is not None]
    return min(FAR, max(STARTING, 2 * max(took))) if took else FAR


def _took(pod: Object) -> timedelta | None:
    """How long it took from when its containers ran until it was ready the last time; None: it is not."""
    states = (status.get("state") or {} for status in kube.container_statuses(pod))
    runs = [kube.time_of((state.get("running") or {}).get("startedAt")) for state in states]
    ready = kube.time_of((kube.condition(pod, "Ready") or {}).get("lastTransitionTime"))
    if not kube.is_ready(pod) or ready is None or None in runs:
        return None
    return max(timedelta(), ready - max(filter(None, runs), default=ready))


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
