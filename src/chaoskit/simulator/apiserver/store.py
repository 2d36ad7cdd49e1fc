"""Versioned objects with a bounded history: what a server keeps in etcd and its watch cache."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaoskit.simulator.api import Change
from chaoskit.simulator.objects import Object

FIRST_REVISION = 1000
"""A cluster is never brand-new: an old revision such as 1 is always forgotten (410)."""
HISTORY = 1000
"""Changes remembered for each resource."""

Key = tuple[str, str]


class Version:
    """One version of one object. Shared by all its readers: nobody changes `object`."""

    __slots__ = ("_json", "object", "revision")

    def __init__(self, obj: Object, revision: int) -> None:
        self.object = obj
        self.revision = revision
        self._json: bytes | None = None

    @property
    def namespace(self) -> str:
        """Empty for what is not in a namespace."""
        namespace: str = self.object["metadata"].get("namespace", "")
        return namespace

    @property
    def name(self) -> str:
        """``metadata.name``."""
        name: str = self.object["metadata"]["name"]
        return name

    @property
    def json(self) -> bytes:
        """The object as JSON without kind and apiVersion, serialised once."""
        if self._json is None:
            rest = {k: v for k, v in self.object.items() if k not in {"kind", "apiVersion"}}
            self._json = dumps(rest)
        return self._json


def dumps(value: Any) -> bytes:
    """`value` as compact UTF-8 JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Changed:
    """One change: what the object was (None when it was made) and is (as it was when it is gone)."""

    type: Change
    version: Version
    before: Version | None

    @property
    def revision(self) -> int:
        """The revision that the change made."""
        return self.version.revision


class Forgotten(LookupError):
    """The history no longer reaches back to that revision."""


@dataclass(slots=True)
class _Shelf:
    """All objects of one resource, and what happened to them lately."""

    objects: dict[Key, Version] = field(default_factory=dict)
    history: deque[Changed] = field(default_factory=lambda: deque(maxlen=HISTORY))
    horizon: int = FIRST_REVISION
    listeners: list[Callable[[Changed], None]] = field(default_factory=list)


class Store:
    """Objects by resource key (``Pod``, ``Deployment.apps``). Its user holds the engine's lock."""

    def __init__(self) -> None:
        self.revision = FIRST_REVISION
        self._shelves: dict[str, _Shelf] = {}

    def get(self, key: str, namespace: str, name: str) -> Version | None:
        """The present version of one object."""
        return self._shelf(key).objects.get((namespace, name))

    def list(self, key: str, namespace: str | None = None) -> Sequence[Version]:
        """Present versions by namespace and name; `namespace` None means everywhere."""
        return _ordered(self._shelf(key).objects.values(), namespace)

    def list_at(self, key: str, namespace: str | None, revision: int) -> Sequence[Version]:
        """What `list` gave at an earlier revision; `Forgotten` when it is too long ago."""
        shelf = self._shelf(key)
        self._check(shelf, revision)
        objects = dict(shelf.objects)
        for change in reversed(shelf.history):
            if change.revision <= revision:
                break
            where = (change.version.namespace, change.version.name)
            if change.before is None:
                objects.pop(where, None)
            else:
                objects[where] = change.before
        return _ordered(objects.values(), namespace)

    def since(self, key: str, revision: int) -> Sequence[Changed]:
        """The changes after `revision`, oldest first; `Forgotten` when it is too long ago."""
        shelf = self._shelf(key)
        self._check(shelf, revision)
        later: list[Changed] = []
        for change in reversed(shelf.history):
            if change.revision <= revision:
                break
            later.append(change)
        return later[::-1]

    def horizon(self, key: str) -> int:
        """The oldest revision that `since` and `list_at` still know."""
        return self._shelf(key).horizon

    def put(self, key: str, obj: Object) -> Version:
        """`obj` is the present version, under the next revision; the store keeps it as it is."""
        shelf = self._shelf(key)
        version = self._next(obj)
        where = (version.namespace, version.name)
        before = shelf.objects.get(where)
        shelf.objects[where] = version
        self._record(shelf, Changed("MODIFIED" if before else "ADDED", version, before))
        return version

    def remove(self, key: str, namespace: str, name: str) -> Version:
        """The object is gone; what it last was, under the revision of its removal."""
        shelf = self._shelf(key)
        before = shelf.objects.pop((namespace, name))
        last = dict(before.object)
        last["metadata"] = dict(last["metadata"])
        version = self._next(last)
        self._record(shelf, Changed("DELETED", version, before))
        return version

    def listen(self, key: str, listener: Callable[[Changed], None]) -> Callable[[], None]:
        """`listener` is told of each change as it is made; call what is returned to end that."""
        listeners = self._shelf(key).listeners
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    def _shelf(self, key: str) -> _Shelf:
        shelf = self._shelves.get(key)
        if shelf is None:
            shelf = self._shelves[key] = _Shelf(horizon=FIRST_REVISION)
        return shelf

    def _next(self, obj: Object) -> Version:
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        return Version(obj, self.revision)

    @staticmethod
    def _check(shelf: _Shelf, revision: int) -> None:
        if revision < shelf.horizon:
            raise Forgotten(revision)

    @staticmethod
    def _record(shelf: _Shelf, change: Changed) -> None:
        if len(shelf.history) == HISTORY:
            shelf.horizon = shelf.history[0].revision
        shelf.history.append(change)
        for listener in tuple(shelf.listeners):
            listener(change)


def _ordered(versions: Iterable[Version], namespace: str | None) -> Sequence[Version]:
    """Sorted as etcd keys are: by namespace, then by name."""
    chosen = versions if namespace is None else (v for v in versions if v.namespace == namespace)
    return sorted(chosen, key=lambda version: (version.namespace, version.name))
