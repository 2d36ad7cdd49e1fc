"""What the status of a job tells: how it ends, which of its pods failed, what is counted. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chaoskit.simulator.api import Object
from chaoskit.simulator.conditions import turned
from chaoskit.simulator.controllers import pods
from chaoskit.simulator.objects import is_finished, parse_time


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ends: the two conditions that say so, one after the other, with reason and message."""

    target: str
    final: str
    reason: str
    message: str


SUCCEEDED = Ending(
    "SuccessCriteriaMet",
    "Complete",
    "CompletionsReached",
    "Reached expected number of succeeded pods",
)
TOO_MANY_FAILED = Ending(
    "FailureTarget",
    "Failed",
    "BackoffLimitExceeded",
    "Job has reached the specified backoff limit",
)
TOO_LATE = Ending(
    "FailureTarget",
    "Failed",
    "DeadlineExceeded",
    "Job was active longer than specified deadline",
)


def finished_at(job: Object) -> float | None:
    """When the job completed or failed for good (Unix seconds); None while it has not."""
    for kind in ("Complete", "Failed"):
        found = pods.condition(job, kind)
        if found is not None and found["status"] == "True":
            return parse_time(found["lastTransitionTime"]).timestamp()
    return None


def how_it_ends(
    job: Object, good: int, bad: int, started: float | None, now: float, *, running: bool
) -> Ending | None:
    """How the job ends now, if it does; without a number of completions, when all its pods have ended.

    `started` is None while the job is suspended.
    """
    spec = job["spec"]
    deadline = spec.get("activeDeadlineSeconds")
    if bad > spec.get("backoffLimit", 6):
        return TOO_MANY_FAILED
    if deadline is not None and started is not None and now >= started + deadline:
        return TOO_LATE
    wanted = spec.get("completions")
    done = good >= wanted if wanted is not None else good > 0 and not running
    return SUCCEEDED if done else None


def has_failed(pod: Object) -> bool:
    """True for a pod that counts as failed: ended so, or deleted before it could succeed."""
    phase = pod["status"].get("phase")
    return phase == "Failed" or (pods.is_terminating(pod) and phase != "Succeeded")


def ended_at(pod: Object) -> float:
    """When the last of the pod's containers ended (Unix seconds); when it was made, if none has."""
    ends = [
        (status.get("state") or {}).get("terminated", {}).get("finishedAt")
        for status in pod["status"].get("containerStatuses") or ()
    ]
    known = [parse_time(end).timestamp() for end in ends if end]
    return max(known, default=parse_time(pod["metadata"]["creationTimestamp"]).timestamp())


def counts(mine: Sequence[Object], active: Sequence[Object]) -> Object:
    """The counts of a status that are not sums over the job's life."""
    going = sum(pods.is_terminating(pod) and not is_finished(pod) for pod in mine)
    return {
        "terminating": going,
        "ready": sum(map(pods.is_ready, active)),
        "uncountedTerminatedPods": {},
    }


def add_condition(status: Object, ending: Ending, kind: str, now: str) -> None:
    """The status says so of the ending, last of its conditions."""
    made = turned(None, kind, "True", ending.reason, ending.message, now, lastProbeTime=now)
    status["conditions"] = [*(status.get("conditions") or []), made]


def tell_suspension(status: Object, now: str, *, suspended: bool) -> str:
    """The status says whether the job is suspended; ``Suspended`` or ``Resumed`` if that turned, else empty.

    Of a job that never was it says nothing.
    """
    conditions = status.get("conditions") or []
    old = next((condition for condition in conditions if condition["type"] == "Suspended"), None)
    if (old is not None and old["status"] == "True") == suspended:
        return ""
    what = "Suspended" if suspended else "Resumed"
    told = (str(suspended), f"Job{what}", f"Job {what.lower()}")
    made = turned(old, "Suspended", *told, now, lastProbeTime=now)
    others = [condition for condition in conditions if condition is not old]
    status["conditions"] = [*others, made]
    return what
