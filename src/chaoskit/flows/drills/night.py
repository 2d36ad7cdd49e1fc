"""The controller that keeps watch while a drill goes on, as at night; nobody is called for a drill."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

from chaoskit.acts import breaker
from chaoskit.acts.halt import HOME
from chaoskit.acts.leader import Unrivalled
from chaoskit.errors import ChaoskitError
from chaoskit.events import Listener
from chaoskit.flows.controller import Controller
from chaoskit.flows.world import World
from chaoskit.ports.notifier import Notice
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import told


class Night:
    """A context in which a controller watches a namespace; on the way out nothing is left of what it knew.

    `records` are its recoveries in the order in which they ended, `notices` what people would have been told:
    they are not, so that whoever finds what a killed drill noted tells them of the same.
    """

    heard = False

    def __init__(self, world: World, namespace: str, listen: Listener) -> None:
        self.records: list[RecoveryRecord] = []
        self.notices: list[Notice] = []
        self._cluster, self._clock = world.cluster, world.clock
        self._places = tuple(dict.fromkeys((namespace, HOME)))
        self._stop = threading.Event()
        self._bug: Exception | None = None
        self._known = {each.matter.ref for each in told.known(self._cluster, self._places)}
        self._rested = self._resting()
        self._controller = Controller(
            replace(world, notifier=self),
            Unrivalled(world.clock),
            namespace=namespace,
            duties=("recover",),
            listen=listen,
            stop=self._stop,
            done=self.records.append,
            drill=True,
        )
        self._thread = threading.Thread(target=self._watch, name="drill", daemon=True)

    def send(self, notice: Notice) -> None:
        """What people would have been told is known."""
        self.notices.append(notice)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        for each in told.known(self._cluster, self._places):
            if each.matter.ref not in self._known:
                with suppress(ChaoskitError):
                    told.forget(self._cluster, each)
        with suppress(ChaoskitError):
            while opened := self._resting() - self._rested:  # one of the cluster hides those of namespaces
                for place in opened:
                    breaker.close(self._cluster, place)

    def check(self) -> None:
        """The controller keeps watch; raises what ended it."""
        if self._bug is not None:
            raise self._bug

    @property
    def recovers(self) -> bool:
        """Whether a recovery is under way."""
        return self._controller.state.recovering

    @property
    def rests(self) -> bool:
        """Whether it opened the storm breaker."""
        return bool(self._resting() - self._rested)

    @property
    def repeated(self) -> Iterator[str]:
        """What people would have been told more than once, and how often."""
        counted = Counter((each.key, each.title) for each in self.notices if each.key and not each.resolved)
        return (f"told {times} times: {title}" for (_, title), times in counted.items() if times > 1)

    def _resting(self) -> set[str]:
        """Where the storm breaker is open."""
        found = (breaker.opened(self._cluster, self._clock.now(), place) for place in self._places)
        return {each.ref.namespace for each in found if each is not None}

    def _watch(self) -> None:
        try:
            self._controller.run()
        except Exception as bug:  # noqa: BLE001 - raised by `check`
            self._bug = bug
