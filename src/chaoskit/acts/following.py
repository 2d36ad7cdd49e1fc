"""Follows an act that another process works on, by what its Lease tells, to its end."""

from __future__ import annotations

import threading
from dataclasses import replace

from chaoskit import kube
from chaoskit.acts.accounts import Account, account_of
from chaoskit.acts.handover import whereabouts
from chaoskit.acts.telling import told
from chaoskit.clock import Clock
from chaoskit.events import Listener, Step
from chaoskit.ports.cluster import Cluster
from chaoskit.watching import Interest, Watching

LOOK = 1.0
"""Seconds after which it is looked whether an end is wanted."""


def follow(
    cluster: Cluster,
    clock: Clock,
    account: Account,
    listen: Listener,
    *,
    stop: threading.Event,
) -> Account:
    """The act as it was last seen: ended, or in the middle once `stop` is set. Its steps were told.

    So was where it waits, before it begins.
    An act whose Lease was removed is ``done``; without an outcome where it told none.
    """
    ref, there = account.ref, False
    telling = _Telling(clock, listen)
    telling.tell(account)
    mine = Interest(kube.LEASE, ref.namespace, fields=f"metadata.name={ref.name}")
    with Watching(cluster, (mine,), clock) as watching:
        while account.state != "done" and not stop.is_set():
            seen = watching.next(LOOK)
            if seen is None:
                continue
            if seen.change.object:
                there, account = True, account_of(seen.change.object)
                telling.tell(account)
            if seen.change.type == "DELETED" or (seen.change.type == "SYNCED" and not there):
                return replace(account, state="done")
    return account


class _Telling:
    """Tells of an act what it has not told yet."""

    def __init__(self, clock: Clock, listen: Listener) -> None:
        self._clock, self._listen = clock, listen
        self._place, self._steps = "", 0

    def tell(self, account: Account) -> None:
        """Where it waits, as long as it does, and its steps."""
        place = whereabouts(account) if account.state == "handed" else ""
        if place and place != self._place:
            self._listen(Step(self._clock.now(), "waiting", "note", place, run=account.id))
        self._place = place
        number, steps = told(account.told)
        fresh = max(0, number - self._steps)
        for step in steps[-fresh:] if fresh else ():
            self._listen(step)
        self._steps = max(number, self._steps)
