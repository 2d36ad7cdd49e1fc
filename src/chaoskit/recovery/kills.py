"""Whether the kubelet ended a container for its probes: its status does not say so, warnings do. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chaoskit import kube
from chaoskit.ports.cluster import Object
from chaoskit.recovery import reported

FATAL = {"livenessProbe": "Liveness probe ", "startupProbe": "Startup probe "}
"""Probes for which the kubelet kills, and how its warnings of them begin."""

SLACK = timedelta(seconds=10)
"""Warnings and ends have whole seconds, and probes their own time."""


def killed(pod: Object, name: str, ended_at: datetime, warnings: Sequence[Object] | None) -> bool:
    """Whether the container of that name that ended then was killed since a probe had failed just before.

    Where nobody asked for warnings (None), one that has such a probe may have been.
    """
    spec = pod["spec"]
    every = (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))
    mine: Mapping[str, Any] = next((each for each in every if each.get("name") == name), {})
    probes = {words: mine[probe] for probe, words in FATAL.items() if mine.get(probe)}
    if warnings is None:
        return bool(probes)
    about = [each for each in warnings if _is_about(each, pod)]
    return any(
        (each.get("message") or "").startswith(words)
        and reported.first(each, ended_at) <= ended_at + SLACK
        and reported.last(each, ended_at) >= ended_at - kube.kill_takes(pod, probe) - SLACK
        for words, probe in probes.items()
        for each in about
    )


def _is_about(event: Object, pod: Object) -> bool:
    meta = pod["metadata"]
    where = (reported.place(event), reported.subject(event))
    return event.get("reason") == "Unhealthy" and where == (meta["namespace"], meta["name"])
