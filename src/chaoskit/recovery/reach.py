"""What a recovery reaches, and how it is carried out: values that every part of it shares."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from chaoskit.acts.rescue import Keep, nowhere
from chaoskit.clock import Clock
from chaoskit.events import Listener, ignore
from chaoskit.governor import Governor
from chaoskit.ports.cluster import Cluster
from chaoskit.ports.http import Hooks
from chaoskit.ports.metrics import MetricsSource
from chaoskit.ports.notifier import Notifier
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import escalation


class Ends(Protocol):
    """Whoever hears of alerts, and of their ends."""

    @property
    def hears_ends(self) -> bool:
        """Whether the end of an alert will be heard."""

    def fires(self, labels: Mapping[str, str]) -> bool | None:
        """Whether the alert with these labels fires, False: it has ended; None: nobody says."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a recovery reaches: the cluster, its signals (None: there are none), time and the governor.

    `hooks` reaches the user's own webhooks. With `approval` a person is asked before anything is done.
    `alerts` says whether what only an alert shows is over; None: nobody does. `secrets` are told nowhere.
    """

    cluster: Cluster
    metrics: MetricsSource | None
    clock: Clock
    governor: Governor
    notifier: Notifier | None = None
    hooks: Hooks | None = None
    approval: bool = False
    alerts: Ends | None = None
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def hears_ends(self) -> bool:
        """Whether somebody will say that an alert has ended."""
        return self.alerts is not None and self.alerts.hears_ends

    @property
    def people(self) -> escalation.People:
        """Whoever is on call."""
        return escalation.People(self.cluster, self.clock, self.notifier, self.secrets)


@dataclass(frozen=True, slots=True)
class Options:
    """How a recovery is carried out: who listens, what stops it, which lineage it belongs to.

    `confirm` is for how long signals are asked besides, None: as long as the runbook wants. In a
    `drill` it may repair what the chaos under test disturbs. `replay_of` is the recovery it repeats.
    `notes` is what else was known when it began, for its timeline. `keep` is given dead acts that stood in
    its way and were undone first.
    Without `wait` a question to a person is left standing, for the recovery that comes after the yes.
    `ending` gets the record when all is undone or helped, before the cluster forgets the evidence.
    """

    listen: Listener = ignore
    stop: threading.Event = field(default_factory=threading.Event)
    trace_id: str = ""
    confirm: timedelta | None = None
    drill: bool = False
    replay_of: str = ""
    wait: bool = True
    notes: tuple[str, ...] = ()
    ending: Callable[[RecoveryRecord], object] = lambda _record: None
    keep: Keep = nowhere
