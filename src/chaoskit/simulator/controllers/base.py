"""What every controller is made of: informers that know, and a queue that reconciles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chaoskit.simulator.api import Api, ApiError, Change, Object
from chaoskit.simulator.engine import Due, Engine
from chaoskit.simulator.objects import owner_of

Key = tuple[str, str]
"""Namespace (empty for what has none) and name."""
Handler = Callable[[Object | None, Object | None], None]
"""Called with what an object was (None when it is new) and is (None when it is gone)."""

_FIRST_RETRY = 0.005
_LONGEST_RETRY = 300.0
_SOON = 0.005
"""Seconds between a change and the look that it causes."""


def key_of(body: Mapping[str, Any]) -> Key:
    """Where an object is."""
    return body["metadata"].get("namespace", ""), body["metadata"]["name"]


class Informer:
    """All objects of one kind as last told by a watch. They are shared: nobody changes them."""

    def __init__(self, api: Api, kind: str) -> None:
        self._api = api
        self._kind = kind
        self._objects: dict[Key, Object] = {}
        self._indexes: dict[str, tuple[Callable[[Object], Iterable[str]], dict[str, set[Key]]]] = {}
        self._handlers: list[Handler] = []

    def start(self) -> None:
        """The informer learns what there is, and follows it."""
        self._api.watch(self._kind, self._seen)

    def on_change(self, handler: Handler) -> None:
        """`handler` is called for every change from now on; before `start`, for every object there is."""
        self._handlers.append(handler)

    def index(self, name: str, values: Callable[[Object], Iterable[str]]) -> None:
        """`find(name, value)` answers the objects for which `values` holds `value`; before `start`."""
        self._indexes.setdefault(name, (values, {}))

    def get(self, key: Key) -> Object | None:
        """The object there, if any."""
        return self._objects.get(key)

    def find(self, index: str, value: str) -> list[Object]:
        """The objects that an index has under `value`, by name."""
        keys = self._indexes[index][1].get(value, ())
        return [self._objects[key] for key in sorted(keys)]

    def all(self) -> list[Object]:
        """Every object, in the order they were made."""
        return list(self._objects.values())

    def _seen(self, change: Change, body: Object) -> None:
        key = key_of(body)
        old = self._objects.get(key)
        new = None if change == "DELETED" else body
        if new is None:
            self._objects.pop(key, None)
        else:
            self._objects[key] = new
        for values, found in self._indexes.values():
            _reindex(found, key, set(values(old) if old else ()), set(values(new) if new else ()))
        for handler in self._handlers:
            handler(old or (body if new is None else None), new)


def _reindex(found: dict[str, set[Key]], key: Key, before: set[str], after: set[str]) -> None:
    for value in before - after:
        found[value].discard(key)
        if not found[value]:
            del found[value]
    for value in after - before:
        found.setdefault(value, set()).add(key)


class Informers:
    """One informer for each kind, shared by the controllers; all start together."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._by_kind: dict[str, Informer] = {}

    def of(self, kind: str) -> Informer:
        """The informer of `kind` (``Pod``, ``Deployment.apps``)."""
        if kind not in self._by_kind:
            self._by_kind[kind] = Informer(self._api, kind)
        return self._by_kind[kind]

    def start(self) -> None:
        """All informers asked for so far learn and follow."""
        for informer in self._by_kind.values():
            informer.start()


class Reconciler:
    """A queue of keys: each is reconciled once, soon, however often it was asked for.

    A refused write (conflict, quota, a namespace going away) is tried again, later and later.
    """

    def __init__(self, engine: Engine, reconcile: Callable[[Key], None]) -> None:
        self._engine = engine
        self._reconcile = reconcile
        self._due: dict[Key, Due] = {}
        self._failures: dict[Key, int] = {}

    def enqueue(self, key: Key, seconds: float = _SOON) -> None:
        """`key` is reconciled within `seconds`; sooner when that was asked for already."""
        at = self._engine.now() + seconds
        due = self._due.get(key)
        if due is not None:
            if due.at <= at:
                return
            due.cancel()
        self._due[key] = self._engine.call_at(at, lambda: self._turn(key))

    def owner(self, kind: str, body: Mapping[str, Any]) -> None:
        """The controller of `body` is reconciled, when it is of `kind`."""
        reference = owner_of(body)
        if reference is not None and reference["kind"] == kind:
            self.enqueue((body["metadata"].get("namespace", ""), reference["name"]))

    def _turn(self, key: Key) -> None:
        del self._due[key]
        try:
            self._reconcile(key)
        except ApiError:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            self.enqueue(key, min(_FIRST_RETRY * 2**failures, _LONGEST_RETRY))
        else:
            self._failures.pop(key, None)
