"""A node that was Ready: nobody starts a service on it from afar, so that is owed until it is back."""

from __future__ import annotations

from chaoskit import kube
from chaoskit.acts.courses import Course, waited
from chaoskit.acts.entries import Entry, Undone
from chaoskit.acts.means import Means
from chaoskit.ports.cluster import Object

KIND = "ready"

SETTLES = 60.0
"""Seconds after which a node that is still called Ready is so: its kubelet may be silent for 50 s."""

PATIENCE = 75.0
"""Seconds for all nodes of a ledger to be back: a service that was stopped may have been started just now."""


def owed(node: Object, service: str) -> tuple[Entry, ...]:
    """The entry for a node that will be without the service for a while; none where it is not Ready now."""
    if not kube.is_true(node, "Ready"):
        return ()
    return (Entry(KIND, kube.ref_of(node, kube.NODE), before=_since(node), after=service),)


def undo(means: Means, entry: Entry) -> Course[Undone]:
    """The node is Ready: again, or it still was after the time in which it would have been missed.

    All nodes of one ledger are waited for together, from the end of the engine that hit them.

    Raises:
        NotFound: it is gone.
    """
    began = means.nodes.since(means.clock)

    def back() -> bool:
        node = means.cluster.get(entry.target)
        was_away = _since(node) != entry.before
        return kube.is_true(node, "Ready") and (was_away or means.clock.monotonic() - began >= SETTLES)

    if (yield from waited(means.clock, began + PATIENCE, back)):
        return Undone("restored", f"{entry.target} is Ready")
    return Undone("left", f"{entry.target} is not Ready: log in and run systemctl start {entry.after}")


def _since(node: Object) -> str:
    return str((kube.condition(node, "Ready") or {}).get("lastTransitionTime") or "")
