"""What the core asks of a Kubernetes cluster: plain objects in, plain objects out."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

Object = dict[str, Any]
"""A Kubernetes object as JSON gives it. Never mutated by whoever reads it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object: its API group ("" is the core one), name and plural; versions are discovered."""

    group: str
    name: str
    plural: str
    namespaced: bool = True

    def __str__(self) -> str:
        """``deployment``; the group only when it is not Kubernetes' own: ``chaosengine.litmuschaos.io``."""
        foreign = "." in self.group and not self.group.endswith(".k8s.io")
        return self.name.lower() + (f".{self.group}" if foreign else "")


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """Which object: kind, namespace ("" for cluster-wide kinds) and name; `uid` when that very one."""

    kind: Kind
    namespace: str
    name: str
    uid: str = ""

    def __str__(self) -> str:
        """``deployment/cart``, as kubectl writes it."""
        return f"{self.kind}/{self.name}"


class Listing(NamedTuple):
    """All objects of a list call, and the version of the collection that they are from."""

    items: tuple[Object, ...]
    resource_version: str


ChangeType = Literal["ADDED", "MODIFIED", "DELETED", "SYNCED", "LOST"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change seen by a watch.

    ADDED, MODIFIED and DELETED carry the object. SYNCED (no object) follows the objects that were
    there at the start, and again after each re-list and when a lost connection is there again. LOST (no
    object) says that it is gone and is being made anew: from there to the next SYNCED nothing is seen,
    and what changed meanwhile comes before or after that as changes.
    """

    type: ChangeType
    object: Object


class ExecResult(NamedTuple):
    """What a command in a container wrote, and its exit code."""

    stdout: str
    stderr: str
    exit_code: int


Permission = Literal["allowed", "denied", "unknown"]
PatchType = Literal["merge", "strategic", "json"]
Propagation = Literal["Background", "Foreground", "Orphan"]


@dataclass(frozen=True, slots=True)
class Access:
    """One thing that somebody may or may not do: verb on a resource (plural) in a namespace ("" is all)."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    subresource: str = ""
    name: str = ""

    def __str__(self) -> str:
        """``create chaosengines.litmuschaos.io in shop``."""
        what = self.resource + (f"/{self.subresource}" if self.subresource else "")
        what += f".{self.group}" if self.group else ""
        return f"{self.verb} {what}" + (f" in {self.namespace}" if self.namespace else "")


SYSTEM = "kube-system"
"""The namespace whose uid tells a cluster from all others: it is there as long as the cluster is."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which cluster it is: `uid` is that of its namespace kube-system, "" where the caller may not read it.

    `name` is the context's, `address` the server's URL; others may reach the same cluster by other ones.
    """

    name: str
    uid: str
    address: str

    @property
    def key(self) -> str:
        """What tells it from other clusters, as far as is known."""
        return self.uid or self.address

    def same(self, other: Identity) -> bool:
        """Whether they are one cluster: by uid where both are known, else by address and name.

        Several clusters may be behind one address (a proxy, a tunnel, ports of this machine). By name alone,
        as a person knows them, where nothing else is known of one of them.
        """
        if self.uid and other.uid:
            return self.uid == other.uid
        if self.key and other.key and self.address != other.address:
            return False
        return self.name == other.name

    def document(self) -> dict[str, str]:
        """As JSON."""
        return {"name": self.name, "uid": self.uid, "address": self.address}

    def __str__(self) -> str:
        """``prod (https://10.0.0.1:6443, uid 5d7f5a0e-...)``."""
        return f"{self.name} ({self.address}, {f'uid {self.uid}' if self.uid else 'uid unknown'})"


class Cluster(Protocol):
    """A Kubernetes cluster.

    Every call raises `Unavailable` when the server cannot be reached after retries, `CannotStart` on 401
    (it does not know the caller), `Forbidden` on 403, `NotFound` on a 404 that names an object or where the
    server lacks the kind (a 404 of whoever answers in its place is `Unavailable`), `Conflict` on 409,
    `InvalidInput` on 400 and 422, and `Refused` (guard ``disruption budget``) when an eviction is blocked.
    Writes are never retried unless that is safe.
    """

    @property
    def name(self) -> str:
        """The context's name, as a person knows the cluster."""
        ...

    def get(self, ref: ObjectRef) -> Object:
        """The object as it is now; `NotFound` when there is none, or none with `ref.uid`."""
        ...

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        """All that match the selectors; namespace "" means all. A kind the server lacks has none."""
        ...

    def watch(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        stop: threading.Event,
    ) -> Iterator[Change]:
        """What is there now (ADDED, then SYNCED), then every change until `stop`; survives 410 and cuts."""
        ...

    def create(self, body: Object, *, dry_run: bool = False) -> Object:
        """The object as stored; `Conflict` when it exists."""
        ...

    def apply(self, body: Object, *, force: bool = False, dry_run: bool = False) -> Object:
        """The fields of `body` hold (server-side apply, field manager ``chaoskit``)."""
        ...

    def patch(
        self,
        ref: ObjectRef,
        patch: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        type: PatchType = "merge",  # noqa: A002 - the field's own word
        subresource: str = "",
        dry_run: bool = False,
    ) -> Object:
        """The object after the patch; a ``metadata.resourceVersion`` in it makes it conditional."""
        ...

    def delete(
        self,
        ref: ObjectRef,
        *,
        grace: int | None = None,
        propagation: Propagation = "Background",
        version: str = "",
        dry_run: bool = False,
    ) -> None:
        """The object is deleted or marked so; gone already is no error. `ref.uid` is a precondition.

        So is its resource `version`, where it is said: `Conflict` when it has changed since.
        """
        ...

    def evict(self, ref: ObjectRef, *, grace: int | None = None, dry_run: bool = False) -> None:
        """The pod is evicted; `Refused` when a disruption budget forbids it now."""
        ...

    def logs(
        self,
        ref: ObjectRef,
        *,
        container: str = "",
        tail: int = 200,
        previous: bool = False,
        within: float = 0,
    ) -> str:
        """The last `tail` lines of a container's log, of the last `within` seconds where that is not 0."""
        ...

    def exec(
        self, ref: ObjectRef, command: Sequence[str], *, container: str = "", timeout: float = 30.0
    ) -> ExecResult:
        """What the command wrote and how it ended; `TimedOut` after so many seconds."""
        ...

    def can_i(self, access: Access, *, user: str = "") -> Permission:
        """Whether the caller or `user` (``system:serviceaccount:ns:name``) may; unknown: it may not ask."""
        ...

    def server_version(self) -> str:
        """As in ``v1.34.1``."""
        ...

    def identity(self) -> Identity:
        """Which cluster it is; asked at most once in a connection's life."""
        ...
