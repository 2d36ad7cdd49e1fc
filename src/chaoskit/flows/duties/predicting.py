"""The duty to foresee: alarms are told, people know of each once while it lasts, and when it is over."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from math import inf

from chaoskit import clusters, prediction
from chaoskit.errors import ChaoskitError, NoSamples
from chaoskit.events import Unwatched
from chaoskit.flows import learning
from chaoskit.flows.chaos_engine import AIChaosEngine
from chaoskit.flows.duties.saying import Saying
from chaoskit.flows.foreseeing import Lookout
from chaoskit.flows.wanted import due, known_replicas
from chaoskit.flows.world import World
from chaoskit.records import PredictionRecord
from chaoskit.recovery.escalation import People
from chaoskit.recovery.told import Matter, Told

AGAIN = 4 * 3600.0
"""Seconds after which people are told once more of an alarm that lasts."""


class Predicting:
    """Looks at one namespace after the other, with what was measured of it so far."""

    def __init__(self, world: World, say: Saying) -> None:
        self._world, self._say = world, say
        self._alarms = Alarms(world, say)
        self._lookouts: dict[str, Lookout] = {}
        self._answering: dict[str, tuple[str, str]] = {}

    def look(self, namespace: str) -> None:
        """Alarms in the namespace are known to whoever is to know them, and which of them are over.

        Raises:
            CannotStart: as `Lookout.look`; what nobody wants any more is over all the same.
        """
        try:
            found = self._lookout(namespace).look().predictions
        except NoSamples:
            self._alarms.heed(namespace, ())
            raise
        self._alarms.heed(namespace, found)

    def forget(self, namespace: str) -> None:
        """Nothing is left there: whoever shows what was foreseen of it knows that, too."""
        self._lookouts.pop(namespace, None)
        self._alarms.forget(namespace)
        self._say.listen(Unwatched(self._say.clock.now(), namespace))

    def rest(self) -> None:
        """Somebody else looks from now on: nothing of what was foreseen here is shown any more."""
        for namespace in tuple(self._lookouts):
            self.forget(namespace)

    def _lookout(self, namespace: str) -> Lookout:
        """What looks at this namespace, with what it has measured so far, and as the promoted model says."""
        known, answers = self._lookouts.get(namespace), prediction.answering(self._world.models)
        if known is None:
            known = AIChaosEngine(self._world).lookout(namespace, listen=self._say.listen)
            self._lookouts[namespace] = known
        elif self._answering[namespace] != answers:
            known.answered_by(learning.chosen(self._world.models, key=self._world.model_key))
        self._answering[namespace] = answers
        return known


class Alarms:
    """Tells of each alarm once while it lasts: on screen in each process, people once in all of them."""

    def __init__(self, world: World, say: Saying) -> None:
        self._cluster, self._clock, self._say = world.cluster, world.clock, say
        self._people = People(world.cluster, world.clock, world.notifier, world.secrets)
        self._told: dict[str, dict[str, float]] = {}

    def heed(self, namespace: str, predictions: Collection[PredictionRecord]) -> None:
        """Whoever is to know knows of the alarms of this look, and of the end of others."""
        alarmed = {each.target: each for each in predictions if each.alarmed}
        before = self._told.get(namespace, {})
        for target, each in alarmed.items():
            if target not in before:
                why = "; ".join(each.reasons).removeprefix(f"{each.rule}: ")
                self._say.step("predicted", "broken", f"{_title(each)}: {why}")
        told = {target: self._tell(each, before.get(target, -inf)) for target, each in alarmed.items()}
        self._told[namespace] = told
        if self._people.notifier is not None:
            self._clear(namespace, predictions)

    def forget(self, namespace: str) -> None:
        """Nothing is left there."""
        self._told.pop(namespace, None)

    def _tell(self, each: PredictionRecord, before: float) -> float:
        """When people were told, by this process (monotonic seconds); the cluster remembers who else did."""
        now = self._clock.monotonic()
        if self._people.notifier is None or now - before < AGAIN:
            return before
        matter = Matter.of_prediction(
            each.namespace, each.target, each.issue, _title(each), clusters.known(self._cluster)
        )
        try:
            self._people.tell(matter, "; ".join(each.reasons), "warning", "", again=AGAIN)
        except ChaoskitError as error:
            self._say.warn(f"nobody was told: {error.message}")
            return before
        return now

    def _clear(self, namespace: str, predictions: Collection[PredictionRecord]) -> None:
        """What people were told of and is over, they know to be over: its workload is well, or not wanted.

        Of whom the look has no answer, though pods of it are wanted, nobody knows, whoever leads.
        """
        answered = {each.target: each.alarmed for each in predictions}
        replicas = cache(lambda: known_replicas(self._cluster, namespace))

        def stands(told: Told) -> bool | None:
            target = told.matter.labels["target"]
            if not told.matter.is_foreseen:
                return None
            if target in answered:
                return answered[target]
            return None if due([(namespace, target)], replicas()) else False

        self._people.review({namespace}, stands, self._say.listen)


def _title(each: PredictionRecord) -> str:
    says = "is likely to fail" if each.horizon_minutes else each.words
    if each.rule:
        says = f"is alarmed by {each.rule}"
    return f"{each.target} in {each.namespace} {says}"
