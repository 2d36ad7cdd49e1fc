"""The undo of a ledger: what stands goes first, what may come yet is waited for side by side with others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

from chaoskit.acts import rollout, turns, undo
from chaoskit.acts.accounts import Account
from chaoskit.acts.courses import Course
from chaoskit.acts.doubts import LATE
from chaoskit.acts.entries import SPOILT, Entry, Undone
from chaoskit.acts.means import Means
from chaoskit.acts.trail import ENGINE
from chaoskit.errors import ChaoskitError, TakenOver, Unavailable
from chaoskit.events import Listener, Mark, Step
from chaoskit.records import Undo

OUTAGE = 60.0
"""Seconds for which the undo of an entry outlasts a server that does not answer."""

LONGEST = 600.0
"""Seconds after which the undo of an entry is not begun again, though the server answered in between."""

SOON = 5.0
"""Seconds for which nobody is told why it waits."""

_AGAIN = 2.0

_OF_OTHERS = frozenset({"as before", "not ours"})
"""What becomes of an entry whose value is not ours any more: it may be that of a later act of chaoskit.

Only then it is asked for: of many runs at once each would read about all."""


class Book(Protocol):
    """The ledger that says what is owed, held by this process."""

    account: Account

    def whole(self, entry: Entry) -> Entry:
        """The entry with its values, secret or not."""

    def settle(self, entry: Entry) -> None:
        """The entry is owed no more."""

    def is_gone(self) -> bool:
        """Whether it is no more, as far as the server answers; raises TakenOver where others hold it."""


@dataclass(slots=True)
class _Patience:
    """For how long a server that answers nothing of an entry is asked again, by the clock's `monotonic`."""

    began: float = inf
    """When the undo of the entry was begun first."""
    silent: float = inf
    """Since when nothing was answered."""
    again: float = 0.0
    """When it is asked again."""

    def answered(self) -> None:
        self.silent = inf

    def lasts(self, now: float) -> bool:
        """Whether it is asked again, after a moment, now that it did not answer."""
        self.silent, self.again = min(self.silent, now), now + _AGAIN
        return now < self.silent + OUTAGE and now < self.began + LONGEST


@dataclass(slots=True)
class _Owed:
    """An entry and how its undo stands: it has to wait, its `course` goes on, and has ended.

    Where the server does not answer, there is no course again until it is asked once more: then it is begun
    anew, unless `found` says already what became of the entry, and only its ledger was not told.
    """

    entry: Entry
    course: Course[Undone] | None = None
    found: Undone | None = None
    server: _Patience = field(default_factory=_Patience)


@dataclass(slots=True)
class Undoing:
    """The undo of all that one ledger owes; what is `behind` another's waits for that one."""

    book: Book
    means: Means
    listen: Listener
    behind: Callable[[Entry], str] = lambda _: ""
    _left: list[str] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)
    _stays: list[Entry] = field(default_factory=list)
    _later: Sequence[Account] | None = None
    """Acts that began later, as they were seen in this round."""
    _waits: dict[str, float] = field(default_factory=dict)
    """Why something waits, and since when; infinite once it was told."""

    def __post_init__(self) -> None:
        self.means.tell = self._note

    def course(self) -> Course[Undo]:
        """Every entry was undone, newest first, or stands in `left` with the reason; safe to repeat.

        What has to wait is looked at again and again: nothing that stands is left in force meanwhile, but
        what is older and about the same, whose value it may still replace, and what is older than an engine,
        which is for the time after its end. What is about the same as something newer that stays owed, by
        whomever, stays owed as well: nobody can tell what is ours before that one is undone. A rollout waits
        for every newer field in the same way, since its pods may begin with what that one holds.

        Raises:
            TakenOver: another process holds the account, and undoes what is left.
        """
        owed: Sequence[_Owed] = [_Owed(each) for each in reversed(self.book.account.entries)]
        if not owed:
            return Undo("none needed")
        self.means.doubts.since(self.means.clock)  # their minute runs from here on, whatever is waited for
        while owed := self._round(owed):
            yield True
        return Undo("not confirmed" if self._left else "confirmed", tuple(self._left), tuple(self._notes))

    def _round(self, owed: Sequence[_Owed]) -> Sequence[_Owed]:
        """What has to wait still; of all others it was told what became of them."""
        late = list[_Owed]()
        self._later = None
        for each in owed:
            if self._has_to_wait(each, late) or not self._ended(each):
                late.append(each)
            self.means.keep()  # each may take its time to answer
        return late

    def _has_to_wait(self, owed: _Owed, late: Sequence[_Owed]) -> bool:
        """Whether something goes before it, or it may come yet."""
        entry = owed.entry
        if owed.course is not None:
            return False
        if self.means.clock.monotonic() < owed.server.again:
            return True
        if owed.found is not None:
            return False
        if any(each.entry.kind == ENGINE or _is_beneath(entry, each.entry) for each in late):
            return True
        if self._may_come(owed):
            return True
        if ahead := self.behind(entry):
            self._wait(f"{entry.target}: {ahead}")
        return bool(ahead)

    def _ended(self, owed: _Owed) -> bool:
        """Whether its undo has ended, and it was told what became of it."""
        found = self._undone(owed)
        if found is None:
            return False
        if found.fate == "left":
            self._stays.append(owed.entry)
            self._left.append(found.words)
            self._tell("failed", found.words)
        elif found.fate == "not ours":
            self._note(found.words)
        else:
            self._tell("done", found.words)
        return True

    def _undone(self, owed: _Owed) -> Undone | None:
        """What became of the entry; None: it waits, for the server as well."""
        if owed.course is None:
            owed.course = self._course(owed)
            owed.server.began = min(owed.server.began, self.means.clock.monotonic())
        try:
            next(owed.course)
        except StopIteration as end:
            ended: Undone = end.value
            return ended
        except Unavailable as error:
            owed.course = None
            self.means.nodes.anew()
            return None if self._outlasts(owed, error) else self._given_up(owed, error)
        owed.server.answered()
        self._wait(f"{owed.entry.target}: {undo.WAITS.get(owed.entry.kind, 'waited for')}")
        return None

    def _course(self, owed: _Owed) -> Course[Undone]:
        """What became of the entry, which is owed no more unless it is left.

        What is undone though the ledger cannot be told is undone once more by the next who does.

        Raises:
            Unavailable: the server does not answer: again, from the beginning or from where it was undone.
        """
        if owed.found is None:
            owed.found = yield from self._taken_back(owed.entry)
        if owed.found.fate == "left":
            return owed.found
        try:
            self.book.settle(owed.entry)
        except (TakenOver, Unavailable):
            raise
        except ChaoskitError as error:
            return self._given_up(owed, error)
        return owed.found

    def _taken_back(self, entry: Entry) -> Course[Undone]:
        """What became of the entry; a Secret that is gone keeps no other entry from its undo.

        Where the ledger is gone a rescue may have undone it: what stands may be that of an act since.
        """
        gone = self.book.is_gone()
        if ahead := self._ahead(entry) or (self._ahead_elsewhere(entry) if gone else ""):
            return Undone("left", f"{entry.target}: {ahead}")
        try:
            whole = self.book.whole(entry)
        except Unavailable:
            raise
        except (ChaoskitError, *SPOILT) as error:
            return Undone("left", f"{entry.target}: its original value cannot be read: {error}")
        found = yield from undo.undo(self.means, whole)
        if found.fate in _OF_OTHERS and (ahead := self._ahead_elsewhere(entry) or self._obscured()):
            return Undone("left", f"{entry.target}: {ahead}")
        return found

    def _given_up(self, owed: _Owed, error: ChaoskitError) -> Undone:
        """It stays owed, in words that say whether it was undone."""
        untold = "" if owed.found is None else f"undone, but {self.book.account.ref} could not be told: "
        return Undone("left", f"{owed.entry.target}: {untold}{error}")

    def _ahead(self, entry: Entry) -> str:
        """What of its own ledger is to be undone before it and was not, in words; "" when nothing is."""
        for each in self._stays:
            if _is_beneath(entry, each):
                whose = "its later change" if each.target == entry.target else f"the change of {each.target}"
                return f"{whose} is undone first"
        return ""

    def _ahead_elsewhere(self, entry: Entry) -> str:
        """Which act that began later is to be undone before it, in words; "" when none is."""
        try:
            if self._later is None:
                self._later = turns.later(self.means.cluster, self.book.account)
        except Unavailable:
            raise
        except ChaoskitError as error:
            return f"nobody could tell whether a later change is undone first: {error}"
        return turns.ahead(entry, self._later)

    def _obscured(self) -> str:
        """Which act that began later may have changed it and cannot be read, in words; "" when all can."""
        other = next((each for each in self._later or () if each.obscure), None)
        return "" if other is None else f"{other.ref} cannot be read: it may have changed it later"

    def _is_late(self) -> bool:
        """Whether nothing that is in doubt can come any more."""
        clock = self.means.clock
        return clock.monotonic() >= self.means.doubts.since(clock) + LATE

    def _outlasts(self, owed: _Owed, error: Unavailable) -> bool:
        """Whether a server that did not answer is to be asked again."""
        self._wait(f"{error.message}: asked again for {OUTAGE:.0f} s", about="server")
        return owed.server.lasts(self.means.clock.monotonic())

    def _may_come(self, owed: _Owed) -> bool:
        """Whether it is in doubt and not there, but may be yet; a server that is away has a while to tell."""
        if not owed.entry.doubted:
            return False
        try:
            comes = undo.may_come(self.means.cluster, self.book.whole(owed.entry)) and not self._is_late()
        except Unavailable as error:
            return self._outlasts(owed, error)
        except (ChaoskitError, *SPOILT):
            return False  # the undo itself will find out
        if comes:
            owed.server.answered()
            self._wait(f"{owed.entry.target}: {undo.IN_DOUBT}")
        return comes

    def _wait(self, why: str, about: str = "") -> None:
        """It was told why something waits, once, if it does for longer than a moment."""
        now, about = self.means.clock.monotonic(), about or why
        if now - self._waits.setdefault(about, now) >= SOON:
            self._waits[about] = inf
            self._tell("note", why)

    def _tell(self, mark: Mark, words: str) -> None:
        self.listen(Step(self.means.clock.now(), "undo", mark, words, run=self.book.account.id))

    def _note(self, words: str) -> None:
        self._notes.append(words)
        self._tell("note", words)


def _is_beneath(entry: Entry, newer: Entry) -> bool:
    """Whether it is taken back after the newer one of its ledger."""
    return turns.same(entry, newer) or (entry.kind == rollout.KIND and newer.kind == "field")
