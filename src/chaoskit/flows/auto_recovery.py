"""`AutoRecovery`, the library's facade of the recovery: detect, classify, recover, history, patterns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf
from types import MappingProxyType

from chaoskit import clusters, kube, recovery, topology
from chaoskit.acts.rehearsing import Rehearsing
from chaoskit.acts.rescue import Hear, Rescued, nowhere
from chaoskit.amending import early
from chaoskit.errors import ChaoskitError
from chaoskit.events import Listener, Step, Warned, ignore
from chaoskit.flows.beside import soon
from chaoskit.flows.owners import Owners
from chaoskit.flows.rescuing import keeper
from chaoskit.flows.world import World
from chaoskit.ports.metrics import Alert
from chaoskit.ports.store import Document
from chaoskit.records import PredictionRecord, RecoveryRecord
from chaoskit.recovery import (
    Attempt,
    Decision,
    Heard,
    Issue,
    Options,
    Plan,
    Reach,
    Refusal,
    Sight,
    Told,
    Vote,
    detection,
    placing,
    remedies,
    unattended,
)
from chaoskit.recovery import alerts as alerting
from chaoskit.recovery import given as measuring
from chaoskit.recovery.alerts import SILENCE
from chaoskit.recovery.attempts import FIELDS
from chaoskit.recovery.given import Given
from chaoskit.recovery.patterns import Recurrence, Strategy, recurrences, strategies
from chaoskit.recovery.reach import Ends
from chaoskit.recovery.replay import Difference, what_if
from chaoskit.recovery.runbook import OnFailure, Runbook, defaults, would_match
from chaoskit.recovery.told import Matter
from chaoskit.recovery.trends import Period, trends
from chaoskit.redaction import redacted

STORM_AGAIN = 4 * 3600.0
"""Seconds after which people are told once more of a mass failure that goes on."""

FRESH = timedelta(minutes=5)
"""How long a prediction counts as a vote on what is wrong now."""

LOOKED_BACK = 500
"""So many recoveries say what works; all of them are for `patterns`."""

STALE = 60.0
"""Seconds after which the history is read again."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """What the history of recoveries shows: how strategies did, what comes back, whether it gets faster."""

    strategies: tuple[Strategy, ...]
    recurrences: tuple[Recurrence, ...]
    trends: tuple[Period, ...] = ()


class AutoRecovery:
    """Detects issues in a cluster, classifies them, recovers from them and remembers how it went.

    `runbooks` are asked before the shipped ones. With `approval`, or where the world's limits say so, a
    person is asked in the cluster before anything is done. Every recovery is kept in the world's store.
    `alerts` hears when they end; without, nothing is done about what only an alert shows.
    """

    def __init__(
        self,
        world: World,
        *,
        runbooks: Sequence[Runbook] = (),
        approval: bool = False,
        alerts: Ends | None = None,
    ) -> None:
        self._world = world
        self._runbooks = tuple(runbooks)
        self._reach = Reach(
            world.cluster,
            world.metrics,
            world.clock,
            world.governor,
            notifier=world.notifier,
            hooks=world.hooks,
            approval=approval or world.limits.require_approval,
            alerts=alerts,
            secrets=world.secrets,
        )
        self._owners = Owners(world.cluster, world.clock)
        self._known: tuple[Attempt, ...] = ()
        self._read = -inf

    def observe(self, namespace: str = "") -> Sight:
        """The namespace ("" is all) as it is now, with its signals where there are any."""
        return recovery.observe(self._world.cluster, self._world.metrics, self._world.clock, namespace)

    def detect(
        self,
        namespace: str = "",
        predictions: Sequence[PredictionRecord] = (),
        *,
        labels: str = "",
        alerts: Sequence[Alert] = (),
        given: Mapping[str, Given] = MappingProxyType({}),
        listen: Listener = ignore,
    ) -> tuple[Issue, ...]:
        """What there is to recover from now, roots first; `predictions` are heard as the model's votes.

        `labels` takes workloads by their labels, as kubectl does. `alerts` are evidence as well; `listen`
        is told of those that could not be placed. `given` is what the caller has measured, by workload of
        the namespace (``deployment/cart``, or ``cart``).

        Raises:
            InvalidInput: the labels are no selector, or metrics are given of no workload there.
        """
        seen = self.observe(namespace)
        heard = self.hear(alerts, seen)
        for each in heard.unplaced:
            listen(Step(seen.at, "alert", "note", str(each)))
        return self.classify(seen, predictions, namespace=namespace, labels=labels, heard=heard, given=given)

    def hear(self, alerts: Sequence[Alert], seen: Sight) -> Heard:
        """What alerts say of the observation, and those that nothing could be made of."""
        alerts = self.whose(alerts)
        places = {each.labels.get("namespace", "") for each in alerts if placing.AUTOSCALER in each.labels}
        if places:
            asked = places.pop() if len(places) == 1 else ""
            seen = detection.with_autoscalers(seen, self._world.cluster, asked)
        return alerting.symptoms(alerts, seen)

    def whose(self, alerts: Sequence[Alert]) -> tuple[Alert, ...]:
        """The same alerts; those that name a volume know whose it is, if the cluster says so."""
        return self._owners.of(alerts)

    def classify(
        self,
        seen: Sight,
        predictions: Sequence[PredictionRecord] = (),
        *,
        namespace: str = "",
        labels: str = "",
        heard: Heard = SILENCE,
        given: Mapping[str, Given] = MappingProxyType({}),
    ) -> tuple[Issue, ...]:
        """The issues in an observation, roots first, then the gravest; see `detect`."""
        kinds = (*kube.WORKLOADS, kube.JOB)
        only = topology.labelled(self._world.cluster, namespace, labels, kinds) if labels else None
        measured = measuring.placed(given, seen.topology, namespace, now=seen.at)
        return recovery.issues_in(
            seen, votes(predictions), only, heard=heard.symptoms, given=measured, secrets=self._world.secrets
        )

    def recent_predictions(self, namespace: str) -> tuple[PredictionRecord, ...]:
        """What was predicted for a namespace ("" is all) in the last five minutes; older is no news."""
        world, since = self._world, self._world.clock.now() - FRESH
        where = {"namespace": namespace} if namespace else None
        kept = soon(lambda: world.kept("prediction", where, since=since)) or ()
        return tuple(PredictionRecord.of(each) for each in kept)

    def plan(
        self, issues: Sequence[Issue], seen: Sight | None = None, *, namespace: str = ""
    ) -> tuple[Decision, ...]:
        """A plan or a refusal for each issue, by the runbooks, guards and what worked before."""
        return recovery.plan_for(
            issues,
            self._reach,
            runbooks=self._runbooks,
            history=self.history(),
            seen=seen,
            namespace=namespace,
        )

    def admitted(self, decision: Decision, *, drill: bool = False) -> Decision:
        """The plan, or the refusal of the guards that it would meet now; nothing is done."""
        return recovery.admitted(decision, self._world.governor, drill=drill)

    def leave(self, refusal: Refusal, stood: timedelta, *, listen: Listener = ignore) -> None:
        """Nothing is done about what a guard forbids; a person knows of what hurts all the same.

        `stood` is for how long that was seen to be so: not every symptom shows since when it is there.
        """
        clock = self._world.clock
        book = would_match(refusal.issue, (*self._runbooks, *defaults()))
        wanted = OnFailure() if book is None else book.spec.on_failure
        try:
            lasted = max(stood, clock.now() - refusal.issue.since)
            said = unattended.tell(refusal, lasted, wanted, self._reach)
        except ChaoskitError as error:
            listen(
                Warned(clock.now(), f"{refusal.issue.name}: not acted on, nobody was told: {error.message}")
            )
            return
        if said:
            listen(Step(clock.now(), "escalation", "done", f"{refusal.issue.id}: {said}"))

    def rest(self, why: str, namespace: str = "", *, listen: Listener = ignore) -> None:
        """No process recovers anything in the namespace ("" is all) after this mass failure; people know."""
        world, people = self._world, self._reach.people
        try:
            world.governor.trip(why, namespace)
            matter = Matter.of_storm(namespace, clusters.known(world.cluster))
            people.tell(matter, why, "critical", "", again=STORM_AGAIN)
        except ChaoskitError as error:
            listen(Warned(world.clock.now(), f"{why}; not everybody knows: {error.message}"))

    def raging(self, namespace: str) -> Mapping[str, datetime]:
        """Since when a mass failure goes on in the namespace, and in the whole cluster (""); if one does."""
        return self._world.governor.raging({namespace, ""})

    def calm(self, namespace: str = "") -> None:
        """The mass failure in the namespace ("" is the whole cluster) was seen to be over."""
        self._world.governor.calm(namespace)

    def clear(
        self,
        namespaces: Collection[str],
        stands: Callable[[Told], bool | None],
        *,
        listen: Listener = ignore,
    ) -> None:
        """People know what is over of what they were told of in these namespaces.

        `stands` says of each whether it is still to be seen, None where that cannot be told. It is over when
        it was not to be seen for some minutes.
        """
        self._reach.people.review(namespaces, stands, listen)

    def rehearse(self, plan: Plan) -> tuple[str, ...]:
        """What the server says against each rung of the plan, tried as a dry run; "" for nothing."""
        hands = remedies.Hands(
            Rehearsing(self._world.cluster),
            self._world.clock,
            "rehearsal",
            self._world.clock.now(),
            plan.issue,
            remedies.Deadline(self._world.clock, 0.0),
            hooks=self._world.hooks,
            rehearsal=True,
        )
        return tuple(
            "; ".join(filter(None, (remedies.rehearse(rung, target, hands) for target in rung.targets)))
            for rung in plan.rungs
        )

    def recover(
        self,
        decision: Decision,
        *,
        listen: Listener = ignore,
        stop: threading.Event | None = None,
        trace_id: str = "",
        confirm: timedelta | None = None,
        drill: bool = False,
        wait: bool = True,
        notes: Sequence[str] = (),
        replay_of: str = "",
        hear: Hear = nowhere,
    ) -> RecoveryRecord:
        """The plan was carried out and verified, or refused; the record is kept.

        Without `wait` a question to a person is left standing: recover again after the yes. `notes` is what
        else is known, for its timeline. `replay_of` is the recovery that it repeats. `hear` is told of dead
        acts that stood in its way, undone as far as they could be; the history has them.
        """
        options = replace(
            self._options(listen, stop, hear),
            trace_id=trace_id,
            replay_of=replay_of,
            confirm=confirm,
            drill=drill,
            wait=wait,
            notes=tuple(notes),
        )
        return self._kept(recovery.recover(decision, self._reach, options), listen)

    def replan(self, record: Document) -> Decision:
        """What is decided on a kept recovery's target as it is now, with today's runbooks and guards.

        Raises:
            InvalidInput: it is no record of a recovery.
        """
        return recovery.replan(record, self._reach, runbooks=self._runbooks, history=self.history())

    def what_if(self, runbooks: Sequence[Runbook], only: str = "") -> tuple[Difference, ...]:
        """What these runbooks, asked before the shipped ones, would have decided on every kept recovery.

        Or on the `only` one; nothing is done.
        """
        store, books = self._world.store, (*runbooks, *defaults())
        records = [store.get("recovery", only)] if only else store.find("recovery")
        return tuple(what_if(record, books) for record in records)

    def history(self) -> tuple[Attempt, ...]:
        """The last recoveries that the store remembers, oldest first; none when it does not answer soon.

        What others have kept since is known a minute later.
        """
        now = self._world.clock.monotonic()
        if now - self._read >= STALE:
            known = kept_attempts(self._world)
            if known is not None:
                self._known, self._read = known, now
        return self._known

    def patterns(self) -> Patterns:
        """How each strategy did so far, which issues come back, and how fast it went by day or week."""
        known = recovery.attempts(self._world.kept("recovery", fields=FIELDS))
        return Patterns(strategies(known), recurrences(known), trends(known))

    def _options(self, listen: Listener, stop: threading.Event | None, hear: Hear) -> Options:
        """The history has a recovery before the cluster lets go of it: whoever dies in between loses none.

        What speaks against that is told when the record is whole.
        """

        def ending(record: RecoveryRecord) -> None:
            self._world.keep(ignore, early(self._document(record)))

        history = keeper(self._world, listen)

        def kept(rescued: Rescued) -> Rescued:
            known = history(rescued)
            hear(known)
            return known

        return Options(listen=listen, stop=stop or threading.Event(), ending=ending, keep=kept)

    def _document(self, record: RecoveryRecord) -> Document:
        whole: Document = redacted(record.document(), self._world.secrets, record.names)
        return whole

    def _kept(self, record: RecoveryRecord, listen: Listener) -> RecoveryRecord:
        document = self._document(record)
        self._known = (*self._known, *recovery.attempts([document]))
        self._world.keep(listen, document)
        return record


def kept_attempts(world: World) -> tuple[Attempt, ...] | None:
    """The last recoveries that the store remembers, oldest first; None when it does not answer soon."""
    kept = soon(lambda: world.kept("recovery", limit=LOOKED_BACK, fields=FIELDS))
    return None if kept is None else recovery.attempts(kept)


def votes(predictions: Sequence[PredictionRecord]) -> tuple[Vote, ...]:
    """What alarmed predictions with a class say, as votes."""
    return tuple(
        Vote(each.namespace, each.target, each.issue, each.probability or 0.0)
        for each in predictions
        if each.alarmed and each.issue
    )
