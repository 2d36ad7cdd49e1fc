"""What is owed though nobody may know whether it was done; all decisions about it, pure.

What was sent and not answered is owed, what others did alike is not:

- a change that failed is owed, and in doubt, unless its failure is `harmless`, which no failure is after an
  answer that was lost (see `errors.after`);
- what was so already is nobody's to undo, unless an answer was lost before: then it is so by our own hand;
- of a dead process that is in doubt to which it may have had no answer.

Before the undo of what is in doubt says that it is not there, it is looked for until no server can do it any
more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta

from chaoskit import kube
from chaoskit.acts.entries import Entry
from chaoskit.acts.fields import Path
from chaoskit.acts.trail import ENGINE
from chaoskit.ports.cluster import ObjectRef

LATE = 60.0
"""Seconds for which a server may still do what it was asked for, after its answer was lost: its own limit."""

LONG_AGO = timedelta(minutes=10)
"""What was asked for so long ago is done or never will be, though a clock may be wrong by minutes."""

Entries = tuple[Entry, ...]


def is_lost(error: BaseException) -> bool:
    """Whether what was asked for may be done all the same: nobody waits for the answer, or understood it."""
    return not getattr(error, "harmless", False)


def after_a_loss(owed: Entries, tried: Sequence[Entry]) -> Entries:
    """What is owed when the answer was lost to what `tried` are the undo of."""
    about = set(map(_about, tried))
    return tuple(dataclasses.replace(each, doubted=True) if _about(each) in about else each for each in owed)


def after_nothing(owed: Entries, tried: Sequence[Entry]) -> Entries:
    """What is owed when all was so already that `tried` are the undo of; their last ones of `owed` go."""
    last = {_about(each): at for at, each in enumerate(owed)}
    theirs = {last.get(_about(each)) for each in tried}
    return tuple(each for at, each in enumerate(owed) if each.doubted or at not in theirs)


def of_the_dead(owed: Entries, renewed: str, now: datetime) -> Entries:
    """What is owed by a process that is dead; `renewed` is when its Lease was, as that says.

    It had an answer to all that is older than an engine, and to an engine whose uid it wrote. Of what was
    long ago nothing is in doubt any more.
    """
    alive = kube.time_of(renewed)
    if alive is not None and now - alive > LONG_AGO:
        return tuple(dataclasses.replace(each, doubted=False) for each in owed)
    heard = (at + bool(each.target.uid) for at, each in enumerate(owed) if each.kind == ENGINE)
    first = max(heard, default=0)
    return (*owed[:first], *(dataclasses.replace(each, doubted=True) for each in owed[first:]))


def _about(entry: Entry) -> tuple[str, ObjectRef, Path]:
    """What is known of an entry wherever its values stand."""
    return entry.kind, entry.target, entry.path
