"""The in-cluster record of one act under way: what must be undone, written down before it is done.

It is a Lease (see `accounts`); values that may be secret, old and new, stand in a Secret of the same name.
Whoever finds it expired can finish it, from any machine.
"""

from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

from chaoskit import kube
from chaoskit.acts.accounts import (
    ACTIONS,
    ENDED,
    EVIDENCE,
    KEEP_UNTIL,
    LEDGER,
    OUTCOME,
    REASON,
    REASONS,
    STATE_LABEL,
    Account,
    account_of,
    aims_of,
    lease_of,
    ledger_of,
    prune,
)
from chaoskit.acts.changes import Change
from chaoskit.acts.courses import Course, alone
from chaoskit.acts.doubts import after_a_loss, after_nothing, is_lost, of_the_dead
from chaoskit.acts.entries import Entry
from chaoskit.acts.halt import Act
from chaoskit.acts.lease import Gone, HeldLease
from chaoskit.acts.means import Means, Together
from chaoskit.acts.sealed import Sealed
from chaoskit.acts.telling import Telling
from chaoskit.acts.undoing import Undoing
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, TakenOver
from chaoskit.events import Listener, ignore
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster, ObjectRef
from chaoskit.records import Undo, new_id
from chaoskit.redaction import scrubbed
from chaoskit.sharing import fresh


class Ledger:
    """One run's or recovery's account in the cluster, in the hands of the process that works on it.

    A `Heart` renews it from its own thread while the act goes on: writes come one after another. What `tell`
    hears is in the Lease soon, unless there are many acts at once.
    """

    def __init__(self, cluster: Cluster, clock: Clock, account: Account, *, opened: bool = False) -> None:
        self._cluster = cluster
        self._clock = clock
        self._lease = HeldLease(cluster, clock, account)
        self._sealed = Sealed(cluster, account, opened=opened)
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
        account = Account(
            ref=ObjectRef(kube.LEASE, namespace, f"chaoskit-{id}"),
            id=id,
            act=act,
            state="active",
            targets=tuple(targets),
            aimed=tuple(targets[: aimed or None]),
            entries=(),
            holder=identity(id),
            renewed=kube.timestamp(clock.now()),
            duration=duration,
            trace_id=trace_id,
            version="",
            name=name,
            what=what,
            evidence=evidence,
            keep_for=keep_for,
        )
        return cls(cluster, clock, account_of(cluster.create(lease_of(account))), opened=True)

    @classmethod
    def take_over(cls, cluster: Cluster, clock: Clock, account: Account) -> Ledger:
        """The account of a dead run is held by this process; what nobody heard an answer to is in doubt.

        Raises:
            Conflict: it changed since it was read: its run lives, or another took it over.
        """
        now, holder = kube.timestamp(clock.now()), identity(new_id(clock.now()))
        spec = {"holderIdentity": holder, "renewTime": now, "acquireTime": now}
        meta = {"resourceVersion": account.version}
        stored = cluster.patch(account.ref, {"metadata": meta, "spec": spec})
        version = stored["metadata"].get("resourceVersion", "")
        entries = of_the_dead(account.entries, account.renewed, clock.now())
        account = dataclasses.replace(account, holder=holder, version=version, entries=entries)
        return cls(cluster, clock, account)

    def activate(
        self, targets: Sequence[ObjectRef], *, aimed: int = 0, evidence: str = "", keep_for: float = 0
    ) -> None:
        """An act that was handed over is under way on these targets from now on; the rest as in `open`.

        Raises:
            TakenOver: another process holds the account.
        """
        account = dataclasses.replace(
            self.account,
            state="active",
            targets=tuple(targets),
            aimed=tuple(targets[: aimed or None]),
            evidence=evidence,
            keep_for=keep_for,
        )
        self._lease.save({"metadata": {"labels": {STATE_LABEL: "active"}, "annotations": aims_of(account)}})
        self.account = account

    def write(self, *entries: Entry, action: str = "") -> None:
        """The undo of what comes next is in the cluster; call it before acting.

        Guards count `action`, if there is one, as done by this act, so that a kill hides nothing. What there
        is to tell goes with it: from then on somebody may follow, be there many acts or few. What several
        changes share is written once, to be undone before any of what else they did.
        """
        written = [
            self._sealed.kept(each) for at, each in enumerate(entries) if each not in entries[at + 1 :]
        ]
        if written or action:
            self._keep((*self.account.entries, *written), action)

    def note(self, action: str) -> None:
        """Guards count `action` as done by this act, which owes nothing for it: see `write`."""
        self.write(action=action)

    def settle(self, entry: Entry) -> None:
        """The entry is owed no more; where the Lease is gone, there is nobody to be told."""
        left = tuple(each for each in self.account.entries if each != entry)
        try:
            self._keep(left)
        except Gone:
            self.account = dataclasses.replace(self.account, entries=left)

    def amend(self, entry: Entry, by: Entry) -> None:
        """`by` stands in the place of an entry: more is known by now (an engine's uid)."""
        self._keep(tuple(by if each == entry else each for each in self.account.entries))

    @contextmanager
    def doubting(self, *entries: Entry) -> Iterator[None]:
        """Inside, what these entries are the undo of is done; where the answer is lost, they are in doubt."""
        try:
            yield
        except BaseException as error:
            if is_lost(error):
                self._know(after_a_loss(self.account.entries, entries))
            raise

    def carry_out(self, change: Change) -> bool:
        """Whether the change, which is written down, was done; what is owed of it then: see `doubts`."""
        with self.doubting(*change.entries):
            done = change.do() is not False
        if not done:
            self._know(after_nothing(self.account.entries, change.entries))
        return done

    def _know(self, owed: tuple[Entry, ...]) -> None:
        """So much is owed here in any case, and in the cluster as soon as it can be told."""
        self.account = dataclasses.replace(self.account, entries=owed)
        with suppress(ChaoskitError):
            self._keep(owed)

    def renew(self, *, news: bool = False) -> None:
        """The Lease says that this process lives; the cluster is asked only when a third of it has passed.

        With `news` it is asked as well when there is something new to tell. Nobody waits for another thread
        that writes it just now: that is as good.

        Raises:
            TakenOver: another process holds the account.
        """
        if not self._lease.writing.acquire(blocking=False):
            return
        try:
            due = self._clock.monotonic() - self._lease.renewed >= self.account.duration / 3
            if due or (news and self.tell.fresh):
                spec = {"renewTime": kube.timestamp(self._clock.now())}
                self._lease.save({"spec": spec}, self.tell if news else None)
        finally:
            self._lease.writing.release()

    def wanted_end(self, seen: Account | None = None) -> str:
        """Why somebody wants this act to end now, "" when nobody does; `seen` is the Lease just read.

        Without it, it is read, unless it was written just now: then the server told its answer.

        Raises:
            TakenOver: another process holds the account.
        """
        return self._lease.wanted_end(seen)

    def undo(self, listen: Listener = ignore) -> Undo:
        """Every entry was undone, or stands in `left` with the reason; safe to repeat: see `Undoing.course`.

        Raises:
            TakenOver: another process holds the account, and undoes what is left.
        """
        return alone(self.undoing(listen), self._clock)

    def undoing(
        self,
        listen: Listener = ignore,
        *,
        doubts: Together | None = None,
        keep: Callable[[], None] = lambda: None,
        behind: Callable[[Entry], str] = lambda _: "",
    ) -> Course[Undo]:
        """As `undo`, beside others: their `doubts` wait together, `keep` is called in every other wait.

        What is `behind` something that another of them owes, in words, is taken back after that.
        """

        def alive() -> None:
            self.keep_alive()
            keep()

        means = Means(fresh(self._cluster), self._clock, alive, doubts=doubts or Together())
        return Undoing(self, means, listen, behind).course()

    def whole(self, entry: Entry) -> Entry:
        """The entry with its values, secret or not.

        Raises:
            ChaoskitError: its Secret cannot be read.
            KeyError, TypeError, ValueError: it does not hold them.
        """
        return self._sealed.whole(entry)

    def is_gone(self) -> bool:
        """Whether its Lease is gone, as far as the server answers: then nobody else owes its entries.

        Raises:
            TakenOver: another process holds the account: what others did is not undone here.
        """
        try:
            self._lease.read()
        except Gone:
            return True
        except TakenOver:
            raise
        except ChaoskitError:
            pass  # the undo itself will find out
        return False

    def keep_alive(self) -> None:
        """The Lease is renewed; what keeps it from that keeps no undo from its end, but another holder.

        Raises:
            TakenOver: another process holds the account.
        """
        try:
            self.renew()
        except Gone:
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
        try:
            try:  # who follows sees in its last version how the act ended
                self._lease.save({"metadata": {"annotations": told}}, self.tell if self.tell.begun else None)
            finally:
                ending()
            if not self.account.entries:
                self._let_go(keep)
        except Gone:
            if self.account.entries:
                raise
            self._sealed.drop()  # nothing was owed

    def _let_go(self, keep: float) -> None:
        """The Lease is there for guards, or is gone: nobody else's, who may hold it since `ending` began."""
        self._sealed.drop()
        if not keep:
            self._lease.remove()
            return
        now = self._clock.now()
        notes = {
            **({ENDED: kube.timestamp(now)} if self.account.state == "active" else {}),
            KEEP_UNTIL: kube.timestamp(now + timedelta(seconds=keep)),
            EVIDENCE: None,  # the history has it
            LEDGER: "[]",  # an entry whose writing got no answer may stand there; it was never acted on
        }
        self._lease.save({"metadata": {"labels": {STATE_LABEL: "done"}, "annotations": notes}})

    def _keep(self, entries: tuple[Entry, ...], action: str = "") -> None:
        actions = self.account.actions
        notes = {LEDGER: ledger_of(entries)}
        if action:
            actions = (*actions, action)
            notes[ACTIONS] = ",".join(actions)
        self._lease.save({"metadata": {"annotations": notes}}, self.tell if action else None)
        self.account = dataclasses.replace(self.account, entries=entries, actions=actions)


def identity(id_: str) -> str:
    """Who holds a Lease: ``host:pid:id``; in containers host and pid may be those of the dead one before."""
    return f"{socket.gethostname()}:{os.getpid()}:{id_}"
