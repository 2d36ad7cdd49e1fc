"""Which cluster a record is of: its name is for people, what tells it from others is its identity.

Records of versions that kept the name alone are of the cluster that is called so, as they were then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chaoskit.errors import ChaoskitError
from chaoskit.ports.cluster import Cluster, Identity
from chaoskit.ports.store import Store

NOWHERE = Identity("", "", "")
"""No cluster: of what was foreseen in files."""

FIELDS = ("cluster", "cluster_uid", "cluster_address")
"""Fields of a record that say which cluster it is of."""

Where = Mapping[str, Any]


def known(cluster: Cluster) -> Identity:
    """Which cluster it is, by its name alone where it cannot be asked now; asked once in a connection."""
    try:
        return cluster.identity()
    except ChaoskitError:
        return Identity(cluster.name, "", "")


def fields(which: Identity) -> dict[str, Any]:
    """The fields of a record of that cluster; of one that is known by its name alone the others are None."""
    values = (which.uid, which.address) if which.key else (None, None)
    return dict(zip(FIELDS, (which.name, *values), strict=True))


def of(record: Mapping[str, Any]) -> Identity:
    """The cluster that a kept record is of."""
    name, uid, address = (str(record.get(each) or "") for each in FIELDS)
    return Identity(name, uid, address)


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two kept records are of one cluster (`Identity.same`)."""
    return of(one).same(of(other))


def told_apart(every: Iterable[Identity]) -> dict[Identity, str]:
    """For each what is alike for those of one cluster, by all that these know.

    One that says too little, so that it fits several clusters that are not one another, is alone: nobody
    knows whose it is.
    """
    return {each: min(fits) if len(fits) == 1 else str(each) for each, fits in fitting(every).items()}


def fitting(every: Iterable[Identity]) -> dict[Identity, frozenset[str]]:
    """For each the clusters that it may be, by all that these know: one, or several where it says too little.

    What is known by its uid is that one; what is like nothing else is a cluster of its own.
    """
    whole = {*every}
    found = {each: frozenset({each.uid}) for each in whole if each.uid}
    for which in sorted(whole - {*found}, key=lambda each: bool(each.address), reverse=True):
        fits = frozenset[str]().union(*(those for other, those in found.items() if other.same(which)))
        found[which] = fits or frozenset({str(which)})
    return found


def others(store: Store, runs: Iterable[Mapping[str, Any]]) -> frozenset[Identity]:
    """The clusters of all runs that are kept, where they tell whose one of these is; else none.

    A run that knows its uid is of that cluster, whatever else there is: for such ones no record is read.
    """
    if all(of(run).uid for run in runs):
        return frozenset()
    return frozenset(map(of, store.find("run", fields=FIELDS)))


def wheres(*every: Identity) -> tuple[Where, ...]:
    """What fields of a record must be for it to be of the `same` cluster as one of these; one will do."""
    found = (each for which in every for each in _wheres(which))
    return tuple({tuple(each.items()): each for each in found}.values())


def _wheres(which: Identity) -> tuple[Where, ...]:
    name, uid, address = FIELDS
    if not which.key:
        return ({name: which.name},)
    by_name = {address: None, name: which.name}
    if not which.uid:
        return ({address: which.address, name: which.name}, by_name)
    return ({uid: which.uid}, {uid: "", address: which.address, name: which.name}, by_name)


def called(store: Store, word: str) -> frozenset[Identity]:
    """Every cluster that records know by this name, uid or address, and what is known by that name alone."""
    found = store.find(any_of=[{field: word} for field in FIELDS], fields=FIELDS)
    return frozenset({Identity(word, "", ""), *map(of, found)})
