"""What people were told of, kept in the cluster: once while it lasts, again after hours or when it changes.

It is a ConfigMap beside the target (see `Matter.ref`). Whoever looks there later, a new leader as well, knows
that somebody knows, and says when it is over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from chaoskit import kube
from chaoskit.acts.accounts import Account
from chaoskit.acts.halt import HOME
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, Conflict, NotFound
from chaoskit.ports.cluster import Cluster, Identity, Object, ObjectRef
from chaoskit.recovery.issues import PASSED_ON, Issue
from chaoskit.recovery.symptoms import Severity

LABEL = "chaoskit.io/told"
AT = "chaoskit.io/told-at"
QUIET_SINCE = "chaoskit.io/quiet-since"
"""Since when nothing has been seen of it (ISO 8601)."""
NOBODY = "chaoskit.io/told-nobody"
"""On what was only written down, because nobody was configured to be told."""
IDLE = "chaoskit.io/told-idle"
"""On what people last heard is not acted on: whatever else comes of it is news to them."""

STORM = "storm"
FORESEEN = "foreseen"
OWED = "undo-owed"
QUIET = timedelta(minutes=5)
"""What people were told of is over when nothing was seen of it for so long: crash loops pause."""


@dataclass(frozen=True, slots=True)
class Matter:
    """Something that people are told of: receivers put together what has the same `key`, or labels.

    Both say which cluster it is in: who hears of several may hear of two that are called the same. `kinds`
    and `severity` say how it shows: more of either is news. `labels` are facts for receivers.
    """

    key: str
    title: str
    namespace: str
    kinds: frozenset[str]
    severity: Severity
    labels: Mapping[str, str]

    @classmethod
    def of(cls, issue: Issue, cluster: Identity) -> Matter:
        """An issue."""
        place, target = issue.target.namespace, str(issue.target)
        return cls(
            key=f"chaoskit/{_known(cluster)}/{place}/{target}/{issue.kind}",
            title=f"{issue.kind} of {target} in {place or cluster.name}",
            namespace=place,
            kinds=issue.kinds,
            severity=issue.severity,
            labels=_labels(cluster, issue.id, issue.kind, place, target),
        )

    @classmethod
    def of_storm(cls, namespace: str, cluster: Identity) -> Matter:
        """A mass failure in a namespace, "" in the whole cluster."""
        where = f"namespace {namespace}" if namespace else cluster.name
        return cls(
            key=f"chaoskit/{_known(cluster)}/{namespace}/{STORM}",
            title=f"mass failure in {where}",
            namespace=namespace,
            kinds=frozenset({STORM}),
            severity=Severity.CRITICAL,
            labels=_labels(cluster, STORM, STORM, namespace, STORM),
        )

    @classmethod
    def of_prediction(cls, namespace: str, target: str, issue: str, title: str, cluster: Identity) -> Matter:
        """A workload that is likely to fail, in this way."""
        return cls(
            key=f"chaoskit/{_known(cluster)}/{namespace}/{target}/{FORESEEN}",
            title=title,
            namespace=namespace,
            kinds=frozenset({FORESEEN}),
            severity=Severity.MEDIUM,
            labels=_labels(cluster, FORESEEN, issue, namespace, target),
        )

    @classmethod
    def of_owed(cls, account: Account, cluster: Identity) -> Matter:
        """What a dead act left and nobody could undo."""
        place, lease = account.ref.namespace, str(account.ref)
        return cls(
            key=f"chaoskit/{_known(cluster)}/{place}/{lease}/{OWED}",
            title=f"undo of {account.act} {account.id} in {place} not confirmed",
            namespace=place,
            kinds=frozenset({OWED}),
            severity=Severity.CRITICAL,
            labels=_labels(cluster, OWED, OWED, place, lease),
        )

    @property
    def is_foreseen(self) -> bool:
        """Whether it has not come to pass yet."""
        return FORESEEN in self.kinds

    @property
    def is_storm(self) -> bool:
        """Whether it is a mass failure, and no single issue."""
        return STORM in self.kinds

    @property
    def ledger(self) -> ObjectRef | None:
        """The ledger of the dead act that owes it; None: it is something else."""
        name = self.labels["target"].partition("/")[2]
        return ObjectRef(kube.LEASE, self.namespace, name) if OWED in self.kinds else None

    @property
    def ref(self) -> ObjectRef:
        """The ConfigMap that says that people were told of it."""
        digest = hashlib.sha256(self.key.encode()).hexdigest()[:16]
        return ObjectRef(kube.CONFIG_MAP, self.namespace or HOME, f"chaoskit-told-{digest}")


@dataclass(frozen=True, slots=True)
class Told:
    """A matter that people were told of `at` (None: nobody can read when), `heard` when somebody was there.

    `quiet_since` is when it was first not to be seen any more, None while it is. It was `idle` when all that
    they heard is that it is not acted on.
    """

    matter: Matter
    at: datetime | None
    heard: bool
    quiet_since: datetime | None
    version: str
    idle: bool = False

    def is_due(
        self, matter: Matter, again: timedelta, now: datetime, *, heard: bool = True, idle: bool = False
    ) -> bool:
        """Whether people are to be told once more: it is long ago, or it is worse, or nobody heard it.

        Unless it is `idle`, it is news as well to who heard no more than that it is not acted on.
        """
        if self.at is None or now - self.at >= again or (heard and not self.heard):
            return True
        if self.idle and not idle:
            return True
        if matter.kinds <= PASSED_ON and now - self.at < QUIET:
            return False  # errors and delays that were told of just now grow and spread: no other news
        return not matter.kinds <= self.matter.kinds or matter.severity > self.matter.severity


def look(cluster: Cluster, matter: Matter) -> Told | None:
    """What people were told of the matter; None: nothing, or this caller may not know."""
    try:
        return _told(cluster.get(matter.ref))
    except ChaoskitError:
        return None


def known(cluster: Cluster, namespaces: Collection[str]) -> Iterator[Told]:
    """All that people were told of in these namespaces, as far as this caller may know."""
    for place in sorted({each or HOME for each in namespaces}):
        with suppress(ChaoskitError):
            for body in cluster.list(kube.CONFIG_MAP, place, labels=LABEL).items:
                if (found := _told(body)) is not None:
                    yield found


def note(
    cluster: Cluster, clock: Clock, matter: Matter, before: Told | None, *, heard: bool, idle: bool = False
) -> None:
    """People were told of the matter now; what they had heard of it `before`, they still know.

    Raises:
        Forbidden: this caller may not write it down: it will be told again.
    """
    kinds = matter.kinds | (before.matter.kinds if before is not None else frozenset())
    data = {
        "key": matter.key,
        "title": matter.title,
        "kinds": ",".join(sorted(kinds)),
        "severity": matter.severity.word,
        "labels": json.dumps(dict(matter.labels)),
    }
    notes = {
        AT: kube.timestamp(clock.now()),
        QUIET_SINCE: None,
        NOBODY: None if heard else "true",
        IDLE: "true" if idle else None,
    }
    meta = {
        "name": matter.ref.name,
        "namespace": matter.ref.namespace,
        "labels": {kube.MANAGED_BY: "chaoskit", LABEL: "matter"},
        "annotations": {name: value for name, value in notes.items() if value is not None},
    }
    try:
        cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data})
    except Conflict:
        cluster.patch(matter.ref, {"metadata": {"annotations": notes}, "data": data})


def seen(cluster: Cluster, clock: Clock, told: Told, *, stands: bool) -> bool:
    """Whether it is over: it has not been seen for a while. What was seen of it now is known to the next."""
    now = clock.now()
    if not stands and told.quiet_since is not None and now - told.quiet_since >= QUIET:
        return True
    if stands == (told.quiet_since is None):
        return False
    since = None if stands else kube.timestamp(now)
    meta = {"resourceVersion": told.version, "annotations": {QUIET_SINCE: since}}
    with suppress(Conflict, NotFound):  # somebody else was quicker
        cluster.patch(told.matter.ref, {"metadata": meta})
    return False


def forget(cluster: Cluster, told: Told) -> None:
    """It is over, and people know."""
    cluster.delete(told.matter.ref)


def _known(cluster: Identity) -> str:
    """What tells it from others of which the same receiver hears."""
    return cluster.uid or "@".join(filter(None, (cluster.name, cluster.address)))


def _labels(cluster: Identity, issue: str, kind: str, namespace: str, target: str) -> dict[str, str]:
    where = {"cluster": cluster.name} | ({"cluster_uid": cluster.uid} if cluster.uid else {})
    return {"issue": issue, "class": kind, "namespace": namespace, "target": target} | where


def _told(body: Object) -> Told | None:
    """What the ConfigMap says; None where somebody spoilt it: then people are told anew."""
    notes, data, meta = kube.annotations_of(body), body.get("data") or {}, body["metadata"]
    try:
        matter = Matter(
            key=data["key"],
            title=data["title"],
            namespace=json.loads(data["labels"])["namespace"],
            kinds=frozenset(filter(None, data["kinds"].split(","))),
            severity=Severity[data["severity"].upper()],
            labels=json.loads(data["labels"]),
        )
        times = kube.time_of(notes.get(AT)), kube.time_of(notes.get(QUIET_SINCE))
    except (KeyError, TypeError, ValueError):
        return None
    version = meta.get("resourceVersion", "")
    return Told(matter, times[0], NOBODY not in notes, times[1], version, idle=IDLE in notes)
