"""On which side of the injection each look tells: before it, under the fault, or nobody knows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta

from chaoskit.steadystate.looks import MISSED, Observation

UNSEEN = timedelta(seconds=2)
"""For so long a fault may be felt before it is seen: Litmus' helpers tell of it after they have begun it."""

AT_ONCE = timedelta(seconds=1)
"""So soon after the injection what breaks nothing is of before it: later looks tell of the time under it."""


def divided(
    seen: Sequence[Observation], sighted: datetime | None, said: datetime | None
) -> list[Observation]:
    """Looks that may lie astride of the injection say nothing; it was `sighted` then, `said` to be of then.

    Before it are those that were back some time before both, by whatever clock it was said; under it those
    that were begun when it had been seen. One at once that held says nothing either, where there are later
    ones; nor one that nobody could tell, where it is looked at again before its interval is over. What was
    missed stays missed.
    """
    known = [each for each in (said, sighted) if each is not None]
    found = [_astride(each, min(known) - UNSEEN) for each in seen] if known else list(seen)
    if sighted is None:
        return found
    at_once = sighted + AT_ONCE
    later = {each.look.place for each in found if under_fault(each) and each.look.at >= at_once}
    return [_too_early(each, at_once) if each.look.place in later else each for each in found]


def under_fault(seen: Observation) -> bool:
    """Whether the look was begun as one under the fault."""
    return seen.stage == "during" and seen.injected


def broken(seen: Observation) -> bool:
    """Whether it was seen to break under the fault where it had to hold."""
    return under_fault(seen) and not seen.tolerated and seen.held is False


def _too_early(seen: Observation, at_once: datetime) -> Observation:
    early = under_fault(seen) and seen.look.at < at_once
    return dataclasses.replace(seen, astride=True) if early and _tells_nothing(seen) else seen


def _tells_nothing(seen: Observation) -> bool:
    """What held is of before; what nobody could tell counts once: where one more look was begun besides."""
    again = seen.condition.interval > AT_ONCE.total_seconds() and seen.judgement is not MISSED
    return seen.held is True or (seen.held is None and again)


def _astride(seen: Observation, before: datetime) -> Observation:
    early = seen.stage == "during" and not seen.injected and not seen.tolerated
    return dataclasses.replace(seen, astride=True) if early and seen.back >= before else seen
