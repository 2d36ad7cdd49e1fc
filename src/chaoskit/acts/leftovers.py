"""What an engine of Litmus has left, as the cluster shows it: what still runs, where its fault still is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from chaoskit import kube
from chaoskit.acts.trail import BY_COMMAND, Struck, Trail
from chaoskit.errors import Forbidden
from chaoskit.ports.cluster import Cluster, Kind, Object, ObjectRef

INJECTED = "injected"
"""What a ChaosResult calls a target whose fault was not taken back."""


_LEFT = {
    "engine": "engine {} has not ended",
    "idle engine": "engine {} has not ended, though nothing of it works any more: its operator is busy",
    "pod": "pod {} still runs",
    "job": "job {} still runs",
    "policy": "network policy {} is still there",
    "target": "fault still on pod {}",
    "command": (
        "chaosresult {} was never settled: its command may still run, and in which pods is not known; "
        "when it runs in none, delete that result"
    ),
}


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing that an engine left: itself, a pod or job of its own, a policy, a target with its fault.

    An ``idle engine`` is all that there is of it.
    A ``command`` is a result whose fault may still run in pods that nobody can name.
    """

    kind: Literal["engine", "idle engine", "pod", "job", "policy", "target", "command"]
    name: str

    def __str__(self) -> str:
        """``pod helper-x still runs``."""
        return _LEFT[self.kind].format(self.name)


Replaced = Mapping[tuple[str, str], str]
"""Uids by namespace and name of the pods that had to go: their successors of that name carry nothing."""

NONE: Replaced = MappingProxyType({})


def leftovers(cluster: Cluster, trail: Trail, replaced: Replaced = NONE) -> tuple[Leftover, ...]:
    """What still runs or is still changed because of the engine; finished jobs are none."""
    return (
        *_working(cluster, trail),
        *_policies(cluster, trail),
        *(Leftover("target", pod["metadata"]["name"]) for pod in disturbed(cluster, trail, replaced)),
        *(Leftover("command", name) for name in _unnamed(cluster, trail)),
    )


def _working(cluster: Cluster, trail: Trail) -> Iterator[Leftover]:
    jobs = at_work(cluster, trail, kube.JOB)  # first: what they make before they end is seen among the pods
    for pod in at_work(cluster, trail, kube.POD):
        yield Leftover("pod", pod["metadata"]["name"])
    for job in jobs:
        yield Leftover("job", job["metadata"]["name"])


def at_work(cluster: Cluster, trail: Trail, kind: Kind) -> tuple[Object, ...]:
    """The engine's jobs, or pods, that have not ended."""
    ended = job_has_ended if kind == kube.JOB else has_ended
    every = cluster.list(kind, trail.engine.namespace, labels=trail.selector).items
    return tuple(each for each in every if not ended(each))


def job_has_ended(job: Object) -> bool:
    """Whether the job makes no pod any more: one whose pod failed has none for a while, and makes another."""
    return kube.is_true(job, "Complete") or kube.is_true(job, "Failed")


def has_ended(pod: Object) -> bool:
    """Whether nothing runs in the pod, and nothing will again; its phase says so a second or two later."""
    if kube.phase(pod) in {"Succeeded", "Failed"} and not kube.is_deleting(pod):
        return True
    statuses = (*kube.init_container_statuses(pod), *kube.container_statuses(pod))
    ends = [(each.get("state") or {}).get("terminated") for each in statuses]
    known = len(kube.container_statuses(pod)) == len(pod["spec"]["containers"]) > 0
    return known and all(end is not None and not _restarts(pod, end) for end in ends)


def _restarts(pod: Object, end: Mapping[str, Any]) -> bool:
    """Whether the kubelet starts a container anew that ended so."""
    policy = pod["spec"].get("restartPolicy") or "Always"
    fails = policy == "OnFailure" and end.get("exitCode") != 0
    return not kube.is_deleting(pod) and (policy == "Always" or fails)


def _policies(cluster: Cluster, trail: Trail) -> Iterator[Leftover]:
    for namespace in dict.fromkeys((trail.engine.namespace, *trail.namespaces)):
        try:
            found = cluster.list(kube.NETWORK_POLICY, namespace, labels=trail.selector).items
        except Forbidden:
            continue  # without that right this engine's fault was never allowed to make one
        for policy in found:
            yield Leftover("policy", policy["metadata"]["name"])


def results_of(cluster: Cluster, trail: Trail) -> tuple[Object, ...]:
    """The engine's ChaosResults."""
    return cluster.list(kube.CHAOS_RESULT, trail.engine.namespace, labels=trail.selector).items


def disturbed(cluster: Cluster, trail: Trail, replaced: Replaced) -> Iterator[Object]:
    """Pods that the fault is in, or may be, and that still exist: what is in a pod goes with the pod."""
    results = results_of(cluster, trail)
    noted = [name for result in results for name in injected(result)]
    told = [name for each in filter(unsettled, results) for name in _told(cluster, trail, _fault(each))]
    struck = [(each.namespace, each.pod) for each in _struck(trail, results)]
    places = [(namespace, name) for name in (*noted, *told) for namespace in trail.namespaces]
    for namespace, name in dict.fromkeys((*places, *struck)):
        pod = kube.found(cluster, ObjectRef(kube.POD, namespace, name))
        if pod is not None and pod["metadata"]["uid"] == replaced.get(
            (namespace, name), pod["metadata"]["uid"]
        ):
            yield pod


def unsettled(result: Object) -> bool:
    """Whether it is of commands that Litmus has not told to have killed.

    Without any result nothing was begun: Litmus makes it first. What an earlier run of the same name has left
    in the history of one that is open says nothing of this run.
    """
    told = ((result.get("status") or {}).get("experimentStatus") or {}).get("verdict")
    return _fault(result) in BY_COMMAND and told in {None, "", "Awaited"}


def _fault(result: Object) -> str:
    return str((result.get("spec") or {}).get("experiment"))


def _struck(trail: Trail, results: Iterable[Object]) -> Iterator[Struck]:
    """Those in which a command may still run, by name: a successor of that name may have been chosen, too."""
    faults = {_fault(each) for each in results if unsettled(each)}
    return (each for each in trail.struck if each.fault in faults)


def _unnamed(cluster: Cluster, trail: Trail) -> Iterator[str]:
    """Names of the results whose commands may run in pods of which neither the trail nor an event tells."""
    known = {each.fault for each in trail.struck}
    for each in filter(unsettled, results_of(cluster, trail)):
        if _fault(each) not in known and not _told(cluster, trail, _fault(each), whole=True):
            yield each["metadata"]["name"]


def _told(cluster: Cluster, trail: Trail, fault: str, *, whole: bool = False) -> tuple[str, ...]:
    """The pods that events name as those of a fault by command; with `whole` only when these are all.

    Litmus has one event for each engine and fault, names in it the last pod alone, and counts the others. It
    goes after an hour.
    """
    if not trail.engine.uid:
        return ()
    about = f"involvedObject.uid={trail.engine.uid}"
    try:
        events = cluster.list(kube.EVENT, trail.engine.namespace, fields=about).items
    except Forbidden:
        return ()
    begun = [each for each in events if each.get("reason") == "ChaosInject"]
    named = [(each, _IN_POD.fullmatch(str(each.get("message")))) for each in begun]
    return tuple(
        told["pod"]
        for each, told in named
        if told is not None and told["fault"] == fault and not (whole and (each.get("count") or 1) > 1)
    )


_IN_POD = re.compile(r"Injecting (?P<fault>\S+) chaos on (?!application pod)(?P<pod>\S+) pod")
"""What Litmus says of commands in a pod; of all other faults it says "application pod"."""


def injected(result: Object) -> tuple[str, ...]:
    """Names of the pods that a ChaosResult calls injected: in its annotations or in its history."""
    marks = kube.annotations_of(result).items()
    noted = [key.partition("/")[2] for key, value in marks if key.startswith("pod/") and value == INJECTED]
    history: dict[str, Any] = (result.get("status") or {}).get("history") or {}
    told = [
        target["name"]
        for target in history.get("targets") or ()
        if target.get("chaosStatus") == INJECTED and target.get("kind", "pod") == "pod"
    ]
    return tuple(dict.fromkeys((*noted, *told)))
