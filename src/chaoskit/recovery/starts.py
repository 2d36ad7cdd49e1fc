"""How long a pod may be unready: one that starts has the time that its own spec names. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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

ALIKE = 3
"""A pod may take so many times as long to start as one of its siblings took: its node may be busier."""

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


def simply_starts(pod: Object, since: datetime) -> bool:
    """Whether a pod that is unready since then is new, or was not ready since its containers run again."""
    runs = list(_starts_of(pod))
    again = [each for each in runs if each is not None]
    return is_new(pod, since) or (bool(again) and again == runs and since - max(again) < AT_ONCE)


def is_usual(pod: Object, since: datetime, siblings: Iterable[Object], now: datetime) -> bool:
    """Whether a pod that simply starts takes no more than a few times as long as one of its siblings."""
    took = _quickest(siblings)
    return took is not None and simply_starts(pod, since) and now - _runs_since(pod, since) < ALIKE * took


def may_come(pod: Object, since: datetime, siblings: Iterable[Object], now: datetime) -> bool:
    """Whether a pod that simply starts may still come up, for all that is known; replaced, it begins again.

    Its own spec says how long is too long, or else how long its siblings took: but not those of a stateful
    set, since it may have data to recover.
    """
    if kube.phase(pod) != "Running" or not simply_starts(pod, since) or kube.start_budget(pod) >= STARTING:
        return False
    owner = kube.owner(pod)
    keeps_state = owner is not None and owner.kind == kube.STATEFUL_SET
    return (keeps_state or _quickest(siblings) is None) and now - _runs_since(pod, since) < FAR


def _quickest(siblings: Iterable[Object]) -> timedelta | None:
    """How long the quickest took from when its containers ran until it was ready; None: of none it is known.

    One that was unready meanwhile seems to have taken longer than it did, never shorter.
    """
    took = [each for each in map(_took, siblings) if each is not None and each < FAR]
    return min(took, default=None)


def _took(pod: Object) -> timedelta | None:
    ready = kube.time_of((kube.condition(pod, "Ready") or {}).get("lastTransitionTime"))
    if not kube.is_ready(pod) or ready is None:
        return None
    return max(timedelta(), ready - max(filter(None, _starts_of(pod)), default=ready))


def _starts_of(pod: Object) -> Iterator[datetime | None]:
    """When each of its containers began to run; None: it does not."""
    for status in kube.container_statuses(pod):
        yield kube.time_of(((status.get("state") or {}).get("running") or {}).get("startedAt"))


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
    return since if kube.restarts(pod) else max((since, *filter(None, _starts_of(pod))))
