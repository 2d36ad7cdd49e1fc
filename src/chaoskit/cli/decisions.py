"""How plans and refusals are chosen by name and shown: what is wrong, what would be done or forbids it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chaoskit.cli.render import ago, next_step
from chaoskit.cli.secrecy import hidden
from chaoskit.errors import InvalidInput
from chaoskit.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from rich.console import Console

    from chaoskit.recovery import Decision, Issue, Plan, Refusal


class Shown(NamedTuple):
    """A plan or refusal, and what the server says against each step, "" for nothing; () where not asked."""

    decision: Decision
    said: tuple[str, ...] = ()


def chosen(decisions: Sequence[Decision], workloads: Sequence[str], issue: str) -> list[Decision]:
    """Those asked for; an issue is named as ``cart-pod-crash``, or ``shop/cart-pod-crash``.

    Raises:
        InvalidInput: there is no issue of that name, or there are several.
    """
    named = [each for each in decisions if issue in {"", each.issue.id, each.issue.name}]
    if not named and issue:
        raise InvalidInput(f"there is no issue {issue}", hint=_names(decisions))
    wanted = set(workloads)
    found = [e for e in named if not wanted or {str(e.issue.target), e.issue.target.name} & wanted]
    if issue and len(found) > 1:
        raise InvalidInput(f"{len(found)} issues are called {issue}", hint=_names(found))
    return found


def _names(decisions: Sequence[Decision]) -> str:
    return f"issues: {', '.join(each.issue.name for each in decisions) or 'none'}"


def table(out: Console, shown: Sequence[Shown], now: datetime, *, everywhere: bool = False) -> None:
    """Each issue with its evidence, its steps or why there are none; with its name when `everywhere`."""
    from chaoskit.recovery import Plan

    plans = [each.decision for each in shown if isinstance(each.decision, Plan)]
    counts = (len(shown), "issue"), (len(plans), "plan"), (len(shown) - len(plans), "refusal")
    out.print(", ".join(_count(number, what) for number, what in counts))
    for each in shown:
        issue = each.decision.issue
        name = f"  {issue.name}" if everywhere else ""
        title = f"\n{issue.kind.replace('-', ' '):<18} {issue.target}{name}  since {ago(issue.since, now)}"
        out.print(title, style="bold")
        out.print(hidden(f"  seen     {'; '.join(issue.evidence)}"))
        if issue.model:
            out.print(f"  model    {issue.model}")
        _steps_of(out, each)
    if plans:
        next_step(out, _recover(plans[0].issue))


def _steps_of(out: Console, shown: Shown) -> None:
    from chaoskit.recovery import Plan, refusal_words

    decision = shown.decision
    if not isinstance(decision, Plan):
        out.print(hidden(f"  refused  {refusal_words(decision)}"), style="yellow")
        return
    for number, (rung, complaint) in enumerate(zip(decision.rungs, _said(decision, shown), strict=True), 1):
        targets = ", ".join(map(str, rung.targets))
        out.print(f"  step {number}   {rung.action.replace('-', ' ')} {targets}: {rung.why}")
        if complaint:
            out.print(hidden(f"           would not be done now: {complaint}"), style="yellow")


def _recover(issue: Issue) -> str:
    """The command that recovers from this one: what is wrong with a node is nobody's namespace."""
    place = f"-n {issue.target.namespace}" if issue.target.namespace else "-A"
    return f"chaoskit recover {place} --issue {issue.id}"


def _said(plan: Plan, shown: Shown) -> Iterable[str]:
    return shown.said or ("",) * len(plan.rungs)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def plain(shown: Sequence[Shown], blind: str, outcome: Outcome) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "blind": blind,
        "issues": [_plain(each) for each in shown],
    }


def _plain(shown: Shown) -> dict[str, Any]:
    from chaoskit.recovery import Plan

    decision, issue = shown.decision, shown.decision.issue
    return {
        "id": issue.id,
        "kind": issue.kind,
        "target": str(issue.target),
        "namespace": issue.target.namespace,
        "since": issue.since.isoformat(),
        "confidence": issue.confidence,
        "evidence": list(issue.evidence),
        "root": issue.root,
        "steps": _plain_steps(decision, _said(decision, shown)) if isinstance(decision, Plan) else [],
        "refused": None if isinstance(decision, Plan) else _plain_refusal(decision),
    }


def _plain_refusal(refusal: Refusal) -> dict[str, Any]:
    return {
        "guard": refusal.guard,
        "limit": refusal.limit,
        "until": None if refusal.until is None else refusal.until.isoformat(),
        "why": refusal.why,
    }


def _plain_steps(plan: Plan, said: Iterable[str]) -> list[dict[str, Any]]:
    from chaoskit.recovery import remedies

    return [
        {
            "action": rung.action,
            "targets": [str(each) for each in rung.targets],
            "why": rung.why,
            "rights": [str(each) for each in remedies.needs(rung)],
            "server": complaint,
        }
        for rung, complaint in zip(plan.rungs, said, strict=True)
    ]
