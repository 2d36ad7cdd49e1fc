"""Symptoms that only events tell of: failed probes, pods that a node evicted for lack of something."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chaoskit import kube
from chaoskit.ports.cluster import Object
from chaoskit.recovery import callsymptoms, reported
from chaoskit.recovery.kills import Kills
from chaoskit.recovery.podsymptoms import complaints
from chaoskit.recovery.readings import View
from chaoskit.recovery.starts import Start, starts_of
from chaoskit.recovery.symptoms import Ranges, Samples, Severity, Symptom
from chaoskit.topology import Topology, Workload

NEWS = timedelta(minutes=3)
"""An event counts for so long after it was seen last."""

LATELY = timedelta(hours=1)
"""And an eviction for so long: its successor runs, but what ran out may run out again."""

OFTEN = 3
"""A probe may fail so often less one: a start or a short stall does that."""

STARVED = frozenset({"cpu-saturated", "memory-high", "memory-growth", "oom-killed"})
"""What makes an application too slow to answer its probes in time."""

HURT = frozenset({"errors", "latency", "cut-off", "pool-errors", "pool-exhausted"})
"""What shows that a workload is not well yet, though the kubelet has just started a container of it anew."""

BUSY = 0.8
"""So much of its CPU limit may do that as well, before it counts as saturated."""

_TIMED_OUT = re.compile(r"deadline exceeded|i/o timeout")
_PROBE = re.compile(r"^(Liveness|Readiness|Startup) probe failed: ?(.*)", re.DOTALL)
_RESOURCE = re.compile(r"low on resource: ([a-z-]+)")


def detect(
    topology: Topology, events: Sequence[Object], kills: Kills, *, now: datetime
) -> tuple[Symptom, ...]:
    """What warnings of the last minutes say of the workloads' pods at `now`."""
    recent = [each for each in events if now - reported.last(each, now) <= NEWS]
    evictions = [each for each in events if each.get("reason") == "Evicted"]
    return tuple(
        symptom
        for workload in topology.workloads.values()
        for symptom in (*_of_workload(workload, recent, kills, now), *_evictions(workload, evictions, now))
    )


def _of_workload(
    workload: Workload, events: Sequence[Object], kills: Kills, now: datetime
) -> Iterator[Symptom]:
    pods = {each["metadata"]["name"]: each for each in workload.pods}
    about = [
        each
        for each in events
        if reported.subject(each) in pods and reported.place(each) == workload.ref.namespace
    ]
    ill = {each.pod for each in complaints(workload, now, kills) if not each.watched}
    unhealthy = (each for each in about if each.get("reason") == "Unhealthy")
    late = {name for name, start in starts_of(workload.pods, now).items() if start is Start.LATE}
    failed = [each for each in unhealthy if _suffers(pods[reported.subject(each)], each, ill, late)]
    if failed:
        yield _probe_failed(workload, failed, now)


def unanswered(
    topology: Topology,
    events: Sequence[Object],
    kills: Kills,
    found: Collection[Symptom],
    samples: Samples,
    ranges: Ranges,
    *,
    now: datetime,
) -> Iterator[Symptom]:
    """Workloads whose probes time out though nothing in `found` keeps them from answering: it is the network.

    Probes alone do not tell it from an application that hangs. That one answers nobody, so that no time is
    lost on the way to it, and it answers again once it was started anew, into the same network.
    """
    losing = callsymptoms.losing_time(topology, samples, ranges, within=NEWS, now=now)
    starved = {each.target for each in found if each.kind in STARVED}
    hurt = {each.target for each in found if each.kind in HURT}
    for workload in topology.workloads.values():
        ill = {each.pod for each in complaints(workload, now, kills) if not each.watched}
        if workload.ref in hurt:
            ill |= {pod["metadata"]["name"] for pod in workload.pods if _ended_lately(pod, now)}
        late = [
            each
            for each in events
            if _times_out(each, workload, ill) and now - reported.last(each, now) <= NEWS
        ]
        cpu = View.of(workload, samples, {}, now).worst("cpu_limit_ratio")
        well = workload.ref not in starved and (cpu is None or cpu.value < BUSY)
        pods = {pod["metadata"]["name"]: pod for pod in workload.pods}
        if workload.ref not in losing:
            late = [each for each in late if _started_amid(each, pods[reported.subject(each)], now)]
        if well and late:
            told = _probe_failed(workload, late, now)
            words = f"{told.evidence}; it lacks neither CPU nor memory"
            yield replace(told, kind="probe-timeout", evidence=words)


def _started_amid(event: Object, pod: Object, now: datetime) -> bool:
    """Whether a container was started anew since a probe failed first, and it has failed again since."""
    runs = (
        run
        for status in kube.container_statuses(pod)
        for run in (*(status.get("state") or {}).values(), *(status.get("lastState") or {}).values())
    )
    starts = (kube.time_of(run.get("startedAt")) for run in runs)
    return any(
        at is not None and reported.first(event, now) < at < reported.last(event, now) for at in starts
    )


def _ended_lately(pod: Object, now: datetime) -> bool:
    ends = ((each.get("lastState") or {}).get("terminated") or {} for each in kube.container_statuses(pod))
    times = (kube.time_of(end.get("finishedAt")) for end in ends)
    return any(at is not None and now - at <= NEWS for at in times)


def _times_out(event: Object, workload: Workload, ill: Collection[str]) -> bool:
    message, often = event.get("message", ""), int(event.get("count") or 1) >= OFTEN
    mine = reported.subject(event) in ill and reported.place(event) == workload.ref.namespace
    return mine and often and bool(_PROBE.match(message) and _TIMED_OUT.search(message))


def _suffers(pod: Object, event: Object, ill: Collection[str], late: Collection[str]) -> bool:
    """Whether the probe has failed for long enough to matter, and the pod still shows it.

    An application that starts fails its probes until it is up, and one that was killed for it starts anew: it
    has the time that every pod has. One that is late and was killed shows it, even while its rollout goes on.
    """
    probe = _PROBE.match(event.get("message", ""))
    if probe is None or int(event.get("count") or 1) < OFTEN or kube.is_deleting(pod) or kube.is_ready(pod):
        return False
    name = pod["metadata"]["name"]
    killed = probe[1] == "Liveness" and kube.restarts(pod) > 0
    return name in ill or (killed and name in late)


def _probe_failed(workload: Workload, failed: Sequence[Object], now: datetime) -> Symptom:
    first = min(failed, key=lambda each: reported.first(each, now))
    match = _PROBE.match(first.get("message", ""))
    which, why = (match[1].lower(), match[2].strip()) if match else ("a", "")
    pods = tuple(sorted({reported.subject(each) for each in failed}))
    words = f"{which} probe of {pods[0]} failed {int(first.get('count') or 1)} times: {why[:120]}".rstrip(
        ": "
    )
    severity = Severity.CRITICAL if workload.ready == 0 else Severity.HIGH
    return Symptom(
        "probe-failed", workload.ref, reported.first(first, now), severity, words, pods, {"probe": which}
    )


def _evictions(workload: Workload, events: Sequence[Object], now: datetime) -> Iterator[Symptom]:
    mine = (each for each in events if reported.place(each) == workload.ref.namespace)
    told = {reported.subject(each): reported.last(each, now) for each in mine}
    by_kind: dict[str, list[tuple[Object, datetime]]] = {}
    for pod in filter(_is_evicted, workload.pods):
        at = _ended(pod, told.get(pod["metadata"]["name"]), now)
        if now - at <= LATELY:
            by_kind.setdefault(_evicted_for(pod), []).append((pod, at))
    for kind, members in by_kind.items():
        names = tuple(pod["metadata"]["name"] for pod, _ in members)
        why = (members[0][0]["status"].get("message") or "no reason given").strip()[:120]
        words = f"{len(names)} pod{'s' if len(names) > 1 else ''} evicted in the last hour: {why}"
        yield Symptom(kind, workload.ref, min(at for _, at in members), Severity.MEDIUM, words, names)


def _is_evicted(pod: Object) -> bool:
    return (kube.phase(pod), (pod.get("status") or {}).get("reason")) == ("Failed", "Evicted")


def _evicted_for(pod: Object) -> str:
    found = _RESOURCE.search((pod.get("status") or {}).get("message", ""))
    return "disk-evicted" if found is not None and "storage" in found[1] else "pressure-evicted"


def _ended(pod: Object, told: datetime | None, now: datetime) -> datetime:
    """When a pod that is over ended, as well as its status tells, or the event that `told` of it.

    One of which nothing tells is as old as its start; one that does not even say that ended just now.
    """
    ends = [kube.time_of(end.get("finishedAt")) for _, end in kube.last_terminations(pod)]
    unready = (kube.condition(pod, "Ready") or {}).get("lastTransitionTime")
    begun = (pod.get("status") or {}).get("startTime") or pod["metadata"].get("creationTimestamp")
    last = max(filter(None, ends), default=None)
    return last or kube.time_of(unready) or told or kube.time_of(begun) or now
