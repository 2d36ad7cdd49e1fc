"""Undoes one entry of a ledger, from nothing but the entry and the cluster; safe to repeat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chaoskit import kube, rollouts
from chaoskit.acts import engine, fields, readiness, resize, rollout
from chaoskit.acts.courses import Course
from chaoskit.acts.doubts import LATE
from chaoskit.acts.entries import SPOILT, Entry, Undone
from chaoskit.acts.means import Means
from chaoskit.acts.trail import ENGINE, Trail, find
from chaoskit.errors import ChaoskitError, Conflict, NotFound, Unavailable
from chaoskit.ports.cluster import Cluster, Object, ObjectRef

IN_DOUBT = f"the server may do yet what nobody heard an answer to: looked at for {LATE:.0f} s"

WAITS = {
    ENGINE: "its end is waited for",
    readiness.KIND: "waited for until it is Ready",
    resize.KIND: "waited for until its node gives it its own resources",
}
"""What is said of an undo that takes its time, by kind; of all others that it is waited for."""

_MADE = frozenset({"created", ENGINE})
"""Kinds of what is not there before it is done."""

_TRIES = 4
_PATIENCE = 60.0


def undo(means: Means, entry: Entry) -> Course[Undone]:
    """What became of the entry: with another fate than ``left`` nothing is owed any more.

    Raises:
        Unavailable: the server does not answer.
    """
    way = _WAYS.get(entry.kind)
    if way is None:
        return _left(entry, f"nobody here knows how to undo {entry.kind!r}")
    try:
        found = way(means, entry)
        return found if isinstance(found, Undone) else (yield from found)
    except NotFound as error:
        if entry.kind == ENGINE:  # of what it made one thing went while it was looked at
            return _left(entry, str(error))
        return Undone("gone", f"{entry.target} is not there")
    except Unavailable:
        raise
    except ChaoskitError as error:
        return _left(entry, str(error))
    except SPOILT as error:  # it is owed still, and must not stop the others
        return _left(entry, f"its entry cannot be read ({type(error).__name__}: {error})")


def stands(cluster: Cluster, entry: Entry) -> bool:
    """Whether the target holds now what the entry is the undo of."""
    if entry.kind in _MADE:
        return _there(cluster, entry)
    body = kube.found(cluster, entry.target)
    return body is not None and _holds(body, entry)


def may_come(cluster: Cluster, entry: Entry) -> bool:
    """Whether what an entry in doubt is the undo of is not there, but may be yet.

    Nothing comes to an object that is gone, that very one: what there may be of its name is another one.
    """
    if entry.kind in _MADE:
        return not _there(cluster, entry)
    body = kube.found(cluster, entry.target)
    return not entry.target.uid if body is None else not _holds(body, entry)


def _holds(body: Object, entry: Entry) -> bool:
    found = fields.value_at(body, entry.path)
    match entry.kind:
        case "field":
            return bool(found == entry.after)
        case "element":
            return any(entry.after.items() <= each.items() for each in found or ())
        case rollout.KIND:
            return rollouts.fingerprint(found) == str(entry.after)
    return entry.kind == resize.KIND and resize.stands(body, entry.after)


def _left(entry: Entry, why: str) -> Undone:
    return Undone("left", f"{entry.target}: {why}")


def _created(means: Means, entry: Entry) -> Course[Undone]:
    made = _made(means.cluster, entry)
    if made is None:
        return Undone("not ours", f"{entry.target} is another one, made by others: it stays")
    means.cluster.delete(made)
    if (yield from means.within(_PATIENCE, lambda: not _there(means.cluster, entry))):
        return Undone("restored", f"{entry.target} removed")
    return Undone("left", f"{entry.target} is still there, marked for deletion")


def _there(cluster: Cluster, entry: Entry) -> bool:
    if entry.kind == ENGINE:
        return find(cluster, Trail.of(entry)) is not None
    try:
        return _made(cluster, entry) is not None
    except NotFound:
        return False


def _made(cluster: Cluster, entry: Entry) -> ObjectRef | None:
    """The very object that the run made; None when somebody else made one of its name."""
    body = cluster.get(entry.target)
    mine = kube.labels_of(body).get(kube.RUN_LABEL) == entry.after
    return kube.ref_of(body, entry.target.kind) if mine else None


def _field(means: Means, entry: Entry) -> Undone:
    last: Any = None

    def restored(present: Any) -> Any:
        nonlocal last
        last = present
        return entry.before if present == entry.after else present

    where = f"{entry.target} {'.'.join(entry.path)}"
    changed = fields.set_at(means.cluster, means.clock, entry.target, entry.path, restored)
    if last in (entry.before, entry.after):
        return Undone("restored" if changed else "as before", f"{where} is as before")
    return Undone("not ours", f"{where} was changed by others since: it stays as it is")


def _element(means: Means, entry: Entry) -> Undone:
    def without(present: Any) -> Any:
        kept = [each for each in present or () if not entry.after.items() <= each.items()]
        return (kept or None) if len(kept) != len(present or ()) else present

    fields.set_at(means.cluster, means.clock, entry.target, entry.path, without)
    return Undone("restored", f"{entry.target} has no {_spelled(entry.after)} in {'.'.join(entry.path)}")


def _spelled(element: Mapping[str, Any]) -> str:
    return " ".join(f"{key} {value}" for key, value in element.items())


def _rollout(means: Means, entry: Entry) -> Undone:
    for _ in range(_TRIES):
        try:
            return rollout.undo(means.cluster, entry)
        except Conflict:
            means.clock.sleep(0.2)
    return _left(entry, "its template changes faster than it can be restored")


def _resize(means: Means, entry: Entry) -> Course[Undone]:
    undone, why = resize.undo(means.cluster, entry), ""

    def given() -> bool:
        nonlocal why
        why = resize.held_back(means.cluster.get(entry.target), entry)
        return not why

    if (yield from means.until(given)):
        return undone
    return _left(entry, f"its node does not give it its own resources, which a new pod has: {why}")


def _engine(means: Means, entry: Entry) -> Course[Undone]:
    left = yield from engine.ending(means, Trail.of(entry))
    means.nodes.anew()  # until now it may have hit them
    if left:
        return Undone("left", "; ".join(left))
    return Undone("restored", f"{entry.target} ended, nothing of it is left")


_WAYS: dict[str, Callable[[Means, Entry], Undone | Course[Undone]]] = {
    "created": _created,
    "field": _field,
    "element": _element,
    rollout.KIND: _rollout,
    resize.KIND: _resize,
    readiness.KIND: readiness.undo,
    ENGINE: _engine,
}
