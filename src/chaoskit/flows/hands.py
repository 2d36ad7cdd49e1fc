"""The hands of a controller: jobs that are due are worked on side by side, what fails comes again later."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Literal, NamedTuple

from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, Conflict, NotFound
from chaoskit.flows.duties.saying import Saying
from chaoskit.flows.workqueue import WorkQueue

MOST = {"recovery": 4, "run": 2}
"""Of work that keeps a hand busy for minutes, until signals have confirmed it, so many of a kind at a time.

What one kind has the other cannot take: no recovery waits for the end of an experiment.
"""

WITHOUT_RECOVERY = {"run": sum(MOST.values())}
"""Where nothing is recovered, runs have those hands as well."""

WORKERS = sum(MOST.values()) + 3
"""Pieces of work at a time: when most is broken, somebody has to look whether a storm gathers.

One of the others does nothing but finish the dead: an undo never waits for the end of a run.
"""

QUARANTINE = 300.0
"""Seconds for which work that met a bug is kept away: what is odd in one place stops no other."""


class Job(NamedTuple):
    """A piece of work: which kind, and about which namespace and issue, or which Lease in which version.

    A look at namespace "" is at the nodes, and at what is on them in all namespaces.
    """

    kind: Literal["accept", "run", "late", "dead", "look", "recovery", "predict", "alerts"]
    namespace: str
    about: str = ""
    version: str = ""

    def __str__(self) -> str:
        """``recovery shop cart-pod-crash``."""
        return " ".join(filter(None, (self.kind, self.namespace, self.about)))


class InVain(Exception):
    """The work came to nothing: it comes later and later."""


Work = Callable[[Job], float | None]
"""Does a job; says after how many seconds it comes again, None: when something asks for it."""


class Hands:
    """Work on jobs; one thread begins them, any adds and asks. `most` is how many of a kind at a time."""

    def __init__(self, clock: Clock, say: Saying, most: Mapping[str, int] = MOST) -> None:
        self._clock, self._say, self._most = clock, say, most
        self._queue: WorkQueue[Job] = WorkQueue(clock)
        self._quarantined: dict[Job, float] = {}
        self._waiting: frozenset[Job] = frozenset()
        self._at_work: set[threading.Thread] = set()

    def add(self, job: Job, *, after: float = 0.0) -> None:
        """The job is due in so many seconds, or when the quarantine of what it is about is over."""
        until = self._quarantined.get(job._replace(version=""), -inf)
        self._queue.add(job, after=max(after, until - self._clock.monotonic()))

    def hold(self, job: Job) -> bool:
        """Whether the job is worked on now, or will be."""
        return self._queue.holds(job)

    @property
    def depth(self) -> int:
        """How many jobs are due or worked on."""
        return self._queue.depth

    @property
    def wait(self) -> float:
        """Seconds until the next job is due that has a hand; infinite when none is."""
        return self._queue.wait(self._has_a_hand)

    @property
    def recovering(self) -> bool:
        """Whether one of them recovers something now."""
        return any(job.kind == "recovery" for job in self._queue.taken)

    @property
    def free(self) -> int:
        """How many have nothing to do."""
        self._at_work = {each for each in self._at_work if each.is_alive()}
        return WORKERS - len(self._at_work)

    def begin(self, work: Work) -> None:
        """Every job that is due, and has a hand, is being worked on; who waits for one is told."""
        while (job := self._queue.take(self._has_a_hand)) is not None:
            worker = threading.Thread(target=self._done, args=(job, work), name=job.kind, daemon=True)
            self._at_work.add(worker)
            worker.start()
        self._tell_who_waits()

    def join(self) -> None:
        """Everything that was begun has ended."""
        for worker in self._at_work:
            worker.join()

    def _has_a_hand(self, job: Job) -> bool:
        if self._under_way(job.kind) >= self._most.get(job.kind, inf):
            return False
        return self.free > (0 if job.kind == "dead" else 1)

    def _under_way(self, kind: str) -> int:
        return sum(job.kind == kind for job in self._queue.taken)

    def _tell_who_waits(self) -> None:
        """A recovery or run that is due and has no hand was told, once for as long as it waits."""
        due = (job for job in self._queue.ready if job.kind in self._most)
        waiting = frozenset(job for job in due if not self._has_a_hand(job))
        new, self._waiting = waiting - self._waiting, waiting
        for kind, plural in (("recovery", "recoveries"), ("run", "runs")):
            self._tell(sorted(job for job in new if job.kind == kind), plural, self._under_way(kind))

    def _tell(self, waiting: Sequence[Job], plural: str, under_way: int) -> None:
        if waiting:
            more = len(waiting) - 1
            who = f"{waiting[0]} and {more} more wait" if more else f"{waiting[0]} waits"
            busy = len(self._queue.taken)
            self._say.warn(f"{who} for a hand: {busy} are at work, {under_way} of them on {plural}")

    def _done(self, job: Job, work: Work) -> None:
        """The job was done, or comes again; after a bug in it not before its quarantine is over."""
        try:
            self._queue.done(job, again=work(job))
        except InVain:
            self._queue.failed(job)
        except ChaoskitError as error:
            if job.version and isinstance(error, Conflict | NotFound):
                self._queue.done(job)  # another process was quicker, or it is gone
                return
            wait = self._queue.failed(job)
            self._say.warn(f"{job}: {error.message}; again in {wait:g} s")
        except Exception as bug:  # noqa: BLE001 - what somebody put into a cluster ends no controller
            self._quarantined[job._replace(version="")] = self._clock.monotonic() + QUARANTINE
            wait = self._queue.failed(job, least=QUARANTINE)
            self._say.warn(f"{job}: {words_of(bug)}; kept away for {wait:g} s")


def words_of(bug: Exception) -> str:
    """What a bug says of itself, and where it is."""
    *_, last = traceback.extract_tb(bug.__traceback__)
    return f"a bug in chaoskit: {bug!r} at {Path(last.filename).name}:{last.lineno}"
