"""What a flow needs of the world, as one value: the ports, the clock, the limits and where models lie."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from chaoskit import clusters
from chaoskit.clock import Clock
from chaoskit.errors import CannotStart, ChaoskitError
from chaoskit.events import Listener, Warned
from chaoskit.governor import Governor, Limits
from chaoskit.ports.cluster import Cluster
from chaoskit.ports.commands import Commands
from chaoskit.ports.http import Hooks, Http
from chaoskit.ports.metrics import MetricsSource
from chaoskit.ports.notifier import Notifier
from chaoskit.ports.store import Document, Store


@dataclass(frozen=True, slots=True)
class World:
    """A connected cluster and everything beside it; `metrics` is None where there is no Prometheus.

    `models` is the folder of trained models, `description` the cluster in one line. `notifier` tells people
    what only they can decide; None: nobody can be told. `commands` runs those of steady states on this
    machine; None: they are not run. `hooks` reaches the user's own webhooks. `model_key` signs models, and
    lets in those that it signed elsewhere. `secrets` are what this installation logs in with: no event,
    record or notice tells them, whoever says them.
    """

    cluster: Cluster
    metrics: MetricsSource | None
    store: Store
    http: Http
    clock: Clock
    limits: Limits
    models: Path
    description: str = ""
    notifier: Notifier | None = None
    commands: Commands | None = None
    hooks: Hooks | None = None
    model_key: bytes = field(default=b"", repr=False)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    def kept(
        self,
        kind: str,
        where: Mapping[str, Any] | None = None,
        *,
        since: datetime | None = None,
        limit: int = 0,
        fields: Collection[str] = (),
    ) -> tuple[Document, ...]:
        """What the store keeps of this cluster, newest first; another cluster may share the store."""
        mine = clusters.wheres(clusters.known(self.cluster))
        return self.store.find(kind, where, any_of=mine, since=since, limit=limit, fields=fields)

    @property
    def measured(self) -> MetricsSource:
        """Prometheus, where there must be one.

        Raises:
            CannotStart: there is none.
        """
        if self.metrics is None:
            raise CannotStart(
                "there is no Prometheus to read signals from", hint="give its address with --prometheus"
            )
        return self.metrics

    def keep(self, listen: Listener, *documents: Document) -> None:
        """They are in the history; when that fails, the listener is told once, and the work goes on."""
        why, unkept = "", list[str]()
        for each in documents:
            try:
                self.store.put(each)
            except ChaoskitError as error:
                why = error.message
                unkept.append(each["id"])
        if unkept:
            listen(Warned(self.clock.now(), f"not in the history: {why}", tuple(unkept)))

    @property
    def governor(self) -> Governor:
        """The guard of chaos and recovery in this cluster."""
        return Governor(self.cluster, self.clock, self.limits)
