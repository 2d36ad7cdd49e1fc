"""What may be reported while work is under way: frozen dataclasses, and the Listener that hears them.

The core tells, whoever shows it listens: a terminal, JSON lines, the store. Nothing below `cli` prints.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Literal

from chaoskit.redaction import scrubbed

Mark = Literal["begun", "held", "broken", "done", "failed", "note"]
"""How a line reads: under way, true, not true, finished, went wrong, or just worth knowing."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened at `at` (UTC); `run` is the id of the run or recovery it belongs to, if any."""

    at: datetime
    run: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class Begun(Event):
    """A run or recovery of this name has begun; what follows with its `run` is about it."""

    name: str


@dataclass(frozen=True, slots=True)
class Step(Event):
    """A named step of the work: ``steady before``, ``undo written``, ``memory hog``."""

    name: str
    mark: Mark
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """`done` of `total` units (seconds, rows, trees) of `name`; total 0 means unknown."""

    name: str
    done: float
    total: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Measured(Event):
    """A steady-state condition was evaluated: `held` None means it could not be (errored)."""

    condition: str
    held: bool | None
    observed: str
    expected: str


@dataclass(frozen=True, slots=True)
class ClusterEvent(Event):
    """The cluster said something about an object: a Kubernetes event, a restart, a status change."""

    object: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Ended(Event):
    """A piece of work has ended: what kind (``run``, ``recovery``, ``rescue``), about what, how, how long.

    `about` is the fault or the class of the issue, `outcome` a value of the table; `seconds` it took.
    """

    work: str
    about: str
    outcome: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Foreseen(Event):
    """What was foreseen for one workload; `probability` None where only rules spoke.

    `scope` is the namespace that the look was at, "" all of them: what it does not tell it has not found.
    """

    namespace: str
    target: str
    model: str
    issue: str
    probability: float | None
    score: float
    alarmed: bool
    scope: str = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Doubted(Event):
    """What speaks against a model's answers: signals that drifted or went stale, by name, and its age."""

    namespace: str
    model: str
    drifted: tuple[str, ...]
    stale: tuple[str, ...]
    old: bool


@dataclass(frozen=True, slots=True)
class Looked(Event):
    """A look at the `scope` has told all: of whom it did not tell, it has found nothing.

    Of the `silent` (namespace, workload) it knows nothing, and that ends no alarm: no samples, or new pods.
    """

    scope: str
    silent: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Unwatched(Event):
    """Nobody looks at the `scope` any more, or nobody is left there that should have samples.

    What was foreseen of it, and doubted, says nothing about now.
    """

    scope: str


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something is not as it should be but does not stop the work.

    `unkept` are the ids of records that the history does not have for it.
    """

    message: str
    unkept: tuple[str, ...] = ()

    @property
    def step(self) -> Step:
        """The warning as whatever keeps steps alone remembers it."""
        return Step(self.at, "warning", "note", self.message, run=self.run)


Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The listener that hears nothing."""


def hiding(event: Event, secrets: Collection[str]) -> Event:
    """The event, its texts scrubbed, of these `secrets` too."""
    texts = {each.name: getattr(event, each.name) for each in fields(event)}
    hidden: dict[str, Any] = {
        name: scrubbed(text, secrets) for name, text in texts.items() if isinstance(text, str)
    }
    return replace(event, **hidden)


def both(first: Listener, second: Listener) -> Listener:
    """A listener that lets both hear."""

    def hear(event: Event) -> None:
        first(event)
        second(event)

    return hear
