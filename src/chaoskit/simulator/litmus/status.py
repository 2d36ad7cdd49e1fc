"""Waiting for pods the way Litmus does: a look every two seconds, and a sleep after the last one too."""

from __future__ import annotations

from collections.abc import Callable

from chaoskit.simulator.api import Object
from chaoskit.simulator.engine import Script
from chaoskit.simulator.litmus import targets
from chaoskit.simulator.litmus.errors import ChaosError
from chaoskit.simulator.litmus.inside import STEP, Inside
from chaoskit.simulator.litmus.targets import Workload, number


def until_pod(me: Inside, pod: Object, good: Callable[[Object], bool]) -> Script:
    """The pod was seen `good`; raises `ChaosError` after STATUS_CHECK_TIMEOUT seconds."""
    meta, start = pod["metadata"], me.now()
    limit = number(me.env.get("STATUS_CHECK_TIMEOUT", "180"))
    while (found := me.api.get("Pod", meta["namespace"], meta["name"])) is None or not good(found):
        if me.now() - start >= limit:
            where = f"{{podName: {meta['name']}, namespace: {meta['namespace']}}}"
            reason = "containers are not yet in running state" if found else "pod not found"
            raise ChaosError("STATUS_CHECKS_ERROR", reason, where)
        yield STEP
    yield STEP


def ready(pod: Object) -> bool:
    """All its containers are ready."""
    statuses = pod.get("status", {}).get("containerStatuses", ())
    return bool(statuses) and all(s["ready"] for s in statuses)


def running(pod: Object) -> bool:
    """Its phase is Running."""
    return bool(pod.get("status", {}).get("phase") == "Running")


def terminated(pod: Object) -> Object:
    """How its first ended container ended; empty while none has."""
    statuses = pod.get("status", {}).get("containerStatuses", ())
    ended = (s["state"]["terminated"] for s in statuses if "terminated" in (s.get("state") or {}))
    return next(ended, {})


def until_whole(me: Inside, workload: Workload) -> Script:
    """Every pod of the workload that is not on its way out was seen ready, then running.

    Raises `ChaosError` STATUS_CHECKS_ERROR after STATUS_CHECK_TIMEOUT seconds for one pod.
    """
    pods = targets.workload_pods(me.api, workload)
    yield STEP
    for pod in pods:
        if "deletionTimestamp" not in pod["metadata"]:
            yield from until_pod(me, pod, ready)
            yield from until_pod(me, pod, running)
