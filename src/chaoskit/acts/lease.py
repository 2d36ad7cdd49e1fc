"""A Lease in the hands of one holder: each write carries the version that is known, so no two can write.

Each answer is looked at for the holder: a write that is sent again may meet what another wrote in its place.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from math import inf
from typing import Any

from chaoskit.acts.accounts import TOLD, Account, account_of
from chaoskit.acts.telling import Telling
from chaoskit.clock import Clock
from chaoskit.errors import Conflict, NotFound, TakenOver
from chaoskit.ports.cluster import Cluster

_JUST_NOW = 0.15
"""Seconds for which the answer to a write is as good as another look."""

_TRIES = 5
"""How often it is written anew because the Lease changed though its holder did not."""


class Gone(TakenOver):
    """The Lease is no more: somebody ended the act, or removed it by hand. Nothing may be begun any more."""


class HeldLease:
    """The Lease of one act; writes from several threads come one after another.

    `renewed` is when it was written last, by the clock's `monotonic`, in seconds; `writing` is held for that.
    """

    def __init__(self, cluster: Cluster, clock: Clock, account: Account) -> None:
        self.renewed = clock.monotonic()
        self._cluster = cluster
        self._clock = clock
        self._account = account
        self._version = account.version
        self._heard, self._heard_at = account.abort, -inf
        self.writing = threading.RLock()

    def save(self, patch: Mapping[str, Any], telling: Telling | None = None) -> None:
        """The patch is in, with what there is to tell.

        A version that moved under the same holder is our own write whose answer was lost, or a foreign
        label: that is no reason to leave an undo undone.

        Raises:
            TakenOver: another process holds the Lease, or it is `Gone`.
        """
        with self.writing:
            text, number = telling.text() if telling is not None else ("", 0)
            own = patch.get("metadata", {})
            notes = {**own.get("annotations", {}), **({TOLD: text} if text else {})}
            for _ in range(_TRIES):
                meta = {**own, "resourceVersion": self._version, "annotations": notes}
                try:
                    stored = self._cluster.patch(self._account.ref, {**patch, "metadata": meta})
                except Conflict:
                    self._version = self.read().version
                    continue
                except NotFound as error:
                    raise self._gone() from error
                written = self._ours(account_of(stored))
                self._version = written.version
                self.renewed = self._clock.monotonic()
                self._heard, self._heard_at = written.abort, self.renewed
                if telling is not None:
                    telling.written(number)
                return
        raise self._restless()

    def remove(self) -> None:
        """The Lease is gone; it was not let go while another held it.

        Raises:
            TakenOver: another process holds the Lease, or it is `Gone`.
        """
        with self.writing:
            for _ in range(_TRIES):
                try:
                    self._cluster.delete(self._account.ref, version=self._version)
                except Conflict:
                    self._version = self.read().version
                else:
                    return
        raise self._restless()

    def read(self) -> Account:
        """The account as it is in the cluster now.

        Raises:
            TakenOver: it is not ours any more, or `Gone`.
        """
        try:
            return self._ours(account_of(self._cluster.get(self._account.ref)))
        except NotFound as error:
            raise self._gone() from error

    def wanted_end(self, seen: Account | None) -> str:
        """Why somebody wants the act to end now, "" when nobody does; `seen` is the Lease just read.

        Without it, it is read, unless it was written just now: then the server told its answer.

        Raises:
            TakenOver: as in `read`.
        """
        if seen is None and self._clock.monotonic() - self._heard_at < _JUST_NOW:
            return self._heard
        return (self._ours(seen) if seen is not None else self.read()).abort

    def _restless(self) -> Conflict:
        return Conflict(f"{self._account.ref} changes faster than it can be written")

    def _gone(self) -> Gone:
        act = self._account
        return Gone(f"{act.act} {act.id} was ended by others: {act.ref} is gone")

    def _ours(self, now: Account) -> Account:
        if now.holder != self._account.holder:
            raise TakenOver(f"{self._account.act} {self._account.id} was taken over by {now.holder}")
        return now
