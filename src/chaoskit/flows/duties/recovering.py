"""The duty to recover: where there is a plan it is carried out, refusals and odd alerts are told once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf
from typing import Any

from chaoskit.clock import Clock
from chaoskit.flows.auto_recovery import AutoRecovery
from chaoskit.flows.belonging import home
from chaoskit.flows.duties.saying import Saying
from chaoskit.flows.hearing import Hearing, key_of
from chaoskit.flows.rounds import Round, Rounds
from chaoskit.flows.world import World
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import Plan, Refusal, Runbook, refusal_words
from chaoskit.recovery.alerts import Unplaced

SPACING = 5.0
"""Seconds between two looks at one namespace, however often it changes."""

NEWS = 1.0
"""Seconds for which a recovery that begins needs no look of its own: what was decided just now holds."""

LEVEL = 30.0
"""Seconds after which a namespace is looked at though nothing changed: signals cannot be watched."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look came to: which issues have a plan, whether nodes are in trouble, when to look again."""

    plans: tuple[str, ...]
    nodes: bool
    again: float | None


class Recovering:
    """Recovers within a scope: one namespace, "" for all but protected ones. `done` is told of each end."""

    def __init__(
        self,
        world: World,
        scope: str,
        say: Saying,
        stop: threading.Event,
        hearing: Hearing,
        *,
        runbooks: Sequence[Runbook] = (),
        confirm: timedelta | None = None,
        done: Callable[[RecoveryRecord], object] = lambda _record: None,
        drill: bool = False,
    ) -> None:
        self._scope, self._say, self._stop, self._hearing = scope, say, stop, hearing
        self._confirm, self._done, self._drill = confirm, done, drill
        self._recovery = AutoRecovery(world, runbooks=runbooks, alerts=hearing)
        self._rounds = Rounds(self._recovery, world, scope, say.listen, hearing, drill=drill)
        self._clock = world.clock
        self._looks = Looks(world.clock)
        self._refused = Once()
        self._stood = Standing(world.clock)
        self._unplaced = Once()
        self._heard: frozenset[Any] = frozenset()

    def look(self, namespace: str, every: Collection[str], busy: Callable[[str], bool]) -> Looked | None:
        """What is to be done in the namespace, None when nothing is left there; no word of what is `busy`."""
        began = self._clock.monotonic()
        found = self._rounds.look(namespace, every)
        if found is None:
            self.forget(namespace)
            return None
        found = self._looks.keep(namespace, found, began)
        plans = tuple(each.issue.id for each in found.decisions if isinstance(each, Plan))
        refusals = [
            each for each in found.decisions if isinstance(each, Refusal) and not busy(each.issue.id)
        ]  # what is being recovered is busy with that alone
        for refusal in self._refused.news(
            namespace, {(each.issue.id, each.guard): each for each in refusals}
        ):
            self._say.step("refused", "note", f"{refusal.issue.id}: {refusal_words(refusal)}")
        stood = self._stood.of(namespace, {each.issue.id for each in refusals})
        for refusal in refusals:
            self._recovery.leave(refusal, stood[refusal.issue.id], listen=self._say.listen)
        self._tell_unplaced(namespace, found.unplaced)
        asked = any(
            each.guard == "approval" for each in refusals
        )  # an answer is no change of what is watched
        level = LEVEL if namespace or found.decisions else None
        return Looked(plans, found.nodes, SPACING if asked else level)

    def recover(self, namespace: str, issue: str, every: Collection[str]) -> RecoveryRecord | None:
        """The plan for the issue as it is by now was carried out; None: there is none any more."""
        found = self._looks.just_now(namespace) or self._rounds.look(namespace, every)
        now = () if found is None else found.decisions
        plan = next((each for each in now if each.issue.id == issue), None)
        if found is None or not isinstance(plan, Plan):
            return None
        record = self._recovery.recover(
            plan,
            listen=self._say.listen,
            stop=self._stop,
            confirm=self._confirm,
            wait=False,
            drill=self._drill,
            notes=tuple(map(str, found.unplaced)),
        )
        self._looks.outdated(namespace, issue)
        self._done(record)
        self._say.ended("recovery", record.issue, record.outcome, record.at, record.ended_at)
        return record

    def heed(self, every: Collection[str]) -> frozenset[str]:
        """The namespaces to look at, since an alert about them came or went; `every` are those watched."""
        firing = {key_of(each): each for each in self._recovery.whose(self._hearing.firing())}
        homes = {key: home(each, self._scope, every) for key, each in firing.items()}
        elsewhere = [firing[key] for key, place in homes.items() if place is None]
        self._tell_unplaced(None, [Unplaced(each, "its namespace is not watched here") for each in elsewhere])
        known = {key_of(each): each for each in self._recovery.whose(self._hearing.over())} | firing
        news = self._heard ^ firing.keys()
        self._heard = frozenset(firing)
        places = (home(known[key], self._scope, every) for key in news if key in known)
        return frozenset(each for each in places if each is not None)

    def forget(self, namespace: str) -> None:
        """Nothing is left there."""
        self._looks.forget(namespace)
        self._refused.forget(namespace)
        self._stood.of(namespace, ())
        self._unplaced.forget(namespace)
        self._rounds.forget(namespace)

    def _tell_unplaced(self, namespace: str | None, unplaced: Sequence[Unplaced]) -> None:
        """Alerts that nothing could be made of are told, each once while it fires."""
        for each in self._unplaced.news(namespace, {key_of(one.alert): one for one in unplaced}):
            self._say.step("alert", "note", str(each))


class Looks:
    """What looks at namespaces came to, and how new they are against the recoveries that have ended there.

    Looks and recoveries are the work of several threads.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest: dict[str, tuple[float, Round]] = {}
        self._ended: dict[str, dict[str, float]] = {}
        self._lock = threading.Lock()

    def keep(self, namespace: str, found: Round, began: float) -> Round:
        """The look that began then, without what was recovered from meanwhile: it may have seen that before.

        Each recovery is followed by a look of its own.
        """
        with self._lock:
            ended = self._ended.pop(namespace, {})
            late = {issue: at for issue, at in ended.items() if at >= began}
            if late:
                self._ended[namespace] = late
            kept = replace(found, decisions=tuple(e for e in found.decisions if e.issue.id not in late))
            self._newest[namespace] = self._clock.monotonic(), kept
        return kept

    def just_now(self, namespace: str) -> Round | None:
        """What the newest look at the namespace came to, if that was just now."""
        with self._lock:
            at, found = self._newest.get(namespace, (-inf, None))
        return found if self._clock.monotonic() - at <= NEWS else None

    def outdated(self, namespace: str, issue: str) -> None:
        """The issue was recovered from, or was tried to be: what was seen until now holds no more."""
        with self._lock:
            self._ended.setdefault(namespace, {})[issue] = self._clock.monotonic()
            self._newest.pop(namespace, None)

    def forget(self, namespace: str) -> None:
        """Nothing is left there."""
        with self._lock:
            self._newest.pop(namespace, None)
            self._ended.pop(namespace, None)


class Once:
    """What was told of each place: told again only after it was gone."""

    def __init__(self) -> None:
        self._told: dict[str | None, frozenset[Any]] = {}

    def news(self, place: str | None, now: Mapping[Any, Any]) -> list[Any]:
        """What of it was not told yet."""
        before = self._told.get(place, frozenset())
        self._told[place] = frozenset(now)
        return [each for key, each in now.items() if key not in before]

    def forget(self, place: str) -> None:
        """Nothing was told of it."""
        self._told.pop(place, None)


class Standing:
    """For how long something has been seen in a place, without a break."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[str, Mapping[str, float]] = {}

    def of(self, place: str, there: Collection[str]) -> Mapping[str, timedelta]:
        """Of each that is there now; nothing else is there."""
        now, before = self._clock.monotonic(), self._since.pop(place, {})
        if there:
            self._since[place] = {each: before.get(each, now) for each in there}
        return {each: timedelta(seconds=now - before.get(each, now)) for each in there}
