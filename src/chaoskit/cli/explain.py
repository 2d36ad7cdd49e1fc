"""Say in words what an outcome or exit code means."""

from __future__ import annotations

from typing import Annotated

import typer

from chaoskit.cli.render import columns, emit
from chaoskit.cli.session import Session, command, new_app
from chaoskit.errors import InvalidInput
from chaoskit.outcome import TABLE, Outcome

app = new_app(__doc__)


@command(app, epilog="Examples: chaoskit explain; chaoskit explain 5; chaoskit explain weakness-found")
def explain(
    session: Session,
    what: Annotated[str, typer.Argument(help="Exit code or outcome; all when left out.")] = "",
) -> None:
    """Say in words what an outcome or exit code means."""
    wanted = what.strip().lower().replace(" ", "-")
    chosen = [each for each in TABLE if not wanted or wanted in {each.value, str(each.exit_code)}]
    if not chosen:
        known = ", ".join(sorted({str(each.exit_code) for each in TABLE}, key=int))
        raise InvalidInput(f"{what!r} is no outcome and no exit code", hint=f"exit codes: {known}")
    rows = [(str(each.exit_code), each.words, each.row.meaning) for each in chosen]
    emit(
        session,
        "outcomes",
        {"outcomes": [_plain(each) for each in chosen]},
        lambda out: columns(out, ("code", "outcome", "meaning"), rows),
    )


def _plain(outcome: Outcome) -> dict[str, str | int]:
    return {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "http": outcome.row.http_status,
        "meaning": outcome.row.meaning,
    }
