"""The duty to others' runs: what was handed over is done, what the dead left is undone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

from chaoskit.acts import handover, rescue
from chaoskit.acts.accounts import Account
from chaoskit.acts.heart import Heart
from chaoskit.errors import InvalidInput, NotFound, Unavailable
from chaoskit.experiments.batch import Claim, claims, disjoint, whole
from chaoskit.flows import detached, owing, rescuing
from chaoskit.flows.duties.saying import Saying
from chaoskit.flows.world import World
from chaoskit.outcome import Outcome

AGAIN = 5.0
"""Seconds after which a run or an undo that waits for another is asked for again."""


class Runs:
    """Takes up and finishes the runs of others; two that would work on the same go one after the other."""

    def __init__(self, world: World, say: Saying, stop: threading.Event) -> None:
        self._world, self._say, self._stop = world, say, stop
        self._under_way: dict[str, frozenset[Claim]] = {}
        self._waits_for: dict[str, str] = {}
        self._behind: dict[str, str] = {}
        self._lock = threading.Lock()

    def work(self, kind: str, account: Account, *, by: str, heart: Heart) -> float | None:
        """What is to be done with the act is done; seconds after which it comes again, if it does."""
        match kind:
            case "accept":
                self.accept(account, by)
            case "run":
                return self.take_up(account, heart)
            case "late":
                return self.expire(account)
            case "dead":
                return self.bury(account)
        return None

    def bury(self, account: Account) -> float | None:
        """The dead act is finished, or waits for a later one, which is told once."""
        other = rescue.ahead(self._world.cluster, account)
        with self._lock:
            told = self._behind.pop(account.id, "")
            if other is not None:
                self._behind[account.id] = other.id
        if other is None:
            self.finish(account)
            return None
        if told != other.id:
            dead, its = f"the undo of {account.act} {account.id}", f"{other.act} {other.id}"
            self._say.warn(f"{dead} waits for {its}, which changed the same later")
        return AGAIN

    def accept(self, account: Account, by: str) -> None:
        """Who handed the run over knows that this controller does it, though perhaps not yet."""
        handover.accept(self._world.cluster, account, by)

    def take_up(self, account: Account, heart: Heart) -> float | None:
        """The run that was handed over is done, unless somebody else is doing it, or it waits for another.

        Then it stays on the list, and is to be asked for again in the seconds that are answered.
        """
        with self._apart(account) as other:
            if other:
                return AGAIN
            record = detached.take_up(
                self._world, account, heart=heart, listen=self._say.listen, stop=self._stop
            )
        if record is not None:
            self._say.ended("run", record.fault, record.outcome, record.at, record.ended_at)
        return None

    @contextmanager
    def _apart(self, account: Account) -> Iterator[str]:
        """Inside, no other run begins here that may work on the same; else the one that does is named."""
        mine = self._claimed(account)
        with self._lock:
            other = next((id_ for id_, its in self._under_way.items() if not disjoint(mine, its)), "")
            told = self._waits_for.get(account.id) == other
            if other:
                self._waits_for[account.id] = other
            else:
                self._under_way[account.id] = mine
        if other and not told:
            self._say.warn(f"run {account.id} waits for run {other}: they may work on the same")
        try:
            yield other
        finally:
            if not other:
                with self._lock:
                    del self._under_way[account.id]
                    waits = self._waits_for.items()
                    self._waits_for = {id_: its for id_, its in waits if its != account.id}

    def _claimed(self, account: Account) -> frozenset[Claim]:
        """What the run may work on; nothing where it cannot come to that: whoever takes it up says why.

        Raises:
            Unavailable: the server does not answer, and nobody knows: the run stays on the list.
        """
        cluster, until = self._world.cluster, handover.waits_until(account)
        if until is not None and self._world.clock.now() > until:
            return frozenset()
        try:
            return claims(detached.unpacked(handover.document_of(cluster, account))[0])
        except (InvalidInput, NotFound):
            return frozenset()
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - a denial or a bug: taking it up may come to it as well, and tells it
            return whole(account.ref.namespace)

    def expire(self, account: Account) -> float | None:
        """The run that waits is over if it waited too long; else the seconds after which it will have."""
        left = self.patience(account)
        if left > 0:
            return left
        detached.expire(self._world, account, listen=self._say.listen)
        return None

    def patience(self, account: Account) -> float:
        """Seconds for which the run may wait still; infinite where nobody knows since when it waits."""
        until = handover.waits_until(account)
        return inf if until is None else (until - self._world.clock.now()).total_seconds() + 1

    def finish(self, account: Account) -> None:
        """A dead act is undone, or people know what it left; a later one on the same was undone before."""
        began = self._world.clock.now()
        done = rescuing.finish(self._world, account, self._say.listen)
        if done is not None:
            owing.heed(self._world, done, self._say.listen)
            outcome = Outcome.UNDO_UNCONFIRMED if done.undo.left else Outcome.DONE
            self._say.ended("rescue", account.what, outcome, began, self._world.clock.now())
