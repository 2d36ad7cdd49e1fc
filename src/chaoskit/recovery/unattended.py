"""What hurts and is not acted on, since a guard forbids it: a person is told, once while it lasts."""

from __future__ import annotations

from datetime import timedelta

from chaoskit import clusters
from chaoskit.outcome import Outcome
from chaoskit.recovery import admission, escalation
from chaoskit.recovery.guards import Refusal
from chaoskit.recovery.reach import Reach
from chaoskit.recovery.runbook import OnFailure
from chaoskit.recovery.symptoms import Severity
from chaoskit.recovery.told import Matter

PATIENCE = timedelta(minutes=1)
"""What is younger may be over before anybody has looked."""

KNOWN = frozenset({"storm", "told", "approval", "maintenance", "interlock", "busy", "evidence", "root cause"})
"""Guards of which people know, or that let pass in a moment: somebody else works on it, or broke it."""


def is_for_a_person(refusal: Refusal, lasted: timedelta) -> bool:
    """Whether what is refused hurts, has done so for a while, and nobody else knows of it. Pure."""
    refused = refusal.outcome is Outcome.REFUSED and refusal.guard not in KNOWN
    return refused and refusal.issue.severity >= Severity.HIGH and lasted >= PATIENCE


def tell(refusal: Refusal, lasted: timedelta, wanted: OnFailure, reach: Reach, run: str = "") -> str:
    """A person knows of it, with guard and until when; says so in words, "" where nothing was to be told.

    `lasted` is for how long it has been so, as far as is known.

    Raises:
        Unavailable: nobody took the notice: they do not know.
    """
    people, issue = reach.people, refusal.issue
    matter = Matter.of(issue, clusters.known(reach.cluster))
    if not wanted.escalate or not is_for_a_person(refusal, lasted):
        return ""
    if people.known(matter, wanted.tell_again, idle=True) is not None:
        return ""
    why = f"not acted on: {admission.refusal_words(refusal)}"
    text = "\n".join((escalation.text_of(issue, ()), why))
    return people.tell(matter, text, wanted.severity, run, again=wanted.tell_again, idle=True)
