"""The duty to others' runs: what was handed over is done, what the dead left is undone."""

from __future__ import annotations

import threading

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

    def finish(self, account: Account) -> None:
        """A dead act is undone."""
        began = self._world.clock.now()
        done = rescuing.finish(self._world, account, self._say.listen)
        if done is not None:
            outcome = Outcome.UNDO_UNCONFIRMED if done.undo.left else Outcome.DONE
            self._say.ended("rescue", account.what, outcome, began, self._world.clock.now())
