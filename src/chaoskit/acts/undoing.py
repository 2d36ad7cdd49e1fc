"""The course of an undo: what stands goes first, what may come yet is waited for side by side with others.

A course is a generator: it stops wherever it waits (True), or may come to block (False), so that others have
their turn meanwhile.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from chaoskit.acts import readiness, undo
from chaoskit.acts.accounts import Account
from chaoskit.acts.entries import Entry, Undone
from chaoskit.acts.replacing import Hands
from chaoskit.acts.trail import ENGINE
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, TakenOver, Unavailable
from chaoskit.events import Listener, Mark, Step
from chaoskit.records import Undo

OUTAGE = 60.0
"""Seconds for which an undo outlasts a server that does not answer."""

_PAUSE = 0.5

T = TypeVar("T")
Course = Generator[bool, None, T]

_SLOW = frozenset({ENGINE, readiness.KIND})
"""Who waits for their ends themselves, for minutes."""


class Book(Protocol):
    """The ledger that says what is owed, held by this process."""

    account: Account

    def whole(self, entry: Entry) -> Entry:
        """The entry with its values, secret or not."""

    def settle(self, entry: Entry) -> None:
        """The entry is owed no more."""

    def keep_alive(self) -> None:
        """The ledger says that this process lives."""

    def refuse_when_taken(self) -> None:
        """Nobody else holds it, as far as the server answers."""


def side_by_side(courses: Sequence[Course[T]], clock: Clock) -> tuple[T, ...]:
    """What each course ends with, in their order: each goes on in its turn until it waits or has ended.

    Raises:
        Exception: the first that one of them raised, when all the others have ended.
    """
    going, ended, raised = dict(enumerate(courses)), dict[int, T](), list[Exception]()
    while going:
        waits = list[bool]()
        for at, course in list(going.items()):
            try:
                waits.append(next(course))
                continue
            except StopIteration as end:
                ended[at] = end.value
            except Exception as error:  # noqa: BLE001 - raised when the others have ended
                raised.append(error)
            del going[at]
        if going and all(waits):
            clock.sleep(_PAUSE)
    if raised:
        raise raised[0]
    return tuple(ended[at] for at in range(len(courses)))


@dataclass(slots=True)
class Undoing:
    """The undo of all that one ledger owes; what is `behind` another's waits for that one."""

    book: Book
    hands: Hands
    listen: Listener
    behind: Callable[[Entry], bool] = lambda _: False
    _left: list[str] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)
    _doubted: list[Entry] = field(default_factory=list)
    _until: float = 0.0

    def __post_init__(self) -> None:
        self.hands.tell = self._note
        self._outlast()

    def course(self) -> Course[Undo]:
        """Every entry was undone, newest first, or stands in `left` with the reason; safe to repeat.

        What has to wait is looked at again and again: nothing that stands is left in force meanwhile, but
        what is older and about the same object, whose value it may still replace, and what is older than an
        engine, which is for the time after its end.

        Raises:
            TakenOver: another process holds the account, and undoes what is left.
        """
        owed: Sequence[Entry] = tuple(reversed(self.book.account.entries))
        if not owed:
            return Undo("none needed")
        self.hands.doubts.since(self.hands.clock)  # their minute runs from here on, whatever is waited for
        while owed := (yield from self._round(owed)):
            self.book.keep_alive()
            yield True
        return Undo("not confirmed" if self._left else "confirmed", tuple(self._left), tuple(self._notes))

    def _round(self, owed: Sequence[Entry]) -> Course[Sequence[Entry]]:
        """What has to wait still; of all others it was told what became of them."""
        late = list[Entry]()
        for at, entry in enumerate(owed):
            if not self._has_to_wait(entry, late):
                if entry.kind in _SLOW:
                    yield False
                self._taken_back(entry)
            elif entry.kind == ENGINE:
                return [*late, *owed[at:]]
            else:
                late.append(entry)
        return late

    def _has_to_wait(self, entry: Entry, late: Sequence[Entry]) -> bool:
        """Whether it may come yet, which is told once, or something on the same object goes before it."""
        if self._may_come(entry):
            if entry not in self._doubted:
                self._doubted.append(entry)
                self._tell("note", f"{entry.target}: {undo.IN_DOUBT}")
            return True
        return self.behind(entry) or any(same(entry, each) for each in late)

    def _taken_back(self, entry: Entry) -> None:
        """What became of the entry was told."""
        self.book.refuse_when_taken()
        found = self._undone(entry)
        reason = found.words if found.fate == "left" else self._settled(entry)
        if reason:
            self._left.append(reason)
            self._tell("failed", reason)
        elif found.fate == "not ours":
            self._note(found.words)
        else:
            self._tell("done", found.words)

    def _is_late(self) -> bool:
        """Whether nothing that is in doubt can come any more."""
        clock = self.hands.clock
        return clock.monotonic() >= self.hands.doubts.since(clock) + undo.LATE

    def _outlast(self) -> None:
        """A server that does not answer is asked again for a while from now on."""
        self._until = self.hands.clock.monotonic() + OUTAGE

    def _may_come(self, entry: Entry) -> bool:
        """Whether it is in doubt and not there, but may be yet; a server that is away has a while to tell."""
        if not entry.doubted:
            return False
        try:
            comes = undo.may_come(self.hands.cluster, self.book.whole(entry))
        except Unavailable:
            return self.hands.clock.monotonic() < self._until
        except (ChaoskitError, KeyError, TypeError, ValueError):
            return False  # the undo itself will find out
        self._outlast()
        return comes and not self._is_late()

    def _undone(self, entry: Entry) -> Undone:
        """What became of one entry: a Secret that is gone keeps no other entry from its undo."""
        try:
            whole = self.book.whole(entry)
        except (ChaoskitError, KeyError, TypeError, ValueError) as error:
            return Undone("left", f"{entry.target}: its original value cannot be read: {error}")
        return undo.undo(self.hands, whole, until=self._until)

    def _settled(self, entry: Entry) -> str:
        """Why the entry is still owed though it is undone, in words: then it is undone once more later."""
        try:
            self.book.settle(entry)
        except TakenOver:
            raise
        except ChaoskitError as error:
            return f"{entry.target}: undone, but {self.book.account.ref} could not be told: {error}"
        return ""

    def _tell(self, mark: Mark, words: str) -> None:
        self.listen(Step(self.hands.clock.now(), "undo", mark, words, run=self.book.account.id))

    def _note(self, words: str) -> None:
        self._notes.append(words)
        self._tell("note", words)


def same(one: Entry, other: Entry) -> bool:
    """Whether both are about one object, as it was or as it is now."""
    return dataclasses.replace(one.target, uid="") == dataclasses.replace(other.target, uid="")
