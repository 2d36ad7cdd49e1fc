"""The garbage collector: what is owned goes when its owners are gone, before them, or stays, as asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chaoskit.simulator.api import Api, ApiError, Change, Object
from chaoskit.simulator.controllers.base import Key, Reconciler
from chaoskit.simulator.controllers.kinds import Kinds
from chaoskit.simulator.engine import Engine

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
_IGNORED = frozenset({"Event"})
"""Events own nothing, are owned by nothing, and are many."""


@dataclass(frozen=True, slots=True)
class Owner:
    """One owner reference."""

    kind: str
    name: str
    uid: str
    blocks: bool


@dataclass(frozen=True, slots=True)
class Item:
    """What the collector keeps of an object."""

    kind: str
    namespace: str
    name: str
    uid: str
    owners: tuple[Owner, ...]
    finalizers: frozenset[str]
    deleted: bool

    @property
    def waits_for_dependents(self) -> bool:
        """True while the object is being deleted in the foreground."""
        return self.deleted and FOREGROUND in self.finalizers


class Garbage:
    """Watches every kind, and deletes, orphans or lets go."""

    def __init__(self, api: Api, engine: Engine, kinds: Kinds) -> None:
        self._api = api
        self._items: dict[str, Item] = {}
        self._dependents: dict[str, set[str]] = {}
        self._queue = Reconciler(engine, self._reconcile)
        self._kinds = kinds

    def start(self) -> None:
        """Everything there is, and will be, is under the collector's eyes."""
        self._kinds.each(self._follow)

    def _follow(self, kind: str) -> None:
        if kind not in _IGNORED:
            self._api.watch(kind, lambda change, body: self._seen(kind, change, body))

    def _seen(self, kind: str, change: Change, body: Object) -> None:
        item = item_of(kind, body)
        known = self._items.get(item.uid)
        if known == item and change != "DELETED":
            return
        self._unlink(known)
        if change == "DELETED":
            self._items.pop(item.uid, None)
            self._look_at(self._dependents.get(item.uid, ()), item.owners)
            return
        self._items[item.uid] = item
        for owner in item.owners:
            self._dependents.setdefault(owner.uid, set()).add(item.uid)
        if item.owners or (item.deleted and item.finalizers & {FOREGROUND, ORPHAN}):
            self._queue.enqueue(("", item.uid))
        if item.waits_for_dependents:
            self._look_at(self._dependents.get(item.uid, ()), ())

    def _look_at(self, dependents: set[str] | tuple[()], owners: tuple[Owner, ...]) -> None:
        for uid in sorted(dependents):
            self._queue.enqueue(("", uid))
        for owner in owners:
            known = self._items.get(owner.uid)
            if known is not None and known.waits_for_dependents:
                self._queue.enqueue(("", owner.uid))

    def _unlink(self, item: Item | None) -> None:
        for owner in item.owners if item is not None else ():
            there = self._dependents.get(owner.uid)
            if there is not None and item is not None:
                there.discard(item.uid)
                if not there:
                    del self._dependents[owner.uid]

    def _reconcile(self, key: Key) -> None:
        item = self._items.get(key[1])
        if item is None:
            return
        if item.deleted and ORPHAN in item.finalizers:
            self._orphan(item)
        elif item.waits_for_dependents:
            self._wait_for_dependents(item)
        elif item.owners and not item.deleted:
            self._collect(item)

    def _dependents_of(self, item: Item) -> list[Item]:
        return [self._items[uid] for uid in sorted(self._dependents.get(item.uid, ()))]

    def _orphan(self, item: Item) -> None:
        for dependent in self._dependents_of(item):
            self._set_owners(dependent, lambda owner: owner["uid"] != item.uid)
        self._let_go(item, ORPHAN)

    def _wait_for_dependents(self, item: Item) -> None:
        for dependent in self._dependents_of(item):
            if any(owner.uid == item.uid and owner.blocks for owner in dependent.owners):
                return
        self._let_go(item, FOREGROUND)

    def _collect(self, item: Item) -> None:
        """Deletes the object when no owner is left that would keep it."""
        alive = {owner.uid for owner in item.owners if self._keeps(item, owner)}
        waiting = [o for o in item.owners if o.uid not in alive and o.uid in self._items]
        if alive:
            if len(alive) < len(item.owners):
                self._set_owners(item, lambda owner: owner["uid"] in alive)
            return
        in_front = bool(waiting) and bool(self._dependents.get(item.uid))
        self._delete(item, "Foreground" if in_front else "Background")

    def _keeps(self, item: Item, owner: Owner) -> bool:
        known = self._items.get(owner.uid)
        if known is not None:
            return not known.waits_for_dependents
        return self._is_there(item, owner)

    def _is_there(self, item: Item, owner: Owner) -> bool:
        """Asks the API, for the watch may not have told of the owner yet."""
        for namespace in (item.namespace, None):
            try:
                found = self._api.get(owner.kind, namespace, owner.name)
            except ApiError:
                return True  # a kind that is not served: nobody can say that the owner is gone
            if found is not None and found["metadata"]["uid"] == owner.uid:
                return True
        return False

    def _delete(self, item: Item, propagation: str) -> None:
        where = item.namespace or None, item.name
        self._api.delete(item.kind, *where, propagation=propagation, uid=item.uid)

    def _set_owners(self, item: Item, keep: Callable[[Object], bool]) -> None:
        body = self._api.get(item.kind, item.namespace or None, item.name)
        if body is None or body["metadata"]["uid"] != item.uid:
            return
        left = [owner for owner in body["metadata"].get("ownerReferences") or () if keep(owner)]
        change = {"metadata": {"ownerReferences": left or None}}
        self._api.patch(item.kind, item.namespace or None, item.name, change)

    def _let_go(self, item: Item, finalizer: str) -> None:
        body = self._api.get(item.kind, item.namespace or None, item.name)
        if body is None or body["metadata"]["uid"] != item.uid:
            return
        left = [name for name in body["metadata"].get("finalizers") or () if name != finalizer]
        change = {"metadata": {"finalizers": left or None}}
        self._api.patch(item.kind, item.namespace or None, item.name, change)


def item_of(kind: str, body: Object) -> Item:
    """What the collector keeps of an object."""
    meta = body["metadata"]
    return Item(
        kind=kind,
        namespace=meta.get("namespace", ""),
        name=meta["name"],
        uid=meta["uid"],
        owners=tuple(_owner(reference) for reference in meta.get("ownerReferences") or ()),
        finalizers=frozenset(meta.get("finalizers") or ()),
        deleted="deletionTimestamp" in meta,
    )


def _owner(reference: Object) -> Owner:
    group = reference["apiVersion"].rpartition("/")[0]
    return Owner(
        kind=f"{reference['kind']}.{group}" if group else reference["kind"],
        name=reference["name"],
        uid=reference["uid"],
        blocks=bool(reference.get("blockOwnerDeletion")),
    )
