"""Whether a workload, node or job stands well, as its objects say, and what a look may answer. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from chaoskit import kube, rollouts
from chaoskit.ports.cluster import Object
from chaoskit.recovery import podsymptoms
from chaoskit.recovery.kills import IGNORED

STANDING = frozenset({
    "bad-rollout", "crash-loop", "error-exit", "oom-killed", "image-pull", "config-error", "unschedulable",
    "not-ready", "stuck-starting", "probe-failed", "probe-timeout", "on-lost-node", "database-down",
    "database-starting", "dns-down", "dns-starting", "failed-create",
})  # fmt: skip
"""Symptoms that are not there while a workload stands well: that it does, says they are gone."""


class Answer(Enum):
    """What a look says of a question; one that could not be had is neither a yes nor a no."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, holds: object) -> Answer:
        """Of what was seen: yes or no."""
        return cls.YES if holds else cls.NO


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it holds, and how things stand in words; `at` is when it began to hold."""

    answer: Answer
    words: str
    at: datetime | None = None


def standing(target: Object, pods: Iterable[Object], now: datetime) -> Verdict:
    """Whether a workload, node or job is as it should be: rolled out, all pods ready, no complaint. Pure."""
    if target.get("kind") == "Node":
        return _node_standing(target)
    if target.get("kind") == "Job":
        return _job_standing(target, pods, now)
    alive = list(filter(kube.is_alive, pods))
    ready, wanted = sum(kube.is_ready(pod) for pod in alive), kube.desired_replicas(target)
    words = f"{ready} of {wanted} ready"
    ill = next((found for pod in alive if (found := podsymptoms.complaint(pod, now, IGNORED))), None)
    if ill is not None:
        return Verdict(Answer.NO, f"{words}; {ill.pod}: {ill.words}")
    if not _rolled_out(target):
        return Verdict(Answer.NO, f"{words}, rolling out")
    return Verdict(Answer.of(ready == wanted == len(alive)), words)


def _node_standing(node: Object) -> Verdict:
    cordoned = bool((node.get("spec") or {}).get("unschedulable"))
    ready = kube.is_true(node, "Ready")
    return Verdict(Answer.of(ready and not cordoned), f"ready {ready}, cordoned {cordoned}".lower())


def _job_standing(job: Object, pods: Iterable[Object], now: datetime) -> Verdict:
    """It has done its work, or its pods are at it."""
    if kube.is_true(job, "Complete"):
        return Verdict(Answer.YES, "complete")
    if kube.is_true(job, "Failed"):
        return Verdict(Answer.NO, "failed")
    alive = [pod for pod in pods if not kube.is_deleting(pod) and kube.phase(pod) != "Failed"]
    ill = next((found for pod in alive if (found := podsymptoms.complaint(pod, now, IGNORED))), None)
    words = f"{len(alive)} pods at it" if ill is None else f"{ill.pod}: {ill.words}"
    return Verdict(Answer.of(ill is None and any(map(kube.is_ready, alive))), words)


def _rolled_out(workload: Object) -> bool:
    """Whether its controller has done all that its strategy lets it do."""
    status, wanted = workload.get("status") or {}, kube.desired_replicas(workload)
    if int(status.get("observedGeneration", 0)) < int(workload["metadata"].get("generation", 0)):
        return False
    if "desiredNumberScheduled" in status:
        return int(status.get("updatedNumberScheduled", 0)) >= rollouts.replaced(workload, wanted)
    updated = int(status.get("updatedReplicas", 0))
    if "currentRevision" in status:
        all_alike = status["currentRevision"] == status.get("updateRevision")
        return all_alike or updated >= rollouts.replaced(workload, wanted)
    return updated == wanted == int(status.get("replicas", 0))
