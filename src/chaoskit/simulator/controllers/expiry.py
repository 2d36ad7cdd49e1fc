"""Events are forgotten an hour after their last change, as an API server's lease on them ends."""

from __future__ import annotations

from chaoskit.simulator.api import Api, Change, Object
from chaoskit.simulator.controllers.base import Key, key_of
from chaoskit.simulator.engine import Due, Engine

_TIME_TO_LIVE = 3600.0


class Expiry:
    """Deletes events in time, so that a long-lived cluster does not fill up with them."""

    def __init__(self, api: Api, engine: Engine) -> None:
        self._api = api
        self._engine = engine
        self._due: dict[Key, Due] = {}

    def start(self) -> None:
        """Every event there is, and will be, has its hour."""
        self._api.watch("Event", self._seen)

    def _seen(self, change: Change, event: Object) -> None:
        key = key_of(event)
        due = self._due.pop(key, None)
        if due is not None:
            due.cancel()
        if change != "DELETED":
            self._due[key] = self._engine.call_later(_TIME_TO_LIVE, lambda: self._expire(key))

    def _expire(self, key: Key) -> None:
        self._api.delete("Event", *key)
