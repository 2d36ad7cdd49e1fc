"""The guards, each a pure function: it returns when the act may go on, and raises `Refused` when not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chaoskit import kube
from chaoskit.acts.accounts import Account
from chaoskit.acts.halt import Act
from chaoskit.acts.windows import closed_until
from chaoskit.documents import duration
from chaoskit.errors import Refused
from chaoskit.governor.limits import Domain, Hit, Key, Limits, key_of
from chaoskit.ports.cluster import Object, ObjectRef

FREEZE = "chaoskit.io/freeze-until"
"""Annotation on a namespace (ISO 8601): no chaos in it before that."""
FREEZE_WINDOWS = "chaoskit.io/freeze-windows"
"""Annotation on a namespace: no chaos in it within these (see `acts.windows`)."""
FREEZE_RECOVERY = "chaoskit.io/freeze-recovery-until"
FREEZE_RECOVERY_WINDOWS = "chaoskit.io/freeze-recovery-windows"
"""The same for recoveries: a release freeze is when one wants chaos least and recovery most."""

MAINTENANCE = "chaoskit.io/maintenance"
"""Annotation on a workload, node or namespace: a person works on it, until then (ISO 8601) or for good."""

_FREEZES: Mapping[Act, tuple[str, str]] = {
    "chaos": (FREEZE, FREEZE_WINDOWS),
    "recovery": (FREEZE_RECOVERY, FREEZE_RECOVERY_WINDOWS),
}
_LEAVING = frozenset({"ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted", "karpenter.sh/disruption"})
"""Taints of nodes that an autoscaler takes away."""


def frozen(act: Act, namespace: str, notes: Mapping[str, str], now: datetime) -> None:
    """The namespace's annotations freeze no act of this kind at `now`.

    Raises:
        Refused: guard ``freeze``; also when an annotation cannot be read: somebody meant to freeze it.
    """
    until_name, windows_name = _FREEZES[act]
    try:
        ends = (kube.time_of(notes.get(until_name, "")), closed_until(notes.get(windows_name, ""), now))
    except ValueError as error:
        said = {name: notes[name] for name in _FREEZES[act] if name in notes}
        message = (
            f"namespace {namespace} is frozen until {' or '.join(said.values())}, which is no time: {error}"
        )
        hint = f"mend its annotation {' and '.join(said)}, or remove it"
        raise Refused(message, guard="freeze", hint=hint) from error
    end = max((each for each in ends if each is not None and each > now), default=None)
    if end is not None:
        raise Refused(
            f"namespace {namespace} is frozen for {act}",
            guard="freeze",
            limit=notes.get(windows_name, "") or f"{until_name} of the namespace",
            until=end.isoformat(),
        )


def maintained(body: Object, now: datetime) -> None:
    """Nobody works on the workload, node or namespace by hand.

    Raises:
        Refused: guard ``maintenance``: it says so, its rollout is paused, or an autoscaler takes it away.
    """
    name = f"{body.get('kind', 'object').lower()}/{body['metadata']['name']}"
    said = kube.annotations_of(body).get(MAINTENANCE, "")
    end = _time_or_none(said)
    if said and (end is None or end > now):
        words = "" if end is not None or said == "true" else f": {said}"
        until = "" if end is None else end.isoformat()
        raise Refused(f"{name} is in maintenance{words}", guard="maintenance", limit=MAINTENANCE, until=until)
    spec: Mapping[str, Any] = body.get("spec") or {}
    if spec.get("paused"):
        message = f"somebody paused the rollout of {name}"
        raise Refused(
            message, guard="maintenance", limit="spec.paused", hint="kubectl rollout resume ends that"
        )
    leaving = next((t["key"] for t in spec.get("taints") or () if t.get("key") in _LEAVING), None)
    if leaving is not None:
        raise Refused(f"{name} is being taken away: {leaving}", guard="maintenance", limit="nodes that stay")


def _time_or_none(text: str) -> datetime | None:
    try:
        return kube.time_of(text)
    except ValueError:
        return None


def hit_in(place: str, hits: Iterable[Hit]) -> str:
    """``, and 1 of 2 pods of deployment/dns would be hit there``; "" where nobody is known by name."""
    there = [h for h in hits if h.number and h.target is not None and h.target.namespace == place]
    words = ", ".join(f"{each.number} of {each.total} {each.whose}" for each in there)
    return words and f", and {words} would be hit there"


def within_radius(
    at_once: int, hits: Iterable[Hit], *, max_pods: int = 0, max_percent: float = 0, of: str = ""
) -> None:
    """So many may be hit at a time, and so much of each workload; a limit of 0 allows all. `of` sets them.

    Raises:
        Refused: guard ``blast radius``.
    """
    hint = f"choose fewer targets, or raise the limit of {of}" if of else ""
    if max_pods and at_once > max_pods:
        message = f"{at_once} pods would be hit; the limit is {max_pods}"
        raise Refused(message, guard="blast radius", limit=f"maxPods {max_pods}", hint=hint)
    for hit in hits:
        if max_percent and hit.total and hit.number * 100 > max_percent * hit.total:
            message = f"{hit.number} of {hit.total} {hit.whose} would be hit; the limit is {max_percent:g} %"
            raise Refused(message, guard="blast radius", limit=f"maxPercent {max_percent:g}", hint=hint)


def within_domain(
    domain: Domain, targets: Sequence[ObjectRef], known: Iterable[Account], now: datetime, limits: Limits
) -> None:
    """With these targets, few enough members of the domain are worked on, or were in the last window.

    Chaos under way counts as well: to the domain it is all the same who takes a member away.

    Raises:
        Refused: guard ``failure domain``, with the time when enough of them are left alone again ("" when
            that is for those under way, or for members that are down, to say).
    """
    ours = domain.members & {key_of(target) for target in targets}
    until: dict[Key, datetime | None] = dict.fromkeys(domain.down - ours)
    for account in known:
        if _counts(account, now, limits):
            over = _over(account, limits)
            for key in (domain.members & set(map(key_of, account.targets))) - ours:
                until[key] = over if over is None else _later(until.get(key, over), over)
    allowed = limits.allowed_in(domain)
    excess = len(until) + len(ours) - allowed
    if not ours or excess <= 0:
        return
    times = sorted(each for each in until.values() if each is not None)
    raise Refused(
        f"{len(until)} of {len(domain.members)} in {domain.name} are down or were worked on lately",
        guard="failure domain",
        limit=f"{allowed} of {domain.name} in {duration(limits.domain_window)}",
        until=times[excess - 1].isoformat(timespec="seconds") if excess <= len(times) else "",
    )


def _counts(account: Account, now: datetime, limits: Limits) -> bool:
    """Whether the account's targets count against a failure domain: its act is under way, or ended lately."""
    over = _over(account, limits)
    return over is None or (account.act == "recovery" and now < over)


def _over(account: Account, limits: Limits) -> datetime | None:
    """When the account's targets count no more; None while that is not known."""
    if account.state == "active" or account.ended is None:
        return None
    return account.ended + timedelta(seconds=limits.domain_window)


def _later(one: datetime | None, other: datetime) -> datetime | None:
    return None if one is None else max(one, other)


def interlocked(
    act: Act,
    targets: Sequence[ObjectRef],
    active: Iterable[Account],
    *,
    near: Sequence[ObjectRef] = (),
    drill: bool = False,
) -> None:
    """Nobody acts on any of these targets, and no chaos on what is `near`: what they need.

    Raises:
        Refused: guard ``busy`` (the same kind of act) or ``interlock`` (the other kind).
    """
    for account in active:
        if drill and account.act != act:
            continue
        shared = shared_with(targets, account)
        beside = shared_with(near, account) if account.act == "chaos" and act == "recovery" else ""
        if not (shared or beside):
            continue
        where = shared or f"{beside}, which {targets[0]} needs"
        raise Refused(
            f"{account.act} {account.id} works on {where} (held by {account.holder})",
            guard="busy" if account.act == act else "interlock",
            limit="one act on a workload at a time",
            hint="wait for it, or run chaoskit rescue if its process is dead",
        )


def cooled_down(
    act: Act, targets: Sequence[ObjectRef], known: Iterable[Account], now: datetime, seconds: float
) -> None:
    """The last act of this kind on each target ended at least so long ago.

    Raises:
        Refused: guard ``cool-down``, with the time when it is over.
    """
    for account in known:
        shared = shared_with(targets, account) if account.act == act else ""
        until = account.ended and account.ended + timedelta(seconds=seconds)
        if shared and until and now < until:
            raise Refused(
                f"{shared} rests after {act} {account.id}",
                guard="cool-down",
                limit=duration(seconds),
                until=until.isoformat(timespec="seconds"),
            )


def within_budget(act: Act, known: Iterable[Account], now: datetime, budget: int, window: float) -> None:
    """Fewer than `budget` acts of this kind are under way or ended in the last `window` seconds.

    Counted is what left a ledger. A process without limits of its own removes its ledger at the end (nobody
    asked it to remember), so an act of its counts only while it is under way: give all the same settings.

    Raises:
        Refused: guard ``budget``, with the time when enough of them have left the window ("" when that is
            for those under way to say).
    """
    mine = [each for each in known if each.act == act]
    active = sum(each.state == "active" for each in mine)
    length = timedelta(seconds=window)
    recent = sorted(e.ended for e in mine if e.state == "done" and e.ended and e.ended > now - length)
    leaving = active + len(recent) - budget + 1
    if not budget or leaving <= 0:
        return
    raise Refused(
        f"{len(recent)} acts of {act} ended in the last {duration(window)}, {active} under way",
        guard="budget",
        limit=f"{budget} in {duration(window)}",
        until=(recent[leaving - 1] + length).isoformat(timespec="seconds") if leaving <= len(recent) else "",
        hint="chaoskit rescue ends those whose process is dead" if active else "",
    )


def shared_with(targets: Sequence[ObjectRef], account: Account) -> str:
    """The first of the targets that the account works on, as text; "" when it works on none."""
    theirs = set(map(key_of, account.targets))
    return next((str(target) for target in targets if key_of(target) in theirs), "")
