"""Undoes one entry of a ledger, from nothing but the entry and the cluster; safe to repeat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chaoskit import kube
from chaoskit.acts import engine, rollout
from chaoskit.acts.entries import Entry
from chaoskit.acts.replacing import Hands
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, Conflict, NotFound, TakenOver
from chaoskit.ports.cluster import Cluster, Object, ObjectRef

_TRIES = 4
_PATIENCE = 60.0

Keep = Callable[[], None]
"""Called again and again while an undo waits, so that the ledger's lease does not expire meanwhile."""

Tell = Callable[[str], None]
"""Hears in words what an undo had to do beside putting things back."""


def undo(
    cluster: Cluster,
    clock: Clock,
    entry: Entry,
    *,
    keep: Keep = lambda: None,
    tell: Tell = lambda _words: None,
) -> str:
    """What is left, in words; empty when the entry is undone or was never done.

    Raises:
        TakenOver: `keep` found that another process holds the ledger.
    """
    way = _WAYS.get(entry.kind)
    if way is None:
        return f"{entry.target}: nobody here knows how to undo {entry.kind!r}"
    try:
        return way(Hands(cluster, clock, keep, tell), entry)
    except TakenOver:
        raise
    except ChaoskitError as error:
        return f"{entry.target}: {error}"
    except (KeyError, TypeError, ValueError) as error:
        # Written by another version or by hand: it is owed still, and must not stop the others.
        return f"{entry.target}: its entry cannot be read ({type(error).__name__}: {error})"


def words(entry: Entry) -> str:
    """What undoing the entry means, in words."""
    match entry.kind:
        case "created":
            return f"{entry.target} removed"
        case "field":
            return f"{entry.target} {'.'.join(entry.path)} is as before"
        case "element":
            return f"{entry.target} has no {_spelled(entry.after)} in {'.'.join(entry.path)}"
        case rollout.KIND:
            return f"{entry.target} has the pod template of {entry.before} again"
        case "litmus-engine":
            return f"{entry.target} ended, nothing of it is left"
        case _:
            return f"{entry.kind} of {entry.target} undone"


def _created(hands: Hands, entry: Entry) -> str:
    made = _made(hands.cluster, entry)
    if made is None:
        return ""
    hands.cluster.delete(made)
    until = hands.clock.monotonic() + _PATIENCE
    while _made(hands.cluster, entry) is not None:
        if hands.clock.monotonic() >= until:
            return f"{entry.target} is still there, marked for deletion"
        hands.keep()
        hands.clock.sleep(0.5)
    return ""


def _made(cluster: Cluster, entry: Entry) -> ObjectRef | None:
    """The very object that the run made; None when it is gone, or when somebody else made one of its name."""
    try:
        body = cluster.get(entry.target)
    except NotFound:
        return None
    return (
        kube.ref_of(body, entry.target.kind)
        if kube.labels_of(body).get(kube.RUN_LABEL) == entry.after
        else None
    )


def _field(hands: Hands, entry: Entry) -> str:
    def restored(present: Any) -> Any:
        # Somebody else's value by now, or never changed: not ours to restore.
        return entry.before if present == entry.after else present

    return _set(hands, entry, restored)


def _element(hands: Hands, entry: Entry) -> str:
    def without(present: Any) -> Any:
        kept = [each for each in present or () if not entry.after.items() <= each.items()]
        return (kept or None) if len(kept) != len(present or ()) else present

    return _set(hands, entry, without)


def _set(hands: Hands, entry: Entry, restored: Callable[[Any], Any]) -> str:
    """The value at the entry's path is what `restored` makes of the present one."""
    for _ in range(_TRIES):
        try:
            body = hands.cluster.get(entry.target)
        except NotFound:
            return ""
        present = _at(body, entry.path)
        wanted = restored(present)
        if wanted == present:
            return ""
        try:
            patch = _setting(entry.path, wanted, body["metadata"]["resourceVersion"])
            hands.cluster.patch(entry.target, patch, type="json")
        except Conflict:
            hands.clock.sleep(0.2)
            continue
        return ""
    return f"{entry.target}: {'.'.join(entry.path)} changes faster than it can be restored"


def _at(body: Object, path: tuple[str, ...]) -> Any:
    found: Any = body
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _setting(path: tuple[str, ...], value: Any, version: str) -> list[dict[str, Any]]:
    """A JSON patch, which replaces mappings whole; naming the version makes it conditional."""
    pointer = "/" + "/".join(step.replace("~", "~0").replace("/", "~1") for step in path)
    step = {"op": "remove", "path": pointer}
    if value is not None:
        step = {"op": "add", "path": pointer, "value": value}
    return [{"op": "replace", "path": "/metadata/resourceVersion", "value": version}, step]


def _spelled(element: Mapping[str, Any]) -> str:
    return " ".join(f"{key} {value}" for key, value in element.items())


def _rollout(hands: Hands, entry: Entry) -> str:
    for _ in range(_TRIES):
        try:
            return rollout.undo(hands.cluster, entry)
        except NotFound:
            return ""
        except Conflict:
            hands.clock.sleep(0.2)
    return f"{entry.target}: its template changes faster than it can be restored"


def _engine(hands: Hands, entry: Entry) -> str:
    trail = engine.Trail.of(entry)
    return "; ".join(engine.end(hands.cluster, hands.clock, trail, keep=hands.keep, tell=hands.tell))


_WAYS: dict[str, Callable[[Hands, Entry], str]] = {
    "created": _created,
    "field": _field,
    "element": _element,
    rollout.KIND: _rollout,
    "litmus-engine": _engine,
}
