"""What only a moment holds up is looked at a second time by whoever does not go on watching."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import replace

from chaoskit.acts.halt import HOME
from chaoskit.events import Listener, Step, ignore
from chaoskit.flows.rescuing import rescue
from chaoskit.flows.world import World
from chaoskit.outcome import Outcome
from chaoskit.recovery import Decision, Refusal, refusal_words
from chaoskit.recovery.guards import FIRST
from chaoskit.recovery.replay import nothing_left, same_issue


def held_up(decisions: Sequence[Decision]) -> tuple[Refusal, ...]:
    """Those that may pass in a moment: their evidence is too young, or a recovery is under way, or dead."""
    refusals = (each for each in decisions if isinstance(each, Refusal))
    return tuple(each for each in refusals if each.is_early or each.cause is not None)


def outlast(
    waiting: Sequence[Refusal],
    world: World,
    *,
    listen: Listener = ignore,
    stop: threading.Event | None = None,
) -> None:
    """Recoveries that held others up and are dead are undone, and what was too young is old enough."""
    for each in waiting:
        listen(Step(world.clock.now(), "waiting", "note", f"{each.issue.id}: {refusal_words(each)}"))
    places = {each.cause.namespace or HOME for each in waiting if each.cause is not None}
    for place in sorted(places):
        rescue(world, namespace=place, listen=listen, stop=stop)
    until = max((each.until for each in waiting if each.is_early and each.until), default=None)
    if until is not None:
        left = min(until - world.clock.now(), FIRST).total_seconds()
        world.clock.sleep(max(left, 0.0), stop)


def followed(
    waiting: Sequence[Refusal], planned: Sequence[Decision], others: Collection[str] = ()
) -> tuple[Decision, ...]:
    """What was decided by now about those that were held up, and about `others`, by their issues' names.

    What is still too young is refused: nobody waits for it once more.
    """
    issues = [each.issue for each in planned]
    now = [same_issue(each.issue, issues) for each in waiting]
    names = {each.name for each in now if each is not None} | set(others)
    gone = (nothing_left(was.issue) for was, each in zip(waiting, now, strict=True) if each is None)
    return (*(_final(each) for each in planned if each.issue.name in names), *gone)


def _final(decision: Decision) -> Decision:
    if isinstance(decision, Refusal) and decision.is_early:
        return replace(decision, outcome=Outcome.REFUSED)
    return decision
