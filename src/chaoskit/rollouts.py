"""Rollouts: a deployment's revisions, which one runs, which was healthy; which pods a set's leaves alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chaoskit import kube
from chaoskit.ports.cluster import Object

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
"""On a replica set that was rolled back to: its earlier numbers. Its age says nothing about the rollout."""

POD_TEMPLATE_HASH = "pod-template-hash"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
"""The annotation on a pod template that a rolling restart changes, as kubectl does it."""


BLAME = timedelta(minutes=10)
"""What fails so soon after a revision began is blamed on it."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a deployment: its number, its replica set and how many of its pods are ready."""

    number: int
    replica_set: Object

    @property
    def name(self) -> str:
        """The replica set's name."""
        return str(self.replica_set["metadata"]["name"])

    @property
    def ready(self) -> int:
        """Ready pods of this revision."""
        return kube.ready_replicas(self.replica_set)

    @property
    def began(self) -> datetime | None:
        """When it was first rolled out; None when it has been rolled back to since."""
        if REVISION_HISTORY in kube.annotations_of(self.replica_set):
            return None
        return kube.time_of(self.replica_set["metadata"].get("creationTimestamp"))

    @property
    def template(self) -> Object:
        """The pod template as the deployment had it: without the hash that the controller adds."""
        template: Object = self.replica_set["spec"]["template"]
        meta = dict(template.get("metadata") or {})
        labels = {k: v for k, v in (meta.get("labels") or {}).items() if k != POD_TEMPLATE_HASH}
        return {**template, "metadata": {**meta, "labels": labels}}


def revisions(deployment: Object, replica_sets: Iterable[Object]) -> tuple[Revision, ...]:
    """The deployment's revisions, newest first."""
    mine = (each for each in replica_sets if _owns(deployment, each))
    numbered = (Revision(number_of(each), each) for each in mine)
    return tuple(sorted((r for r in numbered if r.number), key=lambda r: -r.number))


def current(deployment: Object, found: Sequence[Revision]) -> Revision | None:
    """The revision that the deployment asks for now; None while its controller has not made it."""
    wanted = fingerprint(deployment["spec"]["template"])
    return next((each for each in found if fingerprint(each.template) == wanted), None)


def under_way(workload: Object) -> bool:
    """Whether a deployment's rollout goes on, and its `progressDeadlineSeconds` are not over."""
    progress = kube.condition(workload, "Progressing") or {}
    return progress.get("status") == "True" and progress.get("reason") != "NewReplicaSetAvailable"


def progressed(workload: Object) -> datetime | None:
    """When a deployment's rollout came on last, as its controller says; None: nobody says."""
    return kube.time_of((kube.condition(workload, "Progressing") or {}).get("lastUpdateTime"))


def ran_out_of_time(workload: Object) -> bool:
    """Whether a deployment's rollout has stood still for longer than its `progressDeadlineSeconds`."""
    return (kube.condition(workload, "Progressing") or {}).get("reason") == "ProgressDeadlineExceeded"


def last_healthy(deployment: Object, found: Sequence[Revision]) -> Revision | None:
    """The revision to go back to: the newest earlier one that still serves, else the one before; or None.

    A mere restart is no earlier revision: its pods are the same. Of what was restarted within `BLAME` of its
    beginning nobody knows more than before. What was restarted later, or was rolled back to, has served: of
    the one before it nothing shows that it is better. Nor does anything tell what was applied again after it
    had been rolled back from: its history is the same, so it goes back only to one that still serves.
    """
    running = current(deployment, found)
    if running is None:
        return None
    same = fingerprint(running.template, restarts=False)
    before = [each for each in found if each.number < running.number]
    earlier = [each for each in before if fingerprint(each.template, restarts=False) != same]
    restarted = [each for each in before if each not in earlier]
    one_before = earlier[0] if earlier and _is_new(running, restarted) else None
    return next((each for each in earlier if each.ready), one_before)


def _is_new(running: Revision, restarted: Iterable[Revision]) -> bool:
    """Whether nobody knows yet how its template does.

    It was not rolled back to, nor was what was restarted, and the last restart came within `BLAME` of its
    beginning.
    """
    began = running.began
    return began is not None and all(each.began and began - each.began < BLAME for each in restarted)


def fingerprint(template: Object, *, restarts: bool = True) -> str:
    """A digest that two equal pod templates share; `restarts` False ignores when it was restarted."""
    meta = (template if restarts else restarted(template, None)).get("metadata") or {}
    notes = meta.get("annotations") or {}
    plain = {"labels": meta.get("labels") or {}, "annotations": notes, "spec": template.get("spec")}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def restarted_at(template: Object) -> str | None:
    """When the pod template was restarted last, as it says itself; None when it says nothing."""
    return ((template.get("metadata") or {}).get("annotations") or {}).get(RESTARTED_AT)


def restarted(template: Object, at: str | None) -> Object:
    """The pod template as if it had been restarted then (None: never), and else as it is."""
    meta = template.get("metadata") or {}
    notes = {k: v for k, v in (meta.get("annotations") or {}).items() if k != RESTARTED_AT}
    stamp = {} if at is None else {RESTARTED_AT: at}
    return {**template, "metadata": {**meta, "annotations": {**notes, **stamp}}}


def number_of(body: Object) -> int:
    """The revision number of a deployment or replica set; 0 when it has none yet."""
    text = kube.annotations_of(body).get(REVISION, "")
    return int(text) if text.isdigit() else 0


def replaced(workload: Object, wanted: int) -> int:
    """How many of so many pods the workload's own controller makes anew when their template changes.

    None of a set whose strategy is OnDelete; those of a partitioned one whose ordinals reach the partition.
    """
    return 0 if _on_delete(workload) else max(0, wanted - _partition(workload))


def held(workload: Object, pods: Collection[str]) -> str:
    """Why a changed template would not make these pods anew (without any: no pod at all); "" if it would."""
    if _on_delete(workload):
        return "its strategy is OnDelete"
    first = _partition(workload)
    below = sorted(pod for pod in pods if _ordinal(pod) < first) if first else ()
    if below or first >= kube.desired_replicas(workload) > 0:
        return f"its partition of {first} holds {', '.join(below) or 'all of them'}"
    return ""


def _on_delete(workload: Object) -> bool:
    return bool((workload["spec"].get("updateStrategy") or {}).get("type") == "OnDelete")


def _partition(workload: Object) -> int:
    rolling = (workload["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
    return int(rolling.get("partition") or 0)


def _ordinal(pod: str) -> int:
    return int(pod.rpartition("-")[2])


def _owns(deployment: Object, replica_set: Object) -> bool:
    found = kube.owner(replica_set)
    if found is None or found.kind != kube.DEPLOYMENT:
        return False
    same_place = replica_set["metadata"].get("namespace") == deployment["metadata"].get("namespace")
    return same_place and bool(found.name == deployment["metadata"]["name"])
