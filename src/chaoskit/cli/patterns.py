"""Show what recurs, and which strategy works."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from chaoskit.cli.render import columns, emit, next_step, percent, span
from chaoskit.cli.session import Session, command, new_app
from chaoskit.runtime import open_store

if TYPE_CHECKING:
    from rich.console import Console

    from chaoskit.recovery.patterns import Recurrence, Strategy

app = new_app(__doc__)


@command(app, epilog="Examples: chaoskit patterns; chaoskit patterns -o json")
def patterns(session: Session) -> None:
    """Show how each recovery strategy did so far, and which issues come back."""
    from chaoskit.recovery.attempts import attempts
    from chaoskit.recovery.patterns import recurrences, strategies

    store = open_store(session.loaded.settings)
    try:
        known = attempts(store.find("recovery"))
    finally:
        store.close()
    did, back = strategies(known), recurrences(known)
    document = {
        "strategies": [{**dataclasses.asdict(each), "rate": each.rate} for each in did],
        "recurrences": [
            {**dataclasses.asdict(r), "first": r.first.isoformat(), "last": r.last.isoformat()} for r in back
        ],
    }
    emit(session, "patterns", document, lambda out: _table(out, did, back))


def _table(out: Console, did: tuple[Strategy, ...], back: tuple[Recurrence, ...]) -> None:
    if not did and not back:
        out.print("no recoveries yet")
        next_step(out, "chaoskit recover --dry-run")
        return
    rows = [
        (
            s.issue,
            s.action,
            f"{s.worked} of {s.tried}",
            percent(s.rate),
            _seconds(s.median_seconds),
            _seconds(s.p90_seconds),
        )
        for s in did
    ]
    columns(out, ("issue", "strategy", "worked", "rate", "median", "p90"), rows)
    if back:
        out.print()
        again = [(r.issue, r.target, str(r.times), span(r.every), str(r.by_itself)) for r in back]
        columns(out, ("issue", "comes back to", "times", "every", "healed by itself"), again)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"
