"""Tells people: what could not be mended, what was mended after that, and the target's events."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from chaoskit import kube
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster
from chaoskit.ports.notifier import Notice, Severity
from chaoskit.recovery.attempts import Attempt
from chaoskit.recovery.issues import Issue
from chaoskit.recovery.symptoms import Severity as Grave

Steps = Sequence[dict[str, Any]]


def key_of(issue: Issue, cluster: str) -> str:
    """What is the same each time that this issue comes up: receivers put such notices together."""
    return "/".join(("chaoskit", cluster, issue.target.namespace, str(issue.target), issue.kind))


def severity_of(issue: Issue) -> Severity:
    """How gravely a person is told of it: critical is what hurts now."""
    return "critical" if issue.severity >= Grave.HIGH else "warning"


def question(issue: Issue, cluster: str, run: str, steps: Steps, severity: Severity) -> Notice:
    """A person has to look: what is wrong, and what was tried."""
    tried = (f"tried {s['action']}: {s['detail']}" for s in steps if s["action"] != "notify")
    return Notice(
        title=f"{issue.kind} of {issue.target} in {issue.target.namespace or cluster}",
        text="\n".join((*issue.evidence, *tried)),
        severity=severity,
        labels=_labels(issue, run),
        key=key_of(issue, cluster),
    )


def all_clear(issue: Issue, cluster: str, run: str, outcome: Outcome) -> Notice:
    """What people were told of is over."""
    return Notice(
        title=f"{issue.kind} of {issue.target} in {issue.target.namespace or cluster}: {outcome.words}",
        text="",
        severity="info",
        labels=_labels(issue, run),
        key=key_of(issue, cluster),
        resolved=True,
    )


def _labels(issue: Issue, run: str) -> dict[str, str]:
    return {
        "issue": issue.id,
        "class": issue.kind,
        "namespace": issue.target.namespace,
        "target": str(issue.target),
        "recovery": run,
    }


def was_told(issue: Issue, past: Sequence[Attempt]) -> bool:
    """Whether the last recovery of this issue ended without success, so that people may have been told."""
    mine = [each for each in past if each.on(issue.target, issue.kind)]
    return bool(mine) and mine[-1].outcome.exit_code != 0


def record_event(
    cluster: Cluster, clock: Clock, issue: Issue, run: str, outcome: Outcome, reason: str
) -> None:
    """The target's events tell how the recovery ended, for whoever describes it; where that is allowed."""
    now, target = kube.timestamp(clock.now()), issue.target
    good = outcome.exit_code == 0
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{target.name}.{run}",
            "namespace": target.namespace or "default",
            "labels": {kube.MANAGED_BY: "chaoskit", kube.RUN_LABEL: run},
        },
        "involvedObject": {
            "apiVersion": f"{target.kind.group}/v1".lstrip("/"),
            "kind": target.kind.name,
            "name": target.name,
            "namespace": target.namespace,
            "uid": target.uid,
        },
        "reason": "".join(word.capitalize() for word in outcome.words.split()),
        "message": f"{issue.kind}: {reason}"[:1000],
        "type": "Normal" if good else "Warning",
        "source": {"component": "chaoskit"},
        "firstTimestamp": now[:19] + "Z",
        "lastTimestamp": now[:19] + "Z",
        "count": 1,
    }
    with suppress(ChaoskitError):
        cluster.create(body)
