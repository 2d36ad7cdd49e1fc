"""Asks the governor for a plan, and puts its no into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chaoskit.acts.rescue import Rescued
from chaoskit.errors import ChaoskitError, Refused
from chaoskit.governor import Governor
from chaoskit.outcome import Outcome, of_error
from chaoskit.recovery.guards import Refusal
from chaoskit.recovery.issues import Issue
from chaoskit.recovery.planner import Decision, Plan


def admit(plan: Plan, governor: Governor, *, drill: bool = False) -> None:
    """The plan may be carried out now.

    Raises:
        Refused: a guard whose state is in the cluster says no.
    """
    limits, issue = plan.runbook.spec.guards, plan.issue
    governor.admit(
        "recovery",
        plan.targets,
        issue.target.namespace,
        at_once=plan.radius.at_once,
        hits=plan.radius.hits,
        max_pods=limits.max_pods,
        max_percent=limits.max_percent,
        near=plan.near,
        domains=plan.domains,
        drill=drill,
    )


def admitted(decision: Decision, governor: Governor, *, drill: bool = False) -> Decision:
    """The plan, or the refusal that it would meet: for whoever only wants to know."""
    if not isinstance(decision, Plan) or not decision.acts:
        return decision
    try:
        admit(decision, governor, drill=drill)
    except Refused as error:
        return refusal_of(decision.issue, error)
    return decision


UNHEARD = "only an alert shows it, and nobody would hear whether it is over"
"""Why what an alert shows is left to a person."""


def provable(decision: Decision, *, hears_ends: bool) -> Decision:
    """What only an alert shows, whose end nobody would hear, is told to a person: nothing else is done."""
    if not isinstance(decision, Plan) or not decision.acts:
        return decision
    if not decision.issue.alerts_alone or hears_ends:
        return decision
    refused = Refusal(decision.issue, "verification", "an end that can be seen", UNHEARD)
    return decision.telling(UNHEARD) or refused


class Withheld(Refused):
    """A refusal as the error that ends whatever is under way."""

    def __init__(self, refusal: Refusal) -> None:
        until = "" if refusal.until is None else refusal.until.isoformat()
        super().__init__(refusal.why, guard=refusal.guard, limit=refusal.limit, until=until)
        self.refusal = refusal


def refusal_of(issue: Issue, error: Refused) -> Refusal:
    """What was refused; the governor's no as one about this issue."""
    if isinstance(error, Withheld):
        return error.refusal
    until = datetime.fromisoformat(error.until) if error.until else None
    return Refusal(issue, error.guard, error.limit, error.message, until)


def unrescued(refusal: Refusal, owed: Sequence[Rescued]) -> Refusal:
    """The refusal as one that dead acts are the reason for, which could not be undone: no good end. Pure."""
    is_dead = any(refusal.cause in each.account.targets for each in owed)
    why = "; ".join((*(() if is_dead else (refusal.why,)), *(each.words for each in owed)))
    return replace(refusal, why=why, outcome=Outcome.UNDO_UNCONFIRMED)


def outcome_of(error: ChaoskitError) -> Outcome:
    """How a recovery ends that the error stopped before anything was done."""
    return error.refusal.outcome if isinstance(error, Withheld) else of_error(error)


def refusal_words(refusal: Refusal) -> str:
    """``cool-down until 12:31 UTC: the last recovery of it ended 40 s ago (limit: 2m)``."""
    until = "" if refusal.until is None else f" until {refusal.until:%H:%M} UTC"
    limit = f" (limit: {refusal.limit})" if refusal.limit else ""
    return f"{refusal.guard}{until}: {refusal.why}{limit}"
