"""Symptoms of jobs: one that failed, one that gets nowhere and keeps the next from starting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from chaoskit import kube
from chaoskit.ports.cluster import Object
from chaoskit.recovery.kills import IGNORED
from chaoskit.recovery.podsymptoms import complaint
from chaoskit.recovery.symptoms import Severity, Symptom, minutes

STUCK = timedelta(minutes=10)
"""A job whose pods have all complained for so long gets nowhere by itself."""

NEWS = timedelta(minutes=30)
"""That a job failed is news for so long."""


def detect(jobs: Sequence[Object], pods: Sequence[Object], *, now: datetime) -> tuple[Symptom, ...]:
    """What is wrong with the jobs at `now`; chaoskit's own and those of experiments are left out."""
    ours = (each for each in jobs if not _of_chaos(each))
    return tuple(symptom for job in ours for symptom in _of_job(job, pods, now))


def _of_chaos(job: Object) -> bool:
    labels = kube.labels_of(job)
    return labels.get(kube.MANAGED_BY) == "chaoskit" or "chaosUID" in labels


def _of_job(job: Object, pods: Sequence[Object], now: datetime) -> Iterator[Symptom]:
    ref, failed = kube.ref_of(job, kube.JOB), kube.condition(job, "Failed") or {}
    at = kube.time_of(failed.get("lastTransitionTime"))
    if failed.get("status") == "True" and at is not None and now - at <= NEWS:
        words = f"failed {minutes((now - at).total_seconds())} ago: {failed.get('reason', 'no reason given')}"
        yield Symptom("job-failed", ref, at, Severity.MEDIUM, words)
    elif (job.get("status") or {}).get("active") and not (job.get("spec") or {}).get("suspend"):
        yield from _stuck(job, pods, now)


def _stuck(job: Object, pods: Sequence[Object], now: datetime) -> Iterator[Symptom]:
    mine = [each for each in pods if (owner := kube.owner(each)) and owner.uid == job["metadata"]["uid"]]
    alive = [
        each for each in mine if kube.phase(each) in {"Pending", "Running"} and not kube.is_deleting(each)
    ]
    ill = [found for each in alive if (found := complaint(each, now, IGNORED)) is not None]
    if not ill or len(ill) < len(alive) or now - min(each.since for each in ill) < STUCK:
        return
    first = min(ill, key=lambda each: each.since)
    names = tuple(sorted(each.pod for each in ill))
    words = f"gets nowhere: {first.pod} {first.words}"
    owner = kube.owner(job)
    yield Symptom(
        "job-stuck", kube.ref_of(job, kube.JOB), first.since, Severity.MEDIUM, words, names,
        {"cron": owner.name if owner is not None else ""},
    )  # fmt: skip
