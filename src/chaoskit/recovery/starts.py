"""What may be said of a pod that starts: how long it may take, by its own spec or by its siblings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

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

FIRST_CRASH = timedelta(seconds=10)
"""The first end of a container is the kubelet's to mend: it counts when nothing came of it for so long."""

AT_ONCE = timedelta(seconds=5)
"""A pod has been unready from its start when it has been since so soon after it got its node."""


class Start(Enum):
    """What a pod's start comes to; whoever judges pods asks this alone. `start_of` tells which it is when.

    One that starts has time yet and is `WAITED` for; or it has taken long and may still come up, so that it
    is `WATCHED`: replaced, it would begin again; or it is `LATE`. One that served just now `BLINKS`.
    `NONE`: it serves, or it has hung for too long.
    """

    NONE = "none"
    BLINKS = "blinks"
    WAITED = "waited"
    WATCHED = "watched"
    LATE = "late"

    @property
    def may_come(self) -> bool:
        """Whether it may still come up by itself."""
        return self in {Start.WAITED, Start.WATCHED}


def starts_of(pods: Iterable[Object], now: datetime) -> Mapping[str, Start]:
    """What each of a workload's pods comes to, by name; those that are over or being deleted are left out."""
    alive = list(filter(kube.is_alive, pods))
    took = quickest(alive)
    return {pod["metadata"]["name"]: start_of(pod, took, now) for pod in alive}


def start_of(pod: Object, took: timedelta | None, now: datetime) -> Start:
    """What the pod's start comes to, when the quickest of its siblings `took` so long; None: nobody knows.

    Its own spec says how long is too long, or else how long its siblings took: but not those of a stateful
    set, since it may have data to recover. The first line that fits:

    - it is ready: `NONE`
    - all that is not ready in it has just ended, for the first time: `WAITED`
    - it starts, for the first time or again, within its own time (see `_has_time`): `WAITED`
    - it ran before and is unready of late: `BLINKS`; for longer, it hangs: `NONE`
    - it runs for less than `ALIKE` times as long as a sibling took: `WAITED`, after `STARTING` `WATCHED`
    - nobody can say how long it may take, and it runs for less than `FAR`: `WATCHED`
    - else: `LATE`
    """
    since = kube.unready_since(pod)
    if since is None:
        return Start.NONE
    if _begins_anew(pod, now):
        return Start.WAITED
    simply = _simply_starts(pod, since)
    if _has_time(pod, since, now):
        starts = simply or _never_ready(pod, since) or _starts_anew(pod, since)
        return Start.WAITED if starts else Start.BLINKS
    if not simply:
        return Start.NONE
    runs = now - _runs_since(pod, since)
    if took is not None and runs < min(ALIKE * took, FAR):
        return Start.WAITED if runs < STARTING else Start.WATCHED
    return Start.WATCHED if _is_unknown(pod, took) and runs < FAR else Start.LATE


def _has_time(pod: Object, since: datetime, now: datetime) -> bool:
    """Whether a pod that is unready since then may be: it starts, as its own spec lets it, or just blinks."""
    if kube.phase(pod) == "Pending":
        return now - since < PULLING
    if kube.phase(pod) == "Running" and not (_never_ready(pod, since) or _starts_anew(pod, since)):
        return now - since < UNREADY
    return now - _runs_since(pod, since) < max(STARTING, kube.start_budget(pod))


def quickest(siblings: Iterable[Object]) -> timedelta | None:
    """How long the quickest took from when its containers ran until it was ready; None: of none it is known.

    One that was unready meanwhile seems to have taken longer than it did, never shorter.
    """
    took = [each for each in map(_took, siblings) if each is not None and each < FAR]
    return min(took, default=None)


def _took(pod: Object) -> timedelta | None:
    ready = kube.time_of((kube.condition(pod, "Ready") or {}).get("lastTransitionTime"))
    if not kube.is_ready(pod) or ready is None:
        return None
    began = (_began(each) for each in kube.container_statuses(pod))
    return max(timedelta(), ready - max(filter(None, began), default=ready))


def _is_unknown(pod: Object, took: timedelta | None) -> bool:
    """Whether nobody can say how long a pod that runs may take: not its spec, nor its siblings."""
    owner = kube.owner(pod)
    keeps_state = owner is not None and owner.kind == kube.STATEFUL_SET
    names_none = kube.start_budget(pod) < STARTING
    return kube.phase(pod) == "Running" and names_none and (keeps_state or took is None)


def _simply_starts(pod: Object, since: datetime) -> bool:
    """Whether a pod that is unready since then is new, or all that is not ready in it began anew since then.

    One that hangs, and ran before, does not start: whatever began anew beside it.
    """
    if _never_ready(pod, since) and not kube.restarts(pod):
        return True
    began = list(map(_began, _unready(pod)))
    return bool(began) and all(each is not None and since - each < AT_ONCE for each in began)


def _begins_anew(pod: Object, now: datetime) -> bool:
    """Whether all that is not ready in it ended for the first time just now: it will run again."""
    unready = list(_unready(pod))
    just_now = all(_ended_first(each, now) for each in unready)
    return kube.phase(pod) == "Running" and bool(unready) and just_now


def _ended_first(status: Mapping[str, Any], now: datetime) -> bool:
    ended = kube.time_of(((status.get("state") or {}).get("terminated") or {}).get("finishedAt"))
    return not status.get("restartCount") and ended is not None and now - ended <= FIRST_CRASH


def _unready(pod: Object) -> Iterator[Mapping[str, Any]]:
    return (each for each in kube.container_statuses(pod) if not each.get("ready"))


def _began(status: Mapping[str, Any]) -> datetime | None:
    """When a container began to run; None: it does not."""
    return kube.time_of(((status.get("state") or {}).get("running") or {}).get("startedAt"))


def _never_ready(pod: Object, since: datetime) -> bool:
    if kube.phase(pod) == "Pending":
        return True
    scheduled = kube.condition(pod, "PodScheduled") or {}
    times = (pod["metadata"].get("creationTimestamp"), scheduled.get("lastTransitionTime"))
    return since - max(filter(None, map(kube.time_of, times)), default=since) < AT_ONCE


def _starts_anew(pod: Object, since: datetime) -> bool:
    """Whether a container of it runs that its startup probe has not let pass, or whose other probes wait."""
    waits = (each for each in kube.container_statuses(pod) if each.get("started") is False)
    if any((each.get("state") or {}).get("running") for each in waits):
        return True
    asked = any("startupProbe" in each for each in pod["spec"].get("containers") or ())
    return not asked and kube.start_budget(pod) >= STARTING and _simply_starts(pod, since)


def _runs_since(pod: Object, since: datetime) -> datetime:
    """Since when all run that are not ready: what the pod waited for before that is not its start.

    One that never was ready has its time once, however often its containers begin anew.
    """
    if _never_ready(pod, since) and kube.restarts(pod):
        return since
    return max((since, *filter(None, map(_began, _unready(pod)))))
