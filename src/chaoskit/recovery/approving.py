"""Asks a person in the cluster whether a plan may be carried out, and waits for the answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from chaoskit.acts import approvals, halt
from chaoskit.acts.approvals import Request
from chaoskit.clock import Clock, interruption
from chaoskit.errors import ChaoskitError, NotFound, Refused, Unavailable
from chaoskit.ports.cluster import Cluster
from chaoskit.recovery.guards import Refusal
from chaoskit.recovery.planner import Plan

LOOK = 1.0
"""Seconds between two looks at the question."""


def text_of(plan: Plan) -> str:
    """What would be done, in lines that a person can decide on."""
    issue = plan.issue
    seen = [f"{issue.kind} of {issue.target}: {'; '.join(issue.evidence)}"]
    rungs = [
        f"{number}. {rung.action} {', '.join(map(str, rung.targets))}: {rung.why}"
        for number, rung in enumerate(plan.rungs, 1)
    ]
    return "\n".join((*seen, *rungs))


def ask(cluster: Cluster, clock: Clock, run: str, plan: Plan) -> Request:
    """The question stands in the cluster."""
    namespace = plan.issue.target.namespace or halt.HOME
    with suppress(ChaoskitError):  # questions of the dead are in nobody's way
        approvals.sweep(cluster, clock, namespace)
    return approvals.request(
        cluster,
        clock,
        id=run,
        namespace=namespace,
        issue=plan.issue.id,
        plan=text_of(plan),
        digest=plan.digest,
        within=timedelta(seconds=plan.runbook.spec.guards.approval_within),
    )


@contextmanager
def asking(cluster: Cluster, clock: Clock, run: str, plan: Plan) -> Iterator[Request]:
    """Inside, the question stands in the cluster; afterwards a no is left of it, or that nobody answered."""
    asked = ask(cluster, clock, run, plan)
    try:
        yield asked
    except _No:
        raise
    except BaseException:
        withdraw(cluster, asked)
        raise
    withdraw(cluster, asked)


def withdraw(cluster: Cluster, asked: Request) -> None:
    """The question is gone, if that can be."""
    with suppress(ChaoskitError):
        approvals.withdraw(cluster, asked)


class _No(Refused):
    """Somebody said no, or nobody said anything in time."""


def refusal(cluster: Cluster, clock: Clock, plan: Plan) -> Refusal | None:
    """Why the plan waits, if a question about it does, or had no yes; None: it has one, or is to be asked."""
    asked = about(cluster, clock, plan)
    if asked is None or (asked.state == "approved" and clock.now() < asked.expires):
        return None
    waits = asked.state == "pending" and clock.now() < asked.expires
    why = f"chaoskit approve {asked.id} says yes" if waits else _words(asked)
    until = asked.expires if waits else asked.expires + approvals.REST
    return Refusal(plan.issue, "approval", "a person's yes", why, until)


def about(cluster: Cluster, clock: Clock, plan: Plan) -> Request | None:
    """The newest question about this very plan, if there is one of late."""
    return approvals.about(cluster, clock, plan.issue.target.namespace or halt.HOME, plan.digest)


def _words(asked: Request) -> str:
    """``denied by ada: not during the sale``, or that nobody answered in time."""
    if asked.state != "denied":
        return "nobody answered in time"
    return f"denied by {asked.by or 'somebody'}" + (f": {asked.reason}" if asked.reason else "")


def wait(cluster: Cluster, clock: Clock, asked: Request, stop: threading.Event) -> Request:
    """The question as it was approved.

    Raises:
        Refused: it was denied, withdrawn, or nobody answered in time (guard ``approval``).
        Interrupted: `stop` was set.
    """
    while True:
        now = _look(cluster, asked)
        if now.state == "approved":
            return now
        if now.state == "denied":
            raise _No(_words(now), guard="approval", limit="a person's yes")
        if clock.now() >= asked.expires:
            raise _No(_words(now), guard="approval", limit="a person's yes")
        halt.refuse_when_halted(cluster, "recovery", asked.ref.namespace)
        if clock.sleep(LOOK, stop):
            raise interruption(stop)


def _look(cluster: Cluster, asked: Request) -> Request:
    try:
        return approvals.look(cluster, asked)
    except NotFound as error:
        raise Refused("the question was withdrawn", guard="approval", limit="a person's yes") from error
    except Unavailable:
        return asked
