"""Write reports of runs and recoveries, or a bundle of their evidence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli.render import emit
from chaoskit.cli.reporting import Reports, reporting
from chaoskit.cli.session import Format, Session, command, new_app
from chaoskit.cli.show import find_record
from chaoskit.cli.writing import STDOUT, read_bundle, write_bundle
from chaoskit.errors import InvalidInput
from chaoskit.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from chaoskit.ports.store import Document

app = new_app(__doc__)


@command(
    app,
    places=("store",),
    examples=(
        "chaoskit report 01jd4r --html report.html --junit report.xml",
        "chaoskit report 01jd4r > report.html",
        "chaoskit report 01jd4r --bundle evidence.tar.gz",
        "chaoskit report --verify evidence.tar.gz",
    ),
    epilog="HTML and Markdown tell the whole lineage, the others the records alone; - is stdout.",
)
@reporting(always=False)
def report(
    session: Session,
    records: Annotated[
        list[str] | None, typer.Argument(help="Ids of runs, recoveries or predictions; a beginning will do.")
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Keep record, plan, timeline, logs, signals there: .tar.gz, or a folder."
        ),
    ] = None,
    verify: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Check a bundle: 1 when it is not what was kept.")
    ] = None,
    digest: Annotated[
        str,
        typer.Option(metavar="SHA256", help="With --verify: what --bundle said when the bundle was made."),
    ] = "",
    *,
    reports: Reports,
) -> None:
    """Write the reports of kept records in every format asked for; as HTML on stdout when none is."""
    if verify is not None:
        if records or bundle is not None or reports.files or reports.github:
            raise typer.BadParameter("--verify looks at a bundle alone: leave the rest out")
        _verify(session, verify, digest)
        return
    if not records:
        raise InvalidInput("no record is named", hint="chaoskit history lists what is kept")
    named, lineage = _found(session, records)
    reports.records = named
    told: dict[str, object] = {"records": [each["id"] for each in named]}
    if bundle is not None:
        told |= {"bundle": str(bundle), "digest": write_bundle(bundle, tuple(lineage))}
        session.say(f"bundle   {bundle}  {told['digest']}")
    elif not (reports.files or reports.github) and session.output is Format.TABLE:
        reports.files = {"html": STDOUT}
    reports.write(lineage)
    if STDOUT not in reports.files.values():
        told["files"] = {name: str(path) for name, path in reports.files.items()}
        emit(session, "reports", told, lambda _: None)


def _found(session: Session, wanted: Sequence[str]) -> tuple[list[Document], list[Document]]:
    """The records named, and everything of their lineages; each once."""
    with session.history() as store:
        named = {each["id"]: each for each in (find_record(store, one) for one in wanted)}
        traces = dict.fromkeys(each["trace_id"] for each in named.values())
        lineage = [each for trace in traces for each in store.find(where={"trace_id": trace})]
    return list(named.values()), lineage


def _verify(session: Session, path: Path, expected: str) -> None:
    """Ends with 1 when the bundle is not as its manifest says, or is another than the one expected."""
    from chaoskit.reports import bundle

    files = read_bundle(path)
    wrong, found = list(bundle.mismatches(files)), bundle.digest(files)
    if expected and found.removeprefix("sha256:") != expected.removeprefix("sha256:"):
        wrong.append(f"{bundle.MANIFEST} is another one: its digest is {found}")
    outcome = Outcome.DOES_NOT_MATCH if wrong else Outcome.DONE
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "digest": found,
        "records": bundle.records_in(files),
        "mismatches": wrong,
    }

    def table(out: Console) -> None:
        out.print(
            f"{outcome.words}  {path}  {found}" if wrong else f"all {len(files)} files are as kept  {found}"
        )
        for each in wrong:
            out.print(f"  {each}")

    emit(session, "bundle", document, table)
    raise typer.Exit(outcome.exit_code)
