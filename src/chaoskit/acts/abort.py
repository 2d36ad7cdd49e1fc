"""Ends acts that run elsewhere: asked of their own process, and done here where that is dead."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from math import inf

from chaoskit.acts.accounts import ABORT, Account, unended
from chaoskit.acts.handover import call_off
from chaoskit.acts.rescue import Keep, Rescued, finish, nowhere
from chaoskit.acts.stillness import Vigil
from chaoskit.acts.undoing import SOON
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, NotFound, Unavailable
from chaoskit.events import Listener, Step, ignore
from chaoskit.ports.cluster import Cluster
from chaoskit.records import Undo

PATIENCE = 120.0
"""Seconds for which a server that does not answer is asked again."""


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
        Unavailable: the server has not answered for `PATIENCE`.
    """
    found, watched = list[Rescued](), dict[str, Account]()
    failed: ChaoskitError | None = None
    for account in sorted(wanted, key=_waits):
        try:
            undo = _told(cluster, clock, account, reason, listen)
        except ChaoskitError as error:
            failed = failed or error
            continue
        if undo is None:
            watched[account.id] = account
        else:
            found.append(Rescued(account, undo))
    if failed is not None:
        raise failed
    return (*found, *_awaited(cluster, clock, watched, listen, stop, keep))


def _awaited(
    cluster: Cluster,
    clock: Clock,
    watched: dict[str, Account],
    listen: Listener,
    stop: threading.Event | None,
    keep: Keep,
) -> Iterator[Rescued]:
    """How each ended, as soon as it has, until `stop` is set; who is dead is undone here."""
    vigil, answered, soon = Vigil[str](clock), clock.monotonic(), clock.monotonic() + SOON
    while watched:
        try:
            now = _unended(cluster, watched.values())
        except Unavailable:
            if clock.monotonic() - answered >= PATIENCE:
                raise
        else:
            vigil.looked()
            for id_ in watched.keys() & now.keys():
                watched[id_] = now[id_]
                vigil.saw(id_, now[id_].version, now[id_].duration)
            ended = {id_: _ended(account, now.get(id_)) for id_, account in watched.items()}
            dead = [watched[id_] for id_, done in ended.items() if done is None and vigil.stands_still(id_)]
            for done in filter(None, (*ended.values(), *finish(cluster, clock, dead, listen, keep))):
                del watched[done.account.id]
                yield done
            answered = clock.monotonic()
        if clock.monotonic() >= soon:
            soon = inf
            for each in watched.values():
                words = f"{each.act} {each.id} was told to end; it is waited for"
                listen(Step(clock.now(), "abort", "note", words, run=each.id))
        if watched and clock.sleep(1.0, stop):
            break


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


def _unended(cluster: Cluster, watched: Iterable[Account]) -> dict[str, Account]:
    """The acts that have not ended, of the namespaces of those that are watched alone."""
    places = sorted({each.ref.namespace for each in watched})
    return {each.id: each for place in places for each in unended(cluster, place)}


def _ended(account: Account, now: Account | None) -> Rescued | None:
    """How the act ended; None while its process is at it, or is dead."""
    if now is None:
        return Rescued(account, Undo("confirmed"))
    if now.outcome and now.entries:  # closed with something still owed
        return Rescued(now, Undo("not confirmed", (f"{now.ref}: its own process could not undo it",)))
    return None
