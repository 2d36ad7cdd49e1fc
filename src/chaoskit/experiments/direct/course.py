"""One direct fault from its first change to the end of its time: written down, done, watched, judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from chaoskit import kube
from chaoskit.acts.changes import Change
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, NotFound, Refused, TimedOut
from chaoskit.experiments.asides import Asides
from chaoskit.experiments.course import Course
from chaoskit.experiments.direct.faults import DIRECT, EVERY
from chaoskit.experiments.direct.preparing import SHOWS, changes_of, scene_of, seconds_of
from chaoskit.experiments.direct.scene import Scene
from chaoskit.experiments.evidence import Evidence
from chaoskit.experiments.spec import Experiment
from chaoskit.experiments.verdict import Judged, held_words
from chaoskit.journal import Journal
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster, Object, ObjectRef
from chaoskit.ports.metrics import MetricsSource
from chaoskit.topology import Workload
from chaoskit.watching import Interest, Watching

TICK = 0.5
AGAIN = 5.0
"""Seconds between two tries of what a disruption budget puts off, and two looks for what metrics show."""

Meanwhile = Callable[[], None]
"""Called at least once a tick, or before each round; what it raises ends the fault."""


class DirectCourse:
    """The course of one direct fault; what it does is in the ledger before."""

    def __init__(
        self,
        experiment: Experiment,
        course: Course,
        cluster: Cluster,
        clock: Clock,
        metrics: MetricsSource | None,
        journal: Journal,
        ledger: Ledger,
        admit: Meanwhile,
    ) -> None:
        self._experiment = experiment
        self._fault = DIRECT[experiment.spec.fault.kind]
        self._course = course
        self._cluster = cluster
        self._clock = clock
        self._metrics = metrics
        self._journal = journal
        self._ledger = ledger
        self._admit = admit
        self._last = clock.monotonic()
        self._first = self._scene = self._look()
        self._done: list[ObjectRef] = []
        self._put_off: list[Change] = []
        self._why = ""
        self._told: set[str] = set()
        self._next = clock.monotonic()
        self._seen = ""
        self._asides = Asides(clock, lambda: self._fault.seen(self._scene, tuple(self._done)))

    def judged(self, timeout: float, meanwhile: Meanwhile) -> Judged:
        """The fault was there for its time, and what that says; taking it back, if it lasts, is the ledger's.

        Its time begins when all of it is done: a drain of many pods is looked at, however long it takes.

        Raises:
            CannotStart: there is nothing to do it to any more.
            Conflict: a target is another one than a moment ago.
            TimedOut: `timeout` seconds are over.
            ChaoskitError: what `meanwhile` raises.
        """
        evidence = Evidence(self._cluster, "", (), aside=self._asides.keep)
        self._course.evidence = evidence
        places = {pod["metadata"]["namespace"] for pod in self._scene.selection.pods}
        with Watching(
            self._cluster, [Interest(kube.POD, place) for place in places], self._clock
        ) as watching:
            started = self._clock.monotonic()
            self._round(meanwhile)
            began = self._clock.monotonic()
            while self._goes_on(began):
                self._hear(watching, evidence)
                due = self._clock.monotonic() >= self._next
                if due:
                    self._next = self._clock.monotonic() + AGAIN
                    self._put_off = [each for each in self._put_off if not self._do(each)]
                self._look_for_effect(due=due or not self._fault.measured)
                meanwhile()
                self._again(began, meanwhile)
                if self._clock.monotonic() - started >= timeout:
                    raise TimedOut(f"the run did not end within {timeout:.0f} s")
        if not self._ledger.account.entries:
            self._course.over(self._clock.now())
        self._settle(began, meanwhile)
        self._journal.step(self._fault.kind, "done", self._seen or "its time is over")
        return self._judgement()

    # ------------------------------------------------------------------ doing

    def _round(self, meanwhile: Meanwhile) -> None:
        changes = changes_of(self._fault, self._scene)
        if self._course.evidence is not None:
            self._course.evidence.also(self._hit())
        action = "" if self._ledger.account.actions else EVERY[self._fault.kind].litmus
        self._ledger.write(*(entry for each in changes for entry in each.entries), action=action)
        self._admit()
        self._last = self._clock.monotonic()
        words = "1 change" if len(changes) == 1 else f"{len(changes)} changes"
        self._journal.step(self._fault.kind, "begun", words)
        for each in changes:
            if not self._do(each):
                self._put_off.append(each)
            meanwhile()

    def _hit(self) -> tuple[Object, ...]:
        """The pods that the fault hits: what becomes of any other is not its doing."""
        return self._scene.chosen if self._fault.scope == "pod" else self._scene.selection.pods

    def _do(self, change: Change) -> bool:
        """Whether it was done; a disruption budget puts it off."""
        try:
            if not self._ledger.carry_out(change):
                self._warn_once(f"{change.words}: so it was already, nothing was changed")
                return True
        except Refused as error:
            self._why = error.message
            self._warn_once(f"put off: {change.words}: {error.message}")
            return False
        except ChaoskitError as error:
            if not error.harmless:
                self._was_done(change, f"{change.words}, perhaps: the server did not confirm all of it")
            if isinstance(error, NotFound):
                return True  # gone by itself: nothing to do it to
            raise
        self._was_done(change, change.words)
        return True

    def _was_done(self, change: Change, words: str) -> None:
        self._done.append(change.target)
        if self._course.injected_at is None:
            self._course.injected_at = self._clock.now()
            self._journal.step("injected", "done", words)
        else:
            self._journal.heard(str(change.target), "Changed", words)

    def _again(self, began: float, meanwhile: Meanwhile) -> None:
        """Another round, where the fault has rounds, its interval is over and the workloads are whole."""
        now, interval = self._clock.monotonic(), self._scene.whole("interval")
        due = self._fault.repeats and interval and now - self._last >= interval
        if not due or now + interval / 2 - began > seconds_of(self._experiment):
            return
        scene = self._look()
        if scene.selection.pods and all(_whole(each) for each in scene.workloads):
            self._scene = scene
            self._round(meanwhile)

    def _look(self) -> Scene:
        run = self._journal.run
        return scene_of(self._experiment, self._cluster, self._clock, self._metrics, run)

    # ------------------------------------------------------------------ watching

    def _goes_on(self, began: float) -> bool:
        """While its time is not over, and a little longer while nothing of it can be seen."""
        gone, lasting = self._clock.monotonic() - began, seconds_of(self._experiment)
        self._journal.progress(self._fault.kind, min(gone, lasting), lasting)
        waits = bool(self._done) and not self._affected()
        return gone < lasting or (waits and gone < lasting + SHOWS)

    def _hear(self, watching: Watching, evidence: Evidence) -> None:
        for kind, pod in _pods(watching):
            words = evidence.pod(kind, pod)
            if words:
                self._journal.heard(f"pod/{pod['metadata']['name']}", "Changed", words)

    def _look_for_effect(self, *, due: bool) -> None:
        if due and self._done and not self._seen:
            self._asides.look()
        self._take_in()

    def _take_in(self, seconds: float = 0.0) -> None:
        """What is back is known; the first is waited for, so many seconds."""
        for found in self._asides.back(seconds):
            if found.held is None:
                self._warn_once(f"its effect cannot be looked for: {found.observed}")
            elif found.held and not self._seen:
                self._seen = found.observed
                name = "applied" if self._fault.applied(self._scene) else "effect"
                self._journal.step(name, "done", self._seen)

    def _settle(self, began: float, meanwhile: Meanwhile) -> None:
        """What is being read is back, or is not waited for any longer: the undo comes after it."""

        def taken(seconds: float) -> None:
            self._take_in(seconds)
            meanwhile()

        self._asides.settled(began + seconds_of(self._experiment) + SHOWS, taken)

    def _warn_once(self, words: str) -> None:
        if words not in self._told:
            self._told.add(words)
            self._journal.warn(words)

    def _affected(self) -> bool:
        return bool(self._seen) or (self._course.evidence is not None and self._course.evidence.affected)

    def _lost(self) -> ObjectRef | None:
        """A pod that the fault took, and that belongs to nobody who would make it anew."""
        bare = {kube.ref_of(pod, kube.POD) for pod in self._first.selection.pods if kube.owner(pod) is None}
        return next((ref for ref in self._done if ref in bare and self._gone(ref)), None)

    def _gone(self, ref: ObjectRef) -> bool:
        body = kube.found(self._cluster, ref)
        return body is None or kube.is_deleting(body)

    def _judgement(self) -> Judged:
        if lost := self._lost():
            return Judged(Outcome.WEAKNESS_FOUND, f"{lost} did not come back: nobody makes it anew")
        kind, held = self._fault.kind, held_words(steady=bool(self._experiment.spec.steady_state))
        if self._put_off and self._done:
            return self._half_done()
        if not self._done:
            return self._nothing_done()
        if self._seen:
            applied = " was applied" if self._fault.applied(self._scene) else ""
            return Judged(Outcome.PASSED, f"{kind}{applied}: {self._seen}{held}")
        if self._affected():
            return Judged(Outcome.PASSED, f"{kind} hit its targets{held}")
        hint = f"{self._fault.doubt}What it can be told: chaoskit faults show {kind}"
        return Judged(Outcome.ERRORED, f"{kind} was injected, but no effect of it was seen", hint)

    def _nothing_done(self) -> Judged:
        """Whatever else happened to the targets meanwhile was not this fault."""
        kind = self._fault.kind
        if self._put_off:
            return Judged(Outcome.CANNOT_START, f"{kind}: nothing could be done to its targets: {self._why}")
        words = "its targets were gone, or as it would make them, before it came to them"
        return Judged(Outcome.ERRORED, f"{kind} changed nothing: {words}")

    def _half_done(self) -> Judged:
        """What was put off to the end was never tried: the fault was not there as it was asked for."""
        off, all_of_it = len(self._put_off), len(self._put_off) + len(self._done)
        words = f"{off} of {all_of_it} changes were put off to the end, such as {self._put_off[0].words}"
        hint = "longer, or with room in the budgets: chaoskit plan shows what they allow"
        return Judged(Outcome.ERRORED, f"{self._fault.kind}: {words}: {self._why}", hint)


def _pods(watching: Watching) -> Iterator[tuple[str, Object]]:
    """What was heard of pods within a tick."""
    sighting = watching.next(TICK)
    while sighting is not None:
        if sighting.change.type not in {"SYNCED", "LOST"}:
            yield sighting.change.type, sighting.change.object
        sighting = watching.next(0.0)


def _whole(workload: Workload) -> bool:
    return workload.ready >= kube.desired_replicas({"kind": workload.ref.kind.name, **workload.body})
