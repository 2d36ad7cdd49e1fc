"""What can go wrong, as one tree; each error says what happened, where, and what to do next.

    ChaoskitError
    ├── InvalidInput            what a person wrote cannot be used; carries every Problem found
    │   └── UnknownName         nothing has the name, id or hash that a person gave
    ├── NoBaseline              the data cannot support a judgement: too little of what it would need
    ├── Refused                 a guard said no: which guard, which limit, until when
    ├── CannotStart             something needed is missing or busy; nothing was injected
    │   ├── Unavailable         a service cannot be reached or does not answer
    │   ├── NotTaken            a store does not take this very document, now or later
    │   ├── NotFound            an object of the cluster does not exist
    │   ├── NoSamples           Prometheus answered: no signal has a sample in that time
    │   ├── Conflict            somebody else changed it, or it exists already
    │   │   └── TakenOver       another process holds this run's ledger: it acts now, this one must not
    │   └── Forbidden           the server denies it to this caller
    ├── TimedOut                the time allowed ran out; what was done is undone
    ├── Unjudged                it was cut short by another hand: how it went nobody knows; all is undone
    ├── UndoUnconfirmed         the undo could not be confirmed: a target may still be disturbed
    └── Interrupted             a signal stopped it (the user's, or the alarm of a limit); all is undone

`Forbidden` is a `CannotStart`, because nothing was injected and whoever can do without what is missing can
do without what is denied; that somebody said no makes it a refusal in the end.

Exit codes and HTTP statuses are in `outcome`, never here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

ALARM = 14
"""The signal that ``--timeout`` sends (SIGALRM)."""


def place(path: str, line: int, column: int) -> str:
    """``cart.yaml:14:15``; without what is 0, which is not known."""
    return ":".join([path, *(str(each) for each in (line, line and column) if each)])


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a document: where it stands, what was found, what was expected.

    `line` and `column` count from 1; 0 means the place is unknown (a flag, a whole file, a whole line).
    """

    path: str
    field: str
    found: str
    expected: str
    line: int = 0
    column: int = 0
    hint: str = ""
    rule: str = ""

    def __str__(self) -> str:
        """``cart.yaml:14:15  spec.duration is "60", expected a duration such as 60s``."""
        told = f"is {self.found}, expected {self.expected}"
        at = place(self.path, self.line, self.column)
        says = f"{at}  {self.field} {told}" if self.field else f"{at}  {told}"
        return f"{says} ({self.hint})" if self.hint else says


class ChaoskitError(Exception):
    """The base of all; `hint` is the next step, as a sentence or a command to paste.

    Unless it is `harmless`, what was asked for may be done all the same, by now or a moment later.
    """

    harmless = True

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(slots=True)
class Sent:
    """What was asked for so far is `harmless`: none of it can have been done."""

    harmless: bool = True

    def heard(self, error: ChaoskitError) -> None:
        """It was answered so, and goes on."""
        self.harmless = self.harmless and error.harmless


@contextmanager
def after(*, harmless: bool = True) -> Iterator[Sent]:
    """Inside, what fails is harmless only if all that was sent before it is as well."""
    sent = Sent(harmless)
    try:
        yield sent
    except ChaoskitError as error:
        sent.heard(error)
        error.harmless = sent.harmless
        raise


class InvalidInput(ChaoskitError):
    """What a person wrote cannot be used; every problem found is in `problems`."""

    def __init__(self, message: str, *, problems: Sequence[Problem] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)


class UnknownName(InvalidInput):
    """Nothing has the name, id or hash that a person gave; or more than one thing has."""


def cause(error: BaseException) -> str:
    """Why it happened, in words for people, without numbers of errors and names of classes.

    What a library wraps (``Max retries exceeded``) is followed to what the system said.
    """
    every = [error]
    for each in every:  # grows while it is walked through
        near = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        every += [found for found in near if isinstance(found, BaseException) and found not in every]
    said = (each.strerror for each in every if isinstance(each, OSError) and isinstance(each.strerror, str))
    if words := next(said, ""):
        return f"{words[:1].lower()}{words[1:]}" if words[1:2].islower() else words
    late = any("Timeout" in type(each).__name__ for each in every)
    return "no answer in time" if late and "Pool(" in str(error) else str(error)


class NoBaseline(ChaoskitError):
    """The data cannot support a judgement; the message says what there is too little of."""


class Refused(ChaoskitError):
    """A guard said no: `guard` names it, `limit` says what it allows, `until` when it may pass."""

    def __init__(self, message: str, *, guard: str, limit: str = "", until: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.guard = guard
        self.limit = limit
        self.until = until


class CannotStart(ChaoskitError):
    """Something needed is missing or busy; nothing was injected."""


class Unavailable(CannotStart):
    """`service` at `address` cannot be reached, or answered with something else than an answer."""

    def __init__(
        self, message: str, *, service: str, address: str = "", hint: str = "", harmless: bool = False
    ) -> None:
        super().__init__(message, hint=hint)
        self.service = service
        self.address = address
        self.harmless = harmless


class NotTaken(CannotStart):
    """A store does not take this very document, now or later: it is too large, or nothing the store knows."""


class NotFound(CannotStart):
    """An object of the cluster does not exist."""


class NoSamples(CannotStart):
    """Prometheus answered every question, and no signal has a sample in the time that was asked for."""


class Conflict(CannotStart):
    """Somebody else changed the object since it was read, or it exists already."""


class TakenOver(Conflict):
    """Another process holds this run's ledger: it acts on it now, and this one must not any more."""


class Forbidden(CannotStart):
    """The server denies this to the caller; the message names verb and resource."""


class TimedOut(ChaoskitError):
    """The time allowed ran out; what was done is undone."""


class Unjudged(ChaoskitError):
    """Another hand cut it short after an injection: how it went cannot be judged; what was done is undone."""


class UndoUnconfirmed(ChaoskitError):
    """The undo could not be confirmed; `targets` may still be disturbed."""

    def __init__(self, message: str, *, targets: Sequence[str], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.targets = tuple(targets)


class Interrupted(ChaoskitError):
    """A signal stopped it: 2 is SIGINT, 15 SIGTERM, 14 the alarm of ``--timeout``; all was undone."""

    def __init__(self, message: str = "", *, signal: int = 2) -> None:
        out_of_time = "the time allowed by --timeout is over"
        super().__init__(message or (out_of_time if signal == ALARM else "stopped by the user"))
        self.signal = signal
