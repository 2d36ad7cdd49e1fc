"""In which turn acts are undone: of several that changed one thing the last one first."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from chaoskit.acts import readiness
from chaoskit.acts.accounts import Account, active
from chaoskit.acts.entries import Entry
from chaoskit.acts.halt import HOME
from chaoskit.acts.trail import ENGINE
from chaoskit.errors import Forbidden
from chaoskit.ports.cluster import Cluster

_WAITED_FOR = frozenset({readiness.KIND, ENGINE})
"""Kinds whose undo puts back no value of their target."""


def begun(account: Account) -> tuple[float, str]:
    """When the act began, to sort by: by the server's one clock, by its id within a second of that."""
    return (0.0 if account.began is None else account.began.timestamp(), account.id)


def later(cluster: Cluster, account: Account) -> tuple[Account, ...]:
    """Acts that began after it and have not ended, wherever one may look.

    Those are all namespaces or, where nobody may see them at once, its own, those of what it owes, and the
    one in which acts on the whole cluster are written down.
    """
    try:
        known = active(cluster)
    except Forbidden:
        places = (account.ref.namespace, *(each.target.namespace for each in account.entries), HOME)
        known = tuple(each for place in dict.fromkeys(filter(None, places)) for each in _seen(cluster, place))
    return tuple(each for each in known if begun(each) > begun(account))


def _seen(cluster: Cluster, namespace: str) -> tuple[Account, ...]:
    try:
        return active(cluster, namespace)
    except Forbidden:
        return ()


def first_to_go(entries: Iterable[Entry], others: Iterable[Account]) -> Account | None:
    """The first of the others that owes something about the same as one of the entries does."""
    mine = tuple(entries)
    return next((each for each in others if any(same(a, b) for a in mine for b in each.entries)), None)


def ahead(entry: Entry, others: Iterable[Account]) -> str:
    """Which of the others is to be undone before the entry, in words; "" when none is."""
    other = first_to_go((entry,), others)
    return "" if other is None else f"its later change by {other.act} {other.id} is undone first"


def same(one: Entry, other: Entry) -> bool:
    """Whether both put back the same part of one object, as it was or as it is now, or all of it."""
    if {one.kind, other.kind} & _WAITED_FOR:
        return False
    if dataclasses.replace(one.target, uid="") != dataclasses.replace(other.target, uid=""):
        return False
    if one.kind == other.kind == "element":
        return bool(one.after == other.after)
    return all(mine == its for mine, its in zip(one.path, other.path, strict=False))
