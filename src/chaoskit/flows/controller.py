"""The loop that keeps watch over a cluster: recovers, predicts, takes up and finishes the runs of others.

Level-based: a watch says only that something of a namespace has changed, what is to be done is read anew.
Of several controllers one leads and acts; what each act may do, guards in the cluster decide.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from typing import Literal

from chaoskit import kube
from chaoskit.acts.accounts import SELECTOR, Account, account_of
from chaoskit.acts.heart import Heart
from chaoskit.acts.leader import Leadership, Unrivalled
from chaoskit.errors import CannotStart, Conflict, Unavailable
from chaoskit.events import Listener
from chaoskit.flows.deaths import Deaths
from chaoskit.flows.duties.predicting import Predicting
from chaoskit.flows.duties.recovering import SPACING, Recovering
from chaoskit.flows.duties.runs import Runs
from chaoskit.flows.duties.saying import Saying
from chaoskit.flows.hands import MOST, WITHOUT_RECOVERY, Hands, InVain, Job, words_of
from chaoskit.flows.hearing import Hearing
from chaoskit.flows.world import World
from chaoskit.ports.alerts import AlertSource
from chaoskit.ports.cluster import Kind, ObjectRef
from chaoskit.ports.metrics import Alert
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import Runbook
from chaoskit.watching import Interest, Sighting, Watching

Duty = Literal["predict", "recover", "runs"]
DUTIES: tuple[Duty, ...] = ("predict", "recover", "runs")

BATCH = 1000
"""Changes that are taken in at most before the loop goes round, however fast they come."""

SETTLE = 1.0
"""Seconds that a namespace which has changed is given to change further, before it is looked at."""

PREDICT = 60.0
"""Seconds between two predictions for a namespace."""

ASK = 15.0
"""Seconds between two questions to Alertmanager, where there is one."""

SHOWN: tuple[Kind, ...] = (kube.POD, kube.DEPLOYMENT, kube.STATEFUL_SET, kube.DAEMON_SET)
"""Kinds whose changes make a namespace worth a look."""


@dataclass(frozen=True, slots=True)
class State:
    """How a controller is: `silent` is the seconds since its loop last went round."""

    leads: bool
    synced: bool
    depth: int
    silent: float
    recovering: bool = False
    trouble: str = ""


class Controller:
    """One process's part; `namespace` "" is all of them, `duties` what it does while it leads.

    `alerts` is an Alertmanager that is asked. `done` is told of each recovery that ended. In a `drill` it may
    repair what the chaos under test disturbs.
    """

    def __init__(
        self,
        world: World,
        leadership: Leadership | Unrivalled,
        *,
        namespace: str = "",
        duties: Sequence[Duty] = DUTIES,
        runbooks: Sequence[Runbook] = (),
        confirm: timedelta | None = None,
        alerts: AlertSource | None = None,
        listen: Listener,
        stop: threading.Event,
        done: Callable[[RecoveryRecord], object] = lambda _record: None,
        drill: bool = False,
    ) -> None:
        self._world = world
        self._clock = world.clock
        self._leadership = leadership
        self._namespace = namespace
        self._duties = frozenset(duties)
        self._say = Saying(world.clock, listen)
        self._stop = stop
        self._hearing = Hearing(world.clock, alerts)
        self._recovering = Recovering(
            world, namespace, self._say, stop, self._hearing,
            runbooks=runbooks, confirm=confirm, done=done, drill=drill,
        )  # fmt: skip
        self._predicting = Predicting(world, self._say)
        self._runs = Runs(world, self._say, stop)
        most = MOST if "recover" in self._duties else WITHOUT_RECOVERY
        self._hands = Hands(world.clock, self._say, most)
        self._deaths = Deaths(world.clock)
        self._looked: dict[str, float] = {}
        self._shown: dict[str, set[str]] = {}
        self._unsynced = set(self._interests)
        self._led = False
        self._turned = world.clock.monotonic()

    @property
    def state(self) -> State:
        """How it is now; any thread may ask."""
        return State(
            leads=self._leadership.leads,
            synced=not self._unsynced,
            depth=self._hands.depth,
            silent=self._clock.monotonic() - self._turned,
            recovering=self._hands.recovering,
            trouble=self._leadership.trouble,
        )

    def hear(self, alerts: Sequence[Alert]) -> str:
        """The alerts that were posted are known; any thread tells. Says so in words.

        Raises:
            CannotStart: this process does not lead, or does not recover: it is to be posted once more.
        """
        if not self._leadership.leads or "recover" not in self._duties:
            raise CannotStart("this controller does not lead: post it again, to the one that does")
        excess = self._hearing.post(alerts)
        if excess:
            self._say.warn(f"too many alerts fire at once: the {excess} oldest are not heeded")
        self._hands.add(Job("alerts", ""))
        return f"heard {len(alerts)} alert{'' if len(alerts) == 1 else 's'}"

    def run(self) -> None:
        """It kept watch until `stop` was set; what was under way then has been undone.

        Raises:
            Forbidden: what it must watch may not be read.
            Exception: a bug in the heart, without which nothing is kept alive.
        """
        cluster, clock = self._world.cluster, self._clock
        with Watching(cluster, self._interests, clock) as watching, Heart(cluster, clock) as heart:
            try:
                while not self._stop.is_set():
                    self._turn(watching, heart)
            finally:
                self._stop.set()  # whatever ends the loop ends the workers, in order
                self._hands.join()
                self._leadership.resign()

    @property
    def _interests(self) -> tuple[Interest, ...]:
        leases = Interest(kube.LEASE, self._namespace, labels=SELECTOR)
        if not self._duties & {"recover", "predict"}:
            return (leases,)
        return (leases, *(Interest(kind, self._namespace) for kind in SHOWN))

    # ------------------------------------------------------------------ the loop

    def _turn(self, watching: Watching, heart: Heart) -> None:
        leads = self._leading()
        self._hear(watching)
        self._count_anew()
        heart.ask()
        if leads and not self._stop.is_set():
            self._bury()
            self._hands.begin(lambda job: self._work(job, heart))

    def _hear(self, watching: Watching) -> None:
        """What has come in was taken in; at first it is waited for, until work may be due."""
        most = 1.0 if self._led and self._hands.free > 1 else 0.5
        sighting = watching.next(min(most, self._hands.wait) if self._led else most)
        for _ in range(BATCH):
            if sighting is None or self._stop.is_set():
                return
            self._take_in(sighting)
            sighting = watching.next(0.0)

    def _count_anew(self) -> None:
        """Nobody is dead for what was not seen while the server could not be asked, or this loop stood."""
        self._turned = self._clock.monotonic()
        self._deaths.heard(well=not self._leadership.trouble)

    def _bury(self) -> None:
        """The dead are to be finished; a run that was being prepared is prepared anew, if that is a duty."""
        for each in self._deaths.dead():
            if each.state == "active":
                self._hands.add(Job("dead", each.ref.namespace, each.ref.name, each.version))
            elif "runs" in self._duties:
                self._hands.add(Job("run", each.ref.namespace, each.ref.name, each.version))

    def _leading(self) -> bool:
        """Whether this process acts; who begins to lead looks at everything that it has seen so far."""
        leads = self._leadership.seek()
        if leads != self._led:
            self._led = leads
            self._say.step("leader", "begun" if leads else "done", self._leadership.identity)
            if not leads:
                self._hearing.forget()
                self._predicting.rest()
            elif self._hearing.source is not None and "recover" in self._duties:
                self._hands.add(Job("alerts", ""))
            for namespace in tuple(self._looked) if leads else ():
                self._look_at(namespace)
        return leads

    def _take_in(self, sighting: Sighting) -> None:
        """What was sighted is known; a bug in that is told, and what it is about is left alone."""
        try:
            self._saw(sighting)
        except Exception as bug:  # noqa: BLE001 - what somebody put into a cluster ends no controller
            meta = sighting.change.object.get("metadata") or {}
            where = f"{sighting.interest.kind.plural} {meta.get('namespace')}/{meta.get('name')}"
            self._say.warn(f"{where}: {words_of(bug)}; it is left alone")

    def _saw(self, sighting: Sighting) -> None:
        interest, change = sighting.interest, sighting.change
        if change.type == "SYNCED":
            self._unsynced.discard(interest)
            if interest.kind == kube.LEASE:
                self._deaths.sees()
        elif change.type == "LOST" and interest.kind == kube.LEASE:
            self._deaths.blind()
        elif interest.kind == kube.LEASE and change.object:
            self._saw_act(account_of(change.object), gone=change.type == "DELETED")
        elif change.object:
            meta = change.object["metadata"]
            self._saw_workload(meta["namespace"], meta["uid"], gone=change.type == "DELETED")

    def _saw_act(self, account: Account, *, gone: bool) -> None:
        if gone:
            self._deaths.gone(account.ref)
            return
        self._deaths.saw(account)
        if account.state == "handed" and not account.holder and "runs" in self._duties:
            kind: Literal["run", "accept"] = "run" if account.accepted else "accept"  # whoever accepted it
            job = Job(kind, account.ref.namespace, account.ref.name, account.version)
            self._hands.add(job)
            self._hands.add(job._replace(kind="late"), after=self._runs.patience(account))

    def _saw_workload(self, namespace: str, uid: str, *, gone: bool) -> None:
        if namespace in self._world.limits.protected:
            return
        shown = self._shown.setdefault(namespace, set())
        if gone:
            shown.discard(uid)
        else:
            shown.add(uid)
        if not shown:
            self._forget(namespace)
            return
        if namespace not in self._looked:
            self._looked[namespace] = -inf
            self._look_at(namespace)
        elif "recover" in self._duties:
            self._look_soon(namespace)

    def _forget(self, namespace: str) -> None:
        """Nothing is left in the namespace: it is looked at when there is something again."""
        self._shown.pop(namespace, None)
        self._looked.pop(namespace, None)
        self._recovering.forget(namespace)
        self._predicting.forget(namespace)

    def _look_soon(self, namespace: str) -> None:
        """There is a look at the namespace, but not too soon after the last one."""
        again = self._looked.get(namespace, -inf) + SPACING - self._clock.monotonic()
        self._hands.add(Job("look", namespace), after=max(SETTLE, again))

    def _look_at(self, namespace: str) -> None:
        if "recover" in self._duties:
            self._hands.add(Job("look", namespace), after=SETTLE)
        if "predict" in self._duties and self._world.metrics is not None:
            self._hands.add(Job("predict", namespace), after=SETTLE)

    # ------------------------------------------------------------------ the work, in threads of the pool

    def _work(self, job: Job, heart: Heart) -> float | None:
        """Seconds after which the job comes again; None: when something asks for it."""
        if self._stop.is_set():
            return None
        match job.kind:
            case "look":
                return self._look(job.namespace)
            case "predict":
                return self._predict(job.namespace)
            case "alerts":
                return self._heed()
            case "recovery":
                self._recover(job.namespace, job.about)
                return None
        return self._runs.work(job.kind, self._account(job), by=self._leadership.identity, heart=heart)

    def _account(self, job: Job) -> Account:
        """The act whose Lease still stands as it did; otherwise `Conflict`."""
        ref = ObjectRef(kube.LEASE, job.namespace, job.about)
        account = account_of(self._world.cluster.get(ref))
        if account.version != job.version:
            raise Conflict(f"{ref} has changed")
        return account

    def _look(self, namespace: str) -> float | None:
        """Issues for which there is a plan are worked on, and refusals are told, once."""
        self._looked[namespace] = self._clock.monotonic()

        def busy(issue: str) -> bool:
            return self._hands.hold(Job("recovery", namespace, issue))

        found = self._recovering.look(namespace, tuple(self._shown), busy)
        if found is None:
            self._looked.pop(namespace, None)
            return None
        if found.nodes and namespace != self._namespace:
            self._look_soon(self._namespace)
        for issue in found.plans:
            if not busy(issue):  # one that came to nothing waits longer than until the next look
                self._hands.add(Job("recovery", namespace, issue))
        return found.again

    def _recover(self, namespace: str, issue: str) -> None:
        record = self._recovering.recover(namespace, issue, tuple(self._shown))
        if record is None:
            return
        self._hands.add(Job("look", namespace), after=SETTLE)
        if record.outcome.exit_code:
            raise InVain

    def _predict(self, namespace: str) -> float | None:
        if namespace not in self._shown:
            self._predicting.forget(namespace)
            return None
        try:
            self._predicting.look(namespace)
        finally:
            if not self._leadership.leads:  # what was foreseen meanwhile is the next leader's to tell
                self._predicting.forget(namespace)
        return PREDICT

    def _heed(self) -> float | None:
        """Alerts that came or went have the namespaces that they are about looked at.

        Raises:
            Unavailable: Alertmanager does not answer; what was posted is heeded all the same.
        """
        if self._unsynced:
            return SETTLE  # which namespaces there are is not known yet
        away: Unavailable | None = None
        try:
            self._hearing.ask()
        except Unavailable as error:
            away = error
        for namespace in self._recovering.heed(tuple(self._shown)):
            self._look_soon(namespace)
        if away is not None:
            raise away
        return None if self._hearing.source is None else ASK
