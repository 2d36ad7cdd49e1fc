"""Claims are bound at once: there is always a disk of the default class. PersistentVolumes are not shown."""

from __future__ import annotations

from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.controllers.base import Informers, Key, Reconciler, key_of
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.objects import dig

KIND = "PersistentVolumeClaim"


class VolumeClaims:
    """Binds every claim to a volume of its own, as large as it asks for."""

    def __init__(self, api: Api, engine: Engine, informers: Informers) -> None:
        self._api = api
        self._claims = informers.of(KIND)
        self._queue = Reconciler(engine, self._reconcile)
        self._claims.on_change(self._changed)

    def _changed(self, _: Object | None, new: Object | None) -> None:
        if new is not None and dig(new, "status", "phase") == "Pending":
            self._queue.enqueue(key_of(new))

    def _reconcile(self, key: Key) -> None:
        claim = self._claims.get(key)
        if claim is None:
            return
        spec = claim["spec"]
        given = {"accessModes": spec.get("accessModes"), "capacity": dig(spec, "resources", "requests")}
        volume = spec.get("volumeName") or f"pvc-{claim['metadata']['uid']}"
        self._api.patch(KIND, *key, {"spec": {"volumeName": volume}})
        self._api.patch(KIND, *key, {"status": {"phase": "Bound", **given}}, "status")
