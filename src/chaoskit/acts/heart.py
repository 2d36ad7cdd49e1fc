"""Keeps Leases alive, hears of halts and aborts in threads of its own, whatever the acts are busy with.

An act that reads a slow log or asks a slow Prometheus must not look dead, and a halt must reach it in time.
Nor must one that has many beside it: each Lease is renewed whatever the server answers about the others.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from types import TracebackType
from typing import Self

from chaoskit.acts import halt
from chaoskit.acts.accounts import Account, accounts
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, Forbidden, Interrupted, Refused, TakenOver
from chaoskit.ports.cluster import Cluster, ObjectRef

PULSE = 1.0
"""Seconds between two beats: a halt is heard within two of them."""

CROWD = 4
"""So many Leases of one namespace are read in one list rather than one by one."""

SHORTEST = 0.05
"""Wall seconds between two beats at least, however fast a simulated clock runs."""


class Pulse:
    """What the heart knows of one act; asking costs nothing, so ask often.

    `trouble` says in words why its Lease could not be renewed, "" while it can.
    """

    def __init__(self, heart: Heart, ledger: Ledger) -> None:
        self.ledger = ledger
        self.trouble = ""
        self._heart = heart
        self._lost = ""
        self._abort = ""
        self._halted: halt.Halt | None = None

    def check(self) -> None:
        """The act may go on.

        Raises:
            TakenOver: another process holds its ledger.
            Refused: acts of its kind were halted (guard ``halt``).
            Interrupted: somebody asked for the end of this very act (``chaoskit abort``).
        """
        self.held()
        if self._abort:
            raise Interrupted(f"aborted: {self._abort}")
        if self._halted is not None:
            raise self._halted.refusal()

    def ask(self, *, begun: bool = True) -> None:
        """The act may go on, as the cluster says right now: for the moment before it does something.

        Unless it has `begun`, what cannot be read keeps it from it: nothing is lost by that yet.

        Raises:
            Refused: as in `check`, and when it has not begun and nobody knows whether it is halted.
            TakenOver: as in `check`.
            Interrupted: as in `check`.
        """
        self.feel(_Glance(self._heart.cluster, (self,)), news=False)
        trouble = self.trouble
        self.check()
        if trouble and not begun:
            raise Refused(
                f"nothing is begun in the dark: {trouble}",
                guard="halt",
                limit="a halt and a Lease that can be read",
                hint="again, when the server answers",
            )

    def held(self) -> None:
        """This process still holds the ledger, halted or not: an undo goes on in a halt.

        Raises:
            TakenOver: another one does.
        """
        self._heart.ask()
        if self._lost:
            raise TakenOver(self._lost)

    def renew(self) -> None:
        """The Lease is renewed if it is due; what keeps it from that, `feel` finds as well."""
        with suppress(ChaoskitError):
            self.ledger.renew()

    def feel(self, glance: _Glance, *, news: bool) -> None:
        """The Lease is renewed if it is due, and what the cluster says of the act is known; never raises.

        With `news` it is renewed also to tell what is new.
        """
        account = self.ledger.account
        places = {account.ref.namespace, *(each.namespace for each in account.targets)} - {""}
        trouble = ""
        try:
            self.ledger.renew(news=news)
            self._abort = self.ledger.wanted_end(glance.account(account.ref))
        except TakenOver as error:
            self._lost = error.message
        except ChaoskitError as error:
            trouble = f"lease not renewed: {error}"
        try:
            self._halted = glance.halted(account.act, *sorted(places))
        except ChaoskitError as error:
            trouble = trouble or f"halts cannot be read: {error}"
        self.trouble = trouble


class _Glance:
    """The cluster in one beat: a halt is read once for all who ask alike, Leases of one place in one list."""

    def __init__(self, cluster: Cluster, pulses: Collection[Pulse]) -> None:
        self._crowd = Counter(each.ledger.account.ref.namespace for each in pulses)
        self._listed = cache(partial(_by_ref, cluster))
        self.halted = cache(partial(halt.halted, cluster))

    def account(self, ref: ObjectRef) -> Account | None:
        """What stands in this Lease, where many are read at once; None: read it alone."""
        return self._listed(ref.namespace).get(ref) if self.crowded(ref) else None

    def crowded(self, ref: ObjectRef) -> bool:
        """Whether many Leases are attended in its namespace."""
        return self._crowd[ref.namespace] >= CROWD


def _by_ref(cluster: Cluster, namespace: str) -> dict[ObjectRef, Account]:
    with suppress(Forbidden):
        return {each.ref: each for each in accounts(cluster, namespace)}
    return {}


class Heart:
    """A context in which ledgers are attended: one thread hears for all of them, each is renewed by its own.

    With a clock that tests turn by hand there are no threads: each question of a `Pulse` is a beat.
    """

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self.cluster = cluster
        self._pause = clock.real(PULSE)
        self._bug: Exception | None = None
        self._pulses: set[Pulse] = set()
        self._over = threading.Event()
        self._thread = self._beating("heart", self._beat, self._over)

    def __enter__(self) -> Self:
        if self._pause:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._pause:
            self._thread.join(timeout=5)

    @contextmanager
    def attending(self, ledger: Ledger) -> Iterator[Pulse]:
        """Inside, the ledger is kept alive, and its pulse says whether the act may go on.

        A ledger that is attended already has one pulse: who handed it on lets go of it last.
        """
        known = next((each for each in tuple(self._pulses) if each.ledger is ledger), None)
        if known is not None:
            yield known
            return
        pulse, over = Pulse(self, ledger), threading.Event()
        self._pulses.add(pulse)
        if self._pause:
            self._beating("pulse", pulse.renew, over).start()
        try:
            yield pulse
        finally:
            over.set()
            self._pulses.discard(pulse)

    def ask(self) -> None:
        """Where no thread beats, this is a beat; a bug that stopped one is raised here."""
        if not self._pause:
            self._beat()
        if self._bug is not None:
            raise self._bug

    def _beating(self, name: str, beat: Callable[[], None], over: threading.Event) -> threading.Thread:
        return threading.Thread(target=self._beats, args=(beat, over), name=name, daemon=True)

    def _beats(self, beat: Callable[[], None], over: threading.Event) -> None:
        try:
            while not over.wait(max(SHORTEST, self._pause)):
                beat()
        except Exception as error:  # noqa: BLE001 - raised by `ask`: a heart never stops in silence
            self._bug = error

    def _beat(self) -> None:
        pulses = tuple(self._pulses)
        glance = _Glance(self.cluster, pulses)
        for pulse in pulses:
            pulse.feel(glance, news=not glance.crowded(pulse.ledger.account.ref))
