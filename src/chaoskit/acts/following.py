"""Follows an act that another process works on, by what its Lease tells, to its end."""

from __future__ import annotations

import threading
from dataclasses import replace

from chaoskit import kube
from chaoskit.acts.accounts import Account, account_of
from chaoskit.acts.telling import told
from chaoskit.clock import Clock
from chaoskit.events import Listener
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

    An act whose Lease was removed is ``done``; without an outcome where it told none.
    """
    ref, there = account.ref, False
    heard = _tell(account, 0, listen)
    mine = Interest(kube.LEASE, ref.namespace, fields=f"metadata.name={ref.name}")
    with Watching(cluster, (mine,), clock) as watching:
        while account.state != "done" and not stop.is_set():
            seen = watching.next(LOOK)
            if seen is None:
                continue
            if seen.change.object:
                there, account = True, account_of(seen.change.object)
                heard = _tell(account, heard, listen)
            if seen.change.type == "DELETED" or (seen.change.type == "SYNCED" and not there):
                return replace(account, state="done")
    return account


def _tell(account: Account, heard: int, listen: Listener) -> int:
    """The number of steps that have been told by now."""
    number, steps = told(account.told)
    fresh = max(0, number - heard)
    for step in steps[-fresh:] if fresh else ():
        listen(step)
    return max(number, heard)
