"""Whether it helped: objects and signals that show the symptom no more, alerts that have ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from chaoskit.clock import Clock, interruption
from chaoskit.errors import Unavailable
from chaoskit.ports.cluster import Cluster
from chaoskit.ports.metrics import MetricsSource
from chaoskit.recovery import detection
from chaoskit.recovery.detection import Sight
from chaoskit.recovery.issues import CLASS_OF, PAST, Issue, believed
from chaoskit.recovery.patience import Deadline, patiently
from chaoskit.recovery.reach import Ends
from chaoskit.recovery.readings import SIGNAL_OF, has_data
from chaoskit.recovery.standing import STANDING, Answer, Verdict

TICK = 0.5
"""Seconds between two looks at objects."""

LOOK = 5.0
"""Seconds between two looks at the signals: they have a step of 15."""


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
        if verdict.answer is Answer.YES or not deadline.left:
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
    """Whether objects show nothing of the issue any more.

    What standing well excludes is not looked for, nor what is past: it is told of though nothing is wrong.
    """
    wanted = issue.kinds - SIGNAL_OF.keys() - STANDING - PAST
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


COMES: Mapping[str, str] = {"dns-down": "dns-starting", "database-down": "database-starting"}
"""What is seen instead of a symptom once that may go away by itself."""


def comes(issue: Issue, seen: Sight) -> bool:
    """Whether what was down may serve in a moment by now: neither the issue that was seen, nor its end."""
    mine = {symptom.kind for symptom in detection.detect_in(seen) if symptom.target == issue.target}
    turned = (down for down, soon in COMES.items() if soon in mine - issue.kinds and down not in mine)
    return not issue.kinds.isdisjoint(turned)


def shows(issue: Issue, seen: Sight) -> bool:
    """Whether the observation shows anything of the issue, or another symptom of its class.

    What is past says nothing of now, unless the issue is about nothing else.
    """
    mine = {symptom.kind for symptom in detection.detect_in(seen) if symptom.target == issue.target}
    now = mine if issue.kinds <= PAST else mine - PAST
    return any(kind in issue.kinds or CLASS_OF[kind] == issue.kind for kind in now)
