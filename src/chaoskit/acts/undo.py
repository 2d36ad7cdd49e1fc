"""Undoes one entry of a ledger, from nothing but the entry and the cluster; safe to repeat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from math import inf
from typing import Any

from chaoskit import kube
from chaoskit.acts import engine, fields, resize, rollout
from chaoskit.acts.entries import Entry
from chaoskit.acts.replacing import Hands
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, Conflict, NotFound, TakenOver, Unavailable
from chaoskit.ports.cluster import Cluster, ObjectRef

_TRIES = 4
_PATIENCE = 60.0
_AGAIN = 2.0

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
    until: float = -inf,
) -> str:
    """What is left, in words; empty when the entry is undone or was never done.

    A server that does not answer is asked again `until` that moment of the clock's `monotonic`.

    Raises:
        TakenOver: `keep` found that another process holds the ledger.
    """
    way = _WAYS.get(entry.kind)
    if way is None:
        return f"{entry.target}: nobody here knows how to undo {entry.kind!r}"
    while True:
        try:
            return way(Hands(cluster, clock, keep, tell), entry)
        except TakenOver:
            raise
        except ChaoskitError as error:
            if not isinstance(error, Unavailable) or clock.monotonic() >= until:
                return f"{entry.target}: {error}"
        except (KeyError, TypeError, ValueError) as error:
            # Written by another version or by hand: it is owed still, and must not stop the others.
            return f"{entry.target}: its entry cannot be read ({type(error).__name__}: {error})"
        clock.sleep(_AGAIN)
        keep()


def words(entry: Entry) -> str:
    """What undoing the entry means, in words."""
    told = _WORDS.get(entry.kind)
    return told(entry) if told is not None else f"{entry.kind} of {entry.target} undone"


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
    with suppress(NotFound):
        fields.set_at(hands.cluster, hands.clock, entry.target, entry.path, restored)
    return ""


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
    resize.KIND: lambda hands, entry: resize.undo(hands.cluster, entry),
    "litmus-engine": _engine,
}

_WORDS: dict[str, Callable[[Entry], str]] = {
    "created": lambda entry: f"{entry.target} removed",
    "field": lambda entry: f"{entry.target} {'.'.join(entry.path)} is as before",
    "element": lambda entry: f"{entry.target} has no {_spelled(entry.after)} in {'.'.join(entry.path)}",
    rollout.KIND: lambda entry: f"{entry.target} has the pod template of {entry.before} again",
    resize.KIND: lambda entry: f"{entry.target} has its own resources again",
    "litmus-engine": lambda entry: f"{entry.target} ended, nothing of it is left",
}
