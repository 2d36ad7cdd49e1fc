"""Says whether a pod that looks well is back, or only between two crashes.

Without a readiness probe a container is ready as soon as it runs: one that crashes again and again is so for
moments, and so is its workload.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from chaoskit import kube
from chaoskit.ports.cluster import Object

STEADY = 10.0
"""Seconds; a container that was started again and ran for so long has crashed for the last time so far."""

APART = 10.0
"""Seconds by which the node's clock and ours may differ: what began so much longer ago has surely run on."""

SENT = frozenset(128 + signal for signal in (1, 2, 3, 9, 10, 15))
"""Exit codes of what a signal ended that somebody sent: no crash, unless the kernel did it for memory."""


Run = tuple[str, str, int]
"""One run of a container: the uid of its pod, its name, and how often it had been started before."""


class Runs:
    """Since when runs of containers have been watched from here, where no clock of a node counts."""

    def __init__(self) -> None:
        self._since: dict[Run, float] = {}

    def watched(self, pods: Iterable[Object], now: float) -> frozenset[Run]:
        """Those under way that were seen `STEADY` seconds ago already, by a clock that only goes forward."""
        under_way = [run for pod in pods for run in _under_way(pod)]
        return frozenset(run for run in under_way if now - self._since.setdefault(run, now) >= STEADY)


def _under_way(pod: Object) -> Iterator[Run]:
    for status in _statuses(pod):
        if "running" in (status.get("state") or {}):
            yield _run(status, pod)


def _run(status: Mapping[str, Any], pod: Object) -> Run:
    return pod["metadata"].get("uid", ""), status["name"], int(status.get("restartCount") or 0)


def _statuses(pod: Object) -> tuple[Mapping[str, Any], ...]:
    return (*kube.init_container_statuses(pod), *kube.container_statuses(pod))


def unsteady(pod: Object, now: datetime, watched: frozenset[Run] = frozenset()) -> str:
    """How the pod crashed of late by itself, soon after it began: it may again. "" when that is over.

    It is over once the container has run for `STEADY` seconds since: as was `watched`, or as it began `APART`
    longer than that before `now`. So it is once the pod is over.
    """
    if not kube.is_alive(pod):
        return ""
    recent = (each for each in _statuses(pod) if _run(each, pod) not in watched)
    return next((words for each in recent if (words := _crashed(each, pod, now))), "")


def lasts(pod: Object, now: datetime) -> bool:
    """Whether the pod is ready and all of it has run for `STEADY` seconds, `APART` as clocks may be."""
    began = [_began(each.get("state") or {}) for each in kube.container_statuses(pod)]
    began += [at for each in kube.init_container_statuses(pod) if (at := _began(each.get("state") or {}))]
    return kube.is_ready(pod) and all(at is not None and _is_long_ago(at, now) for at in began)


def _is_long_ago(began: datetime, now: datetime) -> bool:
    return (now - began).total_seconds() >= STEADY + APART


def _crashed(status: Mapping[str, Any], pod: Object, now: datetime) -> str:
    state, last = status.get("state") or {}, status.get("lastState") or {}
    ended = state.get("terminated") or last.get("terminated") or {}
    ran, runs = _seconds(ended, "startedAt", "finishedAt"), _began(state)
    how = _by_itself(ended, status["name"], pod)
    if not how or ran is None or ran >= STEADY or (runs is not None and _is_long_ago(runs, now)):
        return ""
    times = int(status.get("restartCount") or 0) + ("terminated" in state)
    return f"pod {pod['metadata']['name']} {how} {'again ' if times > 1 else ''}{ran:.0f} s after it began"


def _by_itself(ended: Mapping[str, Any], name: str, pod: Object) -> str:
    """How the container ended that nobody ended and that was to go on; "" when it was not so."""
    code = int(ended.get("exitCode") or 0)
    if code == 0:
        return "ended" if _is_to_go_on(name, pod) else ""
    return "crashed" if code not in SENT or ended.get("reason") == "OOMKilled" else ""


def _is_to_go_on(name: str, pod: Object) -> bool:
    """Whether the kubelet starts the container again when it ends well; of init containers only sidecars."""
    spec = pod["spec"]
    for each in spec.get("initContainers") or ():
        if each["name"] == name:
            return bool(each.get("restartPolicy") == "Always")
    return (spec.get("restartPolicy") or "Always") == "Always"


def _began(state: Mapping[str, Any]) -> datetime | None:
    return kube.time_of((state.get("running") or {}).get("startedAt"))


def _seconds(ended: Mapping[str, Any], first: str, last: str) -> float | None:
    """How long it ran, in whole seconds as the kubelet writes them; None where it does not say."""
    began, over = kube.time_of(ended.get(first)), kube.time_of(ended.get(last))
    return None if began is None or over is None else (over - began).total_seconds()
