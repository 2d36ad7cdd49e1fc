"""Readiness that holds: targets are watched until they stood well for long enough, or did not in time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf

from chaoskit import kube
from chaoskit.clock import Clock, interruption
from chaoskit.errors import Unavailable
from chaoskit.ports.cluster import Cluster, Object, ObjectRef
from chaoskit.recovery.patience import OUTAGE, PAUSE, Deadline, patiently
from chaoskit.recovery.standing import Answer, Verdict, standing
from chaoskit.watching import Interest, Sighting, Watching

TICK = 0.5
"""Seconds between two looks while nothing changes."""

UNSEEN = Verdict(Answer.UNKNOWN, "the server does not say how it stands")
"""Of what a watch has not told yet, or not since it broke."""


def hold(
    cluster: Cluster,
    clock: Clock,
    targets: Sequence[ObjectRef],
    *,
    seconds: float,
    deadline: Deadline,
    stop: threading.Event,
    keep: Callable[[], None] = lambda: None,
) -> Verdict:
    """All targets were seen to stand well for so many seconds without a break, or did not begin to in time.

    `keep` is called again and again meanwhile, to renew a lease. A server that does not answer is waited for.

    Raises:
        Interrupted: `stop` was set.
        NotFound: there is no such target.
    """
    stand = Stand(seconds, deadline, clock.monotonic())
    try:
        whose = _interests(
            targets,
            lambda ref: patiently(lambda: cluster.get(ref), clock, stop, keep=keep, deadline=deadline),
        )
    except Unavailable as error:
        return Verdict(Answer.UNKNOWN, error.message)
    stand.begins_to_look(clock.monotonic())
    while True:
        try:
            return _watched(cluster, clock, whose, stand, stop, keep)
        except Unavailable as error:  # a watch could not begin: it does once the server answers
            keep()
            if clock.sleep(PAUSE, stop):
                raise interruption(stop) from error
            if (unseen := stand.feed(UNSEEN, clock.monotonic(), clock.now())) is not None:
                return unseen


def _watched(
    cluster: Cluster,
    clock: Clock,
    whose: Mapping[Interest, Sequence[ObjectRef]],
    stand: Stand,
    stop: threading.Event,
    keep: Callable[[], None],
) -> Verdict:
    """What the stand says in the end, fed with what watches tell.

    Raises:
        Unavailable: one of them could not begin.
        Interrupted: `stop` was set.
    """
    scene = _Scene(whose, {ref: _View(ref) for refs in whose.values() for ref in refs})
    # they linger: once the proof is there, nothing waits for the watches to end
    with Watching(cluster, whose, clock, linger=True) as watching:
        while True:
            scene.see(watching.next(min(TICK, stand.left(clock.monotonic()))))
            if stop.is_set():
                raise interruption(stop)
            keep()
            proven = stand.feed(scene.verdict(clock.now()), clock.monotonic(), clock.now())
            if proven is not None:
                return proven


class Stand:
    """Fed with look after look, it says when it is sure whether something stood well for so many seconds.

    What nobody saw is no proof: the seconds count anew from when it is seen again, and the deadline, until
    which it must begin to stand well, is put off meanwhile.
    """

    def __init__(self, seconds: float, deadline: Deadline, now: float) -> None:
        self._seconds, self._deadline = seconds, deadline
        self._began = self._last = now
        self._looked = False
        self._since: tuple[float, datetime] | None = None

    def begins_to_look(self, now: float) -> None:
        """Time counts as unseen from now on, until it is fed with what was seen."""
        self._last = now

    def left(self, now: float) -> float:
        """Seconds after which it is proven, if it does not break; infinite while it does not stand well."""
        return inf if self._since is None else max(0.0, self._since[0] + self._seconds - now)

    def feed(self, verdict: Verdict, now: float, at: datetime) -> Verdict | None:
        """What this look, at `now` (monotonic seconds) and `at` by the wall, proves; None: nothing yet."""
        seen = verdict.answer is not Answer.UNKNOWN
        if not seen:
            self._deadline.put_off(now - self._last)
        self._last = now
        self._since = (self._since or (now, at)) if verdict.answer is Answer.YES else None
        self._looked = self._looked or seen or now - self._began >= OUTAGE  # once, though it may be too late
        if self._since is not None:
            began, since = self._since
            long_enough = now - began >= self._seconds
            words = f"{verdict.words} for {self._seconds:g} s"
            return Verdict(Answer.YES, words, since) if long_enough else None
        if self._looked and not self._deadline.left:
            return replace(verdict, words=f"{verdict.words} after {now - self._began:.0f} s")
        return None


@dataclass
class _Scene:
    """What is watched, for whom, and what the watches have told of each."""

    whose: Mapping[Interest, Sequence[ObjectRef]]
    views: Mapping[ObjectRef, _View]

    def see(self, sighting: Sighting | None) -> None:
        if sighting is not None:
            for ref in self.whose[sighting.interest]:
                self.views[ref].see(sighting)

    def verdict(self, now: datetime) -> Verdict:
        seen = sum(len(view.synced) for view in self.views.values()) == sum(map(len, self.whose.values()))
        return _together(self.views.values(), now) if seen else UNSEEN


@dataclass
class _View:
    """What the watches have told so far of one target and its pods."""

    target: ObjectRef
    body: Object | None = None
    gone: bool = False
    pods: dict[str, Object] = field(default_factory=dict)
    synced: set[Interest] = field(default_factory=set)

    def see(self, sighting: Sighting) -> None:
        change = sighting.change
        if change.type == "SYNCED":
            self.synced.add(sighting.interest)
        elif change.type == "LOST":
            self.synced.discard(sighting.interest)
        else:
            self._keep(sighting.interest, change.object, there=change.type != "DELETED")

    def _keep(self, interest: Interest, body: Object, *, there: bool) -> None:
        if interest.kind == self.target.kind:
            self.body, self.gone = {"kind": interest.kind.name, **body}, not there
        elif there:
            self.pods[body["metadata"]["name"]] = body
        else:
            self.pods.pop(body["metadata"]["name"], None)

    def verdict(self, now: datetime) -> Verdict:
        if self.body is None or self.gone:
            cleared = self.target.kind == kube.JOB and self.gone
            return Verdict(Answer.of(cleared), f"{self.target} is gone")
        return standing(self.body, self.pods.values(), now)


def _together(views: Iterable[_View], now: datetime) -> Verdict:
    """The first that does not stand well; when all do, how they do."""
    found = [view.verdict(now) for view in views]
    broken = next((each for each in found if each.answer is not Answer.YES), None)
    return broken or Verdict(Answer.YES, "; ".join(each.words for each in found))


def _interests(
    targets: Iterable[ObjectRef], read: Callable[[ObjectRef], Object]
) -> dict[Interest, list[ObjectRef]]:
    """What to watch, and for whom."""
    found: dict[Interest, list[ObjectRef]] = {}
    for ref in targets:
        itself = Interest(ref.kind, ref.namespace, fields=f"metadata.name={ref.name}")
        found.setdefault(itself, []).append(ref)
        if ref.kind in (*kube.WORKLOADS, kube.JOB):
            pods = Interest(kube.POD, ref.namespace, labels=kube.selector_of(read(ref)))
            found.setdefault(pods, []).append(ref)
    return found
