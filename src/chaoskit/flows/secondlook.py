"""Carries decisions out for whoever does not go on watching: what a moment holds up is looked at twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import NamedTuple, Protocol

from chaoskit.acts.halt import HOME
from chaoskit.acts.rescue import Hear, Rescued, nowhere
from chaoskit.clock import refuse_when_stopped
from chaoskit.events import Listener, Step, ignore
from chaoskit.flows.auto_recovery import AutoRecovery
from chaoskit.flows.rescuing import rescue
from chaoskit.flows.world import World
from chaoskit.outcome import Outcome, gravest, of_error
from chaoskit.ports.store import Document
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import Decision, Issue, Refusal, admission, refusal_words
from chaoskit.recovery.guards import FIRST
from chaoskit.recovery.issues import PAST
from chaoskit.recovery.readings import SIGNAL_OF
from chaoskit.recovery.replay import nothing_left, same_issue


class Look(NamedTuple):
    """What is decided on what was seen; `blind` says why there were no signals, "" when there were."""

    decisions: Sequence[Decision]
    blind: str = ""


class Carry(Protocol):
    """Carries out one decision, as `AutoRecovery.recover` does."""

    def __call__(
        self, decision: Decision, *, listen: Listener, stop: threading.Event, hear: Hear
    ) -> RecoveryRecord:
        """The record of it."""


Ask = Callable[[Sequence[Decision]], None]
"""A person agreed to these; otherwise it raises."""


WELL = frozenset({Outcome.RECOVERED, Outcome.HEALED})
"""Ends of recoveries after which nothing of the issue was left."""


@dataclass(frozen=True, slots=True)
class Went:
    """What was done, in order; what is left, and `why`; the dead on the way that could not be undone."""

    done: tuple[RecoveryRecord, ...] = ()
    left: tuple[Decision, ...] = ()
    why: Exception | None = None
    owed: tuple[Rescued, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The gravest of all that."""
        ends = [*(each.outcome for each in self.done), *(each.outcome for each in self.owed)]
        return gravest(ends if self.why is None else [*ends, of_error(self.why)])


def recover(
    world: World,
    decisions: Sequence[Decision],
    look: Callable[[], Look],
    carry: Carry,
    *,
    ask: Ask = lambda _decisions: None,
    others: bool = False,
    listen: Listener = ignore,
    stop: threading.Event | None = None,
) -> Went:
    """The decisions were carried out, and then what a second `look` says of those that a moment held up.

    With `others` what shows itself in that look alone is carried out, too. What was recovered and is ill
    again in that look is not recovered: it is told, and left alone. The stop, a person's no, an error or a
    bug ends it there: what was done by then is told all the same, and nothing comes after.
    """
    errand = _Errand(world, carry, listen, stop or threading.Event())
    why = errand.run(decisions, look, ask, others=others)
    return Went(tuple(errand.done), tuple(errand.left), why, errand.owed)


def replay(
    flow: AutoRecovery,
    world: World,
    record: Document,
    *,
    confirm: timedelta | None = None,
    listen: Listener = ignore,
    stop: threading.Event | None = None,
) -> Went:
    """A kept recovery's target was recovered again as it is now, as `recover` does it.

    Raises:
        InvalidInput: it is no record of a recovery.
    """

    def look() -> Look:
        return Look((flow.replan(record),))

    lineage = record.get("trace_id", "")
    carry = partial(flow.recover, trace_id=lineage, confirm=confirm, replay_of=record["id"])
    return recover(world, look().decisions, look, carry, listen=listen, stop=stop)


@dataclass
class _Errand:
    """The way of one command: what it has done so far, and what is left."""

    world: World
    carry: Carry
    listen: Listener
    stop: threading.Event
    done: list[RecoveryRecord] = field(default_factory=list)
    left: Sequence[Decision] = ()
    rescued: dict[str, Rescued] = field(default_factory=dict)

    @property
    def owed(self) -> tuple[Rescued, ...]:
        """The dead acts that could not be undone, as they were seen last."""
        return tuple(each for each in self.rescued.values() if each.undo.left)

    def run(
        self, decisions: Sequence[Decision], look: Callable[[], Look], ask: Ask, *, others: bool
    ) -> Exception | None:
        """Why something is left; None: nothing is."""
        waiting = held_up(decisions)
        at_once = [each for each in decisions if each not in waiting]
        try:
            self._carry_out(at_once, waiting)
            if waiting:
                self._outlast(waiting)
                seen, known = look(), [each.issue.name for each in at_once]
                ended = zip(at_once, self.done, strict=True)
                well = [each.issue for each, record in ended if record.outcome in WELL]
                found = followed(waiting, seen, known=known, others=others, owed=self.owed)
                self.left = (*found, *back(well, seen))
                ask(self.left)
                self._carry_out(self.left)
        except Exception as error:  # noqa: BLE001 - whoever asked hears of it, beside what was done
            return error
        return None

    def _carry_out(self, decisions: Sequence[Decision], after: Sequence[Decision] = ()) -> None:
        for number, each in enumerate(decisions):
            self.left = (*decisions[number:], *after)
            refuse_when_stopped(self.stop)
            self.done.append(self.carry(each, listen=self.listen, stop=self.stop, hear=self._hear))
        self.left = after

    def _outlast(self, waiting: Sequence[Refusal]) -> None:
        refuse_when_stopped(self.stop)
        outlast(waiting, self.world, hear=self._hear, listen=self.listen, stop=self.stop)
        refuse_when_stopped(self.stop)

    def _hear(self, rescued: Rescued) -> None:
        self.rescued[rescued.account.id] = rescued


def held_up(decisions: Sequence[Decision]) -> tuple[Refusal, ...]:
    """Those that may pass in a moment: their evidence is too young, or a recovery is under way, or dead."""
    refusals = (each for each in decisions if isinstance(each, Refusal))
    return tuple(each for each in refusals if each.is_early or each.cause is not None)


def outlast(
    waiting: Sequence[Refusal],
    world: World,
    *,
    hear: Hear = nowhere,
    listen: Listener = ignore,
    stop: threading.Event | None = None,
) -> None:
    """Recoveries that held others up and are dead are undone, and what was too young is old enough.

    `hear` is told of the dead, undone as far as they could be; the history has them.
    """
    for each in waiting:
        listen(Step(world.clock.now(), "waiting", "note", f"{each.issue.id}: {refusal_words(each)}"))
    places = {each.cause.namespace or HOME for each in waiting if each.cause is not None}
    for place in sorted(places):
        for rescued in rescue(world, namespace=place, listen=listen, stop=stop):
            hear(rescued)
    until = max((each.until for each in waiting if each.is_early and each.until), default=None)
    if until is not None:
        left = min(until - world.clock.now(), FIRST).total_seconds()
        world.clock.sleep(max(left, 0.0), stop)


def followed(
    waiting: Sequence[Refusal],
    seen: Look,
    *,
    known: Collection[str] = (),
    others: bool = False,
    owed: Sequence[Rescued] = (),
) -> tuple[Decision, ...]:
    """What was decided by now about those that were held up, and about `others` that nobody knew of. Pure.

    `known` are names of issues that were carried out before: never twice. What is still too young is refused,
    as nobody waits for it once more; what is the echo of one that is dead and `owed` is no good end, nor is
    what nobody could see.
    """
    planned = [each for each in seen.decisions if each.issue.name not in known]
    issues = [each.issue for each in planned]
    now = [same_issue(each.issue, issues) for each in waiting]
    names = {each.name for each in now if each is not None}
    pairs = zip(waiting, now, strict=True)
    gone = (nothing_left(was.issue, seen.blind) for was, each in pairs if each is None)
    return (*(_final(each, owed) for each in planned if others or each.issue.name in names), *gone)


def back(well: Sequence[Issue], seen: Look) -> Iterator[Refusal]:
    """Those of the issues that ended well which are there again: no good end, and not acted on again. Pure.

    Only what objects show counts, and showed before: signals and alerts may tell of the time before, and
    other kinds of what nobody has recovered from.
    """
    now = {each.issue.name: each for each in seen.decisions if _hurts(each)}
    for issue in well:
        if (found := now.get(issue.name)) is not None and _proven(issue) & _proven(found.issue):
            why = f"{issue.target} was recovered just now, and is ill again: {found.issue.evidence[0]}"
            limit = "once in a command"
            yield Refusal(found.issue, "cool-down", limit, why, outcome=Outcome.NOT_RECOVERED)


def _proven(issue: Issue) -> frozenset[str]:
    """What objects show of the issue now: a recovery proves that it is gone."""
    return frozenset(each.kind for each in issue.symptoms if each.heard is None) - SIGNAL_OF.keys() - PAST


def _hurts(decision: Decision) -> bool:
    """Whether it would be acted on, but perhaps for a guard: it is no mere effect, and not too young."""
    return not isinstance(decision, Refusal) or decision.outcome is Outcome.REFUSED


def _final(decision: Decision, owed: Sequence[Rescued]) -> Decision:
    if not isinstance(decision, Refusal):
        return decision
    if decision.is_early:
        return replace(decision, outcome=Outcome.REFUSED)
    dead = [each for each in owed if decision.cause in each.account.targets]
    return admission.unrescued(decision, dead) if dead else decision
