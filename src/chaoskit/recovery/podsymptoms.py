"""Symptoms that pods and rollouts show: crashing, stuck and unready pods, bad revisions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chaoskit import kube, rollouts
from chaoskit.ports.cluster import Object
from chaoskit.recovery import starts
from chaoskit.recovery.kills import IGNORED, UNSEEN, Kills
from chaoskit.recovery.starts import Start
from chaoskit.recovery.symptoms import UNSERVED, Severity, Symptom, minutes, unavailable_since
from chaoskit.topology import Topology, Workload

OF_REVISIONS = frozenset({"crash-loop", "error-exit", "oom-killed", "image-pull", "config-error"})
"""What a revision is blamed for. Being slow is no fault: how long is too long, its deployment says."""

STABLE = timedelta(seconds=60)
"""A container that crashed at least twice is believed to be well after having run for so long."""

UNSCHEDULED = timedelta(seconds=15)
"""The scheduler may need so long before an unschedulable pod counts."""

FORGIVEN = 600.0
"""A container that ran for so many seconds is no longer held back for how it ended before."""

LATELY = 3600.0
"""An end of a container is the first one again when the one before it is so many seconds ago."""

RESTARTED = starts.FIRST_CRASH + timedelta(seconds=10)
"""A container that ended for the second time is held back for 10 s before the kubelet starts it again."""

RECENT = timedelta(minutes=10)
"""An end of a container is news for so long."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """One pod's complaint: what (a symptom's kind), since when, in words.

    `ran` is how many seconds its container ran before its last end, 0 when that is not the matter. `start` is
    what its start comes to, where no more is wrong than that it is not ready yet.
    """

    kind: str
    pod: str
    since: datetime
    words: str
    ran: float = 0.0
    start: Start = Start.NONE

    @property
    def watched(self) -> bool:
        """Whether it may still come up: it counts for less, and is not replaced."""
        return self.start is Start.WATCHED


def detect(topology: Topology, kills: Kills, *, now: datetime) -> tuple[Symptom, ...]:
    """What the objects of the snapshot, and what is known of `kills`, show to be wrong at `now`."""
    lost = {node["metadata"]["name"] for node in topology.nodes if not kube.is_true(node, "Ready")}
    return tuple(s for w in topology.workloads.values() for s in _of_workload(w, topology, lost, kills, now))


def _of_workload(
    workload: Workload, topology: Topology, lost: set[str], kills: Kills, now: datetime
) -> Iterator[Symptom]:
    ill = complaints(workload, now, kills)
    by_kind: dict[str, list[Complaint]] = {}
    for each in ill:
        by_kind.setdefault(each.kind, []).append(each)
    for kind, members in by_kind.items():
        yield _symptom(workload, kind, members)
    if (bad := _bad_rollout(workload, topology, ill, now)) is not None:
        yield bad
    on_lost = [p for p in workload.alive if (p["spec"].get("nodeName") or "") in lost]
    if on_lost:
        yield _on_lost_node(workload, on_lost, now)


def _symptom(workload: Workload, kind: str, members: list[Complaint]) -> Symptom:
    first = min(members, key=lambda each: each.since)
    wanted = kube.desired_replicas(workload.body)
    down = workload.ready == 0 and wanted > 0
    severity = Severity.CRITICAL if down else Severity.HIGH if workload.ready < wanted else Severity.MEDIUM
    count = f"{len(members)} of {max(wanted, len(workload.alive))} pods: " if wanted > 1 else ""
    return Symptom(
        kind=kind,
        target=workload.ref,
        since=first.since,
        severity=severity,
        evidence=count + first.words,
        pods=tuple(sorted(each.pod for each in members if not each.watched)),
        facts={
            "ready": workload.ready,
            "wanted": wanted,
            "ran": max(each.ran for each in members),
            "watched": [each.pod for each in members if each.watched],
        },
    )


def complaints(workload: Workload, now: datetime, kills: Kills) -> list[Complaint]:
    """What is wrong with its pods at `now`; those that are slow to start have the time that it gives them."""
    judged = starts.starts_of(workload.alive, now)
    found = (complaint(pod, now, kills, judged[pod["metadata"]["name"]]) for pod in workload.alive)
    return [
        each
        for each in found
        if each is not None and (each.start is Start.NONE or not _goes_on(workload, now - each.since))
    ]


def _goes_on(workload: Workload, unready: timedelta) -> bool:
    """Whether it gives pods that start more time: its rollout goes on, or `minReadySeconds` are not over."""
    least = timedelta(seconds=int(workload.body["spec"].get("minReadySeconds") or 0))
    return rollouts.under_way(workload.body) or unready < least


# ---------------------------------------------------------------- one pod


def complaint(pod: Object, now: datetime, kills: Kills, start: Start | None = None) -> Complaint | None:
    """What is wrong with the pod at `now`; None when nothing is. The gravest when several things are.

    `start` is what its start comes to beside its siblings; None: it is judged alone.
    """
    if kube.phase(pod) == "Succeeded":
        return None
    for status in (*kube.init_container_statuses(pod), *kube.container_statuses(pod)):
        found = _of_container(status, pod, now, kills)
        if found is not None:
            return found
    start = starts.start_of(pod, None, now) if start is None else start
    return unscheduled(pod, now) or _unready(pod, start, now)


def turns_on_kills(pod: Object, now: datetime) -> bool:
    """Whether what is wrong with the pod depends on whether it was killed for a probe."""
    every = (*kube.init_container_statuses(pod), *kube.container_statuses(pod))
    return any(
        _of_container(each, pod, now, UNSEEN) != _of_container(each, pod, now, IGNORED) for each in every
    )


def _of_container(status: Mapping[str, Any], pod: Object, now: datetime, kills: Kills) -> Complaint | None:
    waiting = (status.get("state") or {}).get("waiting") or {}
    reason, name = waiting.get("reason", ""), pod["metadata"]["name"]
    began = kube.unready_since(pod) or now
    if reason in kube.IMAGE_REASONS:
        words = f"{reason} of {status.get('image', 'the image')} for {_for(began, now)}"
        return Complaint("image-pull", name, began, words)
    if reason in kube.CONFIG_REASONS:
        words = f"{reason}: {waiting.get('message', '')}".strip(": ")
        return Complaint("config-error", name, began, words)
    return _crash(status, reason, pod, now, kills)


def _crash(
    status: Mapping[str, Any], reason: str, pod: Object, now: datetime, kills: Kills
) -> Complaint | None:
    name = pod["metadata"]["name"]
    state, count = status.get("state") or {}, int(status.get("restartCount", 0))
    ended = state.get("terminated") or (status.get("lastState") or {}).get("terminated") or {}
    code, at = ended.get("exitCode"), kube.time_of(ended.get("finishedAt"))
    looping = reason == "CrashLoopBackOff" or _again(state, count, at, now)
    stopped = bool(state.get("terminated")) and code != 0
    if at is None or not (looping or (stopped and (count or now - at > starts.FIRST_CRASH))):
        return None
    started = kube.time_of(ended.get("startedAt"))
    ran = (at - started).total_seconds() if started else 0.0
    full = ended.get("reason") == "OOMKilled"
    worked = _did_its_work(code, ran) and not kills.has(pod, status["name"], ended)
    if not full and (worked or _mends_itself(state, count, ran, now - at)):
        return None
    since = at - (_backed_off(count) if ran < FORGIVEN else timedelta())
    times = f"for {_for(since, now)}, {_restarts(count)}"
    if full:
        return Complaint("oom-killed", name, since, f"OOMKilled {times}", ran)
    if looping or count:
        never_held = ran >= FORGIVEN and reason != "CrashLoopBackOff"
        last = f"ended {_for(at, now)} ago after {minutes(ran)}, {_restarts(count)}"
        words = f"{last if never_held else f'CrashLoopBackOff {times}'}, exit code {code}"
        return Complaint("crash-loop", name, since, words, ran)
    return Complaint("error-exit", name, since, f"ended with exit code {code}", ran)


def _again(state: Mapping[str, Any], count: int, at: datetime | None, now: datetime) -> bool:
    """Whether a container that has crashed twice or more runs, but not long enough to be believed."""
    started = kube.time_of((state.get("running") or {}).get("startedAt"))
    if started is None or at is None or count < 2 or now - at > RECENT:
        return False
    return now - started < STABLE


def _did_its_work(code: int | None, ran: float) -> bool:
    """Whether it ended well and after so long: on purpose, as workers do after some jobs or minutes.

    So does a server that heeds its kill (see `kills`). The kubelet starts it again at once. What ends well
    within that time is held back for it, and serves less.
    """
    return code == 0 and ran >= FORGIVEN


def _mends_itself(state: Mapping[str, Any], count: int, ran: float, ago: timedelta) -> bool:
    """Whether the kubelet is to mend it: what was believed to be well ends for the first time, or the second.

    What ran for long ends for the first time, however often it did before. That is longer than the kubelet
    remembers: what ends every eleven minutes is a crash loop as well, though it is never held back for it.
    """
    anew = ran >= LATELY
    if ran < STABLE.total_seconds():
        return False
    if state.get("running"):
        return anew or count <= 2
    return (anew or count <= 1) and ago <= (starts.FIRST_CRASH if anew or not count else RESTARTED)


def _backed_off(restarts: int) -> timedelta:
    """How long the kubelet has held the container back so far: none, then 10 s, 20 s, ... at most 300 s."""
    return timedelta(seconds=sum(min(300, 10 * 2**i) for i in range(max(0, restarts - 1))))


def unscheduled(pod: Object, now: datetime) -> Complaint | None:
    """Why the pod has had no node for some time, as the scheduler says; None when it has one."""
    found = kube.condition(pod, "PodScheduled") or {}
    since = kube.time_of(found.get("lastTransitionTime")) or now
    if found.get("status") != "False" or now - since < UNSCHEDULED:
        return None
    words = f"unschedulable for {_for(since, now)}: {found.get('message', '')}"
    return Complaint("unschedulable", pod["metadata"]["name"], since, words)


def _unready(pod: Object, start: Start, now: datetime) -> Complaint | None:
    since = kube.unready_since(pod)
    if since is None or kube.condition(pod, "Ready") is None:
        return None
    if start in {Start.WAITED, Start.BLINKS}:
        return None
    name, phase, span = pod["metadata"]["name"], kube.phase(pod), _for(since, now)
    words = f"running but not ready for {span}" if phase == "Running" else f"{phase} for {span}"
    lost = phase == "Running" and start is not Start.WATCHED
    return Complaint("not-ready" if lost else "stuck-starting", name, since, words, start=start)


def coming(workload: Workload, now: datetime, kills: Kills) -> frozenset[str]:
    """Its pods that may serve by themselves: they start, or blink; nothing is wrong but the time it takes."""
    judged = starts.starts_of(workload.pods, now)
    hopeful = {name: start for name, start in judged.items() if start.may_come or start is Start.BLINKS}
    pods = {pod["metadata"]["name"]: pod for pod in workload.pods}
    wrong = {name: complaint(pods[name], now, kills, start) for name, start in hopeful.items()}
    return frozenset(name for name, found in wrong.items() if found is None or found.watched)


def may_serve(workload: Workload, now: datetime, kills: Kills) -> bool:
    """Whether one that serves nobody may do so by itself: pods of it come, or are just being replaced."""
    if not kube.desired_replicas(workload.body):
        return False
    rolls = _rolls(workload.body, now) and not complaints(workload, now, kills)
    return rolls or bool(coming(workload, now, kills)) or any(_goes(pod, now) for pod in workload.pods)


def _rolls(workload: Object, now: datetime) -> bool:
    """Whether pods of its rollout are about to be made: one that has come on no more for long makes none."""
    came_on = rollouts.progressed(workload)
    return rollouts.under_way(workload) and came_on is not None and now - came_on < starts.STARTING


def starting(kind: str, workload: Workload, words: str, now: datetime) -> Symptom:
    """The symptom `kind` of one that serves nobody and may in a moment: critical once that lasts."""
    since = _unserved_since(workload, now)
    severity = Severity.MEDIUM if now - since < UNSERVED else Severity.CRITICAL
    return Symptom(kind, workload.ref, since, severity, words)


def _unserved_since(workload: Workload, now: datetime) -> datetime:
    """Since when it is not available; where its controller does not say so, since no pod of it serves."""
    said = unavailable_since(workload.body, now)
    return said if said < now else max(filter(None, map(_idle_since, workload.pods)), default=now)


def _idle_since(pod: Object) -> datetime | None:
    """Since when the pod serves nobody: it is not ready, or was told to go, which may take half an hour."""
    told = kube.time_of(pod["metadata"].get("deletionTimestamp"))
    if told is not None:
        told -= timedelta(seconds=int(pod["metadata"].get("deletionGracePeriodSeconds") or 0))
    return min(filter(None, (kube.unready_since(pod), told)), default=None)


def _goes(pod: Object, now: datetime) -> bool:
    """Whether the pod was told to go and has time left for it: its successor comes after that."""
    gone = kube.time_of(pod["metadata"].get("deletionTimestamp"))
    return gone is not None and now < gone


def _restarts(count: int) -> str:
    return f"{count} restart" + ("" if count == 1 else "s")


def _for(since: datetime, now: datetime) -> str:
    return minutes((now - since).total_seconds())


# ---------------------------------------------------------------- rollouts, pods on lost nodes


def _bad_rollout(
    workload: Workload, topology: Topology, ill: Iterable[Complaint], now: datetime
) -> Symptom | None:
    """The newest revision fails where the one before it was healthy; None when that cannot be said."""
    found = rollouts.revisions(workload.body, topology.replica_sets_of(workload))
    running, healthy = (
        rollouts.current(workload.body, found),
        rollouts.last_healthy(workload.body, found),
    )
    if workload.ref.kind != kube.DEPLOYMENT or running is None or healthy is None:
        return None
    of_new = {p["metadata"]["name"] for p in workload.pods if _owned_by(p, running.replica_set)}
    failing = [each for each in ill if each.pod in of_new and each.kind != "unschedulable"]
    stuck = rollouts.ran_out_of_time(workload.body)
    blamed = _blamed(running, healthy, [each for each in failing if each.kind in OF_REVISIONS])
    if not (stuck or blamed):
        return None
    began = running.began or min((each.since for each in failing), default=now)
    state = "still serves" if healthy.ready else "was there before"
    why = "the rollout ran out of time" if stuck else "its pods fail"
    template = _symptom(workload, "bad-rollout", failing or [Complaint("", "", began, "")])
    return replace(
        template,
        since=began,
        evidence=f"began with revision {running.number} ({began:%H:%M} UTC), {why}; "
        f"revision {healthy.number} {state}",
        pods=tuple(sorted(each.pod for each in failing if not each.watched)),
        facts={**template.facts, "revision": running.number, "healthy": healthy.number},
    )


def _blamed(running: rollouts.Revision, healthy: rollouts.Revision, failing: list[Complaint]) -> bool:
    if not failing:
        return False
    if healthy.ready:
        return True
    first = min(each.since for each in failing)
    return running.began is not None and first - running.began < rollouts.BLAME


def _owned_by(pod: Object, replica_set: Object) -> bool:
    found = kube.owner(pod)
    return found is not None and found.name == replica_set["metadata"]["name"]


def _on_lost_node(workload: Workload, pods: list[Object], now: datetime) -> Symptom:
    nodes = sorted({pod["spec"]["nodeName"] for pod in pods})
    names = tuple(pod["metadata"]["name"] for pod in pods)
    words = f"{len(pods)} of {len(workload.alive)} pods on lost node {', '.join(nodes)}"
    return _symptom(workload, "on-lost-node", [Complaint("on-lost-node", name, now, words) for name in names])
