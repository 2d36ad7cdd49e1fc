"""Which acts of a cluster have died: their Leases were watched for a whole duration and did not change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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
        """The watch is broken: what was not seen meanwhile proves nothing."""
        now = self._clock.monotonic()
        self._watched = {ref: _Watched(each.account, now) for ref, each in self._watched.items()}

    def dead(self) -> Iterable[Account]:
        """Those whose Lease has stood still for its duration; each is told once."""
        now = self._clock.monotonic()
        found = [e.account for e in self._watched.values() if now - e.since >= e.account.duration]
        for account in found:
            self.gone(account.ref)
        return found
