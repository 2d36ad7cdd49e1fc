"""The storm breaker: a ConfigMap that keeps every process from recovering after a mass failure was seen.

It closes by itself when its time is up. Whoever sees the storm go on opens it anew; what was seen before is
nobody's backlog: issues are detected afresh. It remembers since when the storm goes on, until somebody sees
that it is over: whoever looks next knows by that who belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chaoskit import kube
from chaoskit.acts.halt import HOME
from chaoskit.clock import Clock
from chaoskit.errors import Conflict, Forbidden, NotFound, Refused
from chaoskit.ports.cluster import Cluster, ObjectRef

NAME = "chaoskit-storm-breaker"
UNTIL = "chaoskit.io/open-until"
SINCE = "chaoskit.io/storm-since"

REMEMBERED = timedelta(hours=24)
"""So long after it closed a breaker still says since when the storm goes on, where nobody saw its end."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """An open breaker: why, until when, and the ConfigMap that says so."""

    why: str
    until: datetime
    ref: ObjectRef

    def refusal(self) -> Refused:
        """What who asks is told."""
        where = "in this cluster" if self.ref.namespace == HOME else f"in namespace {self.ref.namespace}"
        return Refused(
            f"recovery rests {where} after a mass failure: {self.why}",
            guard="storm",
            limit="rest after a storm",
            until=self.until.isoformat(timespec="seconds"),
            hint="find the common cause; chaoskit resume --only recovery closes the breaker",
        )


def opened(cluster: Cluster, now: datetime, *namespaces: str) -> Breaker | None:
    """The breaker that is open at `now` for the cluster or one of these namespaces; None: none is.

    One whose time cannot be read is open for good: somebody meant it to be.
    """
    for ref, why, until in _found(cluster, (HOME, *namespaces)):
        if now < until:
            return Breaker(why, until, ref)
    return None


def trip(cluster: Cluster, clock: Clock, why: str, rest: timedelta, *, namespace: str = HOME) -> Breaker:
    """No process of chaoskit begins a recovery there for so long."""
    now = clock.now()
    until = now + rest
    since = raging(cluster, now, namespace).get(namespace, now)
    meta = {
        "name": NAME,
        "namespace": namespace,
        "labels": {kube.MANAGED_BY: "chaoskit"},
        "annotations": {UNTIL: kube.timestamp(until), SINCE: kube.timestamp(since)},
    }
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"why": why}}
    ref = ObjectRef(kube.CONFIG_MAP, namespace, NAME)
    try:
        cluster.create(body)
    except Conflict:
        cluster.patch(ref, {"metadata": {"annotations": meta["annotations"]}, "data": body["data"]})
    return Breaker(why, until, ref)


def raging(cluster: Cluster, now: datetime, *namespaces: str) -> Mapping[str, datetime]:
    """Since when a mass failure goes on, of those of these namespaces in which one does."""
    found = {place: _storm(cluster, place) for place in dict.fromkeys(namespaces)}
    return {p: since for p, (since, until) in found.items() if since and now - REMEMBERED < until}


def over(cluster: Cluster, now: datetime, namespace: str = HOME) -> None:
    """The mass failure there is over, and nothing remembers it, if the breaker has closed by itself."""
    since, until = _storm(cluster, namespace)
    if since is not None and until <= now:
        close(cluster, namespace)


def close(cluster: Cluster, namespace: str = HOME) -> bool:
    """The breaker there is closed; whether there was one."""
    ref = ObjectRef(kube.CONFIG_MAP, namespace, NAME)
    try:
        cluster.get(ref)
    except (NotFound, Forbidden):
        return False
    cluster.delete(ref)
    return True


def _found(cluster: Cluster, places: Sequence[str]) -> Iterator[tuple[ObjectRef, str, datetime]]:
    for place in dict.fromkeys(places):
        ref = ObjectRef(kube.CONFIG_MAP, place, NAME)
        try:
            body = cluster.get(ref)
        except (NotFound, Forbidden):
            continue
        yield ref, (body.get("data") or {}).get("why", ""), _until(kube.annotations_of(body).get(UNTIL))


def _storm(cluster: Cluster, place: str) -> tuple[datetime | None, datetime]:
    """Since when there is a storm, None where no breaker says so, and until when its breaker is open."""
    try:
        notes = kube.annotations_of(cluster.get(ObjectRef(kube.CONFIG_MAP, place, NAME)))
        return kube.time_of(notes.get(SINCE)), _until(notes.get(UNTIL))
    except (NotFound, Forbidden, ValueError):
        return None, _NEVER


_NEVER = datetime.max.replace(tzinfo=UTC)


def _until(text: str | None) -> datetime:
    try:
        return kube.time_of(text) or _NEVER
    except ValueError:
        return _NEVER
