"""Several trials in one process: so many at a time, in their order, never two that meet in a workload."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from chaoskit import kube
from chaoskit.acts.aims import wanted
from chaoskit.clock import interruption
from chaoskit.experiments import litmus
from chaoskit.experiments.direct.faults import DIRECT, EVERY
from chaoskit.experiments.direct.preparing import chosen
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.trials import Trial
from chaoskit.ports.cluster import ObjectRef
from chaoskit.records import RunRecord

RunOne = Callable[[int, Trial], RunRecord]
"""Runs the trial of that place in the sequence."""

SkipOne = Callable[[Trial, str], RunRecord]
"""The record of a trial that is not begun, and why."""

Waits = Callable[[Trial, Trial], object]
"""Is told, once, of a trial that could begin but for another, and of that one."""

Claim = tuple[str, str]
"""Namespace and name of a workload; ``*`` for whatever there is in the namespace, or for any namespace."""

_ANY = "*"
ANYTHING: Claim = (_ANY, _ANY)
"""Whatever there is in the cluster."""
_BESIDE = "beside engines in "


@dataclass(frozen=True, slots=True)
class _Ended:
    """How the trial of that place ended: with a record, or with a bug."""

    place: int
    record: RunRecord | None
    bug: BaseException | None = None


Felt = Callable[[Trial], Collection[ObjectRef] | None]
"""Tells who feels what a trial changes beside its targets; None: nobody knows."""


def claims(trial: Trial, felt: Felt = lambda _trial: None) -> frozenset[Claim]:
    """What the trial may work on, and what it is judged by: nobody else may disturb either meanwhile.

    Two that look at the same are kept apart as well: whose fault broke it could not be told.
    """
    return touched(trial, felt) | _watched(trial)


def touched(trial: Trial, felt: Felt = lambda _trial: None) -> frozenset[Claim]:
    """What the trial may work on, and makes beside it, as its documents say; and who is `felt` to feel it.

    Who says nothing exact claims the namespace; who works on nodes works on all that runs there.
    """
    if any(EVERY[fault].scope == "node" for fault in trial.faults if fault in EVERY):
        return frozenset({ANYTHING})
    return _workloads(trial) | _shared(trial, felt) | _beside(trial)


def whole(namespace: str) -> frozenset[Claim]:
    """Whatever there is in the namespace."""
    return frozenset({(namespace, _ANY)})


def _watched(trial: Trial) -> frozenset[Claim]:
    """What its steady state looks at; an address, an alert, a query or a probe may be about its namespace."""
    probed = any(litmus.probes_of(each) for each in trial.experiments) if trial.engine is not None else False
    places = {place for place, _ in _workloads(trial)} if probed else set[str]()
    return frozenset((place, _ANY) for place in places) | {
        (each.namespace(trial.namespace), each.workload.rpartition("/")[2] or _ANY)
        for each in trial.conditions
    }


def _beside(trial: Trial) -> frozenset[Claim]:
    """What one run makes and removes again is no ground for another to stand on."""
    refs = map(kube.ref_of, trial.beside)
    return frozenset((f"{_BESIDE}{ref.namespace}", str(ref)) for ref in refs)


def _shared(trial: Trial, felt: Felt) -> frozenset[Claim]:
    """What a direct fault changes beside workloads, and who feels it: that no document says."""
    if trial.experiment is None or (fault := DIRECT.get(trial.experiment.spec.fault.kind)) is None:
        return frozenset()
    parameters = chosen(trial.experiment, fault) if fault.kind not in CATALOGUE else {}
    shared = tuple(fault.shares(trial.namespace, parameters))
    feeling = felt(trial) if shared else ()
    if feeling is None:
        return frozenset((ref.namespace, _ANY) for ref in shared)
    return frozenset((ref.namespace, str(ref)) for ref in shared) | {(w.namespace, w.name) for w in feeling}


def _workloads(trial: Trial) -> frozenset[Claim]:
    if trial.experiment is not None:
        namespace, names = trial.namespace, trial.experiment.spec.targets.workloads
        return frozenset((namespace, name.rpartition("/")[2]) for name in names or (_ANY,))
    parts = wanted(trial.engine or {})
    found = {(part.namespace, name) for part in parts for name in part.names if part.kind != "pod"}
    return frozenset(found or {(part.namespace, _ANY) for part in parts})


def disjoint(one: frozenset[Claim], other: frozenset[Claim]) -> bool:
    """Whether no workload can be meant by both, and neither makes what the other needs."""
    return one.isdisjoint(other) and not (_overlap(one, other) or _overlap(other, one))


def _overlap(one: frozenset[Claim], other: frozenset[Claim]) -> bool:
    """Whether what one claims as a whole has in it what the other claims."""
    wide = [claim for claim in one if _ANY in claim]
    return any(
        all(a == b or _ANY in {a, b} for a, b in zip(mine, theirs, strict=True))
        for mine in wide
        for theirs in other
    )


def run_all(
    trials: Sequence[Trial],
    run_one: RunOne,
    skip_one: SkipOne,
    *,
    parallel: int = 1,
    fail_fast: bool = False,
    stop: threading.Event,
    waits: Waits = lambda _mine, _other: None,
    felt: Felt = lambda _trial: None,
) -> tuple[RunRecord, ...]:
    """A record of each of `trials`, in their order.

    Once `stop` is set, or one does not end with 0 and `fail_fast` is given, no other is begun, which is said
    of each; those under way come to their own end. A bug in one is raised when the others have ended.
    """
    work = _Work(trials, run_one, waits, felt, fail_fast=fail_fast, stop=stop)
    done = work.one_by_one() if parallel == 1 else work.side_by_side(parallel)
    reason = work.why_no_other()
    return tuple(done.get(place) or skip_one(trial, reason) for place, trial in enumerate(trials))


class _Work:
    def __init__(
        self,
        trials: Sequence[Trial],
        run_one: RunOne,
        waits: Waits,
        felt: Felt,
        *,
        fail_fast: bool,
        stop: threading.Event,
    ) -> None:
        self._trials = trials
        self._claims: Sequence[frozenset[Claim]] = ()
        self._run_one = run_one
        self._waits = waits
        self._felt = felt
        self._held: set[int] = set()
        self._fail_fast = fail_fast
        self._stop = stop
        self._done: dict[int, RunRecord] = {}
        self._ended: queue.SimpleQueue[_Ended] = queue.SimpleQueue()

    def one_by_one(self) -> Mapping[int, RunRecord]:
        for place, trial in enumerate(self._trials):
            if self.why_no_other():
                break
            self._done[place] = self._run_one(place, trial)
        return self._done

    def side_by_side(self, parallel: int) -> Mapping[int, RunRecord]:
        self._claims = tuple(claims(each, self._felt) for each in self._trials)
        waiting, under_way = list(range(len(self._trials))), dict[int, frozenset[Claim]]()
        bug: BaseException | None = None
        while True:
            while bug is None and (place := self._next(waiting, under_way, parallel)) >= 0:
                waiting.remove(place)
                under_way[place] = self._claims[place]
                threading.Thread(target=self._run, args=(place,), daemon=True).start()
            if not under_way:
                break
            ended = self._ended.get()
            del under_way[ended.place]
            bug = bug or ended.bug
            if ended.record is not None:
                self._done[ended.place] = ended.record
        if bug is not None:
            raise bug
        return self._done

    def _next(self, waiting: Sequence[int], under_way: dict[int, frozenset[Claim]], parallel: int) -> int:
        """The first that waits and is in nobody's way; -1 when none may begin now."""
        if len(under_way) >= parallel or self.why_no_other():
            return -1
        for place in waiting:
            mine = self._claims[place]
            other = next((at for at, theirs in under_way.items() if not disjoint(mine, theirs)), None)
            if other is None:
                return place
            if place not in self._held:
                self._held.add(place)
                self._waits(self._trials[place], self._trials[other])
        return -1

    def _run(self, place: int) -> None:
        try:
            self._ended.put(_Ended(place, self._run_one(place, self._trials[place])))
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits for it
            self._ended.put(_Ended(place, None, error))

    def why_no_other(self) -> str:
        """Why none may be begun any more, in words; "" while one may."""
        failed = (each for each in self._done.values() if self._fail_fast and each.outcome.exit_code)
        first = next(failed, None)
        if first is not None:
            return (
                f"not begun: {first.name} ended with {first.outcome.words}, and the rest was not wanted then"
            )
        return f"not begun: {interruption(self._stop).message}" if self._stop.is_set() else ""
