"""Write a run's or recovery's report as HTML."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.show import find_record
from chaoskit.errors import InvalidInput
from chaoskit.runtime import open_store

app = new_app(__doc__)


@command(
    app, epilog="Examples: chaoskit report 01jd4r --html report.html; chaoskit report 01jd4r > report.html"
)
def report(
    session: Session,
    record: Annotated[
        str, typer.Argument(help="Id of a run, recovery or prediction; its beginning will do.")
    ],
    html: Annotated[Path | None, typer.Option(help="File to write; stdout when left out.")] = None,
) -> None:
    """Write the report of a record and its whole lineage as one self-contained HTML page."""
    from chaoskit.reports.html import page

    store = open_store(session.loaded.settings)
    try:
        lineage = store.find(where={"trace_id": find_record(store, record)["trace_id"]})
    finally:
        store.close()
    text = page(lineage)
    if html is None:
        sys.stdout.write(text)
    else:
        write(html, text)
        session.say(f"report   {html}")


def write(path: Path, text: str) -> None:
    """The file holds the text, its folder made when missing.

    Raises:
        InvalidInput: it cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error
