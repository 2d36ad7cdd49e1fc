"""Events as controllers, kubelet and scheduler leave them: the same thing again raises a count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


class _Correlator:
    """What was said in the last hour, so that the same thing again raises a count instead."""

    def __init__(self, api: Api, engine: Engine) -> None:
        self._api = api
        self._engine = engine
        self._known: dict[tuple[str, ...], tuple[str, int, float]] = {}

    def _again(self, key: tuple[str, ...], namespace: str, change: Callable[[int], Object]) -> bool:
        """True when the event of `key` was there, and is changed to tell of so many."""
        now = self._engine.now()
        while self._known and now - next(iter(self._known.values()))[2] >= _FORGET:
            del self._known[next(iter(self._known))]  # kept in the order of their last change
        name, count, _ = self._known.pop(key, ("", 0, 0.0))
        if not name or not patch_quietly(self._api, namespace, name, change(count + 1)):
            return False
        self._known[key] = (name, count + 1, now)
        return True

    def _name(self, involved: Object) -> str:
        unique = int(self._engine.now() * 1e9) + self._engine.random.randrange(1_000_000)
        return f"{involved['name']}.{unique:x}"


class Recorder(_Correlator):
    """Leaves events in the name of one component (``kubelet`` on a host, ``deployment-controller``)."""

    def __init__(self, api: Api, engine: Engine, component: str, host: str = "") -> None:
        super().__init__(api, engine)
        self._component = component
        self._host = host

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
        namespace, stamp = involved.get("namespace", "default"), timestamp(self._engine.now())
        if self._again(key, namespace, lambda count: {"count": count, "lastTimestamp": stamp}):
            return
        name, source = self._name(involved), {"component": self._component}
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
            self._known[key] = (name, 1, self._engine.now())


class SchedulerRecorder(_Correlator):
    """Leaves events of the newer form (``eventTime``, ``action``, ``series``), as the scheduler does."""

    def event(self, about: Mapping[str, Any], kind: str, reason: str, action: str, message: str) -> None:
        """An event about a pod exists, in the name of ``default-scheduler``, or its series went on."""
        involved, stamp = reference(about), micro_timestamp(self._engine.now())
        key, namespace = (involved["uid"], reason, message), involved["namespace"]
        if self._again(key, namespace, lambda count: {"series": {"count": count, "lastObservedTime": stamp}}):
            return
        name = self._name(involved)
        body = {
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "source": {},
            "firstTimestamp": None,
            "lastTimestamp": None,
            "type": kind,
            "eventTime": stamp,
            "action": action,
            "reportingComponent": "default-scheduler",
            "reportingInstance": "default-scheduler-node-1",
        }
        if create_quietly(self._api, body) and reason != "Scheduled":  # that happens once to a pod
            self._known[key] = (name, 1, self._engine.now())


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
