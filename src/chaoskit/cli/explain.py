"""Say in words what an outcome or exit code means, or what happened in a run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli.pasting import pasted
from chaoskit.cli.render import columns, emit, outcome_line
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.show import find_record
from chaoskit.documents import closest
from chaoskit.errors import InvalidInput
from chaoskit.outcome import TABLE, Outcome

if TYPE_CHECKING:
    from rich.console import Console

app = new_app(__doc__)


_ID = re.compile(r"(?=.*[0-9])[0-9a-z]{4,16}")
"""What may be a record's id or its beginning: no outcome has a digit in it, no exit code four."""


@command(
    app,
    places=("store",),
    examples=(
        "chaoskit explain",
        "chaoskit explain 5",
        "chaoskit explain weakness-found",
        "chaoskit explain 01jd4r",
    ),
)
def explain(
    session: Session,
    what: Annotated[
        str,
        typer.Argument(help="Exit code, outcome, or id of a run or recovery; all outcomes when left out."),
    ] = "",
) -> None:
    """Say in words what an outcome or exit code means; of a run, what happened, why, and what to do next."""
    wanted = what.strip().lower().replace(" ", "-")
    chosen = [each for each in TABLE if not wanted or wanted in {each.value, str(each.exit_code)}]
    if not chosen and _ID.fullmatch(wanted):
        _record(session, wanted)
        return
    if not chosen:
        known = ", ".join(sorted({str(each.exit_code) for each in TABLE}, key=int))
        near = closest(wanted, [each.value for each in TABLE])
        hint = near or f"exit codes: {known}"
        raise InvalidInput(f"{what!r} is no outcome and no exit code", hint=hint)
    rows = [(str(each.exit_code), each.words, each.row.meaning) for each in chosen]
    emit(
        session,
        "outcomes",
        {"outcomes": [_plain(each) for each in chosen]},
        lambda out: columns(out, ("code", "outcome", "meaning"), rows),
    )


def _record(session: Session, wanted: str) -> None:
    from chaoskit.reports.explaining import explain as explained
    from chaoskit.reports.reading import JUDGED, called

    with session.history() as store:
        record = find_record(store, wanted)
    if record["kind"] not in JUDGED:
        raise InvalidInput(f"{record['id']} is a {record['kind']}", hint=f"chaoskit show {record['id']}")
    told, outcome = explained(record), Outcome(record["outcome"])

    def table(out: Console) -> None:
        outcome_line(out, outcome.words, outcome.exit_code, called(record))
        for title, lines in (("what happened", told.what), ("why", told.why), ("next", told.next)):
            out.print(f"\n{title}", style="bold")
            for line in lines:
                out.print(f"  {pasted(line) if title == 'next' else line}")

    document = {"id": record["id"], "outcome": outcome.value, "exit": outcome.exit_code, **told.document()}
    emit(session, "explanation", document, table)


def _plain(outcome: Outcome) -> dict[str, str | int]:
    return {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "http": outcome.row.http_status,
        "meaning": outcome.row.meaning,
    }
