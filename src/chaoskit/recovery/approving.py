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


@contextmanager
def asking(cluster: Cluster, clock: Clock, run: str, plan: Plan) -> Iterator[Request]:
    """Inside, the question stands in the cluster; afterwards it is gone."""
    namespace = plan.issue.target.namespace or halt.HOME
    with suppress(ChaoskitError):  # questions of the dead are in nobody's way
        approvals.sweep(cluster, clock, namespace)
    asked = approvals.request(
        cluster,
        clock,
        id=run,
        namespace=namespace,
        issue=plan.issue.id,
        plan=text_of(plan),
        digest=plan.digest,
        within=timedelta(seconds=plan.runbook.spec.guards.approval_within),
    )
    try:
        yield asked
    finally:
        with suppress(ChaoskitError):
            approvals.withdraw(cluster, asked)


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
            words = f"denied by {now.by or 'somebody'}" + (f": {now.reason}" if now.reason else "")
            raise Refused(words, guard="approval", limit="a person's yes")
        if clock.now() >= asked.expires:
            raise Refused("nobody answered in time", guard="approval", limit="a person's yes")
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
