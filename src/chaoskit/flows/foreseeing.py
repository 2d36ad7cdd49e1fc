"""What is foreseen in a namespace, now and again: answers, and what may be said of whoever gave them."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chaoskit import prediction, signals
from chaoskit.errors import CannotStart, NoSamples, NotFound, Unavailable
from chaoskit.events import Doubted, Event, Foreseen, Listener, Looked, Unwatched, Warned, ignore
from chaoskit.flows import learning
from chaoskit.flows.beside import soon
from chaoskit.flows.wanted import Who, due, known_replicas, replicas
from chaoskit.flows.world import World
from chaoskit.ports.cluster import Identity
from chaoskit.ports.notifier import Raised
from chaoskit.records import PredictionRecord

if TYPE_CHECKING:
    from chaoskit.prediction import Dataset, Health, Model, Silent, Young
    from chaoskit.prediction.data.recent import Recent
    from chaoskit.prediction.features import Following

RULES_STEP = 60
"""Seconds between two samples where no model says otherwise."""

AGAIN = 3
"""So many steps are asked for again: what is scraped or recorded late is not missing for ever."""

RETRIED = timedelta(minutes=10)
"""After so long a model that does not answer is asked again whether its signals are here."""

NEAR = timedelta(hours=1)
"""A recovery within so much of an incident was of it."""

ALERT, DOUBT = "ChaoskitFailureLikely", "ChaoskitModelDoubtful"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a model speaks: whether it forecasts or detects, and which classes of failure it can do which with.

    Without a model (`name` "rules") rules speak. `forest_alarms` says whether its forest alarms by itself;
    `held_back` which model was promoted and does not answer here, and why.
    """

    name: str
    mode: str
    horizon_minutes: float
    trained_at: datetime | None = None
    forecasts: tuple[str, ...] = ()
    detects: tuple[str, ...] = ()
    forest_alarms: bool = True
    held_back: str = ""

    @property
    def document(self) -> Mapping[str, Any]:
        """It as JSON."""
        return {
            "name": self.name,
            "mode": self.mode,
            "horizonMinutes": self.horizon_minutes,
            "trainedAt": self.trained_at.isoformat() if self.trained_at else None,
            "forecasts": list(self.forecasts),
            "detects": list(self.detects),
            **({"heldBack": self.held_back} if self.held_back else {}),
        }


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is foreseen at one moment, riskiest first, by whom, and what speaks against it.

    Of the `silent` nothing can be said: they should run, but their samples have stopped. Nor of the `young`,
    which have no past to compare with. `everywhere` says that more than one namespace was looked at.
    """

    at: datetime
    predictions: tuple[PredictionRecord, ...]
    manner: Manner
    health: Health
    silent: tuple[Silent, ...] = ()
    young: tuple[Young, ...] = ()
    everywhere: bool = False

    @property
    def unknown(self) -> tuple[Silent | Young, ...]:
        """Those of whom nothing can be said."""
        return *self.silent, *self.young


def manner(model: tuple[str, Model] | None, held_back: str = "") -> Manner:
    """How this model speaks, or the rules where there is none, or it is `held_back`."""
    from chaoskit.prediction.answers.rules import HORIZON_MINUTES, NAME
    from chaoskit.prediction.labelling.foresight import forecasts
    from chaoskit.prediction.learning.joined import FOREST

    if model is None:
        return Manner(NAME, "rules", HORIZON_MINUTES, held_back=held_back)
    name, trained = model
    target = trained.target
    classes = [str(each) for each in trained.issues.classes_]
    ahead = forecasts(target, classes)
    return Manner(
        name,
        target.mode,
        target.lead.total_seconds() / 60,
        trained.trained_at,
        ahead,
        tuple(each for each in classes if each not in ahead),
        trained.join.told.get(FOREST, 0.0) is not None,
    )


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
    _recent: Recent | None = field(default=None, init=False)
    _following: Following | None = field(default=None, init=False)
    _heard: dict[Who, datetime] = field(default_factory=dict, init=False)
    _looked: bool = field(default=False, init=False)

    @property
    def step(self) -> int:
        """Seconds between two samples, and between two looks."""
        return self.model[1].spec.step if self.model else RULES_STEP

    @property
    def _trained(self) -> Model | None:
        return self.model[1] if self.model else None

    def answered_by(self, model: tuple[str, Model] | None) -> None:
        """This model answers from now on, None: rules. It measures anew; whose samples stopped is known."""
        self.model, self._recent, self._following = model, None, None
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
            window = self._at_home(self._measured(now), now)
        except NoSamples:
            self.listen(Unwatched(now, self.namespace))
            raise
        found = self._answered(window, now)
        chosen, said = self._chosen(), {(each.namespace, each.target) for each in found}
        found = self._with_help(
            self._wanted([e for e in found if chosen is None or (e.namespace, e.target) in chosen])
        )
        world.keep(self.listen, *(each.document() for each in found))
        for each in found:
            self.listen(_foreseen(each, self.namespace))
        silent, young = self._silent(window, now, chosen), self._young(window, now, said, chosen)
        unknown: tuple[Silent | Young, ...] = (*silent, *young)
        self.listen(Looked(now, self.namespace, tuple((each.namespace, each.target) for each in unknown)))
        health = prediction.health_of(self.model[1], window, now) if self.model else Health()
        if self.model:
            self.listen(_doubted(now, self.namespace, self.model[0], health))
        self._looked = True
        return Outlook(
            now,
            found,
            manner(self.model, self._held_back or ""),
            health,
            silent,
            young,
            everywhere=not self.namespace,
        )

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
        return self._measured(now) if words else window

    def _ask_again(self, now: datetime) -> None:
        """The model that was set aside answers once most of its signals are here."""
        if (model := self._aside) is None or timedelta(0) <= now - self._asked < RETRIED:
            return
        self._asked = now
        try:
            window = self._collected(now - learning.wanted_history(model[1]), now, model[1])
        except NoSamples:
            return
        words = strange(model, window)
        if not words:
            self.answered_by(model)
        self._held_back = words

    def _measured(self, now: datetime) -> Dataset:
        """The window that an answer needs; of what is known already only a few steps are asked for again.

        When the clock was set back nothing is known: what was measured lies ahead.
        """
        model = self._trained
        history, step = learning.wanted_history(model), timedelta(seconds=self.step)
        known = self._recent.dataset if self._recent else None
        if self._recent is None or known is None:
            return self._anew(now - history, now)
        end = known.blocks[0].end
        if not timedelta(0) <= now - end <= history:
            return self._anew(now - history, now)
        if not (steps := (now - end) // step):
            return known
        return self._recent.take(self._collected(end - AGAIN * step, end + steps * step, model))

    def _anew(self, start: datetime, end: datetime) -> Dataset:
        """All of this window; what was known is forgotten, once there is an answer."""
        from chaoskit.prediction.data.recent import Recent

        found = self._collected(start, end, self._trained)
        recent = Recent((end - start) // timedelta(seconds=self.step) + 1)
        self._recent = recent
        return recent.take(found)

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

    def _collected(self, start: datetime, end: datetime, model: Model | None) -> Dataset:
        """What was measured then, as this model or rules want it; where all samples have stopped, nothing."""
        known = model.spec.signals if model else signals.known()
        step = model.spec.step if model else RULES_STEP
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
            if not self._due([who for who, at in self._heard.items() if at <= end]):
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

    def _wanted(self, found: Sequence[PredictionRecord]) -> Sequence[PredictionRecord]:
        """Without alarms of workloads that are scaled to zero: that their pods go is no failure.

        Metrics cannot tell: once no replica is wanted, nothing says how many are missing.
        """
        if not any(each.alarmed for each in found):
            return found
        idle = {who for who, count in (self._known_replicas() or {}).items() if not count}
        return [each for each in found if not (each.alarmed and (each.namespace, each.target) in idle)]

    def _silent(self, window: Dataset, now: datetime, chosen: set[Who] | None) -> tuple[Silent, ...]:
        """Those who should have samples, and had some, but not lately; the others of them are forgotten."""
        self._heard |= prediction.heard(window)
        quiet = {(each.namespace, each.target): each for each in prediction.silent(self._heard, now)}
        missed = self._due(quiet)
        missed = missed if chosen is None else missed & chosen
        self._heard = {who: at for who, at in self._heard.items() if who in missed or who not in quiet}
        return tuple(each for who, each in quiet.items() if who in missed)

    def _young(
        self, window: Dataset, now: datetime, said: Collection[Who], chosen: Collection[Who] | None
    ) -> tuple[Young, ...]:
        """Those of whom a model can say nothing yet; rules compare with no past."""
        found = prediction.young(window, now, said) if self.model else ()
        wanted = self._due({(each.namespace, each.target) for each in found})
        wanted = wanted if chosen is None else wanted & set(chosen)
        return tuple(each for each in found if (each.namespace, each.target) in wanted)

    def _due(self, who: Collection[Who]) -> set[Who]:
        """Those of them that should have samples."""
        return due(who, self._known_replicas() if who else None)

    def _known_replicas(self) -> dict[Who, int] | None:
        """How many pods each workload should have; None when the cluster does not say."""
        return known_replicas(self.world.cluster, self.namespace)

    def _with_help(self, found: Sequence[PredictionRecord]) -> tuple[PredictionRecord, ...]:
        """With what helped in the incidents that they are like."""
        if not any(each.similar for each in found):
            return tuple(found)
        from chaoskit.flows.auto_recovery import kept_attempts

        attempts = [each for each in kept_attempts(self.world) or () if each.helped]

        def helped(incident: Mapping[str, Any]) -> str:
            who, at = (incident["namespace"], incident["target"]), datetime.fromisoformat(incident["at"])
            of_it = (each for each in attempts if (each.namespace, each.target) == who)
            return next((each.helped for each in of_it if abs(each.at - at) <= NEAR), "")

        return tuple(
            replace(each, similar=tuple({**like, "helped": helped(like)} for like in each.similar))
            for each in found
        )


def strange(model: tuple[str, Model], window: Dataset) -> str:
    """Why this model does not answer here, most of its signals being absent; "" where it does."""
    name, asked = model
    words = prediction.strange_here(asked, window.select(asked.spec.signals))
    return f"{name} does not answer here: {words}" if words else ""


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


class Alerts:
    """What Alertmanager is to hold: an alert for each alarm while it lasts, its end when it is over.

    What speaks against the model itself is one too: its silence is not to be taken for health.
    """

    def __init__(self, lasting: timedelta, namespace: str) -> None:
        self._lasting, self._namespace = lasting, namespace
        self._raised: dict[Who, Raised] = {}

    def of(self, outlook: Outlook) -> tuple[Raised, ...]:
        """The alerts to push after this look; each ends by itself unless it is pushed again.

        That nothing is known of an alarmed workload, its samples having stopped or its pods being new, is no
        end of its alarm.
        """
        ends = outlook.at + self._lasting
        now = {(each.namespace, each.target): each for each in outlook.predictions if each.alarmed}
        fresh = {who: self._alert(each, ends) for who, each in now.items()}
        fresh |= {who: self._doubt(outlook, kind, words, ends) for who, kind, words in self._doubts(outlook)}
        unknown = {(each.namespace, each.target) for each in outlook.unknown}
        kept = {
            who: replace(alert, ends=ends)
            for who, alert in self._raised.items()
            if who in unknown and who not in fresh
        }
        standing = fresh | kept
        over = [
            replace(alert, ends=outlook.at)
            for who, alert in self._raised.items()
            if who not in standing or standing[who].labels != alert.labels
        ]
        self._raised = standing
        return (*standing.values(), *over)

    def _doubts(self, outlook: Outlook) -> Iterator[tuple[Who, str, Sequence[str]]]:
        """What speaks against the model, of each kind: its key, the kind, and words."""
        health = outlook.health
        old = (health.old,) if health.old else ()
        for kind, words in (("drift", health.drift), ("stale-signals", health.stale), ("old-model", old)):
            if words:
                yield (self._namespace, f"model {kind}"), kind, words

    def _doubt(self, outlook: Outlook, kind: str, words: Sequence[str], ends: datetime) -> Raised:
        before = self._raised.get((self._namespace, f"model {kind}"))
        labels = {
            "alertname": DOUBT,
            "namespace": self._namespace,
            "model": outlook.manner.name,
            "reason": kind,
            "severity": "warning",
        }
        place = self._namespace or "all namespaces"
        summary = f"{outlook.manner.name} may be wrong about {place}: {kind.replace('-', ' ')}"
        said = {"summary": summary, "description": "; ".join(words)}
        return Raised(labels, said, self._since(before, labels, outlook.at), ends)

    @staticmethod
    def _since(before: Raised | None, labels: Mapping[str, str], now: datetime) -> datetime:
        """When it began: of an alert that stands already, its beginning."""
        return before.starts if before is not None and before.labels == labels else now

    def _alert(self, record: PredictionRecord, ends: datetime) -> Raised:
        before = self._raised.get((record.namespace, record.target))
        labels = {
            "alertname": ALERT,
            "namespace": record.namespace,
            "workload": record.target,
            "class": record.issue or "unknown",
            "model": record.model,
            "severity": "warning",
        }
        return Raised(labels, _annotations(record), self._since(before, labels, record.at), ends)


def _annotations(record: PredictionRecord) -> dict[str, str]:
    return {
        "summary": f"{record.target} in {record.namespace} {_says(record)}",
        "description": "; ".join(record.reasons),
        "prediction": record.id,
    }


def _says(record: PredictionRecord) -> str:
    """Of what a rule alarms on, the forest need not say that it is probable."""
    if record.rule:
        return f"is alarmed by {record.rule} (forest: {record.probability or 0:.0%})"
    minutes = record.horizon_minutes
    says = f"is likely to fail within {minutes:g} min" if minutes else record.words
    return says if record.probability is None else f"{says}, {record.probability:.0%} probable"
