"""The status of a deployment: its counts, and whether its rollout progresses. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from chaoskit.simulator.api import Object
from chaoskit.simulator.conditions import turned
from chaoskit.simulator.controllers import pods, rollout
from chaoskit.simulator.objects import clone, parse_time, timestamp

_AVAILABLE = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
_UNAVAILABLE = (
    "False",
    "MinimumReplicasUnavailable",
    "Deployment does not have minimum availability.",
)


def status(
    deployment: Object, new: Object | None, sets: Sequence[Object], now: float
) -> tuple[Object, float | None]:
    """A deployment's status, and after how many seconds it must be looked at again for its deadline."""
    found = _counted(deployment, new, sets, timestamp(now))
    deadline = deployment["spec"].get("progressDeadlineSeconds")
    old = pods.condition(deployment, "Progressing")
    if deadline is None:
        _drop(found, "Progressing")
        return found, None
    settled = (
        found.get("replicas", 0) == found.get("updatedReplicas", 0)
        and old is not None
        and old["reason"] == "NewReplicaSetAvailable"
    )
    if not settled:
        _judge(deployment, new, found, now)
    _note_failure(found, sets, timestamp(now))
    return found, _until_deadline(deployment, found, now)


def is_complete(deployment: Object, found: Object) -> bool:
    """True when every replica is of the new template and available, and the status is up to date."""
    wanted = deployment["spec"]["replicas"]
    counts = [found.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas")]
    seen = found.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    return counts == [wanted] * 3 and seen


def set_condition(found: Object, kind: str, verdict: str, reason: str, message: str, now: str) -> None:
    """The condition says so, last in the list; one that says so already is left as it is."""
    conditions = found.get("conditions") or []
    old = next((item for item in conditions if item["type"] == kind), None)
    if old is not None and (old["status"], old["reason"]) == (verdict, reason):
        return
    made = turned(old, kind, verdict, reason, message, now, lastUpdateTime=now)
    found["conditions"] = [item for item in conditions if item["type"] != kind] + [made]


def _counted(deployment: Object, new: Object | None, sets: Sequence[Object], now: str) -> Object:
    def total(name: str, of: Sequence[Object]) -> int:
        return sum((item.get("status") or {}).get(name, 0) for item in of)

    counts = {
        "replicas": total("replicas", sets),
        "updatedReplicas": total("replicas", [new] if new else []),
        "readyReplicas": total("readyReplicas", sets),
        "availableReplicas": total("availableReplicas", sets),
    }
    asked = sum(item["spec"]["replicas"] for item in sets)
    counts["unavailableReplicas"] = max(0, asked - counts["availableReplicas"])
    found: Object = {"observedGeneration": deployment["metadata"]["generation"]}
    found |= {name: count for name, count in counts.items() if count}
    found["terminatingReplicas"] = total("terminatingReplicas", sets)
    before = deployment.get("status") or {}
    if "collisionCount" in before:
        found["collisionCount"] = before["collisionCount"]
    found["conditions"] = clone(before.get("conditions") or [])
    least = deployment["spec"]["replicas"] - rollout.bounds(deployment).unavailable
    enough = counts["availableReplicas"] >= least
    set_condition(found, "Available", *(_AVAILABLE if enough else _UNAVAILABLE), now)
    return found


def _judge(deployment: Object, new: Object | None, found: Object, now: float) -> None:
    """Says whether the rollout is complete, moves, or has stood still for too long."""
    name = new["metadata"]["name"] if new else ""
    subject = f'ReplicaSet "{name}"' if new else f'Deployment "{deployment["metadata"]["name"]}"'
    stamp = timestamp(now)
    if is_complete(deployment, found):
        told = f"{subject} has successfully progressed."
        set_condition(found, "Progressing", "True", "NewReplicaSetAvailable", told, stamp)
    elif _moves(deployment, found):
        old = pods.condition(deployment, "Progressing")
        _drop(found, "Progressing")
        told = f"{subject} is progressing."
        set_condition(found, "Progressing", "True", "ReplicaSetUpdated", told, stamp)
        if old is not None and old["status"] == "True":
            found["conditions"][-1]["lastTransitionTime"] = old["lastTransitionTime"]
    elif _timed_out(deployment, found, now):
        told = f"{subject} has timed out progressing."
        set_condition(found, "Progressing", "False", "ProgressDeadlineExceeded", told, stamp)


def _moves(deployment: Object, found: Object) -> bool:
    """True when something got better since the status was written last."""
    old = deployment.get("status") or {}

    def count(status: Object, name: str) -> int:
        return int(status.get(name, 0))

    def outdated(status: Object) -> int:
        return count(status, "replicas") - count(status, "updatedReplicas")

    return any(
        count(found, name) > count(old, name)
        for name in ("updatedReplicas", "readyReplicas", "availableReplicas")
    ) or outdated(found) < outdated(old)


def _timed_out(deployment: Object, found: Object, now: float) -> bool:
    condition = next((c for c in found["conditions"] if c["type"] == "Progressing"), None)
    if condition is None or condition["reason"] == "NewReplicaSetAvailable":
        return False
    if condition["reason"] == "ProgressDeadlineExceeded":
        return True
    since = parse_time(condition["lastUpdateTime"]).timestamp()
    return now > since + float(deployment["spec"]["progressDeadlineSeconds"])


def _until_deadline(deployment: Object, found: Object, now: float) -> float | None:
    condition = next((c for c in found["conditions"] if c["type"] == "Progressing"), None)
    if condition is None or condition["reason"] in {
        "NewReplicaSetAvailable",
        "ProgressDeadlineExceeded",
    }:
        return None
    since = parse_time(condition["lastUpdateTime"]).timestamp()
    return max(0.0, since + float(deployment["spec"]["progressDeadlineSeconds"]) - now) + 1.0


def _note_failure(found: Object, sets: Sequence[Object], now: str) -> None:
    """``ReplicaFailure`` is copied from a replica set that cannot make its pods."""
    failures = (pods.condition(item, "ReplicaFailure") for item in sets)
    failure = next(filter(None, failures), None)
    if failure is None:
        _drop(found, "ReplicaFailure")
    else:
        set_condition(found, "ReplicaFailure", "True", failure["reason"], failure["message"], now)


def _drop(found: Object, kind: str) -> None:
    found["conditions"] = [item for item in found["conditions"] if item["type"] != kind]
