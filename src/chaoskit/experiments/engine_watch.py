"""One engine of a run: made, watched until Litmus has ended it, and its results removed afterwards."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime, timedelta

from chaoskit import kube
from chaoskit.acts.engine import OPERATOR_ANSWERS, end_by_hand, tell_to_stop
from chaoskit.acts.ledger import Ledger
from chaoskit.acts.trail import BY_COMMAND, ENDED, UID_LABEL, Struck, Trail, runs, status
from chaoskit.clock import Clock
from chaoskit.errors import CannotStart, ChaoskitError, TakenOver, TimedOut
from chaoskit.experiments import beside, litmus, originals, terminal
from chaoskit.experiments.asides import Asides
from chaoskit.experiments.asking import asked
from chaoskit.experiments.course import Course
from chaoskit.experiments.evidence import Evidence
from chaoskit.experiments.planning import Plan
from chaoskit.experiments.selection import picked, struck
from chaoskit.experiments.signs import Signs
from chaoskit.experiments.terminal import Ending, Observed
from chaoskit.experiments.trials import Trial, fault_seconds
from chaoskit.journal import Journal
from chaoskit.ports.cluster import Cluster, Kind, Object, ObjectRef
from chaoskit.watching import Interest, Sighting, Watching

TICK = 1.0
COMPLETES = 90.0
"""Seconds that Litmus may take to end an engine by itself once every result has settled."""
LONGEST = 10.0
"""Seconds in which logs are read and faults are taken back at the end: the undo comes after it."""
CLEARS = 60.0
"""Seconds in which an ended engine goes away to make room for one of its name."""

STRIKES = frozenset({"pod-delete", "container-kill"})
"""Faults that strike again and again, and leave nothing to be taken back."""

Meanwhile = Callable[[], None]
"""Called at least once a tick while an engine is made or watched; what it raises is the end of that."""
Looking = Callable[[], AbstractContextManager[None]]
"""Inside, the steady state is looked at beside whatever is done."""


def make(
    trial: Trial,
    plan: Plan,
    course: Course,
    cluster: Cluster,
    clock: Clock,
    journal: Journal,
    ledger: Ledger,
    wanted: Meanwhile,
) -> Observed:
    """The trial's engine is in the cluster, with what belongs beside it; an ended one of its name is gone.

    Raises:
        CannotStart: an engine of its name runs, or does not go away; another run made what stands beside.
        ChaoskitError: what `wanted` raises, which is called to the last moment; the engine was not made.
    """
    for body in trial.beside:
        beside.make(body, cluster, journal, ledger)
    body = body_of(trial, plan, journal.run)
    ref = kube.ref_of(body, kube.CHAOS_ENGINE)
    wanted()
    _clear_the_name(ref, cluster, clock, wanted)
    for entry in originals.owed(plan, cluster):
        ledger.write(entry)
    trail = trail_of(ref, plan, journal.run)
    ledger.write(trail.entry())
    old = _results_before(cluster, ref.namespace)
    wanted()
    with ledger.doubting(trail.entry()):
        engine = cluster.create(body)
    uid = engine["metadata"]["uid"]
    course.trail = dataclasses.replace(trail, engine=dataclasses.replace(ref, uid=uid))
    made = Observed(ref.name, uid, clock.monotonic(), trial.faults, old, engine=engine)
    course.observed = made
    ledger.amend(trail.entry(), course.trail.entry())
    journal.step(trial.faults[0], "begun", f"engine {ref.name} in namespace {ref.namespace}")
    return made


def trail_of(ref: ObjectRef, plan: Plan, run: str) -> Trail:
    """How to find all that comes of the engine, the pods included in which it may run commands."""
    ours = plan.trial.experiment is not None
    pods = (
        Struck(fault, pod["metadata"]["namespace"], pod["metadata"]["name"])
        for fault, selection in plan.selections.items()
        if fault in BY_COMMAND
        for pod in struck(selection, run if ours else "")
    )
    return Trail(ref, run, plan.selection.namespaces, ours, tuple(pods))


def body_of(trial: Trial, plan: Plan, run: str) -> Object:
    """The engine that the run makes: somebody's own as it is, or the native experiment's."""
    if trial.engine is not None:
        return litmus.unchanged(trial.engine, run)
    if trial.experiment is None:
        raise CannotStart(f"{trial.path}: neither an experiment nor an engine")
    return litmus.rendered(
        trial.experiment,
        run,
        account=plan.prepared.account,
        workloads=plan.selection.workloads,
        pods=picked(plan.selection, run),
        percent=plan.selection.percent,
        label=plan.selection.label,
    )


def _clear_the_name(ref: ObjectRef, cluster: Cluster, clock: Clock, wanted: Meanwhile) -> None:
    existing = kube.found(cluster, ref)
    if existing is None:
        return
    if runs(existing):
        raise CannotStart(f"engine {ref.name} runs already in namespace {ref.namespace}")
    cluster.delete(kube.ref_of(existing, kube.CHAOS_ENGINE))
    until = clock.monotonic() + CLEARS
    while kube.found(cluster, ref) is not None:
        if clock.monotonic() >= until:
            raise CannotStart(f"the ended engine {ref.name} does not go away: its operator holds it")
        wanted()
        clock.sleep(0.5)


def _results_before(cluster: Cluster, namespace: str) -> Mapping[str, str]:
    """The versions of results that are there now: as long as one keeps it, it is not ours."""
    found = cluster.list(kube.CHAOS_RESULT, namespace).items
    return {each["metadata"]["name"]: each["metadata"].get("resourceVersion", "") for each in found}


def interests(plan: Plan, engine: Object) -> Iterator[Interest]:
    """What is to be watched of a run: the engine, its results and events, and all pods around it."""
    meta = engine["metadata"]
    home, name, uid = meta["namespace"], meta["name"], meta["uid"]
    yield Interest(kube.CHAOS_ENGINE, home, fields=f"metadata.name={name}")
    yield Interest(kube.CHAOS_RESULT, home, labels=f"{UID_LABEL}={uid}")
    yield Interest(kube.EVENT, home, fields=f"involvedObject.uid={uid}")
    places = {home, *(place for each in plan.selections.values() for place in each.places)}
    for place in sorted(places):
        yield Interest(kube.POD, place)


class EngineWatch:
    """The watch on one engine; what it sees is known to the course and told in the journal."""

    def __init__(
        self,
        made: Observed,
        plan: Plan,
        course: Course,
        cluster: Cluster,
        clock: Clock,
        journal: Journal,
        watching: Watching,
    ) -> None:
        self.seen = made
        seed = journal.run if plan.trial.experiment is not None else ""
        hit = (pod for each in plan.selections.values() for pod in struck(each, seed))
        self._asides = Asides(clock)
        self.evidence = Evidence(cluster, made.uid, hit, aside=self._asides.keep)
        self._signs = Signs(cluster, clock, plan, made.uid)
        self._own: set[str] = set()
        self._cluster = cluster
        self._plan = plan
        self._course = course
        self._clock = clock
        self._journal = journal
        self._watching = watching
        course.evidence = self.evidence

    def ending(self, timeout: float, meanwhile: Meanwhile, looking: Looking = nullcontext) -> Ending:
        """How the engine's run ended by itself; the logs so far are kept, or being read, whatever ended it.

        What ends the watch before that tells the engine to stop at once; logs are read while it does, and
        what Litmus tells of the end of its faults is known. Whoever is `looking` sees what comes of it.

        Raises:
            TimedOut: `timeout` seconds are over.
            ChaoskitError: what `meanwhile` raises.
        """
        try:
            ending = self._watched(timeout, meanwhile)
        except TakenOver:
            raise
        except ChaoskitError:
            with looking():
                self._stopped()
            raise
        self.evidence.everything(self.seen.pods.values())
        if ending.how == "settled":
            if not self.seen.injected:
                self._ask()
            return ending
        self._kept()
        last = self._last_words() if ending.how in {"no-result", "died"} else ""
        return dataclasses.replace(ending, reason=f"{ending.reason}; {last}") if last else ending

    def completed(self, meanwhile: Meanwhile) -> None:
        """Litmus has ended the engine by itself, or its time for that is over; its logs are kept.

        Raises:
            ChaoskitError: what `meanwhile` raises.
        """
        until = self._clock.monotonic() + COMPLETES
        while self._clock.monotonic() < until and not self._ended:
            self._next()
            meanwhile()
        self._kept(meanwhile)

    @property
    def fault_over(self) -> datetime | None:
        """When the last of its faults was over; None while Litmus has not told it."""
        selections, env = self._plan.selections, self._plan.env
        strikes = {
            each: fault_seconds(each, env.get(each, {}), selections[each].hit)
            for each in STRIKES & selections.keys()
        }
        over = terminal.over(self.seen, strikes, self._signs.told)
        ago = self._clock.monotonic() - over if over is not None else None
        return None if ago is None else self._clock.now() - timedelta(seconds=ago)

    @property
    def _ended(self) -> bool:
        engine = self.seen.engine
        return self.seen.gone or (engine is not None and status(engine) in ENDED)

    def _watched(self, timeout: float, meanwhile: Meanwhile) -> Ending:
        while True:
            self._next()
            if self._course.injected_at is None:
                self._shown(self._signs.look())
            late = self._clock.monotonic() - self.seen.began >= timeout
            ending = self._decided(late=late)
            if ending is not None:
                return ending
            meanwhile()
            if late:
                raise TimedOut(f"the run did not end within {timeout:.0f} s")

    def _decided(self, *, late: bool) -> Ending | None:
        """How it has ended, or None; without a verdict that is said only of what stands in the cluster."""
        ending = terminal.decide(self.seen, self._clock.monotonic())
        settled = ending is not None and ending.how == "settled"
        if settled or not (late or ending is not None):
            return ending
        if not self._ask() and not late:
            return None  # the next look asks again
        return terminal.decide(self.seen, self._clock.monotonic())

    def _next(self) -> None:
        """What is sighted within a tick is known, and what was read beside it."""
        self._take(self._watching.next(TICK))
        self._read()

    def _read(self, seconds: float = 0.0) -> None:
        for _ in self._asides.back(seconds):
            pass  # there is no effect to look for; a bug is raised

    def _kept(self, meanwhile: Meanwhile = lambda: None, *, within: float = LONGEST) -> None:
        """The logs that are being read are kept, or too slow to be waited for: the undo comes after it."""

        def taken(seconds: float) -> None:
            self._read(seconds)
            meanwhile()

        self._asides.settled(self._clock.monotonic() + within, taken)

    def _stopped(self) -> None:
        """The engine was told to stop, its logs are kept; when its faults were over is known if it tells.

        Its pods are ended by hand where its operator does not answer, however long logs take.
        """
        began = self._clock.monotonic()

        def help_out() -> None:
            if self._clock.monotonic() - began >= OPERATOR_ANSWERS:
                self._end_by_hand()

        self._stop()
        self.evidence.everything(self.seen.pods.values())
        with suppress(ChaoskitError):
            while self._reverts and self._clock.monotonic() - began < LONGEST:
                self._next()
                help_out()
        self._kept(help_out, within=LONGEST - (self._clock.monotonic() - began))

    @property
    def _reverts(self) -> bool:
        """Whether its faults are still to be taken back, as far as Litmus tells."""
        return self.seen.injected and not self._ended and self.fault_over is None

    def _stop(self) -> None:
        """The engine is told to stop, if the cluster can be reached: the undo will see to it again."""
        if self._course.trail is not None:
            with suppress(ChaoskitError):
                tell_to_stop(self._cluster, self._course.trail)

    def _end_by_hand(self) -> None:
        """Its pods are told to end, if they can be: the undo will see to it again."""
        if self._course.trail is not None and not self._ended:
            with suppress(ChaoskitError):
                end_by_hand(self._cluster, self._course.trail)

    def _ask(self) -> bool:
        """What stands in the cluster is known: a watch may lag behind another, or have gone silent.

        False where the server does not say.
        """
        try:
            for kind, type_, body in asked(self._cluster, self.seen, self._plan.trial.namespace):
                before = self.seen
                self._known(kind, type_, body)
                if kind == kube.EVENT and self.seen != before:
                    self._heard(body)
        except ChaoskitError:
            return False
        return True

    def _last_words(self) -> str:
        """The last line that the engine's runner or experiment wrote: why there is no result.

        What a target wrote is nobody's reason, and may be anything.
        """
        logs = dict(self.evidence.logs).items()  # its thread may be adding one
        own = {name: text for name, text in logs if name.partition("/")[0] in self._own}
        lines = {name: text.strip().splitlines() for name, text in own.items()}
        return next((f"{name} says: {found[-1]}" for name, found in lines.items() if found), "")

    def _take(self, sighting: Sighting | None) -> None:
        """What was sighted is known, reported and, where it will vanish, kept."""
        if sighting is None or sighting.change.type in {"SYNCED", "LOST"}:
            self._progress()
            return
        kind, change = sighting.interest.kind, sighting.change
        self._known(kind, change.type, change.object)
        if kind == kube.EVENT:
            self._heard(change.object)
        elif kind == kube.POD:
            words = self.evidence.pod(change.type, change.object)
            if words:
                self._journal.heard(f"pod/{change.object['metadata']['name']}", "Changed", words)

    def _shown(self, sign: str) -> None:
        """A sign of a fault that no event announces is evidence, and its injection."""
        if sign:
            self.evidence.note(sign)
            self._begun(self._clock.now(), sign)

    def _begun(self, at: datetime, words: str) -> None:
        self._course.injected_at = at
        self._journal.step("injected", "done", words)

    def _known(self, kind: Kind, type_: str, body: Object) -> None:
        self.seen = terminal.seen(self.seen, kind.name, type_, body, self._clock.monotonic())
        self._course.observed = self.seen
        self._own |= set(self.seen.pods)

    def _heard(self, event: Object) -> None:
        about = event.get("involvedObject") or {}
        if about.get("uid") != self.seen.uid:
            return
        reason = str(event.get("reason"))
        if reason == "ChaosInject" and self._course.injected_at is None:
            at = kube.time_of(event.get("firstTimestamp")) or self._clock.now()
            self._begun(at, str(event.get("message")))
        self._journal.heard(f"chaosengine/{about.get('name')}", reason, str(event.get("message")))

    def _progress(self) -> None:
        if self._course.injected_at is None:
            return
        gone = (self._clock.now() - self._course.injected_at).total_seconds()
        done = min(self._plan.prepared.chaos_seconds, max(0.0, gone))
        self._journal.progress(self._plan.trial.faults[0], done, self._plan.prepared.chaos_seconds)
