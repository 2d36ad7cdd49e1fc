"""The in-cluster record of one act under way: what must be undone, written down before it is done.

One Lease per run or recovery, in the namespace of its targets. Its annotations carry the entries; its
renewal proves that somebody still works on it. Whoever finds it expired can finish it, from any machine.
Values that may be secret stand in a Secret of the same name.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from chaoskit import kube
from chaoskit.acts import halt, undo
from chaoskit.acts.entries import Entry
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, Conflict, NotFound, Refused
from chaoskit.events import Listener, Step, ignore
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster, Kind, Object, ObjectRef
from chaoskit.records import Undo

ACT_LABEL = "chaoskit.io/act"
STATE_LABEL = "chaoskit.io/state"
TARGETS = "chaoskit.io/targets"
LEDGER = "chaoskit.io/ledger"
TRACE = "chaoskit.io/trace"
ENDED = "chaoskit.io/ended"
OUTCOME = "chaoskit.io/outcome"
SELECTOR = f"{kube.MANAGED_BY}=chaoskit,{ACT_LABEL}"

State = Literal["active", "done"]


@dataclass(frozen=True, slots=True)
class Account:
    """A ledger's Lease as it was read: who acts on what, whether it has ended, what is owed."""

    ref: ObjectRef
    id: str
    act: halt.Act
    state: State
    targets: tuple[ObjectRef, ...]
    entries: tuple[Entry, ...]
    holder: str
    renewed: str
    duration: int
    trace_id: str
    version: str
    ended: datetime | None = None
    outcome: str = ""


def accounts(cluster: Cluster, namespace: str = "") -> tuple[Account, ...]:
    """Every ledger in a namespace ("" is all), ended ones included."""
    found = cluster.list(kube.LEASE, namespace, labels=SELECTOR).items
    return tuple(account_of(body) for body in found)


def account_of(lease: Object) -> Account:
    """What a ledger's Lease says; secret values are not in it."""
    meta, spec = lease["metadata"], lease["spec"]
    have, notes = kube.labels_of(lease), kube.annotations_of(lease)
    return Account(
        ref=kube.ref_of(lease, kube.LEASE),
        id=have.get(kube.RUN_LABEL, meta["name"]),
        act="recovery" if have.get(ACT_LABEL) == "recovery" else "chaos",
        state="done" if have.get(STATE_LABEL) == "done" else "active",
        targets=tuple(_ref(each) for each in json.loads(notes.get(TARGETS) or "[]")),
        entries=tuple(_entry(each) for each in json.loads(notes.get(LEDGER) or "[]")),
        holder=spec.get("holderIdentity") or "",
        renewed=spec.get("renewTime") or "",
        duration=int(spec.get("leaseDurationSeconds") or 30),
        trace_id=notes.get(TRACE, ""),
        version=meta.get("resourceVersion", ""),
        ended=kube.time_of(notes.get(ENDED)),
        outcome=notes.get(OUTCOME, ""),
    )


class Ledger:
    """One run's or recovery's account in the cluster, in the hands of the process that works on it."""

    def __init__(self, cluster: Cluster, clock: Clock, account: Account) -> None:
        self._cluster = cluster
        self._clock = clock
        self._renewed = clock.monotonic()
        self._version = account.version
        self.account = account

    @classmethod
    def open(
        cls,
        cluster: Cluster,
        clock: Clock,
        *,
        id: str,  # noqa: A002 - the record's own word
        act: halt.Act,
        namespace: str,
        targets: Sequence[ObjectRef],
        trace_id: str,
        duration: int = 30,
    ) -> Ledger:
        """The Lease ``chaoskit-<id>`` is in the cluster, held by this process, `duration` seconds a time.

        Raises:
            Conflict: there is one already.
            Forbidden: the caller may not create leases there.
        """
        now = kube.timestamp(clock.now())
        meta = {
            "name": f"chaoskit-{id}",
            "namespace": namespace,
            "labels": {
                kube.MANAGED_BY: "chaoskit",
                kube.RUN_LABEL: id,
                ACT_LABEL: act,
                STATE_LABEL: "active",
            },
            "annotations": {
                TARGETS: json.dumps([_plain_ref(target) for target in targets]),
                LEDGER: "[]",
                TRACE: trace_id,
            },
        }
        spec = {
            "holderIdentity": identity(),
            "leaseDurationSeconds": duration,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": 0,
        }
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
        return cls(cluster, clock, account_of(cluster.create(body)))

    @classmethod
    def take_over(cls, cluster: Cluster, clock: Clock, account: Account) -> Ledger:
        """The account of a dead run is held by this process.

        Raises:
            Conflict: it changed since it was read: its run lives, or another took it over.
        """
        ledger = cls(cluster, clock, account)
        now = kube.timestamp(clock.now())
        ledger._save({"spec": {"holderIdentity": identity(), "renewTime": now, "acquireTime": now}})
        return ledger

    def write(self, entry: Entry) -> None:
        """The undo of what comes next is in the cluster; call it before acting."""
        if entry.secret:
            entry = self._keep_secret(entry)
        self._keep((*self.account.entries, entry))

    def settle(self, entry: Entry) -> None:
        """The entry is owed no more."""
        self._keep(tuple(each for each in self.account.entries if each != entry))

    def amend(self, entry: Entry, by: Entry) -> None:
        """`by` stands in the place of an entry: more is known by now (an engine's uid)."""
        self._keep(tuple(by if each == entry else each for each in self.account.entries))

    def renew(self) -> None:
        """The Lease says that this process lives; the cluster is asked only when a third of it has passed.

        Raises:
            Conflict: another process took the account over.
            Refused: acts of this kind were halted.
        """
        if self._clock.monotonic() - self._renewed < self.account.duration / 3:
            return
        self._save({"spec": {"renewTime": kube.timestamp(self._clock.now())}})
        self.refuse_when_halted()

    def refuse_when_halted(self) -> None:
        """Nothing was halted since; otherwise `Refused` (guard ``halt``)."""
        found = halt.halted(self._cluster, self.account.act, namespace=self.account.ref.namespace)
        if found is not None:
            message = f"{found.act} is halted: {found.reason or 'no reason given'}"
            raise Refused(message, guard="halt", limit="none", hint="chaoskit resume lifts it")

    def undo(self, listen: Listener = ignore) -> Undo:
        """Every entry was undone, newest first, or stands in `left` with the reason; safe to repeat."""
        if not self.account.entries:
            return Undo("none needed")
        left: list[str] = []
        for entry in reversed(self.account.entries):
            reason = self._undone(entry)
            mark: Literal["done", "failed"] = "failed" if reason else "done"
            words = reason or undo.words(entry)
            listen(Step(self._clock.now(), "undo", mark, words, run=self.account.id))
            if reason:
                left.append(reason)
            else:
                self.settle(entry)
        return Undo("not confirmed" if left else "confirmed", tuple(left))

    def _undone(self, entry: Entry) -> str:
        """What is left of one entry, in words: a Secret that is gone keeps no other entry from its undo."""
        try:
            whole = self._with_secret(entry)
        except (ChaoskitError, KeyError, ValueError) as error:
            return f"{entry.target}: its original value cannot be read: {error}"
        return undo.undo(self._cluster, self._clock, whole, keep=self.keep_alive)

    def keep_alive(self) -> None:
        """Like `renew`, but a halt does not stop an undo."""
        if self._clock.monotonic() - self._renewed >= self.account.duration / 3:
            self._save({"spec": {"renewTime": kube.timestamp(self._clock.now())}})

    def close(self, outcome: Outcome, *, keep: bool = True) -> None:
        """The act has ended with `outcome`; the Lease is kept for cool-downs and budgets, or gone.

        With an undo still owed it stays active, so that a rescue finds it when it expires.
        """
        if self.account.entries:
            self._save({"metadata": {"annotations": {OUTCOME: outcome.value}}})
            return
        self._drop_secret()
        if not keep:
            self._cluster.delete(self.account.ref)
            return
        notes = {ENDED: kube.timestamp(self._clock.now()), OUTCOME: outcome.value}
        self._save({"metadata": {"labels": {STATE_LABEL: "done"}, "annotations": notes}})

    def _keep(self, entries: tuple[Entry, ...]) -> None:
        text = json.dumps([_plain_entry(entry) for entry in entries])
        self._save({"metadata": {"annotations": {LEDGER: text}}})
        self.account = dataclasses.replace(self.account, entries=entries)

    def _save(self, patch: Mapping[str, Any]) -> None:
        """The patch is in; it carries the version we know, so that two holders cannot both write."""
        meta = {**patch.get("metadata", {}), "resourceVersion": self._version}
        stored = self._cluster.patch(self.account.ref, {**patch, "metadata": meta})
        self._version = stored["metadata"].get("resourceVersion", "")
        self._renewed = self._clock.monotonic()

    def _keep_secret(self, entry: Entry) -> Entry:
        key = f"entry-{len(self.account.entries)}"
        data = {key: base64.b64encode(json.dumps(entry.before).encode()).decode()}
        ref, labels = self._secret, {kube.MANAGED_BY: "chaoskit", kube.RUN_LABEL: self.account.id}
        meta = {"name": ref.name, "namespace": ref.namespace, "labels": labels}
        try:
            self._cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data})
        except Conflict:
            self._cluster.patch(ref, {"data": data})
        return dataclasses.replace(entry, before={"secretKey": key})

    def _with_secret(self, entry: Entry) -> Entry:
        if not entry.secret:
            return entry
        data = self._cluster.get(self._secret).get("data") or {}
        value = json.loads(base64.b64decode(data[entry.before["secretKey"]]))
        return dataclasses.replace(entry, before=value)

    def _drop_secret(self) -> None:
        try:
            self._cluster.delete(self._secret)
        except NotFound:
            return

    @property
    def _secret(self) -> ObjectRef:
        return ObjectRef(kube.SECRET, self.account.ref.namespace, self.account.ref.name)


def identity() -> str:
    """Who this process is, for people: ``host:pid``."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _plain_ref(ref: ObjectRef) -> dict[str, str]:
    return {
        "group": ref.kind.group,
        "kind": ref.kind.name,
        "plural": ref.kind.plural,
        "namespace": ref.namespace,
        "name": ref.name,
        "uid": ref.uid,
    }


def _ref(plain: Mapping[str, str]) -> ObjectRef:
    kind = kube.KINDS.get(plain["kind"])
    if kind is None or kind.group != plain["group"]:
        kind = Kind(plain["group"], plain["kind"], plain["plural"], bool(plain["namespace"]))
    return ObjectRef(kind, plain["namespace"], plain["name"], plain["uid"])


def _plain_entry(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "target": _plain_ref(entry.target),
        "path": list(entry.path),
        "before": entry.before,
        "after": entry.after,
        "secret": entry.secret,
    }


def _entry(plain: Mapping[str, Any]) -> Entry:
    return Entry(
        kind=plain["kind"],
        target=_ref(plain["target"]),
        path=tuple(plain["path"]),
        before=plain["before"],
        after=plain["after"],
        secret=bool(plain.get("secret")),
    )
