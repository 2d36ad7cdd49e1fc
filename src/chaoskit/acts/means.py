"""What the undos of one ledger work with, and how they wait."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from chaoskit.acts.courses import Course, waited
from chaoskit.clock import Clock
from chaoskit.ports.cluster import Cluster

EVICTION = 60.0
"""Seconds for a disruption budget to let a disturbed pod go, and for its successor to serve."""


@dataclass(slots=True)
class Together:
    """Those that wait for the same time to pass begin together, with the first of them."""

    _began: float | None = None

    def since(self, clock: Clock) -> float:
        """From when on they wait, as the clock's `monotonic`."""
        if self._began is None:
            self._began = clock.monotonic()
        return self._began

    def anew(self) -> None:
        """They begin to wait once more: what went by meanwhile, nobody saw."""
        self._began = None


@dataclass(slots=True)
class Means:
    """What the undos of one ledger work with.

    `keep` is called while they wait, `tell` hears in words what they had to do beside putting things back.
    What is in `doubts` waits from another moment on than `nodes` do: those from the end of their fault.
    """

    cluster: Cluster
    clock: Clock
    keep: Callable[[], None] = lambda: None
    tell: Callable[[str], None] = lambda _words: None
    doubts: Together = field(default_factory=Together)
    nodes: Together = field(default_factory=Together)
    replaced: dict[Hashable, dict[tuple[str, str], str]] = field(default_factory=dict)
    """By engine: uids by namespace and name of the pods that had to go because of it."""
    _began: dict[Hashable, float] = field(default_factory=dict)

    def since(self, what: Hashable) -> float:
        """From when on that is waited for, as the clock's `monotonic`, however often it is begun again."""
        return self._began.setdefault(what, self.clock.monotonic())

    def until(self, done: Callable[[], bool]) -> Course[bool]:
        """Whether it was done in time; an application's own pace decides."""
        return self.within(EVICTION, done)

    def within(self, seconds: float, done: Callable[[], bool]) -> Course[bool]:
        """Whether it was done in so many seconds."""
        return waited(self.clock, self.clock.monotonic() + seconds, done)
