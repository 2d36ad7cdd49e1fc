"""What may happen now: halt, protected namespaces, interlock, cool-down, budget and blast radius.

All state is read from the cluster: the ledgers' Leases, the halt's ConfigMap, the namespace's annotations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chaoskit import kube
from chaoskit.acts import halt
from chaoskit.acts.accounts import Account, accounts
from chaoskit.acts.halt import Act
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import Clock
from chaoskit.documents import duration
from chaoskit.errors import Forbidden, NotFound, Refused
from chaoskit.ports.cluster import Cluster, ObjectRef

PROTECTED = (
    "kube-system",
    "kube-public",
    "kube-node-lease",
    "litmus",
    "monitoring",
    "prometheus",
    "cert-manager",
    "istio-system",
    "chaoskit",
)

FREEZE = "chaoskit.io/freeze-until"
"""Annotation on a namespace (ISO 8601): no chaos in it before that."""


@dataclass(frozen=True, slots=True)
class Hit:
    """So many of `total` are disturbed at a time, at worst, of what `whose` says: ``pods of cart``."""

    whose: str
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What a cluster allows. Percentages are of a workload's pods; 0 means no such limit."""

    protected: tuple[str, ...] = PROTECTED
    max_pods: int = 0
    max_percent: float = 0
    chaos_cooldown: float = 0
    recovery_cooldown: float = 0
    chaos_budget: int = 0
    recovery_budget: int = 0
    budget_window: float = 3600

    def cooldown(self, act: Act) -> float:
        """Seconds of rest between two acts of this kind on the same workload."""
        return self.chaos_cooldown if act == "chaos" else self.recovery_cooldown

    def budget(self, act: Act) -> int:
        """How many acts of this kind may be under way or have ended in one window, on all workloads."""
        return self.chaos_budget if act == "chaos" else self.recovery_budget


class Governor:
    """Says no to what must not happen now, and remembers nothing itself."""

    def __init__(self, cluster: Cluster, clock: Clock, limits: Limits = Limits()) -> None:
        self.limits = limits
        self._cluster = cluster
        self._clock = clock

    def admit(
        self,
        act: Act,
        targets: Sequence[ObjectRef],
        namespace: str,
        *,
        at_once: int,
        hits: Sequence[Hit],
        max_pods: int = 0,
        max_percent: float = 0,
        drill: bool = False,
    ) -> None:
        """The act may start now; `max_pods` and `max_percent` are what its own document allows.

        It disturbs `at_once` pods or nodes at a time, and of each workload what `hits` say at worst. In a
        drill, a recovery may work on what the chaos under test disturbs.

        Raises:
            Refused: the first guard that says no, with its limit and until when.
        """
        halt.refuse_when_halted(self._cluster, act, *_places(targets, namespace))
        if act == "chaos":
            self._not_protected(targets, namespace)
            self._not_frozen(targets, namespace)
        for pods, percent in (
            (self.limits.max_pods, self.limits.max_percent),
            (max_pods, max_percent),
        ):
            within_radius(at_once, hits, max_pods=pods, max_percent=percent)
        known = self._accounts(targets, namespace)
        interlocked(act, targets, [each for each in known if each.state == "active"], drill=drill)
        cooled_down(act, targets, known, self._clock.now(), self.limits.cooldown(act))
        self._within_budget(act, known)

    def confirm(self, ledger: Ledger, *, drill: bool = False) -> None:
        """Nobody else began on the same workload, or used the budget up, between admission and our ledger.

        Raises:
            Refused: somebody did (guard ``busy``, ``interlock`` or ``budget``); close the ledger and leave.
        """
        mine = ledger.account
        others = [e for e in self._accounts(mine.targets, mine.ref.namespace) if e.id != mine.id]
        active = [each for each in others if each.state == "active"]
        interlocked(mine.act, mine.targets, active, drill=drill)
        self._within_budget(mine.act, others)

    def remembers(self, act: Act) -> float:
        """Seconds for which an ended ledger of this kind is needed, by cool-down or budget; 0: not at all."""
        window = self.limits.budget_window if self.limits.budget(act) else 0.0
        return max(self.limits.cooldown(act), window)

    def blind(self, act: Act, targets: Sequence[ObjectRef], namespace: str) -> tuple[str, ...]:
        """What the guards of `admit` cannot see here, in words; empty when they see everything.

        They let pass what they cannot see: who asks them should say so beside the act.
        """
        places = _places(targets, namespace)
        return (
            *halt.unseen(self._cluster, *places),
            *(self._unseen_freezes(places) if act == "chaos" else ()),
            *self._unseen_accounts(act, targets, namespace),
        )

    def _unseen_freezes(self, places: Iterable[str]) -> Iterator[str]:
        for place in places:
            try:
                self._cluster.get(ObjectRef(kube.NAMESPACE, "", place))
            except Forbidden as error:
                yield f"whether namespace {place} is frozen cannot be seen: {error.message}"
            except NotFound:
                continue

    def _unseen_accounts(self, act: Act, targets: Sequence[ObjectRef], namespace: str) -> Iterator[str]:
        try:
            known = accounts(self._cluster)
        except Forbidden as error:
            known = self._accounts(targets, namespace)
            if self.limits.budget(act):
                yield f"the budget counts no act in other namespaces: {error.message}"
        for each in known:
            if each.unreadable:
                yield f"{each.ref} in {each.ref.namespace}: {each.unreadable}"

    def _within_budget(self, act: Act, known: Iterable[Account]) -> None:
        now, limits = self._clock.now(), self.limits
        within_budget(act, known, now, limits.budget(act), limits.budget_window)

    def _not_protected(self, targets: Sequence[ObjectRef], namespace: str) -> None:
        for place in _places(targets, namespace):
            if place in self.limits.protected:
                raise Refused(
                    f"namespace {place} is protected: no fault is injected into it",
                    guard="protected namespace",
                    limit=", ".join(self.limits.protected),
                )

    def _not_frozen(self, targets: Sequence[ObjectRef], namespace: str) -> None:
        for place in _places(targets, namespace):
            try:
                body = self._cluster.get(ObjectRef(kube.NAMESPACE, "", place))
            except (NotFound, Forbidden):
                continue  # who may not read a namespace cannot honour its annotation: `blind` says so
            frozen(place, kube.annotations_of(body).get(FREEZE, ""), self._clock.now())

    def _accounts(self, targets: Sequence[ObjectRef], namespace: str) -> tuple[Account, ...]:
        try:
            return accounts(self._cluster)
        except Forbidden:
            places = _places(targets, namespace)
            return tuple(each for place in places for each in accounts(self._cluster, place))


def _places(targets: Sequence[ObjectRef], namespace: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for each in (namespace, *(t.namespace for t in targets)) if each))


def frozen(namespace: str, until: str, now: datetime) -> None:
    """The namespace is not frozen; `until` is what its annotation says (ISO 8601, "" is nothing).

    Raises:
        Refused: guard ``freeze``; also when the annotation cannot be read: somebody meant to freeze it.
    """
    try:
        end = kube.time_of(until)
    except ValueError as error:
        message = f"namespace {namespace} is frozen until {until!r}, which is no time: {error}"
        raise Refused(message, guard="freeze", hint=f"mend its annotation {FREEZE}, or remove it") from error
    if end is not None and end > now:
        raise Refused(f"namespace {namespace} is frozen", guard="freeze", until=end.isoformat())


def within_radius(at_once: int, hits: Iterable[Hit], *, max_pods: int = 0, max_percent: float = 0) -> None:
    """So many may be hit at a time, and so much of each workload; a limit of 0 allows all.

    Raises:
        Refused: guard ``blast radius``.
    """
    if max_pods and at_once > max_pods:
        message = f"{at_once} pods would be hit; the limit is {max_pods}"
        raise Refused(message, guard="blast radius", limit=f"maxPods {max_pods}")
    for hit in hits:
        if max_percent and hit.total and hit.number * 100 > max_percent * hit.total:
            message = f"{hit.number} of {hit.total} {hit.whose} would be hit; the limit is {max_percent:g} %"
            raise Refused(message, guard="blast radius", limit=f"maxPercent {max_percent:g}")


def interlocked(
    act: Act, targets: Sequence[ObjectRef], active: Iterable[Account], *, drill: bool = False
) -> None:
    """Nobody acts on any of these targets.

    Raises:
        Refused: guard ``busy`` (the same kind of act) or ``interlock`` (the other kind).
    """
    for account in active:
        shared = _shared(targets, account)
        if not shared or (drill and account.act != act):
            continue
        raise Refused(
            f"{account.act} {account.id} works on {shared} (held by {account.holder})",
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
        shared = _shared(targets, account) if account.act == act else ""
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


def _shared(targets: Sequence[ObjectRef], account: Account) -> str:
    theirs = {(each.kind, each.namespace, each.name) for each in account.targets}
    shared = next((t for t in targets if (t.kind, t.namespace, t.name) in theirs), None)
    return "" if shared is None else str(shared)
