"""Asks every guard before an act begins; all that they look at is read from the cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from chaoskit import kube
from chaoskit.acts import breaker, halt
from chaoskit.acts.accounts import Account, accounts
from chaoskit.acts.breaker import Breaker
from chaoskit.acts.halt import HOME, Act
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import Clock
from chaoskit.errors import Forbidden, NotFound, Refused
from chaoskit.governor import foreign, rules
from chaoskit.governor.limits import Domain, Hit, Limits
from chaoskit.ports.cluster import Cluster, Object, ObjectRef
from chaoskit.sharing import Moment


class Governor:
    """Says no to what must not happen now, and remembers nothing itself."""

    def __init__(self, cluster: Cluster, clock: Clock, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._cluster = cluster
        self._clock = clock

    def glance(self) -> Governor:
        """The same, for one decision that asks several guards: they look at each thing once."""
        return Governor(Moment(self._cluster), self._clock, self.limits)

    def admit(
        self,
        act: Act,
        targets: Sequence[ObjectRef],
        namespace: str,
        *,
        at_once: int,
        hits: Sequence[Hit],
        max_pods: int = 0,
        max_percent: float = 0,
        near: Sequence[ObjectRef] = (),
        domains: Sequence[Domain] = (),
        drill: bool = False,
        engine: ObjectRef | None = None,
    ) -> None:
        """The act may start now; `max_pods` and `max_percent` are what its own document allows.

        It disturbs `at_once` pods or nodes at a time, and of each workload what `hits` say at worst.
        `near` is what its targets need, `domains` what they are part of. In a drill, a recovery may work
        on what the chaos under test disturbs. `engine` is the one of Litmus that it would make anew.

        Raises:
            Refused: the first guard that says no, with its limit and until when.
        """
        places, now = _places(targets, namespace), self._clock.now()
        halt.refuse_when_halted(self._cluster, act, *places)
        if act == "chaos":
            self.refuse_protected(places, hits)
        else:
            self._not_stormy(places)
            self._not_maintained(targets, places)
        self._not_frozen(act, places)
        for pods, percent, of in (
            (self.limits.max_pods, self.limits.max_percent, "the settings"),
            (max_pods, max_percent, _WRITTEN[act]),
        ):
            rules.within_radius(at_once, hits, max_pods=pods, max_percent=percent, of=of)
        known = self._accounts(_places(targets, namespace))
        active = [each for each in known if each.state == "active"]
        rules.interlocked(act, targets, active, near=near, drill=drill)
        if act == "chaos" or not drill:
            ledgers = {each.id for each in active}
            foreign.refuse_beside(self._cluster, act, (*targets, *near), ledgers=ledgers, own=engine)
        for domain in domains:
            rules.within_domain(domain, targets, known, now, self.limits)
        rules.cooled_down(act, targets, known, now, self.limits.cooldown(act))
        self._within_budget(act, known)

    def refuse_protected(self, places: Iterable[str], hits: Sequence[Hit] = ()) -> None:
        """Faults may be injected into these namespaces, whatever is there; of `hits` it is said who would be.

        Raises:
            Refused: one is protected (guard ``protected namespace``).
        """
        for place in places:
            if place in self.limits.protected:
                there = rules.hit_in(place, hits)
                raise Refused(
                    f"namespace {place} is protected: no fault is injected into it{there}",
                    guard="protected namespace",
                    limit=", ".join(self.limits.protected),
                    hint="where that is wanted: the setting unprotected_namespaces",
                )

    def others(self, ledger: Ledger, also: Iterable[str] = ()) -> tuple[Account, ...]:
        """The ledgers of others that this caller may see, ended ones included, where they are still there.

        Who may not see all namespaces is answered of its own, its targets' and these.
        """
        mine = ledger.account
        places = (*_places(mine.targets, mine.ref.namespace), *also)
        return tuple(each for each in self._accounts(places) if each.id != mine.id)

    def confirm(
        self, ledger: Ledger, *, domains: Sequence[Domain] = (), drill: bool = False
    ) -> tuple[Account, ...]:
        """Nobody else began on the same workload, or used the budget up, between admission and our ledger.

        Answers the `others` as they are now.

        Raises:
            Refused: somebody did (guard ``busy``, ``interlock``, ``failure domain`` or ``budget``); close the
                ledger and leave.
        """
        mine, others = ledger.account, self.others(ledger)
        active = [each for each in others if each.state == "active"]
        rules.interlocked(mine.act, mine.targets, active, drill=drill)
        for domain in domains:
            rules.within_domain(domain, mine.targets, others, self._clock.now(), self.limits)
        self._within_budget(mine.act, others)
        return others

    def trip(self, why: str, namespace: str = "") -> Breaker:
        """The storm breaker is open for the namespace ("" is the whole cluster), as long as limits say."""
        rest = timedelta(seconds=self.limits.storm_rest)
        return breaker.trip(self._cluster, self._clock, why, rest, namespace=namespace or HOME)

    def raging(self, namespaces: Iterable[str]) -> Mapping[str, datetime]:
        """Since when a mass failure goes on, of these namespaces ("" is the whole cluster) where one does."""
        places = {place or HOME: place for place in namespaces}
        found = breaker.raging(self._cluster, self._clock.now(), *places)
        return {places[home]: since for home, since in found.items()}

    def calm(self, namespace: str = "") -> None:
        """The mass failure there was seen to be over; an open breaker stays so until its time is up."""
        breaker.over(self._cluster, self._clock.now(), namespace or HOME)

    def remembers(self, act: Act) -> float:
        """Seconds for which an ended ledger of this kind is needed by any guard; 0: not at all."""
        window = self.limits.budget_window if self.limits.budget(act) else 0.0
        domains = self.limits.domain_window if act == "recovery" else 0.0
        return max(self.limits.cooldown(act), window, domains)

    def accounts(self, namespace: str = "") -> tuple[Account, ...]:
        """The ledgers of a namespace ("" is all) that this caller may see, ended ones included."""
        try:
            return accounts(self._cluster, namespace)
        except Forbidden:
            return ()  # who may not read leases cannot open one either: `admit` will say so

    def blind(
        self, act: Act, targets: Sequence[ObjectRef], namespace: str, *, drill: bool = False
    ) -> tuple[str, ...]:
        """What the guards of `admit` cannot see here, in words; empty when they see everything.

        They let pass what they cannot see: who asks them should say so beside the act.
        """
        places = _places(targets, namespace)
        return (
            *halt.unseen(self._cluster, *places),
            *self._unseen_freezes(places),
            *self._unseen_accounts(act, targets, namespace),
            *(foreign.unseen(self._cluster, targets) if act == "chaos" or not drill else ()),
        )

    def _unseen_freezes(self, places: Iterable[str]) -> Iterator[str]:
        for place in places:
            try:
                self._cluster.get(ObjectRef(kube.NAMESPACE, "", place))
            except Forbidden as error:
                yield f"whether namespace {place} is frozen cannot be seen: {error.message}"
            except NotFound:
                continue

    def _unseen_accounts(self, act: Act, targets: Sequence[ObjectRef], namespace: str) -> Iterator[str]:
        try:
            known = accounts(self._cluster)
        except Forbidden as error:
            known = self._accounts(_places(targets, namespace))
            if self.limits.budget(act):
                yield f"the budget counts no act in other namespaces: {error.message}"
        for each in known:
            if each.unreadable:
                yield f"{each.ref} in {each.ref.namespace}: {each.unreadable}"

    def _within_budget(self, act: Act, known: Iterable[Account]) -> None:
        now, limits = self._clock.now(), self.limits
        rules.within_budget(act, known, now, limits.budget(act), limits.budget_window)

    def _not_stormy(self, places: Iterable[str]) -> None:
        found = breaker.opened(self._cluster, self._clock.now(), *places)
        if found is not None:
            raise found.refusal()

    def _not_frozen(self, act: Act, places: Iterable[str]) -> None:
        """A recovery freeze on the home of halts is for the whole cluster, as they are."""
        now = self._clock.now()
        for place in dict.fromkeys((*places, *((HOME,) if act == "recovery" else ()))):
            body = self._seen(ObjectRef(kube.NAMESPACE, "", place))
            if body is not None:
                rules.frozen(act, place, kube.annotations_of(body), now)

    def _not_maintained(self, targets: Sequence[ObjectRef], places: Iterable[str]) -> None:
        now: datetime = self._clock.now()
        for ref in (*targets, *(ObjectRef(kube.NAMESPACE, "", place) for place in places)):
            body = self._seen(ref)
            if body is not None:
                rules.maintained({"kind": ref.kind.name, **body}, now)

    def _seen(self, ref: ObjectRef) -> Object | None:
        """The object; None when it is gone or may not be read: `blind` says so of namespaces."""
        try:
            return self._cluster.get(ref)
        except (NotFound, Forbidden):
            return None

    def _accounts(self, places: Iterable[str]) -> tuple[Account, ...]:
        """Those of all namespaces, or of these places where no more may be seen."""
        try:
            return accounts(self._cluster)
        except Forbidden:
            return tuple(e for place in dict.fromkeys(places) for e in accounts(self._cluster, place))


_WRITTEN: Mapping[Act, str] = {"chaos": "the experiment's blastRadius", "recovery": "the runbook"}
"""Where an act's own limits stand."""


def _places(targets: Sequence[ObjectRef], namespace: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for each in (namespace, *(t.namespace for t in targets)) if each))
