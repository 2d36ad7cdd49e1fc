"""People know what a dead act left that nobody could undo: once while it is owed, and when it no more is."""

from __future__ import annotations

from chaoskit import clusters
from chaoskit.acts.accounts import account_of
from chaoskit.acts.rescue import Rescued
from chaoskit.errors import ChaoskitError, NotFound
from chaoskit.events import Listener, Step, Warned
from chaoskit.flows.world import World
from chaoskit.ports.cluster import Cluster, ObjectRef
from chaoskit.recovery import told
from chaoskit.recovery.escalation import People
from chaoskit.recovery.told import Matter

AGAIN = 4 * 3600.0
"""Seconds after which people are told once more of what is owed still."""


def heed(world: World, rescued: Rescued, listen: Listener) -> None:
    """Whoever is to know knows what the dead act left, or that it is undone by now.

    It is nobody else's to tell: what it keeps others from is only its effect. Where nobody could be told, the
    listener is, and the next rescue tries again.
    """
    matter = Matter.of_owed(rescued.account, clusters.known(world.cluster))
    people, clock = People(world.cluster, world.clock, world.notifier, world.secrets), world.clock
    try:
        if not rescued.undo.left:
            if (known := told.look(world.cluster, matter)) is not None:
                people.all_clear(known, "it is by now")
        elif people.known(matter, AGAIN) is None:
            said = people.tell(matter, rescued.words, "critical", rescued.account.id, again=AGAIN)
            listen(Step(clock.now(), "escalation", "done", f"{matter.title}: {said}"))
    except ChaoskitError as error:
        listen(Warned(clock.now(), f"{matter.title}: nobody was told: {error.message}"))


def is_owed(cluster: Cluster, ledger: ObjectRef) -> bool | None:
    """Whether the ledger owes something: nobody ended it, or removed it by hand. None: nobody can tell."""
    try:
        return account_of(cluster.get(ledger)).state == "active"
    except NotFound:
        return False
    except ChaoskitError:
        return None
