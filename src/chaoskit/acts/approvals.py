"""Approvals: a plan asks in the cluster for a person's yes, and whoever may write there gives or refuses it.

A request is a ConfigMap beside the target. It names the plan by its digest: what was approved is done, or
nothing is. It is decided once, and is over when its time is up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from chaoskit import kube
from chaoskit.clock import Clock
from chaoskit.errors import Conflict, Forbidden, NotFound, Refused
from chaoskit.ports.cluster import Cluster, Object, ObjectRef
from chaoskit.redaction import scrubbed

STATE = "chaoskit.io/approval"
EXPIRES = "chaoskit.io/expires"
DIGEST = "chaoskit.io/plan-digest"
BY = "chaoskit.io/decided-by"
REASON = "chaoskit.io/reason"

REST = timedelta(hours=1)
"""Who said no, or did not answer, is not asked about the same plan for so long after its time was up."""

State = Literal["pending", "approved", "denied"]
Answer = Literal["approved", "denied"]


@dataclass(frozen=True, slots=True)
class Request:
    """One question: for which recovery (`id`) and issue, what would be done (`plan`), and until when."""

    ref: ObjectRef
    id: str
    issue: str
    plan: str
    digest: str
    expires: datetime
    state: State = "pending"
    by: str = ""
    reason: str = ""
    version: str = ""


def request(
    cluster: Cluster,
    clock: Clock,
    *,
    id: str,  # noqa: A002 - the record's own word
    namespace: str,
    issue: str,
    plan: str,
    digest: str,
    within: timedelta,
) -> Request:
    """The question stands in the cluster for so long, without what looks secret in it."""
    name, expires = f"chaoskit-approval-{id}", clock.now() + within
    meta = {
        "name": name,
        "namespace": namespace,
        "labels": {kube.MANAGED_BY: "chaoskit", kube.RUN_LABEL: id, STATE: "pending"},
        "annotations": {DIGEST: digest, EXPIRES: kube.timestamp(expires)},
    }
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta,
        "data": {"issue": issue, "plan": scrubbed(plan)},
    }
    return _request_of(cluster.create(body))


def pending(cluster: Cluster, clock: Clock, namespace: str = "") -> tuple[Request, ...]:
    """The questions in a namespace ("" is all) that wait for an answer, those first that end first."""
    found = cluster.list(kube.CONFIG_MAP, namespace, labels=f"{STATE}=pending").items
    open_ones = (each for each in map(_request_of, found) if clock.now() < each.expires)
    return tuple(sorted(open_ones, key=lambda each: each.expires))


def decide(
    cluster: Cluster, clock: Clock, asked: Request, answer: Answer, *, by: str, reason: str = ""
) -> None:
    """The question has its answer, and the reason for it, without what looks secret there.

    Raises:
        Refused: it was decided already, or its time is up (guard ``approval``).
        NotFound: nobody waits for it any more.
    """
    now = look(cluster, asked)
    if now.state != "pending":
        raise Refused(f"recovery {asked.id} was {now.state} by {now.by or 'somebody'}", guard="approval")
    if clock.now() >= now.expires:
        raise Refused(f"the question of recovery {asked.id} is over", guard="approval")
    meta = {
        "resourceVersion": now.version,
        "labels": {STATE: answer},
        "annotations": {BY: by, REASON: scrubbed(reason)},
    }
    try:
        cluster.patch(asked.ref, {"metadata": meta})
    except Conflict as error:
        message = f"recovery {asked.id} was decided by somebody else at this moment"
        raise Refused(message, guard="approval", hint="chaoskit approve lists what still waits") from error


def look(cluster: Cluster, asked: Request) -> Request:
    """The question as it stands now; `NotFound` when it was withdrawn."""
    return _request_of(cluster.get(asked.ref))


def withdraw(cluster: Cluster, asked: Request) -> None:
    """The question is gone: it was answered and heard, or nobody waits any more."""
    cluster.delete(asked.ref)


def about(cluster: Cluster, clock: Clock, namespace: str, digest: str) -> Request | None:
    """The newest question about this very plan: one that waits, or whose time was up within the last hour."""
    known = (each for each in _all(cluster, namespace) if each.digest == digest)
    recent = (each for each in known if clock.now() < each.expires + REST)
    return max(recent, key=lambda each: each.expires, default=None)


def sweep(cluster: Cluster, clock: Clock, namespace: str, *, after: timedelta = REST) -> int:
    """So many questions that ended long ago are gone, answered or not."""
    old = [each for each in _all(cluster, namespace) if each.expires + after < clock.now()]
    for each in old:
        cluster.delete(each.ref)
    return len(old)


def _all(cluster: Cluster, namespace: str) -> Iterator[Request]:
    try:
        found = cluster.list(kube.CONFIG_MAP, namespace, labels=STATE).items
    except (Forbidden, NotFound):
        return
    yield from map(_request_of, found)


def _request_of(body: Object) -> Request:
    """What the ConfigMap says; one whose time is spoilt is over: no yes is read into it."""
    labels, notes, data = kube.labels_of(body), kube.annotations_of(body), body.get("data") or {}
    return Request(
        ref=kube.ref_of(body, kube.CONFIG_MAP),
        id=labels.get(kube.RUN_LABEL, ""),
        issue=data.get("issue", ""),
        plan=data.get("plan", ""),
        digest=notes.get(DIGEST, ""),
        expires=_time(notes.get(EXPIRES)),
        state=_STATES.get(labels.get(STATE, ""), "pending"),
        by=notes.get(BY, ""),
        reason=notes.get(REASON, ""),
        version=body["metadata"].get("resourceVersion", ""),
    )


_STATES: Mapping[str, State] = {"approved": "approved", "denied": "denied"}
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def _time(text: str | None) -> datetime:
    try:
        return kube.time_of(text) or _LONG_AGO
    except ValueError:
        return _LONG_AGO
