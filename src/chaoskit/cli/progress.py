"""Events on stderr: a live display on a terminal, one plain line each elsewhere, or JSON lines."""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TextIO

from chaoskit import events
from chaoskit.cli.render import clock_time, console
from chaoskit.cli.secrecy import given
from chaoskit.cli.session import ProgressFormat

if TYPE_CHECKING:
    from rich.text import Text

    from chaoskit.cli.session import Session

_MARKS = {"begun": "●", "held": "✔", "broken": "✖", "done": "✔", "failed": "✖", "note": "·"}
_STYLES = {"held": "green", "done": "green", "broken": "bold red", "failed": "bold red", "begun": "cyan"}

_TURNS = {"undo written", "undo", "verdict"}
"""Steps of a run after which all may be different: the fault begins, it is taken back, the run is over."""


@contextmanager
def showing(session: Session) -> Iterator[Shown]:
    """A listener that shows events on stderr as the session wants it, without the values of variables.

    What a run's documents call secret its Journal has hidden already, who knows what the run found.
    """
    with _showing(session) as (show, aside):

        def hear(event: events.Event) -> None:
            if isinstance(event, events.Warned):
                session.unkept.update(event.unkept)
            show(events.hiding(event, given()))

        yield Shown(hear, aside)


Aside = Callable[[], AbstractContextManager[object]]


class Shown:
    """A listener. Several runs tell at once; each is heard to the end of its line."""

    def __init__(self, hear: events.Listener, aside: Aside) -> None:
        self._hear, self._lock = hear, threading.Lock()
        self.aside = aside
        """Within `aside()` nothing is redrawn: somebody else writes there, or asks."""

    def __call__(self, event: events.Event) -> None:
        """The event is shown."""
        with self._lock:
            self._hear(event)


@contextmanager
def _showing(session: Session) -> Iterator[tuple[events.Listener, Aside]]:
    if session.quiet:
        yield events.ignore, nullcontext
    elif session.progress is ProgressFormat.JSON:
        yield _Json(sys.stderr).hear, nullcontext
    elif session.progress is ProgressFormat.AUTO and sys.stderr.isatty():
        with _live(session) as shown:
            yield shown
    else:
        yield _Plain(sys.stderr, details=session.verbose).hear, nullcontext


class _Json:
    """One JSON object a line: ``{"event": "Step", "at": ..., ...}``."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def hear(self, event: events.Event) -> None:
        fields = {f.name: getattr(event, f.name) for f in dataclasses.fields(event)}
        self._out.write(
            json.dumps({"event": type(event).__name__, **fields, "at": event.at.isoformat()}) + "\n"
        )
        self._out.flush()


class _Timed:
    """Knows how long ago a run began, and which one an event is about where there are several."""

    def __init__(self) -> None:
        self._began: dict[str, datetime] = {}
        self._latest: dict[str, datetime] = {}
        self._names: dict[str, str] = {}
        self._told: dict[str, object] = {}
        self._heard = ""
        """The run that told something last; none, as long as no run has."""

    def since_start(self, event: events.Event) -> str:
        """By the clock of its run, as `show` tells it; never back: a slow look is told once it is there.

        What belongs to no run is told by the clock of the one heard last: it comes amid that.
        """
        run = self._heard = event.run or self._heard
        began = self._began.setdefault(run, event.at)
        latest = self._latest[run] = max(event.at, self._latest.get(run, event.at))
        return clock_time((latest - began).total_seconds())

    def line(self, event: events.Event) -> str | None:
        """The event in one line, after the name of its run from the second run on."""
        if isinstance(event, events.Begun):
            self._names[event.run] = event.name
        line, name = line_of(event), self._names.get(event.run, "")
        return f"{name}  {line}" if line is not None and name and len(self._names) > 1 else line

    def repeats(self, event: events.Event) -> bool:
        """A condition that holds as before, or progress of what was told already, is no news."""
        key, news = _news(event)
        if not key:
            return False
        key += event.run
        known, self._told[key] = self._told.get(key), news
        return known == news


class _Plain(_Timed):
    """One line each, in order, the time in front; nothing is redrawn."""

    def __init__(self, out: TextIO, *, details: bool) -> None:
        super().__init__()
        self._out = out
        self._details = details

    def hear(self, event: events.Event) -> None:
        line, since = self.line(event), self.since_start(event)
        if line is None or (self.repeats(event) and not self._details):
            return
        self._out.write(f"{since:>5}  {line}\n")
        self._out.flush()


def _news(event: events.Event) -> tuple[str, object]:
    match event:
        case events.Measured(condition=condition, held=held):
            return condition, held
        case events.Progress(name=name, done=done, total=total):
            return name, done >= total if total else False
        case _:
            return "", None


def line_of(event: events.Event) -> str | None:
    """The event in one line, a word beside each symbol; None for what nobody needs to read."""
    match event:
        case events.Step(name=name, mark=mark, detail=detail):
            return f"{_MARKS[mark]} {name:<16} {detail}".rstrip()
        case events.Measured(condition=condition, held=held, observed=observed, expected=expected):
            word = {True: "holds", False: "BROKEN", None: "cannot be measured"}[held]
            return f"  {condition:<16} {observed} ({expected}) {word}"
        case events.ClusterEvent(object=object_, reason=reason, message=message):
            return f"  {object_:<16} {reason}: {message}"
        case events.Warned(message=message):
            return f"! warning          {message}"
        case events.Progress(name=name, done=done, total=total, unit=unit):
            return f"● {name:<16} {done:.0f} of {total:.0f} {unit}".rstrip() if total else None
        case _:
            return None


@contextmanager
def _live(session: Session) -> Iterator[tuple[events.Listener, Aside]]:
    """What is done scrolls by; what is under way is redrawn in place below it."""
    from rich.live import Live

    out = console(session, stderr=True)
    with Live(console=out, refresh_per_second=8, transient=True) as live:

        @contextmanager
        def aside() -> Iterator[None]:
            live.stop()
            try:
                yield
            finally:
                live.start()

        yield _Live(live.console.print, partial(live.update, refresh=True)).hear, aside


class _Live(_Timed):
    """What is printed stands above what was drawn last: `update` draws at once."""

    def __init__(self, print_: Callable[[Text], None], update: Callable[[Text], None]) -> None:
        super().__init__()
        self._print = print_
        self._update = update
        self._under_way: dict[tuple[str, str], str] = {}
        self._looks: set[tuple[str, str]] = set()

    def hear(self, event: events.Event) -> None:
        from rich.text import Text

        line, since = self.line(event), self.since_start(event)
        if line is None:
            return
        name, settled = self._place(event)
        place = event.run, name
        self._forget(event)
        if settled:
            self._under_way.pop(place, None)
        else:
            self._under_way[place] = line
            self._looks |= {place} if isinstance(event, events.Measured) else set()
        under_way = "\n".join(f"       {each}" for each in self._under_way.values())
        self._update(Text(under_way, no_wrap=True, overflow="ellipsis"))
        told = isinstance(event, events.Progress) and self.repeats(event)
        if settled and not told:  # above what is under way now
            style = _STYLES.get(event.mark, "") if isinstance(event, events.Step) else "dim"
            self._print(Text(f"{since:>5}  {line}", style=style))

    def _forget(self, event: events.Event) -> None:
        """At a turn of a run, what its conditions were says nothing any more: those looked at come again."""
        if isinstance(event, events.Step) and event.name in _TURNS:
            past = {place for place in self._looks if place[0] == event.run}
            self._looks -= past
            self._under_way = {place: line for place, line in self._under_way.items() if place not in past}

    @staticmethod
    def _place(event: events.Event) -> tuple[str, bool]:
        """The name under which an event is redrawn, and whether it is settled: it stays on the screen."""
        match event:
            case events.Measured(held=held, condition=condition):
                return condition, held is not True
            case events.Progress(name=name, done=done, total=total):
                return name, done >= total
            case events.Step(mark=mark, name=name):
                return name, mark != "begun"
            case _:
                return "", True
