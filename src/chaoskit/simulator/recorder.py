"""Events as controllers, kubelet and scheduler leave them: the same thing again raises a count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaoskit.simulator.api import Api, ApiError, Object
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.objects import micro_timestamp, timestamp

_FORGET = 3600.0
"""Events live an hour, as in an API server with its default ``--event-ttl``; then the count starts anew."""


def reference(about: Mapping[str, Any], field_path: str = "") -> Object:
    """The ``involvedObject`` that points at an object, or at a field of it."""
    meta = about["metadata"]
    found = {
        "kind": about["kind"],
        "namespace": meta.get("namespace", ""),
        "name": meta["name"],
        "uid": meta.get("uid", ""),
        "apiVersion": about["apiVersion"],
        "resourceVersion": meta.get("resourceVersion", ""),
        "fieldPath": field_path,
    }
    return {key: value for key, value in found.items() if value}


class Recorder:
    """Leaves events in the name of one component (``kubelet`` on a host, ``deployment-controller``)."""

    def __init__(self, api: Api, engine: Engine, component: str, host: str = "") -> None:
        self._api = api
        self._engine = engine
        self._component = component
        self._host = host
        self._known: dict[tuple[str, ...], tuple[str, str, int, float]] = {}

    def event(
        self,
        about: Mapping[str, Any],
        kind: str,
        reason: str,
        message: str,
        field_path: str = "",
    ) -> None:
        """A ``Normal`` or ``Warning`` event about an object exists, or its count went up by one."""
        involved = reference(about, field_path)
        key = (involved["uid"], field_path, kind, reason, message)
        now = self._engine.now()
        self._forget(now)
        if key not in self._known or not self._again(key, now):
            self._first(key, involved, kind, reason, message, now)

    def _again(self, key: tuple[str, ...], now: float) -> bool:
        namespace, name, count, _ = self._known.pop(key)
        change = {"count": count + 1, "lastTimestamp": timestamp(now)}
        if not patch_quietly(self._api, namespace, name, change):
            return False
        self._known[key] = (namespace, name, count + 1, now)
        return True

    def _first(
        self, key: tuple[str, ...], involved: Object, kind: str, reason: str, message: str, now: float
    ) -> None:
        namespace = involved.get("namespace", "default")
        name = f"{involved['name']}.{self._unique(now):x}"
        stamp = timestamp(now)
        source = {"component": self._component}
        body = {
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "source": source | ({"host": self._host} if self._host else {}),
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
            "type": kind,
            "eventTime": None,
            "reportingComponent": self._component,
            "reportingInstance": self._host,
        }
        if create_quietly(self._api, body):
            self._known[key] = (namespace, name, 1, now)

    def _unique(self, now: float) -> int:
        return int(now * 1e9) + self._engine.random.randrange(1_000_000)

    def _forget(self, now: float) -> None:
        """Known events are kept in the order of their last change, so the old ones come first."""
        while self._known:
            key = next(iter(self._known))
            if now - self._known[key][3] < _FORGET:
                return
            del self._known[key]


class SchedulerRecorder:
    """Leaves events of the newer form (``eventTime``, ``action``, ``series``), as the scheduler does."""

    def __init__(self, api: Api, engine: Engine) -> None:
        self._api = api
        self._engine = engine
        self._known: dict[tuple[str, str, str], tuple[str, int, float]] = {}

    def event(self, about: Mapping[str, Any], kind: str, reason: str, action: str, message: str) -> None:
        """An event about a pod exists, in the name of ``default-scheduler``, or its series went on."""
        now = self._engine.now()
        meta = about["metadata"]
        key = (meta["uid"], reason, message)
        self._forget(now)
        if key in self._known:
            name, count, _ = self._known.pop(key)
            series = {"count": count + 1, "lastObservedTime": micro_timestamp(now)}
            if patch_quietly(self._api, meta["namespace"], name, {"series": series}):
                self._known[key] = (name, count + 1, now)
                return
        unique = int(now * 1e9) + self._engine.random.randrange(1_000_000)
        body = {
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": {"name": f"{meta['name']}.{unique:x}", "namespace": meta["namespace"]},
            "involvedObject": reference(about),
            "reason": reason,
            "message": message,
            "source": {},
            "firstTimestamp": None,
            "lastTimestamp": None,
            "type": kind,
            "eventTime": micro_timestamp(now),
            "action": action,
            "reportingComponent": "default-scheduler",
            "reportingInstance": "default-scheduler-node-1",
        }
        if create_quietly(self._api, body) and reason != "Scheduled":  # that happens once to a pod
            self._known[key] = (f"{meta['name']}.{unique:x}", 1, now)

    def _forget(self, now: float) -> None:
        while self._known:
            key = next(iter(self._known))
            if now - self._known[key][2] < _FORGET:
                return
            del self._known[key]


def create_quietly(api: Api, event: Object) -> bool:
    """True when the event was stored; in a namespace that is going away it is dropped, as everywhere."""
    try:
        api.create(event)
    except ApiError as error:
        if error.code not in (403, 404):
            raise
        return False
    return True


def patch_quietly(api: Api, namespace: str, name: str, change: Object) -> bool:
    """True when the event was changed; False when it is gone."""
    try:
        api.patch("Event", namespace, name, change)
    except ApiError as error:
        if error.code != 404:
            raise
        return False
    return True
