"""What two processes keep of one act, its own and the rescue that finished it, in whatever order it comes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document

AMENDED = "amended"
"""Field of a kept document that a rescue has added to: what it told stays, whatever its own process puts."""

EARLY = "early"
"""Field of a document that was kept right when its act ended: the whole one takes its place."""


def early(document: Document) -> Document:
    """The document as it is known when its act ends: it never takes the place of the whole one."""
    return {**document, EARLY: True}


def tells_of_an_act(document: Document) -> bool:
    """Whether a rescue may have something to add to it, or it to what a rescue kept."""
    return "rescued" in document


def joined(known: Document | None, new: Document) -> Document:
    """What is kept once `new` was put where `known` is: of an own record and a rescue's, both are one.

    It says the same if either is put once more; anything else takes the place of what was there.
    """
    if known is None:
        return new
    if new.get(EARLY) and not (known.get(EARLY) or known.get("rescued")):
        return known  # it came late: another process found it in the spool, or it was sent again
    if new.get("rescued"):
        return amended(known, new)
    return amended(new, known) if known.get("rescued") or known.get(AMENDED) else new


def amended(known: Document, found: Document) -> Document:
    """The record of an act that its own process could not undo, by what a rescue came to.

    What is undone stays so: a rescue that failed before, and is heard of later, has but its steps to add, as
    has one that found nothing owed.
    """
    told = {"timeline": _together(known, found), AMENDED: True}
    undo = found["undo"]
    if not _owed(known) and not _undid(found):
        return {**known, **told}
    if _owed(found):
        return {**known, "undo": undo, "outcome": found["outcome"], **told}
    lost = known["outcome"] == Outcome.UNDO_UNCONFIRMED.value
    outcome = found["outcome"] if lost else known["outcome"]
    hints = known.get("evidence", {})
    evidence = {name: each for name, each in hints.items() if (name, each) != ("hint", "chaoskit rescue")}
    settled = {**undo, "state": "confirmed"}  # where none was needed any more the ledger says so
    ended = {"undo": settled, "outcome": outcome, "reason": undone(known["reason"])}
    until = known.get("injected_until") or found.get("injected_until")
    over = {"injected_until": until} if known.get("injected_at") else {}
    return {**known, **ended, **over, **({"evidence": evidence} if hints else {}), **told}


def _owed(document: Document) -> bool:
    return bool(document["undo"]["state"] == "not confirmed")


def _undid(found: Document) -> bool:
    """Whether a rescue undid it: what its own process put, a rescue may have added its steps alone to."""
    by_a_rescue = found.get("rescued") or found["reason"].endswith(UNDONE)
    return bool(found["undo"]["state"] == "confirmed" and by_a_rescue)


def _together(known: Document, found: Document) -> list[Document]:
    """The timelines of both, in the order of time."""
    before = list(known.get("timeline", ()))
    every = [*before, *(each for each in found["timeline"] if not _among(each, before))]
    return sorted(every, key=lambda each: datetime.fromisoformat(each["at"]))


def _among(moment: Document, before: Iterable[Document]) -> bool:
    """Whether it was told there already, in more words perhaps: a Lease has the beginning of long ones."""
    keys = ("at", "name", "mark")
    return any(all(each.get(key) == moment.get(key) for key in keys) for each in before)


UNDONE = "a rescue undid it since"


def undone(reason: str) -> str:
    """The reason, which says once that a rescue undid it."""
    return reason if reason.endswith(UNDONE) else f"{reason}; {UNDONE}"
