"""The in-cluster record of one act under way: what must be undone, written down before it is done.

It is a Lease (see `accounts`); values that may be secret, old and new, stand in a Secret of the same name.
Whoever finds it expired can finish it, from any machine.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import socket
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from math import inf
from typing import Any

from chaoskit import kube
from chaoskit.acts import undo
from chaoskit.acts.accounts import (
    ACT_LABEL,
    ACTIONS,
    AIMED,
    ENDED,
    EVIDENCE,
    KEEP_FOR,
    KEEP_UNTIL,
    LEDGER,
    NAME,
    OUTCOME,
    REASON,
    REASONS,
    STATE_LABEL,
    TARGETS,
    TOLD,
    TRACE,
    WHAT,
    Account,
    account_of,
    plain_entry,
    plain_ref,
    prune,
)
from chaoskit.acts.entries import Entry, Undone
from chaoskit.acts.halt import Act
from chaoskit.acts.replacing import Hands
from chaoskit.acts.telling import Telling
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, Conflict, Forbidden, NotFound, TakenOver
from chaoskit.events import Listener, Mark, Step, ignore
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster, ObjectRef
from chaoskit.records import Undo, new_id
from chaoskit.redaction import scrubbed
from chaoskit.sharing import fresh

LONGEST = 64_000
"""Characters of evidence that a Lease takes: all annotations of an object may have 256 KiB together."""

OUTAGE = 60.0
"""Seconds for which an undo outlasts a server that does not answer."""

_JUST_NOW = 0.15
"""Seconds for which the answer to a write is as good as another look."""

_TRIES = 5
"""How often a ledger is written anew because its Lease changed though its holder did not."""


class _Gone(TakenOver):
    """The Lease is no more: somebody ended the act, or removed it by hand. Nothing may be begun any more."""


class Ledger:
    """One run's or recovery's account in the cluster, in the hands of the process that works on it.

    A `Heart` renews it from its own thread while the act goes on: writes come one after another. What `tell`
    hears is in the Lease soon, unless there are many acts at once.
    """

    def __init__(self, cluster: Cluster, clock: Clock, account: Account, *, opened: bool = False) -> None:
        self._cluster = cluster
        self._clock = clock
        self._renewed = clock.monotonic()
        self._heard, self._heard_at = account.abort, -inf
        self._version = account.version
        self._writing = threading.RLock()
        self._secretive = any(entry.secret for entry in account.entries)
        self._opened = opened
        self.tell = Telling()
        self.account = account

    @classmethod
    def open(
        cls,
        cluster: Cluster,
        clock: Clock,
        *,
        id: str,  # noqa: A002 - the record's own word
        act: Act,
        namespace: str,
        targets: Sequence[ObjectRef],
        trace_id: str,
        aimed: int = 0,
        name: str = "",
        what: str = "",
        evidence: str = "",
        keep_for: float = 0,
        duration: int = 30,
    ) -> Ledger:
        """The Lease ``chaoskit-<id>`` is in the cluster, held by this process, `duration` seconds a time.

        It tells whoever may have to finish it the act's `name`, `what` it is about and, unless that is too
        long, the `evidence` (JSON), and for how many seconds guards look back at it once it did something
        (see `note`). The first `aimed` of the targets are its own, the others are disturbed beside them; 0:
        all are. Ended ledgers beside it that nobody needs any more are removed.

        Raises:
            Conflict: there is one already.
            Forbidden: the caller may not create leases there.
        """
        with suppress(ChaoskitError):  # what is left over is in nobody's way
            prune(cluster, clock, namespace)
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
                **_targets(targets, aimed),
                LEDGER: "[]",
                TRACE: trace_id,
                NAME: name,
                WHAT: what,
                **_told_of(evidence),
                **({KEEP_FOR: f"{keep_for:g}"} if keep_for else {}),
            },
        }
        spec = {
            "holderIdentity": identity(id),
            "leaseDurationSeconds": duration,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": 0,
        }
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
        return cls(cluster, clock, account_of(cluster.create(body)), opened=True)

    @classmethod
    def take_over(cls, cluster: Cluster, clock: Clock, account: Account) -> Ledger:
        """The account of a dead run is held by this process.

        Raises:
            Conflict: it changed since it was read: its run lives, or another took it over.
        """
        now, holder = kube.timestamp(clock.now()), identity(new_id(clock.now()))
        spec = {"holderIdentity": holder, "renewTime": now, "acquireTime": now}
        meta = {"resourceVersion": account.version}
        stored = cluster.patch(account.ref, {"metadata": meta, "spec": spec})
        version = stored["metadata"].get("resourceVersion", "")
        return cls(cluster, clock, dataclasses.replace(account, holder=holder, version=version))

    def activate(
        self, targets: Sequence[ObjectRef], *, aimed: int = 0, evidence: str = "", keep_for: float = 0
    ) -> None:
        """An act that was handed over is under way on these targets from now on; the rest as in `open`.

        Raises:
            TakenOver: another process holds the account.
        """
        notes = {
            **_targets(targets, aimed),
            **_told_of(evidence),
            **({KEEP_FOR: f"{keep_for:g}"} if keep_for else {}),
        }
        self._save({"metadata": {"labels": {STATE_LABEL: "active"}, "annotations": notes}})
        self.account = dataclasses.replace(
            self.account, state="active", targets=tuple(targets), keep_for=keep_for
        )

    def write(self, *entries: Entry, action: str = "") -> None:
        """The undo of what comes next is in the cluster; call it before acting.

        Guards count `action`, if there is one, as done by this act, so that a kill hides nothing. What there
        is to tell goes with it: from then on somebody may follow, be there many acts or few.
        """
        written = [self._keep_secret(each) if each.secret else each for each in entries]
        if written or action:
            self._keep((*self.account.entries, *written), action)

    def note(self, action: str) -> None:
        """Guards count `action` as done by this act, which owes nothing for it: see `write`."""
        self.write(action=action)

    def settle(self, entry: Entry) -> None:
        """The entry is owed no more."""
        self._keep(tuple(each for each in self.account.entries if each != entry))

    def amend(self, entry: Entry, by: Entry) -> None:
        """`by` stands in the place of an entry: more is known by now (an engine's uid)."""
        self._keep(tuple(by if each == entry else each for each in self.account.entries))

    def renew(self, *, news: bool = False) -> None:
        """The Lease says that this process lives; the cluster is asked only when a third of it has passed.

        With `news` it is asked as well when there is something new to tell.

        Raises:
            TakenOver: another process holds the account.
        """
        due = self._clock.monotonic() - self._renewed >= self.account.duration / 3
        if due or (news and self.tell.fresh):
            self._save({"spec": {"renewTime": kube.timestamp(self._clock.now())}}, news=news)

    def wanted_end(self, seen: Account | None = None) -> str:
        """Why somebody wants this act to end now, "" when nobody does; `seen` is the Lease just read.

        Without it, it is read, unless it was written just now: then the server told its answer.

        Raises:
            TakenOver: another process holds the account.
        """
        if seen is None and self._clock.monotonic() - self._heard_at < _JUST_NOW:
            return self._heard
        return (self._ours(seen) if seen is not None else self._read()).abort

    def undo(self, listen: Listener = ignore) -> Undo:
        """Every entry was undone, newest first, or stands in `left` with the reason; safe to repeat.

        Raises:
            TakenOver: another process holds the account, and undoes what is left.
        """
        if not self.account.entries:
            return Undo("none needed")
        left: list[str] = []
        notes: list[str] = []

        def tell(mark: Mark, words: str) -> None:
            listen(Step(self._clock.now(), "undo", mark, words, run=self.account.id))

        def note(words: str) -> None:
            notes.append(words)
            tell("note", words)

        until = self._clock.monotonic() + OUTAGE
        hands = Hands(fresh(self._cluster), self._clock, self._keep_alive, note)
        for entry in reversed(self.account.entries):
            self._refuse_when_taken()
            found = self._undone(entry, hands, until)
            reason = found.words if found.fate == "left" else self._settled(entry)
            if reason:
                left.append(reason)
                tell("failed", reason)
            elif found.fate == "not ours":
                note(found.words)
            else:
                tell("done", found.words)
        return Undo("not confirmed" if left else "confirmed", tuple(left), tuple(notes))

    def _refuse_when_taken(self) -> None:
        """Nobody else holds the account, as far as the server answers: what others did is not undone here."""
        try:
            self._read()
        except _Gone:
            return  # nobody else owes its entries, so they are still ours
        except TakenOver:
            raise
        except ChaoskitError:
            return  # the undo itself will find out

    def _undone(self, entry: Entry, hands: Hands, until: float) -> Undone:
        """What became of one entry: a Secret that is gone keeps no other entry from its undo."""
        try:
            whole = self._with_secret(entry)
        except (ChaoskitError, KeyError, TypeError, ValueError) as error:
            return Undone("left", f"{entry.target}: its original value cannot be read: {error}")
        return undo.undo(hands, whole, until=until)

    def _settled(self, entry: Entry) -> str:
        """Why the entry is still owed though it is undone, in words: then it is undone once more later."""
        try:
            self.settle(entry)
        except _Gone:
            return ""  # there is nobody to be told
        except TakenOver:
            raise
        except ChaoskitError as error:
            return f"{entry.target}: undone, but {self.account.ref} could not be told: {error}"
        return ""

    def _keep_alive(self) -> None:
        """The Lease is renewed; what keeps it from that keeps no undo from its end, but another holder."""
        try:
            self.renew()
        except _Gone:
            return
        except TakenOver:
            raise
        except ChaoskitError:
            return

    def close(
        self,
        outcome: Outcome,
        *,
        keep: float = 0,
        reason: str = "",
        ending: Callable[[], object] = lambda: None,
    ) -> None:
        """The act has ended with `outcome`; its Lease stays for guards for `keep` seconds, with 0 it is gone.

        With an undo still owed it stays active, so that a rescue finds it when it expires. An act that was
        handed over and never came to its targets counts for no guard. `ending` is called when the Lease tells
        of the end and is there still, or cannot be told: whoever dies on either side of what it does has left
        the same word for how the act ended.

        Raises:
            TakenOver: another process holds the account: it is for that one to close.
        """
        told = {OUTCOME: outcome.value, REASON: scrubbed(reason)[:REASONS]}
        try:  # who follows sees in its last version how the act ended
            self._save({"metadata": {"annotations": told}}, news=self.tell.begun)
        except _Gone:
            if self.account.entries:
                raise
            keep = 0  # nothing was owed
        finally:
            ending()
        if self.account.entries:
            return
        self._drop_secret()
        if not keep:
            self._cluster.delete(self.account.ref)
            return
        now = self._clock.now()
        notes = {
            **({ENDED: kube.timestamp(now)} if self.account.state == "active" else {}),
            KEEP_UNTIL: kube.timestamp(now + timedelta(seconds=keep)),
            EVIDENCE: None,  # the history has it
            LEDGER: "[]",  # an entry whose writing got no answer may stand there; it was never acted on
        }
        self._save({"metadata": {"labels": {STATE_LABEL: "done"}, "annotations": notes}})

    def _keep(self, entries: tuple[Entry, ...], action: str = "") -> None:
        actions = self.account.actions
        notes = {LEDGER: json.dumps([plain_entry(entry) for entry in entries])}
        if action:
            actions = (*actions, action)
            notes[ACTIONS] = ",".join(actions)
        self._save({"metadata": {"annotations": notes}}, news=bool(action))
        self.account = dataclasses.replace(self.account, entries=entries, actions=actions)

    def _save(self, patch: Mapping[str, Any], *, news: bool = False) -> None:
        """The patch is in, with what there is to tell; it carries the version we know.

        So two holders cannot both write. A version that moved under the same holder is our own write whose
        answer was lost, or a foreign label: that is no reason to leave an undo undone.

        Raises:
            TakenOver: another process holds the Lease.
        """
        with self._writing:
            text, number = self.tell.text() if news else ("", 0)
            own = patch.get("metadata", {})
            notes = {**own.get("annotations", {}), **({TOLD: text} if text else {})}
            for _ in range(_TRIES):
                meta = {**own, "resourceVersion": self._version, "annotations": notes}
                try:
                    stored = self._cluster.patch(self.account.ref, {**patch, "metadata": meta})
                except Conflict:
                    self._version = self._version_if_ours()
                    continue
                except NotFound as error:
                    raise self._gone() from error
                self._version = stored["metadata"].get("resourceVersion", "")
                self._renewed = self._clock.monotonic()
                self._heard, self._heard_at = account_of(stored).abort, self._renewed
                self.tell.written(number)
                return
        raise Conflict(f"{self.account.ref} changes faster than it can be written")

    def _read(self) -> Account:
        """The account as it is in the cluster now; `TakenOver` when it is not ours any more, or gone."""
        try:
            return self._ours(account_of(self._cluster.get(self.account.ref)))
        except NotFound as error:
            raise self._gone() from error

    def _gone(self) -> _Gone:
        return _Gone(f"{self.account.act} {self.account.id} was ended by others: {self.account.ref} is gone")

    def _ours(self, now: Account) -> Account:
        if now.holder != self.account.holder:
            raise TakenOver(f"{self.account.act} {self.account.id} was taken over by {now.holder}")
        return now

    def _version_if_ours(self) -> str:
        return self._read().version

    def _keep_secret(self, entry: Entry) -> Entry:
        self._secretive = True
        key = f"entry-{uuid.uuid4().hex[:8]}"
        values = {"before": entry.before, "after": entry.after}
        data = {key: base64.b64encode(json.dumps(values).encode()).decode()}
        ref, labels = self._secret, {kube.MANAGED_BY: "chaoskit", kube.RUN_LABEL: self.account.id}
        meta = {"name": ref.name, "namespace": ref.namespace, "labels": labels}
        try:
            self._cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data})
        except Conflict:
            self._cluster.patch(ref, {"data": data})
        return dataclasses.replace(entry, before={"secretKey": key}, after=None)

    def _with_secret(self, entry: Entry) -> Entry:
        if not entry.secret:
            return entry
        data = self._cluster.get(self._secret).get("data") or {}
        values = json.loads(base64.b64decode(data[entry.before["secretKey"]]))
        return dataclasses.replace(entry, before=values["before"], after=values["after"])

    def _drop_secret(self) -> None:
        """No Secret is left; who made none may do without the right to remove one.

        An account that was another's before may have one that no entry tells of.
        """
        if self._opened and not self._secretive:
            return
        try:
            self._cluster.delete(self._secret)
        except NotFound:
            return
        except Forbidden:
            if self._secretive:
                raise

    @property
    def _secret(self) -> ObjectRef:
        return ObjectRef(kube.SECRET, self.account.ref.namespace, self.account.ref.name)


def _targets(targets: Sequence[ObjectRef], aimed: int) -> Mapping[str, str]:
    refs = json.dumps([plain_ref(target) for target in targets])
    return {TARGETS: refs, **({AIMED: str(aimed)} if aimed else {})}


def _told_of(evidence: str) -> Mapping[str, str]:
    return {EVIDENCE: evidence} if 0 < len(evidence) <= LONGEST else {}


def identity(id_: str) -> str:
    """Who holds a Lease: ``host:pid:id``; in containers host and pid may be those of the dead one before."""
    return f"{socket.gethostname()}:{os.getpid()}:{id_}"
