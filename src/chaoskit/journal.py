"""One act's journal: what happens and when, kept as a timeline and told to whoever listens."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from chaoskit.clock import Clock
from chaoskit.events import ClusterEvent, Event, Listener, Mark, Progress, Step, Warned, both, hiding, ignore
from chaoskit.records import Moment, new_id
from chaoskit.redaction import nameless


class Journal:
    """The timeline of one act, told to whoever listens: a run of an experiment, or a recovery."""

    def __init__(
        self,
        clock: Clock,
        listen: Listener,
        trace_id: str = "",
        *,
        run: str = "",
        secrets: frozenset[str] = frozenset(),
    ) -> None:
        self.began = clock.now()
        self.run = run or new_id(self.began)
        self.trace_id = trace_id or self.run
        self.timeline: list[Moment] = []
        self._clock = clock
        self._listen = listen
        self._warned = ""
        self._secrets = secrets

    def now(self) -> datetime:
        """The time by the act's clock."""
        return self._clock.now()

    def also(self, listen: Listener) -> None:
        """This listener hears everything as well, what was told already first."""
        for each in self.timeline:
            listen(Step(each.at, run=self.run, name=each.name, mark=each.mark, detail=each.detail))
        self._listen = both(self._listen, listen)

    def step(self, name: str, mark: Mark, detail: str = "") -> None:
        """A step is in the timeline and was told."""
        self.tell(Step(self._clock.now(), run=self.run, name=name, mark=mark, detail=detail))

    def warn(self, message: str) -> None:
        """The warning is in the timeline and was told, once while nothing else is warned of."""
        if message != self._warned:
            self._warned = message
            self.tell(Warned(self._clock.now(), run=self.run, message=message))

    def heard(self, about: str, reason: str, message: str) -> None:
        """What the cluster said about an object is in the timeline and was told."""
        self.tell(ClusterEvent(self._clock.now(), run=self.run, object=about, reason=reason, message=message))

    def progress(self, name: str, done: float, total: float) -> None:
        """So many of the fault's seconds have passed."""
        self.tell(Progress(self._clock.now(), run=self.run, name=name, done=done, total=total, unit="s"))

    def tell(self, event: Event) -> None:
        """The event was told without secrets; steps, warnings and the cluster's words are in the timeline."""
        if self._secrets:
            event = hiding(event, self._secrets)
        step = event.step if isinstance(event, Warned) else event
        if isinstance(step, Step):
            self.timeline.append(Moment(step.at, step.name, step.mark, step.detail))
        elif isinstance(event, ClusterEvent):
            self.timeline.append(Moment(event.at, event.object, "note", f"{event.reason}: {event.message}"))
        self._listen(event)

    def naming(self, names: Iterable[str]) -> None:
        """What these names of things tell is hidden no more."""
        self._secrets = nameless(self._secrets, names)

    def mute(self) -> None:
        """From here on nobody is told: a listener that fails must not keep the undo from its end."""
        self._listen = ignore
