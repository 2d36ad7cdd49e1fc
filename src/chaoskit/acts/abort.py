"""Ends acts that run elsewhere: asked of their own process, and done here where that is dead."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from chaoskit.acts.accounts import ABORT, Account, unended
from chaoskit.acts.handover import call_off
from chaoskit.acts.rescue import Keep, Rescued, finish, nowhere
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, NotFound, Unavailable
from chaoskit.events import Listener, ignore
from chaoskit.ports.cluster import Cluster
from chaoskit.records import Undo

PATIENCE = 120.0
"""Seconds for which a server that does not answer is asked again."""


@dataclass(slots=True)
class _Watched:
    """An act that was asked to end: its version, since when that has stood, and when it was last looked at.

    `silent`: the last look got no answer.
    """

    account: Account
    since: float
    looked: float
    silent: bool = False


def abort(
    cluster: Cluster,
    clock: Clock,
    wanted: Sequence[Account],
    reason: str,
    *,
    listen: Listener = ignore,
    stop: threading.Event | None = None,
    keep: Keep = nowhere,
) -> tuple[Rescued, ...]:
    """These acts have ended and are undone, by their own processes or, where those are dead, by this one.

    Those are given to `keep`. What was handed over and nobody has taken yet is called off, after those that
    run were asked. Once `stop` is set nobody is waited for any more: what has not ended by then is not in the
    answer.

    Raises:
        ChaoskitError: one could not be told; each of the others was all the same.
    """
    found, watched = list[Rescued](), dict[str, _Watched]()
    failed: ChaoskitError | None = None
    for account in sorted(wanted, key=_waits):
        try:
            undo = _told(cluster, clock, account, reason, listen)
        except ChaoskitError as error:
            failed = failed or error
            continue
        if undo is None:
            watched[account.id] = _Watched(account, clock.monotonic(), clock.monotonic())
        else:
            found.append(Rescued(account, undo))
    if failed is not None:
        raise failed
    while watched:
        now = _now(cluster, clock, watched)
        heard = [one for one in watched.values() if not one.silent]
        ended = [_ended(clock, one, now.get(one.account.id)) for one in heard]
        dead = [
            one.account
            for one, done in zip(heard, ended, strict=True)
            if done is None and _is_dead(clock, one)
        ]
        for done in (*ended, *finish(cluster, clock, dead, listen, keep)):
            if done is not None:
                found.append(done)
                del watched[done.account.id]
        if watched and clock.sleep(1.0, stop):
            break
    return tuple(found)


def _waits(account: Account) -> bool:
    """Whether nobody has taken the act yet."""
    return account.state == "handed" and not account.holder


def _told(cluster: Cluster, clock: Clock, account: Account, reason: str, listen: Listener) -> Undo | None:
    """How the undo of an act stands that has ended by now; None: its process knows that its end is wanted."""
    if _waits(account) and call_off(cluster, clock, account, reason, listen):
        return Undo("none needed")
    try:
        cluster.patch(account.ref, {"metadata": {"annotations": {ABORT: reason}}})
    except NotFound:
        return Undo("confirmed")
    return None


def _now(cluster: Cluster, clock: Clock, watched: dict[str, _Watched]) -> dict[str, Account]:
    """The acts that have not ended, of the namespaces of those that are watched alone.

    A server that does not answer is asked again for a while: meanwhile nothing is known of their Leases, so
    the time for which they stand still begins anew.

    Raises:
        Unavailable: it has not answered for `PATIENCE`.
    """
    found: dict[str, Account] = {}
    for place in sorted({one.account.ref.namespace for one in watched.values()}):
        here = [one for one in watched.values() if one.account.ref.namespace == place]
        try:
            found |= {each.id: each for each in unended(cluster, place)}
        except Unavailable:
            if clock.monotonic() - min(one.looked for one in here) >= PATIENCE:
                raise
            for one in here:
                one.since, one.silent = clock.monotonic(), True
        else:
            for one in here:
                one.looked, one.silent = clock.monotonic(), False
    return found


def _ended(clock: Clock, one: _Watched, now: Account | None) -> Rescued | None:
    """How the act ended; None while its process is at it, or is dead."""
    if now is None:
        return Rescued(one.account, Undo("confirmed"))
    if now.outcome and now.entries:  # closed with something still owed
        return Rescued(now, Undo("not confirmed", (f"{now.ref}: its own process could not undo it",)))
    if now.version != one.account.version:
        one.account, one.since = now, clock.monotonic()
    return None


def _is_dead(clock: Clock, one: _Watched) -> bool:
    return clock.monotonic() - one.since >= one.account.duration
