"""A recovery of the past again: against the live cluster, or on paper with other runbooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chaoskit import kube
from chaoskit.errors import InvalidInput
from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document
from chaoskit.recovery import admission, plain, planner
from chaoskit.recovery.guards import Refusal
from chaoskit.recovery.issues import Issue
from chaoskit.recovery.planner import Decision, Plan
from chaoskit.recovery.readings import SIGNAL_OF
from chaoskit.recovery.runbook import Runbook

WHAT = frozenset({"runbook", "confidence", "root cause"})
"""Guards that say what may be done about an issue; all others say when, and are asked anew each time."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What was decided then, and what other runbooks would decide on the same evidence.

    `unclear` is why the two cannot be compared, in words; "" where they can.
    """

    record: str
    issue: str
    target: str
    then: tuple[str, ...]
    now: tuple[str, ...] = ()
    unclear: str = ""

    @property
    def changed(self) -> bool:
        """Whether the two are known to differ."""
        return not self.unclear and self.then != self.now


def what_if(record: Document, runbooks: Sequence[Runbook]) -> Difference:
    """The decision that these runbooks come to on a recorded recovery's evidence, beside the old one. Pure.

    Guards of time (cool-downs, attempts) are left out: they say when, not what.

    Raises:
        InvalidInput: it is no record of a recovery.
    """
    if record.get("kind") == "recovery" and not (record.get("plan") or {}).get("issue"):
        why = "its evidence was not kept: its process died"
        return Difference(record["id"], record["issue"], record["target"], (), unclear=why)
    issue = recorded_issue(record)
    then = Difference(record["id"], issue.id, str(issue.target), _then(record["plan"]))
    if unclear := _unclear(record, issue):
        return replace(then, unclear=unclear)
    seen = plain.topology_of(record.get("snapshot") or {})
    decided = planner.plan(issue, runbooks, seen, now=issue.at)
    return replace(
        then, now=_now(admission.provable(decided, hears_ends=_heard_ends(record["plan"]) is True))
    )


def _unclear(record: Document, issue: Issue) -> str:
    """Why nobody can say what other runbooks would have decided, in words; "" when one can."""
    guard = (record["plan"].get("refused") or {}).get("guard", "")
    if guard and guard not in WHAT:
        return f"{guard} forbade it, which says when and not what"
    if issue.alerts_alone and not guard and _heard_ends(record["plan"]) is None:
        return "whether the end of its alerts would have been heard is not kept"
    if issue.target.kind in kube.WORKLOADS and not guard and not record.get("snapshot"):
        return "the cluster as it was is not kept"
    return ""


def _heard_ends(kept: Mapping[str, Any]) -> bool | None:
    """Whether the end of alerts was going to be heard, as what was left out tells; None: nothing tells."""
    if any(rung["action"] != "notify" for rung in kept.get("rungs") or ()):
        return True
    return False if any(admission.UNHEARD in words for words in kept.get("leftOut") or ()) else None


def recorded_issue(record: Document) -> Issue:
    """The issue that a recovery was about.

    Raises:
        InvalidInput: it is no record of a recovery.
    """
    found = (record.get("plan") or {}).get("issue")
    if record.get("kind") != "recovery" or not found:
        raise InvalidInput(f"{record.get('id', 'it')} is no recovery that can be replayed")
    return plain.issue_of(found)


def same_issue(issue: Issue, issues: Sequence[Issue]) -> Issue | None:
    """The live issue of the same target, of the same class if there is one; None when it is well now."""
    wanted = issue.target.namespace, str(issue.target)
    mine = [each for each in issues if (each.target.namespace, str(each.target)) == wanted]
    return next((each for each in mine if each.kind == issue.kind), mine[0] if mine else None)


def nothing_left(issue: Issue, blind: str = "") -> Refusal:
    """Nothing is done again about an issue that is not there any more.

    What signals show may be there where `blind` says why there are none: that is no good end.
    """
    if blind and not issue.kinds.isdisjoint(SIGNAL_OF):
        why = f"nobody sees whether {issue.target} is well: {blind}"
        return Refusal(issue, "evidence", "signals", why, outcome=Outcome.NO_BASELINE)
    why = f"{issue.target} shows nothing of {issue.kind.replace('-', ' ')} now"
    return Refusal(issue, "evidence", "a live symptom", why, outcome=Outcome.NOTHING_TO_DO)


def _then(kept: Mapping[str, Any]) -> tuple[str, ...]:
    if "refused" in kept:
        return (f"refused: {kept['refused']['guard']}",)
    return tuple(f"{rung['action']} {', '.join(rung['targets'])}" for rung in kept["rungs"])


def _now(decision: Decision) -> tuple[str, ...]:
    if isinstance(decision, Plan):
        return tuple(f"{r.action} {', '.join(map(str, r.targets))}" for r in decision.rungs)
    return (f"refused: {decision.guard}",)
