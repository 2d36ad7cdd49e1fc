"""Collect history from Prometheus into files, to train on."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaoskit import documents
from chaoskit.cli.measured import moment
from chaoskit.cli.render import emit, next_step
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.stopping import stopping
from chaoskit.errors import CannotStart, InvalidInput

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console

    from chaoskit.flows.collecting import Collected
    from chaoskit.ports.metrics import Signal

app = new_app(__doc__)


class Form(StrEnum):
    """How the files are written."""

    CSV = "csv"
    PARQUET = "parquet"


@command(
    app,
    examples=(
        "chaoskit collect -n shop --hours 168 --out metrics",
        "chaoskit collect -n shop --from 2026-03-01 --to 2026-03-08 --format parquet --out metrics",
    ),
)
def collect(
    session: Session,
    out: Annotated[Path, typer.Option(help="Folder of the files; one that was begun is gone on with.")],
    hours: Annotated[
        float,
        typer.Option(
            min=0.1, help="How many hours back, when no --from is given; whole chunks (--chunk) are fetched."
        ),
    ] = 24.0,
    from_: Annotated[str, typer.Option("--from", help="The first moment (ISO 8601).")] = "",
    to: Annotated[str, typer.Option(help="The last moment (ISO 8601); now.")] = "",
    signal: Annotated[
        list[str] | None, typer.Option(help="Only this signal; may be given several times.")
    ] = None,
    step: Annotated[str, typer.Option(help="Time between two samples.", metavar="TIME")] = "60s",
    chunk: Annotated[str, typer.Option(help="Time in one file.", metavar="TIME")] = "2h",
    format_: Annotated[Form, typer.Option("--format", help="How the files are written.")] = Form.CSV,
    jobs: Annotated[int, typer.Option(min=1, max=32, help="Files that are fetched at once.")] = 4,
    per_second: Annotated[
        float, typer.Option(min=0, help="Most questions to Prometheus in a second; 0: no cap.")
    ] = 20.0,
) -> None:
    """Collect the signals of a namespace, file by file, with a mapping file that train reads them by.

    What lies there already is not fetched again: after an end of any kind the same command goes on, and later
    it goes on to the present.
    """
    from chaoskit.flows.collecting import collect as fetch
    from chaoskit.prediction.reading.chunks import Asked

    slowed = session.loaded.settings.model_copy(update={"prometheus_per_second": per_second})
    session = dataclasses.replace(session, loaded=session.loaded.model_copy(update={"settings": slowed}))
    with session.connected() as runtime, session.listening() as listen, stopping() as stop:
        if runtime.metrics is None:
            raise CannotStart(
                "there is no Prometheus to collect from", hint="give its address: --prometheus URL"
            )
        asked = Asked(runtime.namespace, _signals(signal), _whole(step), _whole(chunk), format_.value)
        start, end = _range(runtime.clock.now(), hours, from_, to)
        found = fetch(runtime.metrics, asked, start, end, out, jobs=jobs, stop=stop, listen=listen)
    emit(session, "collection", _document(found), lambda console: _table(console, found))


def _signals(names: list[str] | None) -> tuple[Signal, ...]:
    from chaoskit import signals

    if not names:
        return tuple(each for each in signals.known() if each.scope != "node")
    for name in names:
        if name not in signals.KNOWN or signals.KNOWN[name].scope == "node":
            hint = documents.closest(name, signals.KNOWN) or "chaoskit monitor lint lists them"
            raise InvalidInput(f"there is no signal {name} of pods, workloads or calls", hint=hint)
    return tuple(signals.KNOWN[name] for name in dict.fromkeys(names))


def _whole(text: str) -> int:
    try:
        found = documents.seconds(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not {error}") from error
    if found < 1 or found != int(found) or found > 86400:
        raise typer.BadParameter(f"{text!r} is no time of whole seconds up to a day")
    return int(found)


def _range(now: datetime, hours: float, first: str, last: str) -> tuple[datetime, datetime]:
    end = min(now, moment(last, "--to")) if last else now
    start = moment(first, "--from") if first else end - timedelta(hours=hours)
    if start >= end:
        raise InvalidInput(
            f"nothing lies between {start:%Y-%m-%d %H:%M} and {end:%Y-%m-%d %H:%M} UTC",
            hint="--from and --to",
        )
    return start, end


def _document(found: Collected) -> dict[str, Any]:
    return {
        "folder": str(found.folder),
        "mapping": str(found.mapping),
        "from": found.chunks[0].start.isoformat(),
        "to": found.chunks[-1].end.isoformat(),
        "chunks": len(found.chunks),
        "new": found.new,
        "rows": found.rows,
        "signals": list(found.signals),
    }


def _table(out: Console, found: Collected) -> None:
    from chaoskit.reports.reading import counted

    first, last = found.chunks[0].start, found.chunks[-1].end
    out.print(
        f"{counted(found.rows, 'line')} of {counted(len(found.signals), 'signal')}, {first:%Y-%m-%d %H:%M} to"
        f" {last:%Y-%m-%d %H:%M} UTC  {found.folder}"
    )
    files = sum(bool(each.file) for each in found.chunks)
    fetched = f"{found.new} stretch{'' if found.new == 1 else 'es'} fetched now"
    out.print(f"{counted(files, 'file')}, {fetched}; read by {found.mapping}")
    data, mapping = quote(str(found.folder)), quote(str(found.mapping))
    # of files every namespace is learned: train takes no -n beside them
    next_step(out, f"chaoskit train --data {data} --mapping {mapping}", but=("namespace",))
