"""Which acts of a cluster have died: their Leases were watched for a whole duration and did not change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from chaoskit import kube
from chaoskit.acts.accounts import Account
from chaoskit.clock import Clock
from chaoskit.ports.cluster import ObjectRef


@dataclass(frozen=True, slots=True)
class _Watched:
    account: Account
    since: float


class Deaths:
    """What is known of the acts under way, by what a watch on their Leases has brought."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watched: dict[ObjectRef, _Watched] = {}
        self._blind = False

    def saw(self, account: Account) -> None:
        """The Lease stands so now; one that is only told again has not been renewed."""
        if account.state == "done" or (account.state == "handed" and not account.holder):
            self.gone(account.ref)
            return
        known = self._watched.get(account.ref)
        if known is None or known.account.version != account.version:
            self._watched[account.ref] = _Watched(account, self._clock.monotonic())

    def gone(self, ref: ObjectRef) -> None:
        """The act has ended."""
        self._watched.pop(ref, None)

    def blind(self) -> None:
        """The watch is broken: until it `sees` again, nobody dies."""
        self._blind = True

    def sees(self) -> None:
        """The watch is whole, and if it was broken all are counted anew: what was not seen proves nothing."""
        if self._blind:
            self._blind = False
            self.recount()

    def recount(self) -> None:
        """Each has its whole duration from now on: its own process could not be heard, or not speak."""
        now = self._clock.monotonic()
        self._watched = {ref: _Watched(each.account, now) for ref, each in self._watched.items()}

    def dead(self) -> Iterable[Account]:
        """Those whose Lease has stood still for its duration; each is told once, in each of its versions."""
        if self._blind:
            return ()
        now = self._clock.monotonic()
        found = [e.account for e in self._watched.values() if now - e.since >= e.account.duration]
        for account in found:
            self.gone(account.ref)
        return found


def seem_dead(found: Iterable[Account], now: datetime) -> tuple[Account, ...]:
    """Acts under way whose Lease, by its own time and ours, was not renewed for three of its durations.

    Good for a hint and no more: clocks differ, so nothing is done because of it.
    """
    return tuple(each for each in found if each.state == "active" and _silent(each, now))


_PATIENCE = 3
"""So many durations, since clocks that are a minute apart are common."""


def _silent(account: Account, now: datetime) -> bool:
    renewed = kube.time_of(account.renewed) if account.renewed else account.began
    return renewed is not None and now - renewed > timedelta(seconds=_PATIENCE * account.duration)


def words(found: Iterable[Account]) -> str:
    """Which runs and recoveries seem dead, and what finishes their undo; "" when none does."""
    named = [f"{each.act} {each.id} in namespace {each.ref.namespace}" for each in found]
    which = ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")
    return f"{which} seem{'s' if len(named) == 1 else ''} dead, with an undo to finish" if named else ""
