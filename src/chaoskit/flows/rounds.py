"""The rounds of a controller: what to do in each namespace that it watches, and what is over there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from chaoskit import kube
from chaoskit.events import Listener
from chaoskit.flows.auto_recovery import AutoRecovery
from chaoskit.flows.belonging import Look, home, look_of, stands
from chaoskit.flows.hearing import Hearing
from chaoskit.flows.owing import is_owed
from chaoskit.flows.world import World
from chaoskit.ports.cluster import ObjectRef
from chaoskit.ports.metrics import Alert
from chaoskit.recovery import Decision, Issue, Plan, Sight, Told
from chaoskit.recovery.alerts import Unplaced
from chaoskit.recovery.networksymptoms import DNS_NAMESPACE
from chaoskit.recovery.weather import Weather


@dataclass(frozen=True, slots=True)
class Round:
    """What a look at a namespace came to: what to do about each issue, and whether nodes are in trouble.

    `unplaced` are alerts about it that nothing could be made of.
    """

    decisions: tuple[Decision, ...]
    nodes: bool
    unplaced: tuple[Unplaced, ...] = ()


class Rounds:
    """Looks at one namespace after the other within a scope: one namespace, "" for all but protected ones.

    A look at "" is at the nodes, which belong to the scope as a whole: only that shows who is on them.
    """

    def __init__(
        self,
        recovery: AutoRecovery,
        world: World,
        scope: str,
        listen: Listener,
        hearing: Hearing,
        *,
        drill: bool = False,
    ) -> None:
        self._recovery = recovery
        self._cluster = world.cluster
        self._hearing = hearing
        self._drill = drill
        self._protected = world.limits.protected
        self._scope = scope
        self._listen = listen
        self._weather = Weather(wide=not scope)

    def look(self, namespace: str, every: Collection[str]) -> Round | None:
        """What is to be done there now; None when there is nothing left in it, or it is not to be touched.

        `every` are the namespaces that there are: how large a share of all fails is known when all were
        looked at.
        """
        if namespace in self._protected or self._scope not in {"", namespace}:
            return None
        seen = self._recovery.observe(namespace)
        if not namespace:
            seen = seen.without(self._protected)
        heard = self._recovery.hear(self._about(namespace, every, self._hearing.firing()), seen)
        issues = self._recovery.classify(seen, self._recovery.recent_predictions(namespace), heard=heard)
        decided = self._recovery.plan(issues, seen, namespace=namespace)
        if namespace:
            known = [place for place, _ in seen.topology.workloads if place == namespace]
            self._weather.saw(namespace, issues, len(known), every)
        raging = self._recovery.raging(namespace)
        storms = self._weather.storms(namespace, decided, seen.at, raging)
        for storm in storms.values():
            self._recovery.rest(storm.why, storm.namespace, listen=self._listen)
        for place in raging:
            if self._weather.is_over(place):
                self._recovery.calm(place)
        if (wide := storms.get("") or self._weather.unsure(raging)) is not None:
            decided = tuple(wide.refusal(each.issue) if _acts(each) else each for each in decided)
        over = self._recovery.hear(self._about(namespace, every, self._hearing.over()), seen)
        self._clear(namespace, seen, issues, frozenset(_name(each.target) for each in over.symptoms))
        if not seen.topology.pods and not seen.topology.workload_bodies:
            self._weather.forget(namespace)
            return None
        mine = tuple(each for each in decided if self._belongs(each.issue, namespace, every))
        return Round(
            tuple(self._recovery.admitted(each, drill=self._drill) for each in mine),
            any(each.target.kind == kube.NODE and not each.hearsay for each in issues),
            heard.unplaced,
        )

    def _about(self, namespace: str, every: Collection[str], alerts: Sequence[Alert]) -> list[Alert]:
        return [each for each in self._recovery.whose(alerts) if home(each, self._scope, every) == namespace]

    def forget(self, namespace: str) -> None:
        """Nothing is left there."""
        self._weather.forget(namespace)

    def _belongs(self, issue: Issue, namespace: str, every: Collection[str]) -> bool:
        """Whether this look decides on the issue."""
        return look_of(issue.target.namespace, self._scope, every) == namespace

    def _clear(
        self, namespace: str, seen: Sight, issues: Sequence[Issue], over: frozenset[tuple[str, str]]
    ) -> None:
        """What people were told of and is over, they know to be over; alerts about `over` have ended."""
        look = Look(
            namespace,
            self._scope,
            ill=frozenset(_name(each.target) for each in issues if not each.hearsay),
            workloads=seen.topology.workloads.keys(),
            blind=bool(seen.blind),
            over=over,
            rages={place: self._weather.rages(place) for place in (namespace, self._scope)},
        )
        places = {namespace, DNS_NAMESPACE} | ({""} if self._scope in {"", namespace} else set())

        def is_there(told: Told) -> bool | None:
            ledger = told.matter.ledger
            return stands(told, look) if ledger is None else is_owed(self._cluster, ledger)

        self._recovery.clear(places, is_there, listen=self._listen)


def _name(target: ObjectRef) -> tuple[str, str]:
    return target.namespace, str(target)


def _acts(decision: Decision) -> bool:
    return isinstance(decision, Plan) and decision.acts
