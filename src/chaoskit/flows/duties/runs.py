"""The duty to others' runs: what was handed over is done, what the dead left is undone."""

from __future__ import annotations

import threading
from math import inf

from chaoskit.acts import handover
from chaoskit.acts.accounts import Account
from chaoskit.acts.heart import Heart
from chaoskit.flows import detached, rescuing
from chaoskit.flows.duties.saying import Saying
from chaoskit.flows.world import World
from chaoskit.outcome import Outcome


class Runs:
    """Takes up and finishes the runs of others."""

    def __init__(self, world: World, say: Saying, stop: threading.Event) -> None:
        self._world, self._say, self._stop = world, say, stop

    def accept(self, account: Account, by: str) -> None:
        """Who handed the run over knows that this controller does it, though perhaps not yet."""
        handover.accept(self._world.cluster, account, by)

    def take_up(self, account: Account, heart: Heart) -> None:
        """The run that was handed over is done, unless somebody else is doing it."""
        record = detached.take_up(self._world, account, heart=heart, listen=self._say.listen, stop=self._stop)
        if record is not None:
            self._say.ended("run", record.fault, record.outcome, record.at, record.ended_at)

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
        """A dead act is undone."""
        began = self._world.clock.now()
        done = rescuing.finish(self._world, account, self._say.listen)
        if done is not None:
            outcome = Outcome.UNDO_UNCONFIRMED if done.undo.left else Outcome.DONE
            self._say.ended("rescue", account.what, outcome, began, self._world.clock.now())
