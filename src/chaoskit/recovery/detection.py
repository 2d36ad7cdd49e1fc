"""Look at a cluster and its signals once, and say what is wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from chaoskit import kube, topology
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, Forbidden, Unavailable
from chaoskit.ports.cluster import Cluster, Kind, Object, ObjectRef
from chaoskit.ports.metrics import MetricsSource
from chaoskit.recovery import (
    callsymptoms,
    databasesymptoms,
    eventsymptoms,
    jobsymptoms,
    logsymptoms,
    networksymptoms,
    nodesymptoms,
    podsymptoms,
    readings,
    replicasymptoms,
    signalsymptoms,
    starts,
)
from chaoskit.recovery.kills import IGNORED, REASON, Kills
from chaoskit.recovery.logsymptoms import LINES, Logs
from chaoskit.recovery.networksymptoms import DNS_LABELS, DNS_NAMESPACE
from chaoskit.recovery.readings import ByWorkload
from chaoskit.recovery.starts import Start
from chaoskit.recovery.symptoms import Ranges, Samples, Symptom
from chaoskit.sharing import abreast
from chaoskit.signals import BY_NAME
from chaoskit.topology import Topology

WINDOW = timedelta(minutes=30)
"""How far back slopes and usual values are read."""

SPOKEN_FOR = frozenset({
    "crash-loop", "error-exit", "not-ready", "probe-failed", "probe-timeout", "stuck-starting", "bad-rollout",
    "errors", "pool-errors", "database-down",
})  # fmt: skip
"""Symptoms whose cause an application may name in its log."""

LOGS = 12
"""So many logs are read in one look at most, two of each workload."""

SHORTLY_BEFORE = timedelta(seconds=60)
"""What was said so long before a trouble that signals show may be of it."""

JUST_BEFORE = timedelta(seconds=5)
"""And so long before the probe first failed that made a pod unready."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A cluster as it was at `at`; `blind` says why there are no signals, "" when there are.

    What the caller may not read (policies, jobs, warnings, kills, logs) is empty: nothing is concluded from
    it.
    `autoscalers` are there where something asks for them (see `with_autoscalers`), and what is wrong apart
    from what logs say (`unsaid`) where it was looked for already.
    """

    at: datetime
    topology: Topology
    samples: Samples = field(default_factory=dict)
    ranges: Ranges = field(default_factory=dict)
    blind: str = ""
    policies: tuple[Object, ...] = ()
    jobs: tuple[Object, ...] = ()
    warnings: tuple[Object, ...] = ()
    kills: Kills = IGNORED
    logs: Logs = field(default_factory=dict)
    autoscalers: tuple[Object, ...] = ()
    unsaid: tuple[Symptom, ...] | None = field(default=None, repr=False)

    def without(self, namespaces: Collection[str]) -> Sight:
        """The same but for the workloads of these namespaces."""
        return replace(self, topology=self.topology.without(namespaces), unsaid=None)


def observe(cluster: Cluster, metrics: MetricsSource | None, clock: Clock, namespace: str = "") -> Sight:
    """A namespace ("" is all) as it is now; a metrics source that fails leaves it blind, not unseen."""
    whole = _with_dns(topology.snapshot(cluster, namespace), cluster, namespace)
    at = clock.now()
    policies, jobs, warnings = abreast(
        lambda asked: _items(cluster, asked[0], namespace, fields=asked[1]),
        ((kube.NETWORK_POLICY, ""), (kube.JOB, ""), (kube.EVENT, "type=Warning")),
    )
    kills = _kills(cluster, [pod for pod in whole.pods if podsymptoms.turns_on_kills(pod, at)], namespace)
    seen = Sight(at, whole, policies=policies, jobs=jobs, warnings=warnings, kills=kills)
    seen = _measured(seen, metrics, namespace)
    seen = replace(seen, unsaid=_without_logs(seen))
    return replace(seen, logs=_logs(seen, cluster))


def with_autoscalers(seen: Sight, cluster: Cluster, namespace: str = "") -> Sight:
    """The observation with the autoscalers of the namespace ("" is all) as they are now."""
    return replace(seen, autoscalers=_items(cluster, kube.HPA, namespace))


def _items(
    cluster: Cluster, kind: Kind, namespace: str, *, labels: str = "", fields: str = ""
) -> tuple[Object, ...]:
    try:
        return cluster.list(kind, namespace, labels=labels, fields=fields).items
    except Forbidden:
        return ()


def _kills(cluster: Cluster, pods: Sequence[Object], namespace: str) -> Kills:
    """What the events of these pods' namespaces tell of kills; they are asked for nobody else's sake."""
    places = sorted({each["metadata"]["namespace"] if namespace else "" for each in pods})
    asked = (_items(cluster, kube.EVENT, place, fields=f"reason={REASON}") for place in places)
    return Kills(tuple(event for found in asked for event in found))


def _with_dns(seen: Topology, cluster: Cluster, namespace: str) -> Topology:
    """The snapshot with the workload that answers for names, which every other one needs."""
    if namespace in {"", DNS_NAMESPACE}:
        return seen
    for labels in DNS_LABELS:
        ask = partial(_items, cluster, namespace=DNS_NAMESPACE, labels=labels)
        kinds = (kube.DEPLOYMENT, kube.DAEMON_SET)
        bodies = [(k, body) for k, found in zip(kinds, abreast(ask, kinds), strict=True) for body in found]
        if bodies:
            pods, sets = abreast(ask, (kube.POD, kube.REPLICA_SET))
            return replace(
                seen,
                pods=(*seen.pods, *pods),
                workload_bodies=(*seen.workload_bodies, *bodies),
                replica_sets=(*seen.replica_sets, *sets),
            )
    return seen


def _measured(seen: Sight, metrics: MetricsSource | None, namespace: str) -> Sight:
    if metrics is None:
        return replace(seen, blind="no metrics source is configured")
    where = {"namespace": namespace} if namespace else None
    try:
        samples = {name: ByWorkload(metrics.instant(BY_NAME[name], where)) for name in readings.NEWEST}
        ranges = {
            name: ByWorkload(metrics.range(BY_NAME[name], seen.at - WINDOW, seen.at, where=where))
            for name in readings.LATELY
            if samples[name]
        }
    except Unavailable as error:
        return replace(seen, blind=error.message)
    return replace(seen, samples=samples, ranges=ranges)


def _logs(seen: Sight, cluster: Cluster) -> Logs:
    """The last lines of pods that have something wrong whose cause they may name.

    Of one that goes on running only what it wrote since shortly before: what it said when it started, as
    that its database was not there yet, is no cause of what is wrong now.
    """
    asked = list(_ailing(seen))[:LOGS]
    found = abreast(lambda each: _log(*each, seen.at, cluster), asked)
    places = ((pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod, *_ in asked)
    return {place: text for place, text in zip(places, found, strict=True) if text is not None}


def _log(pod: Object, trouble: datetime, start: Start, now: datetime, cluster: Cluster) -> str | None:
    """What the pod may say of its trouble; None: there is no such log yet, or not for this caller."""
    crashed = _crashed(pod, trouble - SHORTLY_BEFORE)
    since = _may_tell_from(pod, trouble, start, now)
    within = 0.0 if crashed else max(now - since, timedelta()).total_seconds()
    with suppress(ChaoskitError):
        return cluster.logs(kube.ref_of(pod, kube.POD), tail=LINES, previous=crashed, within=within)
    return None


def _crashed(pod: Object, since: datetime) -> bool:
    """Whether the pod is not ready, and a container of it has ended since then."""
    ended = (
        kube.time_of(((each.get("lastState") or {}).get("terminated") or {}).get("finishedAt"))
        for each in kube.container_statuses(pod)
    )
    return not kube.is_ready(pod) and any(at is not None and at >= since for at in ended)


def _ailing(seen: Sight) -> Iterator[tuple[Object, datetime, Start]]:
    """The pods whose logs may name a cause, the unready first; since when; what their starts come to."""
    troubles: dict[ObjectRef, list[Symptom]] = {}
    for each in seen.unsaid or ():
        if each.kind in SPOKEN_FOR:
            troubles.setdefault(each.target, []).append(each)
    for target, symptoms in troubles.items():
        workload = seen.topology.workloads.get((target.namespace, str(target)))
        pods = sorted(workload.alive, key=kube.is_ready) if workload else ()
        judged = starts.starts_of(pods, seen.at)
        named = ((pod, [s.since for s in symptoms if _concerns(s, pod)]) for pod in pods)
        yield from [(pod, min(since), judged[pod["metadata"]["name"]]) for pod, since in named if since][:2]


def _concerns(symptom: Symptom, pod: Object) -> bool:
    """Whether it is the pod's, too: signals name no pods."""
    named = (*symptom.pods, *symptom.facts.get("watched", ()))
    return not named or pod["metadata"]["name"] in named


def _may_tell_from(pod: Object, trouble: datetime, start: Start, now: datetime) -> datetime:
    """From when on what the pod says may be of its workload's trouble: of its own, where it is unready.

    One that may still come up says at first what it waits for: what keeps it from being up, it has said of
    late. One that is late perhaps said it once, at its start, and hangs since.
    """
    unready = kube.unready_since(pod)
    if unready is None:
        return trouble - SHORTLY_BEFORE
    since = unready - kube.probed_for(pod) - JUST_BEFORE
    return max(since, now - SHORTLY_BEFORE) if start.may_come else since


def detect_in(seen: Sight) -> tuple[Symptom, ...]:
    """Everything that is wrong in the observation; what has no signal is neither well nor ill."""
    unsaid = _without_logs(seen) if seen.unsaid is None else seen.unsaid
    return (*unsaid, *logsymptoms.detect(seen.topology, seen.logs, now=seen.at))


def _without_logs(seen: Sight) -> tuple[Symptom, ...]:
    at, whole = seen.at, seen.topology
    found: tuple[Symptom, ...] = (
        *podsymptoms.detect(whole, seen.kills, now=at),
        *replicasymptoms.detect(whole, seen.warnings, now=at),
        *nodesymptoms.detect(whole, now=at),
        *eventsymptoms.detect(whole, seen.warnings, seen.kills, now=at),
        *jobsymptoms.detect(seen.jobs, whole.pods, now=at),
        *signalsymptoms.detect(whole, seen.samples, seen.ranges, now=at),
        *callsymptoms.detect(whole, seen.samples, seen.ranges, now=at),
        *databasesymptoms.detect(whole, seen.samples, seen.kills, now=at),
    )
    if not seen.blind:  # without signals nobody knows what an application is short of
        found = (
            *found,
            *eventsymptoms.unanswered(
                whole, seen.warnings, seen.kills, found, seen.samples, seen.ranges, now=at
            ),
        )
    return (*found, *networksymptoms.detect(whole, seen.policies, found, seen.kills, now=at))
