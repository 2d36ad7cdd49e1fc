"""Whether it helped: readiness watched for some seconds, and signals that say that the symptom is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chaoskit import kube
from chaoskit.clock import Clock, interruption
from chaoskit.errors import Unavailable
from chaoskit.ports.cluster import Cluster, Object, ObjectRef
from chaoskit.ports.metrics import MetricsSource
from chaoskit.recovery import detection
from chaoskit.recovery.detection import Sight
from chaoskit.recovery.issues import CLASS_OF, Issue, believed
from chaoskit.recovery.patience import OUTAGE, Deadline, patiently
from chaoskit.recovery.reach import Ends
from chaoskit.recovery.readings import SIGNAL_OF, has_data
from chaoskit.recovery.standing import STANDING, Answer, Verdict, standing
from chaoskit.watching import Interest, Sighting, Watching

TICK = 0.5
"""Seconds between two looks while nothing changes."""

LOOK = 5.0
"""Seconds between two looks at the signals: they have a step of 15."""


UNSEEN = Verdict(Answer.UNKNOWN, "the server does not say how it stands")
"""Of what a watch has not told yet, or not since it broke."""


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

    `keep` is called again and again meanwhile, to renew a lease. A server that does not answer is waited for:
    what nobody saw is no proof, so the seconds count anew from when it is seen again, and the deadline is put
    off.

    Raises:
        Interrupted: `stop` was set.
        NotFound: there is no such target.
    """
    began = clock.monotonic()
    views = {ref: _View(ref) for ref in targets}
    try:
        whose = _interests(
            targets,
            lambda ref: patiently(lambda: cluster.get(ref), clock, stop, keep=keep, deadline=deadline),
        )
    except Unavailable as error:
        return Verdict(Answer.UNKNOWN, error.message)
    last, looked = clock.monotonic(), False
    since: tuple[float, datetime] | None = None
    with Watching(cluster, whose, clock) as watching:
        while True:
            sighting = watching.next(TICK)
            if sighting is not None:
                for ref in whose[sighting.interest]:
                    views[ref].see(sighting)
            if stop.is_set():
                raise interruption(stop)
            keep()
            seen = sum(len(view.synced) for view in views.values()) == sum(map(len, whose.values()))
            verdict = _together(views.values(), clock.now()) if seen else UNSEEN
            now = clock.monotonic()
            if not seen:
                deadline.put_off(now - last)
            last = now
            since = (since or (now, clock.now())) if verdict.holds else None
            if since is not None and now - since[0] >= seconds:
                return Verdict(Answer.YES, f"{verdict.words} for {seconds:g} s", since[1])
            looked = looked or seen or now - began >= OUTAGE  # once, though the time may be over already
            if looked and since is None and not deadline.left:
                answer = Answer.NO if seen else Answer.UNKNOWN
                return Verdict(answer, f"{verdict.words} after {now - began:.0f} s")


def _together(views: Iterable[_View], now: datetime) -> Verdict:
    """The first that does not stand well; when all do, how they do."""
    found = [view.verdict(now) for view in views]
    broken = next((each for each in found if not each.holds), None)
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


# ---------------------------------------------------------------- signals


def confirm(
    issue: Issue,
    cluster: Cluster,
    metrics: MetricsSource | None,
    clock: Clock,
    *,
    after: datetime,
    within: float,
    stop: threading.Event,
    keep: Callable[[], None] = lambda: None,
) -> Verdict:
    """The signals say that what they showed of the issue is gone, or do not within so many seconds.

    Only samples taken after `after` count, and only of pods that live; without any it does not hold.

    Raises:
        Interrupted: `stop` was set.
    """
    return _looked(
        lambda: _signals(issue, cluster, metrics, clock, after), LOOK, Deadline(clock, within),
        clock, stop, keep,
    )  # fmt: skip


def ended(
    issue: Issue,
    alerts: Ends | None,
    clock: Clock,
    *,
    within: float,
    stop: threading.Event,
    keep: Callable[[], None] = lambda: None,
) -> Verdict:
    """All alerts that tell of the issue have ended, or did not within so many seconds.

    Raises:
        Interrupted: `stop` was set.
    """
    return _looked(lambda: _firing(issue, alerts, clock), LOOK, Deadline(clock, within), clock, stop, keep)


def _firing(issue: Issue, alerts: Ends | None, clock: Clock) -> Verdict:
    told = [each for each in believed(issue.symptoms) if each.heard is not None]
    fires = [None if alerts is None else alerts.fires(each.facts.get("labels", {})) for each in told]
    if True in fires:
        return Verdict(Answer.NO, "; ".join(e.evidence for e, f in zip(told, fires, strict=True) if f))
    if None in fires:
        return Verdict(Answer.UNKNOWN, "nobody says whether the alert has ended")
    return Verdict(Answer.YES, "the alert has ended", clock.now())


def _looked(
    look: Callable[[], Verdict],
    pause: float,
    deadline: Deadline,
    clock: Clock,
    stop: threading.Event,
    keep: Callable[[], None],
) -> Verdict:
    """What one of several looks says: the first that is a yes, else the last one in time."""
    while True:
        try:
            verdict = patiently(look, clock, stop, keep=keep, deadline=deadline)
        except Unavailable as error:
            verdict = Verdict(Answer.UNKNOWN, error.message)
        if verdict.holds or not deadline.left:
            return verdict
        if clock.sleep(pause, stop):
            raise interruption(stop)
        keep()


def _signals(
    issue: Issue, cluster: Cluster, metrics: MetricsSource | None, clock: Clock, after: datetime
) -> Verdict:
    seen = detection.observe(cluster, metrics, clock, issue.target.namespace)
    workload = seen.topology.workloads.get((issue.target.namespace, str(issue.target)))
    if seen.blind or workload is None:
        return Verdict(Answer.UNKNOWN, seen.blind or f"{issue.target} is gone")
    kinds = issue.kinds & SIGNAL_OF.keys()
    still = [s for s in detection.detect_in(seen) if s.target == issue.target and s.kind in kinds]
    if still:
        return Verdict(Answer.NO, "; ".join(symptom.evidence for symptom in still))
    missing = [
        name
        for name in sorted({SIGNAL_OF[kind] for kind in kinds})
        if not has_data(workload, seen.samples, name, after=after, now=seen.at)
    ]
    if missing:
        return Verdict(Answer.UNKNOWN, f"no new sample of {', '.join(missing)} yet")
    return Verdict(Answer.YES, "signals are back to normal", seen.at)


def gone(
    issue: Issue,
    cluster: Cluster,
    clock: Clock,
    *,
    deadline: Deadline,
    stop: threading.Event,
    keep: Callable[[], None] = lambda: None,
) -> Verdict:
    """What objects showed of the issue is not to be seen any more, or still is when the time is over.

    Raises:
        Interrupted: `stop` was set.
    """
    return _looked(lambda: _left(issue, cluster, clock), TICK, deadline, clock, stop, keep)


def _left(issue: Issue, cluster: Cluster, clock: Clock) -> Verdict:
    """Whether objects show nothing of the issue any more; what standing well excludes is not looked for."""
    wanted = issue.kinds - SIGNAL_OF.keys() - STANDING
    if not wanted:
        return Verdict(Answer.YES, "")
    seen = detection.observe(cluster, None, clock, issue.target.namespace)
    found = [s.evidence for s in detection.detect_in(seen) if s.target == issue.target and s.kind in wanted]
    return Verdict(Answer.of(not found), "; ".join(found))


def is_present(issue: Issue, cluster: Cluster, metrics: MetricsSource | None, clock: Clock) -> bool:
    """Whether anything of what was seen of the issue can be seen now; objects first, then signals."""
    if not issue.kinds <= SIGNAL_OF.keys():
        if shows(issue, detection.observe(cluster, None, clock, issue.target.namespace)):
            return True
        if issue.kinds.isdisjoint(SIGNAL_OF):
            return False
    return shows(issue, detection.observe(cluster, metrics, clock, issue.target.namespace))


def shows(issue: Issue, seen: Sight) -> bool:
    """Whether the observation shows anything of the issue, or another symptom of its class."""
    mine = {symptom.kind for symptom in detection.detect_in(seen) if symptom.target == issue.target}
    return any(kind in issue.kinds or CLASS_OF[kind] == issue.kind for kind in mine)
