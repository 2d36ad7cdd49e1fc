"""In which turn acts are undone: of several that changed one thing the last one first."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from chaoskit.acts.accounts import Account, accounts
from chaoskit.acts.entries import Entry
from chaoskit.errors import Forbidden
from chaoskit.ports.cluster import Cluster


def begun(account: Account) -> tuple[float, str]:
    """When the act began, to sort by: by the server's one clock, by its id within a second of that."""
    return (0.0 if account.began is None else account.began.timestamp(), account.id)


def later(cluster: Cluster, account: Account) -> tuple[Account, ...]:
    """Acts in its namespace that began after it and have not ended; none where nobody may look."""
    try:
        known = accounts(cluster, account.ref.namespace)
    except Forbidden:
        return ()
    return tuple(each for each in known if each.state == "active" and begun(each) > begun(account))


def first_to_go(entries: Iterable[Entry], others: Iterable[Account]) -> Account | None:
    """The first of the others that owes something about the same as one of the entries does."""
    mine = tuple(entries)
    return next((each for each in others if any(same(a, b) for a in mine for b in each.entries)), None)


def same(one: Entry, other: Entry) -> bool:
    """Whether both are about the same part of one object, as it was or as it is now, or about all of it."""
    if dataclasses.replace(one.target, uid="") != dataclasses.replace(other.target, uid=""):
        return False
    if one.kind == other.kind == "element":
        return bool(one.after == other.after)
    return all(mine == its for mine, its in zip(one.path, other.path, strict=False))
