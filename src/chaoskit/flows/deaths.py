"""Which acts of a cluster have died: their Leases were watched for a whole duration and did not change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from chaoskit import kube
from chaoskit.acts.accounts import Account
from chaoskit.acts.stillness import Vigil
from chaoskit.clock import Clock
from chaoskit.ports.cluster import ObjectRef


class Deaths:
    """What is known of the acts under way, by what a watch on their Leases has brought."""

    def __init__(self, clock: Clock) -> None:
        self._vigil = Vigil[ObjectRef](clock)
        self._under_way: dict[ObjectRef, Account] = {}
        self._blind = False

    def saw(self, account: Account) -> None:
        """The Lease stands so now."""
        if account.state == "done" or (account.state == "handed" and not account.holder):
            self.gone(account.ref)
            return
        self._under_way[account.ref] = account
        self._vigil.saw(account.ref, account.version, account.duration)

    def gone(self, ref: ObjectRef) -> None:
        """The act has ended."""
        self._under_way.pop(ref, None)
        self._vigil.forget(ref)

    def blind(self) -> None:
        """The watch is broken: until it `sees` again, nobody dies."""
        self._blind = True

    def sees(self) -> None:
        """The watch is whole, and if it was broken all are counted anew."""
        if self._blind:
            self._blind = False
            self._vigil.recount()

    def heard(self, *, well: bool) -> None:
        """What the watch has brought was taken in; unless the server is `well` all are counted anew."""
        self._vigil.looked()
        if not well:
            self._vigil.recount()

    def dead(self) -> Iterable[Account]:
        """Those whose Lease has stood still for its duration; each is told once, in each of its versions."""
        if self._blind:
            return ()
        found = [each for ref, each in self._under_way.items() if self._vigil.stands_still(ref)]
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
