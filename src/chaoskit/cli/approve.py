"""Say yes or no to recoveries that wait for a person."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli.render import columns, emit, next_step, span
from chaoskit.cli.secrecy import hidden
from chaoskit.cli.session import Session, command, new_app
from chaoskit.errors import UnknownName

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.console import Console

    from chaoskit.acts.approvals import Request

app = new_app(__doc__)


@command(
    app,
    examples=(
        "chaoskit approve",
        "chaoskit approve 1m8csdww",
        "chaoskit approve 1m8csdww --deny",
    ),
)
def approve(
    session: Session,
    recovery: Annotated[
        str, typer.Argument(help="The recovery's id, or its beginning; all that wait are listed without one.")
    ] = "",
    deny: Annotated[bool, typer.Option("--deny", help="Say no.")] = False,
    reason: Annotated[str, typer.Option(help="Why; who asked reads it.")] = "",
) -> None:
    """Say yes to a recovery that waits for a person (recover --require-approval), or list those that do."""
    from chaoskit.acts import approvals

    with session.connected() as runtime:
        waiting = approvals.pending(runtime.cluster, runtime.clock, session.asked_namespace)
        if not recovery:
            now = runtime.clock.now()
            emit(
                session,
                "approvals",
                {"approvals": [_plain(w) for w in waiting]},
                lambda o: _list(o, waiting, now),
            )
            return
        asked = _chosen(waiting, recovery)
        answer: approvals.Answer = "denied" if deny else "approved"
        reason = hidden(reason)
        approvals.decide(runtime.cluster, runtime.clock, asked, answer, by=getpass.getuser(), reason=reason)
    document = {"id": asked.id, "issue": asked.issue, "answer": answer, "reason": reason}
    emit(session, "approval", document, lambda _out: session.say(f"{answer:<8} {asked.issue} ({asked.id})"))


def _chosen(waiting: Sequence[Request], wanted: str) -> Request:
    """The one whose id begins so.

    Raises:
        UnknownName: none does, or several do.
    """
    found = [each for each in waiting if each.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    hint = f"waiting: {', '.join(each.id for each in waiting) or 'none'}"
    raise UnknownName(
        f"{len(found) or 'no'} recoveries that begin with {wanted} wait for an answer", hint=hint
    )


def _plain(asked: Request) -> dict[str, str]:
    return {
        "id": asked.id,
        "namespace": asked.ref.namespace,
        "issue": asked.issue,
        "plan": asked.plan,
        "digest": asked.digest,
        "expires": asked.expires.isoformat(),
    }


def _steps(asked: Request) -> str:
    """What would be done, in one line."""
    return "; ".join(asked.plan.splitlines()[1:])


def _list(out: Console, waiting: Sequence[Request], now: datetime) -> None:
    if not waiting:
        out.print("nothing waits for an answer")
        return
    rows = [
        (each.id, each.ref.namespace, each.issue, span(each.expires - now), _steps(each)) for each in waiting
    ]
    columns(out, ("recovery", "namespace", "issue", "ends in", "would do"), rows, wrap=4)
    next_step(out, f"chaoskit approve {waiting[0].id}")
