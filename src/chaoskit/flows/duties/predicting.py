"""The duty to foresee: alarms are told, people know of each once while it lasts, and when it is over."""

from __future__ import annotations

from chaoskit import prediction
from chaoskit.errors import ChaoskitError
from chaoskit.flows.chaos_engine import AIChaosEngine
from chaoskit.flows.duties.saying import Saying
from chaoskit.flows.foreseeing import Lookout, Outlook
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
        self._people = People(world.cluster, world.clock, world.notifier)
        self._lookouts: dict[str, Lookout] = {}
        self._alarmed: dict[str, frozenset[str]] = {}
        self._told: dict[str, float] = {}

    def look(self, namespace: str) -> None:
        """Alarms in the namespace are known to whoever is to know them."""
        outlook = self._lookout(namespace).look()
        alarmed = [each for each in outlook.predictions if each.alarmed]
        before = self._alarmed.get(namespace, frozenset())
        self._alarmed[namespace] = frozenset(each.target for each in alarmed)
        for each in alarmed:
            if each.target not in before:
                self._say.step("predicted", "broken", f"{_title(each)}: {'; '.join(each.reasons)}")
        if self._world.notifier is not None:
            self._tell(namespace, alarmed)
            self._clear(namespace, outlook)

    def forget(self, namespace: str) -> None:
        """Nothing is left there."""
        self._lookouts.pop(namespace, None)
        self._alarmed.pop(namespace, None)

    def _lookout(self, namespace: str) -> Lookout:
        """What looks at this namespace, with what it has measured so far; anew when another model answers."""
        known = self._lookouts.get(namespace)
        answers = prediction.promoted(self._world.models)
        if known is None or (known.model[0] if known.model else "") != answers:
            known = AIChaosEngine(self._world).lookout(namespace, listen=self._say.listen)
            self._lookouts[namespace] = known
        return known

    def _tell(self, namespace: str, alarmed: list[PredictionRecord]) -> None:
        """Whoever is on call knows of them: the cluster remembers it, or else this process."""
        now = self._world.clock.monotonic()
        keys = {_matter(each, self._world.cluster.name).key: each for each in alarmed}
        for known in [each for each in self._told if each.split("/")[2] == namespace and each not in keys]:
            del self._told[known]
        for key, each in keys.items():
            if now - self._told.get(key, -AGAIN) < AGAIN:
                continue
            matter = _matter(each, self._world.cluster.name)
            try:
                self._people.tell(matter, "; ".join(each.reasons), "warning", "", again=AGAIN)
                self._told[key] = now
            except ChaoskitError as error:
                self._say.warn(f"nobody was told: {error.message}")

    def _clear(self, namespace: str, outlook: Outlook) -> None:
        """What people were told of and is over, they know to be over; of what fell silent nobody knows."""
        alarmed = self._alarmed[namespace]
        silent = {each.target for each in outlook.silent}

        def stands(told: Told) -> bool | None:
            target = told.matter.labels["target"]
            if not told.matter.is_foreseen or target in silent:
                return None
            return target in alarmed

        self._people.review({namespace}, stands, self._say.listen)


def _matter(each: PredictionRecord, cluster: str) -> Matter:
    return Matter.of_prediction(each.namespace, each.target, each.issue, _title(each), cluster)


def _title(each: PredictionRecord) -> str:
    return f"{each.target} in {each.namespace} is likely to fail"
