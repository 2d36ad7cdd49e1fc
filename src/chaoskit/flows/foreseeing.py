"""What is foreseen in a namespace, now and again, by the model that answers there, or by rules."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chaoskit import prediction, signals
from chaoskit.errors import CannotStart, NoSamples, NotFound, Unavailable
from chaoskit.events import Doubted, Event, Foreseen, Listener, Looked, Unwatched, Warned, ignore
from chaoskit.flows import learning
from chaoskit.flows.beside import soon
from chaoskit.flows.helping import with_help
from chaoskit.flows.livewindow import AGAIN, LiveWindow, step_of
from chaoskit.flows.outlook import Outlook, manner, strange
from chaoskit.flows.presence import Presence
from chaoskit.flows.wanted import Who, known_replicas, replicas
from chaoskit.flows.world import World
from chaoskit.ports.cluster import Identity
from chaoskit.records import PredictionRecord

if TYPE_CHECKING:
    from chaoskit.prediction import Dataset, Health, Model
    from chaoskit.prediction.features import Following

RETRIED = timedelta(minutes=10)
"""After so long a model that does not answer is asked again whether its signals are here."""


@dataclass
class Lookout:
    """Looks at one namespace; what it has measured it keeps, so that only what is new is asked for.

    Namespace "" means all but protected ones, in one look.
    `selector` chooses workloads by their labels, "" all. Answers are kept in the store, told as `Foreseen`.
    Whose samples have stopped, one's or all's, is silent for as long as the cluster wants a pod of it.
    A model that is there `by_itself`, as the promoted one, does not answer where most of its signals are
    absent at its first look that finds any: it is of another place, and rules answer until they are there.
    """

    world: World
    namespace: str
    model: tuple[str, Model] | None = None
    selector: str = ""
    listen: Listener = ignore
    by_itself: bool = False
    _held_back: str | None = field(default=None, init=False)
    _aside: tuple[str, Model] | None = field(default=None, init=False)
    _asked: datetime = field(default=datetime.min.replace(tzinfo=UTC), init=False)
    _presence: Presence = field(init=False)
    _window: LiveWindow = field(init=False)
    _following: Following | None = field(default=None, init=False)
    _looked: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._presence = Presence(lambda: known_replicas(self.world.cluster, self.namespace))
        self._window = LiveWindow(self._measured)

    @property
    def step(self) -> int:
        """Seconds between two samples, and between two looks."""
        return step_of(self._trained)

    @property
    def _trained(self) -> Model | None:
        return self.model[1] if self.model else None

    def answered_by(self, model: tuple[str, Model] | None) -> None:
        """This model answers from now on, None: rules. It measures anew; whose samples stopped is known."""
        self.model, self._following = model, None
        self._window.forget()
        self._held_back, self._aside = None, None

    def look(self) -> Outlook:
        """What is foreseen now.

        Raises:
            CannotStart: there is no Prometheus, or no sample of anybody that should have some: what was
                foreseen before is then told to be over (`Unwatched`). At first, too, none that says anything
                about now.
            NotFound: no workload has the selector's labels.
        """
        from chaoskit.prediction import Health

        world, now = self.world, self.world.clock.now()
        try:
            self._ask_again(now)
            window = self._at_home(self._window.until(now, self._trained), now)
        except NoSamples:
            self.listen(Unwatched(now, self.namespace))
            raise
        found = self._answered(window, now)
        chosen, said = self._chosen(), {(each.namespace, each.target) for each in found}
        asked = [each for each in found if chosen is None or (each.namespace, each.target) in chosen]
        found = with_help(world, self._presence.wanted(asked))
        world.keep(self.listen, *(each.document() for each in found))
        for each in found:
            self.listen(_foreseen(each, self.namespace))
        outlook = Outlook(
            now,
            found,
            manner(self.model, self._held_back or ""),
            prediction.health_of(self.model[1], window, now) if self.model else Health(),
            self._presence.silent(window, now, chosen),
            self._presence.young(window, now, said, chosen) if self.model else (),
            everywhere=not self.namespace,
        )
        unknown = tuple((each.namespace, each.target) for each in outlook.unknown)
        self.listen(Looked(now, self.namespace, unknown))
        if self.model:
            self.listen(_doubted(now, self.namespace, self.model[0], outlook.health))
        self._looked = True
        return outlook

    def watch(self, stop: threading.Event) -> Iterator[Outlook]:
        """What is foreseen, look after look, until `stop` is set.

        A Prometheus that is away is waited for; so are samples, once there were some.
        """
        clock = self.world.clock
        due = clock.monotonic()
        while not stop.is_set():
            try:
                outlook = self.look()
            except CannotStart as error:
                if not (self._looked or isinstance(error, Unavailable)):
                    raise
                self.listen(Warned(clock.now(), f"{error.message}; again in {self.step} s"))
            else:
                yield outlook
            due = max(due + self.step, clock.monotonic())
            clock.sleep(due - clock.monotonic(), stop)

    def _at_home(self, window: Dataset, now: datetime) -> Dataset:
        """The window of whoever answers: of rules, where the model is none of this place."""
        if self.model is None or not self.by_itself or self._held_back is not None or not window.samples:
            return window
        model, words = self.model, strange(self.model, window)
        if words:
            self.answered_by(None)
            self._aside, self._asked = model, now
        self._held_back = words
        return self._window.until(now, None) if words else window

    def _ask_again(self, now: datetime) -> None:
        """The model that was set aside answers once most of its signals are here."""
        if (model := self._aside) is None or timedelta(0) <= now - self._asked < RETRIED:
            return
        self._asked = now
        try:
            window = self._window.beside(now, model[1])
        except NoSamples:
            return
        words = strange(model, window)
        if not words:
            self.answered_by(model)
        self._held_back = words

    def _answered(self, window: Dataset, now: datetime) -> tuple[PredictionRecord, ...]:
        """What the model or the rules say; nothing once samples have stopped for all: at first, an error."""
        from chaoskit.prediction.features import Following

        self._following = self._following or Following(AGAIN + 1)
        try:
            return learning.answer(
                window,
                self.model,
                now=now,
                cluster=self._here(),
                following=self._following,
            )
        except NoSamples:
            if not self._looked:
                raise
            return ()

    def _here(self) -> Identity:
        """Which cluster it is; by its name where the server does not say at once: no alarm waits for it."""
        cluster = self.world.cluster
        return soon(cluster.identity) or Identity(cluster.name, "", "")

    def _measured(self, start: datetime, end: datetime, model: Model | None) -> Dataset:
        """What was measured then; where all samples have stopped, though some are awaited, nothing."""
        known, step = model.spec.signals if model else signals.known(), step_of(model)
        wanted = tuple(each for each in known if each.scope != "node")
        try:
            found = prediction.collect(
                self.world.measured,
                start,
                end,
                self.namespace,
                wanted=wanted,
                step=step,
                without=() if self.namespace else self.world.limits.protected,
                listen=self._warned,
            )
        except NoSamples:
            if not self._presence.awaited(end):
                raise
            return prediction.unmeasured(start, end, self.namespace, wanted, step=step)
        return found.select(wanted)

    def _warned(self, event: Event) -> None:
        """Of what collecting tells, warnings alone are news: it is over in a moment."""
        if isinstance(event, Warned):
            self.listen(event)

    def _chosen(self) -> set[Who] | None:
        """The workloads with the selector's labels; None where there is no selector: all of them."""
        if not self.selector:
            return None
        found = set(replicas(self.world.cluster, self.namespace, self.selector))
        if not found:
            place = f"-n {self.namespace}" if self.namespace else "-A"
            raise NotFound(
                f"no workload of {self.namespace or 'any namespace'} has the labels {self.selector}",
                hint=f"kubectl get deployments,statefulsets,daemonsets {place} --show-labels",
            )
        return found


def _foreseen(record: PredictionRecord, scope: str) -> Foreseen:
    return Foreseen(
        record.at,
        namespace=record.namespace,
        target=record.target,
        model=record.model,
        issue=record.issue,
        probability=record.probability,
        score=record.score,
        alarmed=record.alarmed,
        scope=scope,
    )


def _doubted(now: datetime, namespace: str, model: str, health: Health) -> Doubted:
    return Doubted(now, namespace, model, health.drifted, health.gone, bool(health.old))
