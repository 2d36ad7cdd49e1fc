"""Cluster roles that gather the rules of others have them, and lose those that nobody has any more."""

from __future__ import annotations

from chaoskit.simulator.aggregation import gathered
from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.controllers.base import Informers, Key, Reconciler, key_of
from chaoskit.simulator.engine import Engine

_ROLE = "ClusterRole.rbac.authorization.k8s.io"


class Aggregation:
    """Writes the rules of each role that has an ``aggregationRule``, whenever any role changes."""

    def __init__(self, api: Api, engine: Engine, informers: Informers) -> None:
        self._api = api
        self._roles = informers.of(_ROLE)
        self._queue = Reconciler(engine, self._reconcile)
        self._roles.on_change(self._changed)

    def _changed(self, _: Object | None, __: Object | None) -> None:
        for role in self._roles.all():
            if role.get("aggregationRule"):
                self._queue.enqueue(key_of(role))

    def _reconcile(self, key: Key) -> None:
        role = self._roles.get(key)
        if role is None or not role.get("aggregationRule"):
            return
        rules = gathered(role, self._roles.all())
        if rules != (role.get("rules") or []):
            self._api.patch(_ROLE, None, key[1], {"rules": rules})
