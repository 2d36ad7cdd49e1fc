"""Finishes what dead runs left behind, from any machine: their ledgers say what is owed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

from chaoskit.acts import turns
from chaoskit.acts.accounts import Account, active
from chaoskit.acts.courses import Course, alone, side_by_side
from chaoskit.acts.entries import Entry
from chaoskit.acts.ledger import Ledger
from chaoskit.acts.means import Together
from chaoskit.acts.sealed import orphans
from chaoskit.acts.stillness import Vigil
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, Conflict, NotFound, TakenOver
from chaoskit.events import Event, Listener, Step, Warned, ignore
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster
from chaoskit.records import Undo


@dataclass(frozen=True, slots=True)
class Rescued:
    """A dead run or recovery, how its undo stands now, and the steps that led to it."""

    account: Account
    undo: Undo
    steps: tuple[Step, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """That of its own process, if it came to one; what could not be undone then has none any more."""
        if self.undo.left:
            return Outcome.UNDO_UNCONFIRMED
        return Outcome.ERRORED if self.told is Outcome.UNDO_UNCONFIRMED else self.told

    @property
    def told(self) -> Outcome:
        """What its own process told that it ends with once it is undone; unconfirmed if it told nothing."""
        known = (each for each in Outcome if each.value == self.account.outcome)
        return next(known, Outcome.UNDO_UNCONFIRMED)

    @property
    def words(self) -> str:
        """That it died, what it left, and the command that finishes it."""
        died = f"{self.account.act} {self.account.id} died, and its undo is not confirmed"
        return f"{died} ({'; '.join(self.undo.left)}): chaoskit rescue"


Keep = Callable[[Rescued], Rescued]
"""Whoever keeps in the history how an act ended; answers it with what is known there of its end."""


Hear = Callable[[Rescued], object]
"""Whoever hears how a dead act ended that was in the way."""


def nowhere(rescued: Rescued) -> Rescued:
    """It is kept nowhere."""
    return rescued


def rescue(
    cluster: Cluster,
    clock: Clock,
    *,
    namespace: str = "",
    listen: Listener = ignore,
    stop: threading.Event | None = None,
    keep: Keep = nowhere,
) -> tuple[Rescued, ...]:
    """Every act whose lease was not renewed while it was watched for its whole duration is undone.

    Whose lease stands still is seen by this process's own clock. A run that another rescuer takes over
    meanwhile is left to it. What fails on one keeps no other from its undo: it is told in
    `left`, as is a ledger that cannot be read; both stay for the next rescue. `keep` is given each in turn,
    before its Lease tells no more of it: whoever is killed meanwhile has kept it, or the next rescue does.
    Secrets with values of acts that nobody knows any more are told, where they may be listed: only a person
    knows whether what these did still stands.
    """
    with suppress(ChaoskitError):  # they are in nobody's way
        for each in orphans(cluster, clock, namespace):
            words = f"{each} keeps values of an act whose Lease is gone: when nothing of it stands, delete it"
            listen(Warned(clock.now(), words))
    found = dead(cluster, clock, active(cluster, namespace), namespace=namespace, stop=stop)
    return tuple(each for each in finish(cluster, clock, found, listen, keep) if each is not None)


def finish(
    cluster: Cluster, clock: Clock, found: Sequence[Account], listen: Listener, keep: Keep = nowhere
) -> tuple[Rescued | None, ...]:
    """How the undo of each dead act stands; None where it is somebody else's by now.

    What stands of any goes first, and what may come yet of all of them is waited for together: for none of
    them anybody has asked the server since. Of two acts on one object the later one is undone before the
    other. What keeps this process from taking one over is told in `left`.

    Raises:
        Exception: the first bug of whoever listens or keeps, when the others are undone.
    """
    beside = _Beside(cluster, clock, listen, keep)
    newest = sorted(range(len(found)), key=lambda at: turns.begun(found[at]), reverse=True)
    ended = side_by_side([beside.finished(found[at]) for at in newest], clock)
    return tuple(each for _, each in sorted(zip(newest, ended, strict=True), key=itemgetter(0)))


def ahead(cluster: Cluster, account: Account) -> Account | None:
    """The act that began later, has not been told how it ended, and owes something about the same, if any."""
    under_way = (each for each in turns.later(cluster, account) if not each.outcome)
    return turns.first_to_go(account.entries, under_way)


def undo(
    cluster: Cluster, clock: Clock, account: Account, listen: Listener, keep: Keep = nowhere
) -> Rescued | None:
    """As `finish`, of one act.

    Raises:
        ChaoskitError: it could not be taken over, and stands as it did: try again.
    """
    return alone(_Beside(cluster, clock, listen, keep).undone(account), clock)


class _Beside:
    """Dead acts that are undone side by side: while one is waited for, this process holds the others too."""

    def __init__(self, cluster: Cluster, clock: Clock, listen: Listener, keep: Keep) -> None:
        self._cluster, self._clock = cluster, clock
        self._listen, self._keep = listen, keep
        self._doubts = Together(clock.monotonic())
        self._held: list[Ledger] = []

    def finished(self, account: Account) -> Course[Rescued | None]:
        """As `undone`; what keeps this process from taking it over is told in `left`."""
        try:
            return (yield from self.undone(account))
        except ChaoskitError as error:
            return _left(self._keep, account, error.message)

    def undone(self, account: Account) -> Course[Rescued | None]:
        """How the undo of one dead act stands; None when it is somebody else's by now.

        Raises:
            ChaoskitError: it could not be taken over.
        """
        if account.unreadable:
            return _left(self._keep, account, account.unreadable)
        try:
            ledger = Ledger.take_over(self._cluster, self._clock, account)
        except NotFound:
            return None  # it has ended
        except Conflict:
            self._leave(account)
            return None
        self._held.append(ledger)
        try:
            yield False  # all are held before the first is undone
            return (yield from self._closed(ledger, account))
        finally:
            self._held.remove(ledger)

    def _closed(self, ledger: Ledger, account: Account) -> Course[Rescued | None]:
        undone, steps = Undo("not confirmed"), list[Step]()

        def tell(event: Event) -> None:
            steps.extend([event] if isinstance(event, Step) else [])
            self._listen(event)

        try:
            words = f"{account.act} {account.id}"
            tell(Step(self._clock.now(), "rescue", "begun", words, run=account.id))
            undone = yield from ledger.undoing(
                tell, doubts=self._doubts, keep=self._alive, behind=partial(self._behind, ledger)
            )
            rescued = self._keep(Rescued(account, undone, tuple(steps)))
            outcome = rescued.told if undone.left else rescued.outcome  # what is left is for the next rescue
            ledger.close(outcome, keep=account.memorable, reason=rescued.account.reason)
        except TakenOver:
            self._leave(account)
            return None
        except ChaoskitError as error:
            # a Lease that stays though all of it is undone owes nothing to the history
            unsettled = undone.left or undone.state == "not confirmed"
            return _left(self._keep if unsettled else nowhere, account, error.message, *undone.left)
        return rescued

    def _leave(self, account: Account) -> None:
        """It was told that the act, which looked dead, is for others."""
        words = f"{account.act} {account.id} is not undone here: it was renewed, or is in other hands by now"
        self._listen(Warned(self._clock.now(), words, run=account.id))

    def _behind(self, ledger: Ledger, entry: Entry) -> str:
        """Which of them that began later owes something about the same, in words: a recovery in a drill."""
        return turns.ahead(entry, (each.account for each in self._held[: self._held.index(ledger)]))

    def _alive(self) -> None:
        """Those that are held are renewed; what another has taken meanwhile finds that out in its turn."""
        for each in self._held:
            with suppress(TakenOver):
                each.keep_alive()


def _left(keep: Keep, account: Account, reason: str, *more: str) -> Rescued:
    return keep(Rescued(account, Undo("not confirmed", (*more, f"{account.ref}: {reason}"))))


def dead(
    cluster: Cluster,
    clock: Clock,
    watched: Iterable[Account],
    *,
    namespace: str = "",
    stop: threading.Event | None = None,
) -> tuple[Account, ...]:
    """Those of `watched` whose Lease stood still for its whole duration from now on."""
    waiting = {account.id: account for account in watched}
    vigil = Vigil[str](clock)
    for account in waiting.values():
        vigil.saw(account.id, account.version, account.duration)
    found: list[Account] = []
    while waiting and not clock.sleep(1.0, stop):
        seen = {each.id: each for each in active(cluster, namespace)}
        vigil.looked()
        for id_, account in list(waiting.items()):
            if id_ not in seen or seen[id_].version != account.version:
                del waiting[id_]
            elif vigil.stands_still(id_):
                found.append(waiting.pop(id_))
    return tuple(found)
