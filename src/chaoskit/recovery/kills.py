"""What is known of containers that a kubelet killed for a probe: no status says so, but its events. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chaoskit import kube
from chaoskit.ports.cluster import Object
from chaoskit.recovery import reported

REASON = "Killing"
"""The reason of the kubelet's events of what it kills; it gives the same for each pod that is deleted."""

FATAL = ("livenessProbe", "startupProbe")
"""Probes for which the kubelet kills."""

SLACK = timedelta(seconds=2)
"""Events and statuses have whole seconds."""

_FOR_A_PROBE = re.compile(r"[Cc]ontainer (\S+) failed (?:liveness|startup) probe")


@dataclass(frozen=True, slots=True)
class Kills:
    """Events of kills; where nobody may read them, nobody is taken to have been killed.

    If `suspected`, whatever has such a probe may have been killed for it. The kubelet tells 25 things of a
    pod, and one in five minutes after that: of the fifth kill or so it may tell no more.
    """

    events: tuple[Object, ...] = ()
    suspected: bool = False

    def has(self, pod: Object, name: str, ended: Mapping[str, Any]) -> bool:
        """Whether the container of that name was killed for a probe in the run that `ended` so."""
        if self.suspected:
            return _may_be_killed(pod["spec"], name)
        began, over = kube.time_of(ended.get("startedAt")), kube.time_of(ended.get("finishedAt"))
        if began is None or over is None:
            return False
        times = (reported.last(each, over) for each in self.events if _tells_of(each, pod, name))
        return any(began <= at <= over + SLACK for at in times)


UNSEEN = Kills(suspected=True)
"""Nobody looked: for whoever asks only of what was found to be ill before."""

IGNORED = Kills()
"""For whoever asks how things stand by now, however they came to it: nobody is taken to have been killed."""


def _may_be_killed(spec: Mapping[str, Any], name: str) -> bool:
    every = (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))
    return any(each.get(probe) for each in every if each.get("name") == name for probe in FATAL)


def _tells_of(event: Object, pod: Object, name: str) -> bool:
    meta, killed = pod["metadata"], _FOR_A_PROBE.search(event.get("message") or "")
    about = (event.get("reason"), reported.place(event), reported.subject(event))
    return about == (REASON, meta["namespace"], meta["name"]) and killed is not None and killed[1] == name
